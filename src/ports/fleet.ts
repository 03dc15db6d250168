import type { ImageSeen, NodeSeen } from '../core/plan/fleet.ts'
import type { PatchDataSeen, PatchSeen } from '../core/plan/patch-manager.ts'
import type { Cell, NodeId } from '../kit/ids.ts'

export type { ImageSeen, NodeSeen } from '../core/plan/fleet.ts'
export type { PatchDataSeen, PatchSeen } from '../core/plan/patch-manager.ts'

/** EC2's reachability verdicts of one node. `unknown` is what cannot be read (initialising, insufficient data, not listed). `state` is null for what EC2 does not list. */
export type StatusSeen = Readonly<{ node: NodeId; verdict: 'ok' | 'impaired' | 'unknown'; detail: string; state: NodeSeen['state'] | null }>

/** Reads nodes. Throws PatchwaveError `aws.*`. */
export interface Fleet {
  /** Every managed node of the cell: SSM's list joined with EC2's. Pages are fetched as they are used up. @looks */
  census(cell: Cell, signal: AbortSignal): AsyncIterable<NodeSeen>
  /** At most 50 nodes as they are now. Those that are gone are absent. @looks */
  look(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly NodeSeen[]>
  /** Images that exist still; absent ones may have been deregistered while nodes run on them. @looks */
  images(cell: Cell, amis: readonly string[], signal: AbortSignal): Promise<readonly ImageSeen[]>
  /** At most 100 nodes. @looks */
  status(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly StatusSeen[]>
  /** What Patch Manager last recorded as missing on one node, or as failed to install there. @looks */
  missing(cell: Cell, node: NodeId, signal: AbortSignal): AsyncIterable<PatchSeen>
  /** Who wrote Patch Manager's data of these nodes last, and when; 50 a call. Nodes that were never scanned are absent. @looks */
  patchData(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): AsyncIterable<PatchDataSeen>
}
