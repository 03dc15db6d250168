import { describe, expect, it } from 'vitest'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import { next } from '../../src/core/run/next.ts'
import type { RunState } from '../../src/core/run/state.ts'
import { end, recount } from '../../src/core/run/standing.ts'
import { TAKEN } from '../../src/core/run/steps.ts'
import type { Instant } from '../../src/kit/instant.ts'
import { explore } from './explore.ts'
import { cluster, oneByOne, plain, prepared, retrying } from './plans.ts'
import { CORE, setupOf, type Machine, type Setup } from './sim.ts'
import { RIGHT, type Left, type Rules } from './world.ts'

const core = (more: Partial<Machine>): Partial<Setup> => ({ machine: { ...CORE, ...more } })
const world = (more: Partial<Rules>): Partial<Setup> => ({ rules: { ...RIGHT, ...more } })

/** Lets the core decide by another plan than the one that it is judged by. */
function deceived(change: (plan: PlanContent) => PlanContent, when: (state: RunState) => boolean = () => true): Machine['next'] {
  return (state: RunState, now: Instant) => {
    if (!when(state)) return next(state, now)
    const copy = { ...state, plan: change(state.plan) }
    const turn = next(copy, now)
    state.dirty = copy.dirty
    return turn
  }
}

const looser = (plan: PlanContent): PlanContent => ({
  ...plan,
  waves: plan.waves.map((wave) => ({ ...wave, gate: { ...wave.gate, failuresMax: wave.gate.failuresMax + 1 } })),
})
const running = ({ waves }: RunState): boolean => waves.some(({ phase }) => phase === 'running')
const noLimits = (plan: PlanContent): PlanContent => ({ ...plan, groups: plan.groups.map((group) => ({ ...group, atMost: 99 })) })

const goneIsSkipped: Machine['evolve'] = (state, fact) => {
  CORE.evolve(state, fact)
  if (fact.event.type !== 'NodesGone') return state
  for (const position of fact.event.nodes) {
    end(state, position, 'skipped', 'gone')
    recount(state, position)
  }
  return state
}

const deafToMisses: Machine['evolve'] = (state, fact) => (fact.event.type === 'CommandMissed' ? state : CORE.evolve(state, fact))

const decidesOffTheRecord: Machine['next'] = (state, now) => {
  state.suspects += state.paused ? 1 : 0
  return next(state, now)
}

const forgetsCancels: Machine['next'] = (state, now) => {
  const turn = next(state, now)
  return { ...turn, effects: turn.effects.filter(({ kind }) => kind !== 'cancel') }
}

/** What was drained is forgotten as soon as it is. */
const forgetsDrains: Machine['evolve'] = (state, fact) => {
  CORE.evolve(state, fact)
  if (fact.event.type === 'StepIntended' && fact.event.step === 'drain')
    for (const position of fact.event.nodes) state.nodes.taken[position] = TAKEN.exit
  return state
}

// prettier-ignore
const BUGS: readonly [bug: string, plan: PlanContent, left: Partial<Left>, more: Partial<Setup>, caught: readonly string[]][] = [
  ['a resend has a token of its own',               plain,    { crashes: 1 },   world({ tokenFor: ({ copies, copyCount }, n) => (copies.some((copy) => copy.n === n) ? 1_000 + copyCount : n) }), ['I1', 'I8']],
  ['the before-record is overwritten',              retrying, { faults: 1 },    world({ remember: (node) => node.version }), ['I6']],
  ['who is gone counts as skipped',                 plain,    { faults: 1 },    core({ evolve: goneIsSkipped }), ['I5']],
  ['a node that says nothing loses its claim',      plain,    { faults: 1 },    world({ freesSilent: true }), ['I1']],
  ['an abort cancels what runs',                    plain,    { acts: 1 },      world({ cancels: (part) => part === 'pending' || part === 'running' }), ['I14']],
  ['a rollback knows no limits',                    cluster,  { acts: 1 },      core({ next: deceived(noLimits, ({ phase }) => phase.name === 'rolling-back') }), ['I2']],
  ['waves know no limits',                          cluster,  {},               core({ next: deceived(noLimits) }), ['I2']],
  ['the budget allows one more, between nodes',     oneByOne, { faults: 1 },    core({ next: deceived(looser, running) }), ['I11']],
  ['the budget allows one more, at the gate',       plain,    { faults: 1 },    core({ next: deceived(looser) }), ['I4']],
  ['a missed command is forgotten',                 plain,    { faults: 1 },    core({ evolve: deafToMisses }), ['I13']],
  ['an effect is wanted and nobody is told',        plain,    { acts: 1 },      core({ next: forgetsCancels }), ['I13']],
  ['who was drained is never put back',             prepared, {},               core({ evolve: forgetsDrains }), ['I12']],
  ['steps know no limits',                          prepared, {},               core({ next: deceived(noLimits) }), ['I2']],
  ['a decision changes what no fact says',          plain,    { acts: 1 },      core({ next: decidesOffTheRecord }), ['I5', 'I9']],
]

describe('a planted bug is found', () => {
  it.each(BUGS)('%s', (_, plan, few, more, caught) => {
    const left: Left = { faults: 0, crashes: 0, acts: 0, ...few, troubles: 1 }
    const { broken } = explore(setupOf(plan, left, more))
    expect(caught).toContain(broken?.invariant)
    expect(broken?.journal.at(-1) ?? '').toMatch(broken?.invariant === 'I13' ? /./ : /Violation/)
    expect(explore(setupOf(plan, left)).broken, 'and nothing without it').toBeNull()
  })
})
