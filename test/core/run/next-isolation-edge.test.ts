import { describe, expect, it } from 'vitest'
import { startLimit } from '../../../src/core/run/dispatch.ts'
import type { Outcome } from '../../../src/core/run/event.ts'
import type { Tried } from '../../../src/core/run/isolate-search.ts'
import type { IsolatedList } from '../../../src/core/run/isolation.ts'
import { mayIsolate, nextIsolation, quarantinedText, spoken, type Ways } from '../../../src/core/run/next-isolation.ts'
import { STAGE, type RunState } from '../../../src/core/run/state.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'
import { digestOf, lineOf, list, searching, SPEC, stands, trying } from './searching.ts'
import { OPENS, Telling } from './telling.ts'
import { isolated } from './walk-trial.ts'

const tried = (
  verdict: Tried['verdict'],
  units: readonly number[],
  node: number,
  why = '',
  kept = false,
): IsolatedList['tried'][number] => ({
  units,
  verdict,
  kept,
  node,
  round: node,
  why,
})

/** A list of two whose second patch is found to be to blame. */
const solved = (more: IsolatedList['tried'] = []): IsolatedList =>
  list(2, [1], { tried: [...more, tried('bad', [1], 2, 'scriptlet-failed'), tried('good', [0], 1, '', true)] })

const found = (culprits: readonly string[]): IsolatedList['found'] => ({ list: 9, culprits, why: [], dependents: [] })

/** The ways out, told as what they were given. */
const WAYS: Ways = {
  rollback: (waves, why) => ({ events: [{ type: 'Paused', reason: `back ${waves.join(',')}: ${why}` }], wakeAt: null }),
  finish: (outcome, reason) => ({ events: [{ type: 'Paused', reason: `${outcome}: ${reason}` }], wakeAt: null }),
}
const follows = ({ state }: { state: RunState }, now = OPENS) => nextIsolation(state, WAYS, now)
const way = (reason: string) => ({ events: [{ type: 'Paused', reason }], wakeAt: null })
const ended = (reason: string) => ({ events: [{ type: 'IsolationEnded', solved: false, reason }], wakeAt: null })
const NO_NODE = 'no node is left that was well without the patches and broke with them'

describe('a search begins', () => {
  const start = (one: (state: RunState) => void = () => undefined, spec: (plan: PlanSpec) => PlanSpec = (plan) => plan) => {
    const told = new Telling(spec(isolated(SPEC, false)))
    const { state } = told
    stands(state, 1, 'rolled-back')
    stands(state, 2, 'rollback-failed')
    state.brokenBy.set(1, 'scriptlet-failed').set(2, 'smoke: fail')
    for (const wave of state.waves.slice(1)) wave.phase = 'failed'
    one(state)
    return mayIsolate(state)
  }
  const begins = { start: { type: 'IsolationStarted', wave: 1, nodes: [1], reasons: ['scriptlet-failed'] } }

  it('of the wave that failed, with the nodes that patches broke and that were restored', () => {
    expect(start()).toEqual(begins)
    expect(start((state) => (state.rollback = { restored: 1, failed: 1, stopped: false }))).toEqual(begins)
  })

  // prettier-ignore
  it.each<[it: string, one: (state: RunState) => void, spec: (plan: PlanSpec) => PlanSpec]>([
    ['of a rollout',                      () => undefined, (plan) => ({ ...plan, act: 'rollout' })],
    ['where a failure stops the trial',   () => undefined, (plan) => ({ ...plan, test: plan.test ? { ...plan.test, onFailure: 'stop' } : null })],
    ['where nobody says what to test',    () => undefined, (plan) => ({ ...plan, test: null })],
    ['a second time',                     (state) => (state.isolation = searching().isolation), (plan) => plan],
    ['in an abort',                       (state) => (state.aborting = { rollback: true, reason: 'enough' }), (plan) => plan],
  ])('not %s', (_, one, spec) => {
    expect(start(one, spec)).toBeUndefined()
  })

  it('not after a rollback that was stopped, or that restored none of the broken ones, and says so', () => {
    expect(start((state) => (state.rollback = { restored: 1, failed: 0, stopped: true }))).toEqual({
      why: 'not isolated: the rollback was stopped',
    })
    expect(start((state) => state.brokenBy.delete(1))).toEqual({
      why: 'not isolated: no node that could be restored shows a failure that patches cause',
    })
  })
})

describe('the nodes of a round', () => {
  const waiting = () => {
    const one = searching({ stage: 'trying' })
    one.state.nodes.stage[1] = STAGE.waiting
    one.state.waitingCount = 1
    return one
  }

  it('wait for their places until nothing may start any more', () => {
    const one = waiting()
    const limit = startLimit(one.state)
    expect(follows(one, plus(limit, -1))).toEqual({ events: [], wakeAt: limit })
    expect(follows(one, limit).events).toEqual([{ type: 'NodesSkipped', nodes: [1], reason: 'cutoff' }])
  })

  it('are watched for as long as the gate of their wave would, but ten minutes at most, and not at all without patches', () => {
    const soaking = (bakeMs: number, round: number) => {
      const spec: PlanSpec = { waves: [{ nodes: 1 }, { nodes: 4, gate: { bakeMs } }] }
      return follows(searching({ stage: 'soaking', round, drainedAt: OPENS, tries: new Map([[1, trying({ units: [] })]]) }, spec))
    }
    const asked = { events: [expect.objectContaining({ type: 'MeasureAsked', purpose: 'try', round: 1 })], wakeAt: null }
    expect(soaking(30 * MINUTE, 1)).toEqual(asked)
    expect(soaking(30 * MINUTE, 2)).toEqual({ events: [], wakeAt: plus(OPENS, 10 * MINUTE) })
    expect(soaking(3 * MINUTE, 2)).toEqual({ events: [], wakeAt: plus(OPENS, 3 * MINUTE) })
    expect(soaking(0, 2)).toEqual(asked)
  })
})

describe('a search that is over', () => {
  const over = (...outcomes: readonly Outcome[]) => {
    const one = searching({ over: 'enough' })
    outcomes.forEach((outcome, index) => stands(one.state, index + 1, outcome))
    one.state.nodes.touched.fill(1)
    return follows(one)
  }

  it('ends when nothing is left to restore, as failed where somebody could not be', () => {
    expect(over()).toEqual(way('rolled-back: isolation: enough'))
    expect(over('rolled-back', 'rollback-failed')).toEqual(way('failed: isolation: enough'))
  })

  it('takes back first what stayed', () => {
    expect(over('rolled-back', 'patched', 'rollback-failed')).toEqual(way('back 1: isolation: enough'))
  })
})

describe('the next round is not chosen', () => {
  // prettier-ignore
  it.each<[it: string, one: (state: RunState) => void]>([
    ['a command is open',  (state) => state.openCommands.add(1)],
    ['a step is under way', (state) => state.steps.set(1, { id: 1, name: 'drain', cell: '', batch: 0, nodes: [], n: 0, intendedAt: OPENS, until: OPENS, found: new Map() })],
    ['a node comes back',  (state) => state.returns.set('', { cell: '', step: 'rejoin', nodes: [1], since: OPENS })],
  ])('while %s', (_, busy) => {
    const one = searching()
    busy(one.state)
    expect(follows(one)).toEqual({ events: [], wakeAt: null })
  })

  it('once nothing may start any more, nor while the run is paused until then', () => {
    const one = searching()
    const limit = startLimit(one.state)
    expect(follows(one, plus(limit, -1)).events[0]?.type).toBe('TriesChosen')
    expect(follows(one, limit)).toEqual(ended('the window ended'))
    one.state.paused = true
    expect(follows(one)).toEqual({ events: [], wakeAt: limit })
    expect(follows(one, limit)).toEqual(ended('the window ended'))
  })

  it('when a list can tell no more, whatever another one has found', () => {
    const lost = list(1, [1], { tried: [tried('good', [0], 1)] })
    expect(follows(searching({ lists: [list(2, [], { found: found([]) }), lost] }))).toEqual(
      ended('with the same patches the nodes did not break again'),
    )
  })
})

describe('the first round', () => {
  it('puts nothing on those that can be tried with something', () => {
    const one = searching({ round: 0, listOf: new Map([0, 1, 2, 3, 4].map((node) => [node, 0])), out: new Map([[2, 'ill']]), kept: new Set([3]) }) // prettier-ignore
    expect(follows(one).events).toEqual([
      {
        type: 'TriesChosen',
        round: 1,
        nodes: [1, 4],
        lists: [0, 0],
        units: [[], []],
        keep: [false, false],
        digests: [digestOf(), digestOf()],
      },
    ])
  })

  // prettier-ignore
  it.each<[outcome: Outcome, reason: string, free: boolean]>([
    ['rolled-back', 'restored',     true],
    ['not-needed',  'installed',    true],
    ['skipped',     'budget-spent', true],
    ['skipped',     'cutoff',       false],
    ['failed',      'gone',         false],
    ['rollback-failed', 'expired',  false],
  ])('that a node is %s: %s lets it be tried: %s', (outcome, reason, free) => {
    const one = searching({ round: 0, listOf: new Map([[1, 0]]) })
    stands(one.state, 1, outcome, reason)
    expect(follows(one)).toEqual(free ? { events: [expect.objectContaining({ nodes: [1] })], wakeAt: null } : ended(NO_NODE))
  })

  it('leaves alone who has not ended', () => {
    const one = searching({ round: 0, listOf: new Map([[1, 0]]) })
    one.state.nodes.stage[1] = STAGE.retrying
    expect(follows(one)).toEqual(ended(NO_NODE))
  })
})

describe('a later round', () => {
  const chosen = (one: { state: RunState }) =>
    follows(one).events.flatMap((event) =>
      event.type === 'TriesChosen'
        ? event.nodes.map((node, index) => [node, event.lists[index], event.units[index], event.keep[index]])
        : [],
    )

  it('tries parts on those that the list broke, and no others', () => {
    expect(chosen(searching({ lists: [list(4, [2, 4])] }))).toEqual([[2, 0, [0, 1], false], [4, 0, [2, 3], false]]) // prettier-ignore
  })

  it('goes on with one of them where the other has left', () => {
    expect(chosen(searching({ lists: [list(4, [2, 4])], out: new Map([[4, 'ill']]) }))).toEqual([[2, 0, [0, 1], false]])
  })

  it('ends the search where all of them have left', () => {
    expect(follows(searching({ lists: [list(4, [2])], out: new Map([[2, 'ill']]) }))).toEqual(ended(NO_NODE))
  })

  it('keeps the whole of a list that broke nobody, on every node that can have it', () => {
    const keeps = [[1, 0, [0, 1], true], [3, 0, [0, 1], true], [4, 0, [0, 1], true]] // prettier-ignore
    expect(chosen(searching({ lists: [list(2, [])], out: new Map([[2, 'ill']]) }))).toEqual(keeps)
    const nobody = new Map([1, 2, 3, 4].map((node) => [node, 'ill']))
    expect(follows(searching({ lists: [list(2, [])], out: nobody }))).toEqual(ended(NO_NODE))
  })

  it('tries parts of a list that broke nobody and was refused on anyone: a round without nodes would never end', () => {
    const refused = list(2, [], { tried: [tried('refused', [0, 1], 1, 'untested-dependency', true)] })
    expect(chosen(searching({ lists: [refused] }))).toEqual([[1, 0, [1], false], [2, 0, [0], false]]) // prettier-ignore
  })

  it('tries the rest again where nobody whom the list broke has been well with it: who never broke proves nothing', () => {
    const broke = tried('bad', [1], 1, 'scriptlet-failed')
    const silent = tried('unclear', [0], 1, 'offline', true)
    const never = tried('good', [0], 2, 'installed', true)
    const one = searching({ lists: [list(2, [1], { tried: [broke, silent, never] })] })
    expect(chosen(one)).toEqual([1, 2, 3, 4].map((node) => [node, 0, [0], true]))
    expect(follows(searching({ lists: [list(2, [1], { tried: [broke, silent, never, silent, never] })] }))).toEqual(
      ended('what the nodes said was not clear enough to blame a patch'),
    )
  })

  it('names the nodes of several lists in the order of the plan', () => {
    const listOf = new Map([[1, 1], [2, 0], [3, 1], [4, 0]]) // prettier-ignore
    expect(chosen(searching({ lists: [list(2, [2, 4]), list(2, [])], listOf }))).toEqual([
      [1, 1, [0, 1], true],
      [2, 0, [0], false],
      [3, 1, [0, 1], true],
      [4, 0, [1], false],
    ])
  })

  it('is about the lists alone that have an end still to come', () => {
    const listOf = new Map([[1, 0], [2, 1], [3, 2]]) // prettier-ignore
    const lists = [list(2, [1], { found: found([]) }), list(2, [2]), list(0, [])]
    expect(chosen(searching({ lists, listOf }))).toEqual([[2, 1, [0], false]])
  })

  it('is not needed for a list without any patch', () => {
    expect(follows(searching({ lists: [list(0, [])] })).events).toEqual([
      { type: 'IsolationEnded', solved: true, reason: 'isolated: no patch is to blame' },
    ])
  })
})

describe('what was found', () => {
  const told = (one: { state: RunState }) => follows(one).events[0]

  it('stays on those that were well with the rest of the list', () => {
    const tries = new Map([
      [1, trying({ keep: true, verdict: 'good' })],
      [2, trying({ keep: true, verdict: 'good', list: 1 })],
      [3, trying({ keep: false, verdict: 'good' })],
      [4, trying({ keep: true, verdict: 'refused' })],
    ])
    expect(told(searching({ lists: [solved(), list()], tries }))).toMatchObject({ list: 0, culprits: [lineOf(1)], nodes: [1] })
  })

  it('is shown by the smallest try that broke, not by one that was unclear', () => {
    const more = [tried('bad', [0, 1], 3, 'disk'), tried('unclear', [1], 4, 'expired')]
    expect(told(searching({ lists: [solved(more)] }))).toMatchObject({
      why: [`scriptlet-failed on i-00000000000000002 in round 2 with the list ${digestOf(1).slice(0, 12)}`],
    })
  })

  it('together is shown by a try that had all of it', () => {
    const all = [
      tried('bad', [1, 2], 3, 'smoke: fail'),
      tried('bad', [0, 1], 4, 'checksum'),
      tried('good', [0], 1),
      tried('good', [1], 1),
      tried('good', [2, 3], 1, '', true),
    ]
    const why = `checksum on i-00000000000000004 in round 4 with the list ${digestOf(0, 1).slice(0, 12)}; only together: package-0 0:1-1, package-1 0:1-1`
    expect(told(searching({ lists: [list(4, [1], { tried: all })] }))).toMatchObject({ culprits: [lineOf(0), lineOf(1)], why: [why, why] })
  })

  it('is said once of all lists when all are at their ends', () => {
    const lists = [list(2, [1], { found: found([lineOf(1)]) }), list(2, [2], { found: found([lineOf(1), lineOf(0)]) }), list(0, [])]
    expect(told(searching({ lists }))).toEqual({
      type: 'IsolationEnded',
      solved: true,
      reason: 'isolated: package-1 0:1-1, package-0 0:1-1',
    })
  })
})

describe('what the end of a trial says of patches that it left out', () => {
  const text = (...culprits: readonly (readonly string[])[]) =>
    quarantinedText(searching({ lists: [...culprits.map((some) => list(2, [], { found: found(some) })), list(0, [])] }).state)

  it('is nothing where there are none, or nobody looked for them', () => {
    expect(text([])).toBe('')
    expect(quarantinedText(new Telling(isolated(SPEC, false)).state)).toBe('')
  })

  it('names each once, eight at most', () => {
    const lines = Array.from({ length: 10 }, (_, unit) => lineOf(unit))
    const named = lines.map(spoken)
    expect(text([lineOf(3)], [lineOf(3)])).toBe('; quarantined: package-3 0:1-1')
    expect(text(lines.slice(0, 8))).toBe(`; quarantined: ${named.slice(0, 8).join(', ')}`)
    expect(text(lines)).toBe(`; quarantined: ${named.slice(0, 8).join(', ')}, and 2 more`)
  })
})
