import { instant } from '../../kit/instant.ts'
import type { HostFacts, RunEvent } from '../../core/run/event.ts'
import type { Command } from '../../core/run/parts.ts'
import type { Report } from '../../core/run/verdict.ts'

/** One entry for the nodes of a command that were read together. */
export function reportsOf(command: Command, rows: readonly Readonly<{ position: number; report: Report }>[]): RunEvent {
  return {
    type: 'NodesReported',
    n: command.n,
    nodes: rows.map((row) => row.position),
    outcomes: rows.map((row) => row.report.outcome),
    reasons: rows.map((row) => row.report.reason),
    changed: rows.map((row) => row.report.changed),
    missing: rows.map((row) => row.report.missing),
    before: rows.map((row) => row.report.before),
    after: rows.map((row) => row.report.after),
    reboot: rows.map((row) => row.report.reboot),
    ended: rows.map((row) => row.report.ended),
    hosts: hostsOf(rows.map((row) => row.report)),
  }
}

function hostsOf(reports: readonly Report[]): HostFacts {
  return {
    kernel: reports.map(({ host }) => host?.kernel ?? ''),
    live: reports.map(({ host }) => host?.live ?? 0),
    covered: reports.map(({ host }) => host?.covered ?? instant(0)),
    newer: reports.map(({ host }) => host?.newer ?? ''),
    booted: reports.map(({ host }) => host?.booted ?? instant(0)),
  }
}

/** Every node of the command is unknown: nothing more can be learned of it. */
export function unknownReport(command: Command, reason: string): RunEvent {
  const report: Report = {
    outcome: command.work === 'rollback' ? 'rollback-failed' : 'unknown',
    reason,
    changed: 0,
    missing: 0,
    before: '',
    after: '',
    reboot: false,
    ended: instant(0),
  }
  return reportsOf(
    command,
    command.nodes.map((position) => ({ position, report })),
  )
}
