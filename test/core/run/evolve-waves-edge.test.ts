import { describe, expect, it } from 'vitest'
import type { Purpose, RunEvent } from '../../../src/core/run/event.ts'
import {
  approveBaselines,
  fleetRead,
  gateDecided,
  measureAsked,
  rollbackStarted,
  waveDrained,
  waveStarted,
  windowOpened,
} from '../../../src/core/run/evolve-waves.ts'
import { codeOf, initial, STAGE, type RunState } from '../../../src/core/run/state.ts'
import { plan, type PlanSpec } from './plan.ts'
import { searching } from './searching.ts'
import { CLOSES, CUTOFF, OPENS, RUN } from './telling.ts'
import { trialOf } from './walk-trial.ts'

const SPEC: PlanSpec = { waves: [{ nodes: 3 }] }
const made = (spec: PlanSpec = SPEC): RunState => initial(RUN, plan(spec))
const BACK = { name: 'rolling-back', waves: [0], at: 0, after: 'rolled-back' } as const

describe('a phase', () => {
  it('of a rollback goes on whatever is told of the way forward', () => {
    const state = made()
    state.phase = BACK
    fleetRead(state, { type: 'FleetRead', down: [], gone: [], outside: [], appeared: 0, drift: null })
    gateDecided(state, { type: 'GateDecided', wave: 0, verdict: 'pass', why: [] }, OPENS)
    expect(state.phase).toEqual(BACK)
    expect(state.waves[0]?.phase).toBe('passed')
  })

  it('that begins with a window makes none of it', () => {
    const state = made()
    windowOpened(state)
    expect([state.window, state.phase.name]).toEqual([null, 'surveying'])
  })
})

describe('a measurement', () => {
  const asked = (purpose: Purpose, more: Partial<Extract<RunEvent, { type: 'MeasureAsked' }>> = {}) =>
    ({ type: 'MeasureAsked', purpose, wave: 1, round: 7, checks: [], n: 1, tokens: 1, last: false, ...more }) as const

  it('counts for a search when it looks at a try', () => {
    const { state, isolation } = searching()
    measureAsked(state, asked('gate', { tokens: 0 }), OPENS)
    expect(isolation.measures).toBe(0)
    measureAsked(state, asked('try', { tokens: 0 }), OPENS)
    expect(isolation.measures).toBe(7)
  })

  it('without a command needs no token', () => {
    const state = made()
    measureAsked(state, asked('before', { n: 9, tokens: 0 }), OPENS)
    expect([state.tokenCount, state.measure?.round]).toEqual([0, 7])
  })
})

describe('a wave', () => {
  it('begins with nobody in line but its own, by the chains that its own limits make', () => {
    const nodes = Array.from({ length: 4 }, () => ({ groups: [0] }))
    const state = made({ waves: [{ nodes, tighter: [{ group: 0, atMost: 2 }] as never }], groups: [{ atMost: 4 }] })
    state.waiting.lanes.set('old', [3])
    state.nodes.stage[3] = STAGE.ended
    waveStarted(state, 0, OPENS)
    expect([...state.waiting.lanes.values()]).toEqual([[0, 1, 2]])
    expect([...state.waiting.chain]).toEqual([2, 1, 1, 0])
  })

  it('does not drain while somebody waits', () => {
    const state = made()
    waveStarted(state, 0, OPENS)
    expect(() => waveDrained(state, 0, OPENS)).toThrow('a wave drains when')
  })
})

describe('baselines are approved', () => {
  const SAVED = { path: '/p', version: 1, digest: '' }
  const storing = (trial: PlanSpec['trial']): RunState => {
    const state = made({ ...SPEC, act: 'trial', trial: trial ?? null })
    state.phase = { name: 'storing' }
    state.storing = 2
    state.stored.set('a', SAVED).set('b', SAVED)
    return state
  }
  const TRIAL = trialOf(SPEC.waves, false)

  it.each<[it: string, trial: PlanSpec['trial'], one: (state: RunState) => void, wanted: boolean]>([
    ['when all are stored and nobody is to be asked', TRIAL, () => undefined, true],
    ['not when one of them is not there yet', TRIAL, (state) => state.stored.delete('b'), false],
    ['not when one of them was refused', TRIAL, (state) => state.stored.set('b', { refused: 'no' }), false],
    ['not before they are to be stored', TRIAL, (state) => (state.phase = { name: 'waves', wave: 0 }), false],
    ['not in a run that stores none', null, () => undefined, false],
  ])('%s', (_, trial, one, wanted) => {
    const state = storing(trial)
    one(state)
    approveBaselines(state)
    expect(state.activities.has('approve-baselines')).toBe(wanted)
  })
})

describe('the way back', () => {
  it('puts those in line that may have been changed, who is out first; whose command is open waits for its end', () => {
    const state = made({ waves: [{ nodes: 5 }] })
    state.window = { opens: OPENS, cutoff: CUTOFF, closes: CLOSES, startAt: OPENS, openBy: OPENS, lastStart: CUTOFF, native: '', nativeDigest: '', opened: true } // prettier-ignore
    state.nodes.stage.fill(STAGE.ended)
    state.nodes.touched.set([1, 1, 1, 1, 0])
    state.nodes.outcome.set([codeOf('failed'), codeOf('patched'), codeOf('patched'), codeOf('patched'), codeOf('skipped')])
    state.nodes.out[0] = 1
    state.nodes.command[3] = 4
    state.openCommands.add(4)
    rollbackStarted(state, { type: 'RollbackStarted', waves: [0], nodes: 4, outside: false, why: '' })
    expect([...state.waiting.lanes.values()]).toEqual([[0, 2, 1]])
    expect([...state.nodes.stage]).toEqual([STAGE.waiting, STAGE.waiting, STAGE.waiting, STAGE.retrying, STAGE.ended])
  })
})
