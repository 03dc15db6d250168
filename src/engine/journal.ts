import { assert, known } from '../kit/assert.ts'
import type { NodeId } from '../kit/ids.ts'
import { latest, type Instant } from '../kit/instant.ts'
import { seal } from '../core/audit/seal.ts'
import { toData } from '../core/run/codec.ts'
import type { Actor, Fact, RunEvent } from '../core/run/event.ts'
import { evolve } from '../core/run/evolve.ts'
import { outOf } from '../core/run/limits.ts'
import { at, codeOf, commandOf, planned, provesNothingSent, STAGE, type RunState } from '../core/run/state.ts'
import type { Append, GroupLimit, Sealed, Store } from '../ports/store.ts'
import type { Clock } from '../ports/clock.ts'

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
      head: this.#last?.hash ?? null,
      entries: sealed,
      ...claimOf(this.state, events, now),
      ...releaseOf(this.state, events),
      ...(taken.length > 0 && { taken }),
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
function claimOf(state: RunState, events: readonly RunEvent[], now: Instant): Pick<Append, 'claim'> {
  const intent = events.find((event) => event.type === 'CommandIntended' && event.work !== 'scan')
  if (intent?.type !== 'CommandIntended') return {}
  assert(events.length === 1, 'an intent that claims is appended alone')
  const groups = new Set<number>()
  const nodes = intent.nodes.map((position) => {
    const node = planned(state, position)
    if (!wasOut(state, position)) for (const group of node.groups) groups.add(group)
    return { node: node.node, groups: node.groups.map((group) => known(state.plan.groups[group], 'the group').key) }
  })
  return { claim: { nodes, limits: [...groups].map((group) => limitOf(state, group)), notBefore: intent.notBefore, at: now } }
}

/** A node to be rolled back that failed was out before: restoring it takes nothing more out of service. */
const wasOut = (state: RunState, position: number): boolean =>
  [codeOf('failed'), codeOf('unknown')].includes(at(state.nodes.outcome, position))

/** Nodes that were down before may have filled a group already; only what other runs add is refused here, the core has judged the rest. */
function limitOf(state: RunState, group: number): GroupLimit {
  const { key, atMost, set } = known(state.plan.groups[group], 'the group')
  const ours = outOf(state, group)
  return { key, atMost: Math.max(atMost, ours), ours, set }
}

/**
 * Hands are taken off nodes that spoke for themselves. A node that said nothing keeps its claim until its command has closed: SSM may have
 * given up on it while its script still runs.
 */
function releaseOf(state: RunState, events: readonly RunEvent[]): Pick<Append, 'release'> {
  const release: { node: NodeId; out: boolean }[] = []
  for (const event of events) {
    if (event.type === 'NodesReported') {
      event.nodes.forEach((position, index) => {
        const outcome = known(event.outcomes[index], 'the outcome')
        if (at(state.nodes.command, position) !== event.n || (event.ended[index] ?? 0) === 0) return
        release.push({ node: planned(state, position).node, out: outcome === 'failed' || outcome === 'rollback-failed' })
      })
    } else if (event.type === 'CommandClosed') release.push(...atClose(state, event.n))
    else if (event.type === 'CommandRefused' && provesNothingSent(state, event.n))
      for (const position of commandOf(state, event.n).nodes) release.push({ node: planned(state, position).node, out: false })
  }
  return release.length > 0 ? { release } : {}
}

function atClose(state: RunState, n: number): { node: NodeId; out: boolean }[] {
  const release: { node: NodeId; out: boolean }[] = []
  for (const position of commandOf(state, n).nodes) {
    if (at(state.nodes.command, position) !== n || at(state.nodes.stage, position) === STAGE.flying) continue
    if (at(state.nodes.endedSeconds, position) !== 0 && at(state.nodes.stage, position) !== STAGE.retrying) continue
    const outcome = at(state.nodes.outcome, position)
    const out = [codeOf('failed'), codeOf('unknown'), codeOf('rollback-failed')].includes(outcome)
    release.push({ node: planned(state, position).node, out })
  }
  return release
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
