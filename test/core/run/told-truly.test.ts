import { describe, expect, it } from 'vitest'
import type { RunEvent, Verdict } from '../../../src/core/run/event.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { DAY, HOUR, MINUTE, plus } from '../../../src/kit/instant.ts'
import { TRIMMED } from '../../../src/core/plan/trim.ts'
import { viewOf } from '../../../src/core/run/view.ts'
import { answer as answerOf } from '../../../src/engine/inbox.ts'
import { briefly, CUTOFF, measured, NO_FREEZE, OPENS, pinned, report, REQUESTED, Telling } from './telling.ts'

const CHECK = { type: 'http', url: 'https://x.example', expect: 200, timeoutMs: 1_000 } as never

function answer(told: Telling, verdicts: Readonly<Record<string, Verdict>>): RunEvent[] {
  return [...told.state.activities.values()].flatMap((effect) =>
    effect.kind === 'measure' ? told.tell(measured(effect, verdicts[effect.check] ?? 'pass')) : [],
  )
}

const ending = ({ state: { phase } }: Telling): string => (phase.name === 'finished' ? `${phase.outcome}: ${phase.reason}` : phase.name)

describe('checks before a run', () => {
  it('that held a week ago, before a window in which nothing could start, are made again in the next one', () => {
    const told = new Telling({ unfinished: 'next-window', waves: [{ nodes: 1 }], before: ['web'], checks: { web: CHECK } })
    told.open()
    told.tell({ type: 'Paused', reason: 'x' })
    expect(answer(told, { web: 'pass' })).toEqual([])
    expect(briefly(told.until(CUTOFF))).toEqual(['WindowEnded'])
    told.tell({ type: 'Resumed', reason: 'x' })
    told.now = plus(OPENS, 7 * DAY)
    told.tell(plainOpening({ opens: told.now, cutoff: plus(told.now, HOUR), closes: plus(told.now, 2 * HOUR) }, ''), NO_FREEZE)
    const read: RunEvent = { type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null }
    expect(briefly(told.tell(read))).toEqual(['MeasureAsked web last'])
    answer(told, { web: 'fail' })
    told.wait(MINUTE)
    expect(briefly(answer(told, { web: 'fail' }))).toEqual(['RunFinished stopped: before: web: fail'])
    expect(told.refolded()).toEqual(told.lived)
  })
})

describe('checks before a run that held', () => {
  const RESUMED: RunEvent = { type: 'Resumed', reason: 'x' }
  const held = (ms: number): Telling => {
    const told = new Telling({ waves: [{ nodes: 1 }], before: ['web'], checks: { web: CHECK } })
    told.open()
    told.tell({ type: 'Paused', reason: 'x' })
    answer(told, { web: 'pass' })
    expect(told.wait(ms)).toEqual([])
    return told
  }

  it('are made again when a pause was long, and what they say then counts', () => {
    const told = held(2 * HOUR)
    expect(briefly(told.tell(RESUMED))).toEqual(['MeasureAsked web last'])
    answer(told, { web: 'fail' })
    told.wait(MINUTE)
    expect(briefly(answer(told, { web: 'fail' }))).toEqual(['RunFinished stopped: before: web: fail'])
    expect(told.refolded()).toEqual(told.lived)
  })

  it('are made again once, and the run begins', () => {
    const told = held(2 * HOUR)
    told.tell(RESUMED)
    expect(briefly(answer(told, { web: 'pass' }))[0]).toMatch(/^WaveStarted/)
  })

  it('are not made again when it was short', () => {
    expect(briefly(held(5 * MINUTE).tell(RESUMED))[0]).toMatch(/^WaveStarted/)
  })

  it('are not made any more when nothing may start', () => {
    const told = held(2 * HOUR)
    told.now = CUTOFF
    expect(briefly(told.tell(RESUMED))).toEqual(['RunFinished stopped: window-ended'])
  })
})

describe('a run that began nothing', () => {
  it('as its driver came back too late to read what freezes there were, was not frozen', () => {
    const told = new Telling({ waves: [{ nodes: 1 }], before: ['web'], checks: { web: CHECK } })
    told.open()
    told.tell({ type: 'FreezesRead', from: [], to: [], why: [], source: [], again: plus(OPENS, HOUR) })
    told.now = CUTOFF
    const [ended] = briefly(told.tell({ type: 'DriverTook', driver: 'driver-2', epoch: 2 }))
    expect(ended).toBe('RunFinished stopped: window-ended')
  })
})

describe('a run in its time', () => {
  it('has not ended with its window because a node says that its packages are held', () => {
    const told = new Telling({ waves: [{ nodes: 2 }] })
    told.open()
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'patched', 1: 'skipped: held' }, told.now), { type: 'CommandClosed', n: 1 })
    answer(told, {})
    expect(ending(told)).toBe('succeeded: all gates passed')
  })
})

describe('a question about a plan', () => {
  it('is told as expired when it expires, and not only when the window opens', () => {
    const told = new Telling({ waves: [{ nodes: 1 }], approval: { group: 'leads', count: 1, expiresMs: DAY } })
    told.now = plus(OPENS, -3 * DAY)
    told.tell(REQUESTED, pinned(told.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
    told.tell(plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: plus(CUTOFF, HOUR) }, ''))
    expect(told.wakeAt).toBe(plus(OPENS, -2 * DAY))
    expect(briefly(told.wake())).toEqual(['ApprovalExpired plan', 'RunFinished stopped: not-approved'])
  })
})

describe('a gate that was held for too long', () => {
  it('ends the run for what it waited for in the end, not for what was unclear at first', () => {
    const approval = { group: 'leads', count: 1, expiresMs: 24 * HOUR }
    const told = new Telling({ waves: [{ nodes: 1, gate: { checks: ['web'], approval } }], checks: { web: CHECK } })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    answer(told, { web: 'inconclusive' })
    expect(told.state.waves[0]?.held).toEqual(['web: inconclusive'])
    told.wake()
    expect(briefly(answer(told, { web: 'pass' }))).toEqual(['ApprovalAsked gate'])
    told.wake()
    expect(ending(told)).toBe('stopped: wave wave-1: approval: expired')
    expect(told.refolded()).toEqual(told.lived)
  })
})

describe('a question that is not open any more', () => {
  const APPROVAL = { group: '', count: 1, expiresMs: 24 * HOUR }
  const approves = (told: Telling): readonly string[] =>
    answerOf({ groups: new Map(), clock: { now: () => told.now } }, told.state, {
      what: 'approve',
      reason: 'x',
      gate: null,
      actor: { kind: 'cli', id: 'ann' },
    }).map(({ type }) => type)
  const asking = (): Telling => {
    const told = new Telling({ waves: [{ nodes: 1, gate: { approval: APPROVAL } }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    answer(told, {})
    expect([viewOf(told.state).state, approves(told)]).toEqual(['waiting-for-approval', ['ApprovalGiven']])
    return told
  }

  it('as its run is rolled back by now, is not shown as what the run waits for, and takes no answer', () => {
    const told = asking()
    told.tell({ type: 'RollbackAsked', reason: 'x' })
    expect(viewOf(told.state)).toMatchObject({ state: 'rolling-back', waitsFor: null })
    expect(approves(told)).toEqual(['SteeringRefused'])
  })

  it('as its gate was held, and the run is rolled back by now, takes no answer either', () => {
    const told = new Telling({ waves: [{ nodes: 2, gate: { evidencePercent: 100, failuresMax: 2 } }] })
    told.open()
    told.read()
    told.sent(1)
    told.tell(report(1, { 0: 'patched', 1: 'failed: x' }, told.now), { type: 'CommandClosed', n: 1 })
    answer(told, {})
    expect([viewOf(told.state).state, approves(told)]).toEqual(['held', ['ApprovalAsked', 'ApprovalGiven']])
    told.tell({ type: 'RollbackAsked', reason: 'x' })
    expect(viewOf(told.state)).toMatchObject({ state: 'rolling-back', waitsFor: null })
    expect(approves(told)).toEqual(['SteeringRefused'])
  })

  it('as the freeze is over that it was about, is not what the run waits for', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.open()
    const to = plus(OPENS, HOUR)
    const subject = { kind: 'freeze' } as const
    told.tell(
      { type: 'FreezesRead', from: [OPENS], to: [to], why: ['x'], source: [''], again: null },
      { type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(OPENS, DAY) },
    )
    expect([viewOf(told.state).state, approves(told)]).toEqual(['waiting-for-approval', ['ApprovalGiven']])
    told.until(to)
    expect(viewOf(told.state)).toMatchObject({ state: 'running', waitsFor: null })
  })
})

describe('a run that undoes another one', () => {
  const undoing = (words: readonly [string, string]): Telling => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 2, gate: { failuresMax: 1 } }] })
    told.open()
    told.read()
    told.sent(1)
    told.tell({
      type: 'NodesReported',
      n: 1,
      nodes: [0, 1],
      outcomes: words as never,
      reasons: ['a', 'b'],
      changed: [1, 1],
      missing: [0, 0],
      before: ['', ''],
      after: ['', ''],
      reboot: [false, false],
      ended: [told.now, told.now],
    })
    told.tell({ type: 'CommandClosed', n: 1 })
    answer(told, {})
    return told
  }

  it('has restored everything, or says how many nodes stayed changed, within its budget too', () => {
    expect(ending(undoing(['rolled-back', 'rolled-back']))).toBe('rolled-back: restored')
    expect(ending(undoing(['rolled-back', 'rollback-failed']))).toBe('failed: rollback: 1 restored, 1 failed')
  })

  it('has not restored a node that is gone since', () => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 2, gate: { failuresMax: 1 } }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'rolled-back')
    told.tell({ type: 'NodesGone', nodes: [1] })
    answer(told, {})
    expect(ending(told)).toBe('failed: rollback: 1 restored, 1 failed')
  })
})

describe('a freeze', () => {
  it.each([
    ['rollback', 1],
    ['apply', 0],
  ] as const)('does not hold the undoing of an ended run: %s', (work, intents) => {
    const told = new Telling({ work, undoes: work === 'rollback' ? 'x' : null, waves: [{ nodes: 1 }] })
    told.tell(REQUESTED, pinned(told.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
    told.tell(plainOpening({ opens: OPENS, cutoff: CUTOFF, closes: plus(CUTOFF, HOUR) }, '2026a'))
    told.tell({ type: 'FreezesRead', from: [OPENS], to: [plus(OPENS, DAY)], why: ['x'], source: ['y'], again: plus(OPENS, HOUR) })
    told.tell(...told.state.cells.map((cell): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })))
    told.tell(
      { type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null },
      { type: 'DriverTook', driver: 'driver-2', epoch: 2 },
    )
    expect(told.read().filter(({ type }) => type === 'CommandIntended')).toHaveLength(intents)
  })
})

describe('the undoing of a run of which nodes are gone by now', () => {
  it('restores the others: who was replaced has nothing to be restored', () => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 3, gate: { failuresMax: 0 } }] })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0, 1], reasons: ['gone', 'gone'], down: [] })
    told.sent(1)
    told.ends(1, 'rolled-back')
    answer(told, {})
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(['skipped: gone', 'skipped: gone', 'rolled-back: reason'])
    expect(ending(told)).toBe('rolled-back: restored')
  })

  it('goes on behind a wave of which nobody is left', () => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 1 }, { nodes: 2 }] })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['gone'], down: [0] })
    answer(told, {})
    told.play('rolled-back')
    expect([0, 1, 2].map((node) => told.node(node))).toEqual(['skipped: gone', 'rolled-back: reason', 'rolled-back: reason'])
    expect(ending(told)).toBe('rolled-back: restored')
  })

  it('says so where nobody at all is left', () => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 1 }] })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['gone'], down: [0] })
    told.play('rolled-back')
    expect(ending(told)).toBe('rolled-back: nothing is left to restore')
  })

  it('that cannot be reached has failed', () => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 2, gate: { failuresMax: 0 } }] })
    told.open()
    told.tell({ type: 'BatchRead', batch: 1, skipped: [0], reasons: ['offline'], down: [0] })
    expect(told.node(0)).toBe('rollback-failed: offline')
  })
})

describe('the evidence of a wave', () => {
  it.each([
    ['patched', 90],
    ['not-needed', 0],
  ])('counts no nodes that the plan left out for the window’s sake: %s', (word, evidencePercent) => {
    const left = Array.from({ length: 9 }, () => ({ skip: TRIMMED }))
    const told = new Telling({ waves: [{ nodes: [{}, ...left], gate: { evidencePercent } }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, word)
    answer(told, {})
    expect(ending(told)).toBe('succeeded: all gates passed')
  })

  it('counts those that the plan skips for a reason of their own', () => {
    const told = new Telling({ waves: [{ nodes: [{}, { skip: 'untested' }], gate: { evidencePercent: 90 } }] })
    told.open()
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    answer(told, {})
    expect(told.state.waves[0]?.held).toEqual(['evidence: 50.0% of the wave, 90% wanted'])
  })
})
