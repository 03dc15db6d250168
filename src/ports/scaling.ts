import type { Cell, NodeId } from '../kit/ids.ts'

/** A node's membership of an Auto Scaling group. `lifecycle` as DescribeAutoScalingInstances says it (`InService`, `Standby`, `EnteringStandby`, `Pending`, `Terminating`, …). */
export type MemberSeen = Readonly<{ node: NodeId; group: string; lifecycle: string }>

/** EC2 Auto Scaling. Groups are named. Throws PatchwaveError `aws.*`. */
export interface Scaling {
  /** The groups of at most 50 nodes; nodes of no group are absent. @looks */
  membersOf(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly MemberSeen[]>
  /**
   * With a lower desired capacity, so that no replacement is started. A member that is not `InService` is refused by AWS (`aws.invalid`), as is one
   * whose group would fall below its minimum size.
   * @effect send into standby: EnterStandby
   * @repeat Reads first: is asked only of members that are in service.
   */
  enterStandby(cell: Cell, group: string, nodes: readonly NodeId[], signal: AbortSignal): Promise<void>
  /**
   * Raises the desired capacity again. A member that is not in `Standby` is refused (`aws.invalid`).
   * @effect bring back from standby: ExitStandby
   * @repeat Reads first: is asked only of members that are in standby.
   */
  exitStandby(cell: Cell, group: string, nodes: readonly NodeId[], signal: AbortSignal): Promise<void>
}
