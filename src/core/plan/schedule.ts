import { PatchwaveError } from '../../kit/error.ts'
import { DAY, HOUR, MINUTE, type Ms } from '../../kit/instant.ts'

/** A schedule expression of the AWS maintenance-window grammar, taken apart. Days of the week count from SUN = 1. */
export type Schedule = Readonly<{ kind: 'at'; local: LocalTime } | { kind: 'rate'; everyMs: Ms } | { kind: 'cron'; cron: Cron }>

export type LocalTime = Readonly<{ year: number; month: number; day: number; hour: number; minute: number; second: number }>

/** Every list is sorted. Exactly one of the two day rules is `any-day` (the `?`). */
export type Cron = Readonly<{
  seconds: readonly number[]
  minutes: readonly number[]
  hours: readonly number[]
  daysOfMonth: readonly DayRule[]
  months: readonly number[]
  daysOfWeek: readonly DayRule[]
  years: readonly number[]
}>

/** One item of a day field. `nth` counts a weekday within the month, -1 is its last one. */
export type DayRule = Readonly<
  | { on: 'any-day' }
  | { on: 'day'; day: number }
  | { on: 'last-day' }
  | { on: 'nearest-weekday'; day: number }
  | { on: 'last-weekday' }
  | { on: 'weekday'; weekday: number }
  | { on: 'nth-weekday'; weekday: number; nth: number }
>

type FieldName = 'seconds' | 'minutes' | 'hours' | 'day-of-month' | 'month' | 'day-of-week' | 'year'
type Field = Readonly<{ name: FieldName; least: number; most: number; names: readonly string[]; text: string; position: number }>

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const UNITS: Readonly<Record<string, Ms>> = { minute: MINUTE, hour: HOUR, day: DAY }

/** Years as the grammar bounds them. */
export const YEARS = { least: 1970, most: 2199 } as const

const FIELDS: readonly Omit<Field, 'text' | 'position'>[] = [
  { name: 'seconds', least: 0, most: 59, names: [] },
  { name: 'minutes', least: 0, most: 59, names: [] },
  { name: 'hours', least: 0, most: 23, names: [] },
  { name: 'day-of-month', least: 1, most: 31, names: [] },
  { name: 'month', least: 1, most: 12, names: MONTHS },
  { name: 'day-of-week', least: 1, most: 7, names: WEEKDAYS },
  { name: 'year', ...YEARS, names: [] },
]

/**
 * Reads `cron(…)` with six fields (seven with leading seconds), `rate(…)` or `at(…)`.
 * @throws `schedule.invalid`; `detail` has `field`, `position` (1-based, in the expression) and `rule`
 */
export function parseSchedule(expression: string): Schedule {
  const found = /^(cron|rate|at)\(([^()]*)\)$/.exec(expression)
  if (found?.[1] === undefined || found[2] === undefined) {
    throw invalid(
      'schedule',
      1,
      'form',
      `"${expression}" is no schedule`,
      'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)',
    )
  }
  if (found[1] === 'at') return { kind: 'at', local: parseAt(found[2]) }
  return found[1] === 'rate' ? { kind: 'rate', everyMs: parseRate(found[2]) } : { kind: 'cron', cron: parseCron(found[2]) }
}

/** The mistake in a schedule, its zone or its bounds, with the place and the rule that it breaks. */
export function invalid(field: string, position: number, rule: string, message: string, hint: string): PatchwaveError {
  return new PatchwaveError('schedule.invalid', `${field} at ${String(position)}: ${message}`, { hint, detail: { field, position, rule } })
}

function parseAt(text: string): LocalTime {
  const found = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/.exec(text)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (found ?? []).slice(1).map(Number)
  const real = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) && hour < 24 && minute < 60 && second < 60
  if (!found || !real || year < YEARS.least || year > YEARS.most) {
    throw invalid(
      'at',
      4,
      'date-time',
      `"${text}" is no date and time`,
      'write at(yyyy-mm-ddThh:mm:ss) without a zone; the zone stands in timezone',
    )
  }
  return { year, month, day, hour, minute, second }
}

function parseRate(text: string): Ms {
  const found = /^([1-9]\d{0,5}) (minute|hour|day)(s?)$/.exec(text.trim())
  const unit = found?.[2]
  const unitMs = unit === undefined ? undefined : UNITS[unit]
  if (!found || unitMs === undefined) {
    throw invalid(
      'rate',
      6,
      'value-unit',
      `"${text}" is no rate`,
      'write rate(n unit) with a whole n from 1 and minute(s), hour(s) or day(s)',
    )
  }
  const count = Number(found[1])
  if ((count === 1) !== (found[3] === '')) {
    throw invalid(
      'rate',
      6 + text.indexOf(unit ?? ''),
      'plural',
      `"${text}" has the wrong number`,
      'the unit is singular for 1 and plural for all else',
    )
  }
  return count * unitMs
}

function parseCron(text: string): Cron {
  const words = [...text.matchAll(/\S+/g)].map((word) => ({ text: word[0], position: word.index + 6 }))
  if (words.length !== 6 && words.length !== 7) {
    throw invalid(
      'cron',
      6,
      'field-count',
      `${String(words.length)} fields`,
      'write minutes hours day-of-month month day-of-week year, seconds before them if needed',
    )
  }
  const given = words.length === 7 ? words : [{ text: '0', position: 6 }, ...words]
  const fields = given.flatMap((word, index) => {
    const field = FIELDS[index]
    return field === undefined ? [] : [{ ...field, ...word }]
  })
  const [seconds, minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields
  if (!seconds || !minutes || !hours || !dayOfMonth || !month || !dayOfWeek || !year)
    throw invalid('cron', 6, 'field-count', 'a field is missing', 'write six fields')
  oneQuestionMark(dayOfMonth, dayOfWeek)
  return {
    seconds: numbers(seconds),
    minutes: numbers(minutes),
    hours: numbers(hours),
    daysOfMonth: dayOfMonth.text === '?' ? [{ on: 'any-day' }] : items(dayOfMonth).flatMap((item) => monthDays(dayOfMonth, item)),
    months: numbers(month),
    daysOfWeek: dayOfWeek.text === '?' ? [{ on: 'any-day' }] : items(dayOfWeek).flatMap((item) => weekDays(dayOfWeek, item)),
    years: numbers(year),
  }
}

function oneQuestionMark(dayOfMonth: Field, dayOfWeek: Field): void {
  const count = [dayOfMonth, dayOfWeek].filter(({ text }) => text === '?').length
  if (count === 1) return
  const message = count === 2 ? 'both day fields are ?' : 'both day fields are set'
  throw invalid(dayOfWeek.name, dayOfWeek.position, 'one-question-mark', message, 'write ? in exactly one of day-of-month and day-of-week')
}

type Item = Readonly<{ text: string; position: number }>

function items(field: Field): Item[] {
  let position = field.position
  return field.text.split(',').map((text) => {
    const item = { text, position }
    position += text.length + 1
    return item
  })
}

function numbers(field: Field): number[] {
  const values = new Set(items(field).flatMap((item) => range(field, item)))
  return [...values].sort((a, b) => a - b)
}

/** `*`, `5`, `1-5`, and each of them with `/step`. */
function range(field: Field, item: Item): number[] {
  const [body = '', step, ...more] = item.text.split('/')
  if (more.length > 0) throw wrong(field, item, 'step', 'has two steps')
  const every = step === undefined ? 1 : stepOf(field, item, step)
  const [from, to] = bounds(field, item, body, step !== undefined)
  const values: number[] = []
  for (let value = from; value <= to; value += every) values.push(value)
  return values
}

function bounds(field: Field, item: Item, body: string, stepped: boolean): [number, number] {
  if (body === '*') return [field.least, field.most]
  const [first = '', last, ...more] = body.split('-')
  if (more.length > 0) throw wrong(field, item, 'range', 'has two dashes')
  const from = valueOf(field, item, first)
  if (last === undefined) return [from, stepped ? field.most : from]
  const to = valueOf(field, item, last)
  if (to < from) throw wrong(field, item, 'range', 'runs backwards; write it as a list')
  return [from, to]
}

function stepOf(field: Field, item: Item, text: string): number {
  const step = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (step < 1 || step > field.most) throw wrong(field, item, 'step', `needs a step from 1 to ${String(field.most)}`)
  return step
}

function valueOf(field: Field, item: Item, text: string): number {
  const named = field.names.indexOf(text.toUpperCase())
  if (named >= 0) return named + field.least
  const value = /^\d{1,4}$/.test(text) ? Number(text) : NaN
  if (value >= field.least && value <= field.most) return value
  const names = field.names.length > 0 ? ` or ${field.names[0] ?? ''}-${field.names.at(-1) ?? ''}` : ''
  throw wrong(field, item, 'value', `is not ${String(field.least)}-${String(field.most)}${names}`)
}

function monthDays(field: Field, item: Item): DayRule[] {
  const text = item.text.toUpperCase()
  if (text === 'L') return [{ on: 'last-day' }]
  if (text === 'LW' || text === 'WL') return [{ on: 'last-weekday' }]
  if (text.endsWith('W')) return [{ on: 'nearest-weekday', day: valueOf(field, item, text.slice(0, -1)) }]
  return range(field, item).map((day) => ({ on: 'day', day }))
}

function weekDays(field: Field, item: Item): DayRule[] {
  const text = item.text.toUpperCase()
  if (text === 'L') return [{ on: 'weekday', weekday: 7 }]
  if (text.endsWith('L')) return [{ on: 'nth-weekday', weekday: valueOf(field, item, text.slice(0, -1)), nth: -1 }]
  const [day = '', nth] = text.split('#')
  if (nth === undefined) return range(field, item).map((weekday) => ({ on: 'weekday', weekday }))
  if (!/^[1-5]$/.test(nth)) throw wrong(field, item, 'nth', 'needs a number from 1 to 5 after #')
  return [{ on: 'nth-weekday', weekday: valueOf(field, item, day), nth: Number(nth) }]
}

function wrong(field: Field, item: Item, rule: string, message: string): PatchwaveError {
  return invalid(
    field.name,
    item.position,
    rule,
    `"${item.text}" ${message}`,
    `${field.name} takes ${String(field.least)}-${String(field.most)} with , - * /`,
  )
}

/** Days of a month, 1 = January. */
export function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
