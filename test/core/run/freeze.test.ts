import { describe, expect, it } from 'vitest'
import { fromData, toData } from '../../../src/core/run/codec.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { plainOpening } from '../../../src/core/run/opening.ts'
import { viewOf } from '../../../src/core/run/view.ts'
import type { WindowRule } from '../../../src/core/runbook/runbook.ts'
import { DAY, HOUR, MINUTE, plus, SECOND, type Instant } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { briefly, CLOSES, CUTOFF, NO_FREEZE, OPENS, pinned, REQUESTED, Telling } from './telling.ts'

const TIMES = { opens: OPENS, cutoff: CUTOFF, closes: CLOSES }
const TOOK: RunEvent = { type: 'DriverTook', driver: 'driver-1', epoch: 1 }
const SURVEYED: RunEvent = { type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null }

const freezes = (...periods: readonly (readonly [from: Instant, to: Instant])[]): RunEvent => ({
  type: 'FreezesRead',
  from: periods.map(([from]) => from),
  to: periods.map(([, to]) => to),
  why: periods.map(() => 'year end'),
  source: periods.map(() => 'company.ics'),
  again: plus(OPENS, 5 * MINUTE),
})

/** A run whose opening has come, and what the calendars said then. */
function opened(read: RunEvent, more: Partial<PlanSpec> & Readonly<{ window?: Partial<WindowRule>; breakFreeze?: boolean }> = {}): Telling {
  const { window, breakFreeze = false, ...spec } = more
  const made = plan({ waves: [{ nodes: 2, concurrency: 1 }], ...spec })
  const rule = made.runbook.window
  const told = new Telling(rule && window ? { ...made, runbook: { ...made.runbook, window: { ...rule, ...window } } } : made)
  told.now = plus(OPENS, -HOUR)
  told.tell({ ...REQUESTED, breakFreeze } as RunEvent, pinned(told.plan), TOOK)
  told.tell(plainOpening(TIMES, ''))
  told.until(OPENS)
  told.tell(...told.state.cells.map((cell): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })))
  told.tell(read)
  told.tell(SURVEYED)
  return told
}

const intents = (told: Telling): number[] => told.facts.flatMap(({ at, event }) => (event.type === 'CommandIntended' ? [at] : []))

describe('a freeze', () => {
  it('is read before anything begins', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    told.now = plus(OPENS, -HOUR)
    told.tell(REQUESTED, pinned(told.plan), TOOK)
    told.tell(plainOpening(TIMES, ''))
    expect(told.until(OPENS)).toEqual([])
    expect([...told.state.activities.keys()]).toContain('almanac')
    expect(briefly(told.tell(NO_FREEZE))).toEqual(['WindowOpened'])
    expect([...told.state.activities.keys()]).not.toContain('almanac')
  })

  it('holds the first wave, and its end lets it begin', () => {
    const told = opened(freezes([plus(OPENS, -DAY), plus(OPENS, HOUR)]))
    expect(told.state.waves[0]?.phase).toBe('queued')
    expect(told.wakeAt).toBe(plus(OPENS, HOUR))
    expect(viewOf(told.state).state).toBe('frozen')
    expect(briefly(told.until(plus(OPENS, HOUR))).slice(0, 1)).toEqual(['WaveStarted'])
    told.play('patched')
    expect(told.state.phase).toMatchObject({ outcome: 'succeeded' })
  })

  it('that begins in the middle leaves what runs to end, and holds the rest', () => {
    const begins = plus(OPENS, 2 * MINUTE)
    const told = opened(freezes([begins, plus(OPENS, HOUR)]))
    told.read()
    const [n = 0] = [...told.state.openCommands]
    const command = told.state.commands.get(n)
    expect(command?.startBefore).toBeLessThanOrEqual(begins)
    told.sent(n)
    told.until(plus(OPENS, 3 * MINUTE))
    told.ends(n, 'patched')
    told.wait(10 * SECOND)
    told.read()
    expect(intents(told)).toHaveLength(1)
    told.until(plus(OPENS, HOUR))
    told.play('patched')
    expect(intents(told)).toHaveLength(2)
    expect(intents(told)[1]).toBeGreaterThanOrEqual(plus(OPENS, HOUR))
    expect(told.state.phase).toMatchObject({ outcome: 'succeeded' })
  })

  it('so near that nothing could begin before it holds at once', () => {
    const told = opened(freezes([plus(OPENS, 30 * SECOND), plus(OPENS, HOUR)]))
    told.read()
    expect(intents(told)).toEqual([])
    told.until(plus(OPENS, HOUR))
    told.play('patched')
    expect(told.state.phase).toMatchObject({ outcome: 'succeeded' })
  })

  it('beyond the cutoff ends the run with nothing touched', () => {
    const told = opened(freezes([OPENS, plus(CLOSES, DAY)]))
    told.until(CUTOFF)
    expect(told.state.phase).toMatchObject({ outcome: 'stopped', reason: 'frozen' })
    expect(intents(told)).toEqual([])
  })

  it('that is lifted lets the run go on, and one that is declared holds it', () => {
    const told = opened(freezes([OPENS, CLOSES]))
    told.until(plus(OPENS, 10 * MINUTE))
    expect(briefly(told.tell(NO_FREEZE)).slice(0, 1)).toEqual(['WaveStarted'])
    told.tell(freezes([told.now, plus(told.now, HOUR)]))
    told.read()
    told.wait(MINUTE)
    expect(intents(told)).toEqual([])
  })

  it('reaches a rollback nowhere: what was begun is brought back', () => {
    const told = opened(NO_FREEZE, {
      waves: [{ nodes: 1 }, { nodes: 1 }],
      rollback: {
        on: 'gate-failed',
        scope: 'wave',
        method: 'packages',
        outside: 'allow',
        failures: { kind: 'count', count: 0 },
        failuresMax: 0,
      },
    })
    told.read()
    told.sent(1)
    told.tell(freezes([told.now, CLOSES]))
    told.ends(1, 'failed')
    told.play('rolled-back')
    expect(told.state.phase).toMatchObject({ outcome: 'rolled-back' })
  })
})

describe('a run that may break a freeze', () => {
  it('goes on, and each freeze that it breaks is on record once', () => {
    const told = opened(freezes([plus(OPENS, -DAY), CLOSES]), { breakFreeze: true })
    told.play('patched')
    const broken = told.facts.flatMap(({ event }) => (event.type === 'FreezeBroken' ? [event] : []))
    expect(broken).toEqual([{ type: 'FreezeBroken', from: plus(OPENS, -DAY), to: CLOSES, why: 'year end', reason: 'monthly' }])
    expect(told.state.phase).toMatchObject({ outcome: 'succeeded' })
    expect(told.refolded()).toEqual(told.lived)
  })

  it('asks first where the runbook wants an approval', () => {
    const told = opened(freezes([OPENS, CLOSES]), {
      breakFreeze: true,
      window: { breakFreeze: { group: 'managers', count: 1, expiresMs: HOUR } },
    })
    expect(told.facts.at(-1)?.event).toMatchObject({ type: 'ApprovalAsked', subject: { kind: 'freeze' }, group: 'managers' })
    expect(told.wait(MINUTE)).toEqual([])
    expect(briefly(told.tell({ type: 'ApprovalGiven', subject: { kind: 'freeze' }, by: 'ann', reason: 'CVE' })).slice(0, 2)).toEqual([
      'FreezeBroken',
      'WaveStarted',
    ])
  })

  it('breaks none in a later window: nobody has asked for that', () => {
    const told = opened(freezes([OPENS, plus(OPENS, HOUR)]), { breakFreeze: true, unfinished: 'next-window' })
    expect(briefly(told.facts.map(({ event }) => event))).toContain('FreezeBroken')
    told.read()
    told.sent(1)
    told.until(CUTOFF)
    expect(briefly(told.ends(1, 'patched'))).toEqual(['WindowEnded'])
    told.now = plus(OPENS, 7 * DAY)
    told.tell(plainOpening({ opens: told.now, cutoff: plus(told.now, HOUR), closes: plus(told.now, 2 * HOUR) }, ''))
    told.tell(freezes([told.now, plus(told.now, 30 * MINUTE)]))
    expect(told.tell(SURVEYED)).toEqual([])
    expect(viewOf(told.state).state).toBe('frozen')
    expect(briefly(told.wait(30 * MINUTE))).toEqual(['BatchChosen 1'])
    expect(told.refolded()).toEqual(told.lived)
  })

  it('waits for the end of the freeze when nobody allows it', () => {
    const told = opened(freezes([OPENS, plus(OPENS, 2 * HOUR)]), {
      breakFreeze: true,
      window: { breakFreeze: { group: 'managers', count: 1, expiresMs: HOUR } },
    })
    told.until(plus(OPENS, HOUR))
    expect(intents(told)).toEqual([])
    expect(briefly(told.until(plus(OPENS, 2 * HOUR))).slice(0, 1)).toEqual(['WaveStarted'])
  })
})

describe('an opening', () => {
  const waiting = (chosen: RunEvent, unfinished: 'stop' | 'next-window' = 'stop'): Telling => {
    const told = new Telling({ unfinished, waves: [{ nodes: 1 }] })
    told.now = plus(OPENS, -HOUR)
    told.tell(REQUESTED, pinned(told.plan), TOOK)
    told.tell(chosen)
    return told
  }

  it('begins after its jitter', () => {
    const told = waiting({ ...plainOpening(TIMES, ''), startAt: plus(OPENS, 3 * MINUTE) })
    expect(told.wakeAt).toBe(plus(OPENS, 3 * MINUTE))
    told.until(plus(OPENS, 3 * MINUTE))
    expect(briefly(told.tell(NO_FREEZE))).toEqual(['WindowOpened'])
  })

  it('that nobody began in time is missed, told, and ends the run', () => {
    const told = waiting({ ...plainOpening(TIMES, ''), openBy: plus(OPENS, 30 * MINUTE) })
    expect(told.until(plus(OPENS, 31 * MINUTE))).toEqual([
      { type: 'WindowMissed', opens: OPENS, reason: 'late' },
      expect.objectContaining({ type: 'RunFinished', outcome: 'stopped', reason: 'window-missed' }),
    ])
  })

  it('lets nothing start that is predicted to outlast it', () => {
    const told = waiting({ ...plainOpening(TIMES, ''), lastStart: plus(OPENS, 2 * HOUR) })
    told.until(OPENS)
    told.tell(...told.state.cells.map((cell): RunEvent => ({ type: 'CellPrepared', cell, documents: {} })))
    told.tell(NO_FREEZE)
    told.until(plus(OPENS, 2 * HOUR))
    told.tell(SURVEYED)
    expect(told.state.phase).toMatchObject({ outcome: 'stopped', reason: 'window-ended' })
  })

  it('of a changed maintenance window is left for another one', () => {
    const told = waiting({ ...plainOpening(TIMES, ''), native: 'mw-0123456789abcdef0', nativeDigest: 'a' })
    told.tell({ type: 'WindowMissed', opens: OPENS, reason: 'mw-0123456789abcdef0 was changed' })
    expect([...told.state.activities.keys()]).toEqual(['window'])
    expect(told.state.window).toBeNull()
  })

  it('that grows shorter under the run ends sooner', () => {
    const told = opened(NO_FREEZE)
    const at = plus(OPENS, HOUR)
    told.tell({ type: 'WindowNarrowed', cutoff: at, closes: at, lastStart: at, why: 'mw-1 was disabled' })
    told.until(at)
    told.wake(5)
    expect(told.state.phase).toMatchObject({ name: 'finished', outcome: 'stopped' })
    expect(intents(told)).toEqual([])
    expect(told.node(1)).toBe('skipped: cutoff')
  })

  it('finds a baseline that has grown too old, and touches nothing', () => {
    const list = {
      account: '111122223333',
      image: 'ami-1',
      baseline: { path: '/p', version: 1, digest: 'd', storedAt: plus(OPENS, -15 * DAY) },
      patches: [],
      digest: 'd',
    }
    const made = plan({ waves: [{ nodes: 1 }], lists: [list] })
    const told = new Telling({ ...made, runbook: { ...made.runbook, baseline: { path: '/p', maxAgeMs: 14 * DAY, approval: null } } })
    told.now = plus(OPENS, -HOUR)
    told.tell(REQUESTED, pinned(told.plan), TOOK)
    told.tell(plainOpening(TIMES, ''))
    told.until(OPENS)
    told.tell(NO_FREEZE)
    expect(told.state.phase).toMatchObject({ outcome: 'stopped', reason: 'baseline-too-old: ami-1 in 111122223333' })
  })
})

describe('a journal of before', () => {
  it('reads as an opening without jitter, lateness or prediction', () => {
    const { type, data } = toData(plainOpening(TIMES, '2025b'))
    const old = Object.fromEntries(Object.entries(data).filter(([key]) => ['opens', 'cutoff', 'closes', 'zoneData'].includes(key)))
    expect(fromData(type, old)).toEqual(plainOpening(TIMES, '2025b'))
  })
})
