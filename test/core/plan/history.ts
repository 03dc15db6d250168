import type { CalendarRule } from '../../../src/core/plan/calendar.ts'
import type { RunDurations, Span } from '../../../src/core/plan/durations.ts'
import { sketchOf } from '../../../src/core/plan/sketch.ts'
import { HOUR, parseInstant, SECOND, instant, type Ms } from '../../../src/kit/instant.ts'
import { PROD } from './fixture.ts'

/** Sundays at four in the morning in Berlin, for six hours, nothing begins in the last. The first opening after the fixture's `NOW`. */
export const SUNDAY = parseInstant('2026-03-01T03:00:00Z') ?? instant(0)
export const CALENDAR: CalendarRule = {
  schedule: 'cron(0 4 ? * SUN *)',
  timezone: 'Europe/Berlin',
  durationMs: 6 * HOUR,
  cutoffMs: HOUR,
  onGap: 'next-valid',
  onOverlap: 'first',
}

/** What these changes of one image took. */
export const span = (changes: readonly Ms[], more: Partial<Omit<Span, 'sketch'>> = {}): Span => ({
  work: 'apply',
  account: PROD,
  image: 'ami-a',
  platform: 'amazon-linux-2023',
  ...more,
  sketch: sketchOf(changes),
})

/** What one run took: these changes, and a second for everything between them. */
export function durations(changes: readonly Ms[], more: Partial<RunDurations> = {}): RunDurations {
  const second = sketchOf([SECOND])
  return {
    v: 1,
    run: 'run',
    runbook: 'monthly',
    act: 'rollout',
    reboot: 'never',
    spans: changes.length === 0 ? [] : [span(changes), span(changes, { image: 'ami-b' })],
    reads: second,
    reports: { quick: second, slow: second },
    drains: second,
    gates: { none: second, looks: second, scripts: second },
    leads: second,
    ...more,
  }
}
