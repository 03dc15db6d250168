import { describe, expect, it } from 'vitest'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import { lineages } from '../../../src/core/plan/lineage.ts'
import { hindrance, matches, rolloutNodes, testNodes, trialNodes } from '../../../src/core/plan/select.ts'
import type { Match } from '../../../src/core/runbook/runbook.ts'
import { ACCOUNTS, anything, image, node, nodes, PROD, rest, runbook, staging, STAGING, tagged, wave } from './fixture.ts'

const names = {
  accounts: ACCOUNTS,
  lineages: lineages([image('ami-a'), image('ami-e', { region: 'eu-west-1', sourceAmi: 'ami-a', sourceRegion: 'us-east-1' })], null),
}
const web = node('i-1', { tags: { Role: 'web-blue', Env: 'prod' } })

describe('a match', () => {
  // prettier-ignore
  it.each<[it: string, match: Partial<Match>, fits: boolean]>([
    ['takes everything when it says nothing', {}, true],
    ['a tag value',                           { tags: { Env: ['prod'] } }, true],
    ['one of several values',                 { tags: { Env: ['test', 'prod'] } }, true],
    ['every key must fit',                    { tags: { Env: ['prod'], Role: ['db'] } }, false],
    ['a tag that is not there',               { tags: { Team: ['*'] } }, false],
    ['a name of every object is no tag',      { tags: { constructor: ['*'] } }, false],
    ['* is any run',                          { tags: { Role: ['web-*'] } }, true],
    ['? is one character',                    { tags: { Role: ['web-blu?'] } }, true],
    ['? is not none',                         { tags: { Role: ['web-blue?'] } }, false],
    ['the whole value counts',                { tags: { Role: ['web'] } }, false],
    ['case counts',                           { tags: { Env: ['Prod'] } }, false],
    ['a dot is a dot',                        { tags: { Role: ['web.blue'] } }, false],
    ['platform',                              { platform: ['amazon-linux-2', 'amazon-linux-2023'] }, true],
    ['another platform',                      { platform: ['ubuntu'] }, false],
    ['account by name',                       { accounts: ['prod-us'] }, true],
    ['account by id',                         { accounts: [PROD] }, true],
    ['another account',                       { accounts: ['staging'] }, false],
    ['region',                                { regions: ['eu-west-1'] }, false],
    ['image',                                 { images: ['ami-a'] }, true],
    ['node',                                  { nodes: ['i-2'] }, false],
  ])('%s', (_, match, fits) => {
    expect(matches({ ...anything, ...match }, web, names)).toBe(fits)
  })

  it('knows a copied image by its lineage', () => {
    expect(matches({ ...anything, images: ['ami-a'] }, node('i-2', { region: 'eu-west-1', ami: 'ami-e' }), names)).toBe(true)
  })

  it('refuses an account that the config does not know', () => {
    expect(() => matches({ ...anything, accounts: ['prod-moon'] }, web, names)).toThrow(expect.objectContaining({ code: 'config.invalid' }))
  })
})

describe('the nodes of a rollout', () => {
  const idsOf = (found: readonly NodeSeen[]) => found.map(({ node: id }) => id)
  const hold = node('i-held', { tags: { 'patchwave:hold': 'true' } })
  const far = node('i-far', { region: 'ap-south-1' })
  const stranger = node('i-strange', { account: '333333333333' })
  const dead = node('i-dead', { state: 'terminated' })

  it('are those in scope, sorted, without the ones kept for the trial', () => {
    expect(
      idsOf(rolloutNodes(runbook(), [node('i-2'), ...staging(3), hold, far, stranger, dead, node('i-1'), node('i-1')], names)),
    ).toEqual(['i-1', 'i-2'])
  })

  it('has trial nodes only when a wave names them', () => {
    const one = runbook({ waves: [wave('staging', { kind: 'match', match: tagged({ Env: 'staging' }) }), wave('all', rest)] })
    expect(rolloutNodes(one, [...staging(3), node('i-1')], names)).toHaveLength(4)
  })

  it('has everything in scope without a test', () => {
    expect(rolloutNodes(runbook({ test: null }), [...staging(3), node('i-1')], names)).toHaveLength(4)
  })
})

describe('whether a node can be touched', () => {
  // prettier-ignore
  it.each<[more: Partial<NodeSeen>, why: ReturnType<typeof hindrance>]>([
    [{}, null],
    [{ state: 'stopped', agent: 'none' }, 'stopped'],
    [{ state: 'stopping' }, 'stopped'],
    [{ state: 'pending', agent: 'none' }, 'offline'],
    [{ agent: 'lost' }, 'offline'],
    [{ platform: 'other' }, 'unsupported-platform'],
    [{ hybrid: true, node: 'mi-1' }, 'hybrid'],
  ])('%o: %s', (more, why) => {
    expect(hindrance(node('i-1', more))).toBe(why)
  })
})

describe('the nodes of a trial', () => {
  const chosen = (all: readonly NodeSeen[], perAmi: number) =>
    Object.fromEntries([...trialNodes(all, perAmi, names.lineages)].map(([lineage, some]) => [lineage, some.map(({ node: id }) => id)]))

  it('are some of each image, from different zones', () => {
    expect(chosen(staging(12), 2)).toEqual({ 'ami-a': ['i-s0000', 'i-s0004'], 'ami-b': ['i-s0001', 'i-s0003'] })
    for (const some of trialNodes(staging(12), 3, names.lineages).values()) expect(new Set(some.map(({ zone }) => zone)).size).toBe(3)
  })

  it('are fewer where there are fewer', () => {
    expect(chosen(staging(1), 2)).toEqual({ 'ami-a': ['i-s0000'] })
  })

  it('can be touched', () => {
    const [first, ...others] = staging(3)
    const down = first && { ...first, agent: 'lost' as const }
    expect(chosen([...(down ? [down] : []), ...others], 2)).toEqual({ 'ami-a': ['i-s0002'], 'ami-b': ['i-s0001'] })
  })

  it('count copies of an image in other regions as one image', () => {
    const far = node('i-e', { account: STAGING, region: 'eu-west-1', ami: 'ami-e', zone: 'euw1-az1' })
    expect(chosen([...nodes(1), far], 1)).toEqual({ 'ami-a': ['i-e'] })
  })

  it('do not depend on the order of the census', () => {
    expect(chosen(staging(12).toReversed(), 2)).toEqual(chosen(staging(12), 2))
    expect(testNodes(runbook(), staging(12).toReversed(), names)).toEqual(testNodes(runbook(), staging(12), names))
  })
})
