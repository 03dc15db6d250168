import { mapBounded } from '../../kit/bounded.ts'
import type { PatchwaveError } from '../../kit/error.ts'
import { cellOf, type NodeId } from '../../kit/ids.ts'
import { DAY, MINUTE, plus, type Ms } from '../../kit/instant.ts'
import { thingKey } from '../../core/run/evolve-steps.ts'
import type { Step } from '../../core/run/parts.ts'
import { isFresh } from '../../core/run/standing.ts'
import { at, planned, type RunState } from '../../core/run/state.ts'
import type { SnapshotSeen } from '../../ports/machines.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { stepEnded, type StepResult } from './step.ts'
import { idsOf, prevented, tried } from './trying.ts'

/** How long a snapshot is kept that only a rollback by root volume needs: a rollback of a finished run is wanted within days. */
export const KEEP_MS: Ms = 7 * DAY

/** CreateSnapshots refills five a second in an account and Region (EC2 API throttling). */
const AT_ONCE = 5

/**
 * Takes a copy of each node before its first change. What it holds is fixed when EC2 has answered; the copying goes on while the node is
 * changed. A node that was changed before in this run keeps the copy of then; one that was only prepared, perhaps in a window weeks ago, gets a new
 * one: it has served since. Where none can be taken the node is skipped (`snapshot-failed`).
 */
export async function* snapshot(performing: Performing, step: Step): Found {
  const { world, state, signal } = performing
  const nodes = step.nodes.filter((position) => !step.found.has(position))
  const earlier = await tried({ world, signal, until: step.until, patient: false }, () => takenOf(performing, step, idsOf(state, nodes)))
  const results: StepResult[] = step.nodes.filter((position) => step.found.has(position)).map(taken)
  const found = new Map<number, string>()
  const work = (position: number): Promise<Taken> =>
    earlier.ok ? take(performing, step, position, earlier.value) : Promise.resolve({ position, things: '', error: earlier.error })
  for await (const { position, things, error } of mapBounded(nodes, AT_ONCE, work)) {
    if (things !== '') found.set(position, things)
    results.push(things === '' ? prevented(step, position, 'snapshot-failed', error) : taken(position))
  }
  if (found.size > 0) yield [{ type: 'StepFound', id: step.id, nodes: [...found.keys()], things: [...found.values()] }]
  yield [stepEnded(step, results)]
}

const taken = (position: number): StepResult => ({ position, done: true, reason: 'snapshot' })

/** `things`: ids of the snapshots, separated by commas; `''`: there is none. */
type Taken = Readonly<{ position: number; things: string; error?: PatchwaveError }>

async function take(
  { world, state, signal }: Performing,
  step: Step,
  position: number,
  earlier: ReadonlyMap<NodeId, readonly SnapshotSeen[]>,
): Promise<Taken> {
  const { node } = planned(state, position)
  const known = stillGood(state, step, position, earlier.get(node) ?? [])
  if (known.length > 0) return { position, things: textOf(known) }
  if (at(state.nodes.touched, position) === 1) return { position, things: '' }
  const tags = { run: state.run, deleteAfter: plus(world.clock.now(), state.plan.runbook.backup?.keepMs ?? KEEP_MS) }
  const made = await tried({ world, signal, until: step.until, patient: false }, () =>
    world.machines.snapshot(cellOf(step.cell), node, tags, signal),
  )
  if (!made.ok) return { position, things: '', error: made.error }
  return { position, things: made.value.every(isUsable) ? textOf(made.value) : '' }
}

/** The clock of this host, and AWS's, by which a copy is dated, may differ by half as much. */
const SKEW_MS: Ms = MINUTE

/** Of the copies that this run has of a node: those from before its first change; before that, those that this very step has taken. */
function stillGood(state: RunState, step: Step, position: number, known: readonly SnapshotSeen[]): readonly SnapshotSeen[] {
  if (isFresh(state, position)) return known.filter(({ startedAt }) => startedAt >= plus(step.intendedAt, -SKEW_MS))
  const named = state.things.get(thingKey(position, 'snapshot'))?.split(',')
  return named === undefined ? known : known.filter(({ snapshot }) => named.includes(snapshot))
}

const textOf = (snapshots: readonly SnapshotSeen[]): string => snapshots.map((one) => one.snapshot).join(',')

const isUsable = ({ state }: SnapshotSeen): boolean => state === 'pending' || state === 'completed'

/** What this run has taken already, by node. */
async function takenOf({ world, state, signal }: Performing, step: Step, nodes: readonly NodeId[]): Promise<Map<NodeId, SnapshotSeen[]>> {
  const seen: SnapshotSeen[] = []
  for await (const one of world.machines.snapshots(cellOf(step.cell), { run: state.run, nodes }, signal)) if (isUsable(one)) seen.push(one)
  return Map.groupBy(seen, (one) => one.node)
}
