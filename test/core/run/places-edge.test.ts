import { describe, expect, it } from 'vitest'
import { measureChains } from '../../../src/core/run/chains.ts'
import { fillPlaces, nextPlaces, placesDue } from '../../../src/core/run/dispatch.ts'
import { evolve } from '../../../src/core/run/evolve.ts'
import { commandFound } from '../../../src/core/run/evolve-found.ts'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { reserve, tentative } from '../../../src/core/run/limits.ts'
import { next } from '../../../src/core/run/next.ts'
import { nextReturns } from '../../../src/core/run/next-steps.ts'
import { nextRollback } from '../../../src/core/run/rollback.ts'
import { codeOf, initial, isSuspect, STAGE, want, type RunState } from '../../../src/core/run/state.ts'
import { enqueue } from '../../../src/core/run/waiting.ts'
import { MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { searching } from './searching.ts'
import { opened } from './stepping.ts'
import { CLOSES, ENGINE, OPENS, RUN } from './telling.ts'

const made = (spec: PlanSpec = { waves: [{ nodes: 2 }] }): RunState => initial(RUN, plan(spec))

/** Nodes that wait in line. */
function inLine(count: number): RunState {
  const state = made({ waves: [{ nodes: count }] })
  for (let position = 0; position < count; position++) {
    state.nodes.stage[position] = STAGE.waiting
    enqueue(state, position)
  }
  state.prepared.set(state.cells[0] ?? '', true)
  state.waitingCount = count
  return state
}

const filled = (state: RunState, concurrency: number, now = OPENS) => fillPlaces(state, concurrency, new Map(), 'apply', now)
const taken = (state: RunState, concurrency: number) =>
  filled(state, concurrency).events.flatMap((event) => (event.type === 'BatchChosen' ? event.nodes : []))

describe('free places', () => {
  it('are not lessened by those that wait to be restored once more', () => {
    const state = inLine(1)
    state.retrying = 1
    expect(taken(state, 1)).toEqual([0])
  })

  it('are for new ones beside those that are tried again', () => {
    const state = inLine(3)
    state.nodes.touched[2] = 1
    state.suspects = 1
    expect(taken(state, 2)).toEqual([0, 2])
  })

  it('are filled for nobody where nobody waits, and nobody is woken for it', () => {
    const state = made()
    state.inFlight = 1
    state.waiting.freedAt = OPENS
    expect(filled(state, 9)).toEqual({ events: [], wakeAt: null })
  })

  it('that can never be had are said to those who still wait for them', () => {
    const state = made()
    state.nodes.stage.set([STAGE.waiting, STAGE.ended])
    state.waitingCount = 1
    state.waiting.parked.set(0, [0, 1])
    expect(filled(state, 9).events).toEqual([{ type: 'NodesSkipped', nodes: [0], reason: 'disruption-held' }])
  })

  it('that a freeze forbids are looked for at its end, also where another one begins meanwhile', () => {
    const { state } = opened({ waves: [{ nodes: 2, concurrency: 1 }] })
    state.batches.clear()
    const freezes = [[-1, 30], [0.5, 20]].map(([from = 0, to = 0]) => ({ from: plus(OPENS, from * MINUTE), to: plus(OPENS, to * MINUTE), why: String(to), source: '' })) // prettier-ignore
    state.frost = { freezes, again: null, epoch: 1 }
    const places = { stop: null, failuresLeft: null, drained: { type: 'WaveDrained', wave: 0 } } as const
    expect(nextPlaces(state, 0, places, OPENS)).toEqual({ events: [], wakeAt: plus(OPENS, 30 * MINUTE) })
  })

  it('are given up at the cutoff for the next window when nothing is in flight any more', () => {
    const { state } = opened({ waves: [{ nodes: 2, concurrency: 1 }], unfinished: 'next-window' })
    state.batches.clear()
    state.nodes.stage.fill(STAGE.waiting)
    expect(placesDue(state, 'cutoff', OPENS)).toEqual({ events: [], wakeAt: null })
    state.inFlight = 0
    expect(placesDue(state, 'cutoff', OPENS)?.events).toMatchObject([{ type: 'WindowEnded' }])
  })
})

describe('a place in a group', () => {
  it('is reserved by who is in service, and in a turn only where there are turns', () => {
    const state = made({ waves: [{ nodes: [{ groups: [0] }, { groups: [0, 1] }] }], groups: [{}, { set: 'zone' }] })
    const more = tentative()
    state.nodes.out[0] = 1
    reserve(state, 0, more)
    expect([...more.groups]).toEqual([])
    reserve(state, 1, more)
    expect([[...more.groups], [...more.sets]]).toEqual([[[0, 1], [1, 1]], [[0, 1]]]) // prettier-ignore
  })

  it('of a set that takes turns makes no chain', () => {
    const node = { groups: [0] }
    const state = made({ waves: [{ nodes: [node, node, node] }], groups: [{ atMost: 1, set: 'zone' }] })
    measureChains(state, [0, 1, 2], new Map())
    expect([...state.waiting.chain]).toEqual([1, 1, 1])
  })

  it('is kept by who failed and waits for another attempt, not by who waits to be restored', () => {
    const state = made()
    state.nodes.stage.fill(STAGE.waiting)
    state.nodes.touched.fill(1)
    state.nodes.outcome[1] = codeOf('failed')
    expect([isSuspect(state, 0), isSuspect(state, 1)]).toEqual([true, false])
  })
})

describe('what is wanted', () => {
  it('is nothing at first', () => {
    expect(made().dirty).toEqual([])
  })

  it('is no baseline that is approved or was refused', () => {
    const state = made()
    want(state, { kind: 'store', key: 'store:ami-1@1', lineage: 0, account: '1' })
    want(state, { kind: 'approve-baselines', key: 'approve-baselines' })
    const told = (event: RunEvent): string[] => {
      evolve(state, { at: OPENS, actor: ENGINE, event })
      return [...state.activities.keys()]
    }
    expect(told({ type: 'BaselineRefused', account: '1', image: 'ami-1', code: 'no' } as RunEvent)).toEqual([])
    want(state, { kind: 'approve-baselines', key: 'approve-baselines' })
    expect(told({ type: 'BaselinesApproved', count: 1 })).toEqual([])
  })
})

describe('nodes that come back', () => {
  it('go on when the first of their lines is due', () => {
    const state = made()
    const line = (step: 'rejoin' | 'stop', since = OPENS) => ({ cell: '', step, nodes: [0], since })
    state.returns.set('|stop', line('stop', plus(OPENS, SECOND))).set('|rejoin', line('rejoin')).set('|in-service', line('stop', plus(OPENS, 2 * SECOND))) // prettier-ignore
    expect(nextReturns(state, OPENS)).toEqual({ events: [], wakeAt: plus(OPENS, 5 * SECOND) })
    expect(nextReturns(made(), OPENS)).toEqual({ events: [], wakeAt: null })
  })
})

describe('a rollback', () => {
  const back = { name: 'rolling-back', waves: [1], at: 0, after: 'rolled-back' } as const
  const never = (): never => {
    throw new Error('nobody has asked for more')
  }

  it('of a round goes on, however many could not be restored', () => {
    const { state } = searching()
    state.waves[1]?.counts.set([0, 0, 0, 0, 0, 0, 0, 3])
    expect(nextRollback(state, back, never, OPENS).events).toEqual([{ type: 'RollbackAdvanced', wave: 1 }])
    state.isolation = null
    expect(nextRollback(state, back, never, OPENS).events).toMatchObject([{ type: 'RollbackFinished', stopped: true }])
  })

  it('that is aborted has no end while nodes are in flight', () => {
    const { state } = searching()
    state.aborting = { rollback: false, reason: 'enough' }
    state.inFlight = 1
    expect(nextRollback(state, back, never, OPENS)).toEqual({ events: [], wakeAt: null })
    state.inFlight = 0
    expect(nextRollback(state, back, never, OPENS).events).toMatchObject([{ type: 'RollbackFinished', stopped: true }])
  })

  it('has no end while nodes come back', () => {
    const { state } = searching()
    state.rollback = { restored: 1, failed: 0, stopped: false }
    state.inFlight = 1
    expect(nextRollback(state, back, never, OPENS)).toEqual({ events: [], wakeAt: null })
  })
})

describe('the end of a run', () => {
  const AFTER = { name: 'after' } as const

  it('that stays unclear is measured again in its time, also when the window closes just now', () => {
    const { state } = opened({ waves: [{ nodes: 1 }], after: ['x'] })
    state.phase = AFTER
    state.inFlight = 0
    state.measure = {
      ...{ purpose: 'after', wave: -1, round: 1, askedAt: OPENS, last: true, n: 1, endedAt: CLOSES },
      checks: new Map([['x', 'inconclusive']]),
      failures: new Map(),
      failing: new Map(),
      unclear: new Map(),
    }
    expect(next(state, CLOSES)).toMatchObject({ events: [], wakeAt: plus(CLOSES, MINUTE) })
  })

  it('waits for those that a late report has sent on their way back', () => {
    const state = made({ waves: [{ nodes: 1 }] })
    state.driver = 'driver-1'
    state.phase = AFTER
    state.returns.set('', { cell: '', step: 'rejoin', nodes: [0], since: OPENS })
    expect(next(state, OPENS).events).toEqual([])
    state.returns.clear()
    state.steps.set(1, { id: 1, name: 'rejoin', cell: '', batch: 0, nodes: [0], n: 0, intendedAt: OPENS, until: OPENS, found: new Map() })
    expect(next(state, OPENS).events).toEqual([])
    state.steps.clear()
    expect(next(state, OPENS).events).toMatchObject([{ type: 'RunFinished', outcome: 'succeeded' }])
  })
})

describe('a command that was found', () => {
  const found = (state: RunState): void =>
    commandFound(state, { type: 'CommandFound', n: 7, commandId: 'x', cell: '', work: 'apply', document: '', nodes: [0], requestedAt: OPENS, expiresAfter: plus(OPENS, MINUTE) }) // prettier-ignore

  it('leaves alone who ended without one', () => {
    const state = made()
    state.nodes.stage[0] = STAGE.ended
    state.nodes.outcome[0] = codeOf('failed')
    found(state)
    expect([state.commands.size, state.tokenCount]).toEqual([0, 7])
  })

  it('makes unknown who comes back from an older one, until it speaks', () => {
    const state = made()
    found(state)
    state.nodes.stage[0] = STAGE.returning
    commandFound(state, { type: 'CommandFound', n: 8, commandId: 'y', cell: '', work: 'apply', document: '', nodes: [0], requestedAt: OPENS, expiresAfter: OPENS }) // prettier-ignore
    expect([state.nodes.command[0], state.nodes.stage[0], state.nodes.outcome[0]]).toEqual([8, STAGE.returning, codeOf('unknown')])
  })
})
