import { DAY, instant, type Instant, latest, plus, SECOND } from '../../kit/instant.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { hits } from '../nodes/chance.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import { baselineOf, foreignBaseline, patchGroupOf } from '../nodes/patch-baseline.ts'
import { patchCounts, type PatchReport, patchRows, type PatchRow } from '../nodes/patch-report.ts'
import type { Surroundings } from '../nodes/surroundings.ts'
import { INSTANCE_ID, positionOf, requiredText, structuresOf, textsOf, tokenFor, wholeOf } from './run-command-input.ts'

type Input = Readonly<Record<string, unknown>>
/** Patch Manager's filter values for the states that it stores. */
const STATES: Readonly<Record<string, PatchRow['State']>> = {
  Missing: 'MISSING',
  Failed: 'FAILED',
  Installed: 'INSTALLED',
  InstalledOther: 'INSTALLED_OTHER',
  InstalledPendingReboot: 'INSTALLED_PENDING_REBOOT',
}

/**
 * Patch Manager's compliance data: DescribeInstancePatches and DescribeInstancePatchStates. An association scans every node once a day, at
 * the hour at which the fleet began, and AWS-RunPatchBaseline whenever it runs; between two of them the data stay as they were, whatever is
 * installed meanwhile.
 */
export function compliance(around: Surroundings, fleet: SimulatedFleet): Service {
  return {
    DescribeInstancePatches: (input, caller) => {
      const limit = wholeOf(input, 'MaxResults', 10, 100) ?? 50
      const node = fleet.node(requiredText(input, 'InstanceId', { pattern: INSTANCE_ID }))
      if (!isOf(node, caller)) throw new ServiceError('InvalidInstanceId', 'The instance is not managed.')
      const filters = filtersOf(input)
      const from = Number(positionOf(input, 'DescribeInstancePatches') ?? 0)
      const rows = patchRows(node, around.repository(node.platform), reportOf(node, around)).filter((row) =>
        filters.every((filter) => fits(filter, row)),
      )
      const more = rows.length > from + limit
      return {
        Patches: rows.slice(from, from + limit),
        ...(more && { NextToken: tokenFor('DescribeInstancePatches', String(from + limit)) }),
      }
    },
    DescribeInstancePatchStates: (input, caller) => {
      const ids = textsOf(input, 'InstanceIds', 50, INSTANCE_ID) ?? []
      const limit = wholeOf(input, 'MaxResults', 10, 100) ?? 50
      const from = Number(positionOf(input, 'DescribeInstancePatchStates') ?? 0)
      const nodes = ids.map((id) => fleet.node(id)).filter((node) => isOf(node, caller))
      const more = nodes.length > from + limit
      return {
        InstancePatchStates: nodes.slice(from, from + limit).map((node) => stateOf(node, around)),
        ...(more && { NextToken: tokenFor('DescribeInstancePatchStates', String(from + limit)) }),
      }
    },
  }
}

const isOf = (node: SimulatedNode | undefined, caller: Caller): node is SimulatedNode =>
  node?.account === caller.account && node.region === caller.region

type FilterKey = 'Classification' | 'KBId' | 'Severity' | 'State'
type Filter = Readonly<{ key: FilterKey; values: readonly string[] }>

/** Medium finds Moderate too. */
const fits = ({ key, values }: Filter, row: PatchRow): boolean =>
  values.some(
    (value) =>
      (key === 'State' ? (STATES[value] ?? value) : value) === row[key] ||
      (key === 'Severity' && value === 'Medium' && row.Severity === 'Moderate'),
  )

function filtersOf(input: Input): readonly Filter[] {
  return (structuresOf(input, 'Filters', 5) ?? []).map((filter) => {
    const key = requiredText(filter, 'Key', { min: 1, max: 128 })
    if (key !== 'Classification' && key !== 'KBId' && key !== 'Severity' && key !== 'State') throw new ServiceError('InvalidFilter', '')
    return { key, values: textsOf(filter, 'Values', 20) ?? [] }
  })
}

/** Of nodes that nobody scans any more the last scan is so old. */
const STALE_MS = 3 * DAY

/** Who scanned last: the association once a day, somebody else's after it, or AWS-RunPatchBaseline. */
function reportOf(node: SimulatedNode, around: Surroundings): PatchReport {
  const { report } = node.patching
  const { patchData, seed } = around.faults()
  const stale = hits(patchData.stale, seed, 'stale', node.node)
  const scannedAt = stale ? plus(around.start, -STALE_MS) : latest(dailyScan(around), node.launchedAt)
  if (report && report.endedAt >= scannedAt) return report
  const foreign = hits(patchData.overwritten, seed, 'overwritten', node.node)
  return {
    operation: 'Scan',
    startedAt: scannedAt,
    endedAt: scannedAt,
    baseline: foreign ? foreignBaseline(node) : baselineOf(node),
    snapshotId: '',
    overrideList: '',
    rebootOption: 'NoReboot',
    standing: node.patching.at(scannedAt, node.installed),
    failed: new Set(),
  }
}

function dailyScan(around: Surroundings): Instant {
  const sinceMs = around.clock.now() - around.start
  return instant(around.start + Math.floor(sinceMs / DAY) * DAY)
}

/** What of an override list's place InstancePatchState has room for. */
const OVERRIDE_MAX = 256

function stateOf(node: SimulatedNode, around: Surroundings): Record<string, unknown> {
  const report = reportOf(node, around)
  const { snapshotId, overrideList } = report
  const { lastNoRebootAt } = node.patching
  return {
    InstanceId: node.node,
    PatchGroup: patchGroupOf(node),
    BaselineId: report.baseline.id,
    ...(snapshotId !== '' && { SnapshotId: snapshotId }),
    ...(overrideList !== '' && overrideList.length <= OVERRIDE_MAX && { InstallOverrideList: overrideList }),
    ...patchCounts(patchRows(node, around.repository(node.platform), report)),
    OperationStartTime: report.startedAt / SECOND,
    OperationEndTime: report.endedAt / SECOND,
    Operation: report.operation,
    ...(lastNoRebootAt !== null && { LastNoRebootInstallOperationTime: lastNoRebootAt / SECOND }),
    RebootOption: report.rebootOption,
  }
}
