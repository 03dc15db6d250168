import type { Instant } from '../../kit/instant.ts'

/** One who sleeps. `order` decides between equal instants; `place` is the heap's own business (-1: not in it). */
export type Sleeper = { readonly at: Instant; readonly order: number; place: number; wake: () => void }

/** Sleepers by instant, then by order: the first in O(1), adding and taking any out in O(log n). */
export class SleeperHeap {
  readonly #items: Sleeper[] = []

  get size(): number {
    return this.#items.length
  }

  first(): Sleeper | undefined {
    return this.#items[0]
  }

  add(sleeper: Sleeper): void {
    this.#items.push(sleeper)
    this.#rise(sleeper, this.#items.length - 1)
  }

  /** Takes it out; one that is not in the heap is left alone. */
  remove(sleeper: Sleeper): void {
    const { place } = sleeper
    if (place < 0) return
    sleeper.place = -1
    const last = this.#items.pop()
    if (last === undefined || last === sleeper) return
    this.#rise(last, place)
    this.#sink(last, last.place)
  }

  #rise(sleeper: Sleeper, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#items[above]
      if (parent === undefined || !before(sleeper, parent)) break
      this.#put(parent, place)
      place = above
    }
    this.#put(sleeper, place)
  }

  #sink(sleeper: Sleeper, from: number): void {
    let place = from
    for (;;) {
      const child = this.#lesserChild(place)
      if (child === undefined || !before(child, sleeper)) break
      const below = child.place
      this.#put(child, place)
      place = below
    }
    this.#put(sleeper, place)
  }

  #lesserChild(place: number): Sleeper | undefined {
    const left = this.#items[2 * place + 1]
    const right = this.#items[2 * place + 2]
    return right !== undefined && left !== undefined && before(right, left) ? right : left
  }

  #put(sleeper: Sleeper, place: number): void {
    this.#items[place] = sleeper
    sleeper.place = place
  }
}

const before = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
