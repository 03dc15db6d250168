import type { StepName } from '../../src/core/run/event.ts'
import { iso, type Instant } from '../../src/kit/instant.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { each, nodeAt, type Checker, type Evidence, type RunEvidence } from './evidence.ts'
import { follow } from './follow.ts'

/** I1: by the journals no node is in two hands at once, by the ledger no two of its package transactions overlap. */
export const oneHand: Checker = function* ({ runs, ledger = [] }) {
  const followed = runs.map((run) => follow(run))
  const hands = followed.flatMap((one) => one.hands)
  for (const [node, ours] of Map.groupBy(hands, (hand) => hand.node)) {
    for (const [before, hand] of overlapping(ours.toSorted((a, b) => a.from - b.from))) {
      yield `${node}: ${hand.run}.${String(hand.n)} from ${iso(hand.from)}, while ${before.run}.${String(before.n)} lasts to ${lasts(before.to)}`
    }
  }
  const stays = followed.flatMap((one) => one.stays.all.map((stay) => ({ ...stay, run: one.evidence.run })))
  yield* apart([...stays, ...hands])
  for (const [node, rows] of Map.groupBy(
    ledger.filter(({ transaction }) => transaction !== null),
    (row) => row.node,
  )) {
    const spans = rows.map(({ token, transaction }) => ({
      token,
      from: Date.parse(transaction?.startedAt ?? ''),
      to: transaction?.endedAt ? Date.parse(transaction.endedAt) : Infinity,
    }))
    for (const [before, span] of overlapping(spans.toSorted((a, b) => a.from - b.from)))
      yield `${node}: the transaction of ${span.token} began while that of ${before.token} ran`
  }
}

type Stay = Readonly<{ run: string; node: string; from: Instant; to: Instant }>

/** What one run prepares, changes or brings back, no other run does at the same time. */
function* apart(stays: readonly Stay[]): Generator<string> {
  for (const [node, ours] of Map.groupBy(stays, (stay) => stay.node)) {
    for (const [before, stay] of pairsOf(ours))
      if (before.run < stay.run && before.from < stay.to && stay.from < before.to)
        yield `${node}: with ${stay.run} from ${iso(stay.from)}, and with ${before.run} from ${iso(before.from)}`
  }
}

function* pairsOf<T>(all: readonly T[]): Generator<readonly [T, T]> {
  for (const one of all) for (const other of all) yield [one, other]
}

const lasts = (to: Instant): string => (to > Date.UTC(9000, 0) ? 'the end' : iso(to))

/** Neighbours in the order of their beginnings, where one begins before the longest before it has ended. */
function* overlapping<T extends Readonly<{ from: number; to: number }>>(sorted: readonly T[]): Generator<readonly [T, T]> {
  let longest: T | undefined
  for (const one of sorted) {
    if (longest && one.from < longest.to) yield [longest, one]
    if (longest === undefined || one.to > longest.to) longest = one
  }
}

/** Steps whose scripts may begin a package transaction. */
const CHANGING: ReadonlySet<StepName> = new Set<StepName>(['live-patch'])

/** I8: at most one package transaction for each journalled (node, token), and none without an intent that changes. */
export const once: Checker = function* ({ runs, ledger = [] }) {
  const intents = new Set<string>()
  for (const run of runs) {
    for (const { n, nodes, work } of each(run, 'CommandIntended'))
      if (work !== 'scan') for (const position of nodes) intents.add(`${nodeAt(run, position)} ${run.run}.${String(n)}`)
    for (const { n, nodes, work } of each(run, 'CommandFound'))
      if (work !== 'scan') for (const position of nodes) intents.add(`${nodeAt(run, position)} ${run.run}.${String(n)}`)
    for (const { n, nodes, step } of each(run, 'StepIntended'))
      if (CHANGING.has(step)) for (const position of nodes) intents.add(`${nodeAt(run, position)} ${run.run}.${String(n)}`)
  }
  const begun = Map.groupBy(
    ledger.filter(({ transaction }) => transaction !== null),
    ({ node, token }) => `${node} ${token}`,
  )
  for (const [key, rows] of begun) {
    if (!intents.has(key)) yield `${key}: a transaction that no journal intended`
    else if (startsOf(rows) > 1) yield `${key}: ${String(startsOf(rows))} transactions for one journalled attempt`
  }
}

/** Patch Manager's document has no marker: what the agent begins anew by itself is its own, a second command would be ours. */
const startsOf = (rows: readonly LedgerRow[]): number =>
  rows.every(isForeign) ? new Set(rows.map(({ commandId }) => commandId)).size : rows.length

const isForeign = ({ document }: LedgerRow): boolean => document === 'AWS-RunPatchBaseline'

/**
 * I14: a transaction is cut by a loss of power that a fault brought, and by nothing else: not by our stopping of a node that was started. What still
 * works on a root volume that is replaced goes with it.
 */
export const noCut: Checker = function* ({ runs, ledger = [], powerLosses = false }: Evidence) {
  const replaced = runs.flatMap((run) => timesOf(run, 'replace-root'))
  const stopped = runs.flatMap((run) => timesOf(run, 'stop'))
  for (const row of ledger) {
    if (row.transaction === null || row.transaction.cut === null) continue
    const cutAt = Date.parse(row.transaction.endedAt ?? '')
    const isIn = ({ node, from, to }: Stay): boolean => node === row.node && from <= cutAt && cutAt <= to
    if (row.exitCode === KILLED && replaced.some(isIn)) continue
    if (stopped.some(isIn)) {
      yield `${row.node} ${row.token}: its transaction was cut while its node was being stopped`
      continue
    }
    // It works in the agent's process group and ends with it. We never cancel it, and its time is longer than any of these nights' commands.
    if (isForeign(row)) continue
    if (!powerLosses) yield `${row.node} ${row.token}: its transaction was cut (${row.transaction.cut}) in a night without a loss of power`
    else if (killed(row)) yield `${row.node} ${row.token}: its transaction was cut by the kill of its script`
  }
}

/** Times in which a step did something to a node. */
function timesOf(run: RunEvidence, step: StepName): Stay[] {
  const intended = run.facts.flatMap(({ at, event }) =>
    event.type === 'StepIntended' && event.step === step ? [{ at, id: event.id, nodes: event.nodes }] : [],
  )
  return intended.flatMap(({ at, id, nodes }) => {
    const end = run.facts.findLast(({ event }) => event.type === 'StepEnded' && event.id === id)?.at ?? at
    return nodes.map((position) => ({ run: run.run, node: nodeAt(run, position), from: at, to: end }))
  })
}

/** What the agent's kill leaves; a loss of power leaves no exit code. */
const KILLED = 137

const killed = ({ exitCode, endedAt, transaction }: LedgerRow): boolean => exitCode === KILLED && transaction?.endedAt === endedAt
