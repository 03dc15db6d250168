import { hash } from 'node:crypto'
import { Bug } from '../../src/kit/assert.ts'
import { cloneSim, cloneState } from './clone.ts'
import { judgeFold, judgeRun, judgeWorld, Violation } from './invariants.ts'
import { keyOf, ranksOf, runKey } from './key.ts'
import { movesOf, pay, type Move } from './moves.ts'
import { sweep } from './node-moves.ts'
import { begin, Teller, type Setup, type Sim } from './sim.ts'
import { brief } from '../core/run/telling.ts'

/** What was found. `broken` is the first violation, with the moves that lead to it and the journal that they made. */
export type Explored = Readonly<{ states: number; transitions: number; finished: number; stuck: number; depth: number; broken: Broken | null }>
export type Broken = Readonly<{ invariant: string; message: string; moves: readonly string[]; journal: readonly string[] }>

/** One step: a move, and after how many appends the driver dies on it (null: it lives). */
type Step = Readonly<{ move: Move; diesAfter: number | null }>

const labelOf = ({ move, diesAfter }: Step): string => (diesAfter === null ? move.label : `${move.label}; crash after append ${diesAfter}`)

/** Every state that can be reached within the setup's bounds, breadth first, so that what breaks is shown on a shortest path. */
export function explore(setup: Setup, statesMax = 3_000_000): Explored {
  return new Explorer(setup, statesMax).run()
}

class Explorer {
  readonly #setup: Setup
  readonly #statesMax: number
  readonly #ids = new Map<string, number>()
  readonly #parents: number[] = [0]
  readonly #labels: string[] = ['']
  readonly #finished: number[] = []
  #edges = new Uint32Array(1 << 16)
  #edgeCount = 0
  #frontier: { id: number; sim: Sim }[] = []
  #later: { id: number; sim: Sim }[] = []

  constructor(setup: Setup, statesMax: number) {
    this.#setup = setup
    this.#statesMax = statesMax
  }

  run(): Explored {
    let depth = 0
    try {
      const root = begin(this.#setup)
      this.#ids.set(rest(this.#setup, root, true), 0)
      this.#frontier = [{ id: 0, sim: root }]
      for (; this.#frontier.length > 0; depth++) {
        for (const { id, sim } of this.#frontier) this.#expand(id, sim)
        this.#frontier = this.#later
        this.#later = []
      }
    } catch (error) {
      if (error instanceof Stop) return this.#result(depth, error.broken)
      throw error
    }
    const stuck = this.#stuck()
    const broken = stuck.length === 0 ? null : this.#tell(stuck[0] ?? 0, null, new Violation('I13', `${stuck.length} states have no way to an end`))
    return this.#result(depth, broken, stuck.length)
  }

  #result(depth: number, broken: Broken | null, stuck = 0): Explored {
    return { states: this.#ids.size, transitions: this.#edgeCount, finished: this.#finished.length, stuck, depth, broken }
  }

  #expand(id: number, sim: Sim): void {
    if (sim.live.phase.name === 'finished') this.#finished.push(id)
    for (const move of movesOf(this.#setup, sim)) {
      const appends = this.#take(id, sim, { move, diesAfter: null })
      if (!this.#setup.torn || sim.world.left.crashes === 0 || sim.world.left.troubles < (move.costs === null ? 1 : 2)) continue
      for (let diesAfter = 1; diesAfter < appends; diesAfter++) this.#take(id, sim, { move, diesAfter })
    }
  }

  /** Takes one step from a state; returns how many appends it made. */
  #take(id: number, from: Sim, step: Step): number {
    const sim = cloneSim(from)
    let appends = 0
    let key = ''
    try {
      appends = apply(this.#setup, sim, step).appends
      key = rest(this.#setup, sim, appends > 0)
    } catch (error) {
      if (error instanceof Violation || error instanceof Bug) throw new Stop(this.#tell(id, step, error))
      throw error
    }
    const seen = this.#ids.get(key)
    const to = seen ?? this.#ids.size
    this.#edge(id, to)
    if (seen !== undefined) return appends
    if (to >= this.#statesMax) throw new Error(`more than ${this.#statesMax} states: the bounds are too wide`)
    this.#ids.set(key, to)
    this.#parents.push(id)
    this.#labels.push(labelOf(step))
    this.#later.push({ id: to, sim })
    return appends
  }

  #edge(from: number, to: number): void {
    if (this.#edgeCount * 2 + 2 > this.#edges.length) {
      const wider = new Uint32Array(this.#edges.length * 2)
      wider.set(this.#edges)
      this.#edges = wider
    }
    this.#edges[this.#edgeCount * 2] = from
    this.#edges[this.#edgeCount * 2 + 1] = to
    this.#edgeCount += 1
  }

  /** States from which no finished one can be reached, nearest to the beginning first. */
  #stuck(): number[] {
    const count = this.#ids.size
    const first = new Uint32Array(count + 1)
    for (let edge = 0; edge < this.#edgeCount; edge++) bump(first, (this.#edges[edge * 2 + 1] ?? 0) + 1)
    for (let id = 0; id < count; id++) first[id + 1] = (first[id + 1] ?? 0) + (first[id] ?? 0)
    const sources = new Uint32Array(this.#edgeCount)
    const filled = first.slice()
    for (let edge = 0; edge < this.#edgeCount; edge++) {
      const to = this.#edges[edge * 2 + 1] ?? 0
      sources[filled[to] ?? 0] = this.#edges[edge * 2] ?? 0
      bump(filled, to)
    }
    const ends = new Uint8Array(count)
    const open = [...this.#finished]
    for (const id of open) ends[id] = 1
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (let at = first[id] ?? 0; at < (first[id + 1] ?? 0); at++) {
        const source = sources[at] ?? 0
        if (ends[source] === 1) continue
        ends[source] = 1
        open.push(source)
      }
    }
    const stuck: number[] = []
    ends.forEach((reaches, id) => {
      if (reaches === 0) stuck.push(id)
    })
    return stuck
  }

  /** The story of a state, played again from the beginning by the names of its moves. */
  #tell(id: number, last: Step | null, error: Error): Broken {
    const moves: string[] = last === null ? [] : [labelOf(last)]
    for (let at = id; at !== 0; at = this.#parents[at] ?? 0) moves.unshift(this.#labels[at] ?? '')
    const invariant = error instanceof Violation ? error.invariant : 'assert'
    return { invariant, message: error.message, moves, journal: replay(this.#setup, moves) }
  }
}

const bump = (counts: Uint32Array, at: number): void => void (counts[at] = (counts[at] ?? 0) + 1)

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
    if (crash !== undefined) teller.facts.push(...apply(setup, sim, { move: crash, diesAfter: null }).facts)
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
