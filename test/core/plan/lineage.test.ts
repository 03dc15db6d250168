import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ImageSeen } from '../../../src/core/plan/fleet.ts'
import { lineageOf, lineages } from '../../../src/core/plan/lineage.ts'
import { image } from './fixture.ts'

const copy = (ami: string, region: string, sourceAmi: string, sourceRegion = 'us-east-1') => image(ami, { region, sourceAmi, sourceRegion })
const built = (ami: string, tag: string, region = 'us-east-1') => image(ami, { region, tags: { Build: tag } })
const ids = (images: readonly ImageSeen[], tag: string | null = null) => Object.fromEntries(lineages(images, tag))

describe('image lineage', () => {
  // prettier-ignore
  it.each<[it: string, images: ImageSeen[], tag: string | null, found: Record<string, string>]>([
    ['an image alone is its own',              [image('ami-a')], null, { 'us-east-1/ami-a': 'ami-a' }],
    ['a copy belongs to its source',           [image('ami-a'), copy('ami-e', 'eu-west-1', 'ami-a')], null, { 'us-east-1/ami-a': 'ami-a', 'eu-west-1/ami-e': 'ami-a' }],
    ['a copy of a copy too',                   [copy('ami-t', 'ap-south-1', 'ami-e', 'eu-west-1'), copy('ami-e', 'eu-west-1', 'ami-a')], null,
      { 'us-east-1/ami-a': 'ami-a', 'eu-west-1/ami-e': 'ami-a', 'ap-south-1/ami-t': 'ami-a' }],
    ['two copies of a deregistered source',    [copy('ami-e', 'eu-west-1', 'ami-x'), copy('ami-t', 'ap-south-1', 'ami-x')], null,
      { 'us-east-1/ami-x': 'ami-x', 'eu-west-1/ami-e': 'ami-x', 'ap-south-1/ami-t': 'ami-x' }],
    ['a copy without a source region is local', [image('ami-c', { sourceAmi: 'ami-a' })], null, { 'us-east-1/ami-a': 'ami-a', 'us-east-1/ami-c': 'ami-a' }],
    ['the tag names builds of many regions',   [built('ami-a', 'web-42'), built('ami-e', 'web-42', 'eu-west-1')], 'Build', { 'us-east-1/ami-a': 'web-42', 'eu-west-1/ami-e': 'web-42' }],
    ['tags do not count unless config says so', [built('ami-a', 'web-42'), built('ami-e', 'web-42', 'eu-west-1')], null, { 'us-east-1/ami-a': 'ami-a', 'eu-west-1/ami-e': 'ami-e' }],
    ['an empty tag is none',                   [built('ami-a', ''), built('ami-b', '')], 'Build', { 'us-east-1/ami-a': 'ami-a', 'us-east-1/ami-b': 'ami-b' }],
    ['a tagged source carries its copies',     [built('ami-a', 'web-42'), copy('ami-e', 'eu-west-1', 'ami-a')], 'Build', { 'us-east-1/ami-a': 'web-42', 'eu-west-1/ami-e': 'web-42' }],
    ['a source may have any id',               [image('ami-z'), copy('ami-b', 'us-east-1', 'ami-z')], null, { 'us-east-1/ami-z': 'ami-z', 'us-east-1/ami-b': 'ami-z' }],
    ['of two sources the first by name',       [copy('ami-c', 'us-east-1', 'ami-y'), copy('ami-c', 'us-east-1', 'ami-x')], null,
      { 'us-east-1/ami-c': 'ami-x', 'us-east-1/ami-x': 'ami-x', 'us-east-1/ami-y': 'ami-x' }],
    ['copies of each other have one of them',  [copy('ami-a', 'us-east-1', 'ami-b'), copy('ami-b', 'us-east-1', 'ami-a')], null, { 'us-east-1/ami-a': 'ami-a', 'us-east-1/ami-b': 'ami-a' }],
    ['no key of the config is no tag',         [image('ami-a', { tags: { null: 'x' } })], null, { 'us-east-1/ami-a': 'ami-a' }],
    ['one account that sees the source is enough', [copy('ami-e', 'eu-west-1', 'ami-a'), image('ami-e', { region: 'eu-west-1' })], null, { 'us-east-1/ami-a': 'ami-a', 'eu-west-1/ami-e': 'ami-a' }],
  ])('%s', (_, images, tag, found) => {
    expect(ids(images, tag)).toEqual(found)
    expect(ids(images.toReversed(), tag)).toEqual(found)
  })

  it('keeps what it does not know apart', () => {
    expect(lineageOf(lineages([image('ami-a')], null), 'us-east-1', 'ami-gone')).toBe('ami-gone')
  })

  it('gives names that can stand in a parameter path and stay apart', () => {
    const found = ids(
      [built('ami-1', 'web server/1'), built('ami-2', 'web-server/1'), built('ami-3', 'ami-1'), built('ami-4', 'ünï')],
      'Build',
    )
    const names = Object.values(found)
    expect(new Set(names).size).toBe(4)
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_.-]+$/)
    expect(found['us-east-1/ami-3']).not.toBe('ami-1')
  })

  it('gives a name that was changed eight digits of its own, and no more than a path has room for', () => {
    // printf 'web server/1' | sha256sum
    expect(ids([built('ami-1', 'web server/1')], 'Build')).toEqual({ 'us-east-1/ami-1': 'web-server-1-159e6969' })
    const [long] = Object.values(ids([built('ami-1', 'x'.repeat(200))], 'Build'))
    expect(long).toMatch(/^x{80}-[0-9a-f]{8}$/)
    expect(ids([built('ami-1', 'x'.repeat(80))], 'Build')).toEqual({ 'us-east-1/ami-1': 'x'.repeat(80) })
  })

  it('is the same whatever order images come in', () => {
    const some = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }), fc.constantFrom('x', 'y', '')), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(some, (rows) => {
        const images = rows.map(([own, source, tag]) =>
          image(`ami-${String(own)}`, {
            sourceAmi: source < own ? `ami-${String(source)}` : null,
            sourceRegion: 'us-east-1',
            tags: { Build: tag },
          }),
        )
        expect(ids(images.toReversed(), 'Build')).toEqual(ids(images, 'Build'))
      }),
    )
  })
})
