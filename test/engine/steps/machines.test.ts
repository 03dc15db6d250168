import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../../src/core/run/event.ts'
import type { Step } from '../../../src/core/run/parts.ts'
import { codeOf, initial, type RunState } from '../../../src/core/run/state.ts'
import { start, stop } from '../../../src/engine/steps/power.ts'
import { replaceRoot } from '../../../src/engine/steps/root-volume.ts'
import { snapshot } from '../../../src/engine/steps/snapshot.ts'
import { goneResult } from '../../../src/engine/steps/trying.ts'
import { DAY, earliest, HOUR, MINUTE, plus, SECOND, type Instant } from '../../../src/kit/instant.ts'
import type { Machines, RootTaskSeen, SnapshotSeen } from '../../../src/ports/machines.ts'
import { plan } from '../../core/run/plan.ts'
import { idOf, perform, refusing, START } from './stand.ts'

const NODES = { nodes: 3, batch: 1, untilMs: 15 * MINUTE } as const

/** Nodes that were switched on or off at some instant; they run half a minute after the one, and stand still half a minute after the other. */
function estate(off: readonly number[], refuses: readonly number[] = []) {
  const switched = new Map<string, Readonly<{ on: boolean; at: number }>>(off.map((position) => [idOf(position), { on: false, at: 0 }]))
  const calls: string[] = []
  let now: Instant = START
  const turn = (name: string, on: boolean) => (_: unknown, nodes: readonly string[]) => {
    calls.push(`${name} ${nodes.map((node) => node.slice(-1)).join('')}`)
    if (nodes.some((node) => refuses.some((position) => idOf(position) === node))) return refusing('aws.invalid')()
    for (const node of nodes) switched.set(node, { on, at: now })
    return Promise.resolve()
  }
  const look = (node: string, at: Instant) => {
    now = at
    const { on, at: since } = switched.get(node) ?? { on: true, at: 0 }
    const settled = at >= since + 30 * SECOND
    if (on) return settled ? { lastPing: since === 0 ? plus(START, -MINUTE) : at } : { state: 'pending', agent: 'none' }
    return { state: settled ? 'stopped' : 'stopping', agent: 'none' }
  }
  return { calls, look: look as never, machines: { start: turn('start', true), stop: turn('stop', false) } satisfies Partial<Machines> }
}

describe('start', () => {
  it('starts those that are stopped, and waits for their agents', async () => {
    const { calls, ...ports } = estate([1])
    const { ended, found } = await perform(start, ports, { ...NODES, name: 'start' })
    expect([...found.values()]).toEqual(['', 'stopped', ''])
    expect(calls).toEqual(['start 1'])
    expect(ended.map(({ position, done }) => [position, done])).toEqual([
      [0, true],
      [2, true],
      [1, true],
    ])
    expect(ended[2]?.afterMs).toBeGreaterThanOrEqual(30 * SECOND)
  })

  it('does not take an old ping for an answer', async () => {
    const ports = estate([0, 1, 2])
    const look = (node: string, at: Instant) => ({
      ...(ports.look as (node: string, at: Instant) => object)(node, at),
      lastPing: plus(START, -SECOND),
    })
    const { ended } = await perform(start, { ...ports, look }, { ...NODES, name: 'start' })
    expect(ended.map(({ reason, outcome }) => [reason, outcome])).toEqual(Array.from({ length: 3 }, () => ['not-started', 'skipped']))
  })

  it('starts the others when EC2 refuses one', async () => {
    const ports = estate([0, 1, 2], [1])
    const { ended } = await perform(start, ports, { ...NODES, name: 'start' })
    expect(ended.filter(({ done }) => !done)).toMatchObject([{ position: 1, outcome: 'skipped', reason: 'not-started' }])
    expect(ended.filter(({ done }) => done)).toHaveLength(2)
  })
})

describe('stop', () => {
  it('stops those that were stopped, but none whose change may still go on', async () => {
    const { calls, ...ports } = estate([])
    const { ended } = await perform(stop, ports, {
      ...NODES,
      name: 'stop',
      batch: 0,
      of: 'start',
      things: { 0: 'stopped', 1: 'stopped', 2: '' },
      before: ({ nodes }) => (nodes.outcome[1] = codeOf('unknown')),
    })
    expect(calls).toEqual(['stop 0'])
    expect(ended.map(({ position, done, reason }) => [position, done, reason])).toEqual([
      [2, true, 'stopped'],
      [1, false, 'not-stopped'],
      [0, true, 'stopped'],
    ])
  })
})

describe('a node that is gone when a late word sends it back', () => {
  const backOf = (position: number): Outcome | undefined => {
    const state = initial('01900000-0000-7000-8000-000000000001', plan({ waves: [{ nodes: 1 }, { nodes: 1 }, { nodes: 1 }] }))
    state.phase = { name: 'rolling-back', waves: [2, 1], at: 0, after: 'rolled-back' }
    state.nodes.touched.fill(1)
    return goneResult(state, { batch: 0 } as Step, position).outcome
  }

  it('counts as not restored only where it was to be: else its loss would stop the rollback of others', () => {
    expect([2, 1, 0].map(backOf)).toEqual(['rollback-failed', 'failed', 'failed'])
  })
})

describe('stop, of a node on which somebody else’s transaction is at work', () => {
  it.each([
    ['an apply that waited in vain', 'failed', 'lock-held'],
    ['an apply that will be tried again', 'open', 'lock-held'],
    ['a live patch that waited in vain', 'skipped', 'livepatch-lock-held'],
    ['a rollback that waited in vain for the apply of which nobody knows', 'rollback-failed', 'lock-held'],
  ] as const)('leaves it running: %s', async (_, outcome, reason) => {
    const { calls, ...ports } = estate([])
    const { ended } = await perform(stop, ports, {
      ...NODES,
      nodes: 1,
      name: 'stop',
      batch: 0,
      of: 'start',
      things: { 0: 'stopped' },
      before: ({ nodes }) => {
        nodes.outcome[0] = codeOf(outcome)
        nodes.reason[0] = reason
        nodes.command[0] = 1
        nodes.endedSeconds[0] = START / 1000 // It spoke: only not of its own change.
      },
    })
    expect(calls).toEqual([])
    expect(ended).toMatchObject([{ done: false, reason: 'not-stopped' }])
  })
})

const taken = (position: number, more: Partial<SnapshotSeen> = {}): SnapshotSeen => ({
  snapshot: `snap-${String(position)}`,
  node: idOf(position),
  root: true,
  state: 'pending',
  startedAt: START,
  deleteAfter: null,
  run: 'run',
  ...more,
})

/** What EC2 has of snapshots. */
const having = (seen: readonly SnapshotSeen[]): Machines['snapshots'] =>
  async function* snapshots() {
    yield* seen
  }

describe('snapshot', () => {
  it('takes each node once, finds what was taken before, and makes none of a node that was changed', async () => {
    const made: string[] = []
    const take: Machines['snapshot'] = (_, node) => {
      made.push(node)
      return Promise.resolve([taken(2), taken(2, { snapshot: 'snap-data', root: false })])
    }
    const machines = { snapshots: having([taken(0)]), snapshot: take }
    const { ended, found } = await perform(
      snapshot,
      { machines },
      { ...NODES, name: 'snapshot', before: ({ nodes }) => (nodes.touched[1] = 1) },
    )
    expect(made).toEqual([idOf(2)])
    expect(Object.fromEntries(found)).toEqual({ 0: 'snap-0', 2: 'snap-2,snap-data' })
    expect(ended.filter(({ done }) => !done)).toMatchObject([{ position: 1, outcome: 'skipped', reason: 'snapshot-failed' }])
  })

  it.each([
    ['refused', refusing('aws.invalid')],
    ['broken', () => Promise.resolve([taken(0), taken(0, { state: 'error' })])],
  ])('skips a node whose snapshot is %s', async (_, take) => {
    const { ended } = await perform(
      snapshot,
      { machines: { snapshots: having([]), snapshot: take } },
      { ...NODES, nodes: 1, name: 'snapshot' },
    )
    expect(ended).toMatchObject([{ done: false, outcome: 'skipped', reason: 'snapshot-failed' }])
  })
})

describe('snapshot, of a node that an earlier window of the run had only prepared', () => {
  const WEEK_AGO = plus(START, -7 * DAY)
  const old = (position: number): SnapshotSeen => taken(position, { snapshot: 'snap-old', startedAt: WEEK_AGO })

  it('takes a new copy: it has served since', async () => {
    const machines = { snapshots: having([old(0)]), snapshot: () => Promise.resolve([taken(0, { snapshot: 'snap-new' })]) }
    const { found } = await perform(snapshot, { machines }, { ...NODES, nodes: 1, name: 'snapshot', things: { 0: 'snap-old' } })
    expect(Object.fromEntries(found)).toEqual({ 0: 'snap-new' })
  })

  it('finds the one that it took just before a crash', async () => {
    const machines = { snapshots: having([old(0), taken(0, { snapshot: 'snap-new', startedAt: plus(START, -20 * SECOND) })]) }
    const { found } = await perform(snapshot, { machines }, { ...NODES, nodes: 1, name: 'snapshot', things: { 0: 'snap-old' } })
    expect(Object.fromEntries(found)).toEqual({ 0: 'snap-new' })
  })

  it.each<[string, (state: RunState) => void]>([
    ['another attempt of its change', ({ nodes }) => (nodes.touched[0] = 1)],
    ['a change that was not sent after its live patches', ({ livePatched }) => livePatched.add(0)],
  ])('keeps the copy of before its first change for %s', async (_, before) => {
    const kept = taken(0, { snapshot: 'snap-kept', startedAt: plus(START, -HOUR) })
    const machines = { snapshots: having([old(0), kept]) }
    const { found } = await perform(snapshot, { machines }, { ...NODES, nodes: 1, name: 'snapshot', things: { 0: 'snap-kept' }, before })
    expect(Object.fromEntries(found)).toEqual({ 0: 'snap-kept' })
  })
})

describe('replace-root', () => {
  const task = (position: number, state: string): RootTaskSeen => ({
    task: `replacevol-${String(position)}`,
    node: idOf(position),
    state,
    ended: state !== 'in-progress',
    succeeded: state === 'succeeded',
  })
  const store = { runs: () => Promise.resolve([]) }

  it('boots from the oldest snapshot of the root, under a token that stays the same', async () => {
    const asked: string[][] = []
    const machines: Partial<Machines> = {
      snapshots: having([
        taken(0, { snapshot: 'snap-late', startedAt: plus(START, MINUTE) }),
        taken(0),
        taken(1, { root: false }),
        taken(2),
      ]),
      replaceRoot: (_, node, root, token) => {
        asked.push([node, root, token])
        return Promise.resolve(task(node === idOf(0) ? 0 : 2, 'pending'))
      },
      rootTasks: () => Promise.resolve([task(0, 'succeeded'), task(2, 'failed')]),
    }
    const { ended } = await perform(replaceRoot, { machines, store }, { ...NODES, name: 'replace-root', untilMs: 90 * MINUTE })
    expect(new Map(ended.map(({ position, outcome, reason }) => [position, [outcome, reason]]))).toEqual(
      new Map([
        [1, ['rollback-failed', 'no-snapshot']],
        [0, ['rolled-back', 'root-replaced']],
        [2, ['rollback-failed', 'root-not-replaced']],
      ]),
    )
    expect(asked.map(([node, root]) => [node, root])).toEqual([
      [idOf(0), 'snap-0'],
      [idOf(2), 'snap-2'],
    ])
    for (const [node = '', , token = ''] of asked) expect(token).toBe(`01900000-0000-7000-8000-000000000001.1.${node}`)
    expect(Math.max(...asked.map(([, , token = '']) => token.length))).toBeLessThanOrEqual(64)
  })

  it('boots from the copy on record, not from one that an earlier window took in vain', async () => {
    const asked: string[] = []
    const machines: Partial<Machines> = {
      snapshots: having([
        taken(0, { snapshot: 'snap-old', startedAt: plus(START, -7 * DAY) }),
        taken(0, { snapshot: 'snap-kept' }),
        taken(1, { snapshot: 'snap-gone', startedAt: plus(START, -7 * DAY) }),
      ]),
      replaceRoot: (_, __, root) => {
        asked.push(root)
        return Promise.resolve(task(0, 'pending'))
      },
      rootTasks: () => Promise.resolve([task(0, 'succeeded')]),
    }
    const { ended } = await perform(
      replaceRoot,
      { machines, store },
      { ...NODES, nodes: 2, name: 'replace-root', of: 'snapshot', things: { 0: 'snap-data,snap-kept', 1: 'snap-deleted' }, untilMs: HOUR },
    )
    expect(asked).toEqual(['snap-kept'])
    expect(ended.map(({ position, reason }) => [position, reason])).toEqual([
      [1, 'no-snapshot'],
      [0, 'root-replaced'],
    ])
  })

  it('waits for a snapshot that is still being copied, and for the agent', async () => {
    let tries = 0
    const machines: Partial<Machines> = {
      snapshots: having([taken(0)]),
      replaceRoot: () => ((tries += 1) < 4 ? refusing('aws.conflict')() : Promise.resolve(task(0, 'pending'))),
      rootTasks: () => Promise.resolve([task(0, 'succeeded')]),
    }
    const look = () => ({ agent: 'lost' }) as const
    const { ended } = await perform(
      replaceRoot,
      { machines, look, store },
      { ...NODES, nodes: 1, name: 'replace-root', untilMs: 20 * MINUTE },
    )
    expect(tries).toBe(4)
    expect(ended).toMatchObject([{ outcome: 'rollback-failed', reason: 'not-online', afterMs: 20 * MINUTE }])
  })

  it('does not take a ping of the system that was replaced for one of the new', async () => {
    const swapped = plus(START, 4 * MINUTE)
    let now: Instant = START
    const machines: Partial<Machines> = {
      snapshots: having([taken(0)]),
      replaceRoot: () => Promise.resolve(task(0, 'pending')),
      rootTasks: () => Promise.resolve([task(0, now < swapped ? 'in-progress' : 'succeeded')]),
    }
    // The old system pinged until it was replaced; the new one never comes up, which SSM notices minutes later.
    const look = (_: string, at: Instant) => {
      now = at
      return { lastPing: earliest(at, plus(swapped, -SECOND)), agent: at < plus(swapped, 6 * MINUTE) ? 'online' : 'lost' } as const
    }
    const { ended } = await perform(
      replaceRoot,
      { machines, look, store },
      { ...NODES, nodes: 1, name: 'replace-root', untilMs: 20 * MINUTE },
    )
    expect(ended).toMatchObject([{ outcome: 'rollback-failed', reason: 'not-online' }])
  })

  it('touches nobody when it cannot be known who else has changed them', async () => {
    const unreadable = { runs: () => Promise.resolve([{ run: 'other', outcome: null, requestedAt: START }]), read: refusingRead }
    const { ended } = await perform(
      replaceRoot,
      { machines: { snapshots: having([taken(0)]) }, store: unreadable },
      { ...NODES, nodes: 1, name: 'replace-root' },
    )
    expect(ended).toMatchObject([{ outcome: 'rollback-failed', reason: 'root-not-replaced' }])
  })
})

// eslint-disable-next-line require-yield -- a journal without an entry
async function* refusingRead(): AsyncGenerator<never> {
  return
}
