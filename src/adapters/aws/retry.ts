import { PatchwaveError } from '../../kit/error.ts'
import { plus, SECOND, type Ms } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/world.ts'
import type { Kind } from './errors.ts'

/** The first pause is up to this long, each later one twice that. The SDK's own 50 ms is too eager for fleets: fifty commands share a quota. */
const BASE_MS: Ms = 200
/** The same after a throttle: AWS's buckets refill by the second (the SDK's figure). */
const THROTTLED_BASE_MS: Ms = SECOND
/** No pause is longer (the SDK's figure): a bucket has refilled by then, a region that is down is asked three times a minute. */
const PAUSE_MS_MAX: Ms = 20 * SECOND
/** About half a minute of pauses in the mean, over a minute when throttled; then the caller decides. */
const TRIES = 8

/** `call` is the call's own name: a failure of another one inside it (its credentials) has had its tries already. */
type Means = Readonly<{ clock: Clock; random: Random; tries?: number; call?: string }>

/**
 * Does `work` until it succeeds, may not be repeated, or has been tried often enough; throws the last failure. Pauses with full jitter, on the
 * clock. Stops at once when `signal` aborts. Expired credentials are not its business.
 */
export async function retry<T>(means: Means, kind: Kind, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await work()
    } catch (error) {
      if (tried >= (means.tries ?? TRIES) || !mayRepeat(error, kind) || isAnothers(error, means.call) || signal.aborted) throw error
      await means.clock.sleep(plus(means.clock.now(), pauseMs(error, tried, means.random)), signal)
      if (signal.aborted) throw error
    }
  }
}

/** Whether the same call may be sent again after this failure. */
function mayRepeat(error: unknown, kind: Kind): error is PatchwaveError {
  if (!(error instanceof PatchwaveError) || kind === 'once') return false
  if (error.code === 'aws.throttled' || error.code === 'aws.unreachable') return true
  return error.code === 'aws.unclear' && kind === 'repeatable'
}

const isAnothers = (error: PatchwaveError, call: string | undefined): boolean =>
  call !== undefined && (error.more.detail?.['call'] ?? call) !== call

function pauseMs(error: PatchwaveError, tried: number, random: Random): Ms {
  const base = error.code === 'aws.throttled' ? THROTTLED_BASE_MS : BASE_MS
  return random.share() * Math.min(PAUSE_MS_MAX, base * 2 ** (tried - 1))
}
