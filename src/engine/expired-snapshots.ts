import { eachBounded } from '../kit/bounded.ts'
import { PatchwaveError } from '../kit/error.ts'
import { cellKey, type Cell } from '../kit/ids.ts'
import { readEntry } from '../core/audit/open.ts'
import type { PlanContent } from '../core/plan/plan.ts'
import { fromData } from '../core/run/codec.ts'
import { stepsBefore } from '../core/run/steps.ts'
import type { RunState } from '../core/run/state.ts'
import type { SnapshotSeen } from '../ports/machines.ts'
import type { Store } from '../ports/store.ts'
import type { World } from './world.ts'

/** Deleted in one go: with half of EC2's mutating calls (50 in a burst, then 5 a second) a run is not held up for longer than seconds. */
const DELETED_MAX = 100
const AT_ONCE = 4

/** Whether a run makes copies of its nodes: such runs clear up behind earlier ones. */
export const takesSnapshots = (plan: PlanContent): boolean => stepsBefore(plan, plan.work).includes('snapshot')

/**
 * Deletes snapshots of this cell that bear our tags and are past their end, the oldest first. Never one of a run that has not ended, or that is
 * undone just now. Best effort: what cannot be read or deleted stays for a later run, and is logged.
 */
export async function deleteExpired(
  { world, state, signal }: Readonly<{ world: World; state: RunState; signal: AbortSignal }>,
  cell: Cell,
): Promise<void> {
  try {
    const expired = await expiredIn({ world, signal }, cell, await wantedRuns(world, state))
    await eachBounded(expired, AT_ONCE, ({ snapshot }) => deleted({ world, signal }, cell, snapshot))
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    world.log.warn(`expired snapshots of ${cellKey(cell)}: ${error.message}`)
  }
}

/** Runs whose snapshots may still be needed: also those that this one's rollback, or another one's, goes back to. */
async function wantedRuns({ store, clock }: World, state: RunState): Promise<ReadonlySet<string>> {
  const wanted = new Set([state.run])
  for (const { run } of await clock.hold(() => store.runs({ unfinished: true }))) {
    wanted.add(run)
    const undoes = await clock.hold(() => undoneBy(store, run))
    if (undoes !== null) wanted.add(undoes)
  }
  return wanted
}

/** The run that another one undoes, as its first entry says. */
async function undoneBy(store: Store, run: string): Promise<string | null> {
  for await (const sealed of store.read(run)) {
    const { type, data } = readEntry(sealed)
    const event = fromData(type, data)
    return event.type === 'RunRequested' ? event.undoes : null
  }
  return null
}

async function expiredIn(
  { world, signal }: Readonly<{ world: World; signal: AbortSignal }>,
  cell: Cell,
  wanted: ReadonlySet<string>,
): Promise<readonly SnapshotSeen[]> {
  const expired: SnapshotSeen[] = []
  for await (const one of world.machines.snapshots(cell, {}, signal)) {
    const { deleteAfter, run, node } = one
    if (deleteAfter !== null && deleteAfter <= world.clock.now() && run !== '' && node !== '' && !wanted.has(run)) expired.push(one)
  }
  return expired.sort((a, b) => a.startedAt - b.startedAt).slice(0, DELETED_MAX)
}

/** One that an image was made of, or that somebody has locked, cannot go. */
async function deleted({ world, signal }: Readonly<{ world: World; signal: AbortSignal }>, cell: Cell, snapshot: string): Promise<void> {
  try {
    await world.machines.deleteSnapshot(cell, snapshot, signal)
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    world.log.warn(`${snapshot}: ${error.message}`)
  }
}
