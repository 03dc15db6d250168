import { known } from '../../kit/assert.ts'
import { type Instant, plus } from '../../kit/instant.ts'
import { idsFrom } from '../ids.ts'
import type { Service } from '../model.ts'
import { autoScaling } from '../services/auto-scaling.ts'
import { ScalingGroups } from '../services/auto-scaling-groups.ts'
import { ec2 } from '../services/ec2.ts'
import { power } from '../services/ec2-power.ts'
import { RootVolumes } from '../services/ec2-root-volumes.ts'
import { Snapshots } from '../services/ec2-snapshots.ts'
import { elbv2 } from '../services/elbv2.ts'
import { TargetGroups } from '../services/elbv2-target-groups.ts'
import { hits } from './chance.ts'
import type { SimulatedFleet } from './fleet.ts'
import { successor } from './generate.ts'
import type { Birth } from './birth.ts'
import { SimulatedNode } from './node.ts'
import { refreshed } from './real-order.ts'
import type { Surroundings } from './surroundings.ts'

/** Services that stand around instances. */
export type EstateServices = Readonly<Record<'ec2' | 'elasticloadbalancing' | 'autoscaling', Service>>

/** Where a node stands behind load balancers and in Auto Scaling. */
export type Standing = Readonly<{
  targets: readonly Readonly<{ group: string; port: number; state: string }>[]
  autoScaling: Readonly<{ group: string; lifecycle: string }> | null
}>

/** The instances of a world as EC2 keeps them: launches, power, volumes, target groups, Auto Scaling groups. */
export class Estate {
  readonly services: EstateServices
  readonly #around: Surroundings
  readonly #fleet: SimulatedFleet
  readonly #targets: TargetGroups
  readonly #scaling: ScalingGroups
  /** How many were started in place of a node. */
  readonly #successors = new Map<string, number>()
  #over = false

  constructor(around: Surroundings, fleet: SimulatedFleet) {
    const { clock, seed } = around
    this.#around = around
    this.#fleet = fleet
    this.#targets = new TargetGroups(clock)
    this.#scaling = new ScalingGroups({
      clock,
      targets: this.#targets,
      launch: (like) => (this.#over ? undefined : this.#succeed(like)),
      returned: (node) => {
        if (isSick(node)) void this.replace(node)
      },
    })
    const snapshots = new Snapshots({ clock, ids: idsFrom(seed, 'snapshots'), fleet })
    const roots = new RootVolumes({ clock, ids: idsFrom(seed, 'root-volumes'), fleet, snapshots, real: around.real !== null })
    this.services = {
      ec2: {
        ...ec2(fleet),
        ...power({
          fleet,
          stopped: (node) => {
            this.#stopped(node)
          },
          started: (node) => {
            this.#started(node)
          },
        }),
        ...snapshots.operations(),
        ...roots.operations(),
      },
      elasticloadbalancing: elbv2({ fleet, groups: this.#targets }),
      autoscaling: autoScaling({ groups: this.#scaling, clock, ids: idsFrom(seed, 'activities') }),
    }
  }

  /** Nothing is launched any more. */
  end(): void {
    this.#over = true
  }

  /** A node of the fleet file: it has been where it stands since it was launched. */
  place(birth: Birth): void {
    const node = this.#launch(birth)
    if (birth.autoScaling) this.#scaling.join(node, birth.autoScaling, { targetGroups: birth.targetGroups, replaces: false })
    if (!this.#scaling.spares(birth.node)) this.#targets.admit(node, birth.targetGroups, birth.launchedAt)
  }

  standingOf(node: SimulatedNode): Standing {
    const found = this.#scaling.membership(node.node)
    return {
      targets: this.#targets.placesOf(node),
      autoScaling: found ? { group: found.group.name, lifecycle: found.member.lifecycle } : null,
    }
  }

  /** As the faults have it, a sick node is ended after a while and another one started from the same image; one in standby is spared. */
  async replace(node: SimulatedNode): Promise<void> {
    const { clock, faults, seed } = this.#around
    const { replace, seed: drawn } = faults()
    if (!hits(replace.share, drawn, 'replace', node.node)) return
    await clock.sleep(plus(clock.now(), replace.afterMs))
    if (this.#over || node.state !== 'running' || !isSick(node) || this.#scaling.spares(node.node)) return
    if (this.#scaling.membership(node.node)) {
      this.#scaling.replace(node.node)
      return
    }
    node.terminate()
    this.place(successor(node.birth, seed, clock.now()))
  }

  #stopped(node: SimulatedNode): void {
    const { real, clock } = this.#around
    this.#scaling.stopped(node.node)
    if (real) void clock.hold(async () => (await real.agent(node)).powerCut())
  }

  #started(node: SimulatedNode): void {
    const { real, clock } = this.#around
    if (!real) return
    void clock.hold(async () => {
      await (await real.agent(node)).boots()
      await refreshed(node, real)
    })
  }

  #succeed(like: SimulatedNode): SimulatedNode {
    const { clock, seed } = this.#around
    const earlier = this.#successors.get(like.node) ?? 0
    this.#successors.set(like.node, earlier + 1)
    const now: Instant = clock.now()
    const birth = successor(like.birth, seed, now, earlier)
    const node = this.#launch(birth)
    const group = known(birth.autoScaling, `the Auto Scaling group of ${like.node}`)
    this.#scaling.join(node, group, { targetGroups: birth.targetGroups, replaces: true })
    return node
  }

  #launch(birth: Birth): SimulatedNode {
    const node = new SimulatedNode(birth, this.#around)
    this.#fleet.add(node)
    return node
  }
}

const isSick = (node: SimulatedNode): boolean => node.health !== 'healthy' || node.reachability !== 'ok'
