import { known } from '../../kit/assert.ts'
import { sha256 } from '../../kit/digest.ts'
import { cellOf, type NodeId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Outcome } from '../../core/run/event.ts'
import { thingKey } from '../../core/run/evolve-steps.ts'
import type { Step } from '../../core/run/parts.ts'
import { planned, type RunState } from '../../core/run/state.ts'
import type { RootTaskSeen, SnapshotSeen } from '../../ports/machines.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { openRun } from '../open.ts'
import { changedSince } from './later-runs.ts'
import { isBack } from './power.ts'
import { stepEnded, type StepResult } from './step.ts'
import { goneResult, idsOf, lookAt, mayPass, polled, tried } from './trying.ts'

/**
 * Boots each node from the copy of its root volume that was taken before its first change. A node without one (`no-snapshot`), and one that
 * another run has changed since (`changed-since`), is left as it is.
 */
export async function* replaceRoot(performing: Performing, step: Step): Found {
  const { world, state, signal } = performing
  const fresh = step.nodes.filter((position) => !step.found.has(position))
  if (fresh.length > 0) {
    const roots = await tried({ world, signal, until: step.until, patient: false }, () => rootsOf(performing, step, fresh))
    const rootOf = (position: number): SnapshotSeen | undefined => (roots.ok ? roots.value.get(planned(state, position).node) : undefined)
    const later = await changedSince(performing, new Map(fresh.flatMap((position) => entryOf(state, position, rootOf(position)))))
    const left = fresh.filter(
      (position) => later === undefined || rootOf(position) === undefined || later.has(planned(state, position).node),
    )
    const reasonOf = (position: number): string => {
      if (!roots.ok || later === undefined) return 'root-not-replaced'
      return rootOf(position) === undefined ? 'no-snapshot' : 'changed-since'
    }
    if (left.length > 0)
      yield [
        stepEnded(
          step,
          left.map((position) => failed(position, reasonOf(position))),
        ),
      ]
    const nodes = fresh.filter((position) => !left.includes(position))
    if (nodes.length > 0)
      yield [{ type: 'StepFound', id: step.id, nodes, things: nodes.map((position) => rootOf(position)?.snapshot ?? '') }]
  }
  const tasks = new Map<number, Replacing>()
  yield* polled(
    performing,
    step,
    step.nodes.filter((position) => step.found.has(position)),
    (nodes) => replaced(performing, step, nodes, tasks),
    (position) => failed(position, tasks.has(position) ? 'not-online' : 'root-not-replaced'),
  )
}

const ended = (position: number, outcome: Outcome, reason: string): StepResult => ({
  position,
  done: outcome === 'rolled-back',
  outcome,
  reason,
})

const failed = (position: number, reason: string): StepResult => ended(position, 'rollback-failed', reason)

const entryOf = (state: RunState, position: number, root: SnapshotSeen | undefined): [NodeId, SnapshotSeen['startedAt']][] =>
  root === undefined ? [] : [[planned(state, position).node, root.startedAt]]

/**
 * By node the root snapshot that the run which is undone has put on record before the node's first change: an older one, of a round that came to
 * nothing, would take back what the node has done since. Without a record the oldest: a later one may hold what is to be undone.
 */
async function rootsOf(performing: Performing, step: Step, positions: readonly number[]): Promise<Map<NodeId, SnapshotSeen>> {
  const { world, state, signal } = performing
  const run = state.plan.undoes ?? state.run
  const named = await namedOf(performing, positions)
  const roots = new Map<NodeId, SnapshotSeen>()
  for await (const one of world.machines.snapshots(cellOf(step.cell), { run, nodes: idsOf(state, positions) }, signal)) {
    const before = roots.get(one.node)
    const isMeant = named.get(one.node)?.includes(one.snapshot) ?? true
    if (one.root && isMeant && (before === undefined || one.startedAt < before.startedAt)) roots.set(one.node, one)
  }
  for (const [node, { state: word }] of roots) if (word !== 'completed' && word !== 'pending') roots.delete(node)
  return roots
}

/** The ids of the copies on record, by node. The plan of a run that undoes another one has that one's nodes in its order. */
async function namedOf({ world, state }: Performing, positions: readonly number[]): Promise<ReadonlyMap<NodeId, readonly string[]>> {
  const { undoes } = state.plan
  const { things } = undoes === null ? state : (await world.clock.hold(() => openRun(world.store, undoes))).state
  return new Map(
    positions.flatMap((position): [NodeId, readonly string[]][] => {
      const ids = things.get(thingKey(position, 'snapshot'))
      return ids === undefined ? [] : [[planned(state, position).node, ids.split(',')]]
    }),
  )
}

/** The id of a replacement, and when it was first seen to have succeeded: a ping from before that may be one of the old system. */
type Replacing = { readonly task: string; doneAt?: Instant }

/** `tasks`: the replacements that EC2 has taken. A repeat of the call, also after a crash, is answered with the same one. */
async function replaced(
  performing: Performing,
  step: Step,
  left: readonly number[],
  tasks: Map<number, Replacing>,
): Promise<readonly StepResult[]> {
  const { world, state, signal } = performing
  const results: StepResult[] = []
  for (const position of left) if (!tasks.has(position)) results.push(...(await begun(performing, step, position, tasks)))
  const waiting = left.filter((position) => tasks.has(position))
  if (waiting.length === 0) return results
  const trying = { world, signal, until: step.until, patient: true }
  const seen = await tried(trying, () => world.machines.rootTasks(cellOf(step.cell), idsOf(state, waiting), signal))
  const nodes = await tried(trying, () => lookAt(performing, step, waiting))
  if (!seen.ok || !nodes.ok) return results
  const byId = new Map(seen.value.map((task) => [task.task, task]))
  return [
    ...results,
    ...waiting.flatMap((position): StepResult[] => {
      const now = nodes.value.get(position)
      if (now === undefined) return [goneResult(state, step, position)]
      const replacing = known(tasks.get(position), 'the replacement')
      const task: RootTaskSeen | undefined = byId.get(replacing.task)
      if (task?.ended !== true) return []
      if (!task.succeeded) return [failed(position, 'root-not-replaced')]
      const doneAt = (replacing.doneAt ??= world.clock.now())
      return isBack(now, doneAt) ? [ended(position, 'rolled-back', 'root-replaced')] : []
    }),
  ]
}

/** Asks for one replacement. A snapshot that is still being copied is waited for. */
async function begun(
  { world, state, signal }: Performing,
  step: Step,
  position: number,
  tasks: Map<number, Replacing>,
): Promise<readonly StepResult[]> {
  const { node } = planned(state, position)
  const snapshot = step.found.get(position) ?? ''
  const once = await tried({ world, signal, until: world.clock.now(), patient: false }, () =>
    world.machines.replaceRoot(cellOf(step.cell), node, snapshot, clientToken(state.run, step.id, node), signal),
  )
  if (once.ok) {
    tasks.set(position, { task: once.value.task })
    return []
  }
  return mayPass(once.error) ? [] : [failed(position, 'root-not-replaced')]
}

/** EC2 takes at most 64 ASCII characters. */
const TOKEN_CHARACTERS_MAX = 64

function clientToken(run: string, id: number, node: NodeId): string {
  const token = `${run}.${String(id)}.${node}`
  return token.length <= TOKEN_CHARACTERS_MAX ? token : sha256(token)
}
