import { HOUR, MINUTE, type Instant, type Ms } from '../../kit/instant.ts'
import type { Period } from '../../kit/period.ts'

/** A count, or a share of what is meant, in percent. Who uses it says which way it rounds. */
export type Amount = Readonly<{ kind: 'count'; count: number } | { kind: 'share'; percent: number }>

/** A runbook after the schema, the cross-checks and the defaults: every key present, durations in milliseconds. */
export type Runbook = Readonly<{
  name: string
  title: string | null
  owner: string | null
  scope: Scope
  window: WindowRule | null
  /** By name; `${inputs.<name>}` has been replaced everywhere when values were given. */
  inputs: Readonly<Record<string, InputRule>>
  patches: PatchRule | null
  test: TrialRule | null
  baseline: BaselineRule | 'none'
  checks: Readonly<Record<string, CheckRule>>
  disruption: readonly DisruptionRule[]
  waves: readonly WaveRule[]
  apply: ApplyRule
  hooks: HooksRule
  drain: DrainRule | null
  /** Nodes that are stopped: left alone, or started for the change and stopped again. */
  power: Readonly<{ stopped: 'skip' | 'start-and-restore' }>
  /** Snapshots taken before a node's first change, kept so long; null: none. */
  backup: Readonly<{ keepMs: Ms }> | null
  rollback: RollbackRule
  feedback: FeedbackRule | null
  limit: Readonly<{ nodes: number | null; sharePercent: number }>
  budget: Readonly<{ failures: Amount }> | null
  /** Names of checks that must hold before anything is touched / before the run may call itself succeeded. */
  before: readonly string[]
  after: readonly string[]
  /** Approves the plan. */
  approval: ApprovalRule | null
  retry: RetryRule | null
  driftPercent: number
}>

/** Every tag and list must match (AND over keys); values inside one key are alternatives (OR). `*` and `?` are wildcards in tag values. */
export type Match = Readonly<{
  platform: readonly Platform[] | null
  tags: Readonly<Record<string, readonly string[]>>
  images: readonly string[] | null
  nodes: readonly string[] | null
  accounts: readonly string[] | null
  regions: readonly string[] | null
}>

export type Platform = 'amazon-linux-2023' | 'amazon-linux-2' | 'ubuntu' | 'debian'

/** `accounts` are names from the config. An `exclude` that matches takes a node out whatever `match` says. */
export type Scope = Readonly<{ accounts: readonly string[]; regions: readonly string[]; match: Match; exclude: Match | null }>

/** When the rollout may change nodes, and what becomes of an opening that does not find everything as it should be. */
export type WindowRule = Readonly<{
  /** When it opens and how long: said here, or taken from an SSM maintenance window (`native`, its id) whenever it is needed. */
  times: WindowTimesRule | Readonly<{ native: string }>
  unfinished: 'stop' | 'next-window'
  onGap: 'next-valid' | 'skip'
  onOverlap: 'first' | 'second'
  /** An opening at which nobody was there may still be begun this much later. */
  lateMs: Ms
  /** What a due opening does while the runbook's last run is unfinished. */
  overlap: 'queue' | 'skip' | 'cancel-running'
  /** The start is put off by up to this much, the same on every machine: drawn from the runbook's name and the opening. */
  jitterMs: Ms
  /** What becomes of a plan that is predicted not to fit: told only (`warn`), refused, or cut from its end. */
  fit: 'warn' | 'refuse' | 'trim'
  /** Beside those of the config. */
  freezes: readonly FreezeRule[]
  /** Who must agree before a run may break a freeze; null: whoever may run it. */
  breakFreeze: ApprovalRule | null
}>

/** When a window opens and how long it stays open, as `cron()`, `rate()` or `at()` in its zone. */
export type WindowTimesRule = Readonly<{
  schedule: string
  timezone: string
  durationMs: Ms
  cutoffMs: Ms
  /** Days after the hit of a `cron()`, 0-6. */
  offsetDays: number
  /** Part of the validity; `rate()` counts from it. */
  start: Instant | null
  /** Not part of the validity. */
  end: Instant | null
}>

/**
 * A period in which nothing may start. Days count in the window's zone, both included; instants: `from` included, `to` not.
 * `file`: an iCalendar file, relative to the working folder. `ssm`: a Change Calendar of the control account, by name or document ARN.
 */
export type FreezeRule = Period

/** What a runbook asks for at the trigger. Values are on record and never secret. */
export type InputRule = Readonly<{
  type: 'string' | 'integer' | 'boolean'
  description: string | null
  /** A regular expression that a text must match as a whole. */
  pattern: string | null
  /** The only values, if there are such. */
  values: readonly string[] | null
  /** Bounds of an integer. */
  least: number | null
  most: number | null
  required: boolean
  default: string | null
}>

export type PatchRule = Readonly<{
  approve: readonly ApproveRule[]
  reject: readonly string[]
  reboot: 'never' | 'if-needed' | 'always'
  /** What becomes of kernel packages: installed like others, left alone, or left alone while live patches mend the running kernel. */
  kernel: 'install' | 'hold' | 'live-patch'
}>

/** A missing patch is a candidate when every key that is present fits it. */
export type ApproveRule = Readonly<{
  classification: readonly string[] | null
  severity: readonly string[] | null
  releasedForMs: Ms | null
  cves: readonly string[] | null
  advisories: readonly string[] | null
  names: readonly string[] | null
}>

export type TrialRule = Readonly<{
  match: Match
  leadMs: Ms
  perAmi: number
  soakMs: Ms
  checks: readonly string[]
  /** What a failed trial does: end, or look for the patches that break it. */
  onFailure: 'stop' | 'isolate'
}>

/** With what a node's patches are installed: our own document, or AWS-RunPatchBaseline with an override list. */
export type ApplyRule = Readonly<{ with: 'baseline-document' | 'patch-manager' }>

/** One hook: a script that is on the node, or an SSM document of the same account. */
export type HookRule = Readonly<{
  run: Readonly<{ kind: 'script'; script: string } | { kind: 'document'; document: string }>
  timeoutMs: Ms
  onFailure: 'skip-node' | 'fail-node' | 'stop-wave'
}>

/** What runs on a node around its change. `exit` runs whenever a node was begun, also after a failure. */
export type HooksRule = Readonly<{ before: HookRule | null; after: HookRule | null; exit: HookRule | null }>

/** How a node is taken out of service before it is changed; `waitMs` null: as long as each target group says. */
export type DrainRule = Readonly<{ targetGroups: 'auto' | 'none'; waitMs: Ms | null; autoScaling: 'standby' | 'leave' }>

export type BaselineRule = Readonly<{ path: string; maxAgeMs: Ms; approval: ApprovalRule | null }>

/** `count` different people of `group` within `expiresMs` of asking. */
export type ApprovalRule = Readonly<{ group: string; count: number; expiresMs: Ms }>

export type CheckRule = Readonly<
  | { type: 'agent-ping' }
  | { type: 'instance-status' }
  | { type: 'script'; run: string; timeoutMs: Ms }
  | { type: 'http'; url: string; withinMs: Ms; status: number }
>

/** `per` is `availability-zone`, `image`, `account`, `region` or `tag:<key>`. Either a number a value, or one value at a time. */
export type DisruptionRule = Readonly<{ per: string; atMost: Amount } | { per: string; oneAtATime: true }>

export type Take = Readonly<{ kind: 'amount'; amount: Amount } | { kind: 'rest' } | { kind: 'match'; match: Match }>

export type WaveRule = Readonly<{
  name: string
  take: Take
  spread: readonly string[]
  concurrency: Amount
  disruption: readonly DisruptionRule[]
  gate: GateRule
}>

export type GateRule = Readonly<{
  failures: Amount
  hard: boolean
  bakeMs: Ms
  checks: readonly string[]
  /** At least this share of the wave must have been patched (or need nothing), else the gate is inconclusive. */
  evidencePercent: number | null
  approval: ApprovalRule | null
  /** How long an inconclusive gate holds; null: until the window's end. */
  holdForMs: Ms | null
}>

export type RollbackRule = Readonly<{
  on: 'gate-failed' | 'never' | 'manual'
  scope: 'wave' | 'run'
  method: 'packages' | 'root-volume' | 'none'
  outside: 'allow' | 'ask'
  failures: Amount
}>

export type FeedbackRule = Readonly<{ queue: string; detail: 'run' | 'wave' | 'node' }>

export type RetryRule = Readonly<{ attempts: number; on: readonly string[] }>

/** The window that `run --now` opens for a runbook without one: a night's work, and an hour in which what runs may end. */
export const NOW_WINDOW: Readonly<{ durationMs: Ms; cutoffMs: Ms }> = { durationMs: 6 * HOUR, cutoffMs: HOUR }

/** A change with nothing around it: our own document, no hooks, nothing drained, started or copied. */
export const NOTHING_AROUND: Readonly<Pick<Runbook, 'apply' | 'hooks' | 'drain' | 'power' | 'backup'>> = {
  apply: { with: 'baseline-document' },
  hooks: { before: null, after: null, exit: null },
  drain: null,
  power: { stopped: 'skip' },
  backup: null,
}

/** The rules of a window that says nothing but its times, as the language fills them in. */
export const PLAIN_WINDOW: Omit<WindowRule, 'times'> = {
  unfinished: 'stop',
  onGap: 'next-valid',
  onOverlap: 'first',
  lateMs: 30 * MINUTE,
  overlap: 'queue',
  jitterMs: 0,
  fit: 'warn',
  freezes: [],
  breakFreeze: null,
}
