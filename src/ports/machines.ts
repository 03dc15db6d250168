import type { Cell, NodeId } from '../kit/ids.ts'
import type { Instant } from '../kit/instant.ts'

/** A snapshot of one volume of a node. `state` as EC2 says it. */
export type SnapshotSeen = Readonly<{
  snapshot: string
  node: NodeId
  /** Whether it is of the volume that the node boots from. */
  root: boolean
  state: 'pending' | 'completed' | 'error' | 'recoverable' | 'recovering'
  startedAt: Instant
  /** From our tag: when it may be deleted; null where the tag is missing or not readable. */
  deleteAfter: Instant | null
  /** From our tag: the run that took it. */
  run: string
}>

/** A replacement of a node's root volume. `ended` tells that nothing more comes of it. */
export type RootTaskSeen = Readonly<{ task: string; node: NodeId; state: string; ended: boolean; succeeded: boolean }>

/** What changes EC2 instances and their volumes. Throws PatchwaveError `aws.*`. */
export interface Machines {
  /**
   * At most 50.
   * @effect start: StartInstances
   * @repeat Changes nothing: one that runs goes on. That a node was stopped is on record before it is started.
   */
  start(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<void>
  /**
   * At most 50.
   * @effect stop: StopInstances
   * @repeat Changes nothing: one that is stopped stays so. Only a node that we started is stopped.
   */
  stop(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<void>
  /**
   * Begins crash-consistent snapshots of all volumes of a node (CreateSnapshots), tagged with the run (`patchwave:run`), the node
   * (`patchwave:node`), `patchwave:root` and an end (`patchwave:delete-after`). EC2 knows no client token here: the caller looks first.
   * @effect take snapshots: CreateSnapshots
   * @repeat Those that bear the tags of the run and the node are taken for them. Where EC2 does not show yet what was taken just before a crash,
   * there is one too many; it goes at its end.
   */
  snapshot(
    cell: Cell,
    node: NodeId,
    tags: Readonly<{ run: string; deleteAfter: Instant }>,
    signal: AbortSignal,
  ): Promise<readonly SnapshotSeen[]>
  /** Snapshots that we took: those of a run, of nodes, or all of the cell. @looks */
  snapshots(cell: Cell, of: Readonly<{ run?: string; nodes?: readonly NodeId[] }>, signal: AbortSignal): AsyncIterable<SnapshotSeen>
  /**
   * Deletes one that we took.
   * @effect delete an expired snapshot: DeleteSnapshot
   * @repeat Changes nothing: one that is gone is gone.
   */
  deleteSnapshot(cell: Cell, snapshot: string, signal: AbortSignal): Promise<void>
  /**
   * Replaces a running node's root volume by this snapshot of it (CreateReplaceRootVolumeTask); the node reboots. `token`: at most 64 characters.
   * @effect replace a root volume: CreateReplaceRootVolumeTask
   * @repeat Carries the same client token, made of run, step and node: EC2 answers with the same task.
   */
  replaceRoot(cell: Cell, node: NodeId, snapshot: string, token: string, signal: AbortSignal): Promise<RootTaskSeen>
  /** The replacements of at most 50 nodes. @looks */
  rootTasks(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly RootTaskSeen[]>
}
