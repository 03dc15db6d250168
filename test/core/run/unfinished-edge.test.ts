import { describe, expect, it } from 'vitest'
import { initial, type RunState } from '../../../src/core/run/state.ts'
import { goesOnInNextWindow, windowBegins, windowEnds } from '../../../src/core/run/unfinished.ts'
import { HOUR, plus } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { OPENS, RUN } from './telling.ts'

/** A run from window to window, of two waves, after two windows in a row that brought nothing; it has what it had when this one opened. */
function vain(spec: Partial<PlanSpec> = {}): RunState {
  const state = initial(RUN, plan({ waves: [{ nodes: 3 }, { nodes: 2 }], unfinished: 'next-window', ...spec }))
  state.vainWindows = 2
  windowBegins(state)
  return state
}

const patchOne = (state: RunState): void => void state.waves[0]?.counts.set([2, 1])
const frozen = (state: RunState): void =>
  void (state.frost = { freezes: [{ from: OPENS, to: plus(OPENS, HOUR), why: '', source: '' }], again: null, epoch: 0 })

describe('what a window has before it', () => {
  it('are the open nodes, and the waves that have not passed', () => {
    const state = vain()
    expect(state.leftAtOpening).toBe(7)
    patchOne(state)
    windowBegins(state)
    expect(state.leftAtOpening).toBe(6)
    for (const wave of state.waves) wave.phase = 'passed'
    windowBegins(state)
    expect(state.leftAtOpening).toBe(4)
  })
})

describe('what a window leaves over', () => {
  // prettier-ignore
  it.each<[it: string, one: (state: RunState) => void, goesOn: boolean, vainWindows: number]>([
    ['nothing was brought for the third time', () => undefined,                        false, 3],
    ['nothing was brought for the second time', (state) => { state.vainWindows = 1 },  true,  2],
    ['a node came further',                   patchOne,                                true,  0],
    ['a wave passed',                         (state) => { state.waves.slice(0, 1).forEach((wave) => (wave.phase = 'passed')) }, true, 0],
    ['a person held the run',                 (state) => { state.paused = true },      true,  2],
    ['a freeze held it',                      frozen,                                  true,  2],
  ])('when %s', (_, one, goesOn, vainWindows) => {
    const state = vain()
    one(state)
    expect(goesOnInNextWindow(state, OPENS)).toBe(goesOn)
    windowEnds(state, OPENS)
    expect(state.vainWindows).toBe(vainWindows)
  })

  it('is for no other window when it is stopped, tried, or has no window of its own', () => {
    const hopeful = (state: RunState): RunState => ({ ...state, vainWindows: 0 })
    expect(goesOnInNextWindow(hopeful(vain()), OPENS)).toBe(true)
    expect(goesOnInNextWindow(hopeful(vain({ unfinished: 'stop' })), OPENS)).toBe(false)
    expect(goesOnInNextWindow(hopeful(vain({ act: 'trial' })), OPENS)).toBe(false)
    expect(goesOnInNextWindow({ ...hopeful(vain()), aborting: { rollback: false, reason: '' } }, OPENS)).toBe(false)
    const { plan: content, ...state } = hopeful(vain())
    expect(goesOnInNextWindow({ ...state, plan: { ...content, runbook: { ...content.runbook, window: null } } }, OPENS)).toBe(false)
  })
})
