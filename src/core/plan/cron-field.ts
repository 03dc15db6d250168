import type { PatchwaveError } from '../../kit/error.ts'
import { invalid } from './schedule-mistake.ts'

/** The years that the grammar knows. */
export const YEARS = { least: 1970, most: 2199 } as const

/** The fields in their order, as mistakes name them. */
export type FieldName = 'seconds' | 'minutes' | 'hours' | 'day-of-month' | 'month' | 'day-of-week' | 'year'

/** One field of a cron expression as it was written; `position` is 1-based in the whole expression, `form` what a hint says of it. */
export type Field = Readonly<{
  name: FieldName
  least: number
  most: number
  names: readonly string[]
  form: string
  text: string
  position: number
}>

/** One item of a field's list. */
export type Item = Readonly<{ text: string; position: number }>

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

const FIELDS: readonly Omit<Field, 'text' | 'position'>[] = [
  { name: 'seconds', least: 0, most: 59, names: [], form: '0-59, most often 0' },
  { name: 'minutes', least: 0, most: 59, names: [], form: '0-59 with , - * /, like 30 or 0/15' },
  { name: 'hours', least: 0, most: 23, names: [], form: '0-23 with , - * /, like 3 or 22-2' },
  { name: 'day-of-month', least: 1, most: 31, names: [], form: '1-31 with , - * / ?, and L, L-3, LW or 15W' },
  { name: 'month', least: 1, most: 12, names: MONTHS, form: '1-12 or JAN-DEC with , - * /, like 3 or JAN,JUL' },
  { name: 'day-of-week', least: 1, most: 7, names: WEEKDAYS, form: 'SUN-SAT or 1-7 (SUN is 1) with , - * / ?, and 6L or TUE#2' },
  { name: 'year', ...YEARS, names: [], form: '1970-2199 with , - * /, most often *' },
]

/** The field that stands at a place of a seven-field expression. */
export function cronField(place: number, written: Item): Field | undefined {
  const field = FIELDS[place]
  return field && { ...field, ...written }
}

/** The items of a field's list, each with its place. @throws `schedule.invalid` for one that is empty */
export function items(field: Field): Item[] {
  let position = field.position
  return field.text.split(',').map((text) => {
    const item = { text, position }
    if (text === '') throw wrong(field, item, 'empty-item', 'has nothing between its commas', `leave out the comma, or write ${field.form}`)
    position += text.length + 1
    return item
  })
}

/** All values of a field, sorted, each once. @throws `schedule.invalid` */
export function numbers(field: Field): number[] {
  const values = new Set(items(field).flatMap((item) => range(field, item)))
  return [...values].sort((a, b) => a - b)
}

/** `*`, `5`, `1-5`, and each of them with `/step`. A range may run over the end of its field: `FRI-MON`, `22-2`. @throws `schedule.invalid` */
export function range(field: Field, item: Item): number[] {
  const [body = '', step, ...more] = item.text.split('/')
  if (more.length > 0) throw wrong(field, item, 'step', 'has two steps')
  const every = step === undefined ? 1 : stepOf(field, item, step)
  const [from, to] = bounds(field, item, body, step !== undefined)
  const size = field.most - field.least + 1
  const values: number[] = []
  for (let value = from; value <= (to < from ? to + size : to); value += every) values.push(value > field.most ? value - size : value)
  return values
}

function bounds(field: Field, item: Item, body: string, stepped: boolean): [from: number, to: number] {
  if (body === '*') return [field.least, field.most]
  const [first = '', last, ...more] = body.split('-')
  if (more.length > 0) throw wrong(field, item, 'range', 'has two dashes')
  const from = valueOf(field, item, first)
  if (last === undefined) return [from, stepped ? field.most : from]
  const to = valueOf(field, item, last)
  if (to < from && field.name === 'year') throw wrong(field, item, 'range', 'runs backwards', 'write the earlier year first')
  return [from, to]
}

function stepOf(field: Field, item: Item, text: string): number {
  const most = Math.min(field.most, field.most - field.least + 1)
  const step = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (step < 1 || step > most) throw wrong(field, item, 'step', `needs a step from 1 to ${String(most)} after /`)
  return step
}

/** The number or name at a place of an item. @throws `schedule.invalid` */
export function valueOf(field: Field, item: Item, text: string): number {
  const named = field.names.indexOf(text.toUpperCase())
  if (named >= 0) return named + field.least
  const value = /^\d{1,4}$/.test(text) ? Number(text) : NaN
  if (value >= field.least && value <= field.most) return value
  const names = field.names.length > 0 ? ` or ${field.names[0] ?? ''}-${field.names.at(-1) ?? ''}` : ''
  throw wrong(field, item, 'value', `is not ${String(field.least)}-${String(field.most)}${names}`, strayHint(field, text))
}

/** What is likely to have been meant by a value that is none. */
function strayHint(field: Field, text: string): string | undefined {
  if (field.name === 'day-of-week' && text === '0') return 'days of the week count from SUN = 1 to SAT = 7; Sunday is 1 or SUN'
  if (field.name === 'day-of-month' && WEEKDAYS.includes(text.toUpperCase()))
    return 'days of the week stand in the fifth field, with ? in this one: cron(0 3 ? * SUN *)'
  if (field.name === 'hours' && text === '24') return 'midnight is hour 0 of the next day'
  return text === '?' ? '? stands alone, in one of day-of-month and day-of-week' : undefined
}

/** The mistake in one item of a field. */
export function wrong(field: Field, item: Item, rule: string, message: string, hint = `${field.name} takes ${field.form}`): PatchwaveError {
  return invalid(field.name, item.position, rule, `"${item.text}" ${message}`, hint)
}
