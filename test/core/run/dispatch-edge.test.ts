import { describe, expect, it } from 'vitest'
import { plainOpening } from '../../../src/core/run/opening.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { commandOf } from '../../../src/core/run/state.ts'
import { DAY, HOUR, MINUTE, plus, SECOND, type Instant } from '../../../src/kit/instant.ts'
import { ACCOUNT, type NodeSpec, type PlanSpec } from './plan.ts'
import { briefly, CLOSES, CUTOFF, OPENS, pinned, report, REQUESTED, Telling } from './telling.ts'
import { ROLLBACK, WIDE } from './rounds.ts'

const THERE = `${ACCOUNT}/eu-west-1`
const there: NodeSpec = { region: 'eu-west-1' }
const refuses = (cell = THERE): RunEvent => ({ type: 'CellRefused', cell, code: 'aws.denied', message: '' })

function opened(spec: PlanSpec): Telling {
  const told = new Telling(spec)
  told.open()
  return told
}

/** Sends what was intended. */
function sends(told: Telling): Telling {
  told.read()
  for (const n of [...told.state.openCommands]) told.sent(n)
  return told
}

/** A run that may break freezes, or may not, and what the calendars say. */
function frozen(from: Instant, to: Instant, breakFreeze: boolean, spec: PlanSpec): Telling {
  const told = new Telling(spec)
  told.now = OPENS
  told.tell({ ...REQUESTED, breakFreeze } as RunEvent, pinned(told.plan), { type: 'DriverTook', driver: 'd', epoch: 1 })
  told.tell(plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, ''))
  told.tell({ type: 'FreezesRead', from: [from], to: [to], why: ['x'], source: ['y'], again: plus(OPENS, DAY) })
  told.tell(...told.state.cells.map((cell): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })))
  told.tell({ type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
  return told
}

describe('what may start', () => {
  it('a re-read is good for a minute, and not a moment longer', () => {
    for (const [ms, first] of [
      [60_000, 'CommandIntended 0'],
      [60_001, 'BatchDropped stale'],
    ] as const) {
      // prettier-ignore
      const told = opened({ waves: [{ nodes: 1 }] })
      const paused = told.tell({ type: 'BatchRead', batch: 1, skipped: [], reasons: [], down: [] })
      expect(briefly(paused)).toEqual(['CommandIntended 0'])
      const late = opened({ waves: [{ nodes: 1 }] })
      const state = late.state.batches.get(1)
      if (state === undefined) throw new Error('there is a round')
      late.state.batches.set(1, { ...state, readAt: late.now })
      expect(briefly(late.wait(ms))[0]).toBe(first)
    }
  })

  it('has a latest start: ten minutes from its intent, the cutoff at the latest, in whole seconds', () => {
    const told = sends(opened({ waves: [{ nodes: 1 }] }))
    expect(commandOf(told.state, 1)).toMatchObject({ startBefore: plus(OPENS, 10 * MINUTE), notBefore: plus(OPENS, 70 * MINUTE) })
    const odd = new Telling({ waves: [{ nodes: 1 }] })
    odd.now = plus(OPENS, 0)
    odd.open()
    odd.wait(1_500)
    odd.read()
    expect(commandOf(odd.state, 1).startBefore).toBe(plus(OPENS, 10 * MINUTE + SECOND))
    const late = opened({ waves: [{ nodes: 1 }] })
    late.now = plus(CUTOFF, -5 * MINUTE)
    late.tell()
    late.read()
    expect(commandOf(late.state, 1).startBefore).toBe(CUTOFF)
  })

  it('of a rollback knows no cutoff', () => {
    const told = sends(opened({ waves: [{ nodes: 1 }], rollback: ROLLBACK }))
    told.until(plus(CUTOFF, HOUR))
    told.ends(1, 'failed: x')
    told.read()
    expect(commandOf(told.state, told.n)).toMatchObject({ work: 'rollback', startBefore: plus(CUTOFF, HOUR + 10 * MINUTE) })
  })

  // prettier-ignore
  it.each<[seconds: number, starts: boolean]>([[46, true], [45, false], [44, false]])('%i seconds before the cutoff: %s', (seconds, starts) => {
    const told = opened({ waves: [{ nodes: 2, concurrency: 1, gate: WIDE }] })
    sends(told)
    told.until(plus(CUTOFF, -(seconds + 5) * SECOND))
    told.tell(report(1, { 0: 'patched' }, told.now))
    told.wait(5 * SECOND)
    expect([...told.state.batches.values()].length === 1).toBe(starts)
    expect(told.node(1)).toBe(starts ? 'open' : 'skipped: cutoff')
  })

  it('a hard budget counts those that have failed', () => {
    const told = sends(opened({ waves: [{ nodes: 5, gate: { failuresMax: 1, hard: true } }] }))
    expect(commandOf(told.state, 1).nodes).toEqual([0, 1])
    told.tell(report(1, { 0: 'failed: x', 1: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
    expect([...told.state.batches.values()].map(({ nodes }) => nodes)).toEqual([[2]])
  })
})

describe('what waits is given up', () => {
  const budget = (spec: Partial<PlanSpec> = {}): Telling =>
    sends(opened({ waves: [{ nodes: 4, concurrency: 1, gate: { failuresMax: 0 } }], rollback: { ...ROLLBACK, on: 'never' }, ...spec }))

  it('for a spent budget, also where it would go on in another window', () => {
    const told = budget({ unfinished: 'next-window' })
    expect(briefly(told.tell(report(1, { 0: 'failed: x' }, told.now), { type: 'CommandClosed', n: 1 }))[0]).toBe(
      'NodesSkipped 1,2,3 budget-spent',
    )
  })

  it('for a spent budget, whatever keeps it waiting', () => {
    const nodes = [{}, {}, there, there]
    const told = sends(opened({ waves: [{ nodes, concurrency: 1, gate: { failuresMax: 0 } }], rollback: { ...ROLLBACK, on: 'never' } }))
    told.tell(refuses())
    told.state.waiting.busy.push({ node: 1, until: plus(OPENS, HOUR) })
    const followed = briefly(told.tell(report(1, { 0: 'failed: x' }, told.now), { type: 'CommandClosed', n: 1 }))
    expect(followed.slice(0, 2)).toEqual(['NodesSkipped 2,3 budget-spent', 'NodesSkipped 1 budget-spent'])
  })

  it('at the cutoff, each with what kept it waiting', () => {
    const nodes = [{}, {}, there, {}, {}]
    const retry = { attempts: 2, on: ['lock-held'] }
    const told = sends(opened({ waves: [{ nodes, concurrency: 1, gate: WIDE }], retry }))
    told.tell(refuses())
    told.state.waiting.busy.push({ node: 1, until: plus(OPENS, 9 * HOUR) })
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now))
    const followed = briefly(told.until(CUTOFF)).filter((line) => line.startsWith('NodesSkipped'))
    expect(followed).toEqual(['NodesSkipped 3,4 cutoff', 'NodesSkipped 1 held', 'NodesSkipped 2 cell-refused', 'NodesSkipped 0 cutoff'])
    expect(told.node(0)).toBe('failed: lock-held')
  })

  it('not while a node flies, where it goes on in another window', () => {
    const told = sends(opened({ unfinished: 'next-window', waves: [{ nodes: 2, concurrency: 1 }] }))
    expect(briefly(told.until(CUTOFF))).toEqual([])
    expect(briefly(told.ends(1, 'patched'))).toEqual(['WindowEnded'])
  })

  it('rounds that were chosen step back first', () => {
    const told = opened({ waves: [{ nodes: 2 }] })
    expect(briefly(told.tell({ type: 'AbortAsked', reason: 'x', rollback: false }))).toEqual([
      'BatchDropped aborted',
      'NodesSkipped 0,1 aborted',
      'RunFinished aborted: x',
    ])
  })
})

describe('a freeze in the middle of a wave', () => {
  const spec: PlanSpec = { waves: [{ nodes: 3, concurrency: 1, gate: WIDE }] }

  it('drops what was chosen, and wakes the run at its end', () => {
    const told = frozen(plus(OPENS, HOUR), plus(OPENS, 2 * HOUR), false, spec)
    sends(told)
    told.until(plus(OPENS, HOUR - 1))
    told.tell(report(1, { 0: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
    told.until(plus(OPENS, HOUR))
    expect(told.state.batches.size).toBe(0)
    expect(told.wakeAt).toBe(plus(OPENS, 2 * HOUR))
    expect(briefly(told.until(plus(OPENS, 2 * HOUR)))).toEqual(['BatchChosen 1'])
  })

  it('that is chosen and meets the freeze steps back', () => {
    const told = frozen(plus(OPENS, HOUR), plus(OPENS, 2 * HOUR), false, spec)
    told.until(plus(OPENS, HOUR - 45 * SECOND))
    expect(briefly(told.facts.map(({ event }) => event)).at(-1)).toBe('BatchDropped frozen')
    expect(told.wakeAt).toBe(plus(OPENS, HOUR))
  })

  it('is broken on record where it may be, and the wave goes on', () => {
    const told = frozen(plus(OPENS, HOUR), plus(OPENS, 2 * HOUR), true, spec)
    sends(told)
    told.until(plus(OPENS, HOUR))
    const followed = briefly(told.tell(report(1, { 0: 'patched' }, told.now), { type: 'CommandClosed', n: 1 }))
    expect([...briefly(told.facts.map(({ event }) => event))]).toContain('FreezeBroken')
    expect([...followed, ...briefly(told.wait(5 * SECOND))]).toContain('BatchChosen 1')
  })

  it('does not keep a wave from draining', () => {
    const told = frozen(plus(OPENS, HOUR), plus(OPENS, 2 * HOUR), false, { waves: [{ nodes: 1 }] })
    sends(told)
    told.until(plus(OPENS, HOUR))
    expect(briefly(told.ends(1, 'patched'))).toContain('WaveDrained')
  })

  it('that lasts beyond the cutoff wakes the run at the cutoff', () => {
    const told = frozen(plus(OPENS, HOUR), CLOSES, false, spec)
    sends(told)
    told.until(plus(OPENS, HOUR))
    told.tell(report(1, { 0: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
    expect(told.wakeAt).toBe(plus(CUTOFF, -45 * SECOND))
  })
})

describe('a rollback', () => {
  const failing = (spec: Partial<PlanSpec>, words: readonly string[]): Telling => {
    const told = sends(opened({ waves: [{ nodes: words.length }], rollback: ROLLBACK, ...spec }))
    const rows = Object.fromEntries(words.map((word, node) => [node, word]))
    for (const n of [...told.state.openCommands]) {
      const mine = Object.fromEntries(commandOf(told.state, n).nodes.map((node) => [node, rows[node] ?? '']))
      told.tell(report(n, mine, told.now), { type: 'CommandClosed', n })
    }
    return told
  }
  const intents = (told: Telling): (readonly number[])[] =>
    told.facts.flatMap(({ event }) => (event.type === 'CommandIntended' && event.work === 'rollback' ? [event.nodes] : []))

  it('that is stopped says why its nodes were given up', () => {
    const told = failing({ rollback: { ...ROLLBACK, failuresMax: 0 } }, ['failed: x', 'failed: x'])
    told.tell({ type: 'BatchRead', batch: told.state.batchCount, skipped: [0], reasons: ['gone'], down: [] })
    expect([told.node(0), told.node(1)]).toEqual(['rollback-failed: gone', 'rollback-failed: rollback-stopped'])
    expect(told.state.rollback).toEqual({ restored: 0, failed: 2, stopped: true })
    expect(told.state.phase).toMatchObject({ outcome: 'failed', reason: 'rollback: 0 restored, 2 failed' })
  })

  it('that is aborted is stopped', () => {
    const told = failing({}, ['failed: x'])
    told.tell({ type: 'AbortAsked', reason: 'enough', rollback: false })
    expect(told.state.rollback).toEqual({ restored: 0, failed: 1, stopped: true })
    expect(told.state.phase).toMatchObject({ outcome: 'aborted', reason: 'rollback: 0 restored, 1 failed' })
  })

  it('by abort that could not restore all ends aborted', () => {
    const told = sends(opened({ waves: [{ nodes: 1 }], rollback: ROLLBACK }))
    told.tell({ type: 'AbortAsked', reason: 'enough', rollback: true })
    told.ends(1, 'patched')
    sends(told)
    told.ends(told.n, 'rollback-failed: x')
    expect(told.state.phase).toMatchObject({ outcome: 'aborted', reason: 'rollback: 0 restored, 1 failed' })
  })

  it('keeps to what its wave has tighter', () => {
    const nodes = Array.from({ length: 3 }, () => ({ groups: [0] }))
    const wave = { nodes, gate: { failuresMax: 0, checks: ['smoke'] }, tighter: [{ group: 0, atMost: 1 }] }
    const told = opened({ groups: [{ atMost: 3 }], waves: [wave], rollback: ROLLBACK })
    for (let turn = 0; turn < 3; turn++) {
      sends(told)
      for (const n of [...told.state.openCommands]) told.ends(n, 'patched')
      told.wait(5 * SECOND)
    }
    const smoke = (round: number): RunEvent => ({
      type: 'CheckMeasured',
      purpose: 'gate',
      wave: 0,
      round,
      check: 'smoke',
      verdict: 'fail',
      evidence: '',
      subjects: 3,
      failing: [],
    })
    const presence = (round: number): RunEvent => ({ ...smoke(round), check: 'presence', verdict: 'pass' }) as RunEvent
    told.tell(smoke(1), presence(1))
    told.wait(MINUTE)
    told.tell(smoke(2), presence(2))
    expect(told.state.phase.name).toBe('rolling-back')
    sends(told)
    expect(intents(told)).toEqual([[2]])
  })

  it('ends when its last command has: its nodes may be reported before', () => {
    const told = failing({}, ['failed: x'])
    sends(told)
    const { n } = told
    expect(briefly(told.tell(report(n, { 0: 'rolled-back' }, told.now)))).toEqual(['RollbackAdvanced', 'RollbackFinished 1/0'])
    expect(briefly(told.tell({ type: 'CommandClosed', n }))).toEqual(['RunFinished rolled-back: rolled back 1 nodes'])
  })

  it('waits three hours for another run’s hand, and then no longer', () => {
    const told = new Telling({ waves: [{ nodes: 2 }], rollback: ROLLBACK })
    told.instead = (event) =>
      event.type === 'CommandIntended' && event.work === 'rollback' && event.nodes.includes(0)
        ? { type: 'NodesBusy', batch: event.batch, nodes: [0], until: plus(told.now, 30 * SECOND) }
        : event
    told.open()
    sends(told)
    told.ends(1, 'failed: x')
    const from = told.now
    for (let turn = 0; turn < 1_000 && told.now < plus(from, 3 * HOUR - 30 * SECOND); turn++) {
      sends(told)
      for (const n of [...told.state.openCommands]) told.ends(n, 'rolled-back')
      told.wait(30 * SECOND)
    }
    sends(told)
    expect(told.node(0)).toBe('failed: x')
    told.until(plus(from, 3 * HOUR))
    told.read()
    expect(told.node(0)).toBe('rollback-failed: held')
    expect(told.node(1)).toBe('rolled-back: reason')
  })
})

describe('cells that AWS refuses', () => {
  const SOUTH = `${ACCOUNT}/ap-south-1`

  it('are given up one by one; the run wakes for the first', () => {
    const told = opened({ waves: [{ nodes: [there, { region: 'ap-south-1' }], gate: WIDE }] })
    told.tell(refuses(SOUTH))
    told.wait(MINUTE)
    told.tell(refuses(THERE))
    expect(told.wakeAt).toBe(plus(OPENS, 15 * MINUTE))
    expect(briefly(told.wake())).toEqual(['NodesSkipped 1 cell-refused'])
    expect(told.wakeAt).toBe(plus(OPENS, 16 * MINUTE))
    expect(briefly(told.wake())[0]).toBe('NodesSkipped 0 cell-refused')
  })

  it('in the other order too', () => {
    const told = opened({ waves: [{ nodes: [there, { region: 'ap-south-1' }], gate: WIDE }] })
    told.tell(refuses(THERE))
    told.wait(MINUTE)
    told.tell(refuses(SOUTH))
    expect(told.wakeAt).toBe(plus(OPENS, 15 * MINUTE))
    expect(briefly(told.wake())).toEqual(['NodesSkipped 0 cell-refused'])
  })

  it('wait as long as nodes elsewhere wait for another attempt', () => {
    const told = opened({ waves: [{ nodes: [{}, there], gate: WIDE }], retry: { attempts: 2, on: ['lock-held'] } })
    told.tell(refuses())
    sends(told)
    told.tell(report(1, { 0: 'failed: lock-held' }, told.now))
    expect(briefly(told.wait(HOUR)).filter((line) => line.startsWith('NodesSkipped'))).toEqual([])
    expect(told.node(1)).toBe('open')
  })

  it('wait as long as nodes elsewhere wait for a place', () => {
    const told = new Telling({ groups: [{ atMost: 1 }], waves: [{ nodes: [{ groups: [0] }, there], gate: WIDE }] })
    told.open({}, [`${ACCOUNT}/us-east-1`, THERE])
    told.tell({ type: 'CellPrepared', cell: THERE, documents: {} })
    told.tell(refuses())
    expect(briefly(told.wait(HOUR)).filter((line) => line.startsWith('NodesSkipped'))).toEqual([])
    told.tell({ type: 'CellPrepared', cell: `${ACCOUNT}/us-east-1`, documents: {} })
    expect(told.node(1)).toBe('open')
  })

  it('of a run that undoes another one are waited for an hour', () => {
    const told = opened({ work: 'rollback', undoes: 'x', waves: [{ nodes: [there], gate: WIDE }] })
    told.tell(refuses())
    expect(told.wakeAt).toBe(plus(OPENS, HOUR))
    expect(briefly(told.wake())).toContain('NodesSkipped 0 cell-refused')
    expect(told.node(0)).toBe('rollback-failed: cell-refused')
  })

  it('are not asked between two windows, and asked anew in the next', () => {
    const told = opened({ unfinished: 'next-window', waves: [{ nodes: [{}, there], concurrency: 1, gate: WIDE }] })
    sends(told)
    told.tell(refuses())
    expect([...told.state.activities.keys()]).toContain(`prepare:${THERE}`)
    told.until(CUTOFF)
    told.ends(1, 'patched')
    expect([...told.state.activities.keys()]).toEqual(['window'])
    const opens = plus(OPENS, 7 * DAY)
    told.now = opens
    told.tell(plainOpening({ opens, cutoff: plus(opens, HOUR), closes: plus(opens, HOUR) }, ''))
    told.tell({ type: 'FreezesRead', from: [], to: [], why: [], source: [], again: null })
    expect([...told.state.activities.keys()]).toEqual(['survey', `prepare:${THERE}`])
    expect(told.state.refusals.size).toBe(0)
  })

  it('of a rollback are asked again, whatever the run was waiting for', () => {
    const told = opened({ unfinished: 'next-window', waves: [{ nodes: [there, {}], concurrency: 1, gate: WIDE }], rollback: ROLLBACK })
    sends(told)
    told.tell(refuses())
    told.until(CUTOFF)
    told.ends(1, 'patched')
    expect([...told.state.activities.keys()]).toEqual(['window'])
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: true })
    expect(told.state.activities.get(`prepare:${THERE}`)).toEqual({ kind: 'prepare', key: `prepare:${THERE}`, cell: THERE })
  })
})
