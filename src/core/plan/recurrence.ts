import { Temporal } from 'temporal-polyfill'

/**
 * A recurrence rule of RFC 5545 (3.3.10), from daily to yearly. Empty lists say nothing. Weekdays count from MON = 1; `nth` 0 is every one.
 */
export type Rule = Readonly<{
  every: 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY'
  interval: number
  count: number | null
  /** As ical.js writes it: a day or a time. */
  until: string | null
  weekStart: number
  months: readonly number[]
  weeks: readonly number[]
  yearDays: readonly number[]
  monthDays: readonly number[]
  weekdays: readonly Readonly<{ weekday: number; nth: number }>[]
  hours: readonly number[]
  minutes: readonly number[]
  seconds: readonly number[]
  positions: readonly number[]
}>

/** How much searching is left for a file; what is spent beyond it throws through `over`. */
export type Budget = { left: number; readonly over: () => Error }

/** Where hits are wanted, by the wall clock of the rule. Both included. */
export type Stretch = Readonly<{ from: Temporal.PlainDateTime; to: Temporal.PlainDateTime }>

/** Searching this many days takes a second or two. A thousand weekly events over two years need 104,000, a daily one counted for 50 years 18,000. */
export const DAYS_SEARCHED_MAX = 200_000

/** Every quarter of an hour: what repeats more often is no freeze that anybody wrote. */
const TIMES_A_DAY_MAX = 96

const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']
const LISTS: Readonly<Record<string, readonly [least: number, most: number, orNegative: boolean]>> = {
  bymonth: [1, 12, false],
  byweekno: [1, 53, true],
  byyearday: [1, 366, true],
  bymonthday: [1, 31, true],
  byhour: [0, 23, false],
  byminute: [0, 59, false],
  bysecond: [0, 59, false],
  bysetpos: [1, 366, true],
}
const KEYS = new Set(['freq', 'interval', 'count', 'until', 'wkst', 'byday', ...Object.keys(LISTS)])
/** Longer pauses than any calendar writes; beyond it is a slip. */
const INTERVAL_MAX = 10_000

/** The rule in what ical.js made of an RRULE; a text says what is wrong with it. */
export function parseRule(value: unknown): Rule | string {
  if (typeof value !== 'object' || value === null) return 'it is empty'
  const parts = value as Readonly<Record<string, unknown>>
  const strange = Object.keys(parts).find((key) => !KEYS.has(key))
  if (strange !== undefined) return `${strange.toUpperCase()} is not known`
  const { freq, interval = 1, count = null, until = null, wkst } = parts
  if (freq !== 'DAILY' && freq !== 'WEEKLY' && freq !== 'MONTHLY' && freq !== 'YEARLY')
    return 'FREQ is none of DAILY, WEEKLY, MONTHLY and YEARLY'
  if (!isWhole(interval, 1, INTERVAL_MAX)) return `INTERVAL is not 1-${String(INTERVAL_MAX)}`
  if (count !== null && !isWhole(count, 1, DAYS_SEARCHED_MAX)) return `COUNT is not 1-${String(DAYS_SEARCHED_MAX)}`
  if (until !== null && (typeof until !== 'string' || wallText(until) === undefined)) return 'UNTIL is no day or time'
  if (until !== null && count !== null) return 'COUNT and UNTIL exclude each other'
  const weekStart = wkst === undefined ? 1 : weekStartOf(wkst)
  if (weekStart === 0) return 'WKST is no weekday'
  const weekdays = listOf(parts['byday']).map(weekdayOf)
  if (weekdays.some(({ weekday }) => weekday === 0)) return 'BYDAY has something else than weekdays'
  for (const [key, bounds] of Object.entries(LISTS))
    if (!listOf(parts[key]).every((one) => fits(one, bounds))) return `${key.toUpperCase()} is out of its bounds`
  const numbers = (key: string): readonly number[] => listOf(parts[key]).filter((one) => typeof one === 'number')
  const rule: Rule = {
    every: freq,
    interval,
    count,
    until,
    weekStart,
    weekdays,
    months: numbers('bymonth'),
    weeks: numbers('byweekno'),
    yearDays: numbers('byyearday'),
    monthDays: numbers('bymonthday'),
    hours: numbers('byhour'),
    minutes: numbers('byminute'),
    seconds: numbers('bysecond'),
    positions: numbers('bysetpos'),
  }
  return contradiction(rule) ?? rule
}

/** A day (its midnight) or time as ical.js writes it, without its `Z`; nothing for what is neither. */
export function wallText(text: string): Temporal.PlainDateTime | undefined {
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z?)?$/.test(text)) return undefined
  try {
    return Temporal.PlainDateTime.from(text.replace('Z', ''))
  } catch (cause) {
    if (cause instanceof RangeError) return undefined
    throw cause
  }
}

/** What the standard forbids together. */
function contradiction(rule: Rule): string | undefined {
  const { every, weekdays, weeks, yearDays, monthDays, positions } = rule
  const counted = weekdays.some(({ nth }) => nth !== 0)
  if (counted && every !== 'MONTHLY' && every !== 'YEARLY') return `BYDAY takes no number with FREQ=${every}`
  if (counted && weeks.length > 0) return 'BYDAY takes no number with BYWEEKNO'
  if (weeks.length > 0 && every !== 'YEARLY') return `BYWEEKNO does not go with FREQ=${every}`
  if (yearDays.length > 0 && every !== 'YEARLY') return `BYYEARDAY does not go with FREQ=${every}`
  if (monthDays.length > 0 && every === 'WEEKLY') return 'BYMONTHDAY does not go with FREQ=WEEKLY'
  const times = Math.max(1, rule.hours.length) * Math.max(1, rule.minutes.length) * Math.max(1, rule.seconds.length)
  if (times > TIMES_A_DAY_MAX) return `it hits more than ${String(TIMES_A_DAY_MAX)} times a day`
  const none = Object.values(rule).every((value) => !Array.isArray(value) || value === positions || value.length === 0)
  return positions.length > 0 && none ? 'BYSETPOS needs another BY part' : undefined
}

/**
 * The times after `start` at which a rule hits, by the wall clock, in order, within `stretch`. `start` itself is the first time of the whole,
 * whether the rule names it or not, and counts in COUNT. UNTIL is left to the caller, who knows the zone.
 */
export function* hits(
  given: Rule,
  start: Temporal.PlainDateTime,
  stretch: Stretch,
  budget: Budget,
): Generator<Temporal.PlainDateTime, void, undefined> {
  const rule = completed(given, start)
  const last = stretch.to.toPlainDate()
  let left = rule.count === null ? Infinity : rule.count - 1
  for (let turn = rule.count === null ? turnAt(rule, start, stretch.from) : 0; left > 0; turn += 1) {
    const first = periodAt(rule, start.toPlainDate(), turn)
    if (first === undefined || Temporal.PlainDate.compare(first, last) > 0) return
    for (const hit of chosen(rule, hitsIn(rule, first, start, budget))) {
      if (Temporal.PlainDateTime.compare(hit, start) <= 0) continue
      if (Temporal.PlainDateTime.compare(hit, stretch.to) > 0 || left === 0) return
      left -= 1
      if (Temporal.PlainDateTime.compare(hit, stretch.from) >= 0) yield hit
    }
  }
}

/** The rule with what the standard takes from the start where the rule is silent. */
function completed(rule: Rule, start: Temporal.PlainDateTime): Rule {
  const { every, months, weeks, yearDays, monthDays, weekdays } = rule
  const silent = weekdays.length === 0 && monthDays.length === 0 && yearDays.length === 0
  if (!silent || every === 'DAILY') return rule
  const sameWeekday = { weekdays: [{ weekday: start.dayOfWeek, nth: 0 }] }
  if (every === 'WEEKLY' || weeks.length > 0) return { ...rule, ...sameWeekday }
  const sameDay = { monthDays: [start.day] }
  return every === 'YEARLY' && months.length === 0 ? { ...rule, ...sameDay, months: [start.month] } : { ...rule, ...sameDay }
}

const UNIT = { DAILY: 'days', WEEKLY: 'weeks', MONTHLY: 'months', YEARLY: 'years' } as const

/** The turn from which on a hit at or after `from` can be: the one before, to be safe. */
function turnAt(rule: Rule, start: Temporal.PlainDateTime, from: Temporal.PlainDateTime): number {
  const unit = UNIT[rule.every]
  const passed = start.toPlainDate().until(from.toPlainDate(), { largestUnit: unit })[unit]
  return Math.max(0, Math.floor(passed / rule.interval) - 1)
}

/** The first day of a period; nothing beyond the end of the calendar. */
function periodAt(rule: Rule, start: Temporal.PlainDate, turn: number): Temporal.PlainDate | undefined {
  try {
    return beginning(rule, start).add({ [UNIT[rule.every]]: turn * rule.interval })
  } catch (cause) {
    if (cause instanceof RangeError) return undefined
    throw cause
  }
}

function beginning(rule: Rule, day: Temporal.PlainDate): Temporal.PlainDate {
  if (rule.every === 'YEARLY') return day.with({ month: 1, day: 1 })
  if (rule.every === 'MONTHLY') return day.with({ day: 1 })
  return rule.every === 'WEEKLY' ? day.subtract({ days: (day.dayOfWeek - rule.weekStart + 7) % 7 }) : day
}

function hitsIn(rule: Rule, first: Temporal.PlainDate, start: Temporal.PlainDateTime, budget: Budget): Temporal.PlainDateTime[] {
  const found: Temporal.PlainDateTime[] = []
  for (const day of daysIn(rule, first, budget)) {
    if (!isOn(rule, day)) continue
    for (const hour of orElse(rule.hours, start.hour))
      for (const minute of orElse(rule.minutes, start.minute))
        for (const second of orElse(rule.seconds, start.second)) {
          if (found.length > 0) spend(budget)
          found.push(day.toPlainDateTime({ hour, minute, second }))
        }
  }
  return found
}

function* daysIn(rule: Rule, first: Temporal.PlainDate, budget: Budget): Generator<Temporal.PlainDate, void, undefined> {
  if (rule.every === 'MONTHLY') yield* daysOfMonth(rule, first, budget)
  else if (rule.every === 'YEARLY') for (let month = 1; month <= 12; month += 1) yield* daysOfMonth(rule, first.with({ month }), budget)
  else if (rule.every === 'WEEKLY') yield* daysOfWeek(rule, first, budget)
  else {
    spend(budget)
    yield first
  }
}

function* daysOfWeek(rule: Rule, first: Temporal.PlainDate, budget: Budget): Generator<Temporal.PlainDate, void, undefined> {
  spend(budget)
  for (let day = 0; day < 7; day += 1)
    if (rule.weekdays.some(({ weekday }) => weekday === ((rule.weekStart + day - 1) % 7) + 1)) yield first.add({ days: day })
}

/** The days of a month that may fit; most do not, and dates are dear. */
function* daysOfMonth(rule: Rule, first: Temporal.PlainDate, budget: Budget): Generator<Temporal.PlainDate, void, undefined> {
  const { months, monthDays, weekdays } = rule
  spend(budget)
  if (months.length > 0 && !months.includes(first.month)) return
  const { daysInMonth, dayOfWeek } = first
  for (let day = 1; day <= daysInMonth; day += 1) {
    spend(budget)
    if (monthDays.length > 0 && !either(monthDays, day, daysInMonth)) continue
    if (weekdays.length > 0 && !weekdays.some(({ weekday }) => weekday === ((dayOfWeek + day - 2) % 7) + 1)) continue
    yield first.with({ day })
  }
}

/** Whether a day fits every part of the rule. Within a period the standard's expanding and limiting come to the same. */
function isOn(rule: Rule, day: Temporal.PlainDate): boolean {
  const { months, monthDays, yearDays, weeks, weekdays } = rule
  if (months.length > 0 && !months.includes(day.month)) return false
  if (monthDays.length > 0 && !either(monthDays, day.day, day.daysInMonth)) return false
  if (yearDays.length > 0 && !either(yearDays, day.dayOfYear, day.daysInYear)) return false
  if (weekdays.length > 0 && !weekdays.some((one) => isWeekday(rule, one, day))) return false
  return weeks.length === 0 || isInWeek(rule, day)
}

/** Whether a place is named, counted from the first (1) or from the last (-1). */
const either = (named: readonly number[], place: number, of: number): boolean => named.includes(place) || named.includes(place - of - 1)

function isWeekday(rule: Rule, { weekday, nth }: Rule['weekdays'][number], day: Temporal.PlainDate): boolean {
  if (day.dayOfWeek !== weekday) return false
  if (nth === 0) return true
  const ofYear = rule.every === 'YEARLY' && rule.months.length === 0
  const [place, of] = ofYear ? [day.dayOfYear, day.daysInYear] : [day.day, day.daysInMonth]
  return nth > 0 ? Math.ceil(place / 7) === nth : Math.ceil((of - place + 1) / 7) === -nth
}

/** A week belongs to the year that has most of its days. */
function isInWeek(rule: Rule, day: Temporal.PlainDate): boolean {
  const middle = middleOf(day, rule.weekStart)
  const count = Math.ceil(middleOf(middle.with({ month: 12, day: 28 }), rule.weekStart).dayOfYear / 7)
  return either(rule.weeks, Math.ceil(middle.dayOfYear / 7), count)
}

const middleOf = (day: Temporal.PlainDate, weekStart: number): Temporal.PlainDate =>
  day.add({ days: 3 - ((day.dayOfWeek - weekStart + 7) % 7) })

function chosen(rule: Rule, found: Temporal.PlainDateTime[]): readonly Temporal.PlainDateTime[] {
  const sorted = found.sort((a, b) => Temporal.PlainDateTime.compare(a, b))
  return rule.positions.length === 0 ? sorted : sorted.filter((_, index) => either(rule.positions, index + 1, sorted.length))
}

function spend(budget: Budget): void {
  if (budget.left <= 0) throw budget.over()
  budget.left -= 1 // A search shares one budget over all its rules.
}

const orElse = (list: readonly number[], one: number): readonly number[] => (list.length > 0 ? list : [one])
const listOf = (value: unknown): readonly unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value])
const isWhole = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
const fits = (value: unknown, [least, most, orNegative]: readonly [number, number, boolean]): boolean =>
  isWhole(value, least, most) || (orNegative && isWhole(value, -most, -least))

/** ical.js gives the week's start as a number from SUN = 1 or leaves its name. */
function weekStartOf(value: unknown): number {
  if (typeof value === 'number') return isWhole(value, 1, 7) ? ((value + 5) % 7) + 1 : 0
  return WEEKDAYS.indexOf(String(value)) + 1
}

function weekdayOf(value: unknown): Rule['weekdays'][number] {
  const found = /^([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)$/.exec(String(value))
  const nth = Number(found?.[1] ?? 0)
  const wrong = !found || Math.abs(nth) > 53 || (found[1] !== undefined && nth === 0)
  return wrong ? { weekday: 0, nth: 0 } : { weekday: WEEKDAYS.indexOf(found[2] ?? '') + 1, nth }
}
