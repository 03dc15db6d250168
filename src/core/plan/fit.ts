import { PatchwaveError } from '../../kit/error.ts'
import { HOUR, isoSeconds, MINUTE, type Instant, type Ms } from '../../kit/instant.ts'
import type { Fit, Forecast, WindowTimes } from './plan.ts'

/** How the prediction is made sure of: the slow end of the interval counts. */
const SURE = '95 of 100 runs'

/**
 * Whether a run that begins at `startAt` is predicted to fit the window: 95 of 100 have passed their last gate when it closes, and every wave's
 * last node has begun while nodes still may: before the cutoff, and early enough for a slow node to end in it.
 */
export function fitOf(forecast: Forecast, window: WindowTimes, startAt: Instant): Fit {
  const { opens, cutoff, closes } = window
  const left = closes - startAt
  const startable = Math.min(cutoff, closes - forecast.nodeHighMs) - startAt
  const late = forecast.waves.find(({ lastStartMs }) => lastStartMs >= startable)
  const why =
    forecast.highMs > left
      ? `${SURE} end within ${spanText(forecast.highMs)}, the window has ${spanText(left)}`
      : late
        ? `${SURE} begin the last node of wave ${late.wave} within ${spanText(late.lastStartMs)}, nothing starts after ${spanText(startable)}`
        : ''
  return { opens, cutoff, closes, startAt, fits: why === '', why }
}

/** The refusal of a plan that does not fit. */
export const unfit = (fit: Fit): PatchwaveError =>
  new PatchwaveError('plan.unfit', `the plan is predicted not to fit the window that opens ${isoSeconds(fit.opens)}: ${fit.why}`, {
    hint: 'widen the window or the concurrency, split the runbook, or say `fit: trim` to leave out what does not fit',
    detail: { startsAt: isoSeconds(fit.startAt), closes: isoSeconds(fit.closes) },
  })

/** Hours and minutes, up to the next minute. */
function spanText(ms: Ms): string {
  const minutes = Math.max(0, Math.ceil(ms / MINUTE))
  const [hours, rest] = [Math.floor(minutes / (HOUR / MINUTE)), minutes % (HOUR / MINUTE)]
  return hours === 0 ? `${String(rest)}m` : `${String(hours)}h${rest > 0 ? ` ${String(rest)}m` : ''}`
}
