import type { Digest } from '../../kit/digest.ts'
import type { CommandId, RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'

/** Who caused an event. A person's id is an ARN or an OIDC subject; the engine's is its driver id. */
export type Actor = Readonly<{ kind: 'schedule' | 'cli' | 'api' | 'message' | 'engine'; id: string }>

/** What a run found out or decided, when, and by whom. */
export type Fact = Readonly<{ at: Instant; actor: Actor; event: RunEvent }>

/** How a node ended. Kebab-case as the outside sees it; the position is the code in the state's arrays (0: not ended). */
export const OUTCOMES = ['open', 'patched', 'not-needed', 'failed', 'unknown', 'skipped', 'rolled-back', 'rollback-failed'] as const
export type Outcome = (typeof OUTCOMES)[number]

export type RunOutcome = 'succeeded' | 'failed' | 'rolled-back' | 'aborted' | 'stopped'

/** What a command does to its nodes. Only `apply` and `rollback` change them. */
export type Work = 'apply' | 'rollback' | 'scan'

export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** What a person is asked to decide. */
export type Subject = Readonly<
  { kind: 'plan' } | { kind: 'baselines' } | { kind: 'gate'; wave: string } | { kind: 'rollback' } | { kind: 'freeze' }
>

/** When the checks of a measurement are looked at. */
export type Purpose = 'before' | 'gate' | 'after'

/** Every fact of a run, in the past tense. Nodes stand by their position in the plan. Once written, a meaning never changes. */
export type RunEvent = Readonly<
  | {
      type: 'RunRequested'
      runbook: string
      act: 'trial' | 'rollout'
      reason: string
      inputs: Readonly<Record<string, string>>
      flags: readonly number[]
      /** By hand, at once: the run opens a window of its own. */
      now: boolean
      trial: RunId | null
      /** The finished run that this one rolls back; null for any other run. */
      undoes: RunId | null
      /** The opening for which the schedule requested it; null by hand and by message. */
      opening: Instant | null
      /** May begin in a freeze: asked for with a reason. */
      breakFreeze: boolean
    }
  | { type: 'PlanPinned'; plan: Digest; nodes: number; waves: readonly string[] }
  | { type: 'ApprovalAsked'; subject: Subject; group: string; count: number; expires: Instant }
  | { type: 'ApprovalGiven'; subject: Subject; by: string; reason: string }
  | { type: 'ApprovalRefused'; subject: Subject; by: string; reason: string }
  | { type: 'ApprovalExpired'; subject: Subject }
  | { type: 'DriverTook'; driver: string; epoch: number }
  | {
      type: 'WindowChosen'
      opens: Instant
      cutoff: Instant
      closes: Instant
      /** Version of the time-zone data that it was computed with. */
      zoneData: string
      /** When it begins: `opens`, and the jitter. */
      startAt: Instant
      /** Not begun by then: missed. At most `cutoff`. */
      openBy: Instant
      /** No change starts at or after it: the cutoff, or earlier where a change is predicted to outlast the window. */
      lastStart: Instant
      /** The SSM maintenance window that says so, and the digest of what it said; `''`: the runbook itself. */
      native: string
      nativeDigest: string
    }
  | { type: 'WindowNarrowed'; cutoff: Instant; closes: Instant; lastStart: Instant; why: string }
  | { type: 'WindowMissed'; opens: Instant; reason: string }
  | {
      type: 'FreezesRead'
      from: readonly Instant[]
      to: readonly Instant[]
      why: readonly string[]
      source: readonly string[]
      again: Instant | null
    }
  | { type: 'FreezeBroken'; from: Instant; to: Instant; why: string; reason: string }
  | { type: 'WindowOpened'; opens: Instant; cutoff: Instant; closes: Instant }
  | { type: 'WindowEnded'; cutoff: Instant }
  | {
      type: 'FleetRead'
      down: readonly number[]
      gone: readonly number[]
      outside: readonly number[]
      appeared: number
      drift: string | null
    }
  | { type: 'CellPrepared'; cell: string; documents: Readonly<Record<string, string>> }
  | { type: 'CellRefused'; cell: string; code: string; message: string }
  | { type: 'ScanAsked'; n: number; tokens: number }
  | { type: 'NodesScanned'; nodes: readonly number[]; lists: readonly Digest[]; missing: readonly number[] }
  | { type: 'NodesUnscanned'; nodes: readonly number[]; reason: string }
  | { type: 'ScanFinished' }
  | { type: 'ListsPinned'; lists: Digest; count: number; patches: readonly number[]; nodes: readonly number[]; of: readonly number[] }
  | {
      type: 'MeasureAsked'
      purpose: Purpose
      wave: number
      round: number
      checks: readonly string[]
      n: number
      tokens: number
      last: boolean
    }
  | {
      type: 'CheckMeasured'
      purpose: Purpose
      wave: number
      round: number
      check: string
      verdict: Verdict
      evidence: string
      subjects: number
      failing: readonly number[]
    }
  | { type: 'WaveStarted'; wave: number; name: string }
  | { type: 'BatchChosen'; batch: number; cell: string; list: number; work: Work; nodes: readonly number[] }
  | { type: 'BatchRead'; batch: number; skipped: readonly number[]; reasons: readonly string[]; down: readonly number[] }
  | { type: 'BatchDropped'; batch: number; reason: string }
  | { type: 'NodesBusy'; batch: number; nodes: readonly number[]; until: Instant }
  | { type: 'CommandIntended'; n: number; batch: number; work: Work; nodes: readonly number[]; startBefore: Instant; notBefore: Instant }
  | { type: 'CommandSent'; n: number; commandId: CommandId; requestedAt: Instant; expiresAfter: Instant; adopted: boolean }
  | { type: 'CommandRefused'; n: number; code: string; message: string; invalid: readonly number[] }
  | { type: 'CommandUnclear'; n: number; message: string }
  | { type: 'CommandMissed'; n: number }
  | {
      type: 'NodesReported'
      n: number
      nodes: readonly number[]
      outcomes: readonly Outcome[]
      reasons: readonly string[]
      changed: readonly number[]
      missing: readonly number[]
      before: readonly string[]
      after: readonly string[]
      reboot: readonly boolean[]
      /** The nodes' own ends; 0 where unknown. */
      ended: readonly Instant[]
    }
  | { type: 'NodesGone'; nodes: readonly number[] }
  | { type: 'CommandClosed'; n: number }
  | { type: 'NodesSkipped'; nodes: readonly number[]; reason: string }
  | { type: 'CancelAsked'; n: number }
  | { type: 'CancelDone'; n: number; nodes: readonly number[] }
  | { type: 'WaveDrained'; wave: number }
  | { type: 'GateHeld'; wave: number; why: readonly string[] }
  | { type: 'GateExpired'; wave: number; why: readonly string[] }
  | { type: 'GateDecided'; wave: number; verdict: 'pass' | 'fail'; why: readonly string[] }
  | { type: 'RollbackStarted'; waves: readonly number[]; nodes: number; outside: boolean; why: string }
  | { type: 'RollbackAdvanced'; wave: number }
  | { type: 'RollbackFinished'; restored: number; failed: number; stopped: boolean }
  | { type: 'BaselineStored'; account: string; image: string; path: string; version: number; digest: Digest; written: number }
  | { type: 'BaselineRefused'; account: string; image: string; code: string; message: string }
  | { type: 'BaselinesApproved'; count: number }
  | { type: 'Paused'; reason: string }
  | { type: 'Resumed'; reason: string }
  | { type: 'AbortAsked'; reason: string; rollback: boolean }
  | { type: 'RollbackAsked'; reason: string }
  | { type: 'SteeringRefused'; what: string; reason: string }
  | { type: 'MessageUnread'; digest: Digest; bytes: number; reason: string }
  | { type: 'RunFinished'; outcome: RunOutcome; reason: string; nodes: Readonly<Record<string, number>> }
>

export type EventType = RunEvent['type']
