import { known } from '../../kit/assert.ts'
import type { DisruptionRule, Runbook } from '../runbook/runbook.ts'
import { roundedDown } from './amount.ts'
import { isGone, type NodeSeen } from './fleet.ts'
import { bytewise } from './list.ts'
import type { Group, PlanContent, PlannedWave } from './plan.ts'

/** What places a node in its groups; a look at the node is enough. */
export type Placed = Pick<NodeSeen, 'account' | 'region' | 'zone' | 'ami' | 'tags'>

/** The group of a node for one `per`, the same key in every run of the store; `undefined` for a node that lacks the tag. */
export function groupKey(per: string, node: Placed): string | undefined {
  if (per === 'availability-zone') return `availability-zone=${node.zone}`
  if (per === 'image') return `image=${node.ami}`
  if (per === 'account') return `account=${node.account}`
  if (per === 'region') return `region=${node.region}`
  const key = per.slice('tag:'.length)
  const value = Object.hasOwn(node.tags, key) ? node.tags[key] : undefined
  return value === undefined ? undefined : `${per}=${value}@${node.account}/${node.region}`
}

/** Groups that take turns under `oneAtATime`: zones within their region, tag values within their cell, all else among all. */
function setKey(per: string, node: Placed): string {
  if (per === 'availability-zone') return `availability-zone@${node.region}`
  return per.startsWith('tag:') ? `${per}@${node.account}/${node.region}` : per
}

/** Keys of the groups that a plan would place this node in, sorted: compared with the planned ones to see that it moved. */
export const groupKeysOf = (plan: Pick<PlanContent, 'runbook'>, node: Placed): string[] => keysOf(persOf(plan.runbook), node)

function keysOf(pers: readonly string[], node: Placed): string[] {
  return pers.flatMap((per) => groupKey(per, node) ?? []).sort(bytewise)
}

/** Every `per` that the runbook or one of its waves limits. */
export function persOf(runbook: Pick<Runbook, 'disruption' | 'waves'>): string[] {
  const rules = [...runbook.disruption, ...runbook.waves.flatMap((wave) => wave.disruption)]
  return [...new Set(rules.map((rule) => rule.per))].sort(bytewise)
}

/** The groups of a plan, sorted by key, and of each planned node their positions. */
export type Grouping = Readonly<{ groups: readonly Group[]; of: (node: NodeSeen) => readonly number[] }>

/**
 * Makes the groups of all limits. Sizes count every node that was seen, planned or not, for the rest of a cluster is part of it; shares of
 * them are rounded down, but at least 1. Groups without a planned node are left out. `oneAtATime` of one wave holds in the whole plan: a set
 * has no per-wave form, and holding more is safe.
 */
export function grouping(
  runbook: Pick<Runbook, 'disruption' | 'waves'>,
  planned: readonly NodeSeen[],
  fleet: readonly NodeSeen[],
): Grouping {
  const pers = persOf(runbook)
  const turns = new Set(
    [...runbook.disruption, ...runbook.waves.flatMap((wave) => wave.disruption)]
      .filter((rule) => 'oneAtATime' in rule)
      .map((rule) => rule.per),
  )
  const sizes = sizesOf(pers, [...new Map([...planned, ...fleet].map((node) => [node.node, node])).values()])
  const found = new Map<string, Group>()
  for (const node of planned) {
    for (const per of pers) {
      const key = groupKey(per, node)
      if (key === undefined || found.has(key)) continue
      const size = known(sizes.get(key), `the size of ${key}`)
      found.set(key, { key, atMost: limitOf(runbook.disruption, key, size), set: turns.has(per) ? setKey(per, node) : null, size })
    }
  }
  const groups = [...found.values()].sort((a, b) => bytewise(a.key, b.key))
  const positions = new Map(groups.map((group, position) => [group.key, position]))
  return { groups, of: (node) => keysOf(pers, node).map((key) => known(positions.get(key), key)) }
}

function sizesOf(pers: readonly string[], fleet: readonly NodeSeen[]): Map<string, number> {
  const sizes = new Map<string, number>()
  for (const node of fleet) {
    if (isGone(node)) continue
    for (const key of keysOf(pers, node)) sizes.set(key, (sizes.get(key) ?? 0) + 1)
  }
  return sizes
}

/** The tightest number that the rules give for a group of this size; without any, all of it. */
function limitOf(rules: readonly DisruptionRule[], key: string, size: number): number {
  const numbers = rules.flatMap((rule) =>
    'atMost' in rule && key.startsWith(`${rule.per}=`) ? [Math.max(1, roundedDown(rule.atMost, size))] : [],
  )
  return Math.min(size, ...numbers)
}

/** What one wave tightens, for the groups that its nodes are in. Looser numbers change nothing. */
export function tighterIn(rules: readonly DisruptionRule[], groups: readonly Group[], used: ReadonlySet<number>): PlannedWave['tighter'] {
  return groups.flatMap((group, position) => {
    if (!used.has(position)) return []
    const atMost = limitOf(rules, group.key, group.size)
    return atMost < group.atMost ? [{ group: position, atMost }] : []
  })
}
