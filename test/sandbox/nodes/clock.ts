import { instant, type Instant } from '../../../src/kit/instant.ts'
import type { Clock } from '../../../src/ports/clock.ts'

type Sleeper = { at: Instant; wake: () => void }

/** A small virtual clock: `until` moves time from sleeper to sleeper while nothing else runs. */
export class TestClock implements Clock {
  #now: Instant
  #sleepers: Sleeper[] = []

  constructor(start: Instant) {
    this.#now = start
  }

  now(): Instant {
    return this.#now
  }

  sleep(until: Instant, signal?: AbortSignal): Promise<void> {
    if (until <= this.#now || signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const sleeper = { at: until, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        resolve()
      })
    })
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    return work()
  }

  /** Lets everything happen up to and including this instant. */
  async until(at: number): Promise<void> {
    for (;;) {
      await quiet()
      const next = Math.min(...this.#sleepers.map((sleeper) => sleeper.at))
      if (next > at) break
      this.#now = instant(next)
      const due = this.#sleepers.filter((sleeper) => sleeper.at === next)
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.at !== next)
      for (const { wake } of due) wake()
    }
    this.#now = instant(Math.max(this.#now, at))
  }

  /** Lets this much time pass. */
  pass(ms: number): Promise<void> {
    return this.until(this.#now + ms)
  }
}

const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
