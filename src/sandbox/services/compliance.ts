import { DAY, instant, type Instant, SECOND } from '../../kit/instant.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { hexOf } from '../nodes/chance.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import type { Surroundings } from '../nodes/surroundings.ts'
import { INSTANCE_ID, positionOf, requiredText, structuresOf, textsOf, tokenFor, wholeOf } from './run-command-input.ts'

type Input = Readonly<Record<string, unknown>>
type Row = Readonly<{
  Title: string
  KBId: string
  Classification: string
  Severity: string
  State: string
  InstalledTime: number
  CVEIds?: string
}>

/** Patch Manager's filter values for the states that it stores. */
const STATES: Readonly<Record<string, string>> = { Missing: 'MISSING', Installed: 'INSTALLED', InstalledOther: 'INSTALLED_OTHER' }

/**
 * Patch Manager's compliance data: DescribeInstancePatches and DescribeInstancePatchStates. An association scans every node once a day, at
 * the hour at which the fleet began; between two scans the data stay as they were, but for versions installed meanwhile.
 */
export function compliance(around: Surroundings, fleet: SimulatedFleet): Service {
  return {
    DescribeInstancePatches: (input, caller) => {
      const limit = wholeOf(input, 'MaxResults', 10, 100) ?? 50
      const node = fleet.node(requiredText(input, 'InstanceId', { pattern: INSTANCE_ID }))
      if (!isOf(node, caller)) throw new ServiceError('InvalidInstanceId', 'The instance is not managed.')
      const filters = filtersOf(input)
      const from = Number(positionOf(input, 'DescribeInstancePatches') ?? 0)
      const rows = rowsOf(node, around).filter((row) =>
        filters.every(({ key, values }) => values.includes(key === 'State' ? stateName(row.State) : row[key])),
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

const stateName = (state: string): string => Object.entries(STATES).find(([, stored]) => stored === state)?.[0] ?? state

type FilterKey = 'Classification' | 'KBId' | 'Severity' | 'State'

function filtersOf(input: Input): readonly Readonly<{ key: FilterKey; values: readonly string[] }>[] {
  return (structuresOf(input, 'Filters', 5) ?? []).map((filter) => {
    const key = requiredText(filter, 'Key', { min: 1, max: 128 })
    if (key !== 'Classification' && key !== 'KBId' && key !== 'Severity' && key !== 'State') throw new ServiceError('InvalidFilter', '')
    return { key, values: textsOf(filter, 'Values', 20) ?? [] }
  })
}

/** The last daily scan. */
function scannedAt(around: Surroundings): Instant {
  const sinceMs = around.clock.now() - around.start
  return instant(around.start + Math.floor(sinceMs / DAY) * DAY)
}

function rowsOf(node: SimulatedNode, around: Surroundings): readonly Row[] {
  const missing = around.repository(node.platform).missing(node.installed, scannedAt(around))
  const rows: Row[] = missing.map((update) => ({
    Title: `${update.key}:${update.version}`,
    KBId: update.key,
    Classification: update.classification,
    Severity: update.severity,
    State: 'MISSING',
    InstalledTime: 0,
    ...(update.cves.length > 0 && { CVEIds: update.cves.join(',') }),
  }))
  const behind = new Set(missing.map(({ key }) => key))
  for (const [key, version] of node.packages) {
    if (behind.has(key)) continue
    const InstalledTime = node.launchedAt / SECOND
    rows.push({ Title: `${key}:${version}`, KBId: key, Classification: '', Severity: '', State: 'INSTALLED_OTHER', InstalledTime })
  }
  return rows
}

function stateOf(node: SimulatedNode, around: Surroundings): Record<string, unknown> {
  const rows = rowsOf(node, around)
  const missing = rows.filter(({ State }) => State === 'MISSING')
  const count = (fits: (row: Row) => boolean): number => missing.filter(fits).length
  const at = scannedAt(around) / SECOND
  return {
    InstanceId: node.node,
    PatchGroup: node.tags['PatchGroup'] ?? node.tags['Patch Group'] ?? '',
    BaselineId: `pb-${hexOf(17, 0, 'patch-baseline', node.platform)}`,
    InstalledCount: 0,
    InstalledOtherCount: rows.length - missing.length,
    InstalledPendingRebootCount: 0,
    InstalledRejectedCount: 0,
    MissingCount: missing.length,
    FailedCount: 0,
    UnreportedNotApplicableCount: 0,
    NotApplicableCount: 0,
    CriticalNonCompliantCount: count(({ Severity }) => Severity === 'Critical'),
    SecurityNonCompliantCount: count(({ Classification }) => Classification === 'Security'),
    OtherNonCompliantCount: count(({ Classification }) => Classification !== 'Security'),
    OperationStartTime: at,
    OperationEndTime: at,
    Operation: 'Scan',
    RebootOption: 'NoReboot',
  }
}
