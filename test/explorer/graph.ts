/** States and free moves by number, kept small: millions of them fit. */
export class Graph {
  readonly #parents: number[] = []
  readonly #labels: string[] = []
  readonly #lefts: number[] = []
  /** The next older state with the same digest and other means left; -1: none. */
  readonly #others: number[] = []
  readonly #ids = new Map<string, number>()
  readonly #ends: number[] = []
  #edges = new Uint32Array(1 << 16)
  #edgeCount = 0

  get states(): number {
    return this.#parents.length
  }

  get ends(): number {
    return this.#ends.length
  }

  /**
   * The state with this digest, if one is known that may meet at least as much trouble: all that can come of the new one has been looked at then. `left` has one
   * decimal digit a means.
   */
  find(digest: string, left: number): number | undefined {
    for (let id = this.#ids.get(digest) ?? -1; id >= 0; id = this.#others[id] ?? -1) if (covers(this.#lefts[id] ?? 0, left)) return id
    return undefined
  }

  add(digest: string, left: number, parent: number, label: string): number {
    const id = this.#parents.length
    this.#others.push(this.#ids.get(digest) ?? -1)
    this.#ids.set(digest, id)
    this.#lefts.push(left)
    this.#parents.push(parent)
    this.#labels.push(label)
    return id
  }

  end(id: number): void {
    this.#ends.push(id)
  }

  /** A move that needs no trouble. */
  edge(from: number, to: number): void {
    if (this.#edgeCount * 2 + 2 > this.#edges.length) {
      const wider = new Uint32Array(this.#edges.length * 2)
      wider.set(this.#edges)
      this.#edges = wider
    }
    this.#edges[this.#edgeCount * 2] = from
    this.#edges[this.#edgeCount * 2 + 1] = to
    this.#edgeCount += 1
  }

  /** The moves from the beginning to a state. */
  path(to: number): string[] {
    const path: string[] = []
    for (let id = to; id > 0; id = this.#parents[id] ?? 0) path.unshift(this.#labels[id] ?? '')
    return path
  }

  /** States from which free moves lead to no end: found by going backwards from the ends. */
  stuck(): number[] {
    const { first, sources } = this.#backwards()
    const reaches = new Uint8Array(this.states)
    const open = [...this.#ends]
    for (const id of open) reaches[id] = 1
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (let at = first[id] ?? 0; at < (first[id + 1] ?? 0); at++) {
        const source = sources[at] ?? 0
        if (reaches[source] === 1) continue
        reaches[source] = 1
        open.push(source)
      }
    }
    const stuck: number[] = []
    reaches.forEach((value, id) => {
      if (value === 0) stuck.push(id)
    })
    return stuck
  }

  /** Where the edges into each state begin in `sources`. */
  #backwards(): { first: Uint32Array; sources: Uint32Array } {
    const first = new Uint32Array(this.states + 1)
    for (let edge = 0; edge < this.#edgeCount; edge++) bump(first, (this.#edges[edge * 2 + 1] ?? 0) + 1)
    for (let id = 0; id < this.states; id++) first[id + 1] = (first[id + 1] ?? 0) + (first[id] ?? 0)
    const sources = new Uint32Array(this.#edgeCount)
    const filled = first.slice()
    for (let edge = 0; edge < this.#edgeCount; edge++) {
      const to = this.#edges[edge * 2 + 1] ?? 0
      sources[filled[to] ?? 0] = this.#edges[edge * 2] ?? 0
      bump(filled, to)
    }
    return { first, sources }
  }
}

const bump = (counts: Uint32Array, at: number): void => void (counts[at] = (counts[at] ?? 0) + 1)

/** Whether every digit of `more` is at least that of `less`. */
function covers(more: number, less: number): boolean {
  for (let [a, b] = [more, less]; b > 0; a = Math.floor(a / 10), b = Math.floor(b / 10)) if (a % 10 < b % 10) return false
  return true
}
