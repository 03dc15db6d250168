import { known } from '../../kit/assert.ts'
import { cellKey, type Cell, type NodeId } from '../../kit/ids.ts'
import { MINUTE, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FleetTargetGroup } from '../fleet-services.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import type { TargetGroups } from './elbv2-target-groups.ts'

/** Lifecycle states, as DescribeAutoScalingInstances says them. */
export type Lifecycle = 'Pending' | 'InService' | 'EnteringStandby' | 'Standby' | 'Terminating'

/** Leaving and entering service takes at least this long, a launch longer. */
const ENTERING_STANDBY_MS: Ms = 10 * SECOND
const LEAVING_STANDBY_MS: Ms = 20 * SECOND
const LAUNCH_MS: Ms = 45 * SECOND
/** The group's own health check notices a member that does not run after so long. */
const NOTICE_MS: Ms = MINUTE

/** A node in a group, and the target groups that come and go with its service. */
export type Member = { readonly node: SimulatedNode; readonly targetGroups: readonly FleetTargetGroup[]; lifecycle: Lifecycle }

/** One Auto Scaling group. `launching` counts replacements that are not in service yet. */
export type ScalingGroup = {
  readonly cell: Cell
  readonly name: string
  readonly min: number
  readonly max: number
  desired: number
  launching: number
  readonly members: Map<NodeId, Member>
}

type Options = Readonly<{
  clock: Clock
  targets: TargetGroups
  /** Starts another instance like this one; the new one joins by itself. Undefined: the world has ended. */
  launch: (like: SimulatedNode) => SimulatedNode | undefined
  /** Told of a member that is back in service, where it is watched again. */
  returned: (node: SimulatedNode) => void
}>

/** Every Auto Scaling group of a world, with what happens to their members over time. */
export class ScalingGroups {
  readonly #options: Options
  readonly #groups = new Map<string, ScalingGroup>()
  readonly #byNode = new Map<NodeId, ScalingGroup>()

  constructor(options: Options) {
    this.#options = options
  }

  /** Takes a node in as it is launched: at the beginning in service, or in standby when it is stopped; later it is pending for a while. */
  join(
    node: SimulatedNode,
    spec: Readonly<{ name: string; min: number; max: number }>,
    more: Readonly<{ targetGroups: readonly FleetTargetGroup[]; replaces: boolean }>,
  ): void {
    const { account, region } = node
    const key = `${cellKey(node)} ${spec.name}`
    const group = this.#groups.get(key) ?? {
      cell: { account, region },
      ...spec,
      desired: 0,
      launching: 0,
      members: new Map<NodeId, Member>(),
    }
    this.#groups.set(key, group)
    const lifecycle: Lifecycle = more.replaces ? 'Pending' : node.state === 'running' ? 'InService' : 'Standby'
    const member: Member = { node, targetGroups: more.targetGroups, lifecycle }
    group.members.set(node.node, member)
    this.#byNode.set(node.node, group)
    if (more.replaces) void this.#bringIn(group, member)
    else if (lifecycle === 'InService') group.desired += 1
  }

  /** Groups of a cell, in the order of their making. */
  of(cell: Cell): readonly ScalingGroup[] {
    return [...this.#groups.values()].filter((group) => group.cell.account === cell.account && group.cell.region === cell.region)
  }

  /** A node's group and membership. */
  membership(node: NodeId): Readonly<{ group: ScalingGroup; member: Member }> | undefined {
    const group = this.#byNode.get(node)
    const member = group?.members.get(node)
    return group && member && { group, member }
  }

  /** Whether the group would replace this node when it is sick: not while it is out of service. A node without a group is nobody's to spare. */
  spares(node: NodeId): boolean {
    const found = this.membership(node)
    return found !== undefined && found.member.lifecycle !== 'InService'
  }

  /** Takes members out of service. Without `decrement` others are launched for them. */
  enterStandby(group: ScalingGroup, members: readonly Member[], decrement: boolean): void {
    if (decrement) group.desired -= members.length
    for (const member of members) {
      member.lifecycle = 'EnteringStandby'
      const drainMs = this.#options.targets.release(member.node, member.targetGroups)
      void this.#after(Math.max(ENTERING_STANDBY_MS, drainMs), () => {
        if (member.lifecycle === 'EnteringStandby') member.lifecycle = 'Standby'
      })
      if (!decrement) this.#launch(group, member.node)
    }
  }

  /** Puts members back into service. One that does not run then is replaced. */
  exitStandby(group: ScalingGroup, members: readonly Member[]): void {
    group.desired += members.length
    for (const member of members) {
      member.lifecycle = 'Pending'
      void this.#after(LEAVING_STANDBY_MS, () => {
        this.#inService(member)
        if (member.node.state === 'running') this.#options.returned(member.node)
        else this.stopped(member.node.node)
      })
    }
  }

  /** An instance was stopped behind the group's back: a member in service is replaced. */
  stopped(node: NodeId): void {
    const found = this.membership(node)
    if (found?.member.lifecycle !== 'InService') return
    void this.#after(NOTICE_MS, () => {
      if (found.member.lifecycle === 'InService' && found.member.node.state !== 'running') this.replace(node)
    })
  }

  /** Ends a member and launches another one like it. */
  replace(node: NodeId): void {
    const { group, member } = known(this.membership(node), `the group of ${node}`)
    member.lifecycle = 'Terminating'
    this.#options.targets.release(member.node, member.targetGroups)
    member.node.terminate()
    group.members.delete(node)
    this.#byNode.delete(node)
    this.#launch(group, member.node)
  }

  #launch(group: ScalingGroup, like: SimulatedNode): void {
    group.launching += 1
    if (!this.#options.launch(like)) group.launching -= 1
  }

  async #bringIn(group: ScalingGroup, member: Member): Promise<void> {
    await this.#after(LAUNCH_MS, () => {
      this.#inService(member)
      group.launching -= 1
    })
  }

  #inService(member: Member): void {
    if (member.lifecycle !== 'Pending') return
    member.lifecycle = 'InService'
    const { clock, targets } = this.#options
    if (member.node.state === 'running') targets.admit(member.node, member.targetGroups, clock.now())
  }

  async #after(ms: Ms, act: () => void): Promise<void> {
    const { clock } = this.#options
    await clock.sleep(plus(clock.now(), ms))
    act()
  }
}
