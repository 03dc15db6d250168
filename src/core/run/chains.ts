import { known } from '../../kit/assert.ts'
import { at, planned, type RunState } from './state.ts'

/**
 * How long a chain begins with each of these nodes: a group that lets one node be away at a time makes a chain of its nodes, and the last chain to begin
 * is the last to end. Where groups take turns, only those of one's own turn are in one's chain. Part of `evolve`; `positions` in the order in which they would start.
 */
export function measureChains(state: RunState, positions: readonly number[], tighter: ReadonlyMap<number, number>): void {
  const links = new Map<string, number>()
  for (const position of positions) for (const { key } of linksOf(state, position)) links.set(key, (links.get(key) ?? 0) + 1)
  for (const position of positions) {
    let longest = 1
    for (const { key, group } of linksOf(state, position)) {
      const left = known(links.get(key), 'the chain')
      links.set(key, left - 1)
      const { atMost } = known(state.plan.groups[group], 'the group')
      longest = Math.max(longest, Math.ceil(left / Math.min(atMost, tighter.get(group) ?? atMost)))
    }
    state.waiting.chain[position] = longest
  }
}

/** The groups of a node that make chains, each within the turn that the node belongs to. */
function linksOf(state: RunState, position: number): { key: string; group: number }[] {
  const { groups } = planned(state, position)
  const turn = groups.filter((group) => at(state.groupSet, group) >= 0).join(',')
  return groups.filter((group) => at(state.groupSet, group) < 0).map((group) => ({ key: `${turn}|${String(group)}`, group }))
}
