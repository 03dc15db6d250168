import { instant, MINUTE } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'

/**
 * A timer counts the time that the process runs, not the wall's: a suspended host or a clock that is set would be slept through. So the wall is
 * looked at again this often. (Also far below 2^31 ms, beyond which Node fires at once.)
 */
const LONGEST_NAP_MS = MINUTE

/**
 * The clock on the wall. A sleep follows it even when it is set, or the host is suspended, within a minute. One that is set back ends sleeps
 * early: whoever waits looks at the time again, instead of waiting for it to come a second time.
 */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  async sleep(until, signal) {
    for (let before = Date.now(); before < until && signal?.aborted !== true; before = Date.now()) {
      await nap(Math.min(until - before, LONGEST_NAP_MS), signal)
      if (Date.now() < before) return
    }
  },
  hold: (work) => work(),
}

/** Waits `ms` of real time (at most 2^31 - 1), less when `signal` aborts; never rejects. */
export function nap(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.ceil(ms))
    if (signal?.aborted === true) end()
    else signal?.addEventListener('abort', end, { once: true })
  })
}
