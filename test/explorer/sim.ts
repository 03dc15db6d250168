import { provenClaims } from '../../src/engine/claims.ts'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { Fact, RunEvent } from '../../src/core/run/event.ts'
import { evolve } from '../../src/core/run/evolve.ts'
import { next } from '../../src/core/run/next.ts'
import { commandOf, initial, type RunState } from '../../src/core/run/state.ts'
import { latest, plus, SECOND, type Instant } from '../../src/kit/instant.ts'
import { ENGINE, OPENS, pinned, REQUESTED, RUN } from '../core/run/telling.ts'
import { handsAfter, handsBack } from './hands.ts'
import { judgeFact, Violation } from './invariants.ts'
import { newWorld, RIGHT, type Left, type Rules, type World } from './world.ts'

/** The core under test. A planted bug wraps one of the two. */
export type Machine = Readonly<{ evolve: typeof evolve; next: typeof next }>

export type Setup = Readonly<{
  plan: PlanContent
  machine: Machine
  rules: Rules
  left: Left
  /** Whether another run may lay its hand on free nodes. */
  rival: boolean
  /** Whether the driver may also die between two appends of one turn. */
  torn: boolean
  /** Whether an operator may also ask for a rollback, which differs from an abort with one only in how the run ends. */
  wide: boolean
}>

export const CORE: Machine = { evolve, next }

export const setupOf = (plan: PlanContent, left: Left, more: Partial<Setup> = {}): Setup => ({
  plan,
  left,
  machine: CORE,
  rules: RIGHT,
  rival: false,
  torn: false,
  wide: false,
  ...more,
})

/** The whole of what the explorer calls a state: the run as its driver has it, the run as its journal tells it, and the world. */
export type Sim = {
  live: RunState
  /** The fold of all facts so far by a reader that never decided anything: what a successor begins with. */
  folded: RunState
  now: Instant
  wakeAt: Instant | null
  readonly world: World
}

/** A run that was just requested, with a driver. */
export function begin(setup: Setup): Sim {
  const sim: Sim = {
    live: initial(RUN, setup.plan),
    folded: initial(RUN, setup.plan),
    now: OPENS,
    wakeAt: null,
    world: newWorld(setup.plan.nodes.length, setup.left),
  }
  new Teller(setup, sim).tell(REQUESTED, pinned(setup.plan), { type: 'DriverTook', driver: 'driver-1', epoch: 1 })
  return sim
}

/** Another run lets go of what it holds after this at the latest, and is asked again. */
const BUSY_MS = 30 * SECOND

/** Decisions that follow one another without news beyond this are a loop. */
const TURNS_MAX = 200

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

  tell(...told: readonly RunEvent[]): void {
    const { machine } = this.#setup
    if (told.length > 0) this.#append(told)
    for (;;) {
      if (this.appends === this.#diesAfter) return
      const turn = machine.next(this.#sim.live, this.#sim.now)
      for (const key of turn.dropped) this.#sim.world.running.delete(key)
      for (const { key } of turn.effects) this.#sim.world.running.add(key)
      this.#sim.wakeAt = turn.wakeAt
      if (turn.events.length === 0) break
      if (this.appends > TURNS_MAX) throw new Violation('I13', 'the core never comes to rest')
      this.#append(turn.events.map((event) => this.#claimed(event)))
    }
  }

  /** An intent whose nodes another run holds is not recorded; they step back. */
  #claimed(event: RunEvent): RunEvent {
    const claims = (event.type === 'CommandIntended' && event.work !== 'scan') || (event.type === 'StepIntended' && event.batch > 0)
    if (!claims) return event
    const nodes = event.nodes.filter((position) => this.#sim.world.claims[position] === 'theirs')
    return nodes.length === 0 ? event : { type: 'NodesBusy', batch: event.batch, nodes, until: plus(this.#sim.now, BUSY_MS) }
  }

  #append(events: readonly RunEvent[]): void {
    const { live, folded, world } = this.#sim
    const at = latest(this.#sim.now, live.at)
    for (const event of events) {
      const fact: Fact = { at, actor: ENGINE, event }
      this.facts.push(fact)
      judgeFact(this.#setup, this.#sim, event)
      handsAfter(world, live, event)
      this.#setup.machine.evolve(live, fact)
      handsBack(world, live, event, this.#setup.rules)
      this.#setup.machine.evolve(folded, fact)
    }
    this.appends += 1
  }
}

/** The claims that the engine would put back from the journal. */
export const proven = (sim: Sim): readonly number[] =>
  provenClaims(sim.live).map((claim) => sim.live.plan.nodes.findIndex(({ node }) => node === claim.node))

/** The driver is gone; another one reads the journal. What the first was about to send may still arrive. */
export function replaceDriver(sim: Sim): void {
  for (const effect of sim.live.activities.values())
    if (effect.kind === 'send' && commandOf(sim.live, effect.n).work !== 'scan') sim.world.zombies.push(effect.n)
  sim.world.running.clear()
}
