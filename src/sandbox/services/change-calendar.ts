import type { Cell } from '../../kit/ids.ts'
import { type Instant, instant, isoSeconds, plus } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Service, ServiceError } from '../model.ts'
import { inputOf, list, optional, text } from '../wire/input.ts'
import { closedTimes, HORIZON_MS, type Span } from './change-calendar-events.ts'
import { dateIn } from './maintenance-windows-schedule.ts'

const readState = inputOf({ CalendarNames: list(text()), AtTime: optional(text()) })

/** A document of type ChangeCalendar: its iCalendar text; `other`: a document of another type has that name. */
export type FindCalendar = (cell: Cell, name: string) => Readonly<{ content: string }> | 'other' | undefined

/** Change Calendars of each account and Region: what their documents say of an instant. Several are open only when all are. */
export function changeCalendar(clock: Clock, find: FindCalendar): Service {
  return {
    GetCalendarState: (input, caller) => {
      const { CalendarNames: names, AtTime } = readState(input)
      const at = atTime(AtTime, clock.now())
      if (names.length === 0) throw new ServiceError('ValidationException', 'CalendarNames must not be empty.')
      const closed = names.flatMap((name) => closedTimes(contentOf(find, caller, name), at, plus(at, HORIZON_MS)))
      const { isOpen, next } = stateAt(closed, at)
      return { State: isOpen ? 'OPEN' : 'CLOSED', AtTime: isoSeconds(at), NextTransitionTime: next === null ? undefined : isoSeconds(next) }
    },
  }
}

function atTime(given: string | undefined, now: Instant): Instant {
  const at = given === undefined ? now : dateIn(given)
  if (at === undefined) throw new ServiceError('ValidationException', `AtTime ${given ?? ''} is no ISO 8601 time.`)
  return instant(Math.floor(at / 1_000) * 1_000) // As the answer shows it: whole seconds.
}

function contentOf(find: FindCalendar, cell: Cell, name: string): string {
  const found = find(cell, name)
  if (found === undefined) throw new ServiceError('InvalidDocument', `Document with name ${name} does not exist.`)
  if (found === 'other') throw new ServiceError('InvalidDocumentType', `Document ${name} is no Change Calendar.`)
  return found.content
}

/** Whether any closed time holds, and when that changes, looking no further than the horizon. */
function stateAt(closed: readonly Span[], at: Instant): Readonly<{ isOpen: boolean; next: Instant | null }> {
  const ahead = closed.filter(({ to }) => to > at).sort((a, b) => a.from - b.from)
  const [first] = ahead
  if (!first || first.from > at) return { isOpen: true, next: first?.from ?? null }
  let until = at
  for (const { from, to } of ahead) if (from <= until) until = instant(Math.max(until, to))
  return { isOpen: false, next: until >= plus(at, HORIZON_MS) ? null : until }
}
