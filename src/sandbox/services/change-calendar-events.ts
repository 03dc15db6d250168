import ICAL from 'ical.js'
import { DAY, type Instant, instant, type Ms } from '../../kit/instant.ts'
import { ServiceError } from '../model.ts'

/** A time in which a calendar is closed: `from` included, `to` not. */
export type Span = Readonly<{ from: Instant; to: Instant }>

/** How far ahead a next change is looked for. */
export const HORIZON_MS: Ms = 400 * DAY

/** Steps of one recurrence: a daily event needs 365 a year. */
const STEPS_MAX = 20_000

/** Refuses a text that Change Calendar would not store. */
export function checkCalendar(content: string): void {
  const calendar = calendarOf(content)
  const type = String(calendar?.getFirstPropertyValue('x-calendar-type') ?? '')
  if (calendar && (type === 'DEFAULT_OPEN' || type === 'DEFAULT_CLOSED')) return
  throw new ServiceError('InvalidDocumentContent', 'The content is no iCalendar with X-CALENDAR-TYPE:DEFAULT_OPEN or DEFAULT_CLOSED.')
}

/** When a calendar is closed between two instants. Advisory and cancelled events change nothing. */
export function closedTimes(content: string, from: Instant, to: Instant): Span[] {
  const calendar = calendarOf(content)
  if (!calendar) throw unsupported('it is no iCalendar')
  const events = calendar.getAllSubcomponents('vevent').flatMap((event) => spansOf(event, from, to))
  return calendar.getFirstPropertyValue('x-calendar-type') === 'DEFAULT_CLOSED' ? between(events, from, to) : events
}

function calendarOf(content: string): ICAL.Component | undefined {
  try {
    const parsed: unknown = ICAL.parse(content)
    if (!Array.isArray(parsed) || parsed[0] !== 'vcalendar') return undefined
    return new ICAL.Component(parsed)
  } catch {
    return undefined
  }
}

function spansOf(event: ICAL.Component, from: Instant, to: Instant): Span[] {
  if (event.hasProperty('recurrence-id')) throw unsupported('single occurrences of a series were changed')
  const skipped = event.getFirstPropertyValue('status') === 'CANCELLED' || event.getFirstPropertyValue('x-event-type') === 'ADVISORY'
  if (skipped) return []
  const start = event.getFirstProperty('dtstart')
  if (!start) throw unsupported('an event has no DTSTART')
  const whole = new ICAL.Event(event)
  const zone = start.getFirstParameter('tzid') || 'UTC'
  const length = whole.duration
  const spans: Span[] = []
  for (const time of timesOf(event, whole, to)) {
    const end = time.clone()
    end.addDuration(length)
    const span = { from: instantOf(time, zone), to: instantOf(end, zone) }
    if (span.from >= to) break
    if (span.to > from && span.from < span.to) spans.push(span)
  }
  return spans
}

function* timesOf(event: ICAL.Component, whole: ICAL.Event, to: Instant): Generator<ICAL.Time, void, undefined> {
  for (const rule of event.getAllProperties('rrule')) checkRule(rule.getFirstValue())
  const iterator = whole.iterator()
  const year = new Date(to).getUTCFullYear() + 1
  for (let step = 0; ; step += 1) {
    if (step === STEPS_MAX) throw unsupported('an event repeats too often')
    const time: ICAL.Time | null = iterator.next()
    if (!time || time.year > year) return
    yield time
  }
}

/** Rules that ical.js might follow forever are not taken. */
function checkRule(rule: unknown): void {
  if (!(rule instanceof ICAL.Recur)) throw unsupported('an RRULE cannot be read')
  const daily = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'].includes(rule.freq)
  const filters = ['BYMONTH', 'BYMONTHDAY', 'BYYEARDAY', 'BYWEEKNO', 'BYHOUR', 'BYMINUTE', 'BYSECOND']
  const filtered = (rule.freq === 'DAILY' || rule.freq === 'WEEKLY') && filters.some((part) => rule.getComponent(part).length > 0)
  if (!daily || filtered || rule.interval > 1_000) throw unsupported('an RRULE of this kind')
}

/** A time on its own clock: a VTIMEZONE of the file, an IANA zone, or UTC for days and times without a zone. */
function instantOf(time: ICAL.Time, tzid: string): Instant {
  if (time.zone !== ICAL.Timezone.localTimezone) return instant(time.toUnixTime() * 1_000)
  const wall = Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second)
  const guess = wall - offsetAt(tzid, wall)
  return instant(wall - offsetAt(tzid, guess))
}

function offsetAt(zone: string, epochMs: number): Ms {
  const parts = formatOf(zone).formatToParts(epochMs)
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0)
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) - Math.floor(epochMs / 1_000) * 1_000
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const all = {
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
  } as const
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, ...all })
  } catch {
    throw unsupported(`the time zone ${zone} is not known`)
  }
}

function between(events: readonly Span[], from: Instant, to: Instant): Span[] {
  const gaps: Span[] = []
  let since = from
  for (const event of [...events].sort((a, b) => a.from - b.from)) {
    if (event.from > since) gaps.push({ from: since, to: event.from })
    since = instant(Math.max(since, event.to))
  }
  return since < to ? [...gaps, { from: since, to }] : gaps
}

const unsupported = (why: string): ServiceError =>
  new ServiceError('UnsupportedCalendarException', `The calendar entry contained in the specified SSM document is not supported: ${why}.`)
