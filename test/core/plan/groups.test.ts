import { describe, expect, it } from 'vitest'
import { groupKey, groupKeysOf, grouping, tighterIn } from '../../../src/core/plan/groups.ts'
import type { DisruptionRule } from '../../../src/core/runbook/runbook.ts'
import { count, node, nodes, percent, PROD, rest, runbook, STAGING, wave } from './fixture.ts'

const blue = node('i-1', { tags: { Cluster: 'blue' } })
const made = (disruption: DisruptionRule[], planned = nodes(15), fleet = planned) => grouping({ disruption, waves: [] }, planned, fleet)
const limits = (disruption: DisruptionRule[], planned = nodes(15), fleet = planned) =>
  Object.fromEntries(made(disruption, planned, fleet).groups.map((group) => [group.key, group.atMost]))

describe('group keys', () => {
  // prettier-ignore
  it.each<[per: string, key: string | undefined]>([
    ['tag:Cluster',       `tag:Cluster=blue@${PROD}/us-east-1`],
    ['tag:Team',          undefined], // without the tag it is in no group
    ['tag:toString',      undefined], // what every object has is no tag
    ['availability-zone', 'availability-zone=use1-az1'],
    ['image',             'image=ami-a'],
    ['account',           `account=${PROD}`],
    ['region',            'region=us-east-1'],
  ])('%s', (per, key) => {
    expect(groupKey(per, blue)).toBe(key)
  })

  it('keeps equal tag values of other cells apart, but not zones of other accounts', () => {
    const other = { ...blue, account: STAGING }
    expect(groupKey('tag:Cluster', other)).not.toBe(groupKey('tag:Cluster', blue))
    expect(groupKey('availability-zone', other)).toBe(groupKey('availability-zone', blue))
  })

  it('can be computed again from a look at the node', () => {
    const one = runbook({
      disruption: [{ per: 'tag:Cluster', atMost: count(1) }],
      waves: [wave('all', rest, { disruption: [{ per: 'availability-zone', atMost: count(3) }] })],
    })
    expect(groupKeysOf({ runbook: one }, blue)).toEqual(['availability-zone=use1-az1', `tag:Cluster=blue@${PROD}/us-east-1`])
  })
})

describe('disruption limits', () => {
  const zone = (n: number) => `availability-zone=use1-az${String(n)}`

  // prettier-ignore
  it.each<[it: string, rules: DisruptionRule[], atMost: number]>([
    ['a count',                        [{ per: 'availability-zone', atMost: count(2) }], 2],
    ['a share is rounded down',        [{ per: 'availability-zone', atMost: percent(50) }], 2], // of 5
    ['but is at least 1',              [{ per: 'availability-zone', atMost: percent(1) }], 1],
    ['a count of 0 too',               [{ per: 'availability-zone', atMost: count(0) }], 1],
    ['never more than there are',      [{ per: 'availability-zone', atMost: count(99) }], 5],
    ['the tightest of two',            [{ per: 'availability-zone', atMost: count(3) }, { per: 'availability-zone', atMost: percent(20) }], 1],
    ['one at a time is no number',     [{ per: 'availability-zone', oneAtATime: true }], 5],
    ['with a number beside it',        [{ per: 'availability-zone', oneAtATime: true }, { per: 'availability-zone', atMost: count(2) }], 2],
  ])('%s', (_, rules, atMost) => {
    expect(limits(rules)).toEqual({ [zone(1)]: atMost, [zone(2)]: atMost, [zone(3)]: atMost })
  })

  it('count nodes of the fleet that the plan leaves out, but not those that are gone', () => {
    const fleet = [...nodes(30), node('i-dead', { state: 'terminated' })]
    expect(made([{ per: 'availability-zone', atMost: percent(50) }], nodes(15), fleet).groups[0]).toMatchObject({ size: 10, atMost: 5 })
  })

  it('leave out groups without a planned node', () => {
    expect(Object.keys(limits([{ per: 'account', atMost: count(1) }], nodes(3), [...nodes(3), node('i-s', { account: STAGING })]))).toEqual(
      [`account=${PROD}`],
    )
  })

  it('give a node the positions of its groups', () => {
    const { groups, of } = made([
      { per: 'tag:Cluster', atMost: count(1) },
      { per: 'availability-zone', oneAtATime: true },
    ])
    expect(of(node('i-9', { zone: 'use1-az2', tags: { Cluster: 'c1' } })).map((position) => groups[position]?.key)).toEqual([
      zone(2),
      `tag:Cluster=c1@${PROD}/us-east-1`,
    ])
    expect(of(node('i-9', { zone: 'use1-az2' }))).toHaveLength(1)
  })
})

describe('taking turns', () => {
  const setOf = (per: string, planned = [blue]) => made([{ per, oneAtATime: true }], planned).groups.map((group) => group.set)

  it('is among the zones of a region, the values in a cell, or all', () => {
    expect(setOf('availability-zone')).toEqual(['availability-zone@us-east-1'])
    expect(setOf('tag:Cluster')).toEqual([`tag:Cluster@${PROD}/us-east-1`])
    expect(setOf('image')).toEqual(['image'])
    expect(setOf('availability-zone', [blue, node('i-2', { region: 'eu-west-1', zone: 'euw1-az1' })])).toEqual([
      'availability-zone@eu-west-1',
      'availability-zone@us-east-1',
    ])
  })

  it('does not happen without being asked for', () => {
    expect(made([{ per: 'tag:Cluster', atMost: count(1) }]).groups.every((group) => group.set === null)).toBe(true)
  })
})

describe('a wave', () => {
  const { groups } = made([{ per: 'availability-zone', atMost: count(3) }])
  const all = new Set(groups.keys())

  it('tightens, and never loosens', () => {
    expect(tighterIn([{ per: 'availability-zone', atMost: count(1) }], groups, all)).toEqual(
      [0, 1, 2].map((group) => ({ group, atMost: 1 })),
    )
    expect(tighterIn([{ per: 'availability-zone', atMost: count(4) }], groups, all)).toEqual([])
    expect(tighterIn([{ per: 'availability-zone', atMost: percent(40) }], groups, new Set([1]))).toEqual([{ group: 1, atMost: 2 }])
  })

  it('may limit what the runbook does not', () => {
    const waves = [wave('all', rest, { disruption: [{ per: 'tag:Cluster', atMost: count(1) }] })]
    const own = grouping({ disruption: [], waves }, nodes(10), nodes(10)).groups
    expect(own.map((group) => group.atMost)).toEqual([5, 5])
    expect(tighterIn(waves[0]?.disruption ?? [], own, new Set([0, 1]))).toEqual([
      { group: 0, atMost: 1 },
      { group: 1, atMost: 1 },
    ])
  })
})
