import { describe, expect, it } from 'vitest'
import type { RunEvent, Verdict } from '../../../src/core/run/event.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import type { BaselineRule } from '../../../src/core/runbook/runbook.ts'
import { DAY, HOUR, MINUTE, plus, SECOND, type Instant } from '../../../src/kit/instant.ts'
import { ACCOUNT, plan, type PlanSpec } from './plan.ts'
import { briefly, CLOSES, CUTOFF, measured, NO_FREEZE, OPENS, pinned, report, REQUESTED, Telling } from './telling.ts'

const CELL = `${ACCOUNT}/us-east-1`
const TOOK: RunEvent = { type: 'DriverTook', driver: 'driver-1', epoch: 1 }
const TIMES = { opens: OPENS, cutoff: CUTOFF, closes: CLOSES }
const CHOSEN = plainOpening(TIMES, '')
const READ: RunEvent = { type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null }
const freeze = (from: Instant, to: Instant): RunEvent => ({
  type: 'FreezesRead',
  from: [from],
  to: [to],
  why: ['x'],
  source: ['y'],
  again: plus(OPENS, DAY),
})
const ROLLBACK: NonNullable<PlanSpec['rollback']> = {
  on: 'gate-failed',
  scope: 'wave',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 1 },
  failuresMax: 1,
}

function requested(spec: Partial<PlanSpec> = {}, more: Readonly<{ baseline?: BaselineRule }> = {}): Telling {
  const made = plan({ waves: [{ nodes: 1 }], ...spec })
  const told = new Telling({ ...made, runbook: { ...made.runbook, ...more } })
  told.now = plus(OPENS, -6 * HOUR)
  told.tell(REQUESTED, pinned(told.plan), TOOK)
  return told
}

/** A run whose window is open, whatever the calendars say. */
function opened(spec: Partial<PlanSpec>, said: RunEvent = NO_FREEZE): Telling {
  const told = requested(spec)
  told.tell(CHOSEN)
  told.until(OPENS)
  told.tell(said)
  told.tell(...told.state.cells.map((cell): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })))
  told.tell(READ)
  return told
}

const answer = (told: Telling, verdict: Verdict): RunEvent[] =>
  [...told.state.activities.values()].flatMap((effect) => (effect.kind === 'measure' ? told.tell(measured(effect, verdict)) : []))

const ending = ({ state: { phase } }: Telling): string => (phase.name === 'finished' ? `${phase.outcome}: ${phase.reason}` : phase.name)

describe('the opening', () => {
  it('that is not chosen yet: only the approval’s end wakes the run', () => {
    const told = requested({ approval: { group: 'leads', count: 1, expiresMs: HOUR } })
    expect(told.wakeAt).toBe(plus(told.now, HOUR))
    told.tell({ type: 'ApprovalGiven', subject: { kind: 'plan' }, by: 'ann', reason: '' })
    expect(told.wakeAt).toBeNull()
  })

  // prettier-ignore
  it.each<[it: string, at: Instant, more: Partial<typeof CHOSEN>, followed: string]>([
    ['at the last moment',           plus(OPENS, HOUR),     { openBy: plus(OPENS, HOUR) },    'WindowOpened'],
    ['a moment too late',            plus(OPENS, HOUR + 1), { openBy: plus(OPENS, HOUR) },    'WindowMissed late'],
    ['when nothing may start',       plus(OPENS, HOUR),     { lastStart: plus(OPENS, HOUR) }, 'WindowMissed over'],
    ['at the cutoff',                CUTOFF,                {},                               'WindowMissed over'],
    ['just before nothing may start', plus(OPENS, HOUR - 1), { lastStart: plus(OPENS, HOUR) }, 'WindowOpened'],
  ])('that is reached %s', (_, at, more, followed) => {
    const told = requested()
    told.tell({ ...CHOSEN, ...more }, NO_FREEZE)
    const [first] = told.until(at)
    expect(first?.type === 'WindowMissed' ? `WindowMissed ${first.reason}` : first?.type).toBe(followed)
  })

  it('that a run which has begun misses is not its last', () => {
    const told = opened({ unfinished: 'next-window', waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.read()
    told.sent(1)
    told.until(CUTOFF)
    told.ends(1, 'patched')
    answer(told, 'pass')
    expect(told.state.phase.name).toBe('awaiting-window')
    told.now = plus(OPENS, 7 * DAY)
    const late = {
      ...plainOpening({ opens: plus(told.now, -2 * HOUR), cutoff: plus(told.now, HOUR), closes: plus(told.now, HOUR) }, ''),
      openBy: plus(told.now, -HOUR),
    }
    expect(briefly(told.tell(late))).toEqual(['WindowMissed'])
    expect(told.state.activities.has('window')).toBe(true)
  })

  it.each<[unfinished: 'stop' | 'next-window', began: boolean]>([
    ['stop', false],
    ['next-window', false],
  ])('with unfinished %s that is missed before it began ends the run', (unfinished) => {
    const told = requested({ unfinished })
    told.now = CUTOFF
    expect(briefly(told.tell(CHOSEN))).toEqual(['WindowMissed', 'RunFinished stopped: window-missed'])
  })

  it.each(['stop', null] as const)(
    'that a run which has begun misses is its last when it does not go on in the next one: %s',
    (unfinished) => {
      const made = plan({ waves: [{ nodes: 1 }], unfinished: 'stop' })
      const told = unfinished === null ? new Telling({ ...made, runbook: { ...made.runbook, window: null } }) : requested()
      if (unfinished === null) told.tell(REQUESTED, pinned(told.plan), TOOK)
      for (const wave of told.state.waves) wave.phase = 'running'
      told.now = CUTOFF
      expect(briefly(told.tell(CHOSEN))).toEqual(['WindowMissed', 'RunFinished stopped: window-missed'])
    },
  )

  it('that is missed ends the run only when what was found of an earlier start has ended', () => {
    const told = requested()
    told.tell(CHOSEN)
    told.tell({ type: 'CommandFound', n: 1, commandId: 'found', cell: CELL, work: 'apply', document: 'Patchwave-Apply', nodes: [0], requestedAt: OPENS, expiresAfter: plus(CUTOFF, HOUR) }) // prettier-ignore
    expect(briefly(told.until(CUTOFF))).toEqual([])
    told.tell({ type: 'CellPrepared', cell: CELL, documents: {} })
    told.ends(1, 'patched')
    expect(ending(told)).toBe('stopped: window-missed')
    expect(told.node(0)).toMatch(/^patched/)
  })

  const stored = (storedAt: Instant | null) => ({
    lists: [
      { account: ACCOUNT, image: 'ami-0', baseline: null, patches: [], digest: '0'.repeat(64) },
      { account: ACCOUNT, image: 'ami-1', baseline: storedAt === null ? null : { path: '/p', version: 1, digest: '0'.repeat(64), storedAt }, patches: [], digest: '0'.repeat(64) },
    ],
  }) as Partial<PlanSpec> // prettier-ignore
  const rule: BaselineRule = { ...({} as BaselineRule), maxAgeMs: DAY }

  // prettier-ignore
  it.each<[it: string, spec: Partial<PlanSpec>, rule: BaselineRule | undefined, followed: string[]]>([
    ['that is young enough',           stored(plus(OPENS, -DAY)),                              rule,      ['WindowOpened']],
    ['that has become too old',        stored(plus(OPENS, -DAY - 1)),                          rule,      ['RunFinished stopped: baseline-too-old: ami-1 in 111122223333']],
    ['that nobody asks the age of',    stored(plus(OPENS, -9 * DAY)),                          undefined, ['WindowOpened']],
    ['of a run that undoes another',   { ...stored(plus(OPENS, -9 * DAY)), work: 'rollback', undoes: 'x' }, rule, ['WindowOpened']],
    ['of the plan’s own',              stored(null),                                           rule,      ['WindowOpened']],
  ])('with a baseline %s', (_, spec, baseline, followed) => {
    const told = requested(spec, baseline ? { baseline } : {})
    told.tell(CHOSEN, NO_FREEZE)
    expect(briefly(told.until(OPENS))).toEqual(followed)
  })
})

describe('drift', () => {
  it('stops a run that has not begun; one that has begun goes on', () => {
    const told = opened({ unfinished: 'next-window', waves: [{ nodes: 1 }, { nodes: 1 }] })
    told.read()
    told.sent(1)
    told.until(CUTOFF)
    told.ends(1, 'patched')
    answer(told, 'pass')
    told.now = plus(OPENS, 7 * DAY)
    told.tell(plainOpening({ opens: told.now, cutoff: plus(told.now, HOUR), closes: plus(told.now, HOUR) }, ''), NO_FREEZE)
    expect(briefly(told.tell({ ...READ, drift: 'i-1: gone' }))).toEqual(['WaveStarted', 'BatchChosen 1'])
  })
})

describe('checks before anything is touched', () => {
  it('are asked for when all cells have answered', () => {
    const told = new Telling({ before: ['probe'], waves: [{ nodes: 1 }] })
    expect(briefly(told.open({}, [CELL]))).toEqual([])
    const [asked] = told.tell({ type: 'CellPrepared', cell: CELL, documents: {} })
    expect(asked).toMatchObject({ type: 'MeasureAsked', purpose: 'before', wave: -1, round: 1, last: true })
  })

  it('wait while a freeze holds, and for no longer than something may start', () => {
    const told = opened({ before: ['probe'] }, freeze(OPENS, plus(OPENS, HOUR)))
    expect(told.state.activities.size).toBe(1)
    expect(told.wakeAt).toBe(plus(OPENS, HOUR))
    expect(briefly(told.until(plus(OPENS, HOUR)))).toEqual(['MeasureAsked probe last'])

    const frozen = opened({ before: ['probe'] }, freeze(OPENS, CLOSES))
    expect(frozen.wakeAt).toBe(CUTOFF)
    expect(briefly(frozen.until(plus(CUTOFF, -1)))).toEqual([])
    expect(briefly(frozen.until(CUTOFF))).toEqual(['RunFinished stopped: frozen'])
  })

  it('of a trial: it scans next', () => {
    const trial = { lineages: [{ image: 'ami-1', nodes: [0], accounts: [ACCOUNT] }], path: '/p', approval: null }
    const told = opened({ before: ['probe'], act: 'trial', waves: [{ nodes: [{ list: null }] }], trial })
    expect(briefly(answer(told, 'pass'))).toEqual(['ScanAsked'])
  })

  it('that are unclear are asked again after a minute', () => {
    const told = opened({ before: ['probe'] })
    answer(told, 'inconclusive')
    expect(told.wakeAt).toBe(plus(OPENS, MINUTE))
    expect(briefly(told.wake())).toEqual(['MeasureAsked probe last'])
  })

  it('that are unclear just before the cutoff count at the cutoff', () => {
    const told = opened({ before: ['probe'] })
    told.until(plus(CUTOFF, -30 * SECOND))
    answer(told, 'inconclusive')
    expect(told.wakeAt).toBe(CUTOFF)
    expect(briefly(told.wake())).toEqual(['RunFinished stopped: before: probe: inconclusive'])
  })
})

describe('a scan', () => {
  const trial = (nodes = 3): Partial<PlanSpec> => ({
    act: 'trial',
    waves: [{ nodes: Array.from({ length: nodes }, () => ({ list: null })) }],
    trial: { lineages: [{ image: 'ami-1', nodes: [0], accounts: [ACCOUNT] }], path: '/p', approval: null },
  })

  it('waits while a freeze holds', () => {
    const told = opened(trial(), freeze(OPENS, plus(OPENS, HOUR)))
    expect(told.state.scanAsked).toBeNull()
    expect(briefly(told.until(plus(OPENS, HOUR)))).toEqual(['ScanAsked'])
    expect(told.state.tokenCount).toBe(1)
  })

  it('waits until all cells have answered', () => {
    const told = new Telling({ waves: [{ nodes: 1 }], ...trial() })
    expect(briefly(told.open({}, [CELL]))).toEqual([])
    expect(briefly(told.tell({ type: 'CellPrepared', cell: CELL, documents: {} }))).toEqual(['ScanAsked'])
  })

  it('gives up at the cutoff who has not answered, in their order', () => {
    const told = opened(trial(12))
    told.tell({ type: 'NodesScanned', nodes: [0], lists: ['x'], missing: [0] })
    const [given] = told.until(CUTOFF)
    expect(given).toEqual({ type: 'NodesUnscanned', nodes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], reason: 'cutoff' })
  })

  it('does not ask who is left out from the start', () => {
    const told = opened({ ...trial(), waves: [{ nodes: [{ list: null }, { list: null, skip: 'untested' }] }] })
    expect([...told.state.scanLeft]).toEqual([0])
  })
})

describe('waves', () => {
  it('that a freeze keeps from beginning until the cutoff: the run was frozen', () => {
    const told = opened({}, freeze(OPENS, CLOSES))
    expect(told.wakeAt).toBe(CUTOFF)
    expect(briefly(told.until(CUTOFF))).toEqual(['RunFinished stopped: frozen'])
  })

  it('of which a later one is kept from beginning: the window has ended', () => {
    const told = opened({ waves: [{ nodes: 1, gate: { bakeMs: 2 * HOUR } }, { nodes: 1 }] }, freeze(plus(OPENS, HOUR), CLOSES))
    told.play('patched')
    expect(ending(told)).toBe('stopped: window-ended')
  })

  it('of a trial do not go on in another window', () => {
    const spec: Partial<PlanSpec> = {
      unfinished: 'next-window',
      act: 'trial',
      waves: [{ nodes: [{ list: 0 }], gate: { bakeMs: 6 * HOUR } }, { nodes: 1 }],
      trial: null,
    }
    const told = opened(spec)
    told.play('patched')
    expect(ending(told)).toBe('stopped: window-ended')
  })

  it('a freeze that may be broken is broken before the first of them, on record', () => {
    const told = requested()
    const again = new Telling(told.plan)
    again.now = plus(OPENS, -HOUR)
    again.tell({ ...REQUESTED, breakFreeze: true } as RunEvent, pinned(again.plan), TOOK)
    again.tell(CHOSEN)
    again.until(OPENS)
    again.tell(freeze(OPENS, CUTOFF), { type: 'CellPrepared', cell: CELL, documents: {} })
    expect(briefly(again.tell(READ))).toEqual(['FreezeBroken', 'WaveStarted', 'BatchChosen 0'])
  })

  it('and before its checks', () => {
    const told = new Telling(requested({ before: ['probe'] }).plan)
    told.now = plus(OPENS, -HOUR)
    told.tell({ ...REQUESTED, breakFreeze: true } as RunEvent, pinned(told.plan), TOOK)
    told.tell(CHOSEN)
    told.until(OPENS)
    told.tell(freeze(OPENS, CUTOFF), { type: 'CellPrepared', cell: CELL, documents: {} })
    expect(briefly(told.tell(READ))).toEqual(['FreezeBroken', 'MeasureAsked probe last'])
  })
})

describe('the way back', () => {
  /** Two waves; the second one's gate fails at this instant. */
  function failing(spec: Partial<PlanSpec>, at: Instant, words: readonly string[] = ['failed: x', 'patched', 'not-needed']): Telling {
    const told = opened({ waves: [{ nodes: 1 }, { nodes: words.length }], ...spec })
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    answer(told, 'pass')
    told.read()
    const { n } = told
    told.sent(n)
    told.until(at)
    told.tell(report(n, Object.fromEntries(words.map((word, node) => [node + 1, word])), told.now), { type: 'CommandClosed', n })
    return told
  }
  const started = (told: Telling) => told.facts.map(({ event }) => event).find((event) => event.type === 'RollbackStarted')

  it('says of how many nodes: those that were touched', () => {
    expect(started(failing({}, OPENS))).toMatchObject({ waves: [1], nodes: 2, outside: false })
    expect(started(failing({ rollback: { ...ROLLBACK, scope: 'run' } }, OPENS))).toMatchObject({ waves: [1, 0], nodes: 3 })
  })

  it('is outside the window from its very end', () => {
    expect(started(failing({}, plus(CLOSES, -1)))).toMatchObject({ outside: false })
    expect(started(failing({}, CLOSES))).toMatchObject({ outside: true })
  })

  it('outside the window is asked for, if the runbook says so', () => {
    const told = failing({ rollback: { ...ROLLBACK, outside: 'ask' } }, CLOSES)
    expect(told.facts.at(-1)?.event).toEqual({
      type: 'ApprovalAsked',
      subject: { kind: 'rollback' },
      group: '',
      count: 1,
      expires: plus(CLOSES, DAY),
    })
    expect(told.wakeAt).toBe(plus(CLOSES, DAY))
    told.tell({ type: 'ApprovalGiven', subject: { kind: 'rollback' }, by: 'ann', reason: '' })
    expect(started(told)).toMatchObject({ outside: true })
  })

  it('of a run that undoes another one: there is none', () => {
    const told = opened({ work: 'rollback', undoes: 'x' })
    told.read()
    told.sent(1)
    told.ends(1, 'rollback-failed: x')
    expect(ending(told)).toBe('failed: wave wave-1: failures: 1 of at most 0')
  })

  it('by abort goes over waves that began, and those that a command was found on', () => {
    const told = opened({ waves: [{ nodes: 2, gate: { bakeMs: HOUR } }, { nodes: 2 }, { nodes: 1 }] })
    told.read()
    told.sent(1)
    told.ends(1, 'patched')
    told.tell({
      type: 'CommandFound',
      n: 5,
      commandId: 'x',
      cell: CELL,
      work: 'apply',
      document: 'd',
      nodes: [2],
      requestedAt: OPENS,
      expiresAfter: plus(OPENS, HOUR),
    })
    told.tell(report(5, { 2: 'patched' }, told.now), { type: 'CommandClosed', n: 5 })
    told.tell({ type: 'AbortAsked', reason: 'x', rollback: true })
    expect(started(told)).toMatchObject({ waves: [1, 0], nodes: 3 })
  })

  it.each<[it: string, spec: Partial<PlanSpec>]>([
    ['that undoes another one', { work: 'rollback', undoes: 'x' }],
    ['that has no way back', { rollback: { ...ROLLBACK, method: 'none' } }],
    ['that is never to be rolled back', { rollback: { ...ROLLBACK, on: 'never' } }],
  ])('by abort of a run %s: there is none', (_, spec) => {
    const told = opened(spec)
    told.read()
    told.sent(1)
    told.ends(1, 'failed: x')
    const again = opened({ waves: [{ nodes: 1, gate: { bakeMs: HOUR } }], ...spec })
    again.read()
    again.sent(1)
    again.ends(1, spec.work === 'rollback' ? 'rolled-back' : 'patched')
    again.tell({ type: 'AbortAsked', reason: 'enough', rollback: true })
    expect(ending(again)).toBe('aborted: enough')
  })
})

describe('what is told at the end', () => {
  it('of a window that was frozen until nothing might start any more', () => {
    const told = opened({}, freeze(OPENS, CUTOFF))
    told.until(CUTOFF)
    expect(ending(told)).toBe('stopped: frozen')
  })

  it('of a wave that failed: as many nodes may have to be restored as were touched', () => {
    const told = opened({ waves: [{ nodes: 3, gate: { failuresMax: 1 } }], rollback: ROLLBACK })
    told.read()
    told.sent(1)
    const followed = told.tell(report(1, { 0: 'failed: x', 1: 'failed: gone', 2: 'patched' }, told.now))
    expect(followed.find((event) => event.type === 'RollbackStarted')).toMatchObject({ nodes: 3 })
  })
})
