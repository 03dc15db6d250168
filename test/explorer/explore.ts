import { hash } from 'node:crypto'
import type { EventType } from '../../src/core/run/event.ts'
import { Bug } from '../../src/kit/assert.ts'
import { cloneSim, cloneState } from './clone.ts'
import { Graph } from './graph.ts'
import { judgeFold, judgeRun, judgeWorld, Violation } from './invariants.ts'
import { keyOf, ranksOf, runKey } from './key.ts'
import { movesOf, pay, type Move } from './moves.ts'
import { sweep } from './node-moves.ts'
import { begin, Teller, type Setup, type Sim } from './sim.ts'
import { brief } from '../core/run/telling.ts'

/** What was found, and by which kinds of facts. `broken` is the first violation, with the moves that lead to it and the journal that they made. */
export type Explored = Readonly<{ states: number; transitions: number; ends: number; facts: ReadonlySet<EventType>; broken: Broken | null }>
export type Broken = Readonly<{ invariant: string; message: string; moves: readonly string[]; journal: readonly string[] }>

/** One step: a move, and after how many appends the driver dies on it (null: it lives). */
type Step = Readonly<{ move: Move; diesAfter: number | null }>

const labelOf = ({ move, diesAfter }: Step): string => (diesAfter === null ? move.label : `${move.label}; crash after append ${diesAfter}`)

/**
 * Every state that can be reached within the setup's bounds: first those that need no trouble, then those that need one, and so on, so that what breaks is
 * shown with the least trouble that breaks it. A state is not looked at again with less left to meet than it had before.
 */
export function explore(setup: Setup, statesMax = 5_000_000): Explored {
  return new Explorer(setup, statesMax).run()
}

type Seen = Readonly<{ id: number; sim: Sim }>

class Explorer {
  readonly #setup: Setup
  readonly #statesMax: number
  readonly #graph = new Graph()
  readonly #facts = new Set<EventType>()
  #transitions = 0
  /** States of this layer, from which the next layer's troubles begin. The last layer needs none. */
  #kept: Seen[] = []

  constructor(setup: Setup, statesMax: number) {
    this.#setup = setup
    this.#statesMax = statesMax
  }

  run(): Explored {
    const { troubles } = this.#setup.left
    try {
      const root = begin(this.#setup)
      this.#graph.add(rest(this.#setup, root, true), leftOf(root), 0, '')
      this.#calm({ id: 0, sim: root }, troubles > 0)
      for (let layer = 1; layer <= troubles; layer++) {
        const before = this.#kept
        this.#kept = []
        for (let seen = before.pop(); seen !== undefined; seen = before.pop()) this.#trouble(seen, layer < troubles)
      }
    } catch (error) {
      if (error instanceof Stop) return this.#result(error.broken)
      throw error
    }
    const stuck = this.#graph.stuck()
    return this.#result(
      stuck.length === 0 ? null : this.#tell(stuck[0] ?? 0, null, new Violation('I13', `${stuck.length} states have no way to an end`)),
    )
  }

  #result(broken: Broken | null): Explored {
    return { states: this.#graph.states, transitions: this.#transitions, ends: this.#graph.ends, facts: this.#facts, broken }
  }

  /** Follows all free moves from a state. */
  #calm(from: Seen, keep: boolean): void {
    const open = [from]
    for (let seen = open.pop(); seen !== undefined; seen = open.pop()) {
      if (keep) this.#kept.push(seen)
      if (seen.sim.live.phase.name === 'finished') this.#graph.end(seen.id)
      for (const move of movesOf(this.#setup, seen.sim)) {
        if (move.costs !== null) continue
        const next = this.#take(seen, { move, diesAfter: null })
        this.#graph.edge(seen.id, next.id)
        if (next.fresh) open.push(next)
      }
    }
  }

  /** Takes every troublesome move from a state, and what follows from each. */
  #trouble(seen: Seen, keep: boolean): void {
    for (const move of movesOf(this.#setup, seen.sim)) {
      for (const step of this.#stepsOf(seen.sim, move)) {
        const next = this.#take(seen, step)
        if (next.fresh) this.#calm(next, keep)
      }
    }
  }

  /** A troublesome move; and any move on which the driver dies between two appends. */
  #stepsOf({ world: { left } }: Sim, move: Move): Step[] {
    const steps: Step[] = move.costs === null ? [] : [{ move, diesAfter: null }]
    const dies = this.#setup.torn && left.crashes > 0 && left.troubles > (move.costs === null ? 0 : 1) && move.costs !== 'crashes'
    return dies ? [...steps, { move, diesAfter: 1 }, { move, diesAfter: 2 }] : steps
  }

  #take({ id, sim: from }: Seen, step: Step): Seen & { fresh: boolean } {
    const sim = cloneSim(from)
    this.#transitions += 1
    const digest = this.#rested(id, sim, step)
    const left = leftOf(sim)
    const seen = this.#graph.find(digest, left)
    if (seen !== undefined) return { id: seen, sim, fresh: false }
    if (this.#graph.states >= this.#statesMax) throw new Error(`more than ${this.#statesMax} states: the bounds are too wide`)
    return { id: this.#graph.add(digest, left, id, labelOf(step)), sim, fresh: true }
  }

  #rested(id: number, sim: Sim, step: Step): string {
    try {
      const { facts } = apply(this.#setup, sim, step)
      for (const { event } of facts) this.#facts.add(event.type)
      return rest(this.#setup, sim, facts.length > 0)
    } catch (error) {
      if (error instanceof Violation || error instanceof Bug) throw new Stop(this.#tell(id, step, error))
      throw error
    }
  }

  /** The story of a state, played again from the beginning by the names of its moves. */
  #tell(id: number, last: Step | null, error: Error): Broken {
    const moves = [...this.#graph.path(id), ...(last === null ? [] : [labelOf(last)])]
    const invariant = error instanceof Violation ? error.invariant : 'assert'
    return { invariant, message: error.message, moves, journal: replay(this.#setup, moves) }
  }
}

/** What is left of each means, one decimal digit each; more than the sum allows counts as the sum. */
const leftOf = ({ world: { left } }: Sim): number =>
  [left.faults, left.crashes, left.acts].reduce((packed, means) => packed * 10 + Math.min(means, left.troubles), left.troubles)

class Stop extends Error {
  readonly broken: Broken

  constructor(broken: Broken) {
    super(broken.message)
    this.broken = broken
  }
}

/** Judges a state that has come to rest and digests it. `told`: the driver was told something, so that the run itself may have changed. */
function rest(setup: Setup, sim: Sim, told: boolean): string {
  const ranks = ranksOf(sim)
  const run = runKey(sim.live, sim.now, ranks)
  if (told) {
    judgeRun(setup, sim)
    judgeFold(sim, ranks, run)
  }
  judgeWorld(sim)
  return hash('sha1', keyOf(sim, ranks, run), 'base64')
}

/** Makes a move in this very sim: the world changes, the driver records what it learned and what follows; or dies on the way. */
function apply(setup: Setup, sim: Sim, { move, diesAfter }: Step): Teller {
  pay(sim, move)
  const { now } = sim
  const told = move.run(sim)
  const teller = new Teller(setup, sim, diesAfter)
  if (told.length > 0 || sim.now !== now) {
    const successor = told.some((event) => event.type === 'DriverTook')
    sim.live = cloneState(successor ? sim.folded : sim.live)
    sim.folded = cloneState(sim.folded)
    teller.tell(...told)
  }
  sweep(sim)
  if (diesAfter !== null) {
    const [crash] = movesOf(setup, sim).filter(({ label }) => label === 'crash')
    if (crash === undefined) sim.world.running.clear()
    else teller.facts.push(...apply(setup, sim, { move: crash, diesAfter: null }).facts)
  }
  return teller
}

function replay(setup: Setup, moves: readonly string[]): string[] {
  const journal: string[] = []
  let sim = begin(setup)
  for (const label of moves) {
    const [name, after] = label.split('; crash after append ')
    const move = movesOf(setup, sim).find((one) => one.label === name)
    if (move === undefined) return [...journal, `(no move is called ${label})`]
    sim = cloneSim(sim)
    const facts = tryApply(setup, sim, { move, diesAfter: after === undefined ? null : Number(after) })
    journal.push(`— ${label}`, ...facts)
  }
  return journal
}

function tryApply(setup: Setup, sim: Sim, step: Step): string[] {
  try {
    const { facts } = apply(setup, sim, step)
    return [...facts.map(({ event }) => brief(event)), ...verdictOf(setup, sim)]
  } catch (error) {
    return [String(error)]
  }
}

function verdictOf(setup: Setup, sim: Sim): string[] {
  try {
    rest(setup, sim, true)
    return []
  } catch (error) {
    return [String(error)]
  }
}
