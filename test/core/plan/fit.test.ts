import { describe, expect, it } from 'vitest'
import { fitOf } from '../../../src/core/plan/fit.ts'
import { forecast } from '../../../src/core/plan/forecast.ts'
import type { Freeze } from '../../../src/core/plan/freeze.ts'
import { makePlan, makeTrialPlan, planText, readPlan, type PlanInput } from '../../../src/core/plan/make.ts'
import { roomOf } from '../../../src/core/plan/openings.ts'
import type { Forecast, Plan, WindowTimes } from '../../../src/core/plan/plan.ts'
import { fewest, trimmed } from '../../../src/core/plan/trim.ts'
import type { WindowRule } from '../../../src/core/runbook/runbook.ts'
import { known } from '../../../src/kit/assert.ts'
import { DAY, HOUR, MINUTE, plus, type Ms } from '../../../src/kit/instant.ts'
import { amount, count, input, NOW, percent, rest, runbook, wave } from './fixture.ts'
import { CALENDAR, durations, SUNDAY } from './history.ts'

const WINDOW: WindowTimes = { opens: SUNDAY, cutoff: plus(SUNDAY, 5 * HOUR), closes: plus(SUNDAY, 6 * HOUR) }

const foretold = (highMs: Ms, lastStartMs: Ms = 0, nodeHighMs: Ms = 10 * MINUTE): Forecast => ({
  lowMs: highMs / 2,
  medianMs: highMs,
  highMs,
  nodeHighMs,
  waves: [{ wave: 'all', lowMs: highMs / 2, medianMs: highMs, highMs, lastStartMs }],
  basis: '',
})

describe('whether it fits', () => {
  // prettier-ignore
  it.each<[it: string, forecast: Forecast, lateMs: Ms, why: string]>([
    ['with room',                                 foretold(5 * HOUR),                        0,         ''],
    ['to the minute',                             foretold(6 * HOUR),                        0,         ''],
    ['not when it ends after the close',          foretold(6 * HOUR + 1),                    0,         '95 of 100 runs end within 6h 1m, the window has 6h'],
    ['not when it begins too late',               foretold(5 * HOUR),                        2 * HOUR,  '95 of 100 runs end within 5h, the window has 4h'],
    ['not when a node begins at the cutoff',      foretold(5.5 * HOUR, 5 * HOUR),            0,         '95 of 100 runs begin the last node of wave all within 5h, nothing starts after 5h'],
    ['not when a slow node would outlast it',     foretold(5.9 * HOUR, 4.5 * HOUR, 2 * HOUR), 0,        '95 of 100 runs begin the last node of wave all within 4h 30m, nothing starts after 4h'],
  ])('%s', (_, forecast, lateMs, why) => {
    expect(fitOf(forecast, WINDOW, plus(SUNDAY, lateMs))).toEqual({ ...WINDOW, startAt: SUNDAY + lateMs, fits: why === '', why })
  })
})

describe('which window it would have', () => {
  const freeze = (from: Ms, to: Ms): Freeze => ({ from: plus(SUNDAY, from), to: plus(SUNDAY, to), why: 'peak season', source: 'dates' })
  const room = (more: Partial<PlanInput> = {}) => roomOf({ runbook: runbook(), now: NOW, calendar: CALENDAR, ...more })
  const week = 7 * DAY

  // prettier-ignore
  it.each<[it: string, more: Partial<PlanInput>, startAt: number | null, remark: string | null]>([
    ['the next opening',                        {},                                              SUNDAY,                null],
    ['after its delay',                         { delayMs: () => 5 * MINUTE },                   SUNDAY + 5 * MINUTE,   null],
    ['a later part of the opening asked for',   { opening: SUNDAY, now: plus(SUNDAY, HOUR) },    SUNDAY + HOUR,         null],
    ['when a freeze ends in it',                { freezes: [freeze(-HOUR, HOUR)] },              SUNDAY + HOUR,         'the opening of 2026-03-01T03:00:00Z is frozen until 2026-03-01T04:00:00Z (peak season)'],
    ['when the last of several freezes ends',   { freezes: [freeze(-HOUR, HOUR), freeze(HOUR, 2 * HOUR)] }, SUNDAY + 2 * HOUR, 'the opening of 2026-03-01T03:00:00Z is frozen until 2026-03-01T04:00:00Z (peak season)'],
    ['the one after a frozen opening',          { freezes: [freeze(0, DAY)] },                   SUNDAY + week,         'the opening of 2026-03-01T03:00:00Z is frozen past its cutoff (peak season)'],
    ['the one after an opening that is frozen to its cutoff', { freezes: [freeze(0, 5 * HOUR)] }, SUNDAY + week,   'the opening of 2026-03-01T03:00:00Z is frozen past its cutoff (peak season)'],
    ['none while all are frozen',               { freezes: [freeze(0, 30 * DAY)] },              null,                  'the opening of 2026-03-15T03:00:00Z is frozen past its cutoff (peak season)'],
    ['none without a window either',            { calendar: null, runbook: runbook({ window: null }) }, null,         null],
    ['none without a calendar',                 { calendar: null },                              null,                  null],
    ['its own, at once',                        { own: { durationMs: HOUR, cutoffMs: 0 } },      NOW,                   null],
    ['its own, though everything is frozen',    { own: { durationMs: HOUR, cutoffMs: 0 }, freezes: [freeze(-DAY, DAY)] }, NOW, 'nothing may start until 2026-03-02T03:00:00Z (peak season)'],
  ])('%s', (_, more, startAt, remark) => {
    const { first, remarks } = room(more)
    expect(first?.startAt ?? null).toBe(startAt)
    if (remark === null) expect(remarks).toEqual([])
    else expect(remarks).toContain(remark)
  })

  it('its own is as long as it is said, from now on', () => {
    expect(room({ own: { durationMs: 3 * HOUR, cutoffMs: HOUR } }).first).toEqual({
      opens: NOW,
      cutoff: plus(NOW, 2 * HOUR),
      closes: plus(NOW, 3 * HOUR),
      startAt: NOW,
    })
  })

  it('a disabled maintenance window never opens, and that is said', () => {
    const window: WindowRule = { ...known(runbook().window, 'the window'), times: { native: 'mw-0123456789abcdef0' } }
    expect(roomOf({ runbook: { window }, now: NOW, calendar: null })).toMatchObject({
      windows: [],
      first: null,
      remarks: ['the SSM maintenance window mw-0123456789abcdef0 is disabled: it never opens'],
    })
    expect(roomOf({ runbook: { window }, now: NOW, calendar: CALENDAR })).toMatchObject({ zone: CALENDAR.timezone, remarks: [] })
  })
})

const window = (more: Partial<WindowRule>): WindowRule => ({ ...known(runbook().window, 'the window'), ...more })
/** Ninety nodes, one after the other, five minutes each: seven and a half hours. */
const LONG = { waves: [wave('canary', amount(percent(5)), { concurrency: count(1) }), wave('rest', rest, { concurrency: count(1) })] }
const long = (fit: WindowRule['fit'], more: Parameters<typeof runbook>[0] = {}): PlanInput =>
  input({
    calendar: CALENDAR,
    runbook: runbook({ ...LONG, window: window({ fit }), ...more }),
    history: [1, 2, 3].map(() => durations(Array.from({ length: 60 }, (_, index) => 5 * MINUTE + index * 100))),
  })

describe('a plan that is predicted not to fit', () => {
  it('is told where the window only warns', () => {
    const plan = makePlan(long('warn'))
    expect(plan.fit?.fits).toBe(false)
    expect(plan.warnings.join()).toMatch(/the forecast does not fit the window: 95 of 100 runs end within \d+h \d+m, the window has 6h/)
    expect(plan.headline.skipped).toEqual({})
  })

  it('is refused with the figures where that is wanted', () => {
    expect(() => makePlan(long('refuse'))).toThrow(
      expect.objectContaining({
        code: 'plan.unfit',
        exit: 4,
        message: expect.stringMatching(/opens 2026-03-01T03:00:00Z: 95 of 100 runs end within/) as string,
      }),
    )
  })

  it('is no matter while it fits, or has no window', () => {
    const broad = { waves: [wave('all', rest, { concurrency: percent(100) })] }
    expect(makePlan(long('refuse', broad)).fit?.fits).toBe(true)
    expect(makePlan({ ...long('refuse'), calendar: null }).fit).toBeUndefined()
  })

  it('is refused for the window that --now would open, too', () => {
    const broad = long('refuse', { waves: [wave('all', rest, { concurrency: percent(100) })] })
    expect(() => makePlan({ ...broad, own: { durationMs: 10 * MINUTE, cutoffMs: 0 } })).toThrow(
      expect.objectContaining({ code: 'plan.unfit' }),
    )
  })

  it('a trial is never refused or trimmed', () => {
    for (const fit of ['refuse', 'trim'] as const) {
      const trial = makeTrialPlan({ ...long(fit), own: { durationMs: MINUTE, cutoffMs: 0 } })
      expect(trial.fit).toBeUndefined()
      expect(trial.content.nodes.every(({ skip }) => skip === null)).toBe(true)
    }
  })
})

describe('a plan that is trimmed', () => {
  const whole = makePlan(long('warn'))
  const plan = makePlan(long('trim'))
  const left = (one: Plan) => one.content.nodes.filter(({ skip }) => skip === null).length

  it('leaves out the nodes that would start last, no more than it must', () => {
    const out = known(plan.headline.skipped['trimmed'], 'those left out')
    expect(out + left(plan)).toBe(90)
    expect(plan.fit?.fits).toBe(true)
    const order = whole.content.waves.flatMap(({ nodes }) => nodes)
    expect(plan.content.nodes.flatMap(({ skip }, position) => (skip === 'trimmed' ? [position] : [])).sort((a, b) => a - b)).toEqual(
      order.slice(-out).sort((a, b) => a - b),
    )
    // Five hours before the cutoff, less a bake, have room for about fifty-five of five minutes, a slow night for fewer.
    expect(left(plan)).toBeGreaterThan(45)
    const { history = [] } = long('trim')
    expect(fitOf(forecast(trimmed(whole.content, out - 3), history, whole.digest), WINDOW, SUNDAY).fits).toBe(false)
  })

  it('says so at its top, and in its digest', () => {
    expect(plan.warnings[0]).toMatch(/^\d+ nodes left out \(trimmed\): the forecast does not fit the window: 95 of 100 runs end within/)
    expect(plan.digest).not.toBe(whole.digest)
    expect(makePlan(long('trim')).digest).toBe(plan.digest)
    expect(readPlan(planText(plan))).toEqual(plan)
  })

  it('every node stands in a wave, which keeps its places; budgets count what is left', () => {
    const some = trimmed(
      makePlan(
        long('warn', {
          waves: [wave('all', rest, { concurrency: percent(10), gate: { failures: percent(10) } })],
          budget: { failures: percent(10) },
        }),
      ).content,
      40,
    )
    expect(some.waves.map(({ nodes, concurrency, gate }) => [nodes.length, concurrency, gate.failuresMax])).toEqual([[90, 9, 5]])
    expect(some.budgetMax).toBe(5)
  })

  it('a wave that lost all its nodes is gone; the one before lists them', () => {
    const { waves, nodes } = trimmed(whole.content, 86)
    expect(waves.map(({ name }) => name)).toEqual(['canary'])
    expect(new Set(waves[0]?.nodes).size).toBe(90)
    expect(nodes.filter(({ skip }) => skip === null)).toHaveLength(4)
  })

  it('lists of left-out nodes are left out', () => {
    const { lists, nodes } = trimmed(whole.content, 89)
    expect(whole.content.lists).toHaveLength(2)
    expect(lists).toHaveLength(1)
    expect(nodes.flatMap(({ list }) => list ?? [])).toEqual([0])
  })

  it('is refused when not even one node fits', () => {
    const short = { ...CALENDAR, durationMs: 5 * MINUTE, cutoffMs: 0 }
    expect(() => makePlan({ ...long('trim'), calendar: short })).toThrow(expect.objectContaining({ code: 'plan.unfit' }))
  })
})

describe('the fewest to leave out', () => {
  // prettier-ignore
  it.each<[most: number, needed: number, found: number | null]>([
    [10, 0, 1],   [10, 7, 7],   [10, 10, 10],   [10, 11, null],   [90, 33, 33],
  ])('of %i, when %i are too many', (most, needed, found) => {
    const fits = (some: number) => some >= needed
    expect(fewest(most, fits, fits)).toBe(found)
  })

  it('of a large plan is found in a few steps, to the hundredth', () => {
    let asked = 0
    const fits = (some: number) => (asked++, some >= 4_321)
    const found = known(fewest(9_999, fits, fits), 'enough')
    expect(found).toBeGreaterThanOrEqual(4_321)
    expect(found).toBeLessThan(4_321 + 200)
    expect(asked).toBeLessThan(12)
  })

  it('is more where the careful look disagrees with the quick one', () => {
    expect(
      fewest(
        90,
        (some) => some >= 20,
        (some) => some >= 30,
      ),
    ).toBe(30)
  })
})
