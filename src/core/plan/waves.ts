import { known } from '../../kit/assert.ts'
import type { WaveRule } from '../runbook/runbook.ts'
import { roundedUp } from './amount.ts'
import type { NodeSeen } from './fleet.ts'
import { lineageOf } from './lineage.ts'
import { bytewise } from './list.ts'
import { isStopped, matches, type Names } from './select.ts'

/** A node that asks for a place in a wave. */
export type Candidate = Readonly<{ node: NodeSeen; skip: string | null; groups: readonly number[] }>

/** A wave's nodes by position in the candidates, in the order in which they start; those that nobody touches stand last. */
export type Parted = Readonly<{ rule: WaveRule; nodes: readonly number[]; touched: number; unrepresented: readonly string[] }>

/**
 * Parts the candidates (sorted by place) into waves. `take` counts what can be touched and is left; skipped nodes belong to the wave that names
 * them by `match`, else to the last one. Every candidate that some wave takes is in exactly one; a wave without a node to touch is left out
 * (`empty`), unless none has any.
 */
export function partition(
  rules: readonly WaveRule[],
  candidates: readonly Candidate[],
  names: Names,
): Readonly<{ waves: readonly Parted[]; empty: readonly string[] }> {
  const order = startOrder(candidates)
  let left = order.filter((position) => at(candidates, position).skip === null)
  const parted: Parted[] = []
  const empty: string[] = []
  for (const rule of rules) {
    const nodes = taken(rule, left, candidates, names)
    const chosen = new Set(nodes)
    if (nodes.length === 0) empty.push(rule.name)
    else
      parted.push({
        rule,
        nodes: inOrder(order, chosen),
        touched: nodes.length,
        unrepresented: unrepresented(rule, chosen, left, candidates),
      })
    left = left.filter((position) => !chosen.has(position))
  }
  const skipped = order.filter((position) => at(candidates, position).skip !== null)
  // The last wave holds whom nobody touches, also where there is no other.
  return { waves: withSkipped(rules, parted, skipped, candidates, names), empty: parted.length === 0 ? empty.slice(0, -1) : empty }
}

const at = <T>(items: readonly T[], position: number): T => known(items[position], `position ${String(position)}`)

const inOrder = (order: readonly number[], chosen: ReadonlySet<number>): number[] => order.filter((position) => chosen.has(position))

function withSkipped(
  rules: readonly WaveRule[],
  parted: readonly Parted[],
  skipped: readonly number[],
  candidates: readonly Candidate[],
  names: Names,
): Parted[] {
  const last = rules.at(-1)
  const waves = parted.length > 0 || last === undefined ? [...parted] : [{ rule: last, nodes: [], touched: 0, unrepresented: [] }]
  const byWave = Map.groupBy(skipped, (position) => {
    const { node } = at(candidates, position)
    const named = waves.findIndex(({ rule }) => rule.take.kind === 'match' && matches(rule.take.match, node, names))
    return named >= 0 ? named : waves.length - 1
  })
  return waves.map((wave, index) => ({ ...wave, nodes: [...wave.nodes, ...(byWave.get(index) ?? [])] }))
}

function taken(rule: WaveRule, left: readonly number[], candidates: readonly Candidate[], names: Names): readonly number[] {
  const { take } = rule
  if (take.kind === 'rest') return left
  if (take.kind === 'match') return left.filter((position) => matches(take.match, at(candidates, position).node, names))
  const count = Math.min(left.length, roundedUp(take.amount, left.length))
  return spread(rule.spread, count, left, candidates, names)
}

/** Nodes that run go before those that are stopped: a canary that is stopped again proves little. */
function startOrder(candidates: readonly Candidate[]): number[] {
  const order = fairOrder(candidates)
  const starts = (position: number): boolean => {
    const { node, skip } = at(candidates, position)
    return skip === null && isStopped(node)
  }
  return [...order.filter((position) => !starts(position)), ...order.filter(starts)]
}

/**
 * The order in which nodes start when nothing forbids it: cells and zones in turn, so that no account's quota and no zone is worked alone, and
 * within them one node of each group before the second of any, so that a limit holds nobody up who could go.
 */
function fairOrder(candidates: readonly Candidate[]): number[] {
  const seen = new Map<number, number>()
  const ranks = candidates.map(({ groups }) => {
    const rank = Math.max(0, ...smallest(groups, seen))
    for (const group of groups) seen.set(group, (seen.get(group) ?? 0) + 1)
    return rank
  })
  const places = Map.groupBy(candidates.keys(), (position) => {
    const { node } = at(candidates, position)
    return `${node.account}/${node.region}/${node.zone}`
  })
  const lanes = [...places]
    .sort(([a], [b]) => bytewise(a, b))
    .map(([, positions]) => positions.sort((a, b) => at(ranks, a) - at(ranks, b) || a - b))
  return interleaved(lanes)
}

/** How many nodes each group has before this one; the fullest small group decides. Groups of a whole zone or account would drown the clusters. */
function smallest(groups: readonly number[], seen: ReadonlyMap<number, number>): number[] {
  const counts = groups.map((group) => seen.get(group) ?? 0)
  return counts.length === 0 ? [] : [Math.min(...counts)]
}

function interleaved(lanes: readonly (readonly number[])[]): number[] {
  const longest = Math.max(0, ...lanes.map((lane) => lane.length))
  const order: number[] = []
  for (let row = 0; row < longest; row += 1) {
    for (const lane of lanes) {
      const position = lane[row]
      if (position !== undefined) order.push(position)
    }
  }
  return order
}

/** The value of a `spread` key; a node without the tag has none. */
function valueOf(key: string, node: NodeSeen): string | undefined {
  if (key === 'image') return node.ami
  if (key === 'availability-zone') return node.zone
  if (key === 'account') return node.account
  if (key === 'region') return node.region
  const tag = key.slice('tag:'.length)
  return Object.hasOwn(node.tags, tag) ? node.tags[tag] : undefined
}

type Bucket = { readonly key: string; readonly values: readonly string[]; readonly nodes: readonly number[]; used: number }

/**
 * Takes `count` nodes so that as many values as possible of the keys are there, and the rest in the proportion of what is left. Nodes with the
 * same values are one bucket: the work is buckets times count, not nodes times count.
 */
function spread(keys: readonly string[], count: number, left: readonly number[], candidates: readonly Candidate[], names: Names): number[] {
  const valuesOf = (position: number): string[] => spreadValues(keys, at(candidates, position).node, names)
  const buckets = [...Map.groupBy(left, (position) => JSON.stringify(valuesOf(position)))]
    .sort(([a], [b]) => bytewise(a, b))
    .map(([key, nodes]): Bucket => ({ key, values: valuesOf(known(nodes[0], key)), nodes, used: 0 }))
  const covered = new Set<string>()
  const chosen: number[] = []
  while (chosen.length < count) {
    const bucket = known(best(buckets, covered), 'a node that is left')
    chosen.push(at(bucket.nodes, bucket.used))
    bucket.used += 1
    for (const value of bucket.values) covered.add(value)
  }
  return chosen
}

/** Copies of an image are one lineage: a new lineage is worth more than another copy of one that is there. */
function spreadValues(keys: readonly string[], node: NodeSeen, names: Names): string[] {
  return keys.flatMap((key) => {
    const value = valueOf(key, node)
    if (value === undefined) return []
    return key === 'image' ? [`lineage=${lineageOf(names.lineages, node.region, node.ami)}`, `image=${value}`] : [`${key}=${value}`]
  })
}

/** The bucket that brings most values that are not there yet, of equals the one that is least used up: one that has no node left is fuller than any other. */
function best(buckets: readonly Bucket[], covered: ReadonlySet<string>): Bucket | undefined {
  let found: Bucket | undefined
  let gain = -1
  for (const bucket of buckets) {
    const more = bucket.values.filter((value) => !covered.has(value)).length
    if (more > gain || (more === gain && found !== undefined && fill(bucket) < fill(found))) {
      found = bucket
      gain = more
    }
  }
  return found
}

const fill = (bucket: Bucket): number => (bucket.used + 0.5) / bucket.nodes.length

function unrepresented(rule: WaveRule, chosen: ReadonlySet<number>, left: readonly number[], candidates: readonly Candidate[]): string[] {
  const values = (positions: Iterable<number>): Set<string> => {
    const found = new Set<string>()
    for (const position of positions) {
      for (const key of rule.spread) {
        const value = valueOf(key, at(candidates, position).node)
        if (value !== undefined) found.add(`${key}=${value}`)
      }
    }
    return found
  }
  const there = values(chosen)
  return [...values(left)].filter((value) => !there.has(value)).sort(bytewise)
}
