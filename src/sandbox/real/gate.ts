import type { Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'

/** What is open or shut; whoever comes waits until it is open. */
export class Gate {
  #shut: PromiseWithResolvers<void> | null = null

  shut(): void {
    this.#shut ??= Promise.withResolvers()
  }

  open(): void {
    this.#shut?.resolve()
    this.#shut = null
  }

  /** Resolves to true when it is open, to false at `until` or when `signal` aborts. */
  async passed(clock: Clock, until: Instant, signal?: AbortSignal): Promise<boolean> {
    while (this.#shut && clock.now() < until && signal?.aborted !== true) {
      const over = new AbortController()
      const stop = (): void => over.abort('over')
      signal?.addEventListener('abort', stop, { once: true, signal: over.signal })
      await Promise.race([this.#shut.promise, clock.sleep(until, over.signal)])
      stop()
    }
    return this.#shut === null && signal?.aborted !== true
  }
}
