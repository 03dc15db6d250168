import { describe, expect, it } from 'vitest'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import { listDigest } from '../../../src/core/plan/list.ts'
import { lineages } from '../../../src/core/plan/lineage.ts'
import { pin, type Sources } from '../../../src/core/plan/pin.ts'
import { instant } from '../../../src/kit/instant.ts'
import { days, node, NOW, patch, PROD, runbook, STAGING, stored } from './fixture.ts'

const sources = (more: Partial<Sources> = {}): Sources => ({
  baselines: new Map([stored(PROD, 'ami-a')]),
  missing: new Map(),
  lineages: lineages([], null),
  now: NOW,
  ...more,
})
const STARTS = { power: { stopped: 'start-and-restore' as const } }

describe('what a node gets', () => {
  // prettier-ignore
  it.each<[it: string, more: Partial<NodeSeen>, rules: Parameters<typeof runbook>[0], gets: object]>([
    ['its list',                             {},                                       {},                { list: 0, skip: null }],
    ['nothing while it is offline',          { agent: 'lost' },                        {},                { list: null, skip: 'offline' }],
    ['nothing while it is stopped',          { state: 'stopped' },                     {},                { list: null, skip: 'stopped' }],
    ['its list where it is started',         { state: 'stopped' },                     STARTS,            { list: 0, skip: null }],
    ['nothing of an image without a test',   { ami: 'ami-z' },                         {},                { list: null, skip: 'untested' }],
    ['the same, though it is offline',       { ami: 'ami-z', agent: 'lost' },          {},                { list: null, skip: 'untested' }],
    ['nothing as a hybrid one',              { ami: 'ami-z', hybrid: true },           {},                { list: null, skip: 'hybrid' }],
    ['nothing on a platform of others',      { ami: 'ami-z', platform: 'windows' },    {},                { list: null, skip: 'unsupported-platform' }],
    ['a look',                               { ami: 'ami-z' },                         { patches: null }, { list: null, skip: null }],
    ['no look while it is stopped',          { state: 'stopped' },                     { patches: null, ...STARTS }, { list: null, skip: 'stopped' }],
  ])('%s', (_, more, rules, gets) => {
    const one = node('i-1', more)
    const { lists, of, stale } = pin(runbook(rules), [node('i-0'), one], sources())
    expect(of(one)).toEqual(gets)
    expect(lists).toHaveLength(rules?.patches === null ? 0 : 1)
    expect(stale).toEqual([])
  })
})

describe('a list', () => {
  it('is the baseline’s, sorted, without what is rejected today', () => {
    const found = stored(PROD, 'ami-a', [patch('vim'), patch('kernel-debug'), patch('bash')])
    const { lists } = pin(runbook(), [node('i-1')], sources({ baselines: new Map([found]) }))
    const patches = [patch('bash'), patch('vim')]
    const { path, version, digest, storedAt } = found[1]
    expect(lists).toEqual([
      { account: PROD, image: 'ami-a', baseline: { path, version, digest, storedAt }, patches, digest: listDigest(patches) },
    ])
  })

  it('is no more of a baseline that is a moment too old', () => {
    const at = (late: number) => {
      const now = instant(days(13) + late) // Stored a day before the fixture's now; good for fourteen days.
      return pin(runbook(), [node('i-1')], sources({ now }))
    }
    expect([at(0).lists.length, at(0).stale]).toEqual([1, []])
    expect([at(1).lists.length, at(1).stale]).toEqual([0, [`${PROD}/ami-a`]])
  })

  it('is one for each account and image, in their order, when nodes themselves are asked', () => {
    const all = [
      node('i-1', { ami: 'ami-b' }),
      node('i-2'),
      node('i-3', { account: STAGING }),
      node('i-4', { ami: 'ami-h', hybrid: true }),
      node('i-5', { ami: 'ami-w', platform: 'other' }),
      node('i-6', { agent: 'lost' }),
    ]
    const missing = new Map([
      ['i-2', [patch('vim')]],
      ['i-6', [patch('bash')]],
    ])
    const { lists, stale, of } = pin(runbook({ baseline: 'none' }), all, sources({ missing, baselines: new Map() }))
    const patches = [patch('bash'), patch('vim')]
    expect(lists).toEqual([
      { account: STAGING, image: 'ami-a', baseline: null, patches: [], digest: listDigest([]) },
      { account: PROD, image: 'ami-a', baseline: null, patches, digest: listDigest(patches) },
      { account: PROD, image: 'ami-b', baseline: null, patches: [], digest: listDigest([]) },
    ])
    expect(stale).toEqual([])
    expect(all.map((one) => of(one).list)).toEqual([2, 1, 0, null, null, null])
  })

  it('is refused when no command can carry it', () => {
    const many = Array.from({ length: 1_500 }, (_, index) => patch(`package-number-${String(index).padStart(6, '0')}`))
    expect(() => pin(runbook(), [node('i-1')], sources({ baselines: new Map([stored(PROD, 'ami-a', many)]) }))).toThrow(
      expect.objectContaining({
        code: 'plan.limit',
        message: `the list of ${PROD}/ami-a with 1500 patches is larger than a command can carry`,
        more: { hint: 'narrow patches.approve, or patch in two runs' },
      }),
    )
  })
})
