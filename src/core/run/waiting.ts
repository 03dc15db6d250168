import { SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import { blockedBy, outOf, reserve, tentative, type Tentative } from './limits.ts'
import { at, cellAt, isSuspect, planned, STAGE, type RunState } from './state.ts'

/** SSM takes at most 50 ids in one SendCommand. */
export const COMMAND_NODES_MAX = 50

/** From the first that is free, places are gathered this long before they are filled, and so are nodes that come back before their next step, so that a command is not made of one node while others are about to be free. At half, twice the commands; at double, places idle longer than a page read takes. */
export const ROUND_MS: Ms = 5 * SECOND

/** Puts a waiting node into the lane of its cell and list, behind all with as long a chain or in front of them. Part of `evolve`. */
export function enqueue(state: RunState, position: number, front = false): void {
  countInSets(state, position, 1)
  insert(state, position, front)
}

function insert(state: RunState, position: number, front: boolean): void {
  const key = `${cellAt(state, position)}|${String(at(state.nodes.list, position))}`
  const lane = state.waiting.lanes.get(key) ?? []
  lane.splice(placeIn(state.waiting.chain, lane, position, front), 0, position)
  state.waiting.lanes.set(key, lane)
}

function placeIn(chain: Uint32Array, lane: readonly number[], position: number, front: boolean): number {
  const mine = at(chain, position)
  let [low, high] = [0, lane.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const other = at(chain, at(lane, middle))
    if (other > mine || (other === mine && !front)) low = middle + 1
    else high = middle
  }
  return low
}

function countInSets(state: RunState, position: number, delta: 1 | -1): void {
  for (const group of planned(state, position).groups) {
    const set = at(state.groupSet, group)
    if (set >= 0) state.waiting.inSet[set] = at(state.waiting.inSet, set) + delta
  }
}

/** Lets nodes go that were parked behind these groups, or behind a set that no group holds any more. Part of `evolve`. */
export function unpark(state: RunState, groups: readonly number[]): void {
  for (const group of groups) {
    moveToLanes(state, group, true)
    const set = at(state.groupSet, group)
    if (set < 0 || outOf(state, group) > 0) continue
    const free = at(state.setActive, set) === 0
    for (const other of state.setMembers[set] ?? [])
      if (other !== group && (free || outOf(state, other) > 0)) moveToLanes(state, other, false)
  }
}

/** Lets all parked nodes go. Part of `evolve`. */
export function unparkAll(state: RunState): void {
  for (const group of [...state.waiting.parked.keys()]) moveToLanes(state, group, true)
}

function moveToLanes(state: RunState, group: number, front: boolean): void {
  const parked = state.waiting.parked.get(group)
  if (parked === undefined) return
  state.waiting.parked.delete(group)
  for (const position of front ? parked.toReversed() : parked) insert(state, position, front)
}

/** Empties the waiting room: when a wave or a rollback begins. Part of `evolve`. */
export function clearWaiting(state: RunState): void {
  state.waiting.lanes.clear()
  state.waiting.chain.fill(0)
  state.waiting.inSet.fill(0)
  state.waiting.parked.clear()
  state.waiting.busy = []
  state.waiting.freedAt = null
}

/** A place became free: the round that fills it begins. Part of `evolve`. */
export function placesFreed(state: RunState, now: Instant): void {
  state.waiting.freedAt ??= now
}

/** Nodes that could take a place if no limit forbids it; some that were given up meanwhile may be among them. */
export const inLanes = (state: RunState): number => [...state.waiting.lanes.values()].reduce((sum, lane) => sum + lane.length, 0)

/** Positions that wait, in no order. O(wave): for the moments when all of them are given up. */
export function allWaiting(state: RunState, positions: Iterable<number>): number[] {
  return [...positions].filter((position) => at(state.nodes.stage, position) === STAGE.waiting)
}

/** When the first node behind another run's hand may be tried again. */
export const busyUntil = (state: RunState): Instant | undefined => state.waiting.busy[0]?.until

/** A chosen round: up to 50 nodes of one lane. */
export type Round = Readonly<{ cell: string; list: number; nodes: readonly number[] }>

/** Free places: for nodes that were not tried yet, and for those that failed and wait for another attempt, which keep their own. */
export type Places = Readonly<{ fresh: number; again: number }>

/**
 * Picks waiting nodes for at most these places without breaking a limit. What a limit forbids is parked behind its group, so that each
 * node is looked at once per change of that group and not once per call. `tighter: null`: reading commands, to which no limit applies.
 */
export function chooseRounds(
  state: RunState,
  places: Places,
  tighter: ReadonlyMap<number, number> | null,
  mayUse: (cell: string) => boolean,
  now: Instant,
): Round[] {
  returnBusy(state, now)
  state.waiting.freedAt = null
  const choice: Choice = { ...places, tighter, more: tentative(), taken: new Set() }
  const rounds: Round[] = []
  for (const [key, lane] of urgentFirst(state)) {
    const bar = key.indexOf('|')
    const cell = key.slice(0, bar)
    if (!mayUse(cell)) continue
    let nodes = takeFrom(state, lane, choice)
    while (nodes.length > 0) {
      rounds.push({ cell, list: Number(key.slice(bar + 1)), nodes })
      nodes = takeFrom(state, lane, choice)
    }
    if (lane.length === 0) state.waiting.lanes.delete(key)
  }
  return rounds
}

/**
 * The lanes in the order in which they are served. Where places are scarce, the set that takes turns and has the most nodes left goes first, so that all
 * sets end together and none is left to take its turns alone; then the longest chain.
 */
function urgentFirst(state: RunState): (readonly [string, number[]])[] {
  const { lanes, chain, inSet } = state.waiting
  const turnsOf = (position: number): number =>
    planned(state, position).groups.reduce((most, group) => Math.max(most, inSet[at(state.groupSet, group)] ?? 0), 0)
  const ranked = [...lanes].map(([key, lane]) => {
    const head = at(lane, 0)
    return { key, lane, turns: turnsOf(head), chain: at(chain, head) }
  })
  return ranked.sort((a, b) => b.turns - a.turns || b.chain - a.chain).map(({ key, lane }) => [key, lane])
}

/** A choice in the making: what is left of the places, and who was taken. */
type Choice = {
  fresh: number
  again: number
  readonly tighter: ReadonlyMap<number, number> | null
  readonly more: Tentative
  readonly taken: Set<number>
}

function takeFrom(state: RunState, lane: number[], choice: Choice): number[] {
  const nodes: number[] = []
  const left: number[] = []
  let read = 0
  while (nodes.length < COMMAND_NODES_MAX && read < lane.length && choice.fresh + choice.again > 0) {
    const position = at(lane, read)
    read += 1
    if (at(state.nodes.stage, position) !== STAGE.waiting || choice.taken.has(position)) {
      countInSets(state, position, -1)
      continue
    }
    const kind = isSuspect(state, position) ? 'again' : 'fresh'
    const group = choice.tighter === null ? undefined : blockedBy(state, position, choice.tighter, choice.more)
    if (group !== undefined) park(state, group, position)
    else if (choice[kind] === 0) left.push(position)
    else {
      reserve(state, position, choice.more)
      choice.taken.add(position)
      choice[kind] -= 1
      countInSets(state, position, -1)
      nodes.push(position)
    }
  }
  left.forEach((position, index) => (lane[index] = position))
  lane.splice(left.length, read - left.length)
  return nodes
}

function park(state: RunState, group: number, position: number): void {
  const parked = state.waiting.parked.get(group)
  if (parked === undefined) state.waiting.parked.set(group, [position])
  else parked.push(position)
}

function returnBusy(state: RunState, now: Instant): void {
  const { busy } = state.waiting
  let ready = 0
  for (const one of busy) {
    if (one.until > now) break
    ready += 1
    if (at(state.nodes.stage, one.node) === STAGE.waiting) enqueue(state, one.node)
  }
  busy.splice(0, ready)
}
