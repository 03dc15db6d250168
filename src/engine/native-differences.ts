import { zoneNamed } from '../core/plan/zone.ts'
import type { WindowRule } from '../core/runbook/runbook.ts'
import { formatDuration } from '../kit/duration.ts'
import { DAY, plus, type Instant } from '../kit/instant.ts'
import type { NativeWindow } from '../ports/calendars.ts'

/** Clocks that change do so within a year. */
const YEAR = 366 * DAY

/**
 * What this engine does otherwise than SSM with the same maintenance window, as plain sentences: the window lends its calendar and no more.
 * What SSM does at clock changes is not documented for windows; EventBridge Scheduler's rule is taken for it (a missing local time is left out, a
 * doubled one runs once).
 */
export function nativeDifferences(native: NativeWindow, window: WindowRule, now: Instant): string[] {
  const { id, durationMs, cutoffMs } = native
  return [
    ...(native.enabled ? [] : [`${id} is disabled: it never opens until somebody enables it`]),
    `its registered targets and tasks are not used: the runbook says what is done and where`,
    `SSM goes on running its own tasks at the same openings: deregister those that patch the same nodes`,
    ...ofClocks(native, window, now),
    `at the cutoff, ${formatDuration(cutoffMs)} before the end, nothing new starts and what runs may end: a task’s CANCEL_TASK cancels nothing here`,
    ofOverlap(window.overlap),
    window.lateMs > 0
      ? `an opening at which no engine was there may still be begun ${formatDuration(window.lateMs)} late`
      : 'an opening at which no engine was there is told and left out',
    ...(window.jitterMs > 0 ? [`the start is put off by up to ${formatDuration(window.jitterMs)}`] : []),
    `its ${formatDuration(durationMs)} are elapsed time, also in a night in which clocks change`,
  ]
}

function ofClocks({ schedule, timezone }: NativeWindow, { onGap, onOverlap }: WindowRule, now: Instant): string[] {
  if (schedule.startsWith('rate(') || zoneNamed(timezone).changes(now, plus(now, YEAR)).length === 0) return []
  return [
    ...(onGap === 'next-valid' ? ['a local time that does not exist opens when clocks have gone over it; AWS schedules leave it out'] : []),
    ...(onOverlap === 'second' ? ['a local time that comes twice opens the second time; AWS schedules open the first time'] : []),
  ]
}

function ofOverlap(overlap: WindowRule['overlap']): string {
  const here = {
    queue: 'the opening waits for it',
    skip: 'the opening is told and left out',
    'cancel-running': 'it is aborted, and the opening waits for its end',
  }
  return `when the last run of this runbook is unfinished, ${here[overlap]}; SSM looks at its own executions only, and drops the new one`
}
