import { assert, Bug } from '../../kit/assert.ts'
import { instant, iso, type Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { SleeperHeap, type Sleeper } from './sleeper-heap.ts'

/**
 * A clock for rehearsals and tests: an hour costs nothing. Time moves only while `run` drives it, and only when nothing runs: no `hold` is in
 * flight and the process has gone quiet. Sleepers of one instant wake together, in the order in which they lay down; so the same program sees
 * the same times on every machine. Real I/O that is neither a sleep nor held is not seen: time may pass over it.
 */
export class VirtualClock implements Clock {
  readonly #sleepers = new SleeperHeap()
  #now: Instant
  #order = 0
  /** Counts what sleeps, wakes and holds; a change means that something still runs. */
  #activity = 0
  #holds = 0
  #driven = false
  #stirred: () => void = () => undefined

  constructor(start: Instant) {
    this.#now = instant(start)
  }

  now(): Instant {
    return this.#now
  }

  sleep(until: Instant, signal?: AbortSignal): Promise<void> {
    this.#activity++
    if (until <= this.#now || signal?.aborted === true) return Promise.resolve()
    return new Promise((wake) => {
      const sleeper: Sleeper = { at: until, order: this.#order++, place: -1, wake }
      if (signal) this.#watch(sleeper, signal)
      this.#sleepers.add(sleeper)
    })
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#activity++
    this.#holds++
    try {
      return await work()
    } finally {
      this.#activity++
      this.#holds--
      if (this.#holds === 0) this.#stirred()
    }
  }

  /**
   * Does `main` and moves time until it settles; what still sleeps then stays asleep and goes on in the next `run`.
   * Rejects with a `Bug` when `main` can never settle: it waits, but nothing sleeps and nothing is held.
   */
  async run<T>(main: () => Promise<T>): Promise<T> {
    assert(!this.#driven, 'the virtual clock is driven by one run at a time')
    this.#driven = true
    const state: { settled: boolean } = { settled: false }
    const work = Promise.resolve()
      .then(main)
      .finally(() => {
        state.settled = true
        this.#stirred()
      })
    work.catch(() => undefined) // Reported below; without this a failure between two turns would end the process.
    try {
      await this.#drive(state)
    } finally {
      this.#driven = false
    }
    return await work
  }

  async #drive(state: { settled: boolean }): Promise<void> {
    for (;;) {
      await this.#quiet(state)
      if (state.settled) return
      if (this.#holds > 0) await this.#stir()
      else this.#advance()
    }
  }

  /** Resolves when nothing has slept, woken or held during two turns of the event loop: whatever could run has run. */
  async #quiet(state: { settled: boolean }): Promise<void> {
    let seen: number
    do {
      seen = this.#activity
      await turn()
      if (state.settled) return
      if (this.#activity === seen) await turn()
    } while (this.#activity !== seen && !state.settled)
  }

  /** Resolves when the last hold ends or `main` settles. */
  #stir(): Promise<void> {
    return new Promise((resolve) => {
      this.#stirred = resolve
    })
  }

  #advance(): void {
    const first = this.#sleepers.first()
    if (!first) {
      throw new Bug(`deadlock at ${iso(this.#now)} of virtual time: the work has not ended, but nothing sleeps and nothing is held`)
    }
    this.#now = first.at
    this.#activity++
    for (let next = this.#sleepers.first(); next?.at === this.#now; next = this.#sleepers.first()) {
      this.#sleepers.remove(next)
      next.wake()
    }
  }

  #watch(sleeper: Sleeper, signal: AbortSignal): void {
    const { wake } = sleeper
    const abort = (): void => {
      this.#activity++
      this.#sleepers.remove(sleeper)
      wake()
    }
    signal.addEventListener('abort', abort, { once: true })
    sleeper.wake = () => {
      signal.removeEventListener('abort', abort)
      wake()
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
