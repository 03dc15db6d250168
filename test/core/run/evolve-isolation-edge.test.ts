import { describe, expect, it } from 'vitest'
import {
  culpritsFound,
  isolationEnded,
  isolationStarted,
  patchesGrouped,
  rolledBack,
  triesChosen,
  tryJudged,
} from '../../../src/core/run/evolve-isolation.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { initial } from '../../../src/core/run/state.ts'
import { MINUTE, plus, type Instant } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { lineOf, list, searching, stands, trying } from './searching.ts'
import { OPENS, RUN } from './telling.ts'
import { isolated } from './walk-trial.ts'

type Chosen = Extract<RunEvent, { type: 'TriesChosen' }>

const chosen = (nodes: readonly number[], units: readonly (readonly number[])[], more: Partial<Chosen> = {}): Chosen => ({
  type: 'TriesChosen',
  round: 2,
  nodes,
  lists: nodes.map(() => 0),
  units,
  keep: nodes.map(() => false),
  digests: nodes.map(() => ''),
  ...more,
})

/** A search whose lists were pinned, so that parts of them get numbers after those. */
function pinned(more: Parameters<typeof searching>[0] = {}, spec?: PlanSpec) {
  const one = searching(more, spec)
  one.state.lists = { digest: '', count: 2 }
  one.state.waves.forEach((wave, index) => wave.counts.set(index === 1 ? [0, 0, 0, 0, 0, 0, 4, 0] : [1]))
  return one
}

describe('a search that begins', () => {
  it('and goes on after each round reads freezes again, where there may be some: a rollback asked for none', () => {
    const freezes = (again: Instant | null) => {
      const { state } = searching()
      state.frost = { freezes: [], again, epoch: 1 }
      rolledBack(state)
      const after = state.activities.has('almanac')
      state.activities.clear()
      isolationStarted(state, { type: 'IsolationStarted', wave: 1, nodes: [1], reasons: ['checksum'] })
      return [after, state.activities.has('almanac')]
    }
    expect(freezes(plus(OPENS, MINUTE))).toEqual([true, true])
    expect(freezes(null)).toEqual([false, false])
  })

  it('knows nothing yet but the lists of its nodes, as they were classified', () => {
    const state = initial(RUN, plan(isolated({ waves: [{ nodes: 1 }, { nodes: [{ list: 2 }, { list: null }, { list: 0 }] }] }, false)))
    state.rollback = { restored: 3, failed: 0, stopped: false }
    isolationStarted(state, { type: 'IsolationStarted', wave: 1, nodes: [1], reasons: ['checksum'] })
    expect(state.isolation).toEqual({
      wave: 1,
      stage: 'grouping',
      round: 0,
      measures: 0,
      measuresBefore: 0,
      lists: [],
      listOf: new Map([[1, 2], [3, 0]]), // prettier-ignore
      derived: [],
      tries: new Map(),
      drainedAt: null,
      out: new Map(),
      kept: new Set(),
      over: null,
    })
    expect({ rollback: state.rollback, phase: state.phase }).toEqual({ rollback: null, phase: { name: 'isolating' } })
  })

  it('knows of each list the nodes that it broke, and cuts it into as many parts, from two to eight', () => {
    const nodes = Array.from({ length: 12 }, (_, node) => node)
    const { state, isolation } = searching({ stage: 'grouping', lists: [], listOf: new Map(nodes.map((node) => [node, node === 0 ? 0 : node < 4 ? 1 : 2])) }) // prettier-ignore
    for (const node of [0, 1, 2, 3, ...nodes.slice(4, 11)]) state.brokenBy.set(node, `reason-${String(node)}`)
    patchesGrouped(state, { type: 'PatchesGrouped', lines: [['a', 'b'], ['c'], []], units: [[0, 0], [0], []] })
    expect(isolation.lists.map(({ witnesses }) => [...witnesses.keys()])).toEqual([[0], [1, 2, 3], [4, 5, 6, 7, 8, 9, 10]])
    expect(isolation.lists.map(({ parts, unitCount }) => [parts, unitCount])).toEqual([[2, 1], [3, 1], [7, 0]]) // prettier-ignore
    expect(isolation.lists[0]?.witnesses.get(0)).toBe('reason-0')
    expect(isolation.stage).toBe('choosing')
  })
})

describe('the nodes of a round', () => {
  it('begin anew with what they are tried with, and remember what they were', () => {
    const { state, isolation } = pinned()
    stands(state, 1, 'rolled-back', 'restored')
    state.nodes.touched[1] = 1
    triesChosen(state, chosen([1, 2], [[1], []]))
    expect(isolation.tries).toEqual(
      new Map([
        [1, trying({ units: [1], before: { outcome: 'rolled-back', reason: 'restored' } })],
        [2, trying({ units: [] })],
      ]),
    )
    expect([...(state.waves[1]?.counts ?? [])]).toEqual([1, 0, 0, 0, 0, 0, 3, 0])
    expect(state.nodes.reason[1]).toBe('')
    expect([state.nodes.outcome[1], state.nodes.touched[1], state.waitingCount]).toEqual([0, 0, 1])
    expect([...state.waiting.lanes.values()]).toEqual([[1]])
  })

  it('have a number for each part of a list, the same when it is tried again', () => {
    const lists = [list(), list()]
    const { state, isolation } = pinned({ lists })
    triesChosen(state, chosen([1, 2, 3, 4], [[0], [0], [0], [0, 1]], { lists: [0, 1, 0, 0] }))
    expect([...state.nodes.list.slice(1)]).toEqual([2, 3, 2, 4])
    expect(isolation.derived).toEqual([{ base: 0, units: [0] }, { base: 1, units: [0] }, { base: 0, units: [0, 1] }]) // prettier-ignore
  })

  it('wait alone: nobody of an earlier round is left in line', () => {
    const { state } = pinned()
    state.waiting.lanes.set('old', [4])
    state.waiting.busy.push({ node: 4, until: OPENS })
    triesChosen(state, chosen([1], [[0]]))
    expect([...state.waiting.lanes.values()]).toEqual([[1]])
    expect(state.waiting.busy).toEqual([])
  })

  it('start by the chains that their wave’s limits make', () => {
    const nodes = Array.from({ length: 4 }, () => ({ groups: [0] }))
    const wave = { nodes, tighter: [{ group: 0, atMost: 2 }] } as const
    const { state } = pinned({}, { waves: [{ nodes: 1 }, wave], groups: [{ atMost: 4 }] })
    triesChosen(state, chosen([1, 2, 3], [[0], [0], [0]]))
    expect([...state.waiting.chain.slice(1, 4)]).toEqual([2, 1, 1])
  })

  it('are of the next round', () => {
    const { state } = pinned()
    expect(() => triesChosen(state, chosen([1], [[0]], { round: 3 }))).toThrow('rounds are numbered without holes')
  })
})

describe('a node that is judged', () => {
  it.each([
    ['bad', [1, 2, 3]],
    ['good', [1, 2]],
    ['unclear', [1, 2]],
  ] as const)('%s: those that the list broke are then %j', (verdict, witnesses) => {
    const { state, isolation } = searching({ tries: new Map([[3, trying({ keep: true })]]) })
    tryJudged(state, { type: 'TryJudged', round: 2, node: 3, verdict, why: 'smoke: fail' })
    expect([...(isolation.lists[0]?.witnesses.keys() ?? [])]).toEqual(witnesses)
    expect(isolation.lists[0]?.tried).toEqual([{ units: [0], verdict, kept: true, node: 3, round: 2, why: 'smoke: fail' }])
    expect(isolation.stage).toBe('choosing')
  })
})

describe('what is found', () => {
  it('leaves the rest of the list, as it was tried, on those that keep it', () => {
    // The first line is of the second unit: units come in the order of their numbers, as in a try.
    const mixed = list(4, [1], { units: [1, 0, 2, 0], unitCount: 3 })
    const { state, isolation } = pinned({ lists: [mixed] })
    triesChosen(state, chosen([1], [[0, 1]]))
    culpritsFound(state, { type: 'CulpritsFound', list: 0, culprits: [lineOf(2)], why: ['x'], dependents: [], nodes: [2, 4] })
    expect(isolation.lists[0]?.found).toEqual({ list: 2, culprits: [lineOf(2)], why: ['x'], dependents: [] })
    expect(isolation.derived).toEqual([{ base: 0, units: [0, 1] }])
    expect([...isolation.kept]).toEqual([2, 4])
  })
})

describe('the end of a search', () => {
  const ended = (solved: boolean) => {
    const one = searching({ tries: new Map([[1, trying()]]) })
    for (const wave of one.state.waves) wave.phase = 'failed'
    isolationEnded(one.state, { type: 'IsolationEnded', solved, reason: 'isolated: x' }, plus(OPENS, MINUTE))
    return { ...one, wave: one.state.waves[1] }
  }

  it('lets the wave pass, for what was found, when it is solved', () => {
    const { state, isolation, wave } = ended(true)
    expect(wave).toMatchObject({ phase: 'passed', decidedAt: plus(OPENS, MINUTE), why: ['isolated: x'] })
    expect(state.waves[0]?.phase).toBe('failed')
    expect(state.phase.name).toBe('storing')
    expect({ over: isolation.over, tries: isolation.tries.size }).toEqual({ over: 'isolated: x', tries: 0 })
  })

  it('leaves the wave failed when nobody will know', () => {
    const { isolation, wave } = ended(false)
    expect(wave).toMatchObject({ phase: 'failed', decidedAt: null, why: [] })
    expect(isolation.over).toBe('isolated: x')
  })
})
