import { recordOf } from '../../src/core/audit/record.ts'
import { verifyChain } from '../../src/core/audit/verify.ts'
import { readPlan } from '../../src/core/plan/make.ts'
import type { PinnedList, Plan } from '../../src/core/plan/plan.ts'
import { OUTCOMES, type EventType, type Fact, type RunEvent } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import { openRun } from '../../src/engine/open.ts'
import { known } from '../../src/kit/assert.ts'
import { instant, iso, type Instant } from '../../src/kit/instant.ts'
import type { Sealed } from '../../src/ports/store.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import type { Stage } from './stage.ts'

/** A run as its journal has it. */
type Recorded = Readonly<{
  run: string
  plan: Plan
  state: RunState
  lists: readonly PinnedList[]
  facts: readonly Fact[]
  entries: readonly Sealed[]
}>

/** All that is known of a night when it is over: journals on this side of the wire, the nodes' own ledger on the other. */
type Evidence = Readonly<{
  runs: readonly Recorded[]
  ledger: readonly LedgerRow[]
  nodes: readonly NodeView[]
  before: ReadonlyMap<string, NodeView>
}>

type Checker = (evidence: Evidence) => Iterable<string>

/** What does not hold on a stage; empty when all does. */
export async function faultsFound(stage: Stage): Promise<string[]> {
  const runs: Recorded[] = []
  for (const run of await stage.runs()) {
    const { state, plan } = await openRun(stage.store, run)
    const pinned = state.lists && (JSON.parse(known(await stage.store.blob(state.lists.digest), 'the lists')) as PinnedList[])
    runs.push({
      run,
      state,
      lists: pinned ?? state.plan.lists,
      plan: readPlan(known(await stage.store.plan(plan.digest), 'the plan')),
      facts: await stage.facts(run),
      entries: await stage.entries(run),
    })
  }
  const evidence: Evidence = { runs, ledger: stage.sandbox.ledger(), nodes: stage.sandbox.nodes(), before: stage.before }
  return Object.entries(CHECKERS).flatMap(([name, check]) => [...check(evidence)].map((fault) => `${name}: ${fault}`))
}

/** Facts of one type, with their instants. */
function* each<T extends EventType>({ facts }: Recorded, type: T): Generator<Extract<RunEvent, { type: T }> & Readonly<{ at: Instant }>> {
  for (const { at, event } of facts) if (event.type === type) yield { ...(event as Extract<RunEvent, { type: T }>), at }
}

const CHECKERS: Readonly<Record<string, Checker>> = {
  'I1 one hand': function* ({ runs }) {
    const hands = runs.flatMap((recorded) => [...handsOf(recorded)])
    for (const [node, ours] of Map.groupBy(hands, (hand) => hand.node)) {
      const sorted = ours.toSorted((a, b) => a.from - b.from)
      for (const [index, hand] of sorted.entries()) {
        const before = sorted[index - 1]
        if (before && hand.from < before.to)
          yield `${node}: ${hand.token} from ${iso(hand.from)}, while ${before.token} lasts to ${iso(before.to)}`
      }
    }
  },
  'I2 disruption': function* ({ runs, ledger, nodes }) {
    const limits = runs.flatMap(({ plan }) => plan.content.groups.filter(({ key }) => key.startsWith('tag:Cluster=')))
    if (
      runs.length === 0 ||
      limits.length === 0 ||
      runs.some(({ plan }) => !plan.content.groups.some(({ key }) => key.startsWith('tag:Cluster=')))
    )
      return
    const atMost = Math.max(...limits.map((limit) => limit.atMost))
    const clusters = new Map(nodes.map(({ node, account, tags }) => [node, `${account} ${tags['Cluster'] ?? node}`]))
    const starts = firstStarts(ledger)
    for (const row of starts) {
      const out = new Set(
        starts
          .filter(
            (one) =>
              clusters.get(one.node) === clusters.get(row.node) && one.startedAt <= row.startedAt && row.startedAt < (one.endedAt ?? '9'),
          )
          .map(({ node }) => node),
      )
      if (out.size > atMost)
        yield `${clusters.get(row.node) ?? ''}: ${String(out.size)} nodes in change at ${row.startedAt}, at most ${String(atMost)}`
    }
  },
  'I3 window': function* ({ runs, ledger }) {
    const starts = new Map<string, Instant>()
    for (const recorded of runs) {
      let window = { opens: instant(0), cutoff: instant(0) }
      let rollingBack = false
      for (const { at, event } of recorded.facts) {
        if (event.type === 'WindowOpened') window = event
        if (event.type === 'RollbackStarted') rollingBack = true
        if (event.type !== 'CommandIntended') continue
        starts.set(`${recorded.run}.${String(event.n)}`, event.startBefore)
        if (
          event.work === 'apply' &&
          recorded.state.plan.work === 'apply' &&
          (at < window.opens || at >= window.cutoff || event.startBefore > window.cutoff)
        )
          yield `intent ${String(event.n)} at ${iso(at)} is outside its window`
        if (event.work === 'rollback' && !rollingBack && recorded.state.plan.work !== 'rollback')
          yield `rollback ${String(event.n)} is not on record as one`
      }
    }
    for (const row of ledger) {
      const limit = starts.get(row.token)
      if (row.transaction !== null && limit !== undefined && row.startedAt >= iso(limit))
        yield `${row.node}: ${row.token} began at ${row.startedAt}, start before ${iso(limit)}`
    }
  },
  'I4 order': function* ({ runs }) {
    for (const recorded of runs) {
      const passed = new Set<number>()
      for (const { event } of recorded.facts) {
        if (event.type === 'GateDecided' && event.verdict === 'pass') passed.add(event.wave)
        if (event.type === 'WaveStarted' && event.wave > 0 && !passed.has(event.wave - 1))
          yield `wave ${event.name} started before the gate ahead of it passed`
      }
    }
  },
  'I5 nobody lost': function* ({ runs }) {
    for (const { state } of runs) {
      if (state.phase.name !== 'finished') continue
      for (const [position, { node }] of state.plan.nodes.entries()) {
        if (OUTCOMES[state.nodes.outcome[position] ?? 0] === 'open' || !state.nodes.reason[position])
          yield `${node} ended without an outcome or a reason`
      }
    }
  },
  'I6 undo': function* ({ runs }) {
    for (const recorded of runs) {
      const first = new Map<number, string>()
      for (const event of each(recorded, 'NodesReported')) {
        for (const [index, position] of event.nodes.entries()) {
          const [before, after, outcome] = [event.before[index] ?? '', event.after[index] ?? '', event.outcomes[index]]
          if (before !== '' && !first.has(position)) first.set(position, before)
          if (outcome === 'rolled-back' && event.reasons[index] === 'restored' && after !== first.get(position))
            yield `${nodeAt(recorded, position)} was rolled back to ${after.slice(0, 8)}, not ${first.get(position)?.slice(0, 8) ?? 'anything known'}`
        }
      }
      yield* newestFirst(recorded)
    }
  },
  'I7 tested only': function* ({ runs, nodes, before }) {
    const tested = new Map<string, Set<string>>()
    for (const { lists } of runs)
      for (const { patches } of lists)
        for (const { name, arch, version } of patches)
          tested.set(`${name}.${arch}`, (tested.get(`${name}.${arch}`) ?? new Set()).add(version))
    for (const { node, packages } of nodes) {
      const old = before.get(node)?.packages
      if (old === undefined) continue
      for (const [key, version] of Object.entries(packages))
        if (old[key] !== version && !tested.get(key)?.has(version)) yield `${node}: ${key} is at ${version}, which nobody tested`
    }
  },
  'I8 once': function* ({ runs, ledger }) {
    const attempts = new Map<string, number>()
    for (const recorded of runs) {
      for (const { n, nodes, work } of each(recorded, 'CommandIntended'))
        if (work !== 'scan') for (const position of nodes) attempts.set(`${nodeAt(recorded, position)} ${recorded.run}.${String(n)}`, 1)
    }
    const transactions = ledger.filter(({ transaction }) => transaction !== null)
    for (const [key, rows] of Map.groupBy(transactions, ({ node, token }) => `${node} ${token}`)) {
      if (rows.length > (attempts.get(key) ?? 0))
        yield `${key}: ${String(rows.length)} transactions for ${String(attempts.get(key) ?? 0)} journalled attempts`
    }
  },
  'I9 journal': function* ({ runs }) {
    for (const { run, entries } of runs) for (const { detail } of verifyChain(run, entries).breaks) yield `${run}: ${detail}`
  },
  'I11 budget': function* ({ runs }) {
    for (const { plan, state, run } of runs) {
      for (const [index, { wave, worstFailures }] of plan.worstCase.entries()) {
        const bad =
          plan.content.waves[index]?.nodes.filter(
            (position) =>
              ['failed', 'unknown'].includes(OUTCOMES[state.nodes.applied[position] ?? 0] ?? '') && state.nodes.reason[position] !== 'gone',
          ) ?? []
        if (state.plan.work === 'apply' && bad.length > worstFailures)
          yield `${run} wave ${wave}: ${String(bad.length)} failed or unknown, printed ${String(worstFailures)}`
      }
    }
  },
  'I14 no cut': function* ({ ledger }) {
    for (const { node, token, exitCode, transaction } of ledger)
      if (transaction?.cut === 'power' && exitCode === 137) yield `${node} ${token}: its transaction was cut by the agent`
  },
}

type Hand = Readonly<{ node: string; token: string; from: Instant; to: Instant }>

/** From an intent until the node spoke, or nothing of the command could be open any more. */
function* handsOf(recorded: Recorded): Generator<Hand> {
  const open = new Map<string, Omit<Hand, 'to'>>()
  const end = function* (n: number, positions: readonly number[], to: Instant): Generator<Hand> {
    for (const position of positions) {
      const key = `${String(n)} ${String(position)}`
      const hand = open.get(key)
      if (hand) yield { ...hand, to }
      open.delete(key)
    }
  }
  const members = new Map<number, readonly number[]>()
  for (const { at, event } of recorded.facts) {
    if (event.type === 'CommandIntended' && event.work !== 'scan') {
      members.set(event.n, event.nodes)
      for (const position of event.nodes)
        open.set(`${String(event.n)} ${String(position)}`, {
          node: nodeAt(recorded, position),
          token: `${recorded.run}.${String(event.n)}`,
          from: at,
        })
    }
    if (event.type === 'NodesReported')
      yield* end(
        event.n,
        event.nodes.filter((_, index) => (event.ended[index] ?? 0) > 0),
        at,
      )
    if (event.type === 'CommandClosed' || event.type === 'CommandRefused') yield* end(event.n, members.get(event.n) ?? [], at)
  }
  for (const hand of open.values()) yield { ...hand, to: instant(Number.MAX_SAFE_INTEGER) }
}

/** Rollback commands name nodes of later waves before nodes of earlier ones. */
function* newestFirst(recorded: Recorded): Generator<string> {
  let lowest = Infinity
  for (const { work, nodes, n } of each(recorded, 'CommandIntended')) {
    if (work !== 'rollback' || recorded.state.plan.work === 'rollback') continue
    const wave = Math.max(...nodes.map((position) => recorded.state.nodes.wave[position] ?? -1))
    if (wave > lowest) yield `command ${String(n)} rolls wave ${String(wave)} back after wave ${String(lowest)}`
    lowest = Math.min(lowest, wave)
    for (const position of nodes)
      if (recorded.state.nodes.touched[position] === 0) yield `${nodeAt(recorded, position)} is rolled back without having been touched`
  }
}

/** The first start of each token on each node: what the engine caused. Later ones are the agent's own. */
function firstStarts(ledger: readonly LedgerRow[]): LedgerRow[] {
  const changes = ledger.filter(({ document }) => document === 'Patchwave-Apply' || document === 'Patchwave-Rollback')
  return [...Map.groupBy(changes, ({ node, token }) => `${node} ${token}`).values()].flatMap(([first]) => first ?? [])
}

const nodeAt = ({ state }: Recorded, position: number): string => known(state.plan.nodes[position], 'the node').node

/** Checks feedback messages against the journal of their run: `n` without holes, the heads that the journal has, and every run told to its end. */
export async function feedbackFaults(stage: Stage, bodies: readonly string[]): Promise<string[]> {
  const found: string[] = []
  const told = new Map<string, Map<number, Readonly<{ seq: number; head: string }>>>()
  for (const body of bodies) {
    const { run, n, seq, head } = JSON.parse(body) as Readonly<{ run: string; n: number; seq: number; head: string }>
    told.set(run, (told.get(run) ?? new Map<number, Readonly<{ seq: number; head: string }>>()).set(n, { seq, head }))
  }
  for (const run of await stage.runs()) {
    const { plan } = await openRun(stage.store, run)
    if (plan.content.feedback === null) continue
    const entries = await stage.entries(run)
    const messages = told.get(run) ?? new Map<number, Readonly<{ seq: number; head: string }>>()
    for (let n = 1; n <= messages.size; n++)
      if (!messages.has(n)) found.push(`I10 told: ${run} has no message ${String(n)} of ${String(messages.size)}`)
    for (const { seq, head } of messages.values())
      if (entries[seq - 1]?.hash !== head) found.push(`I10 told: ${run} message of entry ${String(seq)} carries another head`)
    const seqs = new Set([...messages.values()].map(({ seq }) => seq))
    const last = entries.findLast((entry) => recordOf(entry).type === 'run.finished')
    if (last && !seqs.has(last.seq)) found.push(`I10 told: the end of ${run} was never told`)
  }
  return found
}
