import type { Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { Few } from './few.ts'

/** Ends what runs somewhere: as an `AbortSignal`, but so light that every node and every script can have one. */
export class Stop {
  #reason: string | null = null
  #acts: Few<() => void, true> | null = null
  #controller: AbortController | null = null

  get aborted(): boolean {
    return this.#reason !== null
  }

  /** Why; null: it has not come to that. */
  get reason(): string | null {
    return this.#reason
  }

  /** For those who want the platform's own. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason !== null) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  /** The first reason stays. */
  abort(reason: string): void {
    if (this.#reason !== null) return
    this.#reason = reason
    const acts = this.#acts
    this.#acts = null
    if (acts) for (const [act] of [...acts]) act()
    this.#controller?.abort(reason)
  }

  /** Calls `act` when it comes to that, at once when it has; the answer takes the wish back. */
  when(act: () => void): () => void {
    if (this.#reason !== null) {
      act()
      return nothing
    }
    const acts = (this.#acts ??= new Few())
    acts.set(act, true)
    return () => {
      acts.delete(act)
    }
  }
}

const nothing = (): void => undefined

type Bucket = { readonly acts: Set<() => void>; readonly over: AbortController }

/** What nodes wait for, by instant: all that wait for the same one sleep as one sleeper of the clock. */
export class Alarms {
  readonly #clock: Clock
  readonly #buckets = new Map<Instant, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `act` at that instant; the answer takes the wish back. */
  at(until: Instant, act: () => void): () => void {
    const bucket = this.#buckets.get(until) ?? this.#open(until)
    bucket.acts.add(act)
    return () => {
      if (!bucket.acts.delete(act) || bucket.acts.size > 0 || this.#buckets.get(until) !== bucket) return
      this.#buckets.delete(until)
      bucket.over.abort('nobody waits')
    }
  }

  /** Resolves at that instant, or when `stop` comes first. */
  sleep(until: Instant, stop?: Stop): Promise<void> {
    if (stop === undefined) return new Promise((wake) => void this.at(until, wake))
    if (stop.aborted) return Promise.resolve()
    return new Promise((wake) => {
      const forget = stop.when(() => {
        cancel()
        wake()
      })
      const cancel = this.at(until, () => {
        forget()
        wake()
      })
    })
  }

  #open(until: Instant): Bucket {
    const bucket: Bucket = { acts: new Set(), over: new AbortController() }
    this.#buckets.set(until, bucket)
    void this.#clock.sleep(until, bucket.over.signal).then(() => {
      if (bucket.over.signal.aborted) return
      this.#buckets.delete(until)
      for (const act of bucket.acts) act()
    })
    return bucket
  }
}
