import { isoSeconds, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { WindowRule, WindowTimesRule } from '../runbook/runbook.ts'
import { dateOf, wall, wallOf, wallText } from './civil.ts'
import { YEARS } from './cron-field.ts'
import { wallHits } from './cron-hits.ts'
import { hits, readRule, type ReadRule } from './hits.ts'
import type { WindowTimes } from './plan.ts'
import { invalid } from './schedule-mistake.ts'

/** A maintenance schedule in its zone. `start` is part of the validity, `end` is not. Without `start`, `rate()` counts from the instant that is asked about. */
export type CalendarRule = Readonly<{
  schedule: string
  timezone: string
  durationMs: Ms
  cutoffMs: Ms
  /** A local time that does not exist: the next one that does, or none. */
  onGap: 'next-valid' | 'skip'
  /** A local time that occurs twice. It is never used twice, so a schedule of minutes pauses while the hour repeats (`first`) or is about to (`second`). */
  onOverlap: 'first' | 'second'
  start?: Instant | null
  end?: Instant | null
  /** 0-6 days after the hit, on the zone's own calendar; `cron()` only. Clock changes are judged at the day that this leads to. */
  offsetDays?: number
}>

/** The calendar of a runbook's window, from its own times or from those of its SSM maintenance window. */
export const calendarRule = (window: Pick<WindowRule, 'onGap' | 'onOverlap'>, times: WindowTimesRule): CalendarRule => ({
  ...times,
  onGap: window.onGap,
  onOverlap: window.onOverlap,
})

/** One hit of a schedule. `opens` is null where `onGap: skip` left it out. */
export type Occurrence = Readonly<{ local: string; opens: Instant | null; odd: 'gap' | 'overlap' | null }>

const ODD = { once: null, gap: 'gap', twice: 'overlap' } as const

/**
 * The next openings strictly after `after`, at most `count`, fewer when there are no more. Duration and cutoff are elapsed time: a window of
 * six hours is that also in the night of a clock change.
 * @throws `schedule.invalid`
 */
export function nextOpenings(rule: CalendarRule, after: Instant, count: number): WindowTimes[] {
  if (rule.durationMs > 0 && rule.cutoffMs >= rule.durationMs)
    throw invalid('cutoff', 1, 'cutoff', 'the cutoff is not shorter than the duration', 'leave time to start something')
  const coming = hits(rule, after)
  const found: WindowTimes[] = []
  if (count <= 0) return found
  for (const { opens, merged } of coming) {
    if (opens === null || merged) continue
    const closes = plus(opens, rule.durationMs)
    found.push({ opens, cutoff: plus(closes, -rule.cutoffMs), closes })
    if (found.length === count) break
  }
  return found
}

/**
 * Every hit after `after` in the order of time, those that a clock change swallowed included; of several that it moves to one instant the first.
 * @throws `schedule.invalid`
 */
export function* occurrences(rule: CalendarRule, after: Instant): Generator<Occurrence, void, undefined> {
  for (const { local, opens, place, merged } of hits(rule, after)) {
    if (!merged) yield { local: wallText(local), opens, odd: ODD[place.kind] }
  }
}

/** Which zone data the openings were computed with, for the record: what the runtime says of itself, else `runtime`. */
export const zoneDataOf = (version: string | undefined): string => version ?? 'runtime'

/**
 * Why a schedule has no opening after `from`; null when it has one.
 * @throws `schedule.invalid` for what is no schedule; a day that no month has is a reason, not a throw
 */
export function neverFires(rule: CalendarRule, from: Instant): string | null {
  try {
    return nextOpenings({ ...rule, durationMs: 0 }, from, 1).length > 0 ? null : reason(rule, readRule(rule), from)
  } catch (error) {
    if (error instanceof PatchwaveError && error.more.detail?.['rule'] === 'never') return error.message
    throw error
  }
}

function reason(rule: CalendarRule, read: ReadRule, from: Instant): string {
  const { start, end, zone } = read
  if (end !== null && end <= from) return `its validity ended at ${isoSeconds(end)}`
  if (start !== null && end !== null && end <= start) return 'its validity ends before it begins'
  const [missing] = hits(rule, from)
  if (missing !== undefined) return `${wallText(missing.local)} does not exist in ${zone.name}: clocks go over it, and onGap is skip`
  const [next] = nextOpenings({ ...rule, durationMs: 0, end: null }, from, 1)
  if (next !== undefined && end !== null)
    return `its next opening, ${isoSeconds(next.opens)}, is not before the end of its validity, ${isoSeconds(end)}`
  if (nextOpenings({ ...rule, durationMs: 0, start: null, end: null }, from, 1).length === 0) return spent(read, from)
  return `its last opening is before the beginning of its validity, ${isoSeconds(start ?? from)}`
}

/** Why there is nothing to come even without bounds. */
function spent({ schedule, zone }: ReadRule, from: Instant): string {
  if (schedule.kind === 'at') return `${wallText(wallOf(schedule.local))} in ${zone.name} is past`
  const last = schedule.kind === 'cron' ? (schedule.cron.years.at(-1) ?? YEARS.most) : YEARS.most
  if (dateOf(zone.wall(from)).year > last) return `its last year, ${String(last)}, is over`
  const ever = schedule.kind !== 'cron' || wallHits(schedule.cron, wall(0)).next().done !== true
  return ever ? `its last opening, in ${String(last)}, is over` : 'no month of its years has such a day'
}
