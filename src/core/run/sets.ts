import { known } from '../../kit/assert.ts'
import type { PlanContent } from '../plan/plan.ts'

/** The sets of groups that take turns (`oneAtATime`): which set each group is in (-1: none), and the groups of each. */
export function setsOf(plan: PlanContent) {
  const index = new Map<string, number>()
  const setMembers: number[][] = []
  const groupSet = new Int32Array(plan.groups.length).fill(-1)
  plan.groups.forEach((group, position) => {
    if (group.set === null) return
    const set = index.get(group.set) ?? setMembers.push([]) - 1
    index.set(group.set, set)
    known(setMembers[set], 'the set').push(position)
    groupSet[position] = set
  })
  return { groupSet, setMembers, setActive: new Int32Array(setMembers.length) }
}
