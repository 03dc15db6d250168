import { Temporal } from 'temporal-polyfill'
import { instant, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { daysIn, invalid, parseSchedule, YEARS, type Cron, type DayRule, type LocalTime } from './schedule.ts'
import type { WindowTimes } from './plan.ts'

/** A maintenance schedule in its zone. `start` is part of the validity, `end` is not. Without `start`, `rate()` counts from the instant that is asked about. */
export type CalendarRule = Readonly<{
  schedule: string
  timezone: string
  durationMs: Ms
  cutoffMs: Ms
  /** A local time that does not exist: the next one that does, or none. */
  onGap: 'next-valid' | 'skip'
  /** A local time that occurs twice. It is never used twice. */
  onOverlap: 'first' | 'second'
  start?: Instant | null
  end?: Instant | null
  /** 0-6 days after the hit, on the zone's own calendar; `cron()` only. */
  offsetDays?: number
}>

/** One hit of a schedule. `opens` is null where `onGap: skip` left it out. */
export type Occurrence = Readonly<{ local: string; opens: Instant | null; odd: 'gap' | 'overlap' | null }>

/** Local times are searched from this long before `after`: no zone repeats more than three hours. */
const OVERLAP_HOURS_MAX = 3

/**
 * The next openings strictly after `after`, at most `count`, fewer when there are no more.
 * @throws `schedule.invalid`
 */
export function nextOpenings(rule: CalendarRule, after: Instant, count: number): WindowTimes[] {
  if (rule.durationMs > 0 && rule.cutoffMs >= rule.durationMs)
    throw invalid('cutoff', 1, 'cutoff', 'the cutoff is not shorter than the duration', 'leave time to start something')
  const found: WindowTimes[] = []
  if (count <= 0) return found
  for (const { opens } of occurrences(rule, after)) {
    if (opens === null) continue
    const closes = plus(opens, rule.durationMs)
    found.push({ opens, cutoff: plus(closes, -rule.cutoffMs), closes })
    if (found.length === count) break
  }
  return found
}

/**
 * Every hit after `after` in the order of time, those that a clock change swallowed included: for showing a calendar to people.
 * @throws `schedule.invalid`
 */
export function* occurrences(rule: CalendarRule, after: Instant): Generator<Occurrence, void, undefined> {
  const zone = zoneOf(rule.timezone)
  const schedule = parseSchedule(rule.schedule)
  const offset = rule.offsetDays ?? 0
  if (!Number.isInteger(offset) || offset < 0 || offset > 6)
    throw invalid('offset', 1, 'offset', `${String(offset)} days`, 'the offset is a whole number of days, 0-6')
  if (offset > 0 && schedule.kind !== 'cron')
    throw invalid('offset', 1, 'offset', 'an offset needs cron()', 'leave the offset out or write cron()')
  if (schedule.kind === 'rate') yield* rateHits(rule, schedule.everyMs, after)
  else if (schedule.kind === 'at') yield* atHit(rule, zone, schedule.local, after)
  else yield* cronHits(rule, zone, schedule.cron, after)
}

/** Which zone data the openings were computed with, for the record: what the runtime says of itself, else `runtime`. */
export const zoneDataOf = (version: string | undefined): string => version ?? 'runtime'

function zoneOf(name: string): string {
  const hint = 'write an IANA name such as Europe/Berlin or UTC'
  if (!/^[A-Za-z]/.test(name)) throw invalid('timezone', 1, 'timezone', `"${name}" is no time zone`, hint)
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId
  } catch (cause) {
    if (cause instanceof RangeError) throw invalid('timezone', 1, 'timezone', `"${name}" is no time zone`, hint)
    throw cause
  }
}

function* rateHits(rule: CalendarRule, everyMs: Ms, after: Instant): Generator<Occurrence, void, undefined> {
  const start = rule.start ?? after
  const first = after < start ? 0 : Math.floor((after - start) / everyMs) + 1
  for (let turn = first; ; turn += 1) {
    const opens = plus(start, turn * everyMs)
    if (opens > LAST || over(rule, opens)) return
    yield { local: '', opens, odd: null }
  }
}

function* atHit(rule: CalendarRule, zone: string, local: LocalTime, after: Instant): Generator<Occurrence, void, undefined> {
  const hit = onClock(rule, zone, Temporal.PlainDateTime.from(local))
  const opens = hit.opens ?? hit.at
  if (opens > after && opens >= (rule.start ?? opens) && !over(rule, opens)) yield hit
}

/** The last instant whose year the grammar knows. */
const LAST = instant(Temporal.Instant.from(`${String(YEARS.most)}-12-31T23:59:59Z`).epochMilliseconds)

const over = (rule: CalendarRule, opens: Instant): boolean => rule.end !== undefined && rule.end !== null && opens >= rule.end

function* cronHits(rule: CalendarRule, zone: string, cron: Cron, after: Instant): Generator<Occurrence, void, undefined> {
  const offset = rule.offsetDays ?? 0
  const begin = rule.start !== undefined && rule.start !== null && rule.start > after ? rule.start : after
  const from = wallOf(begin, zone).subtract({ days: offset, hours: OVERLAP_HOURS_MAX })
  let last: Instant | undefined
  for (const local of localHits(cron, from)) {
    // A hit before the validity has no opening, even when its offset reaches into it: as AWS leaves out the period whose cron day has passed.
    if (offset > 0 && rule.start && onClock(rule, zone, local).at < rule.start) continue
    const hit = onClock(rule, zone, local.add({ days: offset }))
    if (over(rule, hit.at)) return
    if (hit.at <= after || hit.at < (rule.start ?? hit.at)) continue
    if (hit.opens === null) yield hit
    else if (hit.opens !== last) {
      last = hit.opens
      yield hit
    }
  }
}

const wallOf = (at: Instant, zone: string): Temporal.PlainDateTime =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDateTime()

/** Where a local time falls. `at` is set even for a swallowed one: the end of the gap. */
function onClock(rule: CalendarRule, zone: string, local: Temporal.PlainDateTime): Occurrence & { readonly at: Instant } {
  const text = local.toString({ smallestUnit: 'second' })
  const earlier = local.toZonedDateTime(zone, { disambiguation: 'earlier' })
  const later = local.toZonedDateTime(zone, { disambiguation: 'later' })
  if (earlier.epochMilliseconds === later.epochMilliseconds) {
    const at = instant(earlier.epochMilliseconds)
    return { local: text, at, opens: at, odd: null }
  }
  if (earlier.toPlainDateTime().equals(local)) {
    const at = instant((rule.onOverlap === 'first' ? earlier : later).epochMilliseconds)
    return { local: text, at, opens: at, odd: 'overlap' }
  }
  const at = instant((earlier.getTimeZoneTransition('next') ?? later).epochMilliseconds)
  return { local: text, at, opens: rule.onGap === 'skip' ? null : at, odd: 'gap' }
}

/** Local times that a cron expression names, from `from` on, in order. */
function* localHits(cron: Cron, from: Temporal.PlainDateTime): Generator<Temporal.PlainDateTime, void, undefined> {
  for (const year of cron.years) {
    if (year < from.year) continue
    for (const month of cron.months) {
      if (year === from.year && month < from.month) continue
      for (const day of daysOf(cron, year, month)) yield* timesOf(cron, { year, month, day }, from)
    }
  }
}

function* timesOf(
  cron: Cron,
  date: { year: number; month: number; day: number },
  from: Temporal.PlainDateTime,
): Generator<Temporal.PlainDateTime, void, undefined> {
  const order = Temporal.PlainDate.compare(Temporal.PlainDate.from(date), from.toPlainDate())
  if (order < 0) return
  for (const hour of cron.hours) {
    if (order === 0 && hour < from.hour) continue
    for (const minute of cron.minutes)
      for (const second of cron.seconds) yield Temporal.PlainDateTime.from({ ...date, hour, minute, second })
  }
}

function daysOf(cron: Cron, year: number, month: number): number[] {
  const length = daysIn(year, month)
  const firstWeekday = weekdayOf(year, month)
  const rules = cron.daysOfMonth[0]?.on === 'any-day' ? cron.daysOfWeek : cron.daysOfMonth
  const days = new Set(rules.flatMap((rule) => daysBy(rule, length, firstWeekday)))
  return [...days].sort((a, b) => a - b)
}

/** Weekday of the first of a month, SUN = 1. */
const weekdayOf = (year: number, month: number): number => (Temporal.PlainDate.from({ year, month, day: 1 }).dayOfWeek % 7) + 1

function daysBy(rule: DayRule, length: number, firstWeekday: number): number[] {
  const weekday = (day: number): number => ((firstWeekday + day - 2) % 7) + 1
  switch (rule.on) {
    case 'any-day':
      return Array.from({ length }, (_, index) => index + 1)
    case 'day':
      return rule.day <= length ? [rule.day] : []
    case 'last-day':
      return [length]
    case 'nearest-weekday':
      return rule.day <= length ? [nearestWeekday(rule.day, length, weekday)] : []
    case 'last-weekday':
      return [nearestWeekday(length, length, weekday)]
    case 'weekday':
      return weekly(rule.weekday, length, firstWeekday)
    case 'nth-weekday': {
      const day = weekly(rule.weekday, length, firstWeekday).at(rule.nth > 0 ? rule.nth - 1 : -1)
      return day === undefined ? [] : [day]
    }
  }
}

function weekly(weekday: number, length: number, firstWeekday: number): number[] {
  const days: number[] = []
  for (let day = ((weekday - firstWeekday + 7) % 7) + 1; day <= length; day += 7) days.push(day)
  return days
}

/** Saturday goes back to Friday, Sunday on to Monday, but never into another month. */
function nearestWeekday(day: number, length: number, weekday: (day: number) => number): number {
  if (weekday(day) === 7) return day > 1 ? day - 1 : day + 2
  if (weekday(day) === 1) return day < length ? day + 1 : day - 2
  return day
}
