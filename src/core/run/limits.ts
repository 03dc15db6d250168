import { known } from '../../kit/assert.ts'
import { at, planned, type RunState } from './state.ts'

/** Nodes that a choice in the making would add to the groups, before it is journalled. */
export type Tentative = { readonly groups: Map<number, number>; readonly sets: Map<number, number> }

export const tentative = (): Tentative => ({ groups: new Map(), sets: new Map() })

/**
 * The group that forbids taking this node out of service now, or `undefined`. A node that failed is out already and adds nothing to its groups.
 * One that was down is counted already, but may be up again by now: it goes only where its groups allow all that are counted, or where it is looked at first.
 */
export function blockedBy(state: RunState, position: number, tighter: ReadonlyMap<number, number>, more: Tentative): number | undefined {
  const isOut = at(state.nodes.out, position) === 1
  if (isOut && (at(state.nodes.down, position) === 0 || reachesDown(state))) return undefined
  const adds = isOut ? 0 : 1
  for (const group of planned(state, position).groups) {
    const out = outOf(state, group) + (more.groups.get(group) ?? 0)
    if (out + adds > limitOf(state, group, tighter)) return group
    if (othersOfSet(state, group, out, more) > 0) return group
  }
  return undefined
}

/** A run that undoes another one by root volume is there for nodes that are silent, however many of a group are. */
const reachesDown = ({ plan }: RunState): boolean => plan.work === 'rollback' && plan.rollback.method === 'root-volume'

/**
 * Whether a node that was chosen because it was down is up after all, in a group of which more are out than may be. Who could not be brought back
 * by an earlier step is out whatever is done to it.
 */
export function isUpBeyond(state: RunState, position: number): boolean {
  if (!reachesDown(state) || at(state.nodes.down, position) === 1 || state.notBack.has(position)) return false
  const rule = known(state.plan.waves[at(state.nodes.wave, position)], 'the wave')
  const tighter = new Map(rule.tighter.map((one) => [one.group, one.atMost]))
  return planned(state, position).groups.some((group) => {
    const out = outOf(state, group)
    return out > limitOf(state, group, tighter) || othersOfSet(state, group, out, tentative()) > 0
  })
}

/** Counts a node towards its groups in a choice that is still being made. */
export function reserve(state: RunState, position: number, more: Tentative): void {
  if (at(state.nodes.out, position) === 1) return
  for (const group of planned(state, position).groups) {
    const set = at(state.groupSet, group)
    const before = outOf(state, group) + (more.groups.get(group) ?? 0)
    if (set >= 0 && before === 0) more.sets.set(set, (more.sets.get(set) ?? 0) + 1)
    more.groups.set(group, (more.groups.get(group) ?? 0) + 1)
  }
}

/** Nodes of a group out of service, those outside the plan included. */
export const outOf = (state: RunState, group: number): number => at(state.groupOut, group) + at(state.groupOutside, group)

function limitOf(state: RunState, group: number, tighter: ReadonlyMap<number, number>): number {
  const { atMost } = known(state.plan.groups[group], 'the group')
  return Math.min(atMost, tighter.get(group) ?? atMost)
}

function othersOfSet(state: RunState, group: number, out: number, more: Tentative): number {
  const set = at(state.groupSet, group)
  if (set < 0) return 0
  return at(state.setActive, set) + (more.sets.get(set) ?? 0) - (out > 0 ? 1 : 0)
}

/** Groups whose count fell: nodes parked behind them may go now. Part of `evolve`. */
export function setOut(state: RunState, position: number, out: boolean): readonly number[] {
  const value = out ? 1 : 0
  if (at(state.nodes.out, position) === value) return []
  state.nodes.out[position] = value
  const { groups } = planned(state, position)
  for (const group of groups) addOut(state, state.groupOut, group, out ? 1 : -1)
  return out ? [] : groups
}

/** Counts a node outside the plan that is down. Part of `evolve`. */
export function addOutside(state: RunState, group: number): void {
  addOut(state, state.groupOutside, group, 1)
}

function addOut(state: RunState, counts: Int32Array, group: number, delta: 1 | -1): void {
  const before = outOf(state, group)
  counts[group] = at(counts, group) + delta
  const set = at(state.groupSet, group)
  if (set < 0) return
  if (before === 0) state.setActive[set] = at(state.setActive, set) + 1
  else if (outOf(state, group) === 0) state.setActive[set] = at(state.setActive, set) - 1
}
