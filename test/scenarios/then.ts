import { expect } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import type { EventType, Fact, Outcome, RunEvent, RunOutcome } from '../../src/core/run/event.ts'
import { OUTCOMES } from '../../src/core/run/event.ts'
import { at, type RunState } from '../../src/core/run/state.ts'
import type { Acts } from '../../src/engine/acts.ts'
import type { NodeId } from '../../src/kit/ids.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { faultsFound } from './holds.ts'
import type { Stage } from './stage.ts'

/** How one node ended, by its own run. */
export type NodeEnd = Readonly<{ node: NodeId; wave: string; outcome: Outcome; reason: string }>

/** What is so after a scenario. Whatever it was about, the invariants have been checked. */
export class Then {
  readonly stage: Stage
  readonly acts: readonly Acts[]
  readonly #facts: ReadonlyMap<string, readonly Fact[]>

  private constructor(stage: Stage, acts: readonly Acts[], facts: ReadonlyMap<string, readonly Fact[]>) {
    this.stage = stage
    this.acts = acts
    this.#facts = facts
  }

  static async of(stage: Stage, acts: readonly Acts[]): Promise<Then> {
    expect(await faultsFound(stage), 'the invariants hold').toEqual([])
    const facts = new Map<string, readonly Fact[]>()
    for (const run of await stage.runs()) facts.set(run, await stage.facts(run))
    return new Then(stage, acts, facts)
  }

  /** The last act of a runbook, the first one by default. */
  state(runbook = 0): RunState {
    return known(this.acts[runbook]?.ended.at(-1), 'an act that ended').state
  }

  /** The last act ended so; the reason contains these words. */
  ends(outcome: RunOutcome, reason: string | RegExp = '', runbook = 0): this {
    const { phase } = this.state(runbook)
    expect(phase.name === 'finished' && phase.outcome, JSON.stringify(phase)).toBe(outcome)
    expect(phase.name === 'finished' && phase.reason).toMatch(reason)
    return this
  }

  /** Nodes by outcome; outcomes that are not named do not occur. */
  nodes(counts: Partial<Record<Outcome, number>>, runbook = 0): this {
    const found = Object.groupBy(this.all(runbook), ({ outcome }) => outcome)
    expect(Object.fromEntries(Object.entries(found).map(([outcome, nodes]) => [outcome, nodes.length]))).toEqual(counts)
    return this
  }

  /** Each node's end, in the order of the plan. */
  all(runbook = 0): NodeEnd[] {
    const state = this.state(runbook)
    return state.plan.nodes.map(({ node }, position) => ({
      node,
      wave: state.waves[at(state.nodes.wave, position)]?.name ?? '',
      outcome: known(OUTCOMES[at(state.nodes.outcome, position)], 'the outcome'),
      reason: known(state.nodes.reason[position], 'the reason'),
    }))
  }

  /** Nodes of a wave. */
  wave(name: string, runbook = 0): NodeEnd[] {
    return this.all(runbook).filter(({ wave }) => wave === name)
  }

  /** Facts of one type over all runs, in order. */
  facts<T extends EventType>(type: T): (Extract<RunEvent, { type: T }> & Pick<Fact, 'at' | 'actor'>)[] {
    return [...this.#facts.values()]
      .flat()
      .flatMap(({ at: when, actor, event }) =>
        event.type === type ? [{ ...(event as Extract<RunEvent, { type: T }>), at: when, actor }] : [],
      )
  }

  /** Types of all facts of one run, in order. */
  types(run?: string): EventType[] {
    return known(this.#facts.get(run ?? this.state().run), 'the run').map(({ event }) => event.type)
  }

  /** Changing scripts on the nodes, as they saw it. */
  changes(): readonly LedgerRow[] {
    return this.stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-Apply' || document === 'Patchwave-Rollback')
  }

  /** These nodes, or all, have the packages that they had before anything began. */
  versionsAreAsBefore(nodes?: readonly NodeEnd[]): this {
    const wanted = nodes && new Set(nodes.map(({ node }) => node))
    for (const view of this.stage.sandbox.nodes()) {
      if (wanted === undefined || wanted.has(view.node))
        expect(view.packages, view.node).toEqual(this.stage.before.get(view.node)?.packages ?? view.packages)
    }
    return this
  }

  /** These nodes have other packages than before. */
  versionsAreNew(nodes: readonly NodeEnd[]): this {
    const wanted = new Set(nodes.map(({ node }) => node))
    expect(wanted.size, 'some nodes').toBeGreaterThan(0)
    for (const view of this.stage.sandbox.nodes())
      if (wanted.has(view.node)) expect(view.packages, view.node).not.toEqual(this.stage.before.get(view.node)?.packages)
    return this
  }

  /** No changing script ever ran on these nodes. */
  untouched(nodes: readonly NodeEnd[]): this {
    const touched = new Set(this.changes().map(({ node }) => node))
    expect(nodes.filter(({ node }) => touched.has(node))).toEqual([])
    return this
  }

  /** The most nodes of each kind of group that had a change in flight at once, as the nodes saw it. */
  worstAtOnce(per: 'tag:Cluster' | 'availability-zone'): number {
    return Math.max(
      0,
      ...this.changes().flatMap(({ inFlightInGroup }) =>
        Object.entries(inFlightInGroup).flatMap(([group, count]) => (group.startsWith(`${per}=`) ? [count] : [])),
      ),
    )
  }
}
