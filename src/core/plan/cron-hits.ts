import { DAY, type Ms } from '../../kit/instant.ts'
import { civilOf, dayNumber, daysIn, wall, weekdayOf, type Wall } from './civil.ts'
import type { Cron } from './cron.ts'
import type { DayRule } from './cron-day.ts'

/** A cron made ready for searching: times of a day, and days of each shape of month (length, weekday of the first) that has been met. */
type Ready = Readonly<{ times: readonly Ms[]; rules: readonly DayRule[]; days: Map<number, readonly number[]> }>

/** What follows from a cron alone. It goes when the cron goes. */
const READY = new WeakMap<Cron, Ready>()

/** The local times that a cron names, from `from` on, in order. */
export function* wallHits(cron: Cron, from: Wall): Generator<Wall, void, undefined> {
  const ready = readyOf(cron)
  const begin = civilOf(Math.floor(from / DAY))
  for (let place = yearFrom(cron, begin.year); place < cron.years.length; place++) {
    const year = cron.years[place] ?? 0
    for (const month of cron.months) {
      if (year === begin.year && month < begin.month) continue
      const first = dayNumber(year, month, 1)
      for (const day of daysOf(ready, daysIn(year, month), weekdayOf(first))) {
        const midnight = (first + day - 1) * DAY
        if (midnight + DAY <= from) continue
        for (const time of ready.times) if (midnight + time >= from) yield wall(midnight + time)
      }
    }
  }
}

/** A month of a cron in which rules of its own have no day. */
type Without = Readonly<{ year: number; month: number; rules: readonly DayRule[] }>

/** Months of a cron from the one of `from` on in which a rule that was meant by itself has no day: no fifth Monday, no 31st. */
export function* monthsWithout(cron: Cron, from: Wall): Generator<Without, void, undefined> {
  const begin = civilOf(Math.floor(from / DAY))
  const wanted = readyOf(cron).rules.filter((rule, _, all) => standsAlone(rule, all))
  if (wanted.length === 0) return
  for (const year of cron.years.slice(yearFrom(cron, begin.year))) {
    for (const month of cron.months) {
      if (year === begin.year && month < begin.month) continue
      const weekday = weekdayOf(dayNumber(year, month, 1))
      const rules = wanted.filter((rule) => daysBy(rule, daysIn(year, month), weekday).length === 0)
      if (rules.length > 0) yield { year, month, rules }
    }
  }
}

/** Position of the first year of a cron that is not before `year`. */
function yearFrom({ years }: Cron, year: number): number {
  let low = 0
  let high = years.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((years[middle] ?? 0) < year) low = middle + 1
    else high = middle
  }
  return low
}

/** Whether a rule can miss a month and was meant by itself: the 31 of `1,31` is, that of `1-31` or of every second day is not. */
function standsAlone(rule: DayRule, all: readonly DayRule[]): boolean {
  if (rule.on !== 'day') return true
  return !all.some((other) => other.on === 'day' && (other.day === rule.day - 1 || other.day === rule.day - 2))
}

function readyOf(cron: Cron): Ready {
  const found = READY.get(cron)
  if (found !== undefined) return found
  const times = cron.hours.flatMap((hour) =>
    cron.minutes.flatMap((minute) => cron.seconds.map((second) => ((hour * 60 + minute) * 60 + second) * 1_000)),
  )
  const ready = { times, rules: cron.daysOfMonth[0]?.on === 'any-day' ? cron.daysOfWeek : cron.daysOfMonth, days: new Map() }
  READY.set(cron, ready)
  return ready
}

function daysOf({ rules, days }: Ready, length: number, firstWeekday: number): readonly number[] {
  const shape = length * 8 + firstWeekday
  const found = days.get(shape)
  if (found !== undefined) return found
  const each = new Set(rules.flatMap((rule) => daysBy(rule, length, firstWeekday)))
  const sorted = [...each].sort((a, b) => a - b)
  days.set(shape, sorted)
  return sorted
}

function daysBy(rule: DayRule, length: number, firstWeekday: number): number[] {
  const weekday = (day: number): number => ((firstWeekday + day - 2) % 7) + 1
  switch (rule.on) {
    case 'any-day':
      return Array.from({ length }, (_, index) => index + 1)
    case 'day':
      return rule.day <= length ? [rule.day] : []
    case 'last-day':
      return [length]
    case 'before-last':
      return rule.days < length ? [length - rule.days] : []
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
