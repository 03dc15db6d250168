import type { InstancePatchState, PatchComplianceData } from '@aws-sdk/client-ssm'
import type { Cell, NodeId } from '../../kit/ids.ts'
import { instant } from '../../kit/instant.ts'
import type { PatchDataSeen, PatchSeen } from '../../ports/fleet.ts'
import type { Calls } from './calls.ts'
import { chunks, from, pagesOf } from './pages.ts'
import { clean } from './text.ts'

/** The services' maxima. */
const [PATCHES_PAGE, STATES_PAGE, STATES_IDS_MAX] = [100, 100, 50]
/** Classifications, severities, patch groups and ids are short; titles hold a name and a version, or a sentence on Windows. */
const [WORD_MAX, TITLE_MAX, CVES_MAX] = [256, 1_024, 8_000]

/** Rows of Patch Manager that a node lacks. The filter's values are OR-ed. */
export async function* missing(calls: Calls, cell: Cell, node: NodeId, signal: AbortSignal): AsyncGenerator<PatchSeen> {
  const Filters = [{ Key: 'State', Values: ['Missing', 'Failed'] }]
  const pages = pagesOf(
    (token) =>
      calls.ssm({ cell, operation: 'DescribeInstancePatches', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(
          new sdk.DescribeInstancePatchesCommand({ InstanceId: node, Filters, MaxResults: PATCHES_PAGE, ...from(token) }),
          options,
        ),
      ),
    (page) => page.NextToken,
  )
  for await (const page of pages) for (const patch of page.Patches ?? []) yield patchSeen(patch)
}

const patchSeen = (patch: PatchComplianceData): PatchSeen => ({
  title: clean(patch.Title ?? '', TITLE_MAX),
  kbId: clean(patch.KBId ?? '', TITLE_MAX),
  classification: clean(patch.Classification ?? '', WORD_MAX),
  severity: clean(patch.Severity ?? '', WORD_MAX),
  state: clean(patch.State ?? '', WORD_MAX),
  cves: cvesOf(patch.CVEIds ?? ''),
})

/** CVEs come as one string with commas. What is too long is cut between two of them: half an id would be another one. */
function cvesOf(text: string): readonly string[] {
  const whole = text.length <= CVES_MAX ? text : text.slice(0, text.lastIndexOf(',', CVES_MAX) + 1)
  return clean(whole, CVES_MAX)
    .split(',')
    .map((cve) => cve.trim())
    .filter((cve) => cve !== '')
}

/** Patch Manager's summary of each node that it has scanned. */
export async function* patchData(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): AsyncGenerator<PatchDataSeen> {
  for (const some of chunks(nodes, STATES_IDS_MAX)) {
    const pages = pagesOf(
      (token) =>
        calls.ssm({ cell, operation: 'DescribeInstancePatchStates', kind: 'read', signal }, ({ sdk, client, options }) =>
          client.send(
            new sdk.DescribeInstancePatchStatesCommand({ InstanceIds: [...some], MaxResults: STATES_PAGE, ...from(token) }),
            options,
          ),
        ),
      (page) => page.NextToken,
    )
    for await (const page of pages) {
      for (const state of page.InstancePatchStates ?? []) if (state.InstanceId !== undefined) yield dataSeen(state, state.InstanceId)
    }
  }
}

const dataSeen = (state: InstancePatchState, node: NodeId): PatchDataSeen => ({
  node,
  patchGroup: clean(state.PatchGroup ?? '', WORD_MAX),
  baselineId: clean(state.BaselineId ?? '', WORD_MAX),
  snapshotId: clean(state.SnapshotId ?? '', WORD_MAX),
  operation: clean(state.Operation ?? '', WORD_MAX),
  endedAt: state.OperationEndTime ? instant(state.OperationEndTime.getTime()) : null,
  missing: state.MissingCount ?? 0,
  failed: state.FailedCount ?? 0,
})
