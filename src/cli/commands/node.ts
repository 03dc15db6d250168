import { isoSeconds } from '../../kit/instant.ts'
import { fromData } from '../../core/run/codec.ts'
import { OUTCOMES, type RunEvent } from '../../core/run/event.ts'
import { at } from '../../core/run/state.ts'
import { openRun } from '../../engine/open.ts'
import type { RunRow, Store } from '../../ports/store.ts'
import { readEntry } from '../../core/audit/open.ts'
import { argOf, using, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { plain, table } from '../render/text.ts'
import { claimShape } from './claims.ts'

/** What is known of one node over all runs of the store. */
export const node: CommandSpec = {
  path: 'node',
  arguments: '<node>',
  summary: 'what is known of one node: how runs went on it, its lists before and after, claims',
  example: 'node i-0123456789abcdef0',
  output: 'document',
  run: (call) =>
    using(call.app.openStore(call.common), async ({ store }) => {
      const { io } = call.app
      const id = argOf(call, 0, 'the node')
      const runs: Lived[] = []
      for (const row of await store.runs()) {
        const lived = await livedIn(store, row, id)
        if (lived) runs.push(lived)
      }
      const claims = (await store.claims({ node: id })).map(claimShape)
      if (call.common.json) io.out(JSON.stringify({ node: id, runs, claims }))
      else for (const line of linesOf(id, runs, claims)) io.out(line)
      return EXIT.done
    }),
}

/** One run from the node's point of view. `before` and `after` are digests of all installed packages. */
type Lived = Readonly<{
  run: string
  runbook: string
  act: string
  requestedAt: string
  wave: string | null
  account: string
  region: string
  ami: string
  outcome: string
  reason: string
  missing: number
  reports: readonly Report[]
}>

type Report = Readonly<{ at: string; outcome: string; reason: string; changed: number; missing: number; before: string; after: string }>

async function livedIn(store: Store, row: RunRow, id: string): Promise<Lived | undefined> {
  const { state } = await openRun(store, row.run)
  const position = state.plan.nodes.findIndex((one) => one.node === id)
  const planned = state.plan.nodes[position]
  if (planned === undefined) return undefined
  const { account, region, ami } = planned
  return {
    run: row.run,
    runbook: row.runbook,
    act: row.act,
    requestedAt: isoSeconds(row.requestedAt),
    wave: state.waves[at(state.nodes.wave, position)]?.name ?? null,
    account,
    region,
    ami,
    outcome: OUTCOMES[at(state.nodes.outcome, position)] ?? 'open',
    reason: state.nodes.reason[position] ?? '',
    missing: at(state.nodes.missing, position),
    reports: await reportsOf(store, row.run, position),
  }
}

async function reportsOf(store: Store, run: string, position: number): Promise<Report[]> {
  const found: Report[] = []
  for await (const sealed of store.read(run)) {
    if (sealed.type !== 'NodesReported' && sealed.type !== 'StepEnded' && sealed.type !== 'TryJudged') continue
    const { type, data, at: reportedAt } = readEntry(sealed)
    const report = reportIn(fromData(type, data), position, isoSeconds(reportedAt))
    if (report) found.push(report)
  }
  return found
}

function reportIn(event: RunEvent, position: number, reportedAt: string): Report | undefined {
  if (event.type === 'TryJudged' && event.node === position)
    return { at: reportedAt, outcome: `try ${event.verdict}`, reason: event.why, changed: 0, missing: 0, before: '', after: '' }
  if (event.type !== 'NodesReported' && event.type !== 'StepEnded') return undefined
  const index = event.nodes.indexOf(position)
  const { outcomes, reasons, changed, missing, before = [], after = [] } = event
  if (index < 0 || outcomes[index] === 'open') return undefined
  return {
    at: reportedAt,
    outcome: outcomes[index] ?? '',
    reason: reasons[index] ?? '',
    changed: changed[index] ?? 0,
    missing: missing[index] ?? 0,
    before: before[index] ?? '',
    after: after[index] ?? '',
  }
}

function linesOf(id: string, runs: readonly Lived[], claims: readonly ReturnType<typeof claimShape>[]): string[] {
  if (runs.length === 0 && claims.length === 0) return [`no run of this store knows ${id}`]
  const rows = runs.map((one) => [
    one.requestedAt,
    one.run,
    `${one.act} of ${one.runbook}`,
    one.wave ?? '',
    one.outcome,
    plain(one.reason),
    one.missing > 0 ? `${String(one.missing)} still missing` : '',
  ])
  const digests = runs.flatMap((one) =>
    one.reports.map((report) =>
      report.outcome.startsWith('try ')
        ? `  ${report.at}  ${report.outcome} (${plain(report.reason)})`
        : `  ${report.at}  ${report.outcome}: ${String(report.changed)} changed, before ${short(report.before)}, after ${short(report.after)}`,
    ),
  )
  const held = claims.map(
    (claim) => `claimed by run ${claim.run} since ${claim.since}${claim.hand ? '' : ' (counts as out, blocks nobody)'}`,
  )
  return [id, ...table(rows), ...(digests.length > 0 ? ['reports', ...digests] : []), ...held]
}

const short = (digest: string): string => (digest === '' ? 'unknown' : digest.slice(0, 16))
