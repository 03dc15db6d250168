import { afterAll, describe, expect, it } from 'vitest'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { EventType } from '../../src/core/run/event.ts'
import { explore, type Explored } from './explore.ts'
import { pair } from './pair.ts'
import {
  again,
  asking,
  asleep,
  attended,
  breaking,
  cells,
  checked,
  cluster,
  frosty,
  handed,
  late,
  left as mine,
  LINES,
  lively,
  lone,
  plain,
  prepared,
  retrying,
  right,
  searching,
  shaky,
  shared,
  trial,
  turns,
  undoing,
  verified,
  zone,
  zones,
} from './plans.ts'
import { setupOf, type Setup } from './sim.ts'
import { solo } from './solo.ts'
import { RIGHT, type Left, type Rules } from './world.ts'

/**
 * Every state of the core that small runs can reach, whatever SSM, the nodes, the operators and the drivers do within the bounds. What is bounded: `troubles`
 * is how much goes wrong on one path altogether: at most so many faults (of the world, or of something that dawdles while time passes), crashes of the driver and acts
 * of an operator. What is not trouble is not bounded: the order in which anything is answered, started, ended, reported, once or twice. Time passes only to instants at
 * which something is due; how far ahead they are is told apart to the second below two minutes, to the minute below two hours, then to half an hour.
 * `EXPLORE=deep` looks further and takes hours.
 */
const DEEP = process.env['EXPLORE'] === 'deep'
const deep: Left = { troubles: 3, faults: 2, crashes: 2, acts: 1 }

/** Patch Manager knows no token: it installs as often as it is sent. */
const TOKENLESS: Rules = {
  ...RIGHT,
  tokenFor: ({ copies, copyCount }, n, work) => (work === 'apply' && copies.some((copy) => copy.n === n) ? 1_000 + copyCount : n),
}

const of =
  (plan: PlanContent, more: Partial<Setup> = {}) =>
  (left: Left) =>
    explore(solo(setupOf(plan, left, DEEP ? { ...more, torn: true, wide: true, rival: more.rival ?? plan.groups.length > 0 } : more)))

/** Two real runs over one cluster, from the moment when both may change nodes. */
const two =
  (other: PlanContent, first = mine) =>
  (left: Left) =>
    explore(pair(setupOf(first, left), setupOf(other, left, { run: SECOND_RUN })))

const SECOND_RUN = '01900000-0000-7000-8000-000000000002'

const INBOX = { inbox: true, fence: true }
const GUILTY = { culprits: { lines: LINES, bad: [1] } }

// prettier-ignore
const RUNS: readonly [name: string, look: (left: Left) => Explored, left: Left, further?: Left][] = [
  ['two waves of 2 + 1 nodes',                of(plain),                            { troubles: 2, faults: 2, crashes: 1, acts: 0 }],
  ['one of a cluster at a time',              of(cluster),                          { troubles: 2, faults: 1, crashes: 1, acts: 0 }],
  ['zones that take turns, beside a rival',   of(turns, { rival: true }),           { troubles: 2, faults: 1, crashes: 1, acts: 0 }],
  ['a hard budget and a second attempt',      of(retrying),                         { troubles: 2, faults: 2, crashes: 0, acts: 0 }],
  ['bake, checks, all of it back; torn',      of(checked, { torn: true }),          { troubles: 2, faults: 1, crashes: 1, acts: 1 }],
  ['a trial',                                 of(trial),                            { troubles: 2, faults: 1, crashes: 1, acts: 1 }],
  ['drained, quiet, one at a time; torn',     of(prepared, { torn: true, rival: true }), { troubles: 2, faults: 1, crashes: 1, acts: 1 }],
  ['by Patch Manager, which knows no token',  of(verified, { rules: TOKENLESS }),   { troubles: 2, faults: 2, crashes: 1, acts: 1 }],
  ['two runs over one cluster; crashes',      two(right),                           { troubles: 1, faults: 0, crashes: 1, acts: 0 }, { troubles: 1, faults: 1, crashes: 1, acts: 1 }],
  ['two runs over one cluster; one tries again', two(shared, again),              { troubles: 1, faults: 1, crashes: 0, acts: 0 }, { troubles: 2, faults: 2, crashes: 0, acts: 0 }],
  ['two runs over zones that take turns',     two(zone, zones),                     { troubles: 1, faults: 1, crashes: 0, acts: 0 }, { troubles: 2, faults: 1, crashes: 1, acts: 0 }],
  ['inbox and approvals, two drivers; torn',  of(asking, { ...INBOX, torn: true }), { troubles: 2, faults: 0, crashes: 1, acts: 2 }],
  ['a cell that AWS refuses and takes back',  of(lone, { denies: true }),           { troubles: 3, faults: 2, crashes: 1, acts: 1 }],
  ['one of two cells that AWS refuses',       of(cells, { denies: true }),          { troubles: 1, faults: 1, crashes: 0, acts: 0 }, { troubles: 2, faults: 2, crashes: 1, acts: 0 }],
  ['a store that loses its end',              of(shaky, { loses: true }),           { troubles: 1, faults: 0, crashes: 1, acts: 0 }, { troubles: 2, faults: 1, crashes: 1, acts: 0 }],
  ['a maintenance window that is changed',    of(checked, { narrows: true }),       { troubles: 2, faults: 1, crashes: 1, acts: 0 }],
  ['a late word while a gate bakes',          of(late),                             { troubles: 2, faults: 2, crashes: 0, acts: 1 }],
  ['every hook, tried twice, all of it back; torn', of(attended, { torn: true }),   { troubles: 2, faults: 2, crashes: 1, acts: 1 }],
  ['hooks, and a store that loses its end',   of(attended, { loses: true }),        { troubles: 2, faults: 1, crashes: 1, acts: 0 }],
  ['started, in standby, back by root volume', of(asleep),                          { troubles: 2, faults: 2, crashes: 1, acts: 0 }],
  ['Patch Manager, tried twice, all of it back', of(handed, { rules: TOKENLESS }),  { troubles: 2, faults: 2, crashes: 1, acts: 0 }],
  ['freezes that come and go',                of(frosty, { freezes: true }),        { troubles: 2, faults: 1, crashes: 1, acts: 1 }],
  ['freezes that may be broken',              of(breaking, { freezes: true, breaks: true }), { troubles: 2, faults: 2, crashes: 0, acts: 1 }],
  ['an undo of an earlier run',               of(undoing),                          { troubles: 2, faults: 2, crashes: 1, acts: 1 }],
  ['live patches before the packages',        of(lively),                           { troubles: 2, faults: 1, crashes: 1, acts: 1 }],
  ['a trial that looks for its culprit',      of(searching, GUILTY),                { troubles: 1, faults: 1, crashes: 0, acts: 0 }, { troubles: 1, faults: 1, crashes: 1, acts: 1 }],
]

/** Which kinds of facts the default run meets. Not met: what stands before its beginning, and what nobody records any more. */
const KINDS: Readonly<Record<EventType, boolean>> = {
  RunRequested: false,
  PlanPinned: false,
  ApprovalAsked: true,
  ApprovalGiven: true,
  ApprovalRefused: true,
  ApprovalExpired: true,
  DriverTook: true,
  WindowChosen: true,
  WindowOpened: true,
  WindowNarrowed: true,
  WindowMissed: true,
  FreezesRead: true,
  FreezeBroken: true,
  WindowEnded: true,
  FleetRead: true,
  CellPrepared: true,
  CellRefused: true,
  ScanAsked: true,
  NodesScanned: true,
  NodesUnscanned: true,
  ScanFinished: true,
  ListsPinned: true,
  MeasureAsked: true,
  CheckMeasured: true,
  WaveStarted: true,
  BatchChosen: true,
  BatchRead: true,
  BatchDropped: true,
  NodesBusy: true,
  BatchAged: true,
  StepIntended: true,
  StepFound: true,
  StepEnded: true,
  CommandIntended: true,
  CommandSent: true,
  CommandFound: true,
  CommandRefused: true,
  CommandUnclear: true,
  CommandMissed: true,
  NodesReported: true,
  NodesGone: true,
  CommandClosed: true,
  NodesSkipped: true,
  CancelAsked: false,
  CancelDone: true,
  WaveDrained: true,
  GateHeld: true,
  GateExpired: true,
  GateDecided: true,
  RollbackStarted: true,
  RollbackAdvanced: true,
  RollbackFinished: true,
  IsolationStarted: true,
  PatchesGrouped: true,
  TriesChosen: true,
  TriesDrained: true,
  TryJudged: true,
  CulpritsFound: true,
  IsolationEnded: true,
  BaselineStored: true,
  BaselineRefused: true,
  BaselinesApproved: true,
  Paused: true,
  Resumed: true,
  AbortAsked: true,
  RollbackAsked: true,
  SteeringRefused: true,
  MessageUnread: true,
  RunFinished: true,
}

describe('every state that a small run can reach', () => {
  const told: string[] = []
  const facts = new Set<EventType>()
  afterAll(() => console.log(['explored, with the troubles of one path bounded:', ...told].join('\n  ')))

  it.each(RUNS)(
    '%s',
    (name, look, bounds, further = deep) => {
      const left = DEEP ? further : bounds
      const found = look(left)
      const { troubles, faults, crashes, acts } = left
      told.push(
        `${name}: ${found.states} states, ${found.transitions} transitions, ${found.ends} ends, one in reach of ${found.reaching} (troubles ${troubles}: faults ${faults}, crashes ${crashes}, acts ${acts})`,
      )
      for (const fact of found.facts) facts.add(fact)
      expect(found.broken).toBeNull()
      expect(found.reaching, 'no state without a way to an end').toBe(found.states)
      expect(found.states).toBeGreaterThan(2_000)
      expect(found.ends).toBeGreaterThan(100)
    },
    DEEP ? 6 * 3_600_000 : 900_000,
  )

  it('together they see every kind of fact that a run of this shape can record', () => {
    const missing = Object.entries(KINDS).flatMap(([kind, met]) => (met && !facts.has(kind as EventType) ? [kind] : []))
    expect(missing).toEqual([])
    const unlisted = [...facts].filter((kind) => !KINDS[kind])
    expect(unlisted, 'met after all').toEqual([])
  })
})
