import { describe, expect, it } from 'vitest'
import type { RunEvent, Verdict } from '../../../src/core/run/event.ts'
import { DAY, HOUR, instant, MINUTE, plus } from '../../../src/kit/instant.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { ACCOUNT, plan, type PlanSpec } from './plan.ts'
import { briefly, CLOSES, CUTOFF, measured, NO_FREEZE, OPENS, pinned, report, REQUESTED, Telling } from './telling.ts'

/** A run whose window is open. */
function opened(spec: Partial<PlanSpec>): Telling {
  const told = new Telling({ waves: [{ nodes: 1 }], ...spec })
  told.open()
  return told
}

const answer = (told: Telling, verdict: Verdict): RunEvent[] =>
  [...told.state.activities.values()].flatMap((effect) => (effect.kind === 'measure' ? told.tell(measured(effect, verdict)) : []))

const ending = ({ state: { phase } }: Telling): string => (phase.name === 'finished' ? `${phase.outcome}: ${phase.reason}` : phase.name)

describe('the end', () => {
  const trial = (nodes: number[], approval: null | { group: string; count: number; expiresMs: number } = null): Partial<PlanSpec> => ({
    act: 'trial',
    waves: [{ nodes: [{ list: null }, { list: null }], gate: { failuresMax: 1 } }],
    trial: { lineages: [{ image: 'ami-1', nodes, accounts: [ACCOUNT] }], path: '/p', approval },
  })
  const tested = (spec: Partial<PlanSpec>, word = 'patched'): Telling => {
    const told = opened(spec)
    told.tell({ type: 'NodesScanned', nodes: [0, 1], lists: ['x', 'x'], missing: [1, 1] })
    told.tell({ type: 'ListsPinned', lists: 'x', count: 1, patches: [1], nodes: [0, 1], of: [0, 0] })
    told.read()
    told.sent(2)
    told.tell(report(2, { 0: 'patched', 1: word }, told.now), { type: 'CommandClosed', n: 2 })
    answer(told, 'pass')
    return told
  }

  it('of a trial in which no image was proved: failed', () => {
    expect(ending(tested(trial([1]), 'failed: x'))).toBe('failed: there is no baseline to store; no node proves ami-1')
  })

  it('of a trial whose baselines people refuse: stopped', () => {
    const told = tested(trial([0], { group: 'leads', count: 1, expiresMs: HOUR }))
    told.tell({ type: 'BaselineStored', account: ACCOUNT, image: 'ami-1', path: '/x', version: 1, digest: 'x', written: 1 })
    expect(told.wakeAt).toBe(plus(OPENS, HOUR))
    const subject = { kind: 'baselines' } as const
    expect(briefly(told.tell({ type: 'ApprovalRefused', subject, by: 'ann', reason: '' }))).toEqual(['RunFinished stopped: rejected'])
  })

  it('waits for the last command', () => {
    const told = opened({ after: ['probe'], waves: [{ nodes: 1 }] })
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'patched' }, told.now))
    answer(told, 'pass')
    expect([told.state.phase.name, told.state.measure]).toEqual(['after', null])
    expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['MeasureAsked probe last'])
  })

  it('of a run that undid another one: rolled back', () => {
    const told = opened({ work: 'rollback', undoes: 'x' })
    told.play('rolled-back')
    expect(ending(told)).toBe('rolled-back: restored')
  })

  it('of a run that kept waiting for another one’s hand: its window has ended', () => {
    const until = plus(OPENS, DAY)
    const told = new Telling({ waves: [{ nodes: 2, gate: { failuresMax: 1 } }] })
    told.instead = (event) =>
      event.type === 'CommandIntended' && event.nodes.length === 2 ? { type: 'NodesBusy', batch: event.batch, nodes: [1], until } : event
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    told.until(CUTOFF)
    expect(told.node(1)).toBe('skipped: held')
    answer(told, 'pass')
    expect(ending(told)).toBe('stopped: window-ended')
  })

  it.each<[Verdict, rounds: number, end: string]>([
    ['inconclusive', 3, 'stopped: after: probe: inconclusive'],
    ['fail', 2, 'failed: after: probe: fail'],
  ])('with its own checks %s, when the window has closed: after %i rounds', (verdict, rounds, end) => {
    const told = opened({ after: ['probe'], waves: [{ nodes: 1 }] })
    told.read()
    told.sent(1)
    told.until(CLOSES)
    told.ends(1, 'patched')
    answer(told, 'pass')
    for (let round = 1; round <= rounds; round++) {
      expect(ending(told)).toBe('after')
      expect(told.state.measure).toMatchObject({ purpose: 'after', round })
      answer(told, verdict)
      if (round < rounds) expect(briefly(told.wait(MINUTE))).toEqual(['MeasureAsked probe last'])
    }
    expect(ending(told)).toBe(end)
  })

  it('with its own checks unclear in the window: it waits for its end', () => {
    const told = opened({ after: ['probe'], waves: [{ nodes: 1 }] })
    told.play('patched', 'pass')
    expect(ending(told)).toBe('succeeded: all gates passed')
    const unclear = opened({ after: ['probe'], waves: [{ nodes: 1 }] })
    unclear.read()
    unclear.sent(1)
    unclear.ends(1, 'patched')
    answer(unclear, 'pass')
    for (let round = 0; ending(unclear) === 'after' && round < 1_000; round++) {
      answer(unclear, 'inconclusive')
      unclear.wake()
    }
    expect([ending(unclear), unclear.now]).toEqual(['stopped: after: probe: inconclusive', CLOSES])
    expect(instant(unclear.now)).toBe(CLOSES)
  })
})

/** The window of the week after. */
const NEXT = plus(OPENS, 7 * DAY)
const NEXT_CUTOFF = plus(CUTOFF, 7 * DAY)
const openNext = (told: Telling): RunEvent[] => {
  told.tell(plainOpening({ opens: NEXT, cutoff: NEXT_CUTOFF, closes: plus(CLOSES, 7 * DAY) }, ''))
  told.until(NEXT)
  return told.tell(NO_FREEZE)
}

/** Of three nodes that go one by one the first has failed once and waits for another attempt when the window ends. */
function leftOver(more: Partial<PlanSpec>): Telling {
  const made = plan({
    waves: [{ nodes: 3, concurrency: 1, gate: { failuresMax: 2 } }],
    unfinished: 'next-window',
    retry: { attempts: 2, on: ['x'] },
    ...more,
  })
  const told = new Telling({ ...made, runbook: { ...made.runbook, baseline: { path: '/p', maxAgeMs: 14 * DAY, approval: null } } })
  told.open()
  told.read()
  told.sent(1)
  told.until(plus(CUTOFF, -MINUTE))
  told.tell(report(1, { 0: 'failed: x' }, told.now))
  told.until(CUTOFF)
  told.tell({ type: 'CommandClosed', n: 1 })
  expect([told.state.phase.name, told.node(0)]).toEqual(['awaiting-window', 'open: x'])
  return told
}

describe('a run that goes on from window to window', () => {
  it('and ends in between, as its baseline is too old by then, tells as failed who had failed, not as never reached', () => {
    const baseline = { path: '/p', version: 1, digest: 'd', storedAt: plus(OPENS, -8 * DAY) }
    const told = leftOver({ lists: [{ account: ACCOUNT, image: 'ami-1', baseline, patches: [], digest: 'd' }] })
    const followed = openNext(told)
    expect(ending(told)).toBe('stopped: baseline-too-old: ami-1 in 111122223333')
    expect([0, 1, 2].map((position) => told.node(position))).toEqual(['failed: x', 'skipped: not-reached', 'skipped: not-reached'])
    expect(followed.at(-1)).toMatchObject({ type: 'RunFinished', nodes: { failed: 1, skipped: 2 } })
    expect(told.refolded()).toEqual(told.lived)
  })

  it('and whose fleet cannot be read in one of them waits for the next one, and reads it there', () => {
    const told = leftOver({})
    openNext(told)
    expect([told.state.phase.name, told.wakeAt]).toEqual(['surveying', NEXT_CUTOFF])
    expect(briefly(told.until(NEXT_CUTOFF))).toEqual(['WindowEnded'])
    expect([...told.state.activities.keys()]).toEqual(['window'])
    expect(told.node(0)).toBe('open: x')
    expect(told.refolded()).toEqual(told.lived)
  })
})

describe('a fleet that cannot be read', () => {
  it('keeps a run for as long as something may start, and no longer', () => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.tell(REQUESTED, pinned(told.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
    told.tell(plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: CLOSES }, ''), NO_FREEZE)
    expect([told.state.phase.name, told.wakeAt]).toEqual(['surveying', CUTOFF])
    expect(briefly(told.until(CUTOFF))).toEqual(['RunFinished stopped: window-ended'])
    expect([told.node(0), told.state.activities.size]).toEqual(['skipped: not-reached', 0])
  })

  it('as little as baselines of an earlier trial that cannot be read while its lists are made', () => {
    const told = opened({
      act: 'trial',
      waves: [{ nodes: [{ list: null }] }],
      trial: { lineages: [{ image: 'ami-1', nodes: [0], accounts: [ACCOUNT] }], path: '/p', approval: null },
    })
    told.tell({ type: 'NodesScanned', nodes: [0], lists: ['x'], missing: [1] })
    expect([told.state.phase.name, told.wakeAt]).toEqual(['classifying', CUTOFF])
    expect(briefly(told.until(CUTOFF))).toEqual(['RunFinished stopped: window-ended'])
  })
})
