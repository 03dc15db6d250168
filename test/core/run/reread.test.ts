import { describe, expect, it } from 'vitest'
import { hindered, isDown, type Undertaking } from '../../../src/core/run/reread.ts'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import { plan } from './plan.ts'

const planned = plan({ waves: [{ nodes: 1 }] }).nodes[0]
const UP: NodeSeen = {
  node: planned?.node ?? '',
  account: planned?.account ?? '',
  region: planned?.region ?? '',
  ami: 'ami-1',
  zone: 'use1-az1',
  state: 'running',
  platform: 'amazon-linux-2023',
  agent: 'online',
  lastPing: null,
  hybrid: false,
  tags: { hold: 'true' },
}
const APPLY: Undertaking = { work: 'apply', stopped: false, volumes: false }
const ROLLBACK: Undertaking = { ...APPLY, work: 'rollback' }
const held = { platform: null, tags: { hold: ['true'] }, images: null, nodes: null, accounts: null, regions: null }

describe('a node just before its change', () => {
  // prettier-ignore
  it.each<[it: string, now: Partial<NodeSeen> | null, what: Undertaking, why: string | null]>([
    ['as planned',                              {},                                    APPLY,                                null],
    ['gone',                                    null,                                  { ...APPLY, stopped: true },          'gone'],
    ['ended by EC2',                            { state: 'terminated' },               { ...ROLLBACK, volumes: true },       'gone'],
    ['stopped',                                 { state: 'stopped', agent: 'none' },   APPLY,                                'stopped'],
    ['stopped, and about to be started',        { state: 'stopped', agent: 'none' },   { ...APPLY, stopped: true },          null],
    ['about to stop, and then to be started',   { state: 'stopping', agent: 'none' },  { ...APPLY, stopped: true },          null],
    ['booting',                                 { state: 'pending', agent: 'none' },   { ...APPLY, stopped: true },          'offline'],
    ['without an agent',                        { agent: 'lost' },                     { ...APPLY, stopped: true },          'offline'],
    ['without an agent, in a rollback',         { agent: 'lost' },                     ROLLBACK,                             'offline'],
    ['the same, by root volume',                { agent: 'lost' },                     { ...ROLLBACK, volumes: true },       null],
    ['stopped, in a rollback by root volume',   { state: 'stopped', agent: 'none' },   { ...ROLLBACK, volumes: true },       'stopped'],
    ['of another image, and stopped',           { state: 'stopped', ami: 'ami-2' },    { ...APPLY, stopped: true },          'another-image'],
  ])('%s', (_, now, what, why) => {
    if (planned === undefined) throw new Error('a node')
    const scope = plan({ waves: [] }).runbook.scope
    const seen = now === null ? undefined : { ...UP, ...now }
    const names = { accounts: {}, lineages: new Map<string, string>() }
    expect(hindered(planned, [], seen, () => [], scope, names, what)).toBe(why)
  })

  it('is left alone when a tag excludes it, also while it is stopped', () => {
    if (planned === undefined) throw new Error('a node')
    const scope = { ...plan({ waves: [] }).runbook.scope, exclude: held }
    const names = { accounts: {}, lineages: new Map<string, string>() }
    for (const state of ['running', 'stopped'] as const)
      expect(hindered(planned, [], { ...UP, state }, () => [], scope, names, { ...APPLY, stopped: true })).toBe('excluded')
    expect([isDown(UP), isDown({ ...UP, state: 'stopped' }), isDown(undefined)]).toEqual([false, true, true])
  })
})
