import { instant, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { RunId } from '../../kit/ids.ts'
import type { PlanContent } from '../plan/plan.ts'
import type { EventType, Fact, HostFacts, RunEvent } from '../run/event.ts'

/**
 * How a node stands with its reboots. `waiting`: something that is installed runs only after a boot. `live`: the running kernel is mended by live
 * patches, which AWS makes for a while. `unknown`: it has live patches, and nobody said for how long it gets them. `overdue`: it has waited too
 * long, or its kernel gets no live patches any more.
 */
export type DebtState = 'waiting' | 'live' | 'unknown' | 'overdue'

/** One node that owes a reboot. */
export type Debt = Readonly<{
  node: string
  account: string
  region: string
  kernel: string
  /** The kernel that runs after the next boot; `''`: the same. */
  newer: string
  /** It was said that a reboot is wanted, or another kernel is installed. */
  waits: boolean
  live: number
  /** Until when its kernel gets live patches; 0: not known. */
  covered: Instant
  /** First told so since the node's last boot. */
  since: Instant
  /** When it turns, or turned, from debt into non-compliance; null: nobody knows. */
  dueBy: Instant | null
  state: DebtState
  /** The run that told so last, and when. */
  run: RunId
  toldAt: Instant
}>

/** The facts that the ledger needs; others need not be read. */
export const TELLS_DEBT: ReadonlySet<string> = new Set<EventType>(['NodesReported', 'StepEnded', 'NodesGone', 'FleetRead'])

/** `waitsSince`: first told since its last boot that it waits for a reboot; live patches alone are waited with for as long as they are covered. */
type Standing = Omit<Debt, 'dueBy' | 'state'> & Readonly<{ waitsSince: Instant }>

/** Two boot times of one boot may differ by as much: kernels compute them from their uptime. */
const BOOT_SLACK_MS: Ms = 60_000

/** Which nodes run on live patches or wait for a reboot, as the reports of all runs tell. The newest word about a node counts, whatever the order of runs. */
export class DebtLedger {
  readonly #nodes = new Map<string, Standing>()
  /** When each node was last told of, also of those that owe nothing. */
  readonly #told = new Map<string, Instant>()

  /** Takes in one fact of a run; its nodes stand by position in the run's plan. */
  hear(run: RunId, nodes: PlanContent['nodes'], { at, event }: Fact): void {
    if ((event.type === 'NodesReported' || event.type === 'StepEnded') && event.hosts !== undefined)
      this.#reported(run, nodes, at, event, event.hosts)
    else if (event.type === 'NodesGone') this.#gone(nodes, event.nodes, at)
    else if (event.type === 'FleetRead') this.#gone(nodes, event.gone, at)
  }

  /** Nodes that owe a reboot at this instant, those that are due first. A reboot may be waited for as long as `rebootWithin`. */
  debts(now: Instant, rebootWithinMs: Ms): readonly Debt[] {
    const debts = [...this.#nodes.values()].map(({ waitsSince, ...one }): Debt => {
      return { ...one, ...judged({ ...one, waitsSince }, now, rebootWithinMs) }
    })
    const last = Number.POSITIVE_INFINITY
    return debts.sort((a, b) => (a.dueBy ?? last) - (b.dueBy ?? last) || (a.node < b.node ? -1 : 1))
  }

  #reported(
    run: RunId,
    nodes: PlanContent['nodes'],
    at: Instant,
    event: Pick<Extract<RunEvent, { type: 'StepEnded' }>, 'nodes' | 'ended' | 'reboot'>,
    hosts: HostFacts,
  ): void {
    event.nodes.forEach((position, index) => {
      const planned = nodes[position]
      const kernel = hosts.kernel[index] ?? ''
      if (planned === undefined || kernel === '') return // It said nothing: what was known of it still holds.
      const ended = event.ended[index] ?? 0
      const toldAt = ended > 0 && ended < at ? instant(ended) : at
      const { node, account, region } = planned
      if (toldAt < (this.#told.get(node) ?? 0)) return
      this.#told.set(node, toldAt)
      const newer = hosts.newer[index] ?? ''
      const live = hosts.live[index] ?? 0
      const waits = newer !== '' || event.reboot?.[index] === true
      if (!waits && live === 0) return void this.#nodes.delete(node)
      const before = this.#nodes.get(node)
      const booted = hosts.booted[index] ?? instant(0)
      const goesOn = before !== undefined && before.kernel === kernel && booted <= plus(before.since, BOOT_SLACK_MS)
      const since = goesOn ? before.since : toldAt
      const waitsSince = goesOn && before.waits ? before.waitsSince : toldAt
      const covered = hosts.covered[index] ?? instant(0)
      this.#nodes.set(node, { node, account, region, kernel, newer, waits, live, covered, since, waitsSince, run, toldAt })
    })
  }

  #gone(nodes: PlanContent['nodes'], positions: readonly number[], at: Instant): void {
    for (const position of positions) {
      const node = nodes[position]?.node
      if (node === undefined || at < (this.#told.get(node) ?? 0)) continue
      this.#told.set(node, at)
      this.#nodes.delete(node)
    }
  }
}

/** The earliest of what makes the debt too old. With live patches whose end nobody told, only the wait for a reboot has one. */
function judged({ waits, live, covered, waitsSince }: Standing, now: Instant, rebootWithinMs: Ms): Pick<Debt, 'dueBy' | 'state'> {
  const dates = [...(waits ? [plus(waitsSince, rebootWithinMs)] : []), ...(live > 0 && covered > 0 ? [covered] : [])]
  const dueBy = dates.length === 0 ? null : instant(Math.min(...dates))
  if (dueBy !== null && now >= dueBy) return { dueBy, state: 'overdue' }
  if (live > 0 && covered === 0) return { dueBy, state: 'unknown' }
  return { dueBy, state: waits ? 'waiting' : 'live' }
}
