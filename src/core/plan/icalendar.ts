import ICAL from 'ical.js'
import { PatchwaveError } from '../../kit/error.ts'

/** One property of an iCalendar component, as ical.js reads its line: dates as `2026-12-20`, times as `2026-12-20T10:00:00` with or without `Z`. */
export type Property = Readonly<{
  name: string
  params: Readonly<Record<string, unknown>>
  values: readonly unknown[]
  line: number
}>

/** A component (`vcalendar`, `vevent`, …) with the properties that matter for freezes and its parts. `line` is that of its BEGIN. */
export type Component = Readonly<{ name: string; line: number; properties: readonly Property[]; parts: readonly Component[] }>

/** Where a mistake is: makes the error that names it. */
export type Refuse = (line: number, message: string, hint: string) => PatchwaveError

/** The mistakes of a file: `freeze.invalid` with file, line and what to do. */
export const refuseIn =
  (file: string): Refuse =>
  (line, message, hint) =>
    new PatchwaveError('freeze.invalid', message, { hint, at: { file, line, column: 1 } })

/** Two megabytes: ten thousand events with long descriptions. What is longer is no calendar of freezes, and would hold up every opening. */
export const CALENDAR_CHARACTERS_MAX = 2 * 1024 * 1024

/** VALARM inside VEVENT inside VCALENDAR is as deep as the standard goes. */
const DEPTH_MAX = 8

/** What decides about freezes. Other lines are not read, so that a strange description does no harm. */
const READ = new Set([
  'dtstart',
  'dtend',
  'duration',
  'rrule',
  'exrule',
  'rdate',
  'exdate',
  'recurrence-id',
  'status',
  'transp',
  'uid',
  'summary',
  'tzid',
  'tzoffsetfrom',
  'tzoffsetto',
  'x-calendar-type',
  'x-event-type',
])

type Open = { readonly name: string; readonly line: number; readonly properties: Property[]; readonly parts: Component[] }

/**
 * The calendars of an iCalendar file (RFC 5545), several if it has several. Lines may be folded and end in any way.
 * @throws `freeze.invalid` for a text that is too long, is no iCalendar, or is cut off
 */
export function parseCalendars(text: string, refuse: Refuse): readonly Component[] {
  if (text.length > CALENDAR_CHARACTERS_MAX)
    throw refuse(1, `the calendar has more than ${String(CALENDAR_CHARACTERS_MAX)} characters`, 'export fewer events')
  const root: Open = { name: '', line: 1, properties: [], parts: [] }
  const stack: Open[] = [root]
  for (const one of unfolded(text)) take(one, stack, refuse)
  const open = stack.at(-1)
  if (open && open !== root)
    throw refuse(open.line, `${open.name.toUpperCase()} has no END`, 'the file is cut off: export or download it again')
  if (root.parts.length === 0) throw refuse(1, 'there is no calendar in it', 'name a file that begins with BEGIN:VCALENDAR')
  return root.parts
}

/** The first property of that name. */
export const propertyOf = (component: Component, name: string): Property | undefined =>
  component.properties.find((one) => one.name === name)

/** The first value of that property as text; empty where there is none. */
export function textOf(component: Component, name: string): string {
  const value = propertyOf(component, name)?.values[0]
  return typeof value === 'string' ? value.trim() : ''
}

/** The same in capitals, for words such as CANCELLED. */
export const wordOf = (component: Component, name: string): string => textOf(component, name).toUpperCase()

type Logical = Readonly<{ text: string; line: number }>

/** Content lines, put together where they were folded, with the number of their first line. */
function* unfolded(text: string): Generator<Logical, void, undefined> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  let parts: string[] = []
  let begun = 1
  for (const [index, line] of lines.entries()) {
    if (/^[ \t]/.test(line) && parts.length > 0) {
      parts.push(line.slice(1))
      continue
    }
    if (parts.length > 0) yield { text: parts.join(''), line: begun }
    parts = line.trim() === '' ? [] : [line]
    begun = index + 1
  }
  if (parts.length > 0) yield { text: parts.join(''), line: begun }
}

function take({ text, line }: Logical, stack: Open[], refuse: Refuse): void {
  const mark = /^(BEGIN|END):\s*([A-Za-z0-9-]+)\s*$/i.exec(text)
  if (mark?.[1]?.toUpperCase() === 'BEGIN') begin((mark[2] ?? '').toLowerCase(), line, stack, refuse)
  else if (mark) end((mark[2] ?? '').toLowerCase(), line, stack, refuse)
  else property(text, line, stack, refuse)
}

function begin(name: string, line: number, stack: Open[], refuse: Refuse): void {
  if (stack.length === 1 && name !== 'vcalendar') throw noCalendar(line, refuse)
  if (stack.length > DEPTH_MAX) throw refuse(line, 'components are nested too deeply', 'export the calendar again')
  const made: Open = { name, line, properties: [], parts: [] }
  stack.at(-1)?.parts.push(made)
  stack.push(made)
}

function end(name: string, line: number, stack: Open[], refuse: Refuse): void {
  const open = stack.at(-1)
  if (open?.name === name) stack.pop()
  else throw refuse(line, `END:${name.toUpperCase()} without its BEGIN`, 'export the calendar again')
}

function property(text: string, line: number, stack: Open[], refuse: Refuse): void {
  const open = stack.at(-1)
  if (!open || stack.length === 1) throw noCalendar(line, refuse)
  const name = /^[A-Za-z0-9-]+(?=[;:])/.exec(text)?.[0].toLowerCase()
  if (name === undefined) throw refuse(line, 'this is no line of an iCalendar', 'write NAME:value, or begin a continued line with a space')
  if (!READ.has(name)) return
  let read: unknown
  try {
    read = ICAL.parse.property(text, ICAL.design.icalendar)
  } catch (cause) {
    throw refuse(
      line,
      `${name.toUpperCase()} cannot be read: ${cause instanceof Error ? cause.message.slice(0, 200) : ''}`,
      'correct this line',
    )
  }
  if (!Array.isArray(read)) throw refuse(line, `${name.toUpperCase()} cannot be read`, 'correct this line')
  const [, params, , ...values] = read as readonly unknown[]
  open.properties.push({ name, params: isRecord(params) ? params : {}, values, line })
}

const noCalendar = (line: number, refuse: Refuse): PatchwaveError =>
  refuse(line, 'this is no iCalendar file', 'name a file that begins with BEGIN:VCALENDAR')

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
