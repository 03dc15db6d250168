import { describe, expect, it } from 'vitest'
import { drift } from '../../../src/core/plan/drift.ts'
import type { NodeSeen } from '../../../src/core/plan/fleet.ts'
import { makePlan, makeTrialPlan } from '../../../src/core/plan/make.ts'
import { hindrance } from '../../../src/core/plan/select.ts'
import { lineages } from '../../../src/core/plan/lineage.ts'
import type { NOTHING_AROUND } from '../../../src/core/runbook/runbook.ts'
import { ACCOUNTS, amount, count, image, input, node, nodes, rest, runbook, staging, wave } from './fixture.ts'

const STARTS = { power: { stopped: 'start-and-restore' } } as const
const names = { accounts: ACCOUNTS, lineages: lineages([image('ami-a'), image('ami-b')], null) }
/** Every fourth node is stopped, the very first one too. */
const fleet = [
  ...staging(4),
  ...nodes(20).map((one, index): NodeSeen => (index % 4 === 0 ? { ...one, state: 'stopped', agent: 'none' } : one)),
]
const waves = { waves: [wave('canary', amount(count(2))), wave('all', rest)] }

describe('a node that is stopped', () => {
  // prettier-ignore
  it.each<[more: Partial<NodeSeen>, starts: boolean, why: ReturnType<typeof hindrance>]>([
    [{ state: 'stopped' },                      false, 'stopped'],
    [{ state: 'stopped' },                      true,  null],
    [{ state: 'stopping', agent: 'none' },      true,  null],
    [{ state: 'pending', agent: 'none' },       true,  'offline'],
    [{ agent: 'lost' },                         true,  'offline'],
    [{ state: 'stopped', platform: 'other' },   true,  'stopped'], // SSM does not tell what it is.
    [{ state: 'stopped', platform: 'windows' }, true,  'unsupported-platform'],
    [{ state: 'stopped', hybrid: true },        true,  'hybrid'],
  ])('%o, started %s: %s', (more, starts, why) => {
    expect(hindrance(node('i-1', more), starts)).toBe(why)
  })

  it('is planned where the runbook starts it, and goes last', () => {
    const { content } = makePlan(input({ runbook: runbook({ ...waves, ...STARTS }), fleet }))
    expect(content.nodes.filter(({ skip }) => skip === 'stopped')).toEqual([])
    const stopped = new Set(fleet.filter(({ state }) => state === 'stopped').map((one) => one.node))
    const order = content.waves.map((one) => one.nodes.map((position) => stopped.has(content.nodes[position]?.node ?? '')))
    expect(order[0]).toEqual([false, false])
    expect(order[1]?.slice(-5)).toEqual([true, true, true, true, true])
    expect(order[1]?.slice(0, -5)).not.toContain(true)
  })

  it('is skipped where it is not', () => {
    const { headline } = makePlan(input({ runbook: runbook(waves), fleet }))
    expect(headline.skipped).toEqual({ stopped: 5 })
  })

  it('is no drift where it is started', () => {
    const running = fleet.map((one): NodeSeen => ({ ...one, state: 'running', agent: 'online' }))
    const told = (more: object) => drift(makePlan(input({ runbook: runbook({ ...waves, ...more }), fleet: running })).content, fleet, names)
    expect(told({}).listed.stopped).toHaveLength(5)
    expect(told(STARTS)).toMatchObject({ listed: { stopped: [] }, beyond: false })
  })

  it('is never tried: nobody could ask it what it misses', () => {
    const asleep = fleet.map((one): NodeSeen =>
      one.account === staging(1)[0]?.account && one.node !== 'i-s0001' && one.node !== 'i-s0000' ? { ...one, state: 'stopped' } : one,
    )
    const { content } = makeTrialPlan(input({ runbook: runbook({ ...waves, ...STARTS }), fleet: asleep }))
    expect(content.nodes.map((one) => one.node)).toEqual(['i-s0000', 'i-s0001'])
  })
})

describe('what cannot be undone', () => {
  const kernel = {
    family: 'rpm',
    name: 'kernel',
    arch: 'x86_64',
    version: '0:6.1-2',
    advisories: [],
    cves: [],
    classification: '',
    severity: '',
    releasedAt: null,
  } as const
  const rule = runbook({})
  // prettier-ignore
  it.each<[it: string, more: Parameters<typeof runbook>[0], has: RegExp, hasNot: RegExp]>([
    ['by packages',                 {},                                                     /no downgrade on a running system: kernel/, /root volume/],
    ['by root volume',              { rollback: { ...rule.rollback, method: 'root-volume' } }, /replaces its root volume: what was written there since its snapshot is lost/, /no downgrade/],
    ['on nodes that were stopped',  STARTS,                                                 /boot with the kernel that was installed/, /root volume/],
    ['of live patches',             { patches: { ...(rule.patches ?? { approve: [], reject: [], reboot: 'never' }), kernel: 'live-patch' } }, /live patches that the kernel has loaded stay/, /root volume/],
    ['where nothing is rolled back', { rollback: { ...rule.rollback, on: 'never' }, ...STARTS }, /rolls nothing back/, /boot with the kernel/],
  ])('%s', (_, more, has, hasNot) => {
    const missing = new Map(fleet.map((one) => [one.node, [kernel]]))
    const all = runbook({ ...waves, baseline: 'none', ...more, ...(more?.patches ? {} : { patches: { approve: [NOT_PICKY], reject: [], reboot: 'never', kernel: 'install' } }) })
    const { irreversible } = makePlan(input({ runbook: all, fleet, missing }))
    expect(irreversible.join('\n')).toMatch(has)
    expect(irreversible.join('\n')).not.toMatch(hasNot)
  })

  it('of debs that AWS-RunPatchBaseline replaces', () => {
    const deb = { ...kernel, family: 'deb', name: 'openssl', arch: 'amd64' } as const
    const ubuntu = fleet.map((one): NodeSeen => ({ ...one, platform: 'ubuntu' }))
    const missing = new Map(ubuntu.map((one) => [one.node, [deb]]))
    const said = (apply: typeof NOTHING_AROUND.apply) =>
      makePlan(
        input({
          runbook: runbook({
            ...waves,
            baseline: 'none',
            apply,
            patches: { approve: [NOT_PICKY], reject: [], reboot: 'never', kernel: 'install' },
          }),
          fleet: ubuntu,
          missing,
        }),
      ).irreversible
    expect(said({ with: 'patch-manager' }).join('\n')).toMatch(/archives of debs keep only the newest/)
    expect(said({ with: 'baseline-document' })).toEqual([])
  })
})

const NOT_PICKY = { classification: null, severity: null, releasedForMs: null, cves: null, advisories: null, names: ['*'] }
