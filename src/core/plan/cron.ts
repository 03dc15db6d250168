import { known } from '../../kit/assert.ts'
import type { PatchwaveError } from '../../kit/error.ts'
import { monthDayRules, possibleIn, weekDayRules, type DayRule } from './cron-day.ts'
import { cronField, numbers, type Field, type Item } from './cron-field.ts'
import { invalid } from './schedule-mistake.ts'

/** Every list is sorted. Exactly one of the two day rules is `any-day` (the `?`). Days of the week count from SUN = 1. */
export type Cron = Readonly<{
  seconds: readonly number[]
  minutes: readonly number[]
  hours: readonly number[]
  daysOfMonth: readonly DayRule[]
  months: readonly number[]
  daysOfWeek: readonly DayRule[]
  years: readonly number[]
}>

/**
 * Openings of an hour are at least so far apart: the guide does not support "cron expressions that lead to rates faster than five minutes".
 * From the last one of an hour to the first of the next it may be less, else every seven minutes (`0/7`) could not be said at all.
 */
const MINUTES_APART = 5

/** Where the fields begin in `cron(…)`, 1-based. */
const FIRST = 6

/**
 * Reads what stands in `cron(…)`: six fields, or seven with leading seconds.
 * @throws `schedule.invalid`; `rule` is `never` where no month has such a day
 */
export function parseCron(text: string): Cron {
  const at = fieldsOf(text)
  const [seconds, minutes, hours, dayOfMonth, month, dayOfWeek, year] = [at(0), at(1), at(2), at(3), at(4), at(5), at(6)]
  oneQuestionMark(dayOfMonth, dayOfWeek)
  const cron = {
    seconds: numbers(seconds),
    minutes: numbers(minutes),
    hours: numbers(hours),
    daysOfMonth: monthDayRules(dayOfMonth),
    months: numbers(month),
    daysOfWeek: weekDayRules(dayOfWeek),
    years: numbers(year),
  }
  notTooFast(cron, seconds, minutes)
  notNever(cron, dayOfMonth, month)
  return cron
}

function fieldsOf(text: string): (place: number) => Field {
  const words: Item[] = [...text.matchAll(/\S+/g)].map((word) => ({ text: word[0], position: word.index + FIRST }))
  if (words.length !== 6 && words.length !== 7) throw fieldCount(words.map((word) => word.text))
  const written = words.length === 7 ? words : [{ text: '0', position: FIRST }, ...words]
  return (place) => known(cronField(place, known(written[place], 'the word of a field')), 'a field of cron()')
}

function fieldCount(words: readonly string[]): PatchwaveError {
  const meant = words.includes('?') ? sixFields([...words, '*']) : asMaintenanceWindow(words)
  const form = 'minutes hours day-of-month month day-of-week year, seconds before them if needed'
  const missing = words.length === 5 ? 'maintenance windows have a year as the last field: write ' : 'write '
  return invalid('cron', FIRST, 'field-count', words.length === 1 ? '1 field' : `${String(words.length)} fields`, missing + (meant ?? form))
}

/**
 * The five fields of a plain crontab as maintenance windows write them: with `?` in one of the day fields and the year; weekdays, which
 * there count from Sunday = 0, by name. Null if that is not what the words are.
 */
export function asMaintenanceWindow(words: readonly string[]): string | null {
  const [minutes = '', hours = '', day = '', month = '', weekday = ''] = words
  if (words.length !== 5 || (day !== '*' && weekday !== '*')) return null
  if (weekday === '*') return sixFields([minutes, hours, day, month, '?', '*'])
  const named = weekday.replace(
    /(?<![\d/#])[0-7](?!\d)/g,
    (digit) => ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'][Number(digit) % 7] ?? digit,
  )
  return sixFields([minutes, hours, '?', month, named, '*'])
}

/** The expression of six fields, or null if they are not valid. */
export function sixFields(words: readonly string[]): string | null {
  if (words.length !== 6) return null
  try {
    parseCron(words.join(' '))
    return `cron(${words.join(' ')})`
  } catch {
    return null
  }
}

function oneQuestionMark(dayOfMonth: Field, dayOfWeek: Field): void {
  const count = [dayOfMonth, dayOfWeek].filter(({ text }) => text === '?').length
  if (count === 1) return
  const message = count === 2 ? 'both day fields are ?' : 'both day fields are set'
  const hint = 'write ? in exactly one of day-of-month and day-of-week: cron(0 3 ? * SUN *) or cron(0 3 1 * ? *)'
  throw invalid(dayOfWeek.name, dayOfWeek.position, 'one-question-mark', message, hint)
}

function notTooFast({ seconds, minutes }: Cron, secondsField: Field, minutesField: Field): void {
  const hint = `openings are at least ${String(MINUTES_APART)} minutes apart: one minute of the hour is 0, every ${String(MINUTES_APART)} minutes is 0/${String(MINUTES_APART)}`
  if (seconds.length > 1) {
    const message = `"${secondsField.text}" opens several times a minute`
    throw invalid(secondsField.name, secondsField.position, 'too-fast', message, `${hint}; write 0 for the seconds`)
  }
  const close = minutes.find((minute, at) => at > 0 && minute - (minutes[at - 1] ?? 0) < MINUTES_APART)
  if (close === undefined) return
  const before = minutes[minutes.indexOf(close) - 1] ?? 0
  const message = `"${minutesField.text}" opens at minute ${String(before)} and again at ${String(close)}`
  throw invalid(minutesField.name, minutesField.position, 'too-fast', message, hint)
}

function notNever({ daysOfMonth, months }: Cron, dayOfMonth: Field, month: Field): void {
  if (months.some((one) => daysOfMonth.some((rule) => possibleIn(one, rule)))) return
  const message = `"${dayOfMonth.text}" is no day of month ${month.text}: it never comes`
  throw invalid(dayOfMonth.name, dayOfMonth.position, 'never', message, 'the last day of a month is L')
}
