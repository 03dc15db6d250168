import { items, range, valueOf, wrong, type Field, type Item } from './cron-field.ts'

/** One item of a day field. `nth` counts a weekday within the month, -1 is its last one; `before-last` counts back from the last day. */
export type DayRule = Readonly<
  | { on: 'any-day' }
  | { on: 'day'; day: number }
  | { on: 'last-day' }
  | { on: 'before-last'; days: number }
  | { on: 'nearest-weekday'; day: number }
  | { on: 'last-weekday' }
  | { on: 'weekday'; weekday: number }
  | { on: 'nth-weekday'; weekday: number; nth: number }
>

/** The longest month has so many days before its last one. */
const BEFORE_LAST_MOST = 30

/** The rules of the third field. `?` gives `any-day`. @throws `schedule.invalid` */
export const monthDayRules = (field: Field): DayRule[] => rulesOf(field, monthDays)

/** The rules of the fifth field. `?` gives `any-day`. @throws `schedule.invalid` */
export const weekDayRules = (field: Field): DayRule[] => rulesOf(field, weekDays)

function rulesOf(field: Field, read: (field: Field, item: Item) => DayRule[]): DayRule[] {
  return field.text === '?' ? [{ on: 'any-day' }] : items(field).flatMap((item) => read(field, item))
}

function monthDays(field: Field, item: Item): DayRule[] {
  const text = item.text.toUpperCase()
  if (text === 'L') return [{ on: 'last-day' }]
  if (text === 'LW') return [{ on: 'last-weekday' }]
  const before = /^L-(\d{1,2})$/.exec(text)?.[1]
  if (before !== undefined) return [{ on: 'before-last', days: daysBefore(field, item, Number(before)) }]
  const nearest = /^(\d{1,4})W$/.exec(text)?.[1]
  if (nearest !== undefined) return [{ on: 'nearest-weekday', day: valueOf(field, item, nearest) }]
  if (/[LW]/.test(text) && /^[\dLW/*-]+$/.test(text)) {
    throw wrong(
      field,
      item,
      'wildcard',
      'mixes L or W with what does not go with them',
      'write L, L-3, LW or 15W, each as an item of its own',
    )
  }
  return range(field, item).map((day) => ({ on: 'day', day }))
}

function daysBefore(field: Field, item: Item, days: number): number {
  if (days >= 1 && days <= BEFORE_LAST_MOST) return days
  throw wrong(
    field,
    item,
    'value',
    `does not count 1-${String(BEFORE_LAST_MOST)} days back from the last one`,
    'the last day itself is L, two days before it L-2',
  )
}

function weekDays(field: Field, item: Item): DayRule[] {
  const text = item.text.toUpperCase()
  if (text === 'L') return [{ on: 'weekday', weekday: field.most }]
  const [day = '', nth, ...more] = text.split('#')
  if (more.length > 0 || (nth !== undefined && !/^[1-5]$/.test(nth))) {
    throw wrong(
      field,
      item,
      'nth',
      'needs a number from 1 to 5 after #',
      'write TUE#2 for the second Tuesday of the month, TUEL for the last',
    )
  }
  if (nth !== undefined) return [{ on: 'nth-weekday', weekday: one(field, item, day), nth: Number(nth) }]
  if (text.endsWith('L')) return [{ on: 'nth-weekday', weekday: one(field, item, text.slice(0, -1)), nth: -1 }]
  if (/^L|^\d+W$/.test(text))
    throw wrong(field, item, 'wildcard', 'is of day-of-month only', 'L-3, LW and 15W stand in the third field, with ? in this one')
  return range(field, item).map((weekday) => ({ on: 'weekday', weekday }))
}

/** L and # go with one weekday, not with a range or a step. */
function one(field: Field, item: Item, text: string): number {
  if (!/[-/*]/.test(text)) return valueOf(field, item, text)
  throw wrong(field, item, 'wildcard', 'has L or # after more than one weekday', 'write one item for each: MON#1,TUE#1')
}

/** Whether a month ever has such a day; 29 February counts. */
export function possibleIn(month: number, rule: DayRule): boolean {
  const longest = month === 2 ? 29 : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  if (rule.on === 'day' || rule.on === 'nearest-weekday') return rule.day <= longest
  return rule.on !== 'before-last' || rule.days < longest
}
