import type { Cell, NodeId } from '../kit/ids.ts'

/** One place of a node behind a load balancer: a target group and the port under which the node stands there. */
export type Target = Readonly<{ group: string; node: NodeId; port: number }>

/** How ELBv2 sees a target; `state` as DescribeTargetHealth says it, `absent` for one that is not registered any more. */
export type TargetSeen = Target &
  Readonly<{
    state: 'initial' | 'healthy' | 'unhealthy' | 'unhealthy.draining' | 'unused' | 'draining' | 'unavailable' | 'absent'
    /** ELBv2's reason code, `''` where it gives none. */
    reason: string
  }>

/** ELBv2 target groups. Groups are named by ARN. Throws PatchwaveError `aws.*`. */
export interface Balancers {
  /** Where these nodes stand, in all target groups of the cell whose targets are instances; those that are draining already count too. @looks */
  targetsOf(cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly TargetSeen[]>
  /** These targets as they are now, those that are gone as `absent`. @looks */
  health(cell: Cell, targets: readonly Target[], signal: AbortSignal): Promise<readonly TargetSeen[]>
  /**
   * Takes targets out: connections drain for as long as the group says.
   * @effect take out of target groups: DeregisterTargets
   * @repeat Changes nothing: who is out stays out. Which groups a node was in is on record before.
   */
  deregister(cell: Cell, targets: readonly Target[], signal: AbortSignal): Promise<void>
  /**
   * Puts targets back.
   * @effect put back into target groups: RegisterTargets
   * @repeat Changes nothing: who is in stays in.
   */
  register(cell: Cell, targets: readonly Target[], signal: AbortSignal): Promise<void>
  /** For each group how long it lets connections drain, in whole seconds (`deregistration_delay.timeout_seconds`). @looks */
  drainSeconds(cell: Cell, groups: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>>
}
