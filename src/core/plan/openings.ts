import { isoSeconds, latest, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { Runbook } from '../runbook/runbook.ts'
import { nextOpenings, type CalendarRule } from './calendar.ts'
import { freezeAt, type Freeze } from './freeze.ts'
import type { WindowTimes } from './plan.ts'

/** The openings that a plan shows. */
export const WINDOWS_SHOWN = 3

/** What a plan is told of calendars (`PlanInput`). */
export type Asked = Readonly<{
  runbook: Pick<Runbook, 'window'>
  now: Instant
  calendar?: CalendarRule | null
  opening?: Instant
  own?: Readonly<{ durationMs: Ms; cutoffMs: Ms }> | null
  delayMs?: (opens: Instant) => Ms
  freezes?: readonly Freeze[]
}>

/** The openings to come, the first one that a run can begin in and when, and what is to be said of them. */
export type Room = Readonly<{
  windows: readonly WindowTimes[]
  first: (WindowTimes & Readonly<{ startAt: Instant }>) | null
  zone: string | null
  remarks: readonly string[]
}>

/**
 * The window that the run would have: its own when it opens one, else the next opening that is not frozen up to its cutoff.
 * @throws `schedule.invalid`
 */
export function roomOf(asked: Asked): Room {
  const { runbook, now, calendar, own, opening } = asked
  const zone = calendar?.timezone ?? null
  const windows = calendar ? nextOpenings(calendar, opening === undefined ? now : plus(opening, -1), WINDOWS_SHOWN) : []
  if (own) {
    const closes = plus(now, own.durationMs)
    return { windows, first: { opens: now, cutoff: plus(closes, -own.cutoffMs), closes, startAt: now }, zone, remarks: frozenNow(asked) }
  }
  const begun = windows.map((window) => ({ ...window, startAt: startOf(asked, window) }))
  const first = begun.find(({ cutoff, startAt }) => startAt < cutoff) ?? null
  const disabled =
    calendar === null && runbook.window !== null && 'native' in runbook.window.times
      ? [`the SSM maintenance window ${runbook.window.times.native} is disabled: it never opens`]
      : []
  return { windows, first, zone, remarks: [...disabled, ...begun.flatMap((window) => frozen(asked, window))] }
}

/** When a run begins in this opening: after its delay, and after every freeze that it meets. */
function startOf({ now, delayMs, freezes = [] }: Asked, { opens }: WindowTimes): Instant {
  let start = latest(plus(opens, delayMs?.(opens) ?? 0), now)
  for (let freeze = freezeAt(freezes, start); freeze !== undefined; freeze = freezeAt(freezes, start)) start = freeze.to
  return start
}

function frozen({ freezes = [] }: Asked, { opens, cutoff, startAt }: WindowTimes & Readonly<{ startAt: Instant }>): string[] {
  const freeze = freezeAt(freezes, opens)
  if (freeze === undefined) return []
  const until = startAt >= cutoff ? 'past its cutoff' : `until ${isoSeconds(freeze.to)}`
  return [`the opening of ${isoSeconds(opens)} is frozen ${until} (${freeze.why})`]
}

function frozenNow({ freezes = [], now }: Asked): string[] {
  const freeze = freezeAt(freezes, now)
  return freeze === undefined ? [] : [`nothing may start until ${isoSeconds(freeze.to)} (${freeze.why})`]
}
