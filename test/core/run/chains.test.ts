import { describe, expect, it } from 'vitest'
import { measureChains } from '../../../src/core/run/chains.ts'
import { RUN } from './telling.ts'
import { initial } from '../../../src/core/run/state.ts'
import { plan, type PlanSpec } from './plan.ts'

const GROUPS_OF = (...groups: readonly (readonly number[])[]) => groups.map((of) => ({ groups: of }))

describe('the chain that begins with a node', () => {
  const set = (name: string) => ({ atMost: 9, set: name })

  // prettier-ignore
  it.each<[it: string, groups: PlanSpec['groups'], nodes: readonly (readonly number[])[], tighter: readonly (readonly [number, number])[], chains: readonly number[]]>([
    ['one at a time: as many as are left, itself included',   [{ atMost: 1 }],                         [[0], [], [0], [0]],           [],       [3, 1, 2, 1]],
    ['two at a time: half as many, rounded up',               [{ atMost: 2 }],                         [[0], [0], [0], [0], [0]],     [],       [3, 2, 2, 1, 1]],
    ['a wave may be tighter',                                 [{ atMost: 2 }],                         [[0], [0], [0]],               [[0, 1]], [3, 2, 1]],
    ['but not wider',                                         [{ atMost: 1 }],                         [[0], [0], [0]],               [[0, 2]], [3, 2, 1]],
    ['what is tighter is so for its group alone',             [{ atMost: 2 }, { atMost: 2 }],          [[0], [0], [1], [1]],          [[1, 1]], [1, 1, 2, 1]],
    ['of two groups the longer one',                          [{ atMost: 1 }, { atMost: 1 }],          [[0, 1], [1], [1], [0]],       [],       [3, 2, 1, 1]],
    ['groups that take turns make none',                      [set('zone'), set('zone')],              [[0], [0], [1]],               [],       [1, 1, 1]],
    ['within a turn only its own nodes count',                [set('zone'), { atMost: 1 }, set('zone')], [[0, 1], [0, 1], [2, 1], [2, 1], [2, 1]], [], [2, 1, 3, 2, 1]],
  ])('%s', (_, groups, nodes, tighter, chains) => {
    const state = initial(RUN, plan({ groups: groups ?? [], waves: [{ nodes: GROUPS_OF(...nodes) }] }))
    measureChains(state, nodes.map((__, position) => position), new Map(tighter)) // prettier-ignore
    expect([...state.waiting.chain]).toEqual(chains)
  })

  it('turns of several sets are not mistaken for those of another one', () => {
    const groups = [{ atMost: 1 }, ...Array.from({ length: 12 }, (_, index) => set(`set-${String(index)}`))]
    const state = initial(RUN, plan({ groups, waves: [{ nodes: GROUPS_OF([0, 1, 2], [0, 12]) }] }))
    measureChains(state, [0, 1], new Map())
    expect([...state.waiting.chain]).toEqual([1, 1])
  })

  it('is measured of those that are named, in their order', () => {
    const state = initial(RUN, plan({ groups: [{ atMost: 1 }], waves: [{ nodes: GROUPS_OF([0], [0], [0]) }] }))
    measureChains(state, [2, 0], new Map())
    expect([...state.waiting.chain]).toEqual([1, 0, 2])
  })
})
