import type { Instant } from '../kit/instant.ts'

/**
 * The only source of time. The system's follows the wall; the virtual one moves when nothing runs.
 * @apart Telling the time and waiting change nothing outside of the process.
 */
export interface Clock {
  now(): Instant
  /** Resolves at `until` (at once when it has passed) or when `signal` aborts; never rejects. */
  sleep(until: Instant, signal?: AbortSignal): Promise<void>
  /**
   * Keeps virtual time still while `work` does what is neither a sleep nor a call to the sandbox (loading a module, writing a file).
   * The system's clock only calls `work`.
   */
  hold<T>(work: () => Promise<T>): Promise<T>
}
