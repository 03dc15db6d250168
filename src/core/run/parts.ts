import type { CommandId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Purpose, StepName, Subject, Verdict, Work } from './event.ts'

/** A round of nodes of one cell and one list, on its way to a command. */
export type Batch = Readonly<{
  batch: number
  cell: string
  list: number
  work: Work
  readAt: Instant | null
  /** How many of the steps before the change are over. */
  step: number
  /** The step that is under way; null: none. */
  running: number | null
}> & {
  nodes: readonly number[]
}

/** One step under way. */
export type Step = {
  readonly id: number
  readonly name: StepName
  readonly cell: string
  readonly batch: number
  /** Those that have not ended yet. */
  nodes: readonly number[]
  readonly n: number
  readonly intendedAt: Instant
  readonly until: Instant
  /** By position: what is taken out or made. Set before it is. */
  readonly found: Map<number, string>
}

/** One intent and what became of it. */
export type Command = {
  readonly n: number
  readonly cell: string
  readonly list: number
  readonly work: Work
  /** Without those that were found at work for a later command whose intent was lost. */
  nodes: readonly number[]
  readonly intendedAt: Instant
  readonly startBefore: Instant
  readonly notBefore: Instant
  phase: 'intended' | 'unclear' | 'sent' | 'refused' | 'closed'
  /** Several when an unclear send was repeated under the same token. */
  readonly ids: CommandId[]
  expiresAfter: Instant
  /** Nodes whose verdict is still out. */
  open: number
  cancelled: boolean
  /** It may have been sent without our knowing: a refusal of a later copy does not prove that nothing runs. */
  doubtful: boolean
  /** The journal has no intent of it: nobody flies for it, and it is read for what its nodes say. */
  found?: true
}

/** Nodes of a cell that wait for the same step on their way back, and since when the first of them does. */
export type ReturnLine = Readonly<{ cell: string; step: StepName; nodes: number[]; since: Instant }>

/** Where a wave stands; `drained`: its nodes are done, and its gate is being measured. */
export type WavePhase = 'queued' | 'running' | 'drained' | 'passed' | 'failed'

/** All that a run knows of one wave beside its nodes. */
export type WaveState = {
  readonly name: string
  phase: WavePhase
  startedAt: Instant | null
  drainedAt: Instant | null
  /** Nodes by outcome code. */
  readonly counts: Int32Array
  held: readonly string[] | null
  heldSince: Instant | null
  /** It was inconclusive for too long: the run stops here. */
  expired: boolean
  /** The newest round of its checks. */
  measure: Measure | null
  decidedAt: Instant | null
  why: readonly string[]
  /** Why nothing more of it starts, although its budget is not spent: a hook said so. */
  stopped: string | null
}

/** One round of checks. A check without a verdict is still being measured. */
export type Measure = {
  readonly purpose: Purpose
  readonly wave: number
  readonly round: number
  readonly askedAt: Instant
  readonly last: boolean
  readonly n: number
  readonly checks: Map<string, Verdict | null>
  /** Failing rounds in a row, by check, this one included once it is in. */
  readonly failures: Map<string, number>
  /** Nodes that a check named: ill, and (of a `try`) unclear. */
  readonly failing: Map<string, readonly number[]>
  readonly unclear: Map<string, readonly number[]>
  endedAt: Instant | null
}

/** What people are asked, and what they said so far. The newest asking about a subject counts. */
export type Approval = {
  readonly subject: Subject
  readonly group: string
  readonly count: number
  readonly expires: Instant
  readonly by: string[]
  /** Who said no. */
  refusedBy?: string
  state: 'asked' | 'given' | 'refused' | 'expired'
}
