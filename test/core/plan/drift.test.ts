import { describe, expect, it } from 'vitest'
import { drift, driftReason, outsideDown } from '../../../src/core/plan/drift.ts'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import { lineages } from '../../../src/core/plan/lineage.ts'
import { makePlan, makeTrialPlan } from '../../../src/core/plan/make.ts'
import { ACCOUNTS, amount, count, image, input, node, nodes, percent, rest, runbook, staging, STAGING, wave } from './fixture.ts'

const names = { accounts: ACCOUNTS, lineages: lineages([image('ami-a'), image('ami-b')], null) }
const limits = { disruption: [{ per: 'tag:Cluster', atMost: count(1) }], waves: [wave('all', rest)] }
const fleet = [...staging(4), ...nodes(40)]
const { content: plan } = makePlan(input({ runbook: runbook(limits), fleet }))
const first = 'i-p0000'
const with1 = (more: Partial<NodeSeen>) => fleet.map((one) => (one.node === first ? { ...one, ...more } : one))
const nothing = { refused: [], listed: { gone: [], new: [], stopped: [] }, beyond: false }

describe('drift', () => {
  // prettier-ignore
  it.each<[it: string, now: NodeSeen[], found: object]>([
    ['the same fleet',                  fleet, nothing],
    ['in another order',                fleet.toReversed(), nothing],
    ['another image',                   with1({ ami: 'ami-b' }), { refused: [{ node: first, what: 'image' }] }],
    ['another account',                 with1({ account: STAGING }), { refused: [{ node: first, what: 'cell' }] }],
    ['another zone',                    with1({ zone: 'use1-az2' }), { refused: [{ node: first, what: 'zone' }] }],
    ['another cluster',                 with1({ tags: { Env: 'prod', Cluster: 'c7' } }), { refused: [{ node: first, what: 'group' }] }],
    ['no cluster any more',             with1({ tags: { Env: 'prod' } }), { refused: [{ node: first, what: 'group' }] }],
    ['another tag that groups nothing', with1({ tags: { Env: 'prod', Cluster: 'c0', Owner: 'me' } }), nothing],
    ['gone',                            fleet.filter((one) => one.node !== first), { ...nothing, listed: { gone: [first], new: [], stopped: [] } }],
    ['terminated',                      with1({ state: 'terminated' }), { ...nothing, listed: { gone: [first], new: [], stopped: [] } }],
    ['stopped',                         with1({ state: 'stopped' }), { ...nothing, listed: { gone: [], new: [], stopped: [first] } }],
    ['offline is not drift',            with1({ agent: 'lost' }), nothing],
    ['new',                             [...fleet, node('i-new')], { ...nothing, listed: { gone: [], new: ['i-new'], stopped: [] } }],
    ['new in the trial’s part',         [...fleet, ...staging(5)], nothing],
  ])('%s', (_, now, found) => {
    expect(drift(plan, now, names)).toMatchObject(found)
  })

  it('is beyond its share at one more than 5% of 40', () => {
    const without = (some: number) => drift(plan, fleet.slice(0, fleet.length - some), names).beyond
    expect([without(2), without(3)]).toEqual([false, true])
    expect(drift(plan, [...fleet.slice(0, -1), node('i-n1'), node('i-n2')], names).beyond).toBe(true)
  })

  it('counts what is gone and what is stopped together', () => {
    const less = fleet.slice(0, -2)
    expect(
      drift(
        plan,
        less.map((one) => (one.node === first ? { ...one, state: 'stopped' } : one)),
        names,
      ).beyond,
    ).toBe(true)
  })

  it('does not mind what happens to nodes that the plan skips, but where they are', () => {
    const off = node('i-off', { agent: 'lost' })
    const { content } = makePlan(input({ runbook: runbook(limits), fleet: [...fleet, off] }))
    expect(drift(content, fleet, names)).toEqual(nothing)
    expect(drift(content, [...fleet, { ...off, state: 'stopped' }], names)).toEqual(nothing)
    expect(drift(content, [...fleet, { ...off, zone: 'use1-az9' }], names).refused).toEqual([{ node: 'i-off', what: 'zone' }])
  })

  it('sees another region, and one of two groups that is another', () => {
    expect(drift(plan, with1({ region: 'eu-west-1' }), names).refused).toEqual([{ node: first, what: 'cell' }])
    const sharded = fleet.map((one) => ({ ...one, tags: { ...one.tags, Shard: 's1' } }))
    const two = runbook({ disruption: [...limits.disruption, { per: 'tag:Shard', atMost: count(1) }] })
    const { content } = makePlan(input({ runbook: two, fleet: sharded }))
    const moved = sharded.map((one) => (one.node === first ? { ...one, tags: { ...one.tags, Shard: 's2' } } : one))
    expect(drift(content, moved, names).refused).toEqual([{ node: first, what: 'group' }])
  })

  it('does not keep anyone from undoing a run: who moved or is gone since is told, and the others are restored', () => {
    const now = with1({ tags: { Env: 'prod', Cluster: 'c7' }, ami: 'ami-b' }).slice(0, -9)
    expect(drift(plan, now, names)).toMatchObject({ refused: [{ node: first }], beyond: true })
    const found = drift({ ...plan, work: 'rollback' }, now, names)
    expect([found.listed.gone.length, driftReason(found)]).toEqual([9, null])
  })

  it('lists what is new only where a rollout would take it', () => {
    const waves = { waves: [wave('canary', amount(count(1))), wave('all', rest)] }
    const made = input({ runbook: runbook(waves), fleet })
    const { content } = makePlan(made)
    const more = [...fleet, node('i-new'), node('i-off', { agent: 'lost' })]
    expect(drift(content, more, names).listed.new).toEqual(['i-new'])
    expect(drift({ ...content, work: 'rollback' }, more, names).listed.new).toEqual([])
    expect(drift(makeTrialPlan(made).content, more, names).listed.new).toEqual([])
  })

  it('lists nothing new where the waves leave nodes out on purpose', () => {
    const partial = makePlan(input({ runbook: runbook({ waves: [wave('canary', amount(percent(10)))] }), fleet })).content
    expect(partial.nodes).toHaveLength(4)
    expect(drift(partial, fleet, names).listed.new).toEqual([])
  })

  it('is told in a sentence', () => {
    expect(driftReason(drift(plan, fleet, names))).toBeNull()
    expect(driftReason(drift(plan, with1({ ami: 'ami-b' }), names))).toBe('1 planned nodes changed: i-p0000 has another image')
    expect(driftReason(drift(plan, fleet.slice(0, 30), names))).toContain('14 nodes gone')
  })
})

describe('nodes outside the plan that are down', () => {
  // prettier-ignore
  it.each<[it: string, more: Partial<NodeSeen>, counts: boolean]>([
    ['up',                       {},                                     false],
    ['running, but not heard',   { agent: 'lost' },                      true],
    ['stopped, though heard of', { state: 'stopped' },                   true],
    ['in a cluster of no node of the plan', { agent: 'lost', tags: { Cluster: 'c99' } }, false],
  ])('are told apart: %s', (_, more, counts) => {
    expect(outsideDown(plan, [node('i-x', { tags: { Env: 'prod', Cluster: 'c0' }, ...more })])).toHaveLength(counts ? 1 : 0)
  })

  it('count in their groups', () => {
    const cluster = { tags: { Env: 'prod', Cluster: 'c0' } }
    const others = [
      node('i-x', { ...cluster, agent: 'lost' }),
      node('i-y', { ...cluster, state: 'stopped' }),
      node('i-up', cluster),
      node('i-z', { ...cluster, state: 'terminated' }),
      node('i-other', { agent: 'lost' }),
    ]
    const positions = outsideDown(plan, [...with1({ agent: 'lost' }), ...others])
    expect(positions.map((position) => plan.groups[position]?.key)).toEqual([
      expect.stringContaining('=c0@'),
      expect.stringContaining('=c0@'),
    ])
  })
})
