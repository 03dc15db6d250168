import { Temporal } from 'temporal-polyfill'
import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { DAY, instant, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import { dateOf, dayNumber, wall as toWall, wallOf } from './civil.ts'
import { propertyOf, textOf, type Component, type Refuse } from './icalendar.ts'
import { hits, parseRule, wallText, type Budget, type Rule, type Stretch } from './recurrence.ts'
import { zoneNamed } from './zone.ts'

/** A wall clock: where its times fall. Of a time that occurs twice the first is meant, one that does not exist counts as before the gap (RFC 5545, 3.3.5). */
export type Zone = Readonly<{
  instantOf: (wall: Temporal.PlainDateTime) => Instant
  wallOf: (at: Instant) => Temporal.PlainDateTime
}>

/** The clock of an IANA zone by the runtime's zone data; nothing for any other name. */
export function namedZone(name: string): Zone | undefined {
  const zone = zoneOf(name)
  return (
    zone && {
      instantOf(wall) {
        const local = wallOf(wall)
        const place = zone.place(local)
        if (place.kind === 'gap') return instant(local - place.change.beforeMs)
        return place.kind === 'twice' ? place.first : place.at
      },
      wallOf: (at) => wallFrom(zone.wall(at)),
    }
  )
}

function zoneOf(name: string): ReturnType<typeof zoneNamed> | undefined {
  try {
    return zoneNamed(name)
  } catch (error) {
    if (error instanceof PatchwaveError) return undefined
    throw error
  }
}

/** A change of a clock: from `at` on it is `after` ahead of UTC. */
type Change = Readonly<{ at: Instant; before: Ms; after: Ms }>

/** The time that a clock is needed for. */
type Needed = Readonly<{ from: Instant; to: Instant }>

/** The clock that a VTIMEZONE describes, right in the time that it is needed for. @throws `freeze.invalid` */
export function writtenZone(component: Component, needed: Needed, refuse: Refuse, budget: Budget): Zone {
  const kinds = component.parts.filter(({ name }) => name === 'standard' || name === 'daylight')
  const changes = kinds.flatMap((kind) => changesOf(kind, needed, refuse, budget)).sort((a, b) => a.at - b.at)
  if (changes.length === 0) throw refuse(component.line, 'this time zone has neither STANDARD nor DAYLIGHT', 'export the calendar again')
  const offsetAt = (at: number): Ms => changes.findLast((change) => change.at <= at)?.after ?? changes[0]?.before ?? 0
  return {
    wallOf: (at) => wallFrom(at + offsetAt(at)),
    instantOf(wall) {
      const local = wallOf(wall)
      const [before, after] = [offsetAt(local - DAY), offsetAt(local + DAY)]
      const fits = [before, after].find((offset) => offsetAt(local - offset) === offset)
      return instant(local - (fits ?? before))
    },
  }
}

function changesOf(kind: Component, needed: Needed, refuse: Refuse, budget: Budget): Change[] {
  const before = offsetOf(kind, 'tzoffsetfrom', refuse)
  const after = offsetOf(kind, 'tzoffsetto', refuse)
  const start = wallIn(kind, propertyOf(kind, 'dtstart')?.values[0], refuse)
  const rules = kind.properties.filter(({ name }) => name === 'rrule').map(({ values, line }) => ruleOf(values[0], line, refuse))
  const repeated = rules.flatMap((rule) => [...hits(rule, start, lastOf(rule, needed), budget)])
  const named = kind.properties
    .filter(({ name }) => name === 'rdate')
    .flatMap(({ values }) => values.map((value) => wallIn(kind, value, refuse)))
  return [start, ...repeated, ...named].map((wall) => ({ at: instant(wallOf(wall) - before), before, after }))
}

/** Outlook's rules begin in 1601: what counts is the last change before the time that is needed, or before a rule's own end. */
function lastOf({ until }: Rule, needed: Needed): Stretch {
  const [from, to] = [wallFrom(needed.from), wallFrom(needed.to).add({ days: 2 })]
  // A day more or less at the end of a rule adds no change: changes lie months apart.
  const end = until === null ? undefined : known(wallText(until), 'the UNTIL of a rule').add({ days: 1 })
  const ended = end === undefined ? to : sooner(to, end)
  return { from: sooner(from, ended).subtract({ years: 3 }), to: ended }
}

/** The rule of an RRULE line. @throws `freeze.invalid` */
export function ruleOf(value: unknown, line: number, refuse: Refuse): Rule {
  const rule = parseRule(value)
  if (typeof rule === 'string')
    throw refuse(line, `RRULE cannot be followed: ${rule}`, 'write a rule as RFC 5545 has it, or write the events out')
  return rule
}

const sooner = (a: Temporal.PlainDateTime, b: Temporal.PlainDateTime): Temporal.PlainDateTime =>
  Temporal.PlainDateTime.compare(b, a) < 0 ? b : a

function wallIn(kind: Component, value: unknown, refuse: Refuse): Temporal.PlainDateTime {
  const wall = typeof value === 'string' ? wallText(value) : undefined
  if (wall === undefined) throw refuse(kind.line, 'a change of this time zone has no time', 'export the calendar again')
  return wall
}

function offsetOf(kind: Component, name: string, refuse: Refuse): Ms {
  const found = /^([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(textOf(kind, name))
  const [, sign = '+', hours = '', minutes = '', seconds = '0'] = found ?? []
  if (!found || Number(hours) > 23)
    throw refuse(propertyOf(kind, name)?.line ?? kind.line, `${name.toUpperCase()} is no offset`, 'write it like -0500')
  const size = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * SECOND
  return sign === '-' ? -size : size
}

/** A wall clock as Temporal has it, of one as milliseconds. */
function wallFrom(ms: number): Temporal.PlainDateTime {
  const { year, month, day } = dateOf(toWall(ms))
  return new Temporal.PlainDateTime(year, month, day).add({ milliseconds: ms - dayNumber(year, month, day) * DAY })
}
