import { assert } from './assert.ts'

type Ended<B> = Readonly<{ ok: true; value: B } | { ok: false; error: unknown }>

/**
 * Does `work` on at most `limit` items at once and yields each result when it is there, the earliest first. The next item is read only when
 * there is room. A failure is thrown where the caller waits; then, or when the caller stops early, nothing new starts and what is in flight is
 * awaited: nothing outlives the loop.
 */
export async function* mapBounded<A, B>(
  items: Iterable<A> | AsyncIterable<A>,
  limit: number,
  work: (item: A) => Promise<B>,
): AsyncGenerator<B, void, undefined> {
  assert(Number.isInteger(limit) && limit > 0, `the limit must be a positive integer, not ${String(limit)}`)
  const flight = new Flight<B>()
  try {
    for await (const item of items) {
      flight.start(() => work(item))
      while (flight.size >= limit || flight.landed) yield await flight.next()
    }
    while (flight.size > 0) yield await flight.next()
  } finally {
    await flight.settled()
  }
}

/** `mapBounded` for work without a result: resolves when all is done, rejects with the first failure after what is in flight has ended. */
export async function eachBounded<A>(
  items: Iterable<A> | AsyncIterable<A>,
  limit: number,
  work: (item: A) => Promise<void>,
): Promise<void> {
  for await (const done of mapBounded(items, limit, work)) void done
}

/** What has been started and not yet been handed on. */
class Flight<B> {
  readonly #ended: Ended<B>[] = []
  readonly #running = new Set<Promise<void>>()
  #landing: () => void = () => undefined

  get size(): number {
    return this.#running.size + this.#ended.length
  }

  get landed(): boolean {
    return this.#ended.length > 0
  }

  start(work: () => Promise<B>): void {
    const task = attempt(work).then((ended) => {
      this.#running.delete(task)
      this.#ended.push(ended)
      this.#landing()
    })
    this.#running.add(task)
  }

  async next(): Promise<B> {
    while (this.#ended.length === 0) {
      await new Promise<void>((resolve) => {
        this.#landing = resolve
      })
    }
    const first = this.#ended.shift()
    assert(first !== undefined, 'something has landed')
    if (first.ok) return first.value
    throw first.error
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }
}

async function attempt<B>(work: () => Promise<B>): Promise<Ended<B>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    return { ok: false, error }
  }
}
