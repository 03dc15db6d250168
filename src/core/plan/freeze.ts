import { Temporal } from 'temporal-polyfill'
import { PatchwaveError } from '../../kit/error.ts'
import { DAY, instant, parseInstant, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { eventSpans, zoneFor, type EventSpan } from './icalendar-span.ts'

/** A period in which nothing may start: `from` included, `to` not. `source` says where it stands: the dates, the file, the Change Calendar. */
export type Freeze = Readonly<{ from: Instant; to: Instant; why: string; source: string }>

/** The freeze that holds at an instant; of several the one that ends last. */
export function freezeAt(freezes: readonly Freeze[], at: Instant): Freeze | undefined {
  let found: Freeze | undefined
  for (const freeze of freezes) if (freeze.from <= at && at < freeze.to && (found === undefined || freeze.to > found.to)) found = freeze
  return found
}

/**
 * The freezes of an iCalendar file that touch [`from`, `to`), in the order of their beginnings. `zone` (IANA) is the window's: whole days and
 * times without a zone are meant in it. In a calendar that is closed by default (`X-CALENDAR-TYPE:DEFAULT_CLOSED`) all freezes but the events;
 * such a freeze begins at `from` at the earliest, and ends a year after `to` where no event opens it before. Cancelled events and those that
 * show as free (`TRANSP:TRANSPARENT`, `X-EVENT-TYPE:ADVISORY`) freeze nothing.
 * @throws `freeze.invalid` with the file's line; also when the events repeat too often to be followed
 */
export function freezesOfCalendar(text: string, file: string, zone: string, from: Instant, to: Instant): Freeze[] {
  const { calendars } = eventSpans(text, file, zone, from, to)
  // When a closed calendar opens again may lie beyond what was asked.
  const later = plus(to, YEAR_MS)
  const ahead = calendars.some(({ closed }) => closed) ? eventSpans(text, file, zone, from, later).calendars : []
  const found = calendars.flatMap(({ closed, spans }, index) => {
    const firm = (all: readonly EventSpan[]): readonly EventSpan[] => all.filter(({ advisory }) => !advisory)
    if (!closed) return firm(spans).map((span) => freezeOf(span, file))
    return gaps(firm(ahead[index]?.spans ?? []), file, from, later).filter((freeze) => touches(freeze, from, to))
  })
  return inOrder(found)
}

/** The events of the file that touch [`from`, `to`) and show as free: people see them, and they freeze nothing. @throws as `freezesOfCalendar` */
export function advisoriesOfCalendar(text: string, file: string, zone: string, from: Instant, to: Instant): Freeze[] {
  const { calendars } = eventSpans(text, file, zone, from, to)
  const free = calendars.flatMap(({ spans }) => spans.filter(({ advisory }) => advisory))
  return inOrder(free.map((span) => freezeOf(span, file)))
}

/** Whole days from `days.from` to `days.to`, both included, on the zone's calendar, if they touch [`from`, `to`). @throws `freeze.invalid` */
export function freezesOfDays(days: Readonly<{ from: string; to: string }>, zone: string, from: Instant, to: Instant): Freeze[] {
  const source = `${days.from} to ${days.to}`
  const clock = zoneFor(zone)
  const [first, last] = [dayOf(days.from, source), dayOf(days.to, source)]
  if (Temporal.PlainDate.compare(last, first) < 0) throw wrongDays(source, 'the last day is before the first')
  const freeze = {
    from: clock.instantOf(first.toPlainDateTime()),
    to: clock.instantOf(last.add({ days: 1 }).toPlainDateTime()),
    why: first.equals(last) ? `the day ${days.from}` : `the days ${days.from} to ${days.to}`,
    source,
  }
  return touches(freeze, from, to) ? [freeze] : []
}

/** What is wrong with an iCalendar text, with its line; nothing when it can be read and its events followed. */
export function calendarMistake(text: string): string | undefined {
  try {
    // Whatever a year from any event's beginning shows: rules that are too wild are found there.
    eventSpans(text, 'the calendar', 'UTC', instant(0), instant(0), 'check')
    return undefined
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    return `line ${String(error.more.at?.line ?? 1)}: ${error.message}`
  }
}

/** Whether any instant of [`from`, `to`) is frozen. */
export const touches = (freeze: Pick<Freeze, 'from' | 'to'>, from: Instant, to: Instant): boolean => freeze.from < to && freeze.to > from

/** Sorted by their beginnings, then by their ends, then by what they say: the same in whatever order they were read. */
export const inOrder = (freezes: readonly Freeze[]): Freeze[] =>
  [...freezes].sort((a, b) => a.from - b.from || a.to - b.to || byText(a.source, b.source) || byText(a.why, b.why))

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** How far a closed calendar is searched for the event that opens it. */
const YEAR_MS: Ms = 366 * DAY

/** What lies between the events, and before and after them. */
function gaps(events: readonly EventSpan[], file: string, from: Instant, to: Instant): Freeze[] {
  const found: Freeze[] = []
  const closed = (since: Instant, until: Instant): void => {
    if (since < until) found.push({ from: since, to: until, why: 'closed: none of the events that open it', source: file })
  }
  let since = from
  for (const event of [...events].sort((a, b) => a.from - b.from)) {
    closed(since, instant(Math.min(event.from, to)))
    since = instant(Math.max(since, event.to))
  }
  closed(since, to)
  return found
}

const freezeOf = ({ from, to, title }: EventSpan, source: string): Freeze => ({
  from,
  to,
  why: title === '' ? 'an event without a title' : title,
  source,
})

function dayOf(text: string, source: string): Temporal.PlainDate {
  try {
    if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return Temporal.PlainDate.from(text)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
  }
  throw wrongDays(source, parseInstant(text) === undefined ? `"${text.slice(0, 40)}" is no day` : `"${text}" is an instant, not a day`)
}

const wrongDays = (source: string, message: string): PatchwaveError =>
  new PatchwaveError('freeze.invalid', `${source.slice(0, 100)}: ${message}`, {
    hint: 'write both days like 2026-12-20, the first one first',
  })
