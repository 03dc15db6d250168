import type { CalendarRule } from '../../../src/core/plan/calendar.ts'
import { nextOpenings } from '../../../src/core/plan/calendar.ts'
import { PatchwaveError } from '../../../src/kit/error.ts'
import { instant, isoSeconds, parseInstant, type Instant } from '../../../src/kit/instant.ts'

/** An instant as the tests write it, `2026-03-08T07:00:00Z`. */
export function at(text: string): Instant {
  const found = parseInstant(text)
  if (found === undefined) throw new Error(`no instant: ${text}`)
  return found
}

/** A calendar in UTC that takes clock changes as maintenance windows do, unless `more` says otherwise. */
export const rule = (schedule: string, more: Partial<CalendarRule> = {}): CalendarRule => ({
  schedule,
  timezone: 'UTC',
  durationMs: 0,
  cutoffMs: 0,
  onGap: 'skip',
  onOverlap: 'first',
  ...more,
})

/** The next openings as text, in UTC. */
export const opens = (from: string, count: number, one: CalendarRule): string[] =>
  nextOpenings(one, at(from), count).map((times) => isoSeconds(times.opens))

/** What is wrong with a calendar, by its machine-readable detail and its hint, or `accepted`. */
export function refusal(one: CalendarRule): unknown {
  try {
    nextOpenings(one, instant(0), 1)
  } catch (error) {
    if (error instanceof PatchwaveError) return { code: error.code, ...error.more.detail, hint: error.more.hint }
    throw error
  }
  return 'accepted'
}

export const NY = { timezone: 'America/New_York' }
export const LA = { timezone: 'America/Los_Angeles' }
export const BERLIN = { timezone: 'Europe/Berlin' }
