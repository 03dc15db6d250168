import { DeleteMessageBatchCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { openSqliteStore } from '../../src/adapters/sqlite/store.ts'
import { JOURNALS, verifyStore } from '../../src/cli/trail.ts'
import { readEntry } from '../../src/core/audit/open.ts'
import { verifyReport } from '../../src/core/audit/verify.ts'
import { fromData } from '../../src/core/run/codec.ts'
import { OUTCOMES } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import { openRun } from '../../src/engine/open.ts'
import type { RunRow, Sealed, Store } from '../../src/ports/store.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { checkAll } from '../checkers/all.ts'
import type { CloudEvent, Evidence, Packages, RunEvidence } from '../checkers/evidence.ts'
import type { Desk, Ready } from './desk.ts'

/** What a run came to, as its journal, its nodes and its queue tell it. */
export type Result = Readonly<{
  outcome: string | null
  /** By node. */
  outcomes: ReadonlyMap<string, string>
  /** Health, kernel, live patches and packages, a line each, by node. */
  versions: ReadonlyMap<string, string>
  /** `canary: pass`, in order. */
  gates: readonly string[]
  /** Hashes of the journal's entries. */
  entries: ReadonlySet<string>
  /** What may never be, whatever another run came to. */
  faults: readonly string[]
}>

/**
 * Reads all of it; `before` is the fleet as it was. The store is opened by this process: nobody else may drive it now. `tailLost`: entries that
 * were acknowledged are known to be gone, and what was told of them outside is not looked at. `runs` that there should be; the first one counts.
 */
export async function resultOf(desk: Desk, before: readonly NodeView[], { tailLost = false, runs = 1 } = {}): Promise<Result> {
  const after = await desk.nodes()
  const store = await openSqliteStore(desk.store)
  try {
    const rows = await store.runs({ acts: JOURNALS })
    const [row] = rows
    const found = await Promise.all(rows.map((one) => readRun(store, one)))
    const [first] = found
    if (row === undefined || first === undefined) throw new Error('there is no run')
    const anchors = tailLost ? [] : desk.acknowledged()
    const entries = new Set(found.flatMap(({ evidence }) => evidence.entries ?? []).map(({ hash }) => hash))
    const evidence: Evidence = {
      calm: true,
      powerLosses: false,
      runs: found.map((one) => ({ ...one.evidence, anchors: anchors.filter(({ run }) => run === one.evidence.run) })),
      ledger: await desk.ledger(),
      nodesBefore: packagesOf(before),
      nodesAfter: packagesOf(after),
      claims: await store.claims(),
      ...(!tailLost && { feedback: await feedbackOf(desk.ready) }),
    }
    const faults = [
      ...(rows.length === runs ? [] : [`${rows.length} journals`]),
      ...anchors.filter(({ hash }) => !entries.has(hash)).map((one) => `entry ${one.seq} of ${one.run} was acknowledged and is gone`),
      ...(await broken(store, rows)),
      ...checkAll(evidence),
    ]
    return { ...first, outcome: row.outcome, versions: versionsOf(after), entries, faults }
  } finally {
    await store.close()
  }
}

/** Whether the store's run has ended: whoever comes then has nothing to go on with. */
export async function hasEnded(desk: Desk): Promise<boolean> {
  const store = await openSqliteStore(desk.store)
  try {
    return (await store.runs()).some(({ outcome }) => outcome !== null)
  } finally {
    await store.close()
  }
}

/** What one came to and the other did not. */
export function differences(wanted: Result, got: Result): string[] {
  return [
    ...got.faults,
    ...(got.outcome === wanted.outcome ? [] : [`ended ${got.outcome ?? 'not at all'}, not ${wanted.outcome}`]),
    ...(got.gates.join() === wanted.gates.join() ? [] : [`gates ${got.gates.join()}, not ${wanted.gates.join()}`]),
    ...unlike('outcome', wanted.outcomes, got.outcomes),
    ...unlike('versions', wanted.versions, got.versions),
  ]
}

function unlike(what: string, wanted: ReadonlyMap<string, string>, got: ReadonlyMap<string, string>): string[] {
  const all = new Set([...wanted.keys(), ...got.keys()])
  return [...all].flatMap((node) => {
    const [one = 'none', other = 'none'] = [wanted.get(node), got.get(node)]
    return one === other ? [] : [`other ${what} of ${node}: ${unlikeLines(other, one)}, not ${unlikeLines(one, other)}`]
  })
}

/** Lines of one text that the other has not, the first few of them. */
function unlikeLines(text: string, other: string): string {
  const there = new Set(other.split('\n'))
  const own = text.split('\n').filter((line) => !there.has(line))
  return own.length > 3 ? `${own.slice(0, 3).join(' ')} and ${own.length - 3} more` : own.join(' ')
}

/** As `patchwave audit verify` has it, which a run that has ended must pass whole. */
async function broken(store: Store, rows: readonly RunRow[]): Promise<string[]> {
  const report = verifyReport(await verifyStore(store, rows))
  if (!report.ok) return report.breaks.map(({ run, reason, detail }) => `${run}: ${reason}: ${detail}`)
  return report.complete ? [] : ['the record is not complete']
}

async function readRun(store: Store, { run }: RunRow): Promise<Pick<Result, 'outcomes' | 'gates'> & Readonly<{ evidence: RunEvidence }>> {
  const { state, plan } = await openRun(store, run)
  const outcomes = new Map(state.plan.nodes.map(({ node }, position) => [node, outcomeAt(state, position)]))
  const entries: Sealed[] = []
  for await (const entry of store.read(run)) entries.push(entry)
  const facts = entries.map((sealed) => {
    const { at, actor, type, data } = readEntry(sealed)
    return { at, actor, event: fromData(type, data) }
  })
  const gates = facts.flatMap(({ event }) =>
    event.type === 'GateDecided' ? [`${state.plan.waves[event.wave]?.name ?? ''}: ${event.verdict}`] : [],
  )
  return { outcomes, gates, evidence: { run, plan: state.plan, worstCase: plan.worstCase, facts, entries } }
}

/** With the reason, where it is one that should not be. */
function outcomeAt({ nodes }: RunState, position: number): string {
  const outcome = String(OUTCOMES[nodes.outcome[position] ?? -1])
  return outcome === 'patched' || outcome === 'failed' ? outcome : `${outcome}: ${nodes.reason[position] ?? ''}`
}

const packagesOf = (nodes: readonly NodeView[]): ReadonlyMap<string, Packages> => new Map(nodes.map((one) => [one.node, one.packages]))

const versionsOf = (nodes: readonly NodeView[]): ReadonlyMap<string, string> =>
  new Map(
    nodes.map(({ node, packages, kernel, health, livePatches }) => [
      node,
      [health, kernel, ...livePatches, ...Object.entries(packages).map((one) => one.join(' '))].join('\n'),
    ]),
  )

/** Takes what lies in the feedback queue, in order. */
async function feedbackOf({ env, endpoint }: Ready): Promise<readonly CloudEvent[]> {
  const credentials = { accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '' }
  const client = new SQSClient({ endpoint, region: 'us-east-1', credentials })
  const events: CloudEvent[] = []
  try {
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: 'patchwave-feedback.fifo' }))
    for (;;) {
      const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
      if (Messages.length === 0) return events
      events.push(...Messages.map(({ Body = '' }) => JSON.parse(Body) as CloudEvent))
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }))
      await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
    }
  } finally {
    client.destroy()
  }
}
