import { type Instant, iso } from '../kit/instant.ts'
import type { SimNode } from './model.ts'

/** One script execution on one node, as an observer on the other side of the wire saw it. Instants are ISO 8601 UTC. */
export type LedgerRow = {
  readonly node: string
  readonly account: string
  readonly region: string
  readonly commandId: string
  readonly token: string
  readonly document: string
  readonly startedAt: string
  /** Null while it runs. */
  endedAt: string | null
  /** 137 when the agent killed it, null while it runs or when the power went. */
  exitCode: number | null
  verdict: string | null
  /** At the start of a changing script: how many nodes of each of its groups had one in flight, itself included. */
  readonly inFlightInGroup: Readonly<Record<string, number>>
  /** The package transaction that this execution started; it may end later than the execution. `kill`: the script's own end cut it. */
  transaction: { readonly startedAt: string; endedAt: string | null; changed: number; cut: 'power' | 'kill' | null } | null
}

/** A row that is being written. */
export type Execution = Readonly<{
  startedAt: Instant
  ended: (at: Instant, exitCode: number | null, verdict: string | null) => void
  transactionStarted: (at: Instant) => void
  transactionEnded: (at: Instant, changed: number, cut: 'power' | 'kill' | null) => void
}>

type Started = Readonly<{ commandId: string; token: string; document: string; changes: boolean; at: Instant }>

/** Every script execution in the order of their starts, and which nodes have a change in flight. */
export class Ledger {
  readonly #entries: Entry[] = []
  readonly #inFlight = new InFlight()

  /** The rows as they are now; what is written later shows in the next answer. */
  get rows(): LedgerRow[] {
    return this.#entries.map((entry) => entry.row)
  }

  begin(node: SimNode, started: Started): Execution {
    if (started.changes) this.#inFlight.enter(node)
    const entry = new Entry(node, started, this.#inFlight)
    this.#entries.push(entry)
    return entry
  }

  /** One more reason why this node is in flight. */
  enter(node: SimNode): void {
    this.#inFlight.enter(node)
  }

  leave(node: SimNode): void {
    this.#inFlight.leave(node)
  }
}

type Transaction = { readonly startedAt: Instant; endedAt: Instant | null; changed: number; cut: 'power' | 'kill' | null }

/** An execution in numbers: a fleet has many, and few of them are ever shown. */
class Entry implements Execution {
  readonly #node: SimNode
  readonly #started: Started
  readonly #inFlight: InFlight
  readonly #groups: readonly Group[]
  readonly #counts: readonly number[]
  #endedAt: Instant | null = null
  #exitCode: number | null = null
  #verdict: string | null = null
  #transaction: Transaction | null = null

  constructor(node: SimNode, started: Started, inFlight: InFlight) {
    this.#node = node
    this.#started = started
    this.#inFlight = inFlight
    this.#groups = started.changes ? inFlight.groupsOf(node) : NO_GROUPS
    this.#counts = this.#groups.map((group) => group.count)
  }

  get startedAt(): Instant {
    return this.#started.at
  }

  get row(): LedgerRow {
    const { node, account, region } = this.#node
    const { commandId, token, document, at } = this.#started
    const transaction = this.#transaction
    return {
      node,
      account,
      region,
      commandId,
      token,
      document,
      startedAt: iso(at),
      endedAt: isoOf(this.#endedAt),
      exitCode: this.#exitCode,
      verdict: this.#verdict,
      inFlightInGroup: Object.fromEntries(this.#groups.map(({ shown }, index) => [shown, this.#counts[index] ?? 0])),
      transaction: transaction && { ...transaction, startedAt: iso(transaction.startedAt), endedAt: isoOf(transaction.endedAt) },
    }
  }

  ended(at: Instant, exitCode: number | null, verdict: string | null): void {
    if (this.#endedAt !== null) return
    this.#endedAt = at
    this.#exitCode = exitCode
    this.#verdict = verdict
    if (this.#started.changes) this.#inFlight.leave(this.#node)
  }

  transactionStarted(at: Instant): void {
    this.#transaction = { startedAt: at, endedAt: null, changed: 0, cut: null }
    this.#inFlight.enter(this.#node)
  }

  transactionEnded(at: Instant, changed: number, cut: 'power' | 'kill' | null): void {
    if (this.#transaction?.endedAt !== null) return
    Object.assign(this.#transaction, { endedAt: at, changed, cut })
    this.#inFlight.leave(this.#node)
  }
}

const isoOf = (at: Instant | null): string | null => (at === null ? null : iso(at))

/** A group of nodes, and how many of it have a change in flight. */
type Group = { readonly shown: string; count: number }
const NO_GROUPS: readonly Group[] = []

/** Changes in flight by node, and nodes in flight by group. */
class InFlight {
  readonly #byNode = new Map<string, number>()
  readonly #groups = new Map<string, Group>()
  /** By zone id and region: the groups of nodes without a cluster. */
  readonly #zones = new Map<string, Map<string, readonly Group[]>>()

  enter(node: SimNode): void {
    const reasons = (this.#byNode.get(node.node) ?? 0) + 1
    this.#byNode.set(node.node, reasons)
    if (reasons === 1) for (const group of this.groupsOf(node)) group.count += 1
  }

  leave(node: SimNode): void {
    const reasons = (this.#byNode.get(node.node) ?? 1) - 1
    if (reasons > 0) {
      this.#byNode.set(node.node, reasons)
      return
    }
    this.#byNode.delete(node.node)
    for (const group of this.groupsOf(node)) group.count -= 1
  }

  groupsOf(node: SimNode): readonly Group[] {
    const known = node.tags['Cluster'] === undefined ? this.#zones.get(node.zoneId)?.get(node.region) : undefined
    if (known) return known
    const groups = placesOf(node).map(({ key, shown }) => this.#group(key, shown))
    if (node.tags['Cluster'] === undefined) this.#keep(node, groups)
    return groups
  }

  #keep({ zoneId, region }: SimNode, groups: readonly Group[]): void {
    const regions = this.#zones.get(zoneId) ?? new Map<string, readonly Group[]>()
    this.#zones.set(zoneId, regions.set(region, groups))
  }

  #group(key: string, shown: string): Group {
    const known = this.#groups.get(key)
    if (known) return known
    const group: Group = { shown, count: 0 }
    this.#groups.set(key, group)
    return group
  }
}

/** A tag group is (account, region, value); a zone is its id. */
function placesOf(node: SimNode): readonly Readonly<{ key: string; shown: string }>[] {
  const zone = { key: `zone ${node.region} ${node.zoneId}`, shown: `availability-zone=${node.zoneId}` }
  const cluster = node.tags['Cluster']
  if (cluster === undefined) return [zone]
  return [{ key: `cluster ${node.account} ${node.region} ${cluster}`, shown: `tag:Cluster=${cluster}` }, zone]
}
