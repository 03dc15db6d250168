import { afterAll, describe, expect, it } from 'vitest'
import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { EventType } from '../../src/core/run/event.ts'
import { explore } from './explore.ts'
import { checked, cluster, plain, prepared, retrying, trial, turns, verified } from './plans.ts'
import { setupOf, type Setup } from './sim.ts'
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

// prettier-ignore
const RUNS: readonly [name: string, plan: PlanContent, left: Left, more: Partial<Setup>][] = [
  ['two waves of 2 + 1 nodes',                plain,    { troubles: 2, faults: 2, crashes: 1, acts: 1 }, {}],
  ['one of a cluster at a time',              cluster,  { troubles: 2, faults: 1, crashes: 1, acts: 0 }, {}],
  ['zones that take turns, beside a rival',   turns,    { troubles: 2, faults: 1, crashes: 1, acts: 0 }, { rival: true }],
  ['a hard budget and a second attempt',      retrying, { troubles: 2, faults: 2, crashes: 0, acts: 0 }, {}],
  ['bake, checks, all of it back; torn',      checked,  { troubles: 2, faults: 2, crashes: 1, acts: 1 }, { torn: true }],
  ['a trial',                                 trial,    { troubles: 2, faults: 2, crashes: 1, acts: 1 }, {}],
  ['drained, quiet, one at a time; torn',      prepared, { troubles: 2, faults: 2, crashes: 1, acts: 1 }, { torn: true, rival: true }],
  ['by Patch Manager, which knows no token',  verified, { troubles: 2, faults: 2, crashes: 1, acts: 1 }, { rules: TOKENLESS }],
]

/** Which kinds of facts the default run meets. Not met: what stands before its beginning, what nobody records any more, what changes nothing, and what only `deep` asks for. */
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
  WindowNarrowed: false,
  WindowMissed: false,
  FreezesRead: true,
  FreezeBroken: false,
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
  CommandFound: false,
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
  IsolationStarted: false,
  PatchesGrouped: false,
  TriesChosen: false,
  TriesDrained: false,
  TryJudged: false,
  CulpritsFound: false,
  IsolationEnded: false,
  BaselineStored: true,
  BaselineRefused: true,
  BaselinesApproved: true,
  Paused: true,
  Resumed: true,
  AbortAsked: true,
  RollbackAsked: false,
  SteeringRefused: false,
  MessageUnread: false,
  RunFinished: true,
}

describe('every state that a small run can reach', () => {
  const told: string[] = []
  const facts = new Set<EventType>()
  afterAll(() => console.log(['explored, with the troubles of one path bounded:', ...told].join('\n  ')))

  it.each(RUNS)(
    '%s',
    (name, plan, bounds, more) => {
      const left = DEEP ? deep : bounds
      const found = explore(setupOf(plan, left, DEEP ? { torn: true, wide: true, rival: plan.groups.length > 0 } : more))
      const { troubles, faults, crashes, acts } = left
      told.push(
        `${name}: ${found.states} states, ${found.transitions} transitions, ${found.ends} ends (troubles ${troubles}: faults ${faults}, crashes ${crashes}, acts ${acts})`,
      )
      for (const fact of found.facts) facts.add(fact)
      expect(found.broken).toBeNull()
      expect(found.states).toBeGreaterThan(10_000)
      expect(found.ends).toBeGreaterThan(100)
    },
    DEEP ? 6 * 3_600_000 : 300_000,
  )

  it('together they see every kind of fact that a run of this shape can record', () => {
    const missing = Object.entries(KINDS).flatMap(([kind, met]) => (met && !facts.has(kind as EventType) ? [kind] : []))
    expect(missing).toEqual([])
  })
})
