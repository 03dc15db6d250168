import type { Digest } from '../../kit/digest.ts'
import type { NodeId } from '../../kit/ids.ts'
import type { Instant, Ms } from '../../kit/instant.ts'
import type { Quarantined } from './quarantine.ts'
import type { ApprovalRule, CheckRule, FeedbackRule, RetryRule, RollbackRule, Runbook } from '../runbook/runbook.ts'

/** A patch: one package at one exact version. Advisories and CVEs are its attributes, many to many. */
export type Patch = Readonly<{
  family: 'rpm' | 'deb'
  name: string
  arch: string
  /** rpm: `epoch:version-release` (`0:3.0.8-1.amzn2023.0.3`); deb: the version as dpkg writes it. */
  version: string
  advisories: readonly string[]
  cves: readonly string[]
  classification: string
  severity: string
  releasedAt: Instant | null
}>

/** The exact list that one command carries, and the baseline that it was pinned from (`null`: the plan's own, UNTESTED). */
export type PinnedList = Readonly<{
  account: string
  /** Image lineage. */
  image: string
  baseline: Readonly<{ path: string; version: number; digest: Digest; storedAt: Instant }> | null
  /** What the nodes get: sorted, exact. */
  patches: readonly Patch[]
  /** `listDigest` of the text form in documents/PROTOCOL.md. */
  digest: Digest
  /** Versions that a trial has quarantined, which are therefore not in it; absent: none. */
  quarantined?: readonly Quarantined[]
}>

/** One node of a plan. Events name it by its position in `Plan.nodes`. */
export type PlannedNode = Readonly<{
  node: NodeId
  account: string
  region: string
  ami: string
  /** Zone id (`use1-az1`), not the name, which differs between accounts. */
  zone: string
  platform: string
  /** Positions in `Plan.groups`. */
  groups: readonly number[]
  /** Position in `Plan.lists`; null: nothing is installed (a scan, or skipped). */
  list: number | null
  /** Why the plan leaves it out (`untested`, `hybrid`, `stopped`, `offline`, …); null when a wave will touch it. */
  skip: string | null
}>

/** One value of a disruption limit: at most `atMost` of its nodes out of service at once. */
export type Group = Readonly<{
  /** `tag:Cluster=blue@123456789012/us-east-1`, `availability-zone=use1-az1`. The same key in every run of the store. */
  key: string
  atMost: number
  /** Groups with the same set take turns: only one of them may have nodes out at a time (`oneAtATime`). */
  set: string | null
  size: number
}>

export type PlannedWave = Readonly<{
  name: string
  /** Positions in `Plan.nodes`, in the order in which they are started. Skipped ones are listed too. */
  nodes: readonly number[]
  concurrency: number
  /** Tighter limits of this wave only: group position and its number here. */
  tighter: readonly Readonly<{ group: number; atMost: number }>[]
  gate: PlannedGate
  /** Images, zones, … that `spread` asked for and this wave does not contain. */
  unrepresented: readonly string[]
}>

export type PlannedGate = Readonly<{
  failuresMax: number
  hard: boolean
  bakeMs: Ms
  checks: readonly string[]
  evidencePercent: number | null
  approval: ApprovalRule | null
  holdForMs: Ms | null
}>

/** What exactly will happen. `digest` covers `PlanContent`; what lies beside it may differ between two makings of the same plan. */
export type PlanContent = Readonly<{
  v: 1
  act: 'trial' | 'rollout'
  /** apply: waves install their lists. scan: waves read only (a runbook without `patches`). rollback: waves undo the run `undoes`. */
  work: 'apply' | 'scan' | 'rollback'
  /** The finished run whose changes are undone; null unless `work` is `rollback`. */
  undoes: string | null
  runbook: Runbook
  inputs: Readonly<Record<string, string>>
  nodes: readonly PlannedNode[]
  groups: readonly Group[]
  waves: readonly PlannedWave[]
  lists: readonly PinnedList[]
  /** Trial: what will be scanned and then stored: one entry for each image lineage that is tested. */
  trial: TrialPlan | null
  checks: Readonly<Record<string, CheckRule>>
  before: readonly string[]
  after: readonly string[]
  /** Failed + unknown allowed over the whole run; null: no limit beside the gates'. */
  budgetMax: number | null
  rollback: RollbackRule & { readonly failuresMax: number }
  retry: RetryRule | null
  approval: ApprovalRule | null
  feedback: FeedbackRule | null
  reboot: 'never' | 'if-needed' | 'always'
  /** Name and SHA-256 of each SSM document that the run sends. */
  documents: Readonly<Record<string, Digest>>
}>

export type TrialPlan = Readonly<{
  /** Each tested lineage, the positions of its trial nodes, and the accounts whose baseline follows from it. */
  lineages: readonly Readonly<{ image: string; nodes: readonly number[]; accounts: readonly string[] }>[]
  path: string
  approval: ApprovalRule | null
}>

export type Plan = Readonly<{
  digest: Digest
  content: PlanContent
  madeAt: Instant
  /** What the person who approves must see first; `untested` leads. */
  headline: Readonly<{ total: number; waves: number; planned: number; skipped: Readonly<Record<string, number>> }>
  worstCase: readonly Readonly<{ wave: string; failuresMax: number; worstFailures: number; worstOutOfService: number }>[]
  windows: readonly WindowTimes[]
  forecast: Forecast
  /** Whether a rollout is predicted to fit the window that it would run in; absent where it runs in none. */
  fit?: Fit
  /** The zone in which people read the openings; absent: UTC. */
  zone?: string
  calls: Readonly<Record<string, number>>
  irreversible: readonly string[]
  warnings: readonly string[]
}>

/**
 * How long the run takes, from its opening to the last gate: half of all simulated runs end within `medianMs`, 90 of 100 between
 * `lowMs` and `highMs`. Failures, approvals and waiting for other runs are not in it; `basis` says what it rests on.
 */
export type Forecast = Readonly<{
  lowMs: Ms
  medianMs: Ms
  highMs: Ms
  /** 95 of 100 nodes are changed within this. */
  nodeHighMs: Ms
  /** When each wave's gate passes, after the opening; in 95 of 100 runs its last node has begun by `lastStartMs`. */
  waves: readonly Readonly<{ wave: string; lowMs: Ms; medianMs: Ms; highMs: Ms; lastStartMs: Ms }>[]
  basis: string
}>

/** A window, when the run begins in it, and whether 95 of 100 runs end in it; `why` not, with the figures. */
export type Fit = WindowTimes & Readonly<{ startAt: Instant; fits: boolean; why: string }>

/** One occurrence of a maintenance schedule. Nothing new starts at or after `cutoff`. */
export type WindowTimes = Readonly<{ opens: Instant; cutoff: Instant; closes: Instant }>
