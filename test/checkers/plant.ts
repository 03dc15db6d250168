import { sealAll } from '../../src/core/audit/seal.ts'
import { toData } from '../../src/core/run/codec.ts'
import type { EventType, Fact, RunEvent } from '../../src/core/run/event.ts'
import { tokenOf } from '../../src/kit/ids.ts'
import { iso, MINUTE, plus, type Instant } from '../../src/kit/instant.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import type { Evidence, RunEvidence } from './evidence.ts'

/** The evidence with the first run's facts changed; entries, which would tell, are left out. */
export function withFacts(evidence: Evidence, edit: (facts: readonly Fact[]) => readonly Fact[]): Evidence {
  const [first, ...others] = evidence.runs
  if (first === undefined) return evidence
  const { run, plan } = first
  return { ...evidence, runs: [{ run, plan, facts: edit(first.facts) }, ...others] }
}

/** The evidence with the first run's rows changed in some way other than its facts. */
export function withRun(evidence: Evidence, edit: (run: RunEvidence) => RunEvidence): Evidence {
  const [first, ...others] = evidence.runs
  return first === undefined ? evidence : { ...evidence, runs: [edit(first), ...others] }
}

/** Every fact of one type changed: a new event, or `null` to leave it out. */
export const changing =
  <T extends EventType>(type: T, edit: (event: Extract<RunEvent, { type: T }>, at: Instant) => RunEvent | null) =>
  (facts: readonly Fact[]): Fact[] =>
    facts.flatMap((fact) => {
      if (fact.event.type !== type) return [fact]
      const event = edit(fact.event as Extract<RunEvent, { type: T }>, fact.at)
      return event === null ? [] : [{ ...fact, event }]
    })

/** The last row of the ledger changed, or a changed copy of it added. */
export const withLastRow = (evidence: Evidence, edit: (row: LedgerRow) => LedgerRow): Evidence => {
  const ledger = evidence.ledger ?? []
  return { ...evidence, ledger: [...ledger.slice(0, -1), ...ledger.slice(-1).map(edit)] }
}
export const withMoreRows = (evidence: Evidence, edit: (row: LedgerRow) => LedgerRow): Evidence => {
  const ledger = evidence.ledger ?? []
  return { ...evidence, ledger: [...ledger, ...ledger.slice(-1).map(edit)] }
}

/** The entries that these facts were stored as. */
export const entriesOf = (run: string, facts: readonly Fact[]) =>
  sealAll(
    null,
    facts.map(({ at, actor, event }) => ({ run, at, actor, ...toData(event) })),
  )

/** A ledger as honest nodes would leave it: one execution and one transaction for each node of each changing intent. */
export function ledgerOf({ run, plan, facts }: RunEvidence): LedgerRow[] {
  return facts.flatMap(({ at, event }) => {
    if (event.type !== 'CommandIntended' || event.work === 'scan') return []
    return event.nodes.map((position): LedgerRow => {
      const { node = '', account = '', region = '', groups = [] } = plan.nodes[position] ?? {}
      const [startedAt, endedAt] = [iso(plus(at, MINUTE)), iso(plus(at, 3 * MINUTE))]
      const shown = groups.map((group) => [plan.groups[group]?.key.split('@')[0] ?? '', 1])
      return {
        node, account, region, startedAt, endedAt,
        commandId: 'c', token: tokenOf(run, event.n), exitCode: 0, verdict: event.work === 'apply' ? 'patched' : 'rolled-back',
        document: event.work === 'apply' ? 'Patchwave-Apply' : 'Patchwave-Rollback',
        inFlightInGroup: Object.fromEntries(shown) as Record<string, number>,
        transaction: { startedAt, endedAt, changed: 1, cut: null },
      } // prettier-ignore
    })
  })
}
