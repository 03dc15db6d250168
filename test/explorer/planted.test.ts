import { afterAll, describe, expect, it } from 'vitest'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { EventType } from '../../src/core/run/event.ts'
import { next } from '../../src/core/run/next.ts'
import type { RunState } from '../../src/core/run/state.ts'
import { end, recount } from '../../src/core/run/standing.ts'
import { CHANGED, TAKEN } from '../../src/core/run/steps.ts'
import type { Instant } from '../../src/kit/instant.ts'
import { explore, type Explored } from './explore.ts'
import { pair } from './pair.ts'
import {
  asking,
  asleep,
  attended,
  breaking,
  checked,
  frosty,
  undoing,
  cells,
  cluster,
  late,
  left as mine,
  LINES,
  lone,
  oneByOne,
  plain,
  prepared,
  retrying,
  seeking,
  shared,
} from './plans.ts'
import { solo } from './solo.ts'
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

const decidesOffTheRecord: Machine['next'] = (state, now) => {
  state.suspects += state.paused ? 1 : 0
  return next(state, now)
}

/** The gate looks at no node that a late word has sent on its way back. */
const passesEarly: Machine['next'] = (state, now) => {
  if (!state.waves.some(({ phase }) => phase === 'drained')) return next(state, now)
  const copy = { ...state, steps: new Map(), returns: new Map() }
  const turn = next(copy, now)
  state.dirty = copy.dirty
  return turn
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

const forgetsStarts: Machine['evolve'] = (state, fact) => {
  CORE.evolve(state, fact)
  if (fact.event.type === 'StepEnded')
    for (const position of fact.event.nodes) state.nodes.taken[position] = (state.nodes.taken[position] ?? 0) & ~TAKEN.start
  return state
}

/** What a late word says is not looked at any more. */
const looksOnce: Machine['evolve'] = (state, fact) => {
  CORE.evolve(state, fact)
  for (let position = 0; position < state.nodes.count; position++)
    if (state.nodes.changed[position] === CHANGED.reportedLate) state.nodes.changed[position] = CHANGED.reported
  return state
}

const seesNoFreeze: Machine['evolve'] = (state, fact) => {
  const { event } = fact
  return CORE.evolve(state, event.type === 'FreezesRead' ? { ...fact, event: { ...event, from: [], to: [], why: [], source: [] } } : fact)
}

/** The runbook's wish to be asked first is not looked at. */
const asksNobody = (plan: PlanContent): PlanContent => {
  const { runbook } = plan
  return { ...plan, runbook: { ...runbook, window: runbook.window && { ...runbook.window, breakFreeze: null } } }
}

const noHookBefore = (plan: PlanContent): PlanContent => ({
  ...plan,
  runbook: { ...plan.runbook, hooks: { ...plan.runbook.hooks, before: null } },
})

/** Only the newest wave goes back. */
const stopsHalfWay: Machine['evolve'] = (state, fact) => {
  const { event } = fact
  return CORE.evolve(state, event.type === 'RollbackStarted' ? { ...fact, event: { ...event, waves: event.waves.slice(0, 1) } } : fact)
}

/** Whoever could begin is given up instead, as if a limit held it. */
const givesUp: Machine['next'] = (state, now) => {
  const turn = next(state, now)
  const [event] = turn.events
  return event?.type === 'BatchChosen'
    ? { ...turn, events: [{ type: 'NodesSkipped', nodes: event.nodes, reason: 'disruption-held' }] }
    : turn
}

/** Nobody is woken when the patience with a refused cell ends. */
const neverGivesUp: Machine['next'] = (state, now) => {
  const turn = next(state, now)
  return state.phase.name === 'rolling-back' && state.refusals.size > 0 ? { ...turn, wakeAt: null } : turn
}

/** A try of which nothing could be told counts against its patches. */
const blamesOnDoubt: Machine['evolve'] = (state, fact) => {
  const { event } = fact
  const doubted = event.type === 'TryJudged' && event.verdict === 'unclear' && state.isolation?.tries.get(event.node)?.units.length !== 0
  return CORE.evolve(state, doubted ? { ...fact, event: { ...event, verdict: 'bad' } } : fact)
}

const deafTo =
  (type: EventType): Machine['evolve'] =>
  (state, fact) =>
    fact.event.type === type ? state : CORE.evolve(state, fact)

const INBOX = { inbox: true, fence: true }
const GUILTY = { culprits: { lines: LINES, bad: [1] } }

// prettier-ignore
const BUGS: readonly [bug: string, plan: PlanContent, left: Partial<Left>, more: Partial<Setup>, caught: readonly string[], scope?: Partial<Setup>][] = [
  ['a resend has a token of its own',               plain,    { crashes: 1 },   world({ tokenFor: ({ copies, copyCount }, n) => (copies.some((copy) => copy.n === n) ? 1_000 + copyCount : n) }), ['I1', 'I8']],
  ['the before-record is overwritten',              retrying, { faults: 1 },    world({ remember: (node) => node.version }), ['I6']],
  ['who is gone counts as skipped',                 plain,    { faults: 1 },    core({ evolve: goneIsSkipped }), ['I5']],
  ['a node that says nothing loses its claim',      plain,    { faults: 1 },    world({ freesSilent: true }), ['I1']],
  ['an abort cancels what runs',                    plain,    { acts: 1 },      world({ cancels: (part) => part === 'pending' || part === 'running' }), ['I14']],
  ['a rollback knows no limits',                    cluster,  { acts: 1 },      core({ next: deceived(noLimits, ({ phase }) => phase.name === 'rolling-back') }), ['I2']],
  ['waves know no limits',                          cluster,  {},               core({ next: deceived(noLimits) }), ['I2']],
  ['the budget allows one more, between nodes',     oneByOne, { faults: 1 },    core({ next: deceived(looser, running) }), ['I11']],
  ['the budget allows one more, at the gate',       plain,    { faults: 1 },    core({ next: deceived(looser) }), ['I4']],
  ['a missed command is forgotten',                 plain,    { faults: 1 },    core({ evolve: deafTo('CommandMissed') }), ['I13']],
  ['an effect is wanted and nobody is told',        plain,    { acts: 1 },      core({ next: forgetsCancels }), ['I13']],
  ['who was drained is never put back',             prepared, {},               core({ evolve: forgetsDrains }), ['I12']],
  ['a gate passes before a node is back',           late,     { faults: 1 },    core({ next: passesEarly }), ['I4']],
  ['steps know no limits',                          prepared, {},               core({ next: deceived(noLimits) }), ['I2']],
  ['a note that was answered stays in the inbox',   asking,   { acts: 1, crashes: 1 }, world({ keepsNotes: true }), ['I9'], INBOX],
  ['a driver that was replaced may append',         plain,    { crashes: 1 },   world({ outruns: () => true }), ['I1', 'I9', 'assert'], INBOX],
  ['a refused cell is waited for without end',      lone,     { faults: 2 },    core({ next: neverGivesUp }), ['I13'], { denies: true }],
  ['a command without an intent is not counted',    cells,    { crashes: 1 },   core({ evolve: deafTo('CommandFound') }), ['I1', 'I5', 'I8', 'assert'], { loses: true }],
  ['a window that narrows stays wide',              plain,    { faults: 1 },    core({ evolve: deafTo('WindowNarrowed') }), ['I3'], { narrows: true }],
  ['a patch is blamed for what nobody could tell',  seeking,   { faults: 1 },   core({ evolve: blamesOnDoubt }), ['I7'], GUILTY],
  ['a freeze is not seen',                          frosty,   { faults: 1 },    core({ evolve: seesNoFreeze }), ['I3'], { freezes: true }],
  ['a freeze is broken and nobody was asked',       breaking, { faults: 1 },    core({ next: deceived(asksNobody) }), ['I3'], { freezes: true, breaks: true }],
  ['who was started is never stopped again',        asleep,   {},               core({ evolve: forgetsStarts }), ['I12']],
  ['a late word is not looked at by its hook',      attended, { crashes: 1 },   core({ evolve: looksOnce }), ['I5']],
  ['the hook before a change is left out',          attended, {},               core({ next: deceived(noHookBefore) }), ['I12', 'assert']],
  ['the way back ends before the first wave',       checked,  { faults: 1 },    core({ evolve: stopsHalfWay }), ['I6']],
  ['an undo goes on beyond its budget',             undoing,  { faults: 1 },    core({ next: deceived(looser, running) }), ['I11']],
  ['nodes are given up for limits that hold nothing', frosty, {},               core({ next: givesUp }), ['I5']],
  ['a decision changes what no fact says',          plain,    { acts: 1 },      core({ next: decidesOffTheRecord }), ['I5', 'I9']],
]

/** Bugs in how the store of two runs is asked. */
const PAIR_BUGS: readonly [bug: string, looks: Rules['looks'], caught: readonly string[]][] = [
  ['hands of other runs are not looked at', { hands: false, limits: true }, ['I1']],
  ['limits are not counted over all runs', { hands: true, limits: false }, ['I2']],
]

const SECOND_RUN = '01900000-0000-7000-8000-000000000002'

describe('a planted bug is found', () => {
  const paths: string[] = []
  afterAll(() => console.log(['planted, and found after so many moves:', ...paths].join('\n  ')))

  const finds = (bug: string, { broken }: Explored, caught: readonly string[]): void => {
    expect(caught).toContain(broken?.invariant)
    expect(broken?.journal.join('\n')).toMatch(broken?.invariant === 'I13' ? /onward/ : /Violation|Bug/)
    paths.push(`${bug}: ${broken?.moves.length}, the last of them "${broken?.moves.at(-1)}": ${broken?.message}`)
  }

  it.each(BUGS)('%s', (bug, plan, few, more, caught, scope = {}) => {
    const own = { faults: 0, crashes: 0, acts: 0, ...few }
    const left: Left = { ...own, troubles: Math.max(1, own.faults + own.crashes + own.acts) }
    finds(bug, explore(solo(setupOf(plan, left, { ...scope, ...more }))), caught)
    expect(explore(solo(setupOf(plan, left, scope))).broken, 'and nothing without it').toBeNull()
  })

  it.each(PAIR_BUGS)('%s', (bug, looks, caught) => {
    const left: Left = { troubles: 0, faults: 0, crashes: 0, acts: 0 }
    const both = (more: Partial<Setup>): Explored =>
      explore(pair(setupOf(mine, left, more), setupOf(shared, left, { ...more, run: SECOND_RUN })))
    finds(bug, both(world({ looks })), caught)
    expect(both({}).broken, 'and nothing without it').toBeNull()
  })
})
