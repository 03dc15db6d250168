import { PROOF_MS } from '../../src/core/run/evolve-commands.ts'
import type { Effect } from '../../src/core/run/effect.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { commandOf, STAGE, type RunState } from '../../src/core/run/state.ts'
import { READ_FRESH_MS } from '../../src/core/run/dispatch.ts'
import { plus, SECOND, type Instant } from '../../src/kit/instant.ts'
import { answers } from './answers.ts'
import { deniedMoves } from './cells.ts'
import { drivers, oldDriver, successors } from './drivers.ts'
import type { Named, Trouble } from './explore.ts'
import { arrivals, nodeMoves } from './node-moves.ts'
import { notes, people } from './people.ts'
import type { More, Setup, Sim } from './sim.ts'

/**
 * One thing that may happen next. `run` changes the world of the sim that it is given and returns the facts that the driver learns; `more`: those that
 * it appends after them before it decides anything.
 */
export type Move = Named & Readonly<{ run: (sim: Sim) => readonly RunEvent[]; more?: More }>

export const free = (label: string, run: Move['run']): Move => ({ label, costs: null, run })
export const fault = (label: string, run: Move['run']): Move => ({ label, costs: 'faults', run })
export const costs = (label: string, trouble: Trouble, run: Move['run']): Move => ({ label, costs: trouble, run })

/** What may happen in a state but for the passing of time. `idle`: nothing of it could happen for nothing. */
export type Now = Readonly<{ moves: readonly Move[]; idle: boolean }>

/** Everything that may happen in this state, in a fixed order. A finished run has no future. */
export function movesOf(setup: Setup, sim: Sim): Move[] {
  const { moves, idle } = nowOf(setup, sim)
  const due = dueOf(sim)
  return sim.live.phase.name === 'finished'
    ? []
    : [...moves, ...timesOf(due, sim.now, idle).map(passing)].filter((move) => affordable(sim, move))
}

/** What may happen now, whatever is left to meet. */
export function nowOf(setup: Setup, sim: Sim): Now {
  if (sim.live.phase.name === 'finished') return { moves: [], idle: true }
  const { driven } = sim.world
  const answered = driven ? [...sim.live.activities.values()].flatMap((effect) => answers(setup, sim, effect)) : []
  const urgent = [...answered, ...nodeMoves(setup, sim), ...notes(sim), ...oldDriver(setup, sim)]
  const moves = [
    ...urgent,
    ...arrivals(setup, sim),
    ...people(setup, sim),
    ...(driven ? drivers(setup, sim) : successors(sim)),
    ...deniedMoves(setup, sim),
    ...(setup.rival ? rivals(sim) : []),
  ]
  return { moves, idle: urgent.every((move) => move.costs !== null) }
}

export const affordable = ({ world: { left } }: Sim, { costs }: Named): boolean => costs === null || (left[costs] > 0 && left.troubles > 0)

/** Takes the move's cost. */
export function pay({ world: { left } }: Sim, { costs }: Named): void {
  if (costs === null) return
  left[costs] -= 1
  left.troubles -= 1
}

/** Another run lays its hand on a free node, just before we would, and lets go again. */
function rivals({ world, live }: Sim): Move[] {
  return world.claims.flatMap((claim, position) => {
    if (claim === 'ours' || (claim === 'free' && live.nodes.stage[position] !== STAGE.chosen)) return []
    const to = claim === 'free' ? 'theirs' : 'free'
    const run: Move['run'] = (sim) => {
      sim.world.claims[position] = to
      return []
    }
    return claim === 'free' ? [fault(`another run takes node ${position}`, run)] : [free(`another run lets go of node ${position}`, run)]
  })
}

/** Instants ahead at which something is due. */
export function dueOf(sim: Sim): Instant[] {
  const due = new Set<Instant>()
  if (sim.wakeAt !== null) due.add(sim.wakeAt)
  for (const n of sim.live.openCommands) for (const at of instantsOf(sim.live, n)) due.add(at)
  for (const batch of sim.live.batches.values())
    if (batch.running !== null && batch.readAt !== null) due.add(plus(batch.readAt, READ_FRESH_MS + SECOND))
  const { freeze } = sim.world
  if (freeze !== null) for (const at of [freeze.from, freeze.to]) due.add(at)
  return [...due].filter((at) => at > sim.now)
}

/** When time may pass to, and whether that is trouble: not when all else is done, but when something dawdles. */
export function timesOf(
  due: readonly Instant[],
  now: Instant,
  idle: boolean,
): Readonly<{ at: Instant; label: string; costs: Trouble | null }>[] {
  const ahead = [...new Set(due)].sort((a, b) => a - b)
  return (idle ? ahead.slice(0, 1) : ahead).map((at) => ({
    at,
    label: `time passes to ${(at - now) / SECOND} s later`,
    costs: idle ? null : 'faults',
  }))
}

const passing = ({ at, label, costs }: ReturnType<typeof timesOf>[number]): Move => ({
  label,
  costs,
  run: (sim) => {
    sim.now = at
    return []
  },
})

function instantsOf(live: RunState, n: number): Instant[] {
  const { startBefore, expiresAfter } = commandOf(live, n)
  const keys = live.activities
  if (keys.has(`send:${n}`)) return [plus(startBefore, -31 * SECOND)]
  if (keys.has(`find:${n}`)) return [plus(startBefore, PROOF_MS), expiresAfter]
  return [startBefore, expiresAfter]
}

export type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>
