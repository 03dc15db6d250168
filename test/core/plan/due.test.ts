import { describe, expect, it } from 'vitest'
import { agendaOf, fateOf, longPast, nextDue, PREPARE_MS, type Due, type Fate, type Surroundings } from '../../../src/core/plan/due.ts'
import type { CalendarRule } from '../../../src/core/plan/calendar.ts'
import type { WindowRule } from '../../../src/core/runbook/runbook.ts'
import { known } from '../../../src/kit/assert.ts'
import { DAY, HOUR, instant, iso, MINUTE, plus } from '../../../src/kit/instant.ts'
import { runbook } from './fixture.ts'

/** Sundays at three, six hours with a cutoff of one. */
const RULE: CalendarRule = {
  schedule: 'cron(0 3 ? * SUN *)',
  timezone: 'UTC',
  durationMs: 6 * HOUR,
  cutoffMs: HOUR,
  onGap: 'next-valid',
  onOverlap: 'first',
}
const OPENS = instant(Date.UTC(2026, 0, 4, 3))

const due = (act: Due['act'], aheadMs = PREPARE_MS): Due => ({
  act,
  at: plus(OPENS, -aheadMs),
  opens: OPENS,
  cutoff: plus(OPENS, 5 * HOUR),
  closes: plus(OPENS, 6 * HOUR),
})

const NOTHING: Surroundings = { taken: null, trial: 'none', unfinished: null, queued: false, frozen: null }

const window = (more: Partial<WindowRule> = {}): WindowRule => {
  const { window: rule } = runbook()
  if (rule === null) throw new Error('the fixture has a window')
  return { ...rule, lateMs: 30 * MINUTE, ...more }
}

describe('what a schedule starts', () => {
  it('is the trial its lead ahead, and the rollout in time for its plan', () => {
    const whole = runbook()
    expect(agendaOf(whole)).toEqual([
      { act: 'trial', aheadMs: whole.test?.leadMs },
      { act: 'rollout', aheadMs: PREPARE_MS },
    ])
  })

  it('leaves people as long for a plan as their approval lives', () => {
    expect(agendaOf({ ...runbook(), approval: { group: 'sre', count: 1, expiresMs: DAY } }).at(-1)).toEqual({
      act: 'rollout',
      aheadMs: DAY,
    })
  })

  // prettier-ignore
  it.each([
    [6 * HOUR,    DAY,      6 * HOUR],
    [6 * HOUR,    HOUR,     HOUR],
    [5 * MINUTE,  0,        5 * MINUTE],
  ])('plans no rollout before its trial has begun: lead %i, approval for %i', (leadMs, expiresMs, aheadMs) => {
    const whole = runbook()
    const test = { ...known(whole.test, 'the trial'), leadMs }
    expect(agendaOf({ ...whole, test, approval: { group: 'sre', count: 1, expiresMs } })).toEqual([
      { act: 'trial', aheadMs: leadMs },
      { act: 'rollout', aheadMs },
    ])
  })

  it('has no trial where nothing is tried', () => {
    expect(agendaOf({ ...runbook(), baseline: 'none' }).map(({ act }) => act)).toEqual(['rollout'])
    expect(agendaOf({ ...runbook(), test: null }).map(({ act }) => act)).toEqual(['rollout'])
    expect(agendaOf({ ...runbook(), patches: null }).map(({ act }) => act)).toEqual(['rollout'])
  })

  it('is the first opening after what was dealt with', () => {
    expect(iso(nextDue(RULE, { act: 'rollout', aheadMs: HOUR }, plus(OPENS, -1))?.at ?? instant(0))).toBe('2026-01-04T02:00:00.000Z')
    expect(iso(nextDue(RULE, { act: 'rollout', aheadMs: HOUR }, OPENS)?.at ?? instant(0))).toBe('2026-01-11T02:00:00.000Z')
    expect(nextDue({ ...RULE, end: OPENS }, { act: 'rollout', aheadMs: HOUR }, OPENS)).toBeNull()
  })
})

describe('what becomes of something due', () => {
  type Row = [name: string, act: Due['act'], minutes: number, around: Partial<Surroundings>, window: Partial<WindowRule>, fate: Fate]
  // Minutes count from the opening; the cutoff is at 300, late is 30.
  const ROWS: readonly Row[] = [
    ['a rollout in time', 'rollout', -15, {}, {}, { do: 'start' }],
    ['a rollout that nobody was there for, within late', 'rollout', 30, {}, {}, { do: 'start' }],
    ['a rollout that nobody was there for, later', 'rollout', 31, {}, {}, { do: 'miss', why: 'late' }],
    ['an opening that has its run', 'rollout', 31, { taken: 'r' }, {}, { do: 'leave', why: 'run r has it' }],
    [
      'while the last run is unfinished, before the opening',
      'rollout',
      -1,
      { unfinished: 'r' },
      { overlap: 'skip' },
      { do: 'wait', for: 'overlap' },
    ],
    ['while the last run is unfinished: queue', 'rollout', 200, { unfinished: 'r', queued: true }, {}, { do: 'wait', for: 'overlap' }],
    ['while the last run is unfinished, not late yet', 'rollout', 30, { unfinished: 'r' }, {}, { do: 'wait', for: 'overlap' }],
    ['while the last run is unfinished, seen only when it is late', 'rollout', 31, { unfinished: 'r' }, {}, { do: 'miss', why: 'late' }],
    [
      'an earlier run is not asked to end for an opening that nobody was there for',
      'rollout',
      240,
      { unfinished: 'r' },
      { overlap: 'cancel-running' },
      { do: 'miss', why: 'late' },
    ],
    [
      'while the last run, asked to end, is still at it',
      'rollout',
      31,
      { unfinished: 'r', queued: true },
      { overlap: 'cancel-running' },
      { do: 'cancel', run: 'r' },
    ],
    ['after waiting for it, late or not', 'rollout', 200, { queued: true }, {}, { do: 'start' }],
    ['while the last run is unfinished: skip', 'rollout', 0, { unfinished: 'r' }, { overlap: 'skip' }, { do: 'miss', why: 'overlap' }],
    [
      'while the last run is unfinished: cancel',
      'rollout',
      0,
      { unfinished: 'r' },
      { overlap: 'cancel-running' },
      { do: 'cancel', run: 'r' },
    ],
    ['still unfinished at the cutoff', 'rollout', 300, { unfinished: 'r', queued: true }, {}, { do: 'miss', why: 'overlap' }],
    ['unfinished at the cutoff, seen only then', 'rollout', 300, { unfinished: 'r' }, {}, { do: 'miss', why: 'overlap' }],
    ['while its trial runs', 'rollout', 0, { trial: 'unfinished' }, {}, { do: 'wait', for: 'trial' }],
    ['its trial still waits for people when it is late', 'rollout', 31, { trial: 'unfinished' }, {}, { do: 'miss', why: 'not-approved' }],
    [
      'its trial ended, and nobody approved its baselines',
      'rollout',
      -15,
      { trial: 'not-approved' },
      {},
      { do: 'miss', why: 'not-approved' },
    ],
    ['after waiting for an earlier run past the cutoff', 'rollout', 300, { queued: true }, {}, { do: 'miss', why: 'overlap' }],
    ['its trial failed', 'rollout', -15, { trial: 'failed' }, {}, { do: 'miss', why: 'trial-failed' }],
    ['its trial succeeded', 'rollout', -15, { trial: 'succeeded' }, {}, { do: 'start' }],
    ['frozen to its cutoff', 'rollout', 0, { frozen: 'year end' }, {}, { do: 'wait', for: 'freeze' }],
    ['still frozen when it is late', 'rollout', 31, { frozen: 'year end' }, {}, { do: 'miss', why: 'frozen: year end' }],
    ['a trial in time', 'trial', -60, {}, {}, { do: 'start' }],
    ['a trial beside another one', 'trial', -60, { unfinished: 't' }, {}, { do: 'leave', why: 'trial t is under way' }],
    ['a trial whose opening has come', 'trial', 0, {}, {}, { do: 'miss', why: 'late' }],
  ]

  it.each(ROWS)('%s', (_name, act, minutes, around, more, fate) => {
    expect(fateOf(due(act), window(more), { ...NOTHING, ...around }, plus(OPENS, minutes * MINUTE))).toEqual(fate)
  })
})

describe('what is long past', () => {
  const DAILY: CalendarRule = { ...RULE, schedule: 'cron(0 3 * * ? *)' }

  it('is told together, up to a day ago', () => {
    const now = plus(OPENS, 10 * DAY)
    expect(longPast(DAILY, 30 * MINUTE, OPENS, now)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((day) => plus(OPENS, day * DAY)))
  })

  it('leaves what is younger than a day to be told one by one', () => {
    expect(longPast(DAILY, 30 * MINUTE, OPENS, plus(OPENS, DAY + HOUR))).toEqual([])
    expect(longPast(DAILY, 30 * MINUTE, OPENS, plus(OPENS, -DAY))).toEqual([])
  })

  it('counts many, and stops where the schedule ends', () => {
    const often: CalendarRule = { ...RULE, schedule: 'rate(5 minutes)', start: OPENS, durationMs: MINUTE, cutoffMs: 0 }
    expect(longPast(often, 0, OPENS, plus(OPENS, 11 * DAY))).toHaveLength(10 * 288 - 1)
    expect(longPast({ ...DAILY, end: plus(OPENS, 3 * DAY) }, 0, OPENS, plus(OPENS, 400 * DAY))).toHaveLength(2)
  })
})
