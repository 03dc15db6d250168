import type { Anchor, Sealed } from '../../src/core/audit/entry.ts'
import type { PinnedList, Plan, PlanContent } from '../../src/core/plan/plan.ts'
import type { EventType, Fact, RunEvent } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import type { NodeId, RunId } from '../../src/kit/ids.ts'
import type { Instant, Ms } from '../../src/kit/instant.ts'
import type { Claim } from '../../src/ports/store.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'

/** Packages of a node: `name.arch` → exact version. */
export type Packages = Readonly<Record<string, string>>

/** How a node serves: whether it is up, where it stands behind load balancers (`group:port`), and its state in its Auto Scaling group. */
export type Service = Readonly<{ up: boolean; targets: readonly string[]; lifecycle: string | null }>

/** What a checker needs of a feedback message. */
export type CloudEvent = Readonly<{ type: string; run: RunId; n: number; seq: number; head: string }>

/** A claim was taken or let go. */
export type ClaimChange = Readonly<{ at: Instant; run: RunId; node: NodeId; change: 'taken' | 'released' }>

/** So far a host's clock may be off without anybody's being told: what it writes is compared with what others saw no closer. */
export const SKEW_MS: Ms = 30_000

/** What a person said to a run, when it was left: whoever drives puts it on record later. */
export type Word = Readonly<{ at: Instant; run: RunId; by: string; what: string }>

/** A freeze that stands in the config with which a driver was started. */
export type Frozen = Readonly<{ driver: string; from: Instant; to: Instant }>

/** One run as its journal has it, from its first fact. What is absent is not checked. */
export type RunEvidence = Readonly<{
  run: RunId
  plan: PlanContent
  facts: readonly Fact[]
  /** The stored entries, from the first one: their chain is verified, and that they say what `facts` say. */
  entries?: readonly Sealed[]
  /** Heads that were seen outside the store. */
  anchors?: readonly Anchor[]
  /** Lists that the run pinned itself (a trial); the plan's own otherwise. */
  lists?: readonly PinnedList[]
  /** What the plan printed; computed from the plan's rules when absent. */
  worstCase?: Plan['worstCase']
  /** The state in which a driver ended: it must be the fold of the facts. */
  lived?: RunState
}>

/** All that is known of a night: journals on this side of the wire, the nodes' own ledger and packages on the other. */
export type Evidence = Readonly<{
  /** All runs of the store. */
  runs: readonly RunEvidence[]
  ledger?: readonly LedgerRow[]
  nodesBefore?: ReadonlyMap<NodeId, Packages>
  nodesAfter?: ReadonlyMap<NodeId, Packages>
  /** How the nodes served before and after; those that do not exist any more are absent. */
  serviceBefore?: ReadonlyMap<NodeId, Service>
  serviceAfter?: ReadonlyMap<NodeId, Service>
  /** Every message of the feedback queue in the order of receiving, repeats included. */
  feedback?: readonly CloudEvent[]
  /** The store's claims when all was over. */
  claims?: readonly Claim[]
  /** What became of the claims, in order. */
  claimChanges?: readonly ClaimChange[]
  /** All that people said to runs. */
  words?: readonly Word[]
  /** Freezes that drivers knew of from their start. */
  frozen?: readonly Frozen[]
  /** A fault of this night may take a node's power, or the node; without one, no transaction may be cut at all. */
  powerLosses?: boolean
  /** Faults were over, people had answered, and the runs had time to end. */
  calm: boolean
}>

/** A pure look at the evidence: what does not hold, one line each. */
export type Checker = (evidence: Evidence) => Iterable<string>

/** Facts of one type, in order, with their instants. */
export function* each<T extends EventType>(
  { facts }: RunEvidence,
  type: T,
): Generator<Extract<RunEvent, { type: T }> & Readonly<{ at: Instant }>> {
  for (const { at, event } of facts) if (event.type === type) yield { ...(event as Extract<RunEvent, { type: T }>), at }
}

/** The id of the node at a position of the plan. */
export const nodeAt = ({ plan }: RunEvidence, position: number): NodeId => plan.nodes[position]?.node ?? `position ${String(position)}`

/** The wave that holds each position; absent: none. */
export function wavesOf(plan: PlanContent): ReadonlyMap<number, number> {
  return new Map(plan.waves.flatMap(({ nodes }, wave) => nodes.map((position) => [position, wave] as const)))
}

/** A ledger's token as run and number; a text that is none belongs to no run. */
export function tokenParts(token: string): { run: RunId; n: number } {
  const dot = token.lastIndexOf('.')
  return { run: token.slice(0, Math.max(0, dot)), n: Number(token.slice(dot + 1)) }
}
