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
  row: LedgerRow
  ended: (at: Instant, exitCode: number | null, verdict: string | null) => void
  transactionStarted: (at: Instant) => void
  transactionEnded: (at: Instant, changed: number, cut: 'power' | 'kill' | null) => void
}>

type Started = Readonly<{ commandId: string; token: string; document: string; changes: boolean; at: Instant }>

/** Every script execution in the order of their starts, and which nodes have a change in flight. */
export class Ledger {
  readonly rows: LedgerRow[] = []
  /** Changes in flight by node, and nodes in flight by group. */
  readonly #byNode = new Map<string, number>()
  readonly #byGroup = new Map<string, number>()

  begin(node: SimNode, started: Started): Execution {
    if (started.changes) this.enter(node)
    const row: LedgerRow = {
      node: node.node,
      account: node.account,
      region: node.region,
      commandId: started.commandId,
      token: started.token,
      document: started.document,
      startedAt: iso(started.at),
      endedAt: null,
      exitCode: null,
      verdict: null,
      inFlightInGroup: started.changes ? this.#countsOf(node) : {},
      transaction: null,
    }
    this.rows.push(row)
    return {
      row,
      ended: (at, exitCode, verdict) => {
        if (row.endedAt !== null) return
        row.endedAt = iso(at)
        row.exitCode = exitCode
        row.verdict = verdict
        if (started.changes) this.leave(node)
      },
      transactionStarted: (at) => {
        row.transaction = { startedAt: iso(at), endedAt: null, changed: 0, cut: null }
        this.enter(node)
      },
      transactionEnded: (at, changed, cut) => {
        if (row.transaction?.endedAt !== null) return
        row.transaction.endedAt = iso(at)
        row.transaction.changed = changed
        row.transaction.cut = cut
        this.leave(node)
      },
    }
  }

  /** One more reason why this node is in flight. */
  enter(node: SimNode): void {
    const reasons = (this.#byNode.get(node.node) ?? 0) + 1
    this.#byNode.set(node.node, reasons)
    if (reasons === 1) for (const { key } of groupsOf(node)) this.#byGroup.set(key, (this.#byGroup.get(key) ?? 0) + 1)
  }

  leave(node: SimNode): void {
    const reasons = (this.#byNode.get(node.node) ?? 1) - 1
    if (reasons > 0) {
      this.#byNode.set(node.node, reasons)
      return
    }
    this.#byNode.delete(node.node)
    for (const { key } of groupsOf(node)) this.#byGroup.set(key, (this.#byGroup.get(key) ?? 1) - 1)
  }

  #countsOf(node: SimNode): Record<string, number> {
    return Object.fromEntries(groupsOf(node).map(({ key, shown }) => [shown, this.#byGroup.get(key) ?? 0]))
  }
}

/** A tag group is (account, region, value); a zone is its id. */
function groupsOf(node: SimNode): readonly Readonly<{ key: string; shown: string }>[] {
  const zone = { key: `zone ${node.region} ${node.zoneId}`, shown: `availability-zone=${node.zoneId}` }
  const cluster = node.tags['Cluster']
  if (cluster === undefined) return [zone]
  return [{ key: `cluster ${node.account} ${node.region} ${cluster}`, shown: `tag:Cluster=${cluster}` }, zone]
}
