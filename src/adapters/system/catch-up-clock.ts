import type { Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { VirtualClock } from './virtual-clock.ts'

/** The first round lasts as long as the past was; each other one only as long as the one before it took. */
const ROUNDS = 3

/** A clock that begins in the past: it hurries through what happened since, as fast as the machine can, and then goes on as another one does. */
export class CatchUpClock implements Clock {
  readonly #past: VirtualClock
  readonly #present: Clock
  readonly #caughtUp = new AbortController()

  constructor(from: Instant, present: Clock) {
    this.#past = new VirtualClock(from)
    this.#present = present
  }

  now(): Instant {
    return this.#clock.now()
  }

  /** One that began in the past ends in the present. */
  async sleep(until: Instant, signal?: AbortSignal): Promise<void> {
    const over = this.#caughtUp.signal
    if (!over.aborted) await this.#past.sleep(until, signal ? AbortSignal.any([signal, over]) : over)
    if (over.aborted) await this.#present.sleep(until, signal)
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.#clock.hold(work)
  }

  /** Plays what happened, which sleeps on this clock from one event to the next, and moves on to the present. Once only. */
  async catchUp(play: () => Promise<void>): Promise<void> {
    await this.#past.run(async () => {
      await play()
      // The present goes on meanwhile. What is left of it is no more than a timer may be late.
      for (let round = 0; round < ROUNDS; round++) await this.#past.sleep(this.#present.now())
    })
    this.#caughtUp.abort('caught up')
  }

  get #clock(): Clock {
    return this.#caughtUp.signal.aborted ? this.#present : this.#past
  }
}
