import type { GetMaintenanceWindowResult } from '@aws-sdk/client-ssm'
import { parseSchedule } from '../../core/plan/schedule.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { HOUR, instant, iso, parseInstant, plus, type Instant } from '../../kit/instant.ts'
import type { Calendars, CalendarState, NativeWindow } from '../../ports/calendars.ts'
import type { Calls } from './calls.ts'

/** Maintenance windows and Change Calendars over the SDK. */
export function calendarsOver(calls: Calls): Calendars {
  return {
    window: (cell, id, signal) => windowOf(calls, cell, id, signal),
    state: (cell, names, at, signal) => stateOf(calls, { cell, names, at }, signal),
  }
}

async function windowOf(calls: Calls, cell: Cell, id: string, signal: AbortSignal): Promise<NativeWindow> {
  const call = { cell, operation: 'GetMaintenanceWindow', kind: 'read', signal } as const
  const seen = await calls.ssm(call, ({ sdk, client, options }) =>
    client.send(new sdk.GetMaintenanceWindowCommand({ WindowId: id }), options),
  )
  const unread = (what: string): PatchwaveError => unreadable(cell, 'ssm.GetMaintenanceWindow', `${id} shows ${what}`)
  const { Schedule: schedule, Duration, Cutoff } = seen
  if (schedule === undefined || Duration === undefined || Cutoff === undefined) throw unread('no schedule, duration or cutoff')
  if (schedule.startsWith('rate(') && !seen.CreatedDate) throw unread('no creation date, from which its rate counts')
  return {
    id,
    name: seen.Name ?? id,
    enabled: seen.Enabled ?? false,
    schedule,
    timezone: seen.ScheduleTimezone ?? 'UTC',
    durationMs: Duration * HOUR,
    cutoffMs: Cutoff * HOUR,
    offsetDays: seen.ScheduleOffset ?? 0,
    start: startOf(seen, unread),
    end: dateOf(seen.EndDate, 'end date', unread),
  }
}

type Unread = (what: string) => PatchwaveError

/**
 * A rate counts from the start date, from the creation where there is none or it had passed by then (UG, maintenance-windows-schedule-options:
 * a past start date with a rate means counting from now). An update may have set it going anew: the next execution that SSM shows has the last
 * word, so that the start is moved, by less than one turn, onto its beat.
 */
function startOf(seen: GetMaintenanceWindowResult, unread: Unread): Instant | null {
  const start = dateOf(seen.StartDate, 'start date', unread)
  const created = seen.CreatedDate
  if (!created || seen.Schedule?.startsWith('rate(') !== true) return start
  const begun = instant(Math.max(start ?? 0, created.getTime()))
  const next = dateOf(seen.NextExecutionTime, 'next execution', unread)
  const parsed = parseSchedule(seen.Schedule)
  if (next === null || parsed.kind !== 'rate' || next < begun) return begun
  return plus(begun, (next - begun) % parsed.everyMs)
}

/** SSM keeps these dates as texts, as they were given: with or without seconds, with an offset of their own. */
function dateOf(text: string | undefined, what: string, unread: Unread): Instant | null {
  if (text === undefined || text === '') return null
  const at = readInstant(text)
  if (at === undefined) throw unread(`a ${what} that is no instant: ${text.slice(0, 60)}`)
  return at
}

/** Also `-0700` and `-07` beside `-07:00`. */
const readInstant = (text: string): Instant | undefined =>
  parseInstant(
    text.replace(/([+-]\d{2})(\d{2})?$/, (whole, hours: string, minutes: string | undefined) =>
      isDate(text) ? whole : `${hours}:${minutes ?? '00'}`,
    ),
  )

const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text)

type Asked = Readonly<{ cell: Cell; names: readonly string[]; at: Instant }>

async function stateOf(calls: Calls, { cell, names, at }: Asked, signal: AbortSignal): Promise<CalendarState> {
  const call = { cell, operation: 'GetCalendarState', kind: 'read', signal } as const
  const answer = await calls.ssm(call, ({ sdk, client, options }) =>
    client.send(new sdk.GetCalendarStateCommand({ CalendarNames: [...names], AtTime: iso(at) }), options),
  )
  const unread = (what: string): PatchwaveError => unreadable(cell, 'ssm.GetCalendarState', `${names.join(', ')} shows ${what}`)
  const { State } = answer
  if (State !== 'OPEN' && State !== 'CLOSED') throw unread('neither OPEN nor CLOSED')
  return { open: State === 'OPEN', until: dateOf(answer.NextTransitionTime, 'next transition', unread) }
}

const unreadable = (cell: Cell, call: string, message: string): PatchwaveError =>
  new PatchwaveError('aws.invalid', `${call} in ${cellKey(cell)}: ${message}`, {
    hint: 'look at it in Systems Manager, and correct it there',
    detail: { cell: cellKey(cell), call },
  })
