import type { Cell } from '../kit/ids.ts'
import type { Instant, Ms } from '../kit/instant.ts'

/** Who we are. */
export interface Identity {
  /**
   * The caller's ARN, account and unique id (GetCallerIdentity of the process's own credentials), and AWS's clock as its answer shows it. SQS names
   * the sender of a message by the same unique id: `AIDA…`, or `AROA…:session`.
   * @looks
   */
  caller(signal: AbortSignal): Promise<Readonly<{ arn: string; account: string; userId: string; awsNow: Instant | null }>>
}

/** What an address answers. */
export interface Probe {
  /** An HTTP GET from where the engine runs. Never throws: what went wrong is the answer. @looks */
  get(url: string, withinMs: Ms, signal: AbortSignal): Promise<Readonly<{ status: number; tookMs: Ms } | { failure: string }>>
}

/** The quota that AWS held against this process last: where, for which call, how often, and at most how many calls a second it makes there now. */
export type Throttle = Readonly<{ cell: Cell; call: string; count: number; perSecond: number; at: Instant }>

/**
 * Count of calls by `ssm.SendCommand` and the like, and of throttles by cell; for summaries.
 * @apart It is this process's own count.
 */
export interface CallCounter {
  calls(): Readonly<Record<string, number>>
  throttles(): readonly Readonly<{ cell: Cell; call: string; count: number }>[]
  /** Null: this process was never throttled. What other processes met is not known here. */
  lastThrottle(): Throttle | null
}

/**
 * Randomness at the edge.
 * @apart It is drawn inside of the process; what is drawn is on record before it is used outside.
 */
export interface Random {
  /** UUIDv7 whose time is `at`. */
  uuid(at: Instant): string
  /** 0 ≤ x < 1, for jitter. */
  share(): number
}
