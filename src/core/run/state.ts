import { assert, known } from '../../kit/assert.ts'
import { cellKey, type RunId } from '../../kit/ids.ts'
import { instant, type Instant } from '../../kit/instant.ts'
import type { PlanContent, PlannedWave } from '../plan/plan.ts'
import type { Effect } from './effect.ts'
import type { Isolation } from './isolation.ts'
import type { FreezesKnown, Opening } from './opening.ts'
import type { Approval, Batch, Command, Measure, ReturnLine, Step, WaveState } from './parts.ts'
import { setsOf } from './sets.ts'
import { OUTCOMES, type Actor, type Outcome, type RunOutcome, type Subject } from './event.ts'

/** Where a node stands in the work at hand. `returning`: its change is over, and it is being brought back into service. */
export const STAGE = { idle: 0, waiting: 1, chosen: 2, flying: 3, ended: 4, retrying: 5, returning: 6 } as const
export type Stage = (typeof STAGE)[keyof typeof STAGE]

/** Code of an outcome in `Nodes.outcome`. */
export const codeOf = (outcome: Outcome): number => OUTCOMES.indexOf(outcome)

/** All that a run knows of its nodes, by position in the plan. */
export type Nodes = {
  readonly count: number
  readonly cell: Uint16Array
  readonly wave: Int16Array
  readonly list: Int32Array
  readonly stage: Uint8Array
  readonly outcome: Uint8Array
  /** The outcome of the apply, kept while a rollback gives the node another one. */
  readonly applied: Uint8Array
  /** A change was intended and not refused: rollback may be needed. */
  readonly touched: Uint8Array
  /** Out of service, as the disruption limits count it. */
  readonly out: Uint8Array
  /** It was seen to be down: out of service whatever we do to it. */
  readonly down: Uint8Array
  /** Intents that named it and were not refused. */
  readonly attempts: Uint8Array
  /** The number of the last intent that named it; 0: none. */
  readonly command: Int32Array
  readonly missing: Int32Array
  /** When the node itself ended its last script, in whole seconds since the epoch; 0: unknown. */
  readonly endedSeconds: Float64Array
  /** What may have been taken out of service and is not known to be back: bits of `TAKEN`. */
  readonly taken: Uint8Array
  /** While it comes back: the position in the steps after a change that is next, or under way. */
  readonly after: Uint8Array
  /** Its change was reported, so what proves or follows a change is due. */
  readonly changed: Uint8Array
  /** Digests of scanned lists (trial) by position. */
  readonly scanned: Map<number, string>
  readonly reason: string[]
}

export type Phase = Readonly<
  | { name: 'requested' }
  | { name: 'awaiting-window' }
  | { name: 'surveying' }
  | { name: 'before' }
  | { name: 'scanning' }
  | { name: 'classifying' }
  | { name: 'waves'; wave: number }
  | { name: 'storing' }
  | { name: 'after' }
  | { name: 'rolling-back'; waves: readonly number[]; at: number; after: RunOutcome }
  | { name: 'isolating' }
  | { name: 'finished'; outcome: RunOutcome; reason: string }
>

/** The run as its journal tells it. Only `evolve` changes it, in place. */
export type RunState = {
  readonly run: RunId
  readonly plan: PlanContent
  readonly cells: readonly string[]
  readonly nodes: Nodes
  phase: Phase
  /** SHA-256 of the plan's content. */
  planDigest: string
  requestedBy: Actor | null
  /** Asked for with `--now`. */
  atOnce: boolean
  undoes: RunId | null
  driver: string | null
  epoch: number
  window: Opening | null
  /** The opening for which the schedule requested it. */
  opening: Instant | null
  requestedAt: Instant
  /** Why it was asked for. */
  reason: string
  breakFreeze: boolean
  /** Freezes, once they were read for this opening. */
  frost: FreezesKnown | null
  /** Freezes that were broken on record. */
  readonly broken: Set<string>
  paused: boolean
  aborting: { readonly rollback: boolean; readonly reason: string } | null
  rollbackAsked: string | null
  /** Cells by key: prepared, or refused with the reason. Absent: not asked yet. */
  readonly prepared: Map<string, string | true>
  /** Cells that were refused after they had been prepared, and since when; gone once a command is sent there again. */
  readonly refusals: Map<string, Instant>
  readonly waves: WaveState[]
  readonly approvals: Approval[]
  readonly batches: Map<number, Batch>
  readonly commands: Map<number, Command>
  /** Commands that are not closed. */
  readonly openCommands: Set<number>
  /** Doubtful commands of which it is proved by now that they were never sent. */
  readonly unsent: Set<number>
  batchCount: number
  stepCount: number
  readonly steps: Map<number, Step>
  /** Nodes that come back and wait for their next step, by `cell|step`. */
  readonly returns: Map<string, ReturnLine>
  /** What was taken out of service for a node, by `<position>:<step>`, as `StepFound` told it. Gone once it is back. */
  readonly things: Map<string, string>
  /** Nodes that could not be brought back wholly, and what is missing. */
  readonly notBack: Map<number, string[]>
  /** Nodes whose packages or kernel the step before their change has changed, or may have. */
  readonly livePatched: Set<number>
  /** Nodes of which an attempt that was followed by another one has changed something. */
  readonly changedEarlier: Set<number>
  /** The last number given to a token. */
  tokenCount: number
  /** Nodes chosen or in flight. */
  inFlight: number
  /** Nodes that wait for their last command to close before they get a new token. */
  retrying: number
  /** Nodes that failed and wait for another attempt. They keep their places: each may still be a failure. */
  suspects: number
  /** Nodes of the current wave that still wait for a place. */
  waitingCount: number
  readonly waiting: Waiting
  readonly groupOut: Int32Array
  /** Set of each group (`oneAtATime`) by position in `sets`; -1: none. */
  readonly groupSet: Int32Array
  readonly setMembers: readonly (readonly number[])[]
  /** How many groups of a set have nodes out. */
  readonly setActive: Int32Array
  /** Nodes outside the plan that are down, by group; counted before ours. */
  readonly groupOutside: Int32Array
  lastDriftReason: string | null
  /** What there was to do when the window opened, and how many windows in a row brought nothing (unfinished.ts). */
  leftAtOpening: number
  vainWindows: number
  /** Nodes of the fleet that the plan does not know; counted, never patched. */
  appeared: number
  /** The newest round of the run's own checks (`before`, `after`). */
  measure: Measure | null
  baselinesApproved: boolean
  rollback: { restored: number; failed: number; stopped: boolean } | null
  /** Since when another run's hand has kept a node from being prepared or changed. */
  readonly heldSince: Map<number, Instant>
  scanAsked: number | null
  readonly scanLeft: Set<number>
  lists: { readonly digest: string; readonly count: number } | null
  /** What broke each node of a trial that will be isolated. */
  readonly brokenBy: Map<number, string>
  isolation: Isolation | null
  /** How many baselines the trial stores: those of images that one of its nodes proved. */
  storing: number
  /** Images of which no node got the list and was well with it: nothing is stored for them. */
  unproven: readonly string[]
  readonly stored: Map<string, { readonly path: string; readonly version: number; readonly digest: string } | { readonly refused: string }>
  /** What should be in flight. `dirty` names what was added or taken out since `next` last looked. */
  readonly activities: Map<string, Effect>
  dirty: string[]
  at: Instant
}

/** Nodes that wait for a place, arranged for choosing. A cache: it can be rebuilt from stages and limits. */
export type Waiting = {
  /** By `cell|list`; heads first, sorted by `chain`. */
  readonly lanes: Map<string, number[]>
  /** How many turns of its tightest group begin with this node, itself included: the longer the chain, the earlier it starts. */
  readonly chain: Uint32Array
  /** Nodes in lanes or parked, by the set that their group takes turns in. */
  readonly inSet: Int32Array
  /** Nodes that a group keeps waiting, by group position. */
  readonly parked: Map<number, number[]>
  /** Nodes that another run's hand is on, and when to try again. */
  busy: { readonly node: number; readonly until: Instant }[]
  /** When the first place became free since places were last filled; null: none has. */
  freedAt: Instant | null
}

/** A run before its first event. */
export function initial(run: RunId, plan: PlanContent): RunState {
  const count = plan.nodes.length
  const cells: string[] = []
  const cellIndex = new Map<string, number>()
  const nodes = untouched(count)
  plan.nodes.forEach((node, position) => {
    const key = cellKey(node)
    const index = cellIndex.get(key) ?? cells.push(key) - 1
    cellIndex.set(key, index)
    nodes.cell[position] = index
    nodes.list[position] = node.list ?? -1
  })
  plan.waves.forEach((wave, index) => {
    for (const position of wave.nodes) nodes.wave[position] = index
  })
  const sets = setsOf(plan)
  return {
    run,
    plan,
    cells,
    nodes,
    phase: { name: 'requested' },
    planDigest: '',
    requestedBy: null,
    atOnce: false,
    undoes: null,
    driver: null,
    epoch: 0,
    ...unasked(),
    paused: false,
    aborting: null,
    rollbackAsked: null,
    prepared: new Map(),
    refusals: new Map(),
    waves: plan.waves.map(queued),
    approvals: [],
    batches: new Map(),
    commands: new Map(),
    openCommands: new Set(),
    unsent: new Set(),
    batchCount: 0,
    stepCount: 0,
    steps: new Map(),
    returns: new Map(),
    things: new Map(),
    notBack: new Map(),
    livePatched: new Set(),
    changedEarlier: new Set(),
    tokenCount: 0,
    inFlight: 0,
    retrying: 0,
    suspects: 0,
    waitingCount: 0,
    waiting: {
      lanes: new Map(),
      chain: new Uint32Array(count),
      inSet: new Int32Array(sets.setMembers.length),
      parked: new Map(),
      busy: [],
      freedAt: null,
    },
    groupOut: new Int32Array(plan.groups.length),
    ...sets,
    groupOutside: new Int32Array(plan.groups.length),
    lastDriftReason: null,
    leftAtOpening: 0,
    vainWindows: 0,
    appeared: 0,
    measure: null,
    baselinesApproved: false,
    rollback: null,
    heldSince: new Map(),
    scanAsked: null,
    scanLeft: new Set(),
    lists: null,
    brokenBy: new Map(),
    isolation: null,
    storing: 0,
    unproven: [],
    stored: new Map(),
    activities: new Map(),
    dirty: [],
    at: 0 as Instant,
  }
}

/** What is known of nodes that nobody has looked at. */
const untouched = (count: number): Nodes => ({
  count,
  cell: new Uint16Array(count),
  wave: new Int16Array(count).fill(-1),
  list: new Int32Array(count),
  stage: new Uint8Array(count),
  outcome: new Uint8Array(count),
  applied: new Uint8Array(count),
  touched: new Uint8Array(count),
  out: new Uint8Array(count),
  down: new Uint8Array(count),
  attempts: new Uint8Array(count),
  command: new Int32Array(count),
  missing: new Int32Array(count),
  endedSeconds: new Float64Array(count),
  taken: new Uint8Array(count),
  after: new Uint8Array(count),
  changed: new Uint8Array(count),
  scanned: new Map(),
  reason: new Array<string>(count).fill(''),
})

const queued = (wave: PlannedWave): WaveState => ({
  name: wave.name,
  phase: 'queued',
  startedAt: null,
  drainedAt: null,
  counts: countsOf(wave.nodes.length),
  held: null,
  heldSince: null,
  expired: false,
  measure: null,
  decidedAt: null,
  why: [],
  stopped: null,
})

/** What a run knows of its request and its opening before anything is told. */
const unasked = () => ({
  window: null,
  opening: null,
  requestedAt: instant(0),
  reason: '',
  breakFreeze: false,
  frost: null,
  broken: new Set<string>(),
})

function countsOf(open: number): Int32Array {
  const counts = new Int32Array(OUTCOMES.length)
  counts[0] = open
  return counts
}

/** The plan's entry at a position. */
export const planned = (state: RunState, position: number) => known(state.plan.nodes[position], `node ${String(position)}`)

export const commandOf = (state: RunState, n: number): Command => known(state.commands.get(n), `command ${String(n)}`)

/** Cell key of a node. */
export const cellAt = (state: RunState, position: number): string => known(state.cells[at(state.nodes.cell, position)], 'cell')

/** A checked read of a typed array. */
export function at(array: Readonly<{ [index: number]: number; length: number }>, index: number): number {
  const value = array[index]
  assert(value !== undefined, `position ${String(index)} of ${String(array.length)}`)
  return value
}

/** A node that failed and waits for another attempt. */
export const isSuspect = ({ nodes }: RunState, position: number): boolean => {
  const stage = at(nodes.stage, position)
  return (stage === STAGE.waiting || stage === STAGE.retrying) && at(nodes.touched, position) === 1 && at(nodes.outcome, position) === 0
}

/** Whether a refusal of this command proves that no copy of it was ever sent. Only then may its nodes and claims be let go. */
export const provesNothingSent = (state: RunState, n: number): boolean => !commandOf(state, n).doubtful || state.unsent.has(n)

/** Adds an effect to what should be in flight; a known key is replaced. */
export function want(state: RunState, effect: Effect): void {
  state.activities.set(effect.key, effect)
  state.dirty.push(effect.key)
}

/** Takes an effect out of what should be in flight. */
export function unwant(state: RunState, key: string): void {
  if (state.activities.delete(key)) state.dirty.push(key)
}

/** Failed and unknown nodes of a wave; in a run that undoes another one, those that could not be restored. */
export const spent = (wave: WaveState): number =>
  at(wave.counts, codeOf('failed')) + at(wave.counts, codeOf('unknown')) + at(wave.counts, codeOf('rollback-failed'))

/** `spent` of the whole run. */
export const spentInRun = (state: RunState): number => state.waves.reduce((sum, wave) => sum + spent(wave), 0)

/** The approval of a subject, or `undefined` when it was never asked. The newest asking counts. */
export function approvalOf(state: RunState, subject: Subject): Approval | undefined {
  return state.approvals.findLast((one) => sameSubject(one.subject, subject))
}

export function sameSubject(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && (a.kind !== 'gate' || (b.kind === 'gate' && a.wave === b.wave))
}
