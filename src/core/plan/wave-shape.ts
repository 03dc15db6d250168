import { known } from '../../kit/assert.ts'
import type { PlanContent, PlannedWave } from './plan.ts'

/** A wave as its simulation needs it: nodes by their place among those that are touched, in plain arrays, made once for many plays. */
export type WaveShape = Readonly<{
  /** Nodes that are touched, and the position of each in the plan. */
  count: number
  positions: Int32Array
  concurrency: number
  /** Nothing holds a node up: all of them start at once. */
  free: boolean
  /** Groups of node `n`: `groups[groupsFrom[n]]` to `groups[groupsFrom[n + 1] - 1]`. */
  groupsFrom: Int32Array
  groups: Int32Array
  /** By group: how many may be out, and its set; -1: none. */
  limits: Int32Array
  setOf: Int32Array
  sets: number
  /** Groups of each set. */
  members: readonly (readonly number[])[]
  /** The order in which nodes are tried: the longest chain first, then as planned; and where each node's chain begins in it. */
  rank: Int32Array
  chainRank: Int32Array
}>

/** The shape of a wave under its limits. Groups that can hold nobody up are left out. */
export function shapeOf(content: PlanContent, wave: PlannedWave): WaveShape {
  const positions = Int32Array.from(wave.nodes.filter((position) => content.nodes[position]?.skip === null))
  const limits = limitsOf(content, wave)
  const members = new Int32Array(content.groups.length)
  const groupsOf = (position: number): readonly number[] => known(content.nodes[position], 'a node').groups
  for (const position of positions) for (const group of groupsOf(position)) members[group] = (members[group] ?? 0) + 1
  const binds = content.groups.map(({ set }, group) => set !== null || (members[group] ?? 0) > (limits[group] ?? 0))
  const groupsFrom = new Int32Array(positions.length + 1)
  const groups: number[] = []
  positions.forEach((position, place) => {
    groups.push(...groupsOf(position).filter((group) => binds[group] === true))
    groupsFrom[place + 1] = groups.length
  })
  const sets = setsOf(content)
  const shape = { groupsFrom, groups: Int32Array.from(groups), limits, setOf: sets.of }
  return {
    count: positions.length,
    positions,
    concurrency: wave.concurrency,
    free: groups.length === 0 && wave.concurrency >= positions.length,
    ...shape,
    sets: sets.members.length,
    members: sets.members,
    ...ranksOf(positions.length, shape),
  }
}

function limitsOf({ groups }: PlanContent, wave: PlannedWave): Int32Array {
  const tighter = new Map(wave.tighter.map(({ group, atMost }) => [group, atMost]))
  return Int32Array.from(groups, ({ atMost }, group) => Math.min(atMost, tighter.get(group) ?? atMost))
}

function setsOf({ groups }: PlanContent): Readonly<{ of: Int32Array; members: readonly (readonly number[])[] }> {
  const numbers = new Map<string, number>()
  const members: number[][] = []
  const of = new Int32Array(groups.length).fill(-1)
  groups.forEach(({ set }, group) => {
    if (set === null) return
    const number = numbers.get(set) ?? members.push([]) - 1
    numbers.set(set, number)
    members[number]?.push(group)
    of[group] = number
  })
  return { of, members }
}

type Limited = Pick<WaveShape, 'groupsFrom' | 'groups' | 'limits' | 'setOf'>

function ranksOf(count: number, shape: Limited): Pick<WaveShape, 'rank' | 'chainRank'> {
  const chain = chainsOf(count, shape)
  const order = Array.from({ length: count }, (_, place) => place).sort((a, b) => (chain[b] ?? 0) - (chain[a] ?? 0) || a - b)
  const rank = new Int32Array(count)
  const chainRank = new Int32Array(count)
  let begins = 0
  order.forEach((place, index) => {
    if (index > 0 && chain[order[index - 1] ?? 0] !== chain[place]) begins = index
    rank[place] = index
    chainRank[place] = begins
  })
  return { rank, chainRank }
}

/** How many turns of its tightest group begin with each node, as the run counts them (`core/run/chains.ts`). */
function chainsOf(count: number, { groupsFrom, groups, limits, setOf }: Limited): Int32Array {
  const links = new Map<string, number>()
  const linksOf = (place: number): { key: string; group: number }[] => {
    const own = [...groups.subarray(groupsFrom[place], groupsFrom[place + 1])]
    const turn = own.filter((group) => (setOf[group] ?? -1) >= 0).join(',')
    return own.filter((group) => (setOf[group] ?? -1) < 0).map((group) => ({ key: `${turn}|${String(group)}`, group }))
  }
  for (let place = 0; place < count; place += 1) for (const { key } of linksOf(place)) links.set(key, (links.get(key) ?? 0) + 1)
  return Int32Array.from({ length: count }, (_, place) => {
    let longest = 1
    for (const { key, group } of linksOf(place)) {
      const left = links.get(key) ?? 1
      links.set(key, left - 1)
      longest = Math.max(longest, Math.ceil(left / Math.max(1, limits[group] ?? left)))
    }
    return longest
  })
}
