import type { Instant } from '../../kit/instant.ts'
import { freezeNow } from './freezing.ts'
import type { RunState } from './state.ts'

/** Windows in a row in which no node came further, after which a run that goes on from window to window gives up what is left. */
export const VAIN_WINDOWS_MAX = 3

/** Whether what this window leaves over is for the next one: the runbook says so, and there is hope. */
export function goesOnInNextWindow(state: RunState, now: Instant): boolean {
  const { plan, aborting, vainWindows } = state
  if (plan.runbook.window?.unfinished !== 'next-window' || plan.act !== 'rollout' || aborting !== null) return false
  return !isVain(state, now) || vainWindows + 1 < VAIN_WINDOWS_MAX
}

/** What is there to be done when a window opens; the measure of what it brings. */
export function windowBegins(state: RunState): void {
  state.leftAtOpening = left(state)
}

/** Counts the windows in a row that brought nothing. One in which a person or a freeze held the run says nothing about the next. */
export function windowEnds(state: RunState, now: Instant): void {
  if (left(state) !== state.leftAtOpening) state.vainWindows = 0
  else if (isVain(state, now)) state.vainWindows += 1
}

/** A node that is too slow for what a window leaves it would otherwise be prepared and let go, window after window, for ever. */
const isVain = (state: RunState, now: Instant): boolean =>
  left(state) === state.leftAtOpening && !state.paused && freezeNow(state, now) === undefined

/** Open nodes and waves that have not passed: it falls with everything that a window can bring. */
const left = ({ waves }: RunState): number =>
  waves.reduce((sum, { counts, phase }) => sum + (counts[0] ?? 0) + (phase === 'passed' ? 0 : 1), 0)
