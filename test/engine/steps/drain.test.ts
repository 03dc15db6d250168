import { describe, expect, it } from 'vitest'
import { drain, rejoin } from '../../../src/engine/steps/drain.ts'
import { targetsIn, targetsText } from '../../../src/engine/steps/targets.ts'
import { HOUR, MINUTE, SECOND } from '../../../src/kit/instant.ts'
import type { Balancers, Target, TargetSeen } from '../../../src/ports/balancers.ts'
import { idOf, perform, refusing, type Ports } from './stand.ts'

const WEB = 'arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/0123456789abcdef'
const ADMIN = 'arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/admin/0123456789abcdef'
const place = (position: number, group = WEB, port = 80): Target => ({ group, node: idOf(position), port })
const seen = (target: Target, state: TargetSeen['state'] = 'healthy', reason = ''): TargetSeen => ({ ...target, state, reason })

/** A load balancer that shows a state for each target, and tells what it was asked to do. */
function balancer(states: (target: Target) => Pick<TargetSeen, 'state'> & Partial<TargetSeen>, more: Partial<Balancers> = {}) {
  const calls: string[] = []
  const told = (name: string) => (_: unknown, targets: readonly Target[]) => {
    calls.push(`${name} ${targets.map(({ node }) => node.slice(-1)).join('')}`)
    return Promise.resolve()
  }
  const balancers: Partial<Balancers> = {
    targetsOf: (_, nodes) => Promise.resolve(nodes.map((node) => seen({ group: WEB, node, port: 80 }))),
    health: (_, targets) => Promise.resolve(targets.map((target) => ({ ...target, reason: '', ...states(target) }))),
    deregister: told('deregister'),
    register: told('register'),
    drainSeconds: (_, groups) => Promise.resolve(new Map(groups.map((group) => [group, 120]))),
    ...more,
  }
  return { calls, ports: { balancers } satisfies Ports }
}

const OUT = { name: 'drain', nodes: 2, batch: 1, untilMs: HOUR } as const
const BACK = { name: 'rejoin', nodes: 2, batch: 0, untilMs: 30 * MINUTE, of: 'drain' } as const
const IN = { 0: `${WEB}|80`, 1: `${WEB}|80` }

describe('targets on record', () => {
  it('are read as they were written', () => {
    const text = targetsText([place(0), place(0, ADMIN, 9000), place(0)])
    expect(text).toBe(`${ADMIN}|9000,${WEB}|80`)
    expect(targetsIn(text, idOf(0))).toEqual([place(0, ADMIN, 9000), place(0)])
    expect(targetsIn('', idOf(0))).toEqual([])
  })
})

describe('drain', () => {
  it('waits until nobody is connected any more', async () => {
    const { ports, calls } = balancer(() => ({ state: 'absent' }))
    const { ended, found } = await perform(drain, ports, OUT)
    expect(ended).toMatchObject([{ reason: 'drained', outcome: 'open' }, { reason: 'drained' }])
    expect([...found.values()]).toEqual([`${WEB}|80`, `${WEB}|80`])
    expect(calls).toEqual(['deregister 01'])
  })

  it('goes on when a group has drained for as long as it says', async () => {
    const { ports } = balancer(() => ({ state: 'draining' }))
    const { ended } = await perform(drain, ports, OUT)
    expect(ended.every(({ done, afterMs }) => done && afterMs >= 150 * SECOND && afterMs < 200 * SECOND)).toBe(true)
  })

  it('waits no longer than the runbook says', async () => {
    const { ports } = balancer(() => ({ state: 'draining' }))
    const spec = { waves: [{ nodes: 2 }], around: { drain: { targetGroups: 'auto', waitMs: 20 * SECOND, autoScaling: 'leave' } } } as const
    const { ended } = await perform(drain, ports, { ...OUT, spec })
    expect(ended.every(({ done, afterMs }) => done && afterMs >= 20 * SECOND && afterMs < 60 * SECOND)).toBe(true)
  })

  it('does not fight with somebody who puts a node in again', async () => {
    const { ports } = balancer(({ node }) => ({ state: node === idOf(0) ? 'healthy' : 'absent' }))
    const { ended } = await perform(drain, ports, OUT)
    expect(ended).toMatchObject([
      { position: 1, done: true },
      { position: 0, done: false, outcome: 'skipped', reason: 'not-drained' },
    ])
    expect(ended[1]?.afterMs).toBeLessThan(4 * MINUTE)
  })

  it('leaves what somebody else takes out, and remembers what it never put back', async () => {
    const targetsOf = () => Promise.resolve([seen(place(0), 'draining'), seen(place(1))])
    const { ports } = balancer(() => ({ state: 'absent' }), { targetsOf })
    const { found } = await perform(drain, ports, { ...OUT, things: { 1: `${ADMIN}|9000` } })
    expect([...found.values()]).toEqual(['', `${ADMIN}|9000,${WEB}|80`])
  })

  it.each(['targetsOf', 'deregister', 'health'] as const)('skips nodes where %s is denied', async (call) => {
    const { ports } = balancer(() => ({ state: 'absent' }), { [call]: refusing('aws.denied') })
    const { ended, warnings } = await perform(drain, ports, OUT)
    expect(ended).toMatchObject([{ done: false, outcome: 'skipped', reason: 'drain-denied' }, { outcome: 'skipped' }])
    expect(warnings).toContain('AWS says aws.denied')
  })
})

describe('rejoin', () => {
  it('registers what is out and waits until it is healthy', async () => {
    let asked = 0
    const { ports, calls } = balancer(() => ({ state: (asked += 1) > 8 ? 'healthy' : asked > 2 ? 'initial' : 'absent' }))
    const { ended } = await perform(rejoin, ports, { ...BACK, things: IN })
    expect(ended).toMatchObject([{ done: true, reason: 'rejoined' }, { done: true }])
    expect(calls).toEqual(['register 01'])
  })

  it('needs no health where no load balancer uses the group, and nothing at all where nothing was taken out', async () => {
    const { ports, calls } = balancer(() => ({ state: 'unused', reason: 'Target.NotInUse' }))
    const { ended } = await perform(rejoin, ports, { ...BACK, things: { 0: `${WEB}|80`, 1: '' } })
    expect(ended).toMatchObject([{ done: true }, { done: true }])
    expect(calls).toEqual([])
  })

  it('does not believe that a target never left which may only be about to', async () => {
    // DeregisterTargets was done, its answer was lost, and ELBv2 shows it half a minute later.
    let looks = 0
    const back = new Set<string>()
    const register = (_: unknown, targets: readonly Target[]) => Promise.resolve(targets.forEach(({ node }) => back.add(node)))
    const health: Balancers['health'] = (_, targets) => {
      looks += 1
      return Promise.resolve(targets.map((target) => seen(target, looks <= 3 || back.has(target.node) ? 'healthy' : 'draining')))
    }
    const { ports } = balancer(() => ({ state: 'healthy' }), { register, health })
    const { ended } = await perform(rejoin, ports, { ...BACK, things: IN })
    expect(ended).toMatchObject([{ done: true }, { done: true }])
    expect(back.size).toBe(2)
  })

  it('names nodes that do not become healthy in time', async () => {
    const { ports } = balancer(({ node }) => ({ state: node === idOf(0) ? 'unhealthy' : 'healthy' }))
    const { ended } = await perform(rejoin, ports, { ...BACK, things: IN })
    expect(ended).toMatchObject([
      { position: 1, done: true },
      { position: 0, done: false, outcome: 'open', reason: 'not-rejoined', afterMs: 30 * MINUTE },
    ])
  })

  it('does not miss a group that was deleted', async () => {
    const { ports } = balancer(() => ({ state: 'absent' }), { register: refusing('aws.missing') })
    const { ended } = await perform(rejoin, ports, { ...BACK, things: IN })
    expect(ended).toMatchObject([{ done: true }, { done: true }])
  })

  it('is tried for as long as there is time, also when it is denied', async () => {
    let tries = 0
    const register = () => ((tries += 1) < 5 ? refusing('aws.denied')() : Promise.resolve())
    const { ports } = balancer(() => ({ state: tries < 5 ? 'absent' : 'healthy' }), { register })
    const { ended } = await perform(rejoin, ports, { ...BACK, things: IN })
    expect(ended).toMatchObject([{ done: true }, { done: true }])
    expect(tries).toBe(5)
  })

  it('lets a node that is gone go, and brings the others back', async () => {
    const register = (_: unknown, targets: readonly Target[]) =>
      targets.some(({ node }) => node === idOf(0)) ? refusing('aws.invalid')() : Promise.resolve()
    const { ports } = balancer(({ node }) => ({ state: node === idOf(0) ? 'absent' : 'healthy' }), { register })
    const look = (node: string) => (node === idOf(0) ? undefined : {})
    const { ended } = await perform(rejoin, { ...ports, look }, { ...BACK, things: IN, before: ({ nodes }) => nodes.touched.fill(1) })
    expect(ended).toMatchObject([
      { position: 0, done: true, outcome: 'failed', reason: 'gone' },
      { position: 1, done: true, outcome: 'open' },
    ])
  })
})
