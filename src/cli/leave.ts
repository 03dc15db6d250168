import type { Instant } from '../kit/instant.ts'
import type { RunState } from '../core/run/state.ts'

/**
 * Whether somebody who follows a run may go: a person must approve baselines first, or the next thing that time alone brings lies beyond the
 * window (or nothing at all does, and the window has closed).
 */
export function mayLeave(state: RunState, wakeAt: Instant | null, now: Instant): boolean {
  if (state.approvals.some((one) => one.state === 'asked' && one.subject.kind === 'baselines')) return true
  if (state.window === null) return false
  return wakeAt === null ? now >= state.window.closes : wakeAt > state.window.closes
}
