import { Cron } from 'croner'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextOpenings, occurrences, type CalendarRule } from '../../../src/core/plan/calendar.ts'
import { oddities } from '../../../src/core/plan/odd-days.ts'
import { DAY, HOUR, instant, isoSeconds, MINUTE } from '../../../src/kit/instant.ts'
import { refusal, rule } from './calendar-rule.ts'

/** A field as it is written, with what it means: said again, by a date's own methods. */
type Said = Readonly<{ text: string; holds: (on: Date) => boolean }>

const NAMES = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const lengthOf = (on: Date): number => new Date(Date.UTC(on.getUTCFullYear(), on.getUTCMonth() + 1, 0)).getUTCDate()

/** Values, ranges and steps of a field from `least` to `most`. `read` takes the field's value out of a date. */
function numeric(least: number, most: number, read: (on: Date) => number, write: (value: number) => string = String): fc.Arbitrary<Said> {
  const value = fc.integer({ min: least, max: most })
  const inRange = (from: number, to: number, of: number): boolean => (from <= to ? of >= from && of <= to : of >= from || of <= to)
  const distance = (from: number, of: number): number => (of - from + (most - least + 1)) % (most - least + 1)
  const one = value.map((at): Said => ({ text: write(at), holds: (on) => read(on) === at }))
  const range = fc
    .tuple(value, value)
    .map(([from, to]): Said => ({ text: `${write(from)}-${write(to)}`, holds: (on) => inRange(from, to, read(on)) }))
  const step = fc.tuple(value, fc.integer({ min: 2, max: most })).map(([from, by]): Said => ({
    text: `${write(from)}/${by}`,
    holds: (on) => read(on) >= from && (read(on) - from) % by === 0,
  }))
  const stepped = fc.tuple(value, value, fc.integer({ min: 2, max: 6 })).map(([from, to, by]): Said => ({
    text: `${write(from)}-${write(to)}/${by}`,
    holds: (on) => inRange(from, to, read(on)) && distance(from, read(on)) % by === 0,
  }))
  return fc.oneof({ weight: 3, arbitrary: one }, range, step, stepped)
}

const listOf = (item: fc.Arbitrary<Said>, most: number): fc.Arbitrary<Said> =>
  fc.array(item, { minLength: 1, maxLength: most }).map((items) => ({
    text: items.map(({ text }) => text).join(','),
    holds: (on) => items.some(({ holds }) => holds(on)),
  }))

const any = (text: string): fc.Arbitrary<Said> => fc.constant({ text, holds: () => true })

/** The weekday that is nearest to a day, inside its month, found by looking at all of them. */
function isNearest(day: number, on: Date): boolean {
  if (day > lengthOf(on)) return false
  const days = Array.from({ length: lengthOf(on) }, (_, i) => new Date(Date.UTC(on.getUTCFullYear(), on.getUTCMonth(), i + 1)))
  const weekdays = days.filter((one) => one.getUTCDay() % 6 !== 0)
  const wanted = new Date(Date.UTC(on.getUTCFullYear(), on.getUTCMonth(), day))
  const [nearest] = weekdays.sort((a, b) => Math.abs(a.getTime() - wanted.getTime()) - Math.abs(b.getTime() - wanted.getTime()))
  return nearest?.getUTCDate() === on.getUTCDate()
}

const dayOfMonth = fc.oneof(
  { weight: 3, arbitrary: numeric(1, 31, (on) => on.getUTCDate()) },
  fc.constant<Said>({ text: 'L', holds: (on) => on.getUTCDate() === lengthOf(on) }),
  fc.integer({ min: 1, max: 30 }).map((n): Said => ({ text: `L-${n}`, holds: (on) => on.getUTCDate() === lengthOf(on) - n })),
  fc.integer({ min: 1, max: 31 }).map((n): Said => ({ text: `${n}W`, holds: (on) => isNearest(n, on) })),
  fc.constant<Said>({ text: 'LW', holds: (on) => isNearest(lengthOf(on), on) }),
)
const weekday = fc.integer({ min: 0, max: 6 })
const writtenWeekday = fc.boolean().map((named) => (day: number) => (named ? NAMES[day - 1]! : String(day)))
const dayOfWeek = fc.oneof(
  { weight: 3, arbitrary: writtenWeekday.chain((write) => numeric(1, 7, (on) => on.getUTCDay() + 1, write)) },
  fc.constant<Said>({ text: 'L', holds: (on) => on.getUTCDay() === 6 }),
  weekday.map((day): Said => ({ text: `${NAMES[day]}L`, holds: (on) => on.getUTCDay() === day && on.getUTCDate() + 7 > lengthOf(on) })),
  fc.tuple(weekday, fc.integer({ min: 1, max: 5 })).map(([day, nth]): Said => ({
    text: `${day + 1}#${nth}`,
    holds: (on) => on.getUTCDay() === day && Math.ceil(on.getUTCDate() / 7) === nth,
  })),
)
const month = fc
  .boolean()
  .chain((named) => numeric(1, 12, (on) => on.getUTCMonth() + 1, named ? (value) => MONTHS[value - 1]!.toLowerCase() : String))
const days = fc.oneof(
  fc.tuple(fc.oneof(any('*'), listOf(dayOfMonth, 3)), any('?')),
  fc.tuple(any('?'), fc.oneof(any('*'), listOf(dayOfWeek, 3))),
)
/** Minutes at least five apart. */
const minute = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(0, 1, 30, 45, 59).map((at): Said => ({ text: String(at), holds: (on) => on.getUTCMinutes() === at })),
  },
  fc.constantFrom(5, 7, 15, 20, 30).map((by): Said => ({ text: `*/${by}`, holds: (on) => on.getUTCMinutes() % by === 0 })),
  fc.constant<Said>({ text: '50,10-30/10', holds: (on) => [10, 20, 30, 50].includes(on.getUTCMinutes()) }),
)
const hour = fc.oneof(
  { weight: 2, arbitrary: any('*') },
  listOf(
    numeric(0, 23, (on) => on.getUTCHours()),
    2,
  ),
)
const cron = fc
  .record({ minute, hour, days, month: fc.oneof({ weight: 4, arbitrary: any('*') }, listOf(month, 2)), year: any('*') })
  .map(({ minute, hour, days: [ofMonth, ofWeek], month, year }): Said => {
    const fields = [minute, hour, ofMonth, month, ofWeek, year]
    return { text: `cron(${fields.map(({ text }) => text).join(' ')})`, holds: (on) => fields.every(({ holds }) => holds(on)) }
  })
  .filter(({ text }) => !neverComes(text)) // The 31st of April and September is refused; others look at that.

/** Every minute of a zone around a clock change: what its clock shows, as a date whose UTC is local. */
function minutesOf(timeZone: string, from: number, count: number): number[] {
  const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts })
  return Array.from({ length: count }, (_, i) => {
    const [, month, day, year, hour, minute] = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+)$/.exec(format.format(from + i * MINUTE))!.map(Number)
    return Date.UTC(year!, month! - 1, day, hour, minute)
  })
}

/**
 * The openings by looking at every minute: a local time counts the first or the last time that it is shown; a jump of the clock opens at once
 * if anything in it would have.
 */
function scanned(said: Said, { onGap, onOverlap, offsetDays = 0 }: CalendarRule, from: number, shown: readonly number[]): number[] {
  const openings = new Map<number, number>()
  const found = new Set<number>()
  const hits = (local: number): boolean => said.holds(new Date(local - offsetDays * DAY))
  shown.forEach((local, i) => {
    const jump = i === 0 ? 0 : local - shown[i - 1]! - MINUTE
    for (let missed = local - jump; onGap === 'next-valid' && missed < local; missed += MINUTE)
      if (hits(missed)) found.add(from + i * MINUTE)
    if (hits(local) && !(onOverlap === 'first' && openings.has(local))) openings.set(local, from + i * MINUTE)
  })
  return [...new Set([...found, ...openings.values()])].sort((a, b) => a - b)
}

const NIGHTS = [
  { timezone: 'America/New_York', from: Date.UTC(2026, 2, 1) },
  { timezone: 'America/New_York', from: Date.UTC(2026, 9, 20) },
  { timezone: 'Europe/Berlin', from: Date.UTC(2028, 2, 20) },
  { timezone: 'Australia/Lord_Howe', from: Date.UTC(2026, 3, 1) },
  { timezone: 'Australia/Lord_Howe', from: Date.UTC(2026, 8, 25) },
  { timezone: 'Africa/Casablanca', from: Date.UTC(2025, 1, 15) },
  { timezone: 'Pacific/Apia', from: Date.UTC(2011, 11, 20) },
  { timezone: 'Africa/Cairo', from: Date.UTC(2026, 3, 15) },
  { timezone: 'UTC', from: Date.UTC(2028, 1, 10) },
] as const
const SHOWN = NIGHTS.map(({ timezone, from }) => minutesOf(timezone, from, 25 * 24 * 60))
/** Drawn by its place, so that a counterexample can be read. */
const night = fc.nat({ max: NIGHTS.length - 1 })

describe('against a look at every minute of 25 days around a clock change', () => {
  const policy = fc.record({
    onGap: fc.constantFrom('skip', 'next-valid'),
    onOverlap: fc.constantFrom('first', 'second'),
    offsetDays: fc.constantFrom(0, 0, 1, 6),
  })

  it('opens at the same instants', () => {
    let openings = 0
    fc.assert(
      fc.property(cron, policy, night, (said, more, place) => {
        const [{ timezone, from }, shown] = [NIGHTS[place]!, SHOWN[place]!]
        const one = rule(said.text, { timezone, ...more })
        // A day from either end a change outside the scanned range cannot reach in.
        const [begin, end] = [from + 8 * DAY, from + 24 * DAY]
        const wanted = scanned(said, one, from, shown).filter((at) => at > begin && at < end)
        const found = openingsBetween(one, begin, end)
        expect(found.map((at) => isoSeconds(instant(at)))).toEqual(wanted.map((at) => isoSeconds(instant(at))))
        openings += found.length
      }),
      { numRuns: 300 },
    )
    expect(openings).toBeGreaterThan(2_000) // Else hardly anything was compared.
  })

  it('lists the same openings to people, in the order of time, each hit with its reason not to open', () => {
    fc.assert(
      fc.property(cron, policy, night, (said, more, place) => {
        const { timezone, from } = NIGHTS[place]!
        const one = rule(said.text, { timezone, ...more, durationMs: 6 * HOUR })
        const [begin, end] = [from + 8 * DAY, from + 20 * DAY]
        const rows = [...oddities(one, instant(begin), instant(end))]
        expect(rows.flatMap((row) => row.opens ?? [])).toEqual(openingsBetween(one, begin, end))
        for (const row of rows)
          expect(row.opens !== null || row.marks.some((mark) => ['gap-skipped', 'gap-merged', 'no-such-day'].includes(mark))).toBe(true)
        for (const row of rows) expect(row.odd).toHaveLength(row.marks.length)
        const hits = rows.filter(({ marks }) => !marks.includes('no-such-day')).map(({ local }) => local)
        expect(hits).toEqual(hits.toSorted())
      }),
      { numRuns: 200 },
    )
  })

  it('asked one by one gives what asked at once gives', () => {
    fc.assert(
      fc.property(cron, policy, night, (said, more, place) => {
        const { timezone, from } = NIGHTS[place]!
        const one = rule(said.text, { timezone, ...more })
        const together = nextOpenings(one, instant(from + 6 * DAY), 60).map(({ opens }) => opens)
        let at = instant(from + 6 * DAY)
        const single = together.map(() => (at = nextOpenings(one, at, 1)[0]!.opens))
        expect(single).toEqual(together)
        const told = [...occurrencesUntil(one, from + 6 * DAY, together.at(-1) ?? 0)]
        expect(told).toEqual(together)
      }),
      { numRuns: 200 },
    )
  })
})

function openingsBetween(one: CalendarRule, begin: number, end: number): number[] {
  // Five minutes apart at least: no range has more.
  return nextOpenings({ ...one, durationMs: 0 }, instant(begin), Math.ceil((end - begin) / (4 * MINUTE))).flatMap(({ opens }) =>
    opens < end ? [opens] : [],
  )
}

function* occurrencesUntil(one: CalendarRule, begin: number, last: number): Generator<number> {
  for (const { opens } of occurrences(one, instant(begin))) {
    if (opens !== null && opens > last) return
    if (opens !== null) yield opens
    if (opens === last) return
  }
}

describe('against croner, in UTC', () => {
  const value = (from: number, to: number) => fc.integer({ min: from, max: to })
  /** What both write alike, but for the forms that croner does not take: `0/15` is `0-59/15` there, ranges do not wrap, weekdays go by name. */
  const field = (from: number, to: number): fc.Arbitrary<readonly [ours: string, theirs: string]> =>
    fc.oneof(
      fc.constant(['*', '*'] as const),
      value(from, to).map((one) => [String(one), String(one)] as const),
      fc
        .tuple(value(from, to), value(from, to))
        .map(([a, b]) => [`${Math.min(a, b)}-${Math.max(a, b)}`, `${Math.min(a, b)}-${Math.max(a, b)}`] as const),
      fc.tuple(value(from, to), value(2, to)).map(([start, by]) => [`${start}/${by}`, `${start}-${to}/${by}`] as const),
      fc.uniqueArray(value(from, to), { minLength: 2, maxLength: 4 }).map((list) => [list.join(','), list.join(',')] as const),
    )
  const minutes = fc.oneof(
    value(0, 59).map((one) => [String(one), String(one)] as const),
    fc.tuple(value(0, 59), value(5, 30)).map(([start, by]) => [`${start}/${by}`, `${start}-59/${by}`] as const),
  )
  const ofMonth = fc.oneof(
    field(1, 31),
    fc.constantFrom('L', 'LW', '15W', '1W', '31W', '1,15,L', '10-20,L').map((text) => [text, text] as const),
  )
  const ofWeek = fc.oneof(
    weekday.map((day) => [String(day + 1), NAMES[day]!] as const),
    fc.constantFrom('MON-FRI', 'SUN,WED', 'TUE-SAT').map((text) => [text, text] as const),
    weekday.map((day) => [`${day + 1}L`, `${NAMES[day]}#L`] as const),
    fc.tuple(weekday, value(1, 5)).map(([day, nth]) => [`${NAMES[day]}#${nth}`, `${NAMES[day]}#${nth}`] as const),
    fc.constant(['MON#1,THU#3', 'MON#1,THU#3'] as const),
  )
  const daysOfBoth = fc.oneof(
    ofMonth.map(([ours, theirs]) => ({ ours: [ours, '?'], theirs: [theirs, '*'] }) as const),
    ofWeek.map(([ours, theirs]) => ({ ours: ['?', ours], theirs: ['*', theirs] }) as const),
  )
  const years = fc.oneof(
    { weight: 3, arbitrary: fc.constant(['*', '*'] as const) },
    fc.constantFrom('2027', '2028-2032', '2026,2030,2044').map((text) => [text, text] as const),
  )

  it('opens at the same minutes', () => {
    let openings = 0
    const from = Date.UTC(2026, 0, 1)
    fc.assert(
      fc.property(minutes, field(0, 23), daysOfBoth, field(1, 12), years, (minute, hour, day, month, year) => {
        const ours = `cron(${[minute[0], hour[0], day.ours[0], month[0], day.ours[1], year[0]].join(' ')})`
        const theirs = ['0', minute[1], hour[1], day.theirs[0], month[1], day.theirs[1], year[1]].join(' ')
        const runs = new Cron(theirs, { timezone: 'UTC' }).nextRuns(20, new Date(from)).map((run) => run.getTime())
        const wanted = runs.filter((run) => run < Date.UTC(2200, 0, 1)) // It knows later years.
        const found = neverComes(ours) ? [] : nextOpenings(rule(ours), instant(from), 20).map(({ opens }) => opens)
        expect(found.slice(0, wanted.length)).toEqual(wanted)
        // It gives up where days are years apart.
        if (wanted.length < found.length) expect(found[wanted.length]! - (wanted.at(-1) ?? from)).toBeGreaterThan(365 * DAY)
        openings += wanted.length
      }),
      { numRuns: 1_000 },
    )
    expect(openings).toBeGreaterThan(10_000)
  })
})

/** Whether it is refused for a day that no month has. */
const neverComes = (schedule: string): boolean => (refusal(rule(schedule)) as { rule?: string }).rule === 'never'
