import { assert, known } from '../kit/assert.ts'
import type { NodeId } from '../kit/ids.ts'
import { latest, type Instant } from '../kit/instant.ts'
import { seal } from '../core/audit/seal.ts'
import { toData } from '../core/run/codec.ts'
import { OUTCOMES, type Actor, type Fact, type Outcome, type RunEvent } from '../core/run/event.ts'
import { evolve } from '../core/run/evolve.ts'
import { stepOf } from '../core/run/evolve-steps.ts'
import { outOf } from '../core/run/limits.ts'
import { stepAfter, stepOnward } from '../core/run/steps.ts'
import { isHeard, refusalOf } from '../core/run/evolve-commands.ts'
import { isLost } from '../core/run/standing.ts'
import { at, codeOf, commandOf, planned, provesNothingSent, STAGE, type RunState } from '../core/run/state.ts'
import type { Append, GroupLimit, Sealed, Store } from '../ports/store.ts'
import type { Clock } from '../ports/clock.ts'
import { commandsOf } from './open-commands.ts'

/** Another driver has taken the run: whoever learns it stops at once. */
export class Replaced extends Error {
  override readonly name = 'Replaced'
}

/** Called with every fact once it is durable and folded. */
export type Listener = (state: RunState, fact: Fact, sealed: Sealed) => void

/** The one writer of a run: seals facts, appends them with the claims they need, and folds what became durable. */
export class Journal {
  readonly state: RunState
  readonly #store: Store
  readonly #clock: Clock
  readonly #listen: Listener
  #last: Readonly<{ seq: number; hash: string }> | null

  constructor(parts: Readonly<{ state: RunState; store: Store; clock: Clock; last: Sealed | null; listen: Listener }>) {
    this.state = parts.state
    this.#store = parts.store
    this.#clock = parts.clock
    this.#listen = parts.listen
    this.#last = parts.last
  }

  /** Hash of the last entry that is folded here. */
  get head(): Append['head'] {
    return this.#last?.hash ?? null
  }

  /**
   * Appends facts in one transaction, then folds them. Nothing is folded that is not durable. Resolves to the nodes that another run's hand
   * is on (then nothing was appended), or to an empty list.
   * @throws Replaced when another driver has appended since
   */
  async record(events: readonly RunEvent[], actor: Actor, taken: readonly number[] = []): Promise<readonly NodeId[]> {
    assert(events.length > 0, 'nothing to record')
    const now = latest(this.#clock.now(), this.state.at)
    const facts = events.map((event): Fact => ({ at: now, actor, event }))
    const sealed = this.#seal(facts)
    const append: Append = {
      run: this.state.run,
      head: this.head,
      entries: sealed,
      ...claimOf(this.state, events, now),
      ...setsOf(this.state, events),
      ...releaseOf(this.state, events),
      ...(taken.length > 0 && { taken }),
      ...commandsOf(this.state, events),
      ...outcomeOf(events),
    }
    const appended = await this.#clock.hold(() => this.#store.append(append))
    if (!appended.ok && appended.why === 'busy') return appended.nodes
    if (!appended.ok) throw new Replaced(`run ${this.state.run} has another driver`)
    this.#last = known(sealed.at(-1), 'the last entry')
    facts.forEach((fact, index) => {
      evolve(this.state, fact)
      this.#listen(this.state, fact, known(sealed[index], 'the entry'))
    })
    return []
  }

  /** Removes notes that need no fact. @throws Replaced as `record` does */
  async drop(taken: readonly number[]): Promise<void> {
    const { run } = this.state
    const dropped = await this.#clock.hold(() => this.#store.append({ run, head: this.head, entries: [], taken }))
    if (!dropped.ok) throw new Replaced(`run ${run} has another driver`)
  }

  #seal(facts: readonly Fact[]): Sealed[] {
    let last = this.#last
    return facts.map((fact) => {
      const entry = seal(last, { run: this.state.run, at: fact.at, actor: fact.actor, ...toData(fact.event) })
      last = entry
      return entry
    })
  }
}

/** The claims that an intent needs, taken in its own transaction. */
export function claimOf(state: RunState, events: readonly RunEvent[], now: Instant): Pick<Append, 'claim'> {
  const intent = events.find(claims)
  if (intent === undefined) return {}
  assert(events.length === 1, 'an intent that claims is appended alone')
  const groups = new Set<number>()
  const tighter = tighterFor(state, known(intent.nodes[0], 'a node'))
  const nodes = intent.nodes.map((position) => {
    const node = planned(state, position)
    if (!wasOut(state, position)) for (const group of node.groups) groups.add(group)
    return { node: node.node, groups: node.groups.map((group) => known(state.plan.groups[group], 'the group').key) }
  })
  return { claim: { nodes, limits: [...groups].map((group) => limitOf(state, group, tighter)), notBefore: notBeforeOf(intent), at: now } }
}

/** The groups that take turns in this run, also those that it lays no hand on yet: another run, which takes none, may have. Said by each driver first. */
function setsOf({ plan }: RunState, events: readonly RunEvent[]): Pick<Append, 'sets'> {
  if (!events.some(({ type }) => type === 'DriverTook')) return {}
  const sets = plan.groups.flatMap(({ key, set }) => (set === null ? [] : [{ key, set }]))
  return sets.length > 0 ? { sets } : {}
}

type Intent = Extract<RunEvent, { type: 'CommandIntended' | 'StepIntended' }>

/** What prepares a change takes the claim, and the change itself renews it; what brings a node back has it already. */
const claims = (event: RunEvent): event is Intent =>
  (event.type === 'CommandIntended' && event.work !== 'scan') || (event.type === 'StepIntended' && event.batch !== 0)

const notBeforeOf = (intent: Intent): Instant => (intent.type === 'CommandIntended' ? intent.notBefore : intent.until)

/** A node to be rolled back that failed was out before: restoring it takes nothing more out of service. */
const wasOut = (state: RunState, position: number): boolean =>
  [codeOf('failed'), codeOf('unknown')].includes(at(state.nodes.outcome, position))

/** Nodes that were down before may have filled a group already; only what other runs add is refused here, the core has judged the rest. */
function limitOf(state: RunState, group: number, tighter: ReadonlyMap<number, number>): GroupLimit {
  const { key, atMost, set } = known(state.plan.groups[group], 'the group')
  const ours = outOf(state, group)
  return { key, atMost: Math.max(Math.min(atMost, tighter.get(group) ?? atMost), ours), ours, set }
}

/** What the wave of a round tightens, whose nodes are all of one wave: its limits, too, are held against what all runs have out. */
const tighterFor = (state: RunState, position: number): ReadonlyMap<number, number> =>
  new Map(state.plan.waves[at(state.nodes.wave, position)]?.tighter.map((one) => [one.group, one.atMost]))

/**
 * Hands are taken off nodes that spoke for themselves, unless something has to bring them back first: then at the end of its last step. A node
 * that said nothing keeps its claim until its command has closed: SSM may have given up on it while its script still runs.
 */
export function releaseOf(state: RunState, events: readonly RunEvent[]): Pick<Append, 'release'> {
  const release = events.flatMap((event) => leaving(state, event))
  return release.length > 0 ? { release } : {}
}

type Leaving = NonNullable<Append['release']>[number]

function leaving(state: RunState, event: RunEvent): Leaving[] {
  switch (event.type) {
    case 'NodesReported':
      return atReport(state, event)
    case 'CommandClosed':
      return atClose(state, event.n)
    case 'CommandRefused':
      return atRefusal(state, event)
    case 'StepEnded':
      return atStep(state, event)
    case 'BatchDropped':
      return atRound(state, event.batch)
    case 'NodesBusy':
      return atRound(state, event.batch, event.nodes)
    case 'BatchRead':
      return atRound(state, event.batch, event.skipped, event.reasons)
    default:
      return []
  }
}

function atReport(state: RunState, event: Extract<RunEvent, { type: 'NodesReported' }>): Leaving[] {
  const release: Leaving[] = []
  event.nodes.forEach((position, index) => {
    const outcome = known(event.outcomes[index], 'the outcome')
    if (!isHeard(state, position, event.n, outcome) || (event.ended[index] ?? 0) === 0 || comesBack(state, position, outcome)) return
    // An attempt that was not made leaves the node as the one before it did.
    const out = outcome === 'skipped' ? at(state.nodes.attempts, position) > 1 : BAD.has(outcome)
    release.push({ node: planned(state, position).node, out: out || state.notBack.has(position) })
  })
  return release
}

/** Nodes of a command that was certainly not sent, but those that steps have to bring back first. */
function atRefusal(state: RunState, { n, code, invalid }: Extract<RunEvent, { type: 'CommandRefused' }>): Leaving[] {
  if (!provesNothingSent(state, n)) return []
  const lost = (position: number): boolean => invalid.includes(position) && isLost(state, position, refusalOf(code))
  return commandOf(state, n)
    .nodes.filter((position) => at(state.nodes.taken, position) === 0)
    .map((position) => ({
      node: planned(state, position).node,
      out: staysOut(state, position, at(state.nodes.attempts, position) > 1) || lost(position),
    }))
}

function atClose(state: RunState, n: number): Leaving[] {
  const release: Leaving[] = []
  for (const position of commandOf(state, n).nodes) {
    const stage = at(state.nodes.stage, position)
    if (at(state.nodes.command, position) !== n || stage === STAGE.flying || stage === STAGE.returning) continue
    if (at(state.nodes.endedSeconds, position) !== 0 && at(state.nodes.stage, position) !== STAGE.retrying) continue
    release.push({ node: planned(state, position).node, out: staysOut(state, position) })
  }
  return release
}

/** Whether steps follow this report before the node is let go. */
function comesBack(state: RunState, position: number, outcome: Outcome): boolean {
  if (at(state.nodes.taken, position) !== 0 || outcome === 'open') return true
  return state.plan.runbook.hooks.after !== null && (outcome === 'patched' || outcome === 'not-needed' || outcome === 'rolled-back')
}

/** Nodes that leave a round whose steps have claimed them, and have nothing to bring back. */
function atRound(state: RunState, number: number, nodes?: readonly number[], reasons: readonly string[] = []): Leaving[] {
  const batch = state.batches.get(number)
  if (batch === undefined || batch.step === 0) return []
  return (nodes ?? batch.nodes).flatMap((position, index) =>
    stepAfter(state, position) === null
      ? [{ node: planned(state, position).node, out: staysOut(state, position) || isLost(state, position, reasons[index] ?? '') }]
      : [],
  )
}

/** Nodes that leave with this step: out of the round without anything to bring back, or back after their last step. */
function atStep(state: RunState, event: Extract<RunEvent, { type: 'StepEnded' }>): Leaving[] {
  const { batch } = stepOf(state, event.id)
  const release: Leaving[] = []
  event.nodes.forEach((position, index) => {
    const outcome = known(event.outcomes[index], 'the outcome')
    const done = event.done[index] === true
    const leaves = batch !== 0 ? outcome !== 'open' && !comesBack(state, position, outcome) : isLast(state, position, outcome, done)
    const silent = at(state.nodes.endedSeconds, position) === 0 && state.openCommands.has(at(state.nodes.command, position))
    if (!leaves || silent) return
    const out = outcome === 'open' ? staysOut(state, position) : BAD.has(outcome)
    release.push({ node: planned(state, position).node, out: out || !done })
  })
  return release
}

/** Out of service although nothing works on it: what is not known, and what failed, also where another attempt waits for it (`tried`). */
function staysOut(state: RunState, position: number, tried = at(state.nodes.touched, position) === 1): boolean {
  const outcome = known(OUTCOMES[at(state.nodes.outcome, position)], 'the outcome')
  return outcome === 'open' ? tried : BAD.has(outcome)
}

const BAD: ReadonlySet<Outcome> = new Set<Outcome>(['failed', 'unknown', 'rollback-failed'])

/** Whether no step follows the one that ends like this. */
function isLast(state: RunState, position: number, outcome: Outcome, done: boolean): boolean {
  if (outcome !== 'open') return stepOnward(state, position, codeOf(outcome)) === null
  return stepOnward(state, position, done ? undefined : codeOf('failed')) === null
}

function outcomeOf(events: readonly RunEvent[]): Pick<Append, 'outcome'> {
  const end = events.find((event) => event.type === 'RunFinished')
  return end?.type === 'RunFinished' ? { outcome: end.outcome } : {}
}

/** A node's last known instant of its own end, or `undefined`. */
export function endedAt(state: RunState, position: number): Instant | undefined {
  const seconds = at(state.nodes.endedSeconds, position)
  return seconds === 0 ? undefined : ((seconds * 1000) as Instant)
}
