import { type Instant, iso, SECOND } from '../../kit/instant.ts'
import type { SimulatedNode } from './node.ts'
import type { PatchBaseline } from './patch-baseline.ts'
import { patchGroupOf } from './patch-baseline.ts'
import type { Standing } from './patching.ts'
import type { Repository, Update } from './repository.ts'

/** What one scan or installation of Patch Manager found: a node's compliance data until the next one overwrites it. */
export type PatchReport = Readonly<{
  operation: 'Scan' | 'Install'
  startedAt: Instant
  endedAt: Instant
  baseline: PatchBaseline
  snapshotId: string
  overrideList: string
  rebootOption: string
  standing: Standing
  /** `name.arch version` of what was tried and not installed. */
  failed: ReadonlySet<string>
}>

/** A row of DescribeInstancePatches, in the API's words. */
export type PatchRow = Readonly<{
  Title: string
  KBId: string
  Classification: string
  Severity: string
  State: 'INSTALLED' | 'INSTALLED_OTHER' | 'INSTALLED_PENDING_REBOOT' | 'MISSING' | 'FAILED'
  InstalledTime: number
  CVEIds?: string
}>

/**
 * A report's rows. CVEs stand only at what is missing or failed; of what is in no baseline neither classification nor severity is told
 * (DescribeInstancePatches).
 */
export function patchRows(node: SimulatedNode, repository: Repository, report: PatchReport): readonly PatchRow[] {
  const { standing, baseline, endedAt, failed } = report
  const lacking = repository.missing(standing.set, endedAt).filter((update) => baseline.approves(update, endedAt))
  const rows: PatchRow[] = lacking.map((update) => ({
    ...named(update.key, update.version),
    Classification: update.classification,
    Severity: update.severity,
    State: failed.has(`${update.key} ${update.version}`) ? 'FAILED' : 'MISSING',
    InstalledTime: 0,
    ...(update.cves.length > 0 && { CVEIds: update.cves.join(',') }),
  }))
  const behind = new Set(lacking.map(({ key }) => key))
  for (const [key, version] of standing.set.packages) {
    const waits = standing.pending.get(key) === version
    if (behind.has(key) && !waits) continue
    const update = repository.updateAt(key, version)
    const approved = update !== undefined && baseline.approves(update, endedAt)
    rows.push({
      ...named(key, version),
      ...kindOf(approved || waits ? update : undefined),
      State: waits ? 'INSTALLED_PENDING_REBOOT' : approved ? 'INSTALLED' : 'INSTALLED_OTHER',
      InstalledTime: (node.patching.installedAt(key) ?? node.launchedAt) / SECOND,
    })
  }
  return rows
}

const named = (key: string, version: string): Pick<PatchRow, 'Title' | 'KBId'> => ({ Title: `${key}:${version}`, KBId: key })

const kindOf = (update: Update | undefined): Pick<PatchRow, 'Classification' | 'Severity'> => ({
  Classification: update?.classification ?? '',
  Severity: update?.severity ?? '',
})

/** Counts of a report, under the names of InstancePatchState. */
export function patchCounts(rows: readonly PatchRow[]): Readonly<Record<string, number>> {
  const count = (fits: (row: PatchRow) => boolean): number => rows.filter(fits).length
  const stated = (state: PatchRow['State']): number => count(({ State }) => State === state)
  const breaks = ({ State }: PatchRow): boolean => State === 'MISSING' || State === 'FAILED' || State === 'INSTALLED_PENDING_REBOOT'
  return {
    InstalledCount: stated('INSTALLED'),
    InstalledOtherCount: stated('INSTALLED_OTHER'),
    InstalledPendingRebootCount: stated('INSTALLED_PENDING_REBOOT'),
    InstalledRejectedCount: 0,
    MissingCount: stated('MISSING'),
    FailedCount: stated('FAILED'),
    UnreportedNotApplicableCount: 0,
    NotApplicableCount: 0,
    CriticalNonCompliantCount: count((row) => breaks(row) && row.Severity === 'Critical'),
    SecurityNonCompliantCount: count((row) => breaks(row) && row.Classification === 'Security'),
    OtherNonCompliantCount: count((row) => breaks(row) && row.Classification !== 'Security'),
  }
}

/** What the document prints at its end. With a BaselineOverride nothing is stored, so the packages are named here. */
export function reportText(node: SimulatedNode, report: PatchReport, rows: readonly PatchRow[], overridden: boolean): string {
  const { operation, baseline, snapshotId, rebootOption, overrideList, startedAt, endedAt } = report
  const head = {
    'Patch group': patchGroupOf(node),
    Instance: node.node,
    Baseline: baseline.id,
    Snapshot: snapshotId,
    Operation: operation,
    'Reboot option': rebootOption,
    'Override list': overrideList,
    'Operation start time': iso(startedAt),
    'Operation end time': iso(endedAt),
  }
  const lines = [...Object.entries(head), ...Object.entries(patchCounts(rows))].map(([name, value]) => `${name}: ${String(value)}`)
  const told = overridden ? rows.filter(({ State }) => !State.startsWith('INSTALLED') || State === 'INSTALLED_PENDING_REBOOT') : []
  return [...lines, ...told.map(({ State, Title }) => `${State} ${Title}`)].map((line) => `${line}\n`).join('')
}
