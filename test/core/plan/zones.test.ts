import { describe, expect, it } from 'vitest'
import { nextOpenings, occurrences, type CalendarRule } from '../../../src/core/plan/calendar.ts'
import { civilOf, dayNumber, daysIn, wall, wallText, weekdayOf } from '../../../src/core/plan/civil.ts'
import { zoneNamed } from '../../../src/core/plan/zone.ts'
import { DAY, HOUR, instant, MINUTE, SECOND, type Instant } from '../../../src/kit/instant.ts'
import { at, opens, rule } from './calendar-rule.ts'

/** What clocks of a zone show, as milliseconds of a UTC clock, by Intl: another implementation over the same zone data. */
function clockOf(timeZone: string): (at: number) => number {
  const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts })
  return (instant) => {
    const [, month, day, year, hour, minute, second] = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/.exec(format.format(instant))!.map(Number)
    return Date.UTC(year!, month! - 1, day, hour, minute, second)
  }
}

type Change = Readonly<{ at: number; beforeMs: number; afterMs: number }>

/** The changes of a zone by looking at its clock every five days: no two have been closer since 1970. */
function changesOf(clock: (at: number) => number, from: number, to: number): Change[] {
  const offset = (instant: number): number => clock(instant) - instant
  const found: Change[] = []
  for (let low = from; low < to; low += 5 * DAY) {
    let [before, after] = [low, low + 5 * DAY]
    if (offset(before) === offset(after)) continue
    while (after - before > SECOND) {
      const middle = before + Math.floor((after - before) / 2 / SECOND) * SECOND
      if (offset(middle) === offset(before)) before = middle
      else after = middle
    }
    found.push({ at: after, beforeMs: offset(before), afterMs: offset(after) })
  }
  return found
}

const openings = (one: CalendarRule, after: number, count: number): number[] =>
  nextOpenings(one, instant(after), count).map(({ opens: at }) => at)

/** The schedule that hits once, at a local time; with seconds, for a minute may be cut in two. */
function onceAt(timezone: string, local: number): CalendarRule {
  const on = new Date(local)
  const time = `${on.getUTCSeconds()} ${on.getUTCMinutes()} ${on.getUTCHours()}`
  return rule(`cron(${time} ${on.getUTCDate()} ${on.getUTCMonth() + 1} ? ${on.getUTCFullYear()})`, { timezone })
}

/** The schedule that hits daily at the time of day of a local time. */
function dailyAt(timezone: string, local: number): CalendarRule {
  const on = new Date(local)
  return rule(`cron(${on.getUTCSeconds()} ${on.getUTCMinutes()} ${on.getUTCHours()} * * ? *)`, { timezone })
}

/** Every broken promise of one change of a zone, by a schedule that hits the middle of the hour that is missing or doubled. */
function* broken(timezone: string, { at: change, beforeMs, afterMs }: Change): Generator<string> {
  const size = Math.abs(afterMs - beforeMs)
  const local = change + Math.min(beforeMs, afterMs) + Math.floor(size / 2 / SECOND) * SECOND
  const once = onceAt(timezone, local)
  const early = change - 2 * DAY
  const told = (what: string, found: readonly unknown[], ...wanted: readonly unknown[]) =>
    JSON.stringify(found) === JSON.stringify(wanted) ? [] : [`${timezone} ${wallText(wall(local))} ${what}: ${JSON.stringify(found)}`]
  if (afterMs > beforeMs) {
    yield* told('skipped', openings(once, early, 9))
    yield* told(
      'skipped, but told',
      [...occurrences(once, instant(early))].map((hit) => [hit.opens, hit.odd]),
      [null, 'gap'],
    )
    yield* told('moved', openings({ ...once, onGap: 'next-valid' }, early, 9), change)
    yield* told('moved, not again', openings({ ...once, onGap: 'next-valid' }, change, 9))
  } else {
    const [first, second] = [local - beforeMs, local - afterMs]
    yield* told('first', openings(once, early, 9), first)
    yield* told('second', openings({ ...once, onOverlap: 'second' }, early, 9), second)
    yield* told('first, not again', openings(once, first, 9))
    yield* told('second, still to come', openings({ ...once, onOverlap: 'second' }, first, 9), second)
    yield* told('second, not again', openings({ ...once, onOverlap: 'second' }, second, 9))
  }
  // Day after day over the change: each date has its opening, none has two.
  const daily = { ...dailyAt(timezone, local), onGap: 'next-valid' as const }
  const days = openings(daily, local - 3 * DAY - beforeMs - 1, 7)
  const wanted = [-3, -2, -1, 0, 1, 2, 3].map((day) => {
    const on = local + day * DAY
    if (on < change + Math.min(beforeMs, afterMs)) return on - beforeMs
    if (on >= change + Math.max(beforeMs, afterMs)) return on - afterMs
    return afterMs > beforeMs ? change : on - beforeMs
  })
  yield* told('daily', days, ...wanted)
}

const ZONES = Intl.supportedValuesOf('timeZone')
const YEARS = [Date.UTC(2020, 0, 1), Date.UTC(2040, 0, 1)] as const

describe(`all ${ZONES.length} zones from 2020 to 2040`, () => {
  const changes = new Map(ZONES.map((zone) => [zone, changesOf(clockOf(zone), ...YEARS)]))

  it('have the changes that another implementation sees', () => {
    const wrong = ZONES.filter(
      (zone) => JSON.stringify(zoneNamed(zone).changes(instant(YEARS[0]), instant(YEARS[1]))) !== JSON.stringify(changes.get(zone)),
    )
    expect(wrong).toEqual([])
    expect([...changes.values()].flat().length).toBeGreaterThan(4_000) // Else this looked at nothing.
  })

  it('lose no opening in a gap and double none in an overlap', () => {
    const wrong = ZONES.flatMap((zone) => changes.get(zone)!.flatMap((change) => [...broken(zone, change)]))
    expect(wrong).toEqual([])
  })
})

describe('zones that do it their own way', () => {
  const next = { onGap: 'next-valid' } as const
  const second = { onOverlap: 'second' } as const
  // prettier-ignore
  it.each<[why: string, zone: string, schedule: string, from: string, more: Partial<CalendarRule>, first: string[]]>([
    ['Lord Howe goes on by half an hour at 02:00',         'Australia/Lord_Howe', 'cron(15 2 * * ? *)',  '2026-10-03T12:00:00Z', next,   ['2026-10-03T15:30:00Z', '2026-10-04T15:15:00Z']],
    ['… so 02:30 exists',                                  'Australia/Lord_Howe', 'cron(30 2 * * ? *)',  '2026-10-03T12:00:00Z', {},     ['2026-10-03T15:30:00Z', '2026-10-04T15:30:00Z']],
    ['… and back: 01:45 comes twice, 30 minutes apart',    'Australia/Lord_Howe', 'cron(45 1 * * ? *)',  '2026-04-04T12:00:00Z', {},     ['2026-04-04T14:45:00Z', '2026-04-05T15:15:00Z']],
    ['… the second time',                                  'Australia/Lord_Howe', 'cron(45 1 * * ? *)',  '2026-04-04T12:00:00Z', second, ['2026-04-04T15:15:00Z', '2026-04-05T15:15:00Z']],
    ['… 01:15 once',                                       'Australia/Lord_Howe', 'cron(15 1 * * ? *)',  '2026-04-04T12:00:00Z', second, ['2026-04-04T14:15:00Z', '2026-04-05T14:45:00Z']],
    ['Cairo loses midnight on the last Friday of April',   'Africa/Cairo',        'cron(0 0 * * ? *)',   '2026-04-23T12:00:00Z', next,   ['2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z']],
    ['… which is no opening on that Friday',               'Africa/Cairo',        'cron(0 0 ? * FRI *)', '2026-04-23T12:00:00Z', {},     ['2026-04-30T21:00:00Z']],
    ['Casablanca goes back for Ramadan …',                 'Africa/Casablanca',   'cron(30 2 * * ? *)',  '2025-02-22T12:00:00Z', second, ['2025-02-23T02:30:00Z', '2025-02-24T02:30:00Z']],
    ['… and on after it, in the same spring',              'Africa/Casablanca',   'cron(30 2 * * ? *)',  '2025-04-05T12:00:00Z', next,   ['2025-04-06T02:00:00Z', '2025-04-07T01:30:00Z']],
    ['Samoa left out 30 December 2011',                    'Pacific/Apia',        'cron(0 12 * * ? *)',  '2011-12-28T23:00:00Z', {},     ['2011-12-29T22:00:00Z', '2011-12-30T22:00:00Z']],
    ['… which next-valid opens as the 31st begins',        'Pacific/Apia',        'cron(0 12 * * ? *)',  '2011-12-28T23:00:00Z', next,   ['2011-12-29T22:00:00Z', '2011-12-30T10:00:00Z', '2011-12-30T22:00:00Z']],
    ['… once, however much fell into the day',             'Pacific/Apia',        'cron(0 * 30 12 ? 2011)', '2011-12-28T23:00:00Z', next, ['2011-12-30T10:00:00Z']],
    ['Kwajalein left out 21 August 1993',                  'Pacific/Kwajalein',   'cron(0 12 20-22 8 ? 1993)', '1993-08-01T00:00:00Z', {}, ['1993-08-21T00:00:00Z', '1993-08-22T00:00:00Z']],
    ['Vostok had seven hours twice in 1994',               'Antarctica/Vostok',   'cron(0 20 31 1 ? 1994)', '1994-01-31T15:00:00Z', second, ['1994-01-31T20:00:00Z']],
    ['… also asked in the middle of the first time',       'Antarctica/Vostok',   'cron(0 18 31 1 ? 1994)', '1994-01-31T16:00:00Z', second, ['1994-01-31T18:00:00Z']],
    ['Dublin’s winter is the exception, its clock is not', 'Europe/Dublin',       'cron(30 1 ? * SUN *)', '2026-03-28T12:00:00Z', next, ['2026-03-29T01:00:00Z', '2026-04-05T00:30:00Z']],
    ['… and back',                                         'Europe/Dublin',       'cron(30 1 ? * SUN *)', '2026-10-24T12:00:00Z', {},   ['2026-10-25T00:30:00Z', '2026-11-01T01:30:00Z']],
    ['Monrovia was 44:30 behind until 7 January 1972',     'Africa/Monrovia',     'cron(0 3 6-7 1 ? 1972)', '1972-01-01T00:00:00Z', {}, ['1972-01-06T03:44:30Z', '1972-01-07T03:00:00Z']],
    ['… and left out these minutes, to the second',        'Africa/Monrovia',     'cron(29 44 0 7 1 ? 1972)', '1972-01-01T00:00:00Z', next, ['1972-01-07T00:44:30Z']],
    ['… 00:44:30 exists',                                  'Africa/Monrovia',     'cron(30 44 0 7 1 ? 1972)', '1972-01-01T00:00:00Z', {}, ['1972-01-07T00:44:30Z']],
    ['Kolkata is half an hour off',                        'Asia/Kolkata',        'cron(0 3 * * ? *)',   '2026-01-01T00:00:00Z', {},     ['2026-01-01T21:30:00Z']],
    ['Kiritimati is a day ahead',                          'Pacific/Kiritimati',  'cron(0 3 1 1 ? 2027)', '2026-01-01T00:00:00Z', {},    ['2026-12-31T13:00:00Z']],
  ])('%s', (_, timezone, schedule, from, more, first) => {
    expect(opens(from, first.length, rule(schedule, { timezone, ...more }))).toEqual(first)
  })
})

describe('a zone', () => {
  it('answers the same in whatever order it is asked', () => {
    const asked = [
      '2040-06-01T00:00:00Z',
      '1975-01-01T00:00:00Z',
      '2026-11-01T06:00:00Z',
      '2026-11-01T05:59:59Z',
      '2011-07-01T00:00:00Z',
    ].map(at)
    const offsets = (order: readonly Instant[]) => new Map(order.map((one) => [one, zoneNamed('America/New_York').offsetMs(one) / HOUR]))
    // Spellings are remembered apart, so that each is a zone that knows nothing yet.
    const fresh = (name: string, order: readonly Instant[]) => new Map(order.map((one) => [one, zoneNamed(name).offsetMs(one) / HOUR]))
    const wanted = new Map(asked.map((one, i) => [one, [-4, -5, -5, -4, -4][i]]))
    expect(offsets(asked)).toEqual(wanted)
    expect(fresh('america/new_york', asked.toReversed())).toEqual(new Map([...wanted].reverse()))
  })

  it('does not miss the change that it is first asked about', () => {
    const change = at('2026-03-08T07:00:00Z')
    for (const first of [change, instant(change - 2 * DAY), instant(change + 2 * DAY)]) {
      const spelling = ['AMERICA/new_york', 'america/NEW_YORK', 'America/NEW_york'][[-2, 0, 2].indexOf((first - change) / DAY)]!
      zoneNamed(spelling).offsetMs(first)
      expect(zoneNamed(spelling).changes(instant(change - DAY), instant(change + DAY))).toEqual([
        { at: change, beforeMs: -5 * HOUR, afterMs: -4 * HOUR },
      ])
      expect(zoneNamed(spelling).place(wall(change - 5 * HOUR)).kind).toBe('gap')
    }
  })

  it('counts a change from its own instant on', () => {
    const zone = zoneNamed('America/New_York')
    const change = at('2026-11-01T06:00:00Z')
    expect(zone.changes(change, instant(change + 1))).toHaveLength(1)
    expect(zone.changes(instant(change - DAY), change)).toHaveLength(0)
    expect(zone.offsetMs(instant(change - 1))).toBe(-4 * HOUR)
    expect(zone.offsetMs(change)).toBe(-5 * HOUR)
  })

  it('keeps its offset beyond the years of schedules', () => {
    expect(zoneNamed('Europe/Berlin').offsetMs(at('0001-01-01T00:00:00Z'))).toBe(HOUR)
    expect(zoneNamed('Europe/Berlin').offsetMs(at('9999-01-01T00:00:00Z'))).toBe(HOUR)
  })
})

describe('days as numbers', () => {
  it('agree with Date over 400 years and more', () => {
    const wrong: string[] = []
    for (let days = dayNumber(1890, 1, 1); days <= dayNumber(2301, 12, 31); days++) {
      const date = new Date(days * DAY)
      const { year, month, day } = civilOf(days)
      const same = year === date.getUTCFullYear() && month === date.getUTCMonth() + 1 && day === date.getUTCDate()
      if (!same || dayNumber(year, month, day) !== days || weekdayOf(days) !== date.getUTCDay() + 1) wrong.push(date.toISOString())
    }
    expect(wrong).toEqual([])
  })

  // prettier-ignore
  it.each([[1900, 2, 28], [2000, 2, 29], [2024, 2, 29], [2100, 2, 28], [2026, 1, 31], [2026, 4, 30], [2026, 12, 31]])('%i-%i has %i days', (year, month, days) => {
    expect(daysIn(year, month)).toBe(days)
  })

  it('are written as ISO 8601 does', () => {
    expect(wallText(wall(dayNumber(2026, 3, 8) * DAY + 2 * HOUR + 5 * MINUTE + 7 * SECOND))).toBe('2026-03-08T02:05:07')
    expect(wallText(wall(-1))).toBe('1969-12-31T23:59:59')
  })
})
