import type { PlannedNode } from '../../src/core/plan/plan.ts'
import type { Outcome, Work } from '../../src/core/run/event.ts'
import type { Instant } from '../../src/kit/instant.ts'
import { nothingAround, type Around } from './steps.ts'

/** What one node went through, told again from the facts alone and without the core's own fold. */
export type Life = {
  readonly position: number
  readonly planned: PlannedNode
  outcome: Outcome
  reason: string
  /** The outcome before any rollback. */
  applied: Outcome
  flying: boolean
  /** It spoke for itself about its last command. */
  spoke: boolean
  touched: boolean
  /** Ever named by a changing intent that was not refused. */
  everTouched: boolean
  /** The step before its change has changed its kernel, or may have. */
  livePatched: boolean
  attempts: number
  /** The last intent that named it. */
  n: number
  down: boolean
  /** What it was before the try of an isolation that it is in. */
  resting: Readonly<{ outcome: Outcome; reason: string }> | null
  /** What steps around its changes did with it. */
  readonly around: Around
}

/** From an intent to the node's own word, or until nothing of the command can be open any more. */
export type Hand = Readonly<{ run: string; node: string; position: number; n: number; from: Instant; to: Instant }>

/** A time in which something was so of a node. */
export type Span = Readonly<{ node: string; position: number; from: Instant; to: Instant }>

/** When something was so of each node. */
export class Intervals {
  readonly all: Span[] = []
  readonly #open = new Map<number, Instant>()
  readonly #name: (position: number) => string

  constructor(name: (position: number) => string) {
    this.#name = name
  }

  /** It is so from now on, or not any more. */
  turn(position: number, holds: boolean, at: Instant): void {
    const from = this.#open.get(position)
    if (holds && from === undefined) this.#open.set(position, at)
    if (holds || from === undefined) return
    this.all.push({ node: this.#name(position), position, from, to: at })
    this.#open.delete(position)
  }

  end(at: Instant): void {
    for (const position of [...this.#open.keys()]) this.turn(position, false, at)
  }
}

/** A command as the facts tell it. */
export type Told = {
  readonly n: number
  readonly work: Work
  nodes: readonly number[]
  phase: 'intended' | 'sent' | 'unclear' | 'refused' | 'closed'
  doubtful: boolean
  /** The journal has no intent of it. */
  found?: true
}

/** A node of which nothing has been told. */
export const newLife = (planned: PlannedNode, position: number): Life => ({
  position,
  planned,
  outcome: 'open',
  reason: '',
  applied: 'open',
  flying: false,
  spoke: false,
  touched: false,
  everTouched: false,
  livePatched: false,
  attempts: 0,
  n: 0,
  down: false,
  resting: null,
  around: nothingAround(),
})
