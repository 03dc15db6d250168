/** A binary heap of numbered things by a key, least first; equal keys leave in the order of their numbers. */
export class TimedHeap {
  readonly #keys: number[] = []
  readonly #ids: number[] = []

  get size(): number {
    return this.#keys.length
  }

  /** The least key; infinite when empty. */
  get key(): number {
    return this.#keys[0] ?? Infinity
  }

  push(key: number, id: number): void {
    let place = this.#keys.length
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (!this.#before(key, id, parent)) break
      this.#set(place, this.#keys[parent] ?? 0, this.#ids[parent] ?? 0)
      place = parent
    }
    this.#set(place, key, id)
  }

  /** Takes the first out and gives its number; -1 when empty. */
  pop(): number {
    const first = this.#ids[0] ?? -1
    const key = this.#keys.pop()
    const id = this.#ids.pop()
    if (key === undefined || id === undefined || this.#keys.length === 0) return first
    const size = this.#keys.length
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= size) break
      if (child + 1 < size && this.#before(this.#keys[child + 1] ?? 0, this.#ids[child + 1] ?? 0, child)) child += 1
      if (this.#before(key, id, child)) break
      this.#set(place, this.#keys[child] ?? 0, this.#ids[child] ?? 0)
      place = child
    }
    this.#set(place, key, id)
    return first
  }

  #before(key: number, id: number, place: number): boolean {
    const other = this.#keys[place] ?? 0
    return key < other || (key === other && id < (this.#ids[place] ?? 0))
  }

  #set(place: number, key: number, id: number): void {
    this.#keys[place] = key
    this.#ids[place] = id
  }
}
