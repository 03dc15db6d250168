import { Temporal } from 'temporal-polyfill'
import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { DAY, instant, plus, type Instant } from '../../kit/instant.ts'
import { clean } from '../../kit/text.ts'
import { parseCalendars, propertyOf, refuseIn, textOf, wordOf, type Component, type Refuse } from './icalendar.ts'
import { readEvent, type Event, type Point, type Zones } from './icalendar-event.ts'
import { namedZone, writtenZone, type Zone } from './icalendar-zone.ts'
import { DAYS_SEARCHED_MAX, hits, wallText, type Budget, type Rule } from './recurrence.ts'

/** One occurrence of an event: `from` included, `to` not. */
export type EventSpan = Readonly<{ from: Instant; to: Instant; title: string; advisory: boolean }>

/** The calendars of a file, each with what of its events touches the time asked about. `closed`: it is open during its events only. */
export type Spans = Readonly<{ calendars: readonly Readonly<{ closed: boolean; spans: readonly EventSpan[] }>[] }>

/** Characters of a title that go on record. */
const TITLE_CHARACTERS_MAX = 200

/**
 * The occurrences of a file's events that touch [`from`, `to`). `check` follows each event for a year from its own beginning instead, to find
 * what cannot be followed.
 * @throws `freeze.invalid`
 */
export function eventSpans(text: string, file: string, zone: string, from: Instant, to: Instant, check?: 'check'): Spans {
  const refuse = refuseIn(file)
  const budget: Budget = {
    left: DAYS_SEARCHED_MAX,
    over: () => refuse(1, 'the events repeat too often to be followed', 'export a shorter time, or rules that repeat daily at most'),
  }
  const own = zoneFor(zone)
  const calendars = parseCalendars(text, refuse).map((calendar) => {
    // What ends long after `to` ends by the clock of then: a year more is known.
    const zones = zonesOf(calendar, own, (part) => writtenZone(part, { from, to: plus(to, 400 * DAY) }, refuse, budget), refuse)
    const events = calendar.parts
      .filter(({ name }) => name === 'vevent')
      .map((part) => within(part, refuse, () => readEvent(part, zones, refuse)))
    const ofOne = Map.groupBy(events, ({ uid }) => uid)
    const spans = events.flatMap((event) => {
      const [since, until] = check ? yearOf(event) : [from, to]
      return within(event, refuse, () => spansOf(event, ofOne.get(event.uid) ?? [], [since, until], budget))
    })
    return { closed: isClosed(calendar, refuse), spans }
  })
  return { calendars }
}

/** Years that no clock can show are a mistake of the file. */
function within<T>({ line }: Readonly<{ line: number }>, refuse: Refuse, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw refuse(line, 'this event lies beyond every calendar', 'correct its dates')
  }
}

/** The clock of an IANA zone. @throws `freeze.invalid` */
export function zoneFor(name: string): Zone {
  const found = namedZone(name)
  if (found) return found
  throw new PatchwaveError('freeze.invalid', `"${name.slice(0, 100)}" is no time zone`, {
    hint: 'write an IANA name such as Europe/Berlin or UTC',
  })
}

const yearOf = ({ start }: Event): readonly [Instant, Instant] => {
  const begins = start.zone.instantOf(start.wall)
  return [begins, plus(begins, 366 * DAY)]
}

function isClosed(calendar: Component, refuse: Refuse): boolean {
  const type = wordOf(calendar, 'x-calendar-type')
  if (type === '' || type === 'DEFAULT_OPEN') return false
  if (type === 'DEFAULT_CLOSED') return true
  const line = propertyOf(calendar, 'x-calendar-type')?.line ?? calendar.line
  throw refuse(line, `X-CALENDAR-TYPE is ${type.slice(0, 40)}`, 'write DEFAULT_OPEN or DEFAULT_CLOSED')
}

/**
 * The clocks of a calendar. A place of the IANA list (`Europe/Berlin`) is kept by the runtime's own zone data, which is newer than a file; any
 * other name (`W. Europe Standard Time`) is what the file's VTIMEZONE says it is.
 */
function zonesOf(calendar: Component, own: Zone, make: (part: Component) => Zone, refuse: Refuse): Zones {
  const found = new Map<string, Zone>()
  const written = (tzid: string): Zone | undefined => {
    const part = calendar.parts.find((one) => one.name === 'vtimezone' && textOf(one, 'tzid') === tzid.trim())
    return part && make(part)
  }
  return {
    own,
    utc: known(namedZone('UTC'), 'the clock of UTC'),
    named(tzid, line) {
      const place = tzid.replace(/^\//, '')
      const zone = found.get(tzid) ?? (place.includes('/') ? namedZone(place) : undefined) ?? written(tzid) ?? namedZone(place)
      if (!zone)
        throw refuse(
          line,
          `the time zone "${tzid.slice(0, 100)}" is not known`,
          'export the calendar with its VTIMEZONE, or use an IANA name',
        )
      found.set(tzid, zone)
      return zone
    },
  }
}

function spansOf(event: Event, ofOne: readonly Event[], [from, to]: readonly [Instant, Instant], budget: Budget): EventSpan[] {
  if (event.cancelled) return []
  const replaced = ofOne.flatMap(({ replaces }) => (replaces ? [replaces] : []))
  const isGone = goneAmong(event.replaces ? [] : [...event.without, ...replaced])
  const title = clean(event.title.replaceAll(/\s+/g, ' '), TITLE_CHARACTERS_MAX)
  const spans: EventSpan[] = []
  for (const [point, end] of occurrencesOf(event, from, to, budget)) {
    const begins = point.zone.instantOf(point.wall)
    const touching = begins < to && end > from && begins < end
    if (touching && !isGone(point, begins)) spans.push({ from: begins, to: end, title, advisory: event.advisory })
  }
  return spans
}

/** Whether an occurrence is left out: named by its instant, or by its day where either of the two is a day. */
function goneAmong(points: readonly Point[]): (point: Point, begins: Instant) => boolean {
  const dayOf = ({ wall }: Point): string => wall.toPlainDate().toString()
  const instants = new Set(points.flatMap((one) => (one.isDay ? [] : [one.zone.instantOf(one.wall)])))
  const days = new Set(points.flatMap((one) => (one.isDay ? [dayOf(one)] : [])))
  const everyDay = new Set(points.map(dayOf))
  return (point, begins) => (point.isDay ? everyDay.has(dayOf(point)) : instants.has(begins) || days.has(dayOf(point)))
}

/** The start itself, what the rules add, and what is added by date; a rule's UNTIL is part of it. */
function* occurrencesOf(event: Event, from: Instant, to: Instant, budget: Budget): Generator<readonly [Point, Instant], void, undefined> {
  const { start, endOf, rules, dates } = event
  yield [start, endOf(start.wall)]
  for (const { start: point, end } of dates)
    yield [point, end ?? endOf(point.zone === start.zone ? point.wall : start.zone.wallOf(point.zone.instantOf(point.wall)))]
  const lengthMs = Math.max(0, endOf(start.wall) - start.zone.instantOf(start.wall))
  // A day on both sides: wall clocks change, and a whole day may begin before its instant.
  const stretch = { from: start.zone.wallOf(plus(from, -lengthMs - 2 * DAY)), to: start.zone.wallOf(plus(to, DAY)) }
  for (const rule of rules) {
    const until = untilOf(rule, start)
    for (const wall of hits(
      rule,
      start.wall,
      { ...stretch, to: Temporal.PlainDateTime.compare(until.wall, stretch.to) < 0 ? until.wall : stretch.to },
      budget,
    ))
      if (start.isDay || start.zone.instantOf(wall) <= until.at) yield [{ ...start, wall }, endOf(wall)]
  }
}

/** The last moment at which an occurrence may begin. UNTIL as a day means the whole day. */
function untilOf({ until }: Rule, { zone, isDay }: Point): Readonly<{ wall: Temporal.PlainDateTime; at: Instant }> {
  if (until === null) return { wall: Temporal.PlainDateTime.from('9999-12-31'), at: instant(Infinity) }
  const wall = known(wallText(until), 'the UNTIL of a rule')
  if (!until.includes('T')) {
    const end = wall.add({ hours: 23, minutes: 59, seconds: 59 })
    return { wall: end, at: zone.instantOf(end) }
  }
  if (!until.endsWith('Z') || isDay) return { wall, at: zone.instantOf(wall) }
  const at = instant(wall.toZonedDateTime('UTC').epochMilliseconds)
  return { wall: zone.wallOf(plus(at, DAY)), at }
}
