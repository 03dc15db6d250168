import type { Cell, NodeId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { MemberSeen, Scaling } from '../../ports/scaling.ts'
import type { Calls } from './calls.ts'
import { failedAs } from './errors.ts'
import { chunks, from, pagesOf } from './pages.ts'
import { clean } from './text.ts'

/** `InstanceIds` of DescribeAutoScalingInstances, and its page size (API reference). */
const DESCRIBED_MAX = 50
/** `InstanceIds` of EnterStandby and ExitStandby (API reference). */
const STANDBY_MAX = 20
const TEXT_MAX = 255

/** EC2 Auto Scaling over the SDK. */
export function scalingOver(calls: Calls): Scaling {
  return {
    membersOf: (cell, nodes, signal) => membersOf(calls, cell, nodes, signal),
    enterStandby: (cell, group, nodes, signal) => move(calls, { cell, group, nodes, to: 'Standby' }, signal),
    exitStandby: (cell, group, nodes, signal) => move(calls, { cell, group, nodes, to: 'InService' }, signal),
  }
}

async function membersOf(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly MemberSeen[]> {
  const members: MemberSeen[] = []
  // An empty list would mean all members of the cell.
  for (const some of chunks(nodes, DESCRIBED_MAX)) {
    const pages = pagesOf(
      (token) =>
        calls.scaling({ cell, operation: 'DescribeAutoScalingInstances', kind: 'read', signal }, ({ sdk, client, options }) =>
          client.send(
            new sdk.DescribeAutoScalingInstancesCommand({ InstanceIds: [...some], MaxRecords: DESCRIBED_MAX, ...from(token) }),
            options,
          ),
        ),
      (page) => page.NextToken,
    )
    for await (const page of pages) {
      for (const one of page.AutoScalingInstances ?? []) {
        if (one.InstanceId === undefined || one.AutoScalingGroupName === undefined) continue
        // The name is asked for again as it is; the state is shown only.
        members.push({ node: one.InstanceId, group: one.AutoScalingGroupName, lifecycle: clean(one.LifecycleState ?? '', TEXT_MAX) })
      }
    }
  }
  return members
}

type Move = Readonly<{ cell: Cell; group: string; nodes: readonly NodeId[]; to: 'Standby' | 'InService' }>

/** More than twenty go in several calls: when one is refused, those before it have been done. All are as old as the first. */
async function move(calls: Calls, order: Move, signal: AbortSignal): Promise<void> {
  const fresh = calls.now
  for (const nodes of chunks(order.nodes, STANDBY_MAX)) {
    try {
      await moveSome(calls, { ...order, nodes, fresh }, signal)
    } catch (error) {
      // It may or may not have been done: the members' states tell.
      if (!failedAs(error, 'aws.unclear') || !(await hasMoved(calls, { ...order, nodes }, signal))) throw error
    }
  }
}

function moveSome(
  calls: Calls,
  { cell, group, nodes, to, fresh }: Move & Readonly<{ fresh: Instant }>,
  signal: AbortSignal,
): Promise<unknown> {
  const named = { AutoScalingGroupName: group, InstanceIds: [...nodes] }
  return to === 'Standby'
    ? calls.scaling({ cell, operation: 'EnterStandby', kind: 'careful', signal, fresh }, ({ sdk, client, options }) =>
        client.send(new sdk.EnterStandbyCommand({ ...named, ShouldDecrementDesiredCapacity: true }), options),
      )
    : calls.scaling({ cell, operation: 'ExitStandby', kind: 'careful', signal, fresh }, ({ sdk, client, options }) =>
        client.send(new sdk.ExitStandbyCommand(named), options),
      )
}

async function hasMoved(calls: Calls, { cell, group, nodes, to }: Move, signal: AbortSignal): Promise<boolean> {
  const states = to === 'Standby' ? ['EnteringStandby', 'Standby'] : ['Pending', 'InService']
  const moved = new Set(
    (await membersOf(calls, cell, nodes, signal)).flatMap((one) =>
      one.group === group && states.includes(one.lifecycle) ? [one.node] : [],
    ),
  )
  return nodes.every((node) => moved.has(node))
}
