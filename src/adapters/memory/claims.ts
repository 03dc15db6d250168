import { judge, type Ask, type Claimed, type Judgement, type Place } from '../../core/run/turns.ts'
import type { NodeId, RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Append, Claim } from '../../ports/store.ts'
import { Tickets } from './tickets.ts'

type Wanted = NonNullable<Append['claim']>

/** The claims of all runs of a store, by node and run and, for counting, by group; and who waits for one. */
export class Claims {
  readonly #nodes = new Map<NodeId, Map<RunId, Claim>>()
  readonly #groups = new Map<string, Set<Claim>>()
  /** The set that a group belongs to, as whoever limited it said last. */
  readonly #sets = new Map<string, string>()
  readonly #tickets = new Tickets()

  /** Which wanted nodes the run may not have now, and where it waits for them. */
  judge(run: RunId, wanted: Wanted): Judgement {
    const ask: Ask = { run, nodes: wanted.nodes, limits: wanted.limits }
    return judge(ask, this.#claimed(wanted.at), this.#tickets.fresh(ask, wanted.at))
  }

  /** The run waits there from now on, or still. */
  wait(run: RunId, places: readonly Place[], at: Instant): void {
    this.#tickets.leave(run, places, at)
  }

  /** Takes the claims; one that this run has already is renewed. */
  take(run: RunId, wanted: Wanted, since: Instant): void {
    this.keepSets(wanted.limits)
    for (const { node, groups } of wanted.nodes) {
      this.remove(node, run)
      this.add({ node, run, groups, hand: true, since, notBefore: wanted.notBefore })
    }
    this.#tickets.use({ run, nodes: wanted.nodes, limits: wanted.limits })
  }

  /** Which groups take turns within a set. */
  keepSets(groups: readonly Readonly<{ key: string; set: string | null }>[]): void {
    for (const { key, set } of groups) if (set !== null) this.#sets.set(key, set)
  }

  /** Adds a claim unless the run has one on this node. */
  add(claim: Claim): void {
    const ofNode = this.#nodes.get(claim.node) ?? new Map<RunId, Claim>()
    if (ofNode.has(claim.run)) return
    const kept = { ...claim, groups: [...new Set(claim.groups)].sort() }
    this.#nodes.set(claim.node, ofNode.set(claim.run, kept))
    for (const key of kept.groups) this.#groups.set(key, (this.#groups.get(key) ?? new Set()).add(kept))
  }

  /** Adds a claim that a journal proves, without its hand where another run has the node by now: a person has let it go meanwhile. */
  restore(claim: Claim): void {
    const others = [...(this.#nodes.get(claim.node)?.values() ?? [])].filter(({ run }) => run !== claim.run)
    this.add({ ...claim, hand: claim.hand && !others.some(({ hand }) => hand) })
  }

  remove(node: NodeId, run: RunId): void {
    const claim = this.#nodes.get(node)?.get(run)
    if (claim === undefined) return
    this.#nodes.get(node)?.delete(run)
    for (const key of claim.groups) this.#groups.get(key)?.delete(claim)
  }

  /** Takes this run's hand off nodes; those that stay out of service keep counting in their groups. */
  release(run: RunId, release: NonNullable<Append['release']>): void {
    for (const { node, out } of release) {
      const claim = this.#nodes.get(node)?.get(run)
      this.remove(node, run)
      if (claim && out) this.add({ ...claim, hand: false })
    }
  }

  /** A finished run counts in no group any more and waits for nothing; hands that are still on nodes stay. */
  end(run: RunId): void {
    this.#tickets.drop(run)
    for (const claim of this.list({ run })) if (!claim.hand) this.remove(claim.node, run)
  }

  /** Claims by run or node, oldest first. */
  list(filter: Readonly<{ run?: RunId; node?: NodeId }>): Claim[] {
    const ofNodes = filter.node === undefined ? [...this.#nodes.values()] : [this.#nodes.get(filter.node) ?? new Map<RunId, Claim>()]
    const found = ofNodes.flatMap((claims) => [...claims.values()]).filter((claim) => filter.run === undefined || claim.run === filter.run)
    return found.sort((a, b) => a.since - b.since || order(a.node, b.node) || order(a.run, b.run))
  }

  #claimed(at: Instant): Claimed {
    const isMeant = (claim: Claim, kind: 'all' | 'stuck'): boolean => kind === 'all' || !claim.hand || claim.notBefore < at
    return {
      hands: (node) => [...(this.#nodes.get(node)?.values() ?? [])].filter((claim) => claim.hand).map((claim) => claim.run),
      inGroup: (group, run, without, kind) => {
        const left = new Set(without)
        const nodes = new Set<NodeId>()
        for (const claim of this.#groups.get(group) ?? [])
          if (claim.run !== run && !left.has(claim.node) && isMeant(claim, kind)) nodes.add(claim.node)
        return nodes.size
      },
      beside: (set, group, run, kind) =>
        [...this.#sets].some(
          ([other, itsSet]) =>
            itsSet === set &&
            other !== group &&
            [...(this.#groups.get(other) ?? [])].some((claim) => claim.run !== run && isMeant(claim, kind)),
        ),
    }
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
