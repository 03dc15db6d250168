import { OUTCOMES, type EventType, type Outcome, type StepName } from '../../src/core/run/event.ts'
import { iso, type Instant } from '../../src/kit/instant.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { each, nodeAt, SKEW_MS, type Checker, type Evidence, type RunEvidence, type Service } from './evidence.ts'
import { follow } from './follow.ts'
import { preparesNodes } from './steps.ts'

const finishedAt = ({ facts }: RunEvidence): number => facts.findIndex(({ event }) => event.type === 'RunFinished')

/** The run as it was told up to its end, late reports left out; `undefined` when it has not ended. */
function toItsEnd(run: RunEvidence) {
  const end = finishedAt(run)
  return end < 0 ? undefined : follow({ ...run, facts: run.facts.slice(0, end + 1) })
}

/** I5: at the end every planned node has one outcome and a reason, and the counts on record are theirs. */
export const nobodyLost: Checker = function* ({ runs }) {
  for (const run of runs) {
    const ended = toItsEnd(run)
    if (!ended) continue
    for (const { position, outcome, reason } of ended.lives) {
      if (outcome === 'open') yield `${run.run}: ${nodeAt(run, position)} ended without an outcome`
      else if (reason === '') yield `${run.run}: ${nodeAt(run, position)} is ${outcome} without a reason`
    }
    const nodes = ended.finished?.nodes ?? {}
    if (nodes['total'] !== run.plan.nodes.length)
      yield `${run.run}: ${String(nodes['total'])} nodes in the end, ${String(run.plan.nodes.length)} planned`
    for (const outcome of OUTCOMES) {
      const count = ended.lives.filter((life) => life.outcome === outcome).length
      if ((nodes[outcome] ?? 0) !== count)
        yield `${run.run}: ${String(nodes[outcome] ?? 0)} nodes ${outcome} on record, ${String(count)} by the facts`
    }
  }
}

/** I11: failed and unknown nodes of a wave never pass what the plan printed, nor those of the run its own budget. */
export const budget: Checker = function* ({ runs }) {
  for (const run of runs) {
    if (run.plan.work === 'rollback') continue
    const { worst } = follow(run)
    for (const [index, bad] of worst.entries()) {
      const printed = run.worstCase?.[index]?.worstFailures ?? worstOf(run, index)
      if (bad > printed)
        yield `${run.run}: wave ${run.plan.waves[index]?.name ?? ''} had ${String(bad)} failed or unknown nodes, at worst ${String(printed)}`
    }
    const { budgetMax } = run.plan
    const all = worst.reduce((sum, bad) => sum + bad, 0)
    const inFlight = Math.max(0, ...run.plan.waves.map(({ concurrency }) => concurrency))
    if (budgetMax !== null && all > budgetMax + inFlight)
      yield `${run.run}: ${String(all)} failed or unknown nodes, the run's budget is ${String(budgetMax)}`
  }
}

/** Those in flight may still fail after the budget is spent; `hard` lets no more fly than one too many. */
function worstOf({ plan }: RunEvidence, index: number): number {
  const wave = plan.waves[index]
  if (wave === undefined) return 0
  const { failuresMax, hard } = wave.gate
  return failuresMax + (hard ? 1 : wave.concurrency)
}

/** I12: at the end no node is still in change or on its way, and what was prepared serves as before; who stays out is named by its outcome, and no claim of the run says otherwise. */
export const putBack: Checker = function* (evidence) {
  const { runs, claims = [] } = evidence
  yield* serveAgain(evidence)
  yield* backTooEarly(evidence)
  for (const run of runs) {
    const ended = toItsEnd(run)
    if (!ended) continue
    const before = follow({ ...run, facts: run.facts.slice(0, finishedAt(run)) })
    for (const { position, flying, around } of before.lives) {
      if (flying) yield `${run.run}: ${nodeAt(run, position)} was still in change at the end`
      if (around.away !== 'no')
        yield `${run.run}: ${nodeAt(run, position)} was still on its way ${around.away === 'back' ? 'back' : 'to its change'} at the end`
      if (around.owed.size > 0) yield `${run.run}: ${nodeAt(run, position)} ended without ${[...around.owed].join(', ')}`
    }
    const named = new Set(ended.lives.filter(({ outcome }) => LOST.has(outcome)).map(({ planned }) => planned.node))
    const working = new Set(follow(run).hands.filter(({ to }) => to > Date.UTC(9000, 0)).map(({ node }) => node)) // prettier-ignore
    for (const claim of claims.filter((one) => one.run === run.run)) {
      if (!claim.hand) yield `${run.run}: ${claim.node} still counts as out of service after the end`
      else if (!named.has(claim.node)) yield `${run.run}: a hand is still on ${claim.node}, which did not fail`
      else if (!working.has(claim.node)) yield `${run.run}: a hand is still on ${claim.node}, where nothing is open any more`
    }
  }
}

/** By the nodes themselves: whatever a run prepared for a change and did not name as lost serves as it did before. */
function* serveAgain({ runs, serviceBefore, serviceAfter }: Evidence): Generator<string> {
  if (serviceBefore === undefined || serviceAfter === undefined) return
  const lives = runs.flatMap((run) => {
    const taken = new Set(run.facts.flatMap(({ event }) => (preparesNodes(event) ? event.nodes : [])))
    return follow(run).lives.filter(({ position }) => taken.has(position))
  })
  for (const [node, ofNode] of Map.groupBy(lives, ({ planned }) => planned.node)) {
    const named = ofNode.some(({ outcome, around }) => LOST.has(outcome) || outcome === 'open' || around.notBack.size > 0)
    const [before, after] = [serviceBefore.get(node), serviceAfter.get(node)]
    if (!named && before && after) for (const what of differences(before, after)) yield `${node}: ${what}, and no run says so`
  }
}

/** What puts a node back where it serves, or stops it. */
const PUTS_BACK: ReadonlySet<StepName> = new Set<StepName>(['in-service', 'rejoin', 'stop'])

/** By the nodes themselves: nobody is put back while the run's own change still works there, but those of which it says that nothing is known. */
function* backTooEarly({ runs, ledger = [] }: Evidence): Generator<string> {
  const changes = ledger.filter(({ transaction }) => transaction !== null)
  for (const run of runs) {
    const found: string[] = []
    follow(run, (now, { at, event }) => {
      if (event.type !== 'StepIntended' || !PUTS_BACK.has(event.step)) return
      for (const { planned, outcome } of event.nodes.map((position) => now.life(position))) {
        if (LOST.has(outcome)) continue
        const row = changes.find(({ node, token, transaction }) => node === planned.node && token.startsWith(`${run.run}.`) && spans(transaction, at)) // prettier-ignore
        if (row) found.push(`${run.run}: ${planned.node} is put back (${event.step}) at ${iso(at)}, while ${row.token} works there`)
      }
    })
    yield* found
  }
}

const spans = (transaction: LedgerRow['transaction'], at: Instant): boolean =>
  transaction !== null &&
  Date.parse(transaction.startedAt) <= at &&
  (transaction.endedAt === null || at + SKEW_MS < Date.parse(transaction.endedAt))

const LOST: ReadonlySet<Outcome> = new Set(['failed', 'unknown', 'rollback-failed'])

function differences(before: Service, after: Service): string[] {
  return [
    ...(before.up === after.up ? [] : [after.up ? 'it was left running' : 'it was left stopped']),
    ...before.targets.filter((one) => !after.targets.includes(one)).map((one) => `it was left out of ${one}`),
    ...(before.lifecycle === after.lifecycle
      ? []
      : [`it was left ${after.lifecycle ?? 'in no Auto Scaling group'}, it was ${before.lifecycle ?? 'in none'}`]),
  ]
}

/** What may still be appended after the end: late words about commands, and drivers that read them. */
const AFTER_END: ReadonlySet<EventType> = new Set([
  'NodesReported',
  'CommandSent',
  'CommandFound',
  'CommandClosed',
  'CancelDone',
  'DriverTook',
  'SteeringRefused',
  'MessageUnread',
])

/** I13: in calm every run has ended, and what has ended stays so. */
export const itEnds: Checker = function* ({ runs, calm }) {
  for (const run of runs) {
    const end = finishedAt(run)
    const last = run.facts.at(-1)?.event.type ?? 'nothing'
    if (end < 0 && calm) yield `${run.run}: never ended; its last fact is ${last}`
    if (end >= 0)
      for (const { event } of run.facts.slice(end + 1)) if (!AFTER_END.has(event.type)) yield `${run.run}: ${event.type} after the end`
    if ([...each(run, 'RunRequested')].length !== 1) yield `${run.run}: it was not requested exactly once`
  }
}
