import { expect, it } from 'vitest'
import { hindered, isDown } from '../../../src/core/run/reread.ts'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import { known } from '../../../src/kit/assert.ts'
import { plan } from './plan.ts'

const { nodes, runbook } = plan({ waves: [{ nodes: 1 }] })
const planned = known(nodes[0], 'the node')
const UP: NodeSeen = {
  node: planned.node,
  account: planned.account,
  region: planned.region,
  ami: 'ami-1',
  zone: 'use1-az1',
  state: 'running',
  platform: 'amazon-linux-2023',
  agent: 'online',
  lastPing: null,
  hybrid: false,
  tags: {},
}

// prettier-ignore
it.each<[it: string, now: Partial<NodeSeen>, groups: readonly string[], groupsNow: readonly string[], work: 'apply' | 'rollback', why: string | null]>([
  ['in the groups that it was planned in',  {},                   ['a', 'b'], ['b', 'a'],      'apply',    null],
  ['in another group',                      {},                   ['a'],      ['b'],           'apply',    'another-group'],
  ['in a group less',                       {},                   ['a', 'b'], ['a'],           'apply',    'another-group'],
  ['in a group more',                       {},                   ['a'],      ['a', 'b'],      'apply',    'another-group'],
  ['in one more, and in one twice',         {},                   ['a'],      ['a', 'a'],      'apply',    null],
  ['in another zone',                       { zone: 'use1-az2' }, [],         [],              'apply',    'another-zone'],
  ['of another image',                      { ami: 'ami-2' },     [],         [],              'apply',    'another-image'],
  ['elsewhere, in a rollback',              { zone: 'x', ami: 'y' }, ['a'],   ['b'],           'rollback', null],
])('a node %s', (_, now, groups, groupsNow, work, why) => {
  const names = { accounts: {}, lineages: new Map<string, string>() }
  expect(hindered(planned, groups, { ...UP, ...now }, () => groupsNow, runbook.scope, names, { work, stopped: false, volumes: false })).toBe(why)
})

it('whose root volume is to be replaced may be without its agent, but it has to run', () => {
  const volumes = { work: 'rollback', stopped: false, volumes: true } as const
  const why = (now: Partial<NodeSeen>): string | null =>
    hindered(planned, [], { ...UP, ...now }, () => [], runbook.scope, { accounts: {}, lineages: new Map<string, string>() }, volumes)
  expect([why({ agent: 'lost' }), why({ state: 'pending' })]).toEqual([null, 'offline'])
})

it('is down without its agent, and while it does not run', () => {
  expect([isDown({ ...UP, agent: 'lost' }), isDown({ ...UP, state: 'pending' }), isDown(UP)]).toEqual([true, true, false])
})
