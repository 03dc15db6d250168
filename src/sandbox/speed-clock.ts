import { type Instant, instant, type Ms } from '../kit/instant.ts'
import type { Clock } from '../ports/clock.ts'

/** Node's timers hold a 32-bit number of milliseconds; a longer one would fire at once. */
const TIMER_MS_MAX: Ms = 2_147_483_647

/**
 * A clock that begins at `start` and runs `speed` times as fast as the wall's, on a monotonic timer. Its timers do not keep the process alive:
 * a server does.
 */
export function speedClock(start: Instant, speed: number): Clock {
  const began = performance.now()
  const now = (): Instant => instant(start + (performance.now() - began) * speed)
  const sleep = async (until: Instant, signal?: AbortSignal): Promise<void> => {
    while (now() < until && signal?.aborted !== true) {
      await nap(Math.min(Math.max(Math.ceil((until - now()) / speed), 1), TIMER_MS_MAX), signal)
    }
  }
  return { now, sleep, hold: (work) => work() }
}

function nap(ms: Ms, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms).unref()
    signal?.addEventListener('abort', end, { once: true })
  })
}
