import { describe, expect, it } from 'vitest'
import { explore, type Explored } from './explore.ts'
import { pair } from './pair.ts'
import { asleep, breaking, checked, frosty, left as mine, lively, undoing, lone, plain, right, trial, verified } from './plans.ts'
import { setupOf, type Setup } from './sim.ts'
import { solo } from './solo.ts'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { Left } from './world.ts'

const ONE: Left = { troubles: 1, faults: 1, crashes: 1, acts: 1 }
const NONE: Left = { troubles: 0, faults: 0, crashes: 0, acts: 0 }

const of = (plan: PlanContent, left: Left, more: Partial<Setup> = {}): Explored => explore(solo(setupOf(plan, left, more)), { alike: true })

// prettier-ignore
const GAMES: readonly [name: string, look: () => Explored][] = [
  ['two waves, an inbox, two drivers',  () => of(plain, ONE, { inbox: true, fence: true })],
  ['a window that is changed',          () => of(checked, ONE, { narrows: true })],
  ['a cell that is refused',            () => of(lone, { ...ONE, troubles: 2 }, { denies: true })],
  ['a trial',                           () => of(trial, ONE)],
  ['Patch Manager',                     () => of(verified, ONE)],
  ['freezes, hooks, a drain',           () => of(frosty, ONE, { freezes: true })],
  ['freezes that may be broken',        () => of(breaking, ONE, { freezes: true, breaks: true })],
  ['root volumes, nodes that sleep',    () => of(asleep, ONE)],
  ['live patches',                      () => of(lively, ONE)],
  ['an undo',                           () => of(undoing, ONE)],
  ['two runs',                          () => explore(pair(setupOf(mine, NONE), setupOf(right, NONE, { run: '01900000-0000-7000-8000-000000000002' })), { alike: true })],
]

describe('states that are taken for the same', () => {
  it.each(GAMES)('have the same future: %s', (_, look) => {
    expect(look().broken).toBeNull()
  })

  it('are told apart where something else may happen', () => {
    const game = solo(setupOf(plain, NONE))
    const blind = { ...game, rest: () => 'alike' }
    expect(explore(blind, { alike: true }).broken?.invariant).toBe('key')
  })
})
