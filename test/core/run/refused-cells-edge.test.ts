import { describe, expect, it } from 'vitest'
import { askRefused, cellAnswered, cellPrepared, cellRefused, nextRefused } from '../../../src/core/run/refused-cells.ts'
import { initial, STAGE, type RunState, type Stage } from '../../../src/core/run/state.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import { ACCOUNT, plan } from './plan.ts'
import { OPENS, RUN } from './telling.ts'

const REGIONS = ['here', 'there', 'beyond'] as const
const cell = (region: (typeof REGIONS)[number]): string => `${ACCOUNT}/${region}`
const IN_A_QUARTER = plus(OPENS, 15 * MINUTE)

/** A wave of two nodes in each of three regions, all prepared, in these stages and in line. */
function waiting(...stages: readonly Stage[]): RunState {
  const nodes = REGIONS.flatMap((region) => [{ region }, { region }])
  const state = initial(RUN, plan({ waves: [{ nodes }] }))
  for (const region of REGIONS) cellPrepared(state, cell(region))
  stages.forEach((stage, position) => {
    state.nodes.stage[position] = stage
    const key = `${cell(REGIONS[position >> 1] ?? 'here')}|0`
    state.waiting.lanes.set(key, [...(state.waiting.lanes.get(key) ?? []), position])
  })
  return state
}

const { waiting: WAITS, ended: GONE } = STAGE
const lose = (state: RunState, region: (typeof REGIONS)[number], at = OPENS): void => cellRefused(state, cell(region), 'aws.denied', at)

describe('a cell that AWS refuses', () => {
  it('is asked for a rollback only while it is refused', () => {
    const state = waiting()
    lose(state, 'here')
    lose(state, 'there')
    cellPrepared(state, cell('there'))
    state.activities.clear()
    askRefused(state)
    expect([...state.activities.keys()]).toEqual([`prepare:${cell('here')}`])
  })

  it('is asked for a rollback that has to restore nodes there, also when it refused from the opening on: a person has an hour', () => {
    const state = waiting(WAITS, GONE, GONE, GONE, WAITS)
    state.prepared.set(cell('here'), 'aws.denied').set(cell('beyond'), 'aws.denied')
    state.nodes.touched[0] = 1
    state.at = OPENS
    state.phase = { name: 'rolling-back', waves: [0], at: 0, after: 'failed' }
    askRefused(state)
    expect([...state.activities.keys()]).toEqual([`prepare:${cell('here')}`])
    expect(nextRefused(state, 0, OPENS).events).toEqual([{ type: 'NodesSkipped', nodes: [4], reason: 'cell-refused' }])
    state.waiting.lanes.delete(`${cell('beyond')}|0`)
    expect(nextRefused(state, 0, plus(OPENS, 59 * MINUTE)).events).toEqual([])
    expect(nextRefused(state, 0, plus(OPENS, 60 * MINUTE)).events).toMatchObject([{ type: 'NodesSkipped', nodes: [0] }])
  })

  it('is not lost by an answer', () => {
    const state = waiting()
    cellAnswered(state, cell('here'), OPENS)
    expect(state.refusals.size).toBe(0)
  })

  it('ends the step that its round is in the middle of', () => {
    const state = waiting()
    lose(state, 'here')
    const round = { batch: 1, cell: cell('here'), list: 0, work: 'apply', readAt: OPENS, step: 0, running: 4, nodes: [0] } as const
    state.batches.set(1, round).set(2, { ...round, batch: 2, cell: cell('there'), running: null })
    expect(nextRefused(state, 0, OPENS).events).toEqual([])
    state.batches.set(3, { ...round, batch: 3, running: null })
    expect(nextRefused(state, 0, OPENS).events).toEqual([{ type: 'BatchDropped', batch: 3, reason: 'cell-refused' }])
  })
})

describe('the nodes of refused cells', () => {
  it('wait until the first of them is to be given up', () => {
    const state = waiting(WAITS, WAITS, WAITS, WAITS, WAITS)
    lose(state, 'here', plus(OPENS, 2 * MINUTE))
    lose(state, 'there', OPENS)
    lose(state, 'beyond', plus(OPENS, MINUTE))
    expect(nextRefused(state, 0, plus(OPENS, 2 * MINUTE))).toEqual({ events: [], wakeAt: IN_A_QUARTER })
  })

  it('wait for no instant that has passed, while others are under way', () => {
    const state = waiting(WAITS, WAITS, WAITS)
    lose(state, 'here')
    lose(state, 'there', plus(OPENS, 2 * MINUTE))
    state.inFlight = 1
    expect(nextRefused(state, 0, IN_A_QUARTER)).toEqual({ events: [], wakeAt: plus(IN_A_QUARTER, 2 * MINUTE) })
    expect(nextRefused(state, 0, plus(IN_A_QUARTER, 2 * MINUTE))).toEqual({ events: [], wakeAt: null })
  })

  // prettier-ignore
  it.each<[it: string, stages: readonly Stage[], followed: object[]]>([
    ['wait while somebody of another cell can begin',             [WAITS, GONE, GONE, WAITS], []],
    ['do not wait for those of another cell that were given up',  [WAITS, GONE, GONE, GONE],  [{ type: 'NodesSkipped', nodes: [0], reason: 'cell-refused' }]],
    ['are nobody when all of them were given up',                 [GONE, GONE],               []],
  ])('%s', (_, stages, followed) => {
    const state = waiting(...stages)
    lose(state, 'here')
    expect(nextRefused(state, 0, IN_A_QUARTER)).toEqual({ events: followed, wakeAt: null })
  })
})
