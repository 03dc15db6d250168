import type { Clock } from '../ports/clock.ts'
import type { Instant } from '../kit/instant.ts'

/** What effects hand to the driver; each sender waits until its letter was dealt with. */
export class Mailbox<T> {
  #letters: { letter: T; done: () => void; failed: (error: unknown) => void }[] = []
  #ring: () => void = () => undefined

  /** Resolves when the driver has dealt with it. */
  send(letter: T): Promise<void> {
    return new Promise((done, failed) => {
      this.#letters.push({ letter, done, failed })
      this.#ring()
    })
  }

  /** Wakes the driver without a letter. */
  ring(): void {
    this.#ring()
  }

  get empty(): boolean {
    return this.#letters.length === 0
  }

  /** Takes what lies there now, in order. */
  take() {
    const letters = this.#letters
    this.#letters = []
    return letters
  }

  /** Waits for a letter or a ring, at most until `until`. */
  async wait(clock: Clock, until: Instant, signal: AbortSignal): Promise<void> {
    if (this.#letters.length > 0 || signal.aborted) return
    const woken = new AbortController()
    // A reason of its own: without one, each wake would build an error with its stack.
    const ring = (): void => woken.abort('rung')
    this.#ring = ring
    signal.addEventListener('abort', ring, { once: true })
    await clock.sleep(until, woken.signal)
    signal.removeEventListener('abort', ring)
    this.#ring = () => undefined
  }
}
