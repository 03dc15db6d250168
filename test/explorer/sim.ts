import { provenClaims } from '../../src/engine/claims.ts'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { Fact, RunEvent, Work } from '../../src/core/run/event.ts'
import { evolve } from '../../src/core/run/evolve.ts'
import { next } from '../../src/core/run/next.ts'
import { commandOf, initial, type RunState } from '../../src/core/run/state.ts'
import type { RunId } from '../../src/kit/ids.ts'
import { latest, plus, SECOND, type Instant } from '../../src/kit/instant.ts'
import { ENGINE, OPENS, pinned, REQUESTED, RUN } from '../core/run/telling.ts'
import { beside, besideAfter, refusedBeside, type Beside } from './beside.ts'
import { cloneState } from './clone.ts'
import { handsAfter, handsBack } from './hands.ts'
import { judgeFact } from './invariants.ts'
import { Violation } from './violation.ts'
import { newWorld, RIGHT, type Left, type Order, type Rules, type World } from './world.ts'

/** The core under test. A planted bug wraps one of the two. */
export type Machine = Readonly<{ evolve: typeof evolve; next: typeof next }>

/** What else may happen in a game than answers, faults, crashes and acts. */
export type Scope = Readonly<{
  /** Another run, of which nothing else is known, may lay its hand on free nodes. */
  rival: boolean
  /** The driver may also die between two appends of one turn. */
  torn: boolean
  /** An operator may also ask for a rollback, which differs from an abort with one only in how the run ends. */
  wide: boolean
  /** Wishes lie in the inbox until a driver takes them, nobody may drive for a while, and some notes cannot be granted or read. */
  inbox: boolean
  /** A driver that was replaced may go on by what it knows. */
  fence: boolean
  /** AWS may begin to refuse a cell in the middle of the run, and take it back. */
  denies: boolean
  /** The store may come back without its last intent and what followed it. */
  loses: boolean
  /** The maintenance window may be changed at AWS. */
  narrows: boolean
  /** A freeze may be declared for now or for soon, and taken back. */
  freezes: boolean
  /** The run may break freezes. */
  breaks: boolean
}>

export type Setup = Scope &
  Readonly<{
    run: RunId
    plan: PlanContent
    machine: Machine
    rules: Rules
    left: Left
    /** Units of the trial's list that break a node, and its lines: one unit each; null: nothing is isolated. */
    culprits: Readonly<{ lines: readonly string[]; bad: readonly number[] }> | null
  }>

export const CORE: Machine = { evolve, next }

const NARROW: Scope = {
  rival: false,
  torn: false,
  wide: false,
  inbox: false,
  fence: false,
  denies: false,
  loses: false,
  narrows: false,
  freezes: false,
  breaks: false,
}

export const setupOf = (plan: PlanContent, left: Left, more: Partial<Setup> = {}): Setup => ({
  run: RUN,
  plan,
  left,
  machine: CORE,
  rules: RIGHT,
  culprits: null,
  ...NARROW,
  ...more,
})

/** What a driver that was replaced knows: the state it had, how many appends it knew of, and what it was about to do beside sending. */
export type Old = Readonly<{ live: RunState; head: number; effects: readonly string[] }>

/** The whole of what the explorer calls a state: the run as its driver has it, the run as its journal tells it, and the world. */
export type Sim = {
  live: RunState
  /** The fold of all facts so far by a reader that never decided anything: what a successor begins with. */
  folded: RunState
  /** The fold of the facts before the last intent: what a store that lost its tail has. */
  earlier: RunState | null
  now: Instant
  wakeAt: Instant | null
  /** Appends so far. */
  head: number
  old: Old | null
  readonly world: World
  /** Another run over the same nodes. */
  beside: Beside | null
}

/** A run that was just requested, with a driver. */
export function begin(setup: Setup, sim = requested(setup)): Sim {
  const asked = { ...REQUESTED, breakFreeze: setup.breaks } as const
  new Teller(setup, sim).tell([asked, pinned(setup.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 }])
  return sim
}

/** A run before its first fact. */
export const requested = (setup: Setup): Sim => ({
  live: initial(setup.run, setup.plan),
  folded: initial(setup.run, setup.plan),
  earlier: null,
  now: OPENS,
  wakeAt: null,
  head: 0,
  old: null,
  world: newWorld(setup.plan, setup.left),
  beside: null,
})

/** Another run lets go of what it holds after this at the latest, and is asked again. */
const BUSY_MS = 30 * SECOND

/** Decisions that follow one another without news beyond this are a loop. */
const TURNS_MAX = 200

/** Facts that follow at once, before anything is decided; none: that was all. */
export type More = (sim: Sim) => readonly RunEvent[]

/** Tells facts to a sim, as a driver does: record, fold, decide, record what was decided, until nothing follows. */
export class Teller {
  readonly facts: Fact[] = []
  /** Appends of the last `tell`: the told facts, then one for each turn of decisions. */
  appends = 0
  readonly #setup: Setup
  readonly #sim: Sim
  /** The driver dies once it has appended so often; null: it lives. */
  readonly #diesAfter: number | null

  constructor(setup: Setup, sim: Sim, diesAfter: number | null = null) {
    this.#setup = setup
    this.#sim = sim
    this.#diesAfter = diesAfter
  }

  tell(told: readonly RunEvent[] = [], more: More = () => []): void {
    const { machine } = this.#setup
    for (let some = told; some.length > 0; some = this.appends === this.#diesAfter ? [] : more(this.#sim)) this.append(some)
    for (;;) {
      if (this.appends === this.#diesAfter) return
      const turn = machine.next(this.#sim.live, this.#sim.now)
      for (const key of turn.dropped) this.#sim.world.running.delete(key)
      for (const { key } of turn.effects) this.#sim.world.running.add(key)
      this.#sim.wakeAt = turn.wakeAt
      if (turn.events.length === 0) break
      if (this.appends > TURNS_MAX) throw new Violation('I13', 'the core never comes to rest')
      this.append(turn.events.map((event) => this.#claimed(event)))
    }
  }

  /** One transaction of the journal. */
  append(events: readonly RunEvent[]): void {
    const { live, folded, world } = this.#sim
    const { machine, rules, loses } = this.#setup
    const at = latest(this.#sim.now, live.at)
    if (loses && events.some(({ type }) => type === 'CommandIntended')) this.#sim.earlier = cloneState(folded)
    const shared = this.#sim.beside === null ? null : beside(this.#sim, events, at)
    for (const event of events) {
      const fact: Fact = { at, actor: ENGINE, event }
      this.facts.push(fact)
      judgeFact(this.#setup, this.#sim, event)
      handsAfter(world, live, event, shared === null)
      machine.evolve(live, fact)
      if (shared === null) handsBack(world, live, event, rules)
      machine.evolve(folded, fact)
    }
    if (shared !== null) besideAfter(this.#sim, shared, events)
    this.#sim.head += 1
    this.appends += 1
  }

  /** An intent whose nodes another run holds is not recorded; they step back. */
  #claimed(event: RunEvent): RunEvent {
    const claims = (event.type === 'CommandIntended' && event.work !== 'scan') || (event.type === 'StepIntended' && event.batch > 0)
    if (!claims) return event
    const theirs = (position: number): boolean => this.#sim.world.claims[position] === 'theirs'
    const nodes = this.#sim.beside === null ? event.nodes.filter(theirs) : refusedBeside(this.#setup.rules, this.#sim, event)
    return nodes.length === 0 ? event : { type: 'NodesBusy', batch: event.batch, nodes, until: plus(this.#sim.now, BUSY_MS) }
  }
}

/** The claims that the engine would put back from the journal. */
export const proven = (sim: Sim): readonly number[] =>
  provenClaims(sim.live).map((claim) => sim.live.plan.nodes.findIndex(({ node }) => node === claim.node))

/** What the driver's request for a command carries. */
export function orderOf(setup: Setup, live: RunState, n: number): Order {
  const { nodes, work, startBefore, list } = commandOf(live, n)
  return { n, work, nodes, startBefore, breaks: work === 'apply' && isBad(setup, live, list) }
}

/** Whether a list has a patch that breaks nodes: one of the run's own has all of them, one that is tried has some units of it. */
function isBad({ culprits }: Setup, { lists, isolation }: RunState, list: number): boolean {
  if (culprits === null) return false
  const units = isolation?.derived[list - (lists?.count ?? 0)]?.units
  return culprits.bad.length > 0 && (units === undefined || culprits.bad.every((bad) => units.includes(bad)))
}

const CHANGES: ReadonlySet<Work> = new Set<Work>(['apply', 'rollback'])

/** The driver is gone; another one reads the journal. What the first was about to send may still arrive. */
export function replaceDriver(setup: Setup, sim: Sim): void {
  for (const effect of sim.live.activities.values()) {
    if (effect.kind !== 'send') continue
    const order = orderOf(setup, sim.live, effect.n)
    if (CHANGES.has(order.work)) sim.world.zombies.push(order)
  }
  sim.world.running.clear()
}
