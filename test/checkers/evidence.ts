import type { Sealed } from '../../src/core/audit/entry.ts'
import type { PinnedList, PlanContent } from '../../src/core/plan/plan.ts'
import type { Fact } from '../../src/core/run/event.ts'
import type { Instant } from '../../src/kit/instant.ts'

/** What one run left behind: its plan and its journal, opened; `sealed` when the chain is to be looked at too. */
export type RunEvidence = Readonly<{ run: string; plan: PlanContent; facts: readonly Fact[]; sealed?: readonly Sealed[] }>

/** A run, and what was seen on the other side of the wire. What is absent is not checked. */
export type Evidence = RunEvidence &
  Readonly<{
    /** Other runs of the same store. */
    others?: readonly RunEvidence[]
    /** Every script execution on every node, in order (`GET /_sandbox/ledger`). */
    ledger?: readonly Execution[]
    /** What became of the claims, in order. */
    claims?: readonly ClaimChange[]
    /** Feedback messages as they were delivered, parsed. */
    messages?: readonly Told[]
    versions?: Versions
    /** A trial's lists, by the position that `ListsPinned` gives its nodes. */
    lists?: readonly PinnedList[]
    /** What did not serve when all was over though it did before. */
    outAtEnd?: readonly string[]
  }>

export type Execution = Readonly<{
  node: string
  account: string
  region: string
  commandId: string
  token: string
  document: string
  startedAt: string
  endedAt: string | null
  exitCode: number | null
  verdict: string | null
  inFlightInGroup: Readonly<Record<string, number>>
  /** `cut`: what ended it before its time; `power` is nobody's doing. */
  transaction: Readonly<{ startedAt: string; endedAt: string | null; changed: number; cut?: string | null }> | null
}>

export type ClaimChange = Readonly<{ at: Instant; run: string; node: string; change: 'taken' | 'released' }>

/** A CloudEvent of the feedback queue; only what is checked. */
export type Told = Readonly<{ id: string; type: string; n: number; seq: number; head: string }>

/** `name.arch` → version, by node, before the run and after it. */
export type Versions = Readonly<{ before: Readonly<Record<string, Packages>>; after: Readonly<Record<string, Packages>> }>
export type Packages = Readonly<Record<string, string>>

export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10' | 'I11' | 'I12' | 'I13' | 'I14'

/** A broken promise: which, and what was seen. */
export type Violation = Readonly<{ invariant: Invariant; what: string }>

export type Check = (evidence: Evidence) => Violation[]

/** Collects violations of one invariant. */
export function findings(invariant: Invariant): { found: Violation[]; say: (what: string) => void } {
  const found: Violation[] = []
  return { found, say: (what) => void found.push({ invariant, what }) }
}

/** The documents that change a node. */
export const CHANGES: ReadonlySet<string> = new Set(['Patchwave-Apply', 'Patchwave-Rollback'])
