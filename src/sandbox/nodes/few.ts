type Entry<K, V> = { readonly key: K; value: V; next: Entry<K, V> | null }

/** A map of a handful of entries, in the order in which they came: a fraction of a `Map`'s size, of which every node would have several. */
export class Few<K, V> {
  #first: Entry<K, V> | null = null

  get size(): number {
    let size = 0
    for (let entry = this.#first; entry; entry = entry.next) size += 1
    return size
  }

  get(key: K): V | undefined {
    return this.#find(key)?.value
  }

  set(key: K, value: V): void {
    const known = this.#find(key)
    if (known) known.value = value
    else if (this.#first === null) this.#first = { key, value, next: null }
    else {
      let last = this.#first
      while (last.next) last = last.next
      last.next = { key, value, next: null }
    }
  }

  delete(key: K): void {
    let before: Entry<K, V> | null = null
    for (let entry = this.#first; entry; before = entry, entry = entry.next) {
      if (entry.key !== key) continue
      if (before) before.next = entry.next
      else this.#first = entry.next
      return
    }
  }

  *[Symbol.iterator](): Iterator<readonly [K, V]> {
    for (let entry = this.#first; entry; entry = entry.next) yield [entry.key, entry.value]
  }

  /** The same again, to be changed apart. */
  copy(): Few<K, V> {
    const made = new Few<K, V>()
    for (const [key, value] of this) made.set(key, value)
    return made
  }

  #find(key: K): Entry<K, V> | null {
    let entry = this.#first
    while (entry && entry.key !== key) entry = entry.next
    return entry
  }
}
