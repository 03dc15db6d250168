import { SECOND, type Ms } from '../../kit/instant.ts'
import { TimedHeap } from './timed-heap.ts'
import type { WaveShape } from './wave-shape.ts'

/** As the engine fills places: gathered this long from the first that is free, or until a whole command can be made (`core/run/dispatch.ts`). */
const ROUND_MS: Ms = 5 * SECOND
const COMMAND_NODES_MAX = 50

/** What chance decides of a wave. Each call is one draw. */
export type WaveChance = Readonly<{
  /** How long the node at this place of the wave takes from its intent to its own end. */
  spanMs: (place: number) => Ms
  /** From a round's choice to its intent. */
  readMs: () => Ms
  /** From a node's end to its report, after such a span. */
  reportMs: (place: number, spanMs: Ms) => Ms
}>

/** When, after its start, a wave's last node began and ended. */
export type WaveSpan = Readonly<{ lastStartMs: Ms; lastEndMs: Ms }>

/**
 * Plays the changes of one wave: every free place is filled as the engine would, under the limits; nothing fails. Nodes that a limit
 * would hold for good are left out, as in the run.
 */
export function simulateWave(shape: WaveShape, chance: WaveChance): WaveSpan {
  const round = new Round(shape, chance)
  let now: Ms = 0
  round.fill(now)
  while (round.inFlight > 0) {
    now = round.land()
    const due = now + ROUND_MS
    while (!round.isFull && round.nextLanding <= due) now = round.land()
    if (round.inFlight > 0 && !round.isFull) now = due
    round.fill(now)
  }
  return { lastStartMs: round.lastStartMs, lastEndMs: round.lastEndMs }
}

/** Places, groups and who waits behind which. Nodes are named by their place in the wave. */
class Round {
  readonly #shape: WaveShape
  readonly #chance: WaveChance
  /** Nodes that may be tried, best first: by rank, those that a group let go before others of their chain. */
  readonly #ready = new TimedHeap()
  readonly #landings = new TimedHeap()
  readonly #out: Int32Array
  /** Groups of a set with nodes out. */
  readonly #active: Int32Array
  /** Queue of nodes behind each group: its first and last node, and the next of each node; -1: none. */
  readonly #first: Int32Array
  readonly #last: Int32Array
  readonly #next: Int32Array
  /** The group whose queue a node in `ready` came from; -1: none. */
  readonly #from: Int32Array
  #free: number
  inFlight = 0
  lastStartMs: Ms = 0
  lastEndMs: Ms = 0

  constructor(shape: WaveShape, chance: WaveChance) {
    this.#shape = shape
    this.#chance = chance
    this.#free = shape.concurrency
    this.#out = new Int32Array(shape.limits.length)
    this.#active = new Int32Array(shape.sets)
    this.#first = new Int32Array(shape.limits.length).fill(-1)
    this.#last = new Int32Array(shape.limits.length).fill(-1)
    this.#next = new Int32Array(shape.count)
    this.#from = new Int32Array(shape.count).fill(-1)
    for (let place = 0; place < shape.count; place += 1) this.#ready.push(shape.rank[place] ?? 0, place)
  }

  /** A whole command could be made at once. */
  get isFull(): boolean {
    return Math.min(this.#free, this.#ready.size) >= COMMAND_NODES_MAX
  }

  /** Infinite when nothing is in flight. */
  get nextLanding(): Ms {
    return this.#landings.key
  }

  /** Fills free places with nodes that no limit forbids. */
  fill(now: Ms): void {
    if (this.#ready.size === 0) return
    const intentAt = now + this.#chance.readMs()
    while (this.#free > 0 && this.#ready.size > 0) {
      const node = this.#ready.pop()
      const from = this.#from[node] ?? -1
      const group = this.#blockedBy(node)
      if (group >= 0) this.#park(node, group)
      else this.#start(node, intentAt)
      if (from >= 0) this.#letGo(from)
    }
  }

  /** The node whose report comes next is back; resolves to when. */
  land(): Ms {
    const now = this.#landings.key
    const node = this.#landings.pop()
    this.inFlight -= 1
    this.#free += 1
    const { groupsFrom, groups, setOf } = this.#shape
    for (let at = groupsFrom[node] ?? 0; at < (groupsFrom[node + 1] ?? 0); at += 1) {
      const group = groups[at] ?? 0
      const left = (this.#out[group] ?? 0) - 1
      this.#out[group] = left
      const set = setOf[group] ?? -1
      if (set >= 0 && left === 0) this.#endTurn(set)
    }
    for (let at = groupsFrom[node] ?? 0; at < (groupsFrom[node + 1] ?? 0); at += 1) this.#letGo(groups[at] ?? 0)
    return now
  }

  #start(node: number, intentAt: Ms): void {
    this.inFlight += 1
    this.#free -= 1
    const { groupsFrom, groups, setOf } = this.#shape
    for (let at = groupsFrom[node] ?? 0; at < (groupsFrom[node + 1] ?? 0); at += 1) {
      const group = groups[at] ?? 0
      const before = this.#out[group] ?? 0
      const set = setOf[group] ?? -1
      if (set >= 0 && before === 0) this.#active[set] = (this.#active[set] ?? 0) + 1
      this.#out[group] = before + 1
    }
    const spanMs = this.#chance.spanMs(node)
    const end = intentAt + spanMs
    this.lastStartMs = Math.max(this.lastStartMs, intentAt)
    this.lastEndMs = Math.max(this.lastEndMs, end)
    this.#landings.push(end + this.#chance.reportMs(node, spanMs), node)
  }

  /** The group that forbids this node now; -1: none. */
  #blockedBy(node: number): number {
    const { groupsFrom, groups } = this.#shape
    for (let at = groupsFrom[node] ?? 0; at < (groupsFrom[node + 1] ?? 0); at += 1) {
      const group = groups[at] ?? 0
      if (this.#isShut(group)) return group
    }
    return -1
  }

  /** No node of it may be taken out now: it has as many out as it may, or another of its set has its turn. */
  #isShut(group: number): boolean {
    const out = this.#out[group] ?? 0
    if (out >= (this.#shape.limits[group] ?? 0)) return true
    const set = this.#shape.setOf[group] ?? -1
    return set >= 0 && (this.#active[set] ?? 0) > (out > 0 ? 1 : 0)
  }

  #park(node: number, group: number): void {
    const last = this.#last[group] ?? -1
    if (last >= 0) this.#next[last] = node
    else this.#first[group] = node
    this.#last[group] = node
    this.#next[node] = -1
  }

  /** The first node behind the group may be tried: one at a time, for one place was given back. The next follows when this one was taken. */
  #letGo(group: number): void {
    const node = this.#first[group] ?? -1
    if (node < 0 || this.#isShut(group)) return
    this.#first[group] = this.#next[node] ?? -1
    if ((this.#first[group] ?? -1) < 0) this.#last[group] = -1
    this.#from[node] = group
    // Half a rank before those of its own chain that were never tried.
    this.#ready.push((this.#shape.chainRank[node] ?? 0) - 0.5, node)
  }

  #endTurn(set: number): void {
    this.#active[set] = (this.#active[set] ?? 0) - 1
    for (const group of this.#shape.members[set] ?? []) this.#letGo(group)
  }
}
