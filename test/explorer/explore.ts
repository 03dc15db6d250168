import type { Fact, EventType } from '../../src/core/run/event.ts'
import { Bug } from '../../src/kit/assert.ts'
import { Graph } from './graph.ts'
import { Violation } from './violation.ts'
import type { Left } from './world.ts'
import { brief } from '../core/run/telling.ts'

/**
 * What was found, and by which kinds of facts. `reaching`: states from which moves that need no trouble lead to an end. `broken` is the first violation,
 * with the moves that lead to it and the journal that they made.
 */
export type Explored = Readonly<{
  states: number
  transitions: number
  ends: number
  reaching: number
  facts: ReadonlySet<EventType>
  broken: Broken | null
}>
export type Broken = Readonly<{ invariant: string; message: string; moves: readonly string[]; journal: readonly string[] }>

/** What a move takes from what the path may still meet. */
export type Trouble = Exclude<keyof Left, 'troubles'>
export type Named = Readonly<{ label: string; costs: Trouble | null }>

/** Something that can be explored: states, what may happen in each, and what must hold in it. */
export type Game<S, M extends Named> = Readonly<{
  begin: () => S
  /** A copy that a move may change. */
  clone: (state: S) => S
  /** What may happen here with what is left, always in the same order. */
  moves: (state: S) => readonly M[]
  /** Takes a move in this very state, up to the death of its driver after so many appends (null: it lives). @throws Violation, Bug */
  take: (state: S, move: M, diesAfter: number | null) => readonly Fact[]
  /** Judges a state that has come to rest and digests it. `told`: facts were told. @throws Violation */
  rest: (state: S, told: boolean) => string
  left: (state: S) => Left
  over: (state: S) => boolean
  /** Whether a driver may also die between two appends of one turn. */
  torn: boolean
}>

type Step<M> = Readonly<{ move: M; diesAfter: number | null }>

const labelOf = ({ move, diesAfter }: Step<Named>): string =>
  diesAfter === null ? move.label : `${move.label}; crash after append ${diesAfter}`

/**
 * Every state that can be reached within the game's bounds: first those that need no trouble, then those that need one, and so on, so that what breaks is
 * shown with the least trouble that breaks it. A state is not looked at again with less left to meet than it had before.
 */
export function explore<S, M extends Named>(game: Game<S, M>, bounds: Partial<Bounds> = {}): Explored {
  return new Explorer(game, { statesMax: 5_000_000, alike: false, ...bounds }).run()
}

/** `alike`: of states with the same digest it is made sure that the same may happen in them; what a digest leaves out hides what follows from it. */
export type Bounds = Readonly<{ statesMax: number; alike: boolean }>

type Seen<S> = Readonly<{ id: number; state: S }>

class Explorer<S, M extends Named> {
  readonly #game: Game<S, M>
  readonly #bounds: Bounds
  readonly #graph = new Graph()
  readonly #facts = new Set<EventType>()
  #transitions = 0
  /** States of this layer, from which the next layer's troubles begin. The last layer needs none. */
  #kept: Seen<S>[] = []

  /** What may happen in each state, by number; only when states are compared. */
  readonly #futures: string[] = []

  constructor(game: Game<S, M>, bounds: Bounds) {
    this.#game = game
    this.#bounds = bounds
  }

  run(): Explored {
    try {
      const root = this.#game.begin()
      const { troubles } = this.#game.left(root)
      this.#graph.add(this.#game.rest(root, true), this.#leftOf(root), 0, '')
      this.#futures.push(this.#futureOf(root))
      this.#calm({ id: 0, state: root }, troubles > 0)
      for (let layer = 1; layer <= troubles; layer++) {
        const before = this.#kept
        this.#kept = []
        for (let seen = before.pop(); seen !== undefined; seen = before.pop()) this.#trouble(seen, layer < troubles)
      }
    } catch (error) {
      if (error instanceof Stop) return this.#result(error.broken, 0)
      throw error
    }
    const stuck = this.#graph.stuck()
    const broken =
      stuck.length === 0 ? null : this.#tell(stuck[0] ?? 0, null, new Violation('I13', `${stuck.length} states have no way to an end`))
    return this.#result(broken, this.#graph.states - stuck.length)
  }

  #result(broken: Broken | null, reaching: number): Explored {
    const { states, ends } = this.#graph
    return { states, transitions: this.#transitions, ends, reaching, facts: this.#facts, broken }
  }

  /** Follows all free moves from a state. */
  #calm(from: Seen<S>, keep: boolean): void {
    const open = [from]
    for (let seen = open.pop(); seen !== undefined; seen = open.pop()) {
      if (keep) this.#kept.push(seen)
      if (this.#game.over(seen.state)) this.#graph.end(seen.id)
      for (const move of this.#game.moves(seen.state)) {
        if (move.costs !== null) continue
        const next = this.#take(seen, { move, diesAfter: null })
        this.#graph.edge(seen.id, next.id)
        if (next.fresh) open.push(next)
      }
    }
  }

  /** Takes every troublesome move from a state, and what follows from each. */
  #trouble(seen: Seen<S>, keep: boolean): void {
    for (const move of this.#game.moves(seen.state)) {
      for (const step of this.#stepsOf(seen.state, move)) {
        const next = this.#take(seen, step)
        if (next.fresh) this.#calm(next, keep)
      }
    }
  }

  /** A troublesome move; and any move on which the driver dies between two appends. */
  #stepsOf(state: S, move: M): Step<M>[] {
    const left = this.#game.left(state)
    const steps: Step<M>[] = move.costs === null ? [] : [{ move, diesAfter: null }]
    const dies = this.#game.torn && left.crashes > 0 && left.troubles > (move.costs === null ? 0 : 1) && move.costs !== 'crashes'
    return dies ? [...steps, { move, diesAfter: 1 }, { move, diesAfter: 2 }] : steps
  }

  #take({ id, state: from }: Seen<S>, step: Step<M>): Seen<S> & { fresh: boolean } {
    const state = this.#game.clone(from)
    this.#transitions += 1
    const digest = this.#rested(id, state, step)
    const left = this.#leftOf(state)
    const seen = this.#graph.find(digest, left)
    if (this.#bounds.alike) this.#compare(id, state, step, seen)
    if (seen !== undefined) return { id: seen, state, fresh: false }
    const { statesMax } = this.#bounds
    if (this.#graph.states >= statesMax) throw new Error(`more than ${statesMax} states: the bounds are too wide`)
    return { id: this.#graph.add(digest, left, id, labelOf(step)), state, fresh: true }
  }

  /** Numbers of commands and seconds differ between states that are alike. */
  #compare(from: number, state: S, step: Step<M>, seen: number | undefined): void {
    const future = this.#futureOf(state)
    if (seen === undefined) this.#futures[this.#graph.states] = future
    else if (this.#futures[seen] !== future) {
      const message = `like a state in which other things may happen: ${this.#futures[seen]} — here: ${future}`
      throw new Stop(this.#tell(from, step, new Violation('key', message)))
    }
  }

  #futureOf(state: S): string {
    const free = this.#game.moves(state).filter(({ costs }) => costs === null)
    const labels = free.map(({ label }) => label.replace(/\d+ s later|(?<=(send|find|report|close|cancel|of) )\d+/g, '#'))
    return labels.sort().join('; ')
  }

  #rested(id: number, state: S, step: Step<M>): string {
    try {
      const facts = this.#game.take(state, step.move, step.diesAfter)
      for (const { event } of facts) this.#facts.add(event.type)
      return this.#game.rest(state, facts.length > 0)
    } catch (error) {
      if (error instanceof Violation || error instanceof Bug) throw new Stop(this.#tell(id, step, error))
      throw error
    }
  }

  /** What is left of each means, one decimal digit each; more than the sum allows counts as the sum. */
  #leftOf(state: S): number {
    const left = this.#game.left(state)
    return [left.faults, left.crashes, left.acts].reduce((packed, means) => packed * 10 + Math.min(means, left.troubles), left.troubles)
  }

  /** The story of a state, played again from the beginning by the names of its moves. */
  #tell(id: number, last: Step<M> | null, error: Error): Broken {
    const moves = [...this.#graph.path(id), ...(last === null ? [] : [labelOf(last)])]
    const invariant = error instanceof Violation ? error.invariant : 'assert'
    return { invariant, message: error.message, moves, journal: replay(this.#game, moves) }
  }
}

class Stop extends Error {
  readonly broken: Broken

  constructor(broken: Broken) {
    super(broken.message)
    this.broken = broken
  }
}

function replay<S, M extends Named>(game: Game<S, M>, moves: readonly string[]): string[] {
  const journal: string[] = []
  let state = game.begin()
  for (const label of moves) {
    const [name, after] = label.split('; crash after append ')
    const move = game.moves(state).find((one) => one.label === name)
    if (move === undefined) return [...journal, `(no move is called ${label})`]
    state = game.clone(state)
    journal.push(`— ${label}`, ...tried(game, state, { move, diesAfter: after === undefined ? null : Number(after) }))
  }
  const onward = game.moves(state).flatMap(({ label, costs }) => (costs === null ? [label] : []))
  return [...journal, `(onward: ${onward.join('; ') || 'nothing'})`]
}

function tried<S, M extends Named>(game: Game<S, M>, state: S, { move, diesAfter }: Step<M>): string[] {
  const told: string[] = []
  try {
    told.push(...game.take(state, move, diesAfter).map(({ event }) => brief(event)))
    game.rest(state, true)
  } catch (error) {
    told.push(String(error))
  }
  return told
}
