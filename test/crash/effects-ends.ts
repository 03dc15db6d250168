import { assert } from '../../src/kit/assert.ts'
import { cellKey, cellOf, type Cell } from '../../src/kit/ids.ts'
import { OUTCOMES } from '../../src/core/run/event.ts'
import { openRun } from '../../src/engine/open.ts'
import type { World } from '../../src/engine/world.ts'
import { faultsFound } from '../scenarios/holds.ts'
import type { Stage } from '../scenarios/stage.ts'
import type { End } from './effects-play.ts'

const NEVER = new AbortController().signal

/** What every night of runs is compared by; checkers find nothing in any of them. */
export async function endOfRuns(stage: Stage): Promise<End> {
  const bodies = await stage.feedback()
  const rows = await stage.store.runs()
  const runs: unknown[] = []
  const nodes: Readonly<Record<string, string>>[] = []
  const notes: number[] = []
  for (const { run, runbook, act, outcome } of rows) {
    runs.push(`${runbook} ${act} ${outcome ?? 'open'}`)
    nodes.push(await nodesOf(stage, run))
    notes.push((await stage.store.notes(run, 100)).length)
  }
  const views = stage.sandbox.nodes()
  return {
    runs,
    nodes,
    notes,
    outcomes: [...new Set(nodes.flatMap((some) => Object.values(some)))].sort(),
    packages: Object.fromEntries(views.map((view) => [view.node, view.packages])),
    serving: views.map(({ node, state, targets, autoScaling }) => [node, state, targets, autoScaling?.lifecycle]),
    changes: changesOf(stage),
    most: mostOf(changesOf(stage)),
    claims: await stage.store.claims(),
    told: tellings(bodies),
    faults: await faultsFound(stage, { calm: true, powerLosses: false, bodies }),
  }
}

async function nodesOf(stage: Stage, run: string): Promise<Readonly<Record<string, string>>> {
  const { state } = await openRun(stage.store, run)
  assert(state.phase.name === 'finished', `run ${run} has not ended`)
  const nodes = state.plan.nodes.map(({ node }, position): [string, string] => [
    node,
    `${OUTCOMES[state.nodes.outcome[position] ?? 0] ?? ''} ${state.nodes.reason[position] ?? ''}`,
  ])
  return Object.fromEntries(nodes)
}

type Changes = Readonly<Record<string, readonly [commands: number, transactions: number]>>

/** For each node and document that changes nodes: how many commands there were, and how many transactions. */
function changesOf(stage: Stage): Changes {
  const rows = stage.sandbox.ledger().filter(({ document }) => !READS.has(document))
  const counts = [...Map.groupBy(rows, ({ node, document }) => `${node} ${document}`)].map(([key, some]) => {
    const commands = new Set(some.map(({ commandId }) => commandId)).size
    return [key, [commands, some.filter(({ transaction }) => transaction !== null).length] as const] as const
  })
  return Object.fromEntries(counts.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** For each document the most commands and transactions that any node has seen. */
function mostOf(changes: Changes): Changes {
  const most: Record<string, readonly [number, number]> = {}
  for (const [key, [commands, transactions]] of Object.entries(changes)) {
    const document = key.slice(key.indexOf(' ') + 1)
    const [before, others] = most[document] ?? [0, 0]
    most[document] = [Math.max(before, commands), Math.max(others, transactions)]
  }
  return most
}

/** Documents that only read: how often a node is asked depends on when. */
const READS: ReadonlySet<string> = new Set(['Check', 'Fetch', 'Scan', 'Verify'].map((name) => `Patchwave-${name}`))

/** Whether anything was published, how often a message came more than once, and how many numbers are missing before the last. */
function tellings(bodies: readonly string[]): Readonly<{ any: boolean; doubled: number; missing: number }> {
  const ids = bodies.map((body) => JSON.parse(body) as { subject: string; n: number })
  const last = [...Map.groupBy(ids, ({ subject }) => subject).values()].map((some) => Math.max(...some.map(({ n }) => n)))
  const distinct = new Set(ids.map(({ subject, n }) => `${subject}/${String(n)}`)).size
  return { any: ids.length > 0, doubled: ids.length - distinct, missing: last.reduce((sum, n) => sum + n, 0) - distinct }
}

/** How often AWS did what was asked, by operation: `ssm.PutParameter`. */
export function doneBy(stage: Stage, operations: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    operations.map((operation) => {
      const rows = stage.sandbox.calls().filter(({ call }) => call === operation)
      return [operation, rows.reduce((sum, { count, throttled, failed }) => sum + count - throttled - failed, 0)]
    }),
  )
}

/**
 * The baselines that lie in the control account: the labels of each version of their manifests, and which parts were written more than once. How
 * many parts there are depends on when it was tested.
 */
export async function baselinesOf(stage: Stage): Promise<End> {
  const { world } = await stage.start()
  const manifests: (readonly string[])[][] = []
  const rewritten: string[] = []
  for await (const { path } of world.parameters.below(world.home, '/', NEVER)) {
    const versions: (readonly string[])[] = []
    for await (const { labels } of world.parameters.history(world.home, path, NEVER)) versions.push(labels)
    if (path.endsWith('/manifest')) manifests.push(versions)
    else if (versions.length > 1) rewritten.push(path)
  }
  return { manifests, rewritten }
}

/** Whose snapshots there are, by the place of their run among the runs of the store. */
export async function snapshotsOf(stage: Stage): Promise<readonly string[]> {
  const { world } = await stage.start()
  const runs = await stage.runs()
  const found: string[] = []
  for (const cell of cellsOf(stage))
    for await (const { node, root, run } of world.machines.snapshots(cell, {}, NEVER))
      found.push(`${node} ${root ? 'root' : 'data'} of run ${String(runs.indexOf(run))}`)
  return found.sort()
}

/** How many replacements of root volumes each node has seen. */
export async function rootTasksOf(stage: Stage): Promise<Readonly<Record<string, number>>> {
  const { world } = await stage.start()
  const nodes = stage.sandbox.nodes().map(({ node }) => node)
  const tasks = (await Promise.all(cellsOf(stage).map((cell) => world.machines.rootTasks(cell, nodes, NEVER)))).flat()
  return Object.fromEntries([...Map.groupBy(tasks, ({ node }) => node)].map(([node, some]) => [node, some.length]))
}

/** Bodies of the messages that lie in a queue of the control account. */
export async function messagesIn(world: World, queue: string): Promise<readonly string[]> {
  const bodies: string[] = []
  for (;;) {
    const messages = await world.queue.receive(world.home, queue, 0, NEVER)
    if (messages.length === 0) return bodies.sort()
    bodies.push(...messages.map(({ body }) => body))
    const receipts = messages.map(({ receipt }) => receipt)
    await world.queue.remove(world.home, queue, receipts, NEVER)
  }
}

function cellsOf(stage: Stage): readonly Cell[] {
  return [...new Set(stage.sandbox.nodes().map((view) => cellKey(view)))].map((key) => cellOf(key))
}
