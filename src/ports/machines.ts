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
  /** StartInstances, at most 50. Safe to repeat: one that runs goes on. */
  start(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<void>
  /** StopInstances, at most 50. Safe to repeat: one that is stopped stays so. */
  stop(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<void>
  /**
   * Begins crash-consistent snapshots of all volumes of a node (CreateSnapshots), tagged with the run (`patchwave:run`), the node
   * (`patchwave:node`), `patchwave:root` and an end (`patchwave:delete-after`). EC2 knows no client token here: a repeat is recognised by
   * looking for the tags of the same run and node first (`snapshots`), which the caller does.
   */
  snapshot(
    cell: Cell,
    node: NodeId,
    tags: Readonly<{ run: string; deleteAfter: Instant }>,
    signal: AbortSignal,
  ): Promise<readonly SnapshotSeen[]>
  /** Snapshots that we took: those of a run, of nodes, or all of the cell. Safe to repeat. */
  snapshots(cell: Cell, of: Readonly<{ run?: string; nodes?: readonly NodeId[] }>, signal: AbortSignal): AsyncIterable<SnapshotSeen>
  /** Safe to repeat: one that is gone is gone. */
  deleteSnapshot(cell: Cell, snapshot: string, signal: AbortSignal): Promise<void>
  /**
   * Replaces a running node's root volume by this snapshot of it (CreateReplaceRootVolumeTask); the node reboots. `token` (at most 64 characters)
   * makes a repeat answer with the same task.
   */
  replaceRoot(cell: Cell, node: NodeId, snapshot: string, token: string, signal: AbortSignal): Promise<RootTaskSeen>
  /** The replacements of at most 50 nodes. Safe to repeat. */
  rootTasks(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly RootTaskSeen[]>
}
