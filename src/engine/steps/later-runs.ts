import { PatchwaveError } from '../../kit/error.ts'
import type { NodeId } from '../../kit/ids.ts'
import { DAY, type Instant, type Ms } from '../../kit/instant.ts'
import { CHANGED } from '../../core/run/steps.ts'
import { at, planned, type RunState } from '../../core/run/state.ts'
import type { RunRow } from '../../ports/store.ts'
import type { Performing } from '../effects/perform.ts'
import { openRun } from '../open.ts'

/** A run may wait for its window and go on from window to window; one that ended and was requested longer before an instant changed nothing after it. */
const LASTS_MS: Ms = 60 * DAY

/**
 * Those of these nodes that another run of this store may have changed after the instant beside them. A copy of the root volume from before would
 * undo that run's work as well. `undefined`: some journal cannot be read, so nobody can tell. Reads journals: for the rare rollback, not for
 * the loop.
 */
export async function changedSince(
  { world, state }: Pick<Performing, 'world' | 'state'>,
  since: ReadonlyMap<NodeId, Instant>,
): Promise<ReadonlySet<NodeId> | undefined> {
  const { store, clock } = world
  const changed = new Set<NodeId>()
  if (since.size === 0) return changed
  const first = Math.min(...since.values())
  const own = new Set([state.run, state.plan.undoes ?? state.run])
  const rows = await clock.hold(() => store.runs())
  const mayHave = ({ run, outcome, requestedAt }: RunRow): boolean => !own.has(run) && (outcome === null || requestedAt >= first - LASTS_MS)
  for (const { run } of rows.filter(mayHave)) {
    const other = await opened({ world }, run)
    if (other === undefined) return undefined
    if (other.plan.undoes !== null && own.has(other.plan.undoes)) continue
    for (const { node, startedAt } of changesOf(other)) {
      const from = since.get(node)
      if (from !== undefined && startedAt >= from) changed.add(node)
    }
  }
  return changed
}

async function opened({ world }: Pick<Performing, 'world'>, run: string): Promise<RunState | undefined> {
  try {
    return (await world.clock.hold(() => openRun(world.store, run))).state
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    world.log.warn(`run ${run}: ${error.code}: ${error.message}`)
    return undefined
  }
}

type Change = Readonly<{ node: NodeId; startedAt: Instant }>

/** What a run may have done to nodes. When it replaced a root volume, or turned live patching on, is not known any more: at its end at the latest. */
export function* changesOf(state: RunState): Generator<Change> {
  for (const { work, phase, nodes, intendedAt } of state.commands.values())
    if (work !== 'scan' && phase !== 'refused')
      for (const position of nodes) yield { node: planned(state, position).node, startedAt: intendedAt }
  for (let position = 0; position < state.nodes.count; position++)
    if (at(state.nodes.changed, position) === CHANGED.rootReplaced || isLivePatchedLast(state, position))
      yield { node: planned(state, position).node, startedAt: state.at }
}

/** Live patches were its last change. Where a command followed them, they are older than that. */
function isLivePatchedLast({ livePatched, commands, nodes }: RunState, position: number): boolean {
  if (!livePatched.has(position)) return false
  const command = commands.get(at(nodes.command, position))
  return command === undefined || command.phase === 'refused' || nodes.reason[position]?.startsWith('livepatch-') === true
}
