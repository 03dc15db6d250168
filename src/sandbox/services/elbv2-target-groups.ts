import { sha256 } from '../../kit/digest.ts'
import { cellKey, type Cell, type NodeId } from '../../kit/ids.ts'
import { type Instant, latest, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FleetTargetGroup } from '../fleet-services.ts'
import { ServiceError } from '../model.ts'
import type { SimulatedNode } from '../nodes/node.ts'

/** How often the load balancer asks a target, and how many good answers in a row it wants. */
export const HEALTH_CHECK = { intervalMs: 10 * SECOND, healthy: 3, unhealthy: 2 } as const
/** A new target is made known to the load balancer's nodes for so long before it is asked the first time. */
const REGISTRATION_MS: Ms = 5 * SECOND

/** A target as DescribeTargetHealth shows it. */
export type TargetState = Readonly<{ node: NodeId; port: number; state: string; reason: string; description: string }>

type Target = { readonly node: SimulatedNode; readonly port: number; readonly registeredAt: Instant; drainingSince: Instant | null }

/** One target group. States are worked out when they are asked for: they follow from the clock and the node alone. */
export class TargetGroup {
  readonly cell: Cell
  readonly name: string
  readonly arn: string
  readonly port: number
  readonly drainMs: Ms
  readonly #clock: Clock
  /** By node and port. */
  readonly #targets = new Map<NodeId, Map<number, Target>>()

  constructor(cell: Cell, { name, port, drainMs }: FleetTargetGroup, clock: Clock) {
    this.cell = { account: cell.account, region: cell.region }
    this.name = name
    this.port = port
    this.drainMs = drainMs
    this.arn = `arn:aws:elasticloadbalancing:${cell.region}:${cell.account}:targetgroup/${name}/${sha256(`${cellKey(cell)} ${name}`).slice(0, 16)}`
    this.#clock = clock
  }

  /** Puts a target in. One that is in stays as it is, one that drains begins anew. */
  register(node: SimulatedNode, port: number, at: Instant = this.#clock.now()): void {
    const found = this.#find(node.node, port)
    if (found?.drainingSince === null) return
    const ports = this.#targets.get(node.node) ?? new Map<number, Target>()
    ports.set(port, { node, port, registeredAt: at, drainingSince: null })
    this.#targets.set(node.node, ports)
  }

  /** Takes a target out: its connections drain. Nothing happens to one that is not in. */
  deregister(node: NodeId, port: number): void {
    const found = this.#find(node, port)
    if (found) found.drainingSince ??= this.#clock.now()
  }

  /** Every target that is in or drains. */
  states(): readonly TargetState[] {
    return [...this.#targets.keys()].flatMap((node) => this.statesOf(node))
  }

  /** The same of one node. */
  statesOf(node: NodeId): readonly TargetState[] {
    return [...(this.#targets.get(node)?.values() ?? [])].flatMap((target) => (this.#isGone(target) ? [] : [this.#stateOf(target)]))
  }

  /** One target, also when it is not in. */
  state(node: NodeId, port: number): TargetState {
    const target = this.#find(node, port)
    return target
      ? this.#stateOf(target)
      : said(node, port, 'unused', 'Target.NotRegistered', 'Target is not registered to the target group')
  }

  #find(node: NodeId, port: number): Target | undefined {
    const target = this.#targets.get(node)?.get(port)
    return target && !this.#isGone(target) ? target : undefined
  }

  /** A terminated instance is taken out by the load balancer itself. */
  #isGone({ node, drainingSince }: Target): boolean {
    return node.state === 'terminated' || (drainingSince !== null && this.#clock.now() >= plus(drainingSince, this.drainMs))
  }

  #stateOf({ node, port, registeredAt, drainingSince }: Target): TargetState {
    const tell = (state: string, reason: string, description: string): TargetState => said(node.node, port, state, reason, description)
    if (drainingSince !== null) return tell('draining', 'Target.DeregistrationInProgress', 'Target deregistration is in progress')
    if (node.state !== 'running') return tell('unused', 'Target.InvalidState', 'Target is in the stopped state')
    if (node.reachability !== 'ok') return tell('unhealthy', 'Target.Timeout', 'Request timed out')
    if (node.health === 'broken') return tell('unhealthy', 'Target.ResponseCodeMismatch', 'Health checks failed with these codes: [503]')
    const now = this.#clock.now()
    const checked = plus(latest(registeredAt, node.upSince), HEALTH_CHECK.intervalMs * HEALTH_CHECK.healthy)
    if (now >= checked) return tell('healthy', '', '')
    if (node.upSince > registeredAt) return tell('unhealthy', 'Target.FailedHealthChecks', 'Health checks failed')
    return now < plus(registeredAt, REGISTRATION_MS)
      ? tell('initial', 'Elb.RegistrationInProgress', 'Target registration is in progress')
      : tell('initial', 'Elb.InitialHealthChecking', 'Initial health checks in progress')
  }
}

const said = (node: NodeId, port: number, state: string, reason: string, description: string): TargetState => ({
  node,
  port,
  state,
  reason,
  description,
})

/** Every target group of a world. */
export class TargetGroups {
  readonly #clock: Clock
  readonly #groups = new Map<string, TargetGroup>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Puts a node into the groups that its fleet group names, `at` being when. */
  admit(node: SimulatedNode, groups: readonly FleetTargetGroup[], at: Instant): void {
    for (const group of groups) this.#ensure(node, group).register(node, group.port, at)
  }

  /** Takes a node out of these groups and gives the longest time that one of them lets it drain. */
  release(node: SimulatedNode, groups: readonly FleetTargetGroup[]): Ms {
    const left = groups.map((spec) => {
      const group = this.#ensure(node, spec)
      group.deregister(node.node, spec.port)
      return group.drainMs
    })
    return Math.max(0, ...left)
  }

  /** Groups of a cell, in the order of their making. */
  of(cell: Cell): readonly TargetGroup[] {
    return [...this.#groups.values()].filter((group) => group.cell.account === cell.account && group.cell.region === cell.region)
  }

  /** The group of this ARN in the caller's cell. */
  find(cell: Cell, arn: string): TargetGroup {
    const group = this.of(cell).find((each) => each.arn === arn)
    if (!group) throw new ServiceError('TargetGroupNotFound', 'One or more target groups not found')
    return group
  }

  /** Where a node stands, for observers. */
  placesOf(node: SimulatedNode): readonly Readonly<{ group: string; port: number; state: string }>[] {
    return this.of(node).flatMap((group) => group.statesOf(node.node).map(({ port, state }) => ({ group: group.name, port, state })))
  }

  #ensure(cell: Cell, spec: FleetTargetGroup): TargetGroup {
    const key = `${cellKey(cell)} ${spec.name}`
    const group = this.#groups.get(key) ?? new TargetGroup(cell, spec, this.#clock)
    this.#groups.set(key, group)
    return group
  }
}
