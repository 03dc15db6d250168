import { known } from '../../kit/assert.ts'
import { HOUR, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { Decision } from './decision.ts'
import { events, nothing, wake } from './decision.ts'
import type { RunEvent } from './event.ts'
import { at, cellAt, STAGE, unwant, want, type RunState } from './state.ts'
import { allWaiting } from './waiting.ts'

/** How long the nodes of a cell wait that AWS began to refuse in the middle of a run. A role that is deployed anew is back by then; at double, a wave that has nothing else to do idles half an hour. */
const PATIENCE_MS: Ms = 15 * MINUTE
/** The same in a rollback: what is given up stays changed, so a person is left the time to mend the role. */
const ROLLBACK_PATIENCE_MS: Ms = HOUR

/** A cell may be used now. Part of `evolve`. */
export function cellPrepared(state: RunState, cell: string): void {
  state.prepared.set(cell, true)
  unwant(state, `prepare:${cell}`)
}

/**
 * AWS refuses a cell. One that could be used before is asked again until it can be used: its nodes wait, and what of it is under way ends in its
 * time. Part of `evolve`.
 */
export function cellRefused(state: RunState, cell: string, code: string, now: Instant): void {
  const key = `prepare:${cell}`
  if (state.prepared.get(cell) === true && !state.refusals.has(cell)) state.refusals.set(cell, now)
  state.prepared.set(cell, code)
  if (state.refusals.has(cell)) want(state, { kind: 'prepare', key, cell })
  else unwant(state, key)
}

/** A command of a refused cell could be read: what waits there waits anew, for the cell may be on its way back. Part of `evolve`. */
export function cellAnswered(state: RunState, cell: string, now: Instant): void {
  if (state.refusals.has(cell)) state.refusals.set(cell, now)
}

/** Nothing can begin before the next opening, which asks anew. Part of `evolve`. */
export function restRefused(state: RunState): void {
  for (const cell of state.refusals.keys()) unwant(state, `prepare:${cell}`)
}

/**
 * A rollback needs the cells that were lost, whatever they were to be asked for before; also one that was used in an earlier window and has refused
 * since this one opened. Part of `evolve`.
 */
export function askRefused(state: RunState): void {
  const used = new Set<string>()
  for (let position = 0; position < state.nodes.count; position++)
    if (at(state.nodes.touched, position) === 1) used.add(cellAt(state, position))
  for (const cell of used) if (isRefused(state, cell) && !state.refusals.has(cell)) state.refusals.set(cell, state.at)
  for (const cell of state.refusals.keys()) if (isRefused(state, cell)) want(state, { kind: 'prepare', key: `prepare:${cell}`, cell })
}

/** AWS has refused the cell, and it is not known to be usable again. */
export const isRefused = (state: RunState, cell: string): boolean => typeof state.prepared.get(cell) === 'string'

/**
 * What becomes of the rounds and waiting nodes of refused cells. Rounds step back. Nodes of a cell that was refused from the start are skipped at
 * once, and their wave goes on without them; those of one that was lost in between wait as long as others have work, and a while longer.
 */
export function nextRefused(state: RunState, index: number, now: Instant): Decision {
  const refused = new Set(state.cells.filter((cell) => isRefused(state, cell)))
  if (refused.size === 0) return nothing
  const rounds = [...state.batches.values()].filter(({ cell, running }) => running === null && refused.has(cell))
  if (rounds.length > 0) return events(...rounds.map(({ batch }): RunEvent => ({ type: 'BatchDropped', batch, reason: 'cell-refused' })))
  const lanes = [...state.waiting.lanes].filter(([key]) => refused.has(cellOfLane(key)))
  const due = new Map(lanes.map(([key]) => [cellOfLane(key), givenUpAt(state, cellOfLane(key))]))
  const over = new Set([...due].flatMap(([cell, when]) => (when === null || (now >= when && !isBusy(state, refused)) ? [cell] : [])))
  const later = [...due.values()].flatMap((when) => (when !== null && when > now ? [when] : []))
  if (over.size === 0) return wake(later.reduce<Instant | null>((a, b) => (a !== null && a < b ? a : b), null))
  const nodes = allWaiting(state, known(state.plan.waves[index], 'the wave').nodes).filter((position) => over.has(cellAt(state, position)))
  for (const [key] of lanes) if (over.has(cellOfLane(key))) state.waiting.lanes.delete(key)
  return nodes.length > 0 ? events({ type: 'NodesSkipped', nodes, reason: 'cell-refused' }) : nothing
}

const cellOfLane = (key: string): string => key.slice(0, key.indexOf('|'))

/** Until when the nodes of a refused cell wait; null: they do not. */
function givenUpAt(state: RunState, cell: string): Instant | null {
  const since = state.refusals.get(cell)
  if (since === undefined) return null
  return plus(since, state.phase.name === 'rolling-back' || state.plan.work === 'rollback' ? ROLLBACK_PATIENCE_MS : PATIENCE_MS)
}

/** Something of the wave is under way or can still begin, so that waiting costs nothing. */
const isBusy = (state: RunState, refused: ReadonlySet<string>): boolean =>
  state.inFlight > 0 ||
  state.retrying > 0 ||
  [...state.waiting.lanes].some(
    ([key, lane]) => !refused.has(cellOfLane(key)) && lane.some((position) => at(state.nodes.stage, position) === STAGE.waiting),
  )
