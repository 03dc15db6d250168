import type { Digest } from '../../kit/digest.ts'
import type { CommandId, RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { TryVerdict } from './isolate-search.ts'

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

/** One step around the change of a node: before it, instead of it, or after it. What each does: engine/steps/. */
export type StepName =
  | 'start'
  | 'drain'
  | 'standby'
  | 'snapshot'
  | 'hook-before'
  | 'live-patch'
  | 'record'
  | 'replace-root'
  | 'verify'
  | 'hook-after'
  | 'hook-exit'
  | 'in-service'
  | 'rejoin'
  | 'stop'

/** What reporting nodes run on. A node that said nothing has `''` and 0. */
export type HostFacts = Readonly<{
  kernel: readonly string[]
  /** Live patches that the kernel has enabled. */
  live: readonly number[]
  /** Until when AWS makes live patches for this kernel; 0: not known. */
  covered: readonly Instant[]
  /** The newest installed kernel where it is not the running one, else `''`. */
  newer: readonly string[]
  /** When the node booted; 0: not known. */
  booted: readonly Instant[]
}>

export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** What a person is asked to decide. */
export type Subject = Readonly<
  { kind: 'plan' } | { kind: 'baselines' } | { kind: 'gate'; wave: string } | { kind: 'rollback' } | { kind: 'freeze' }
>

/** When the checks of a measurement are looked at; `try`: of the nodes of one round of an isolation. */
export type Purpose = 'before' | 'gate' | 'after' | 'try'

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
  | {
      type: 'ListsPinned'
      lists: Digest
      count: number
      patches: readonly number[]
      nodes: readonly number[]
      of: readonly number[]
      /** What was left out because an earlier trial quarantined it: list lines; absent: nothing. */
      quarantined?: readonly string[]
    }
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
      /** Only of a `try`: nodes of which this look told nothing. */
      unclear?: readonly number[]
    }
  | { type: 'WaveStarted'; wave: number; name: string }
  | { type: 'BatchChosen'; batch: number; cell: string; list: number; work: Work; nodes: readonly number[] }
  | { type: 'BatchRead'; batch: number; skipped: readonly number[]; reasons: readonly string[]; down: readonly number[] }
  | { type: 'BatchDropped'; batch: number; reason: string }
  | { type: 'NodesBusy'; batch: number; nodes: readonly number[]; until: Instant }
  | { type: 'BatchAged'; batch: number }
  | {
      type: 'StepIntended'
      id: number
      step: StepName
      cell: string
      /** The round that is prepared; 0: nodes that come back from their change. */
      batch: number
      nodes: readonly number[]
      /** The token that it uses, if it sends a command; 0: none. */
      n: number
      /** What has not been done by then has failed. */
      until: Instant
    }
  | {
      type: 'StepFound'
      id: number
      nodes: readonly number[]
      /** What is about to be taken out of service or made for each node, so that it can be put back: target groups, a group's name, a snapshot. */
      things: readonly string[]
    }
  | {
      type: 'StepEnded'
      id: number
      /** In the order of the intent, each node of it once; several entries may share them. */
      nodes: readonly number[]
      /** Whether the step did its work on the node. */
      done: readonly boolean[]
      /** The outcome that it gives the node; `open`: none, the node goes on. */
      outcomes: readonly Outcome[]
      reasons: readonly string[]
      changed: readonly number[]
      missing: readonly number[]
      ended: readonly Instant[]
      /** The wave starts nothing more, and its gate fails. */
      stop: boolean
      /** Only of a verify: what was installed before the run and what is now, whether a reboot is wanted, and what the nodes run on. */
      before?: readonly string[]
      after?: readonly string[]
      reboot?: readonly boolean[]
      hosts?: HostFacts
    }
  | { type: 'CommandIntended'; n: number; batch: number; work: Work; nodes: readonly number[]; startBefore: Instant; notBefore: Instant }
  | { type: 'CommandSent'; n: number; commandId: CommandId; requestedAt: Instant; expiresAfter: Instant; adopted: boolean }
  | {
      /** Sent by this run, as its token says, though the journal has no intent of it: a part of the journal was lost. */
      type: 'CommandFound'
      n: number
      commandId: CommandId
      cell: string
      /** `scan`: it changes nothing. */
      work: Work
      document: string
      nodes: readonly number[]
      requestedAt: Instant
      expiresAfter: Instant
    }
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
      /** What the nodes run on, each in the order of `nodes`; absent in older journals. */
      hosts?: HostFacts
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
  | { type: 'IsolationStarted'; wave: number; nodes: readonly number[]; reasons: readonly string[] }
  | {
      type: 'PatchesGrouped'
      /** The lines of each list of the run, and the unit of each line: units are not separated. */
      lines: readonly (readonly string[])[]
      units: readonly (readonly number[])[]
    }
  | {
      type: 'TriesChosen'
      round: number
      nodes: readonly number[]
      /** Which of the run's lists each node is tried with a part of, the units of that part, and its list's digest. No unit: nothing is installed. */
      lists: readonly number[]
      units: readonly (readonly number[])[]
      digests: readonly Digest[]
      /** Whether it stays if it is good. */
      keep: readonly boolean[]
    }
  | { type: 'TriesDrained'; round: number }
  | { type: 'TryJudged'; round: number; node: number; verdict: TryVerdict; why: string }
  | {
      type: 'CulpritsFound'
      list: number
      /** Lines of the list, and why each is quarantined. */
      culprits: readonly string[]
      why: readonly string[]
      /** Lines that cannot be installed without one of them. */
      dependents: readonly string[]
      /** Nodes that were well with the rest, and keep it. */
      nodes: readonly number[]
    }
  | { type: 'IsolationEnded'; solved: boolean; reason: string }
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
