import type { NodeId, RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Append, Claim, GroupLimit } from '../../ports/store.ts'

type Wanted = NonNullable<Append['claim']>

/** The claims of all runs of a store, by node and run and, for counting, by group. */
export class Claims {
  readonly #nodes = new Map<NodeId, Map<RunId, Claim>>()
  readonly #groups = new Map<string, Set<Claim>>()
  /** The set that a group belongs to, as whoever limited it said last. */
  readonly #sets = new Map<string, string>()

  /** Wanted nodes that another run's hand is on, or that stand in a group which is full; empty when all may be claimed. */
  busy(run: RunId, wanted: Wanted): NodeId[] {
    const mine = new Set(wanted.nodes.map(({ node }) => node))
    const full = new Set(wanted.limits.filter((limit) => this.#isFull(run, limit, mine)).map((limit) => limit.key))
    return wanted.nodes
      .filter(({ node, groups }) => this.#isHeld(run, node) || groups.some((group) => full.has(group)))
      .map(({ node }) => node)
  }

  /** Takes the claims; one that this run has already is renewed. */
  take(run: RunId, wanted: Wanted, since: Instant): void {
    for (const { key, set } of wanted.limits) if (set !== null) this.#sets.set(key, set)
    for (const { node, groups } of wanted.nodes) {
      this.remove(node, run)
      this.add({ node, run, groups, hand: true, since, notBefore: wanted.notBefore })
    }
  }

  /** Adds a claim unless the run has one on this node. */
  add(claim: Claim): void {
    const ofNode = this.#nodes.get(claim.node) ?? new Map<RunId, Claim>()
    if (ofNode.has(claim.run)) return
    const kept = { ...claim, groups: [...new Set(claim.groups)].sort() }
    this.#nodes.set(claim.node, ofNode.set(claim.run, kept))
    for (const key of kept.groups) this.#groups.set(key, (this.#groups.get(key) ?? new Set()).add(kept))
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

  /** A finished run counts in no group any more; hands that are still on nodes stay. */
  end(run: RunId): void {
    for (const claim of this.list({ run })) if (!claim.hand) this.remove(claim.node, run)
  }

  /** Claims by run or node, oldest first. */
  list(filter: Readonly<{ run?: RunId; node?: NodeId }>): Claim[] {
    const ofNodes = filter.node === undefined ? [...this.#nodes.values()] : [this.#nodes.get(filter.node) ?? new Map<RunId, Claim>()]
    const found = ofNodes.flatMap((claims) => [...claims.values()]).filter((claim) => filter.run === undefined || claim.run === filter.run)
    return found.sort((a, b) => a.since - b.since || order(a.node, b.node) || order(a.run, b.run))
  }

  #isHeld(run: RunId, node: NodeId): boolean {
    return [...(this.#nodes.get(node)?.values() ?? [])].some((claim) => claim.hand && claim.run !== run)
  }

  /** Nodes that are wanted now are in `ours` already: one that another run left out of service is not counted twice. */
  #isFull(run: RunId, limit: GroupLimit, mine: ReadonlySet<NodeId>): boolean {
    const others = new Set<NodeId>()
    for (const claim of this.#groups.get(limit.key) ?? []) if (claim.run !== run && !mine.has(claim.node)) others.add(claim.node)
    return others.size + limit.ours > limit.atMost || (limit.set !== null && this.#othersInSet(run, limit.key, limit.set))
  }

  #othersInSet(run: RunId, key: string, set: string): boolean {
    for (const [other, itsSet] of this.#sets) {
      if (itsSet === set && other !== key && [...(this.#groups.get(other) ?? [])].some((claim) => claim.run !== run)) return true
    }
    return false
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
