import { isGone, type NodeSeen } from './fleet.ts'
import { groupKeysOf } from './groups.ts'
import { known } from '../../kit/assert.ts'
import type { NodeId } from '../../kit/ids.ts'
import { roundedDown } from './amount.ts'
import type { PlanContent, PlannedNode } from './plan.ts'
import { hindrance, isStopped, rolloutNodes, startsNodes, type Names } from './select.ts'

/** How the fleet differs from the one that the plan was made from. `refused` and `beyond` each forbid to go on with the plan. */
export type Drift = Readonly<{
  refused: readonly Readonly<{ node: NodeId; what: 'image' | 'cell' | 'zone' | 'group' }>[]
  listed: Readonly<{ gone: readonly NodeId[]; new: readonly NodeId[]; stopped: readonly NodeId[] }>
  /** More of the plan's nodes are gone, new or stopped than `drift` allows. */
  beyond: boolean
}>

/**
 * Compares the plan with the fleet as it is now. Nodes that the plan skips matter only where they moved. New nodes are counted when a wave takes
 * the `rest`: without one, a plan leaves nodes out on purpose. A runbook that starts stopped nodes does not mind them. Nothing forbids to undo a
 * run: its plan cannot be made anew, and who was touched is restored wherever it can be reached.
 */
export function drift(plan: PlanContent, fleetNow: readonly NodeSeen[], names: Names): Drift {
  const now = new Map(fleetNow.map((node) => [node.node, node]))
  const touched = plan.nodes.filter((node) => node.skip === null)
  const undoes = plan.work === 'rollback'
  const refused = (undoes ? [] : plan.nodes).flatMap((node) => {
    const seen = now.get(node.node)
    const what = seen === undefined || isGone(seen) ? null : moved(plan, node, seen)
    return what === null ? [] : [{ node: node.node, what }]
  })
  const gone = touched.filter(({ node }) => isAbsent(now.get(node))).map(({ node }) => node)
  const stopped = startsNodes(plan.runbook) ? [] : touched.filter(({ node }) => isOff(now.get(node))).map(({ node }) => node)
  const appeared = newNodes(plan, fleetNow, names)
  const allowed = roundedDown({ kind: 'share', percent: plan.runbook.driftPercent }, touched.length)
  const beyond = !undoes && gone.length + stopped.length + appeared.length > allowed
  return { refused, listed: { gone, new: appeared, stopped }, beyond }
}

const isAbsent = (seen: NodeSeen | undefined): boolean => seen === undefined || isGone(seen)

const isOff = (seen: NodeSeen | undefined): boolean => seen !== undefined && isStopped(seen)

function moved(plan: PlanContent, node: PlannedNode, seen: NodeSeen): Drift['refused'][number]['what'] | null {
  if (seen.account !== node.account || seen.region !== node.region) return 'cell'
  if (seen.ami !== node.ami) return 'image'
  if (seen.zone !== node.zone) return 'zone'
  const planned = node.groups.map((group) => known(plan.groups[group], 'a group').key)
  const found = groupKeysOf(plan, seen)
  return planned.length === found.length && found.every((key) => planned.includes(key)) ? null : 'group'
}

function newNodes(plan: PlanContent, fleetNow: readonly NodeSeen[], names: Names): NodeId[] {
  if (plan.act === 'trial' || plan.work === 'rollback' || !plan.runbook.waves.some((wave) => wave.take.kind === 'rest')) return []
  const planned = new Set(plan.nodes.map((node) => node.node))
  return rolloutNodes(plan.runbook, fleetNow, names)
    .filter((node) => !planned.has(node.node) && hindrance(node, startsNodes(plan.runbook)) === null)
    .map((node) => node.node)
}

/** One sentence for the record when the plan may not be used any more; null when it may. */
export function driftReason({ refused, listed, beyond }: Drift): string | null {
  const [first] = refused
  if (first !== undefined) return `${String(refused.length)} planned nodes changed: ${first.node} has another ${first.what}`
  if (!beyond) return null
  return `${String(listed.gone.length)} nodes gone, ${String(listed.new.length)} new, ${String(listed.stopped.length)} stopped: more than drift allows`
}

/** Positions of the groups of nodes outside the plan that are down, one for each such node and group: they count as out of service. */
export function outsideDown(plan: PlanContent, fleetNow: readonly NodeSeen[]): number[] {
  const planned = new Set(plan.nodes.map((node) => node.node))
  const positions = new Map(plan.groups.map((group, position) => [group.key, position]))
  return fleetNow.flatMap((node) => {
    if (planned.has(node.node) || isGone(node) || (node.state === 'running' && node.agent === 'online')) return []
    return groupKeysOf(plan, node).flatMap((key) => positions.get(key) ?? [])
  })
}
