import type { Filter, ReplaceRootVolumeTask, Snapshot, SnapshotInfo } from '@aws-sdk/client-ec2'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell, type NodeId } from '../../kit/ids.ts'
import { type Instant, instant, isoSeconds, parseInstant } from '../../kit/instant.ts'
import type { Machines, RootTaskSeen, SnapshotSeen } from '../../ports/machines.ts'
import type { Calls } from './calls.ts'
import { failedAs } from './errors.ts'
import { chunks, from, pagesOf } from './pages.ts'
import { clean } from './text.ts'

/** Page sizes are EC2's maxima. */
const SNAPSHOTS_PAGE = 1_000
const TASKS_PAGE = 50
/** Values of one filter (EC2 user guide). */
const FILTER_VALUES_MAX = 200
const TEXT_MAX = 256

/** Our tags. `root` holds the id of the volume that the node booted from: one call gives all its snapshots the same tags. */
const TAG = { run: 'patchwave:run', node: 'patchwave:node', root: 'patchwave:root', deleteAfter: 'patchwave:delete-after' } as const

const STATES = ['pending', 'completed', 'error', 'recoverable', 'recovering'] as const
/** EC2's guide names one more way to fail than its model does. */
const ENDED = ['succeeded', 'failed', 'failed-detached']

/** What changes EC2 instances, over the SDK. */
export function machinesOver(calls: Calls): Machines {
  return {
    start: (cell, nodes, signal) => start(calls, cell, nodes, signal),
    stop: (cell, nodes, signal) => stop(calls, cell, nodes, signal),
    snapshot: (cell, node, tags, signal) => snapshot(calls, { cell, node, ...tags }, signal),
    snapshots: (cell, of, signal) => snapshots(calls, cell, of, signal),
    deleteSnapshot: (cell, id, signal) => deleteSnapshot(calls, cell, id, signal),
    replaceRoot: (cell, node, id, token, signal) => replaceRoot(calls, { cell, node, snapshot: id, token }, signal),
    rootTasks: (cell, nodes, signal) => rootTasks(calls, cell, nodes, signal),
  }
}

async function start(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<void> {
  if (nodes.length === 0) return
  await calls.ec2({ cell, operation: 'StartInstances', kind: 'repeatable', signal, fresh: calls.now }, ({ sdk, client, options }) =>
    client.send(new sdk.StartInstancesCommand({ InstanceIds: [...nodes] }), options),
  )
}

async function stop(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<void> {
  if (nodes.length === 0) return
  await calls.ec2({ cell, operation: 'StopInstances', kind: 'repeatable', signal, fresh: calls.now }, ({ sdk, client, options }) =>
    client.send(new sdk.StopInstancesCommand({ InstanceIds: [...nodes] }), options),
  )
}

type Wish = Readonly<{ cell: Cell; node: NodeId; run: string; deleteAfter: Instant }>

async function snapshot(calls: Calls, wish: Wish, signal: AbortSignal): Promise<readonly SnapshotSeen[]> {
  const { cell, node, run, deleteAfter } = wish
  const fresh = calls.now
  const values = {
    [TAG.run]: run,
    [TAG.node]: node,
    [TAG.root]: await rootOf(calls, cell, node, signal),
    [TAG.deleteAfter]: isoSeconds(deleteAfter),
  }
  const Tags = Object.entries(values).map(([Key, Value]) => ({ Key, Value }))
  try {
    const answer = await calls.ec2({ cell, operation: 'CreateSnapshots', kind: 'careful', signal, fresh }, ({ sdk, client, options }) =>
      client.send(
        new sdk.CreateSnapshotsCommand({
          InstanceSpecification: { InstanceId: node },
          Description: `Patchwave: ${node} before ${run}`,
          TagSpecifications: [{ ResourceType: 'snapshot', Tags }],
        }),
        options,
      ),
    )
    return (answer.Snapshots ?? []).flatMap(snapshotSeen)
  } catch (error) {
    if (!failedAs(error, 'aws.unclear')) throw error
    const found: SnapshotSeen[] = []
    for await (const one of snapshots(calls, cell, { run, nodes: [node] }, signal)) found.push(one)
    if (found.length === 0) throw error
    return found
  }
}

/** The volume that a node boots from; `''` where EC2 does not say. */
async function rootOf(calls: Calls, cell: Cell, node: NodeId, signal: AbortSignal): Promise<string> {
  const answer = await calls.ec2({ cell, operation: 'DescribeInstances', kind: 'read', signal }, ({ sdk, client, options }) =>
    client.send(new sdk.DescribeInstancesCommand({ InstanceIds: [node] }), options),
  )
  const instance = answer.Reservations?.flatMap(({ Instances }) => Instances ?? []).find(({ InstanceId }) => InstanceId === node)
  return instance?.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === instance.RootDeviceName)?.Ebs?.VolumeId ?? ''
}

async function* snapshots(
  calls: Calls,
  cell: Cell,
  of: Readonly<{ run?: string; nodes?: readonly NodeId[] }>,
  signal: AbortSignal,
): AsyncGenerator<SnapshotSeen> {
  const ofRun: readonly Filter[] =
    of.run === undefined ? [{ Name: 'tag-key', Values: [TAG.run] }] : [{ Name: `tag:${TAG.run}`, Values: [of.run] }]
  const questions = of.nodes
    ? chunks(of.nodes, FILTER_VALUES_MAX).map((nodes) => [...ofRun, { Name: `tag:${TAG.node}`, Values: [...nodes] }])
    : [ofRun]
  for (const Filters of questions) {
    const pages = pagesOf(
      (token) =>
        calls.ec2({ cell, operation: 'DescribeSnapshots', kind: 'read', signal }, ({ sdk, client, options }) =>
          client.send(
            new sdk.DescribeSnapshotsCommand({ OwnerIds: ['self'], Filters: [...Filters], MaxResults: SNAPSHOTS_PAGE, ...from(token) }),
            options,
          ),
        ),
      (page) => page.NextToken,
    )
    for await (const page of pages) for (const one of page.Snapshots ?? []) yield* snapshotSeen(one)
  }
}

/** Nothing for what has no id. A state that we do not know is no completed one. */
function snapshotSeen(one: Snapshot | SnapshotInfo): readonly SnapshotSeen[] {
  if (one.SnapshotId === undefined) return []
  const tags = new Map((one.Tags ?? []).map(({ Key, Value }) => [Key ?? '', clean(Value ?? '', TEXT_MAX)]))
  const root = tags.get(TAG.root) ?? ''
  return [
    {
      snapshot: one.SnapshotId,
      node: tags.get(TAG.node) ?? '',
      root: root !== '' && root === one.VolumeId,
      state: STATES.find((known) => known === one.State) ?? 'error',
      startedAt: instant(one.StartTime?.getTime() ?? 0),
      deleteAfter: parseInstant(tags.get(TAG.deleteAfter) ?? '') ?? null,
      run: tags.get(TAG.run) ?? '',
    },
  ]
}

async function deleteSnapshot(calls: Calls, cell: Cell, id: string, signal: AbortSignal): Promise<void> {
  try {
    await calls.ec2({ cell, operation: 'DeleteSnapshot', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
      client.send(new sdk.DeleteSnapshotCommand({ SnapshotId: id }), options),
    )
  } catch (error) {
    if (!failedAs(error, 'aws.missing')) throw error
  }
}

type Replacement = Readonly<{ cell: Cell; node: NodeId; snapshot: string; token: string }>

/** The replaced volume stays, detached, as evidence: EC2's default. */
async function replaceRoot(calls: Calls, order: Replacement, signal: AbortSignal): Promise<RootTaskSeen> {
  const { cell, node, token } = order
  const call = { cell, operation: 'CreateReplaceRootVolumeTask', kind: 'repeatable', signal, fresh: calls.now } as const
  const answer = await calls.ec2(call, ({ sdk, client, options }) =>
    client.send(new sdk.CreateReplaceRootVolumeTaskCommand({ InstanceId: node, SnapshotId: order.snapshot, ClientToken: token }), options),
  )
  const [seen] = answer.ReplaceRootVolumeTask ? taskSeen(answer.ReplaceRootVolumeTask) : []
  if (seen) return seen
  throw new PatchwaveError('aws.unclear', `ec2.CreateReplaceRootVolumeTask in ${cellKey(cell)} answered without a task`, {
    hint: 'ask again with the same token',
    detail: { cell: cellKey(cell), call: 'ec2.CreateReplaceRootVolumeTask' },
  })
}

async function rootTasks(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly RootTaskSeen[]> {
  if (nodes.length === 0) return []
  const Filters = [{ Name: 'instance-id', Values: [...nodes] }]
  const pages = pagesOf(
    (token) =>
      calls.ec2({ cell, operation: 'DescribeReplaceRootVolumeTasks', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.DescribeReplaceRootVolumeTasksCommand({ Filters, MaxResults: TASKS_PAGE, ...from(token) }), options),
      ),
    (page) => page.NextToken,
  )
  const tasks: RootTaskSeen[] = []
  for await (const page of pages) for (const one of page.ReplaceRootVolumeTasks ?? []) tasks.push(...taskSeen(one))
  return tasks
}

function taskSeen({ ReplaceRootVolumeTaskId: task, InstanceId: node, TaskState }: ReplaceRootVolumeTask): readonly RootTaskSeen[] {
  if (task === undefined || node === undefined) return []
  const state = clean(TaskState ?? '', TEXT_MAX)
  return [{ task, node, state, ended: ENDED.includes(state), succeeded: state === 'succeeded' }]
}
