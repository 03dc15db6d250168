import type { VerifyReport } from '../../core/audit/verify.ts'
import type { Instant } from '../../kit/instant.ts'
import { counted, plain, span, table, when } from './text.ts'

/** What a rehearsal found, beyond how its acts ended. */
export type Rehearsed = Readonly<{
  began: Instant
  ended: Instant
  nodes: number
  baselines: number
  feedback: Readonly<{ queue: string; messages: number }> | null
  /** Most nodes out of service at once, by group, as the sandbox saw it. */
  worst: Readonly<Record<string, number>>
  audit: VerifyReport
}>

/** The last lines of a rehearsal: what the other side of the wire saw. Pure. */
export function rehearsalSummary({ began, ended, nodes, baselines, feedback, worst, audit }: Rehearsed): string[] {
  const rows = [
    ['virtual time', `${when(began)} to ${when(ended)} (${span(ended - began)}); nothing outside this process was touched`],
    ['fleet', counted(nodes, 'node')],
    ['baselines', `${String(baselines)} stored`],
    ['feedback', feedback === null ? 'the runbook sends none' : `${counted(feedback.messages, 'message')} in ${plain(feedback.queue)}`],
    ['worst disruption', disruption(worst)],
    [
      'audit verify',
      audit.ok
        ? `ok: ${counted(audit.runs, 'run')}, ${String(audit.entries)} entries`
        : `BROKEN: ${audit.breaks.map((one) => plain(`${one.run} ${one.reason}: ${one.detail}`)).join('; ')}`,
    ],
  ]
  return ['', 'the rehearsal', ...table(rows).map((row) => `  ${row}`)]
}

/** The worst group of each kind: a fleet has hundreds of clusters. */
function disruption(worst: Rehearsed['worst']): string {
  const kinds = new Map<string, { group: string; count: number }>()
  for (const [group, count] of Object.entries(worst)) {
    const equals = group.indexOf('=')
    const kind = equals < 0 ? group : group.slice(0, equals)
    const before = kinds.get(kind)
    if (before === undefined || count > before.count) kinds.set(kind, { group, count })
  }
  if (kinds.size === 0) return 'no node was out of service'
  return [...kinds.values()].map(({ group, count }) => `${String(count)} of ${plain(group)}`).join(', ')
}
