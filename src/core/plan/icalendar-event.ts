import { Temporal } from 'temporal-polyfill'
import { instant, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { propertyOf, textOf, wordOf, type Component, type Property, type Refuse } from './icalendar.ts'
import { ruleOf, type Zone } from './icalendar-zone.ts'
import { wallText, type Rule } from './recurrence.ts'

/** A point of a calendar: a day (its midnight, on the asker's clock), or a time on some clock. */
export type Point = Readonly<{ wall: Temporal.PlainDateTime; zone: Zone; isDay: boolean }>

/** A VEVENT that takes time. */
export type Event = Readonly<{
  uid: string
  title: string
  line: number
  start: Point
  /** Where an occurrence ends that begins at this time of the start's clock. */
  endOf: (wall: Temporal.PlainDateTime) => Instant
  rules: readonly Rule[]
  dates: readonly Readonly<{ start: Point; end: Instant | null }>[]
  /** Occurrences that are left out. */
  without: readonly Point[]
  /** The occurrence of the same `uid` that it stands for; null: it is the series itself. */
  replaces: Point | null
  cancelled: boolean
  /** It shows as free, or says that it is advisory: it is told, and freezes nothing. */
  advisory: boolean
}>

/** Finds the clock of a TZID. */
export type Zones = Readonly<{
  /** Of days and of times without a zone: the asker's. */
  own: Zone
  utc: Zone
  named: (tzid: string, line: number) => Zone
}>

/**
 * Reads a VEVENT. An end by DTEND is meant by the wall clock in every occurrence, as calendars draw it; one by DURATION counts its days by the
 * calendar and its hours exactly. An event without both is its day, or takes no time.
 * @throws `freeze.invalid`
 */
export function readEvent(component: Component, zones: Zones, refuse: Refuse): Event {
  for (const { name, line } of component.properties)
    if (name === 'exrule') throw refuse(line, 'EXRULE is not followed', 'name the excluded occurrences with EXDATE')
  const begin = propertyOf(component, 'dtstart')
  if (!begin) throw refuse(component.line, 'this event has no DTSTART', 'say when it begins, or remove it')
  const start = pointOf(begin, begin.values[0], zones, refuse)
  const id = propertyOf(component, 'recurrence-id')
  if (id?.params['range'] !== undefined)
    throw refuse(id.line, 'a change of this and all following occurrences (RANGE) is not followed', 'end the series and begin a new one')
  const all = (name: string): readonly Property[] => component.properties.filter((one) => one.name === name)
  return {
    uid: textOf(component, 'uid'),
    title: textOf(component, 'summary'),
    line: component.line,
    start,
    endOf: endOf(component, start, zones, refuse),
    rules: all('rrule').map(({ values, line }) => ruleOf(values[0], line, refuse)),
    dates: all('rdate').flatMap((one) => one.values.map((value) => dateOf(one, value, zones, refuse))),
    without: all('exdate').flatMap((one) => one.values.map((value) => pointOf(one, value, zones, refuse))),
    replaces: id ? pointOf(id, id.values[0], zones, refuse) : null,
    cancelled: wordOf(component, 'status') === 'CANCELLED',
    advisory: wordOf(component, 'transp') === 'TRANSPARENT' || wordOf(component, 'x-event-type') === 'ADVISORY',
  }
}

function pointOf({ params, name, line }: Property, value: unknown, zones: Zones, refuse: Refuse): Point {
  const text = typeof value === 'string' ? value : ''
  const wall = wallText(text)
  if (!wall) throw refuse(line, `${name.toUpperCase()} is no day or time`, 'write it like 20261220 or 20261220T180000Z')
  if (!text.includes('T')) return { wall, zone: zones.own, isDay: true }
  if (text.endsWith('Z')) return { wall, zone: zones.utc, isDay: false }
  const { tzid } = params
  return { wall, zone: typeof tzid === 'string' ? zones.named(tzid, line) : zones.own, isDay: false }
}

/** An RDATE is a point, or a period with its own end. */
function dateOf(property: Property, value: unknown, zones: Zones, refuse: Refuse): Event['dates'][number] {
  if (!Array.isArray(value)) return { start: pointOf(property, value, zones, refuse), end: null }
  const [first, second] = value as readonly unknown[]
  const start = pointOf(property, first, zones, refuse)
  const length = durationOf(second)
  if (length) return { start, end: after(start.zone, start.wall, length) }
  const end = pointOf(property, second, zones, refuse)
  return { start, end: end.zone.instantOf(end.wall) }
}

function endOf(component: Component, start: Point, zones: Zones, refuse: Refuse): Event['endOf'] {
  const { zone, isDay } = start
  const wholeDay = { days: 1 }
  const written = propertyOf(component, 'dtend')
  const lasting = propertyOf(component, 'duration')
  if (lasting && !written) {
    const length = durationOf(lasting.values[0])
    if (!length || length.sign < 0) throw refuse(lasting.line, 'DURATION is no duration', 'write it like PT6H or P2D')
    return (wall) => after(zone, wall, length)
  }
  if (!written) return (wall) => zone.instantOf(isDay ? wall.add(wholeDay) : wall)
  const end = pointOf(written, written.values[0], zones, refuse)
  if (end.isDay !== isDay) throw refuse(written.line, 'DTSTART and DTEND are not of the same kind', 'write both as days or both as times')
  const exact = end.zone.instantOf(end.wall)
  if (exact < zone.instantOf(start.wall)) throw refuse(written.line, 'the event ends before it begins', 'correct DTEND')
  // Some programs write the last day itself, or the first one again, instead of the day after: that is a day, not nothing.
  const length =
    isDay && exact === zone.instantOf(start.wall)
      ? Temporal.Duration.from(wholeDay)
      : start.wall.until(zone.wallOf(exact), { largestUnit: 'days' })
  return (wall) => (wall.equals(start.wall) && !isDay ? exact : zone.instantOf(wall.add(length)))
}

function durationOf(value: unknown): Temporal.Duration | undefined {
  try {
    return typeof value === 'string' && /^[+-]?P/.test(value) ? Temporal.Duration.from(value) : undefined
  } catch (cause) {
    if (cause instanceof RangeError) return undefined
    throw cause
  }
}

function after(zone: Zone, wall: Temporal.PlainDateTime, length: Temporal.Duration): Instant {
  const { years, months, weeks, days } = length
  const exactMs: Ms = length.with({ years: 0, months: 0, weeks: 0, days: 0 }).total('milliseconds')
  return plus(instant(zone.instantOf(wall.add({ years, months, weeks, days }))), exactMs)
}
