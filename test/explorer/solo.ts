import { hash } from 'node:crypto'
import type { Fact } from '../../src/core/run/event.ts'
import { cloneSim, cloneState } from './clone.ts'
import type { Game } from './explore.ts'
import { judgeFold, judgeRun, judgeWorld } from './invariants.ts'
import { keyOf, ranksOf, runKey } from './key.ts'
import { movesOf, pay, type Move } from './moves.ts'
import { sweep } from './node-moves.ts'
import { begin, Teller, type Setup, type Sim } from './sim.ts'

/** One run, its drivers, and the world. */
export const solo = (setup: Setup): Game<Sim, Move> => ({
  begin: () => begin(setup),
  clone: cloneSim,
  moves: (sim) => movesOf(setup, sim),
  take: (sim, move, diesAfter) => take(setup, sim, move, diesAfter),
  rest: (sim, told) => hash('sha1', rested(setup, sim, told), 'base64'),
  left: ({ world }) => world.left,
  over: ({ live }) => live.phase.name === 'finished',
  torn: setup.torn,
})

/** Judges a sim that has come to rest; resolves to its key. */
export function rested(setup: Setup, sim: Sim, told: boolean): string {
  const ranks = ranksOf(sim)
  const run = runKey(sim.live, sim.now, ranks)
  if (told) {
    judgeRun(setup, sim)
    judgeFold(sim, ranks, run)
  }
  judgeWorld(sim)
  return keyOf(sim, ranks, run)
}

/** Makes a move in this very sim: the world changes, the driver records what it learned and what follows; or dies on the way. */
export function take(setup: Setup, sim: Sim, move: Move, diesAfter: number | null): readonly Fact[] {
  pay(sim, move)
  const { now } = sim
  const told = move.run(sim)
  const teller = new Teller(setup, sim, diesAfter)
  if (told.length > 0 || (sim.now !== now && sim.world.driven)) {
    own(
      sim,
      told.some((event) => event.type === 'DriverTook'),
    )
    teller.tell(told, move.more)
  }
  sweep(sim)
  if (diesAfter === null) return teller.facts
  const [crash] = movesOf(setup, sim).filter(({ label }) => label === 'crash')
  if (crash !== undefined) return [...teller.facts, ...take(setup, sim, crash, null)]
  sim.world.running.clear()
  return teller.facts
}

/** Makes the run's state the sim's own, to be told facts; a successor begins with what the journal tells. */
export function own(sim: Sim, successor: boolean): void {
  sim.live = cloneState(successor ? sim.folded : sim.live)
  sim.folded = cloneState(sim.folded)
}
