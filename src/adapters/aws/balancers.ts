import type { TargetHealthDescription } from '@aws-sdk/client-elastic-load-balancing-v2'
import { eachBounded, mapBounded } from '../../kit/bounded.ts'
import type { Cell, NodeId } from '../../kit/ids.ts'
import type { Balancers, Target, TargetSeen } from '../../ports/balancers.ts'
import type { Calls } from './calls.ts'
import { failedAs, namedAs } from './errors.ts'
import { chunks, pagesOf } from './pages.ts'
import { clean } from './text.ts'

/** Page size of DescribeTargetGroups (service model). */
const GROUPS_PAGE = 400
/** Targets named in one call: no limit is documented; 100 keep the request small. */
const TARGETS_MAX = 100
/** Groups that are asked for at once: each is a call of its own, and the quota is for all. */
const GROUPS_AT_ONCE = 8
const TEXT_MAX = 100
const DRAIN_KEY = 'deregistration_delay.timeout_seconds'
/** What ELBv2 does where a group says nothing (seconds). */
const DRAIN_SECONDS_DEFAULT = 300

const STATES = ['initial', 'healthy', 'unhealthy', 'unhealthy.draining', 'unused', 'draining', 'unavailable'] as const

/** ELBv2's target groups over the SDK. */
export function balancersOver(calls: Calls): Balancers {
  return {
    targetsOf: (cell, nodes, signal) => targetsOf(calls, cell, nodes, signal),
    health: (cell, targets, signal) => health(calls, cell, targets, signal),
    deregister: (cell, targets, signal) => deregister(calls, cell, targets, signal),
    register: (cell, targets, signal) => register(calls, cell, targets, signal),
    drainSeconds: (cell, groups, signal) => drainSeconds(calls, cell, groups, signal),
  }
}

/** A group says who is in it, a node does not say where it is: all groups of the cell are read. */
async function targetsOf(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly TargetSeen[]> {
  if (nodes.length === 0) return []
  const wanted = new Set(nodes)
  const seen: TargetSeen[] = []
  for await (const some of mapBounded(groupsOf(calls, cell, signal), GROUPS_AT_ONCE, (group) => whole(calls, cell, group, signal))) {
    seen.push(...some.filter(({ node }) => wanted.has(node)))
  }
  return inOrder(seen)
}

async function* groupsOf(calls: Calls, cell: Cell, signal: AbortSignal): AsyncGenerator<string> {
  const pages = pagesOf(
    (Marker) =>
      calls.elb({ cell, operation: 'DescribeTargetGroups', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.DescribeTargetGroupsCommand({ PageSize: GROUPS_PAGE, ...(Marker !== undefined && { Marker }) }), options),
      ),
    (page) => page.NextMarker,
  )
  for await (const page of pages) {
    for (const { TargetGroupArn, TargetType } of page.TargetGroups ?? []) {
      if (TargetGroupArn !== undefined && TargetType === 'instance') yield TargetGroupArn
    }
  }
}

async function health(calls: Calls, cell: Cell, targets: readonly Target[], signal: AbortSignal): Promise<readonly TargetSeen[]> {
  const seen = new Map<string, TargetSeen>()
  for await (const some of mapBounded(parts(targets), GROUPS_AT_ONCE, (part) => healthOf(calls, cell, part, signal))) {
    for (const one of some) seen.set(keyOf(one), one)
  }
  return targets.map((target) => seen.get(keyOf(target)) ?? { ...target, state: 'absent', reason: '' })
}

/** A terminated instance is no target any more, and makes ELBv2 refuse the whole list: then the group is asked whom it has. */
async function healthOf(calls: Calls, cell: Cell, part: Part, signal: AbortSignal): Promise<readonly TargetSeen[]> {
  try {
    return await described(calls, cell, part, signal)
  } catch (error) {
    if (failedAs(error, 'aws.missing')) return []
    if (!namedAs(error, 'InvalidTarget', 'InvalidTargetException')) throw error
    return await whole(calls, cell, part.group, signal)
  }
}

/** Every target of a group; none of a group that is gone. */
async function whole(calls: Calls, cell: Cell, group: string, signal: AbortSignal): Promise<readonly TargetSeen[]> {
  try {
    return await described(calls, cell, { group, targets: [] }, signal)
  } catch (error) {
    if (failedAs(error, 'aws.missing')) return []
    throw error
  }
}

async function described(calls: Calls, cell: Cell, { group, targets }: Part, signal: AbortSignal): Promise<readonly TargetSeen[]> {
  const answer = await calls.elb({ cell, operation: 'DescribeTargetHealth', kind: 'read', signal }, ({ sdk, client, options }) =>
    client.send(
      new sdk.DescribeTargetHealthCommand({ TargetGroupArn: group, ...(targets.length > 0 && { Targets: targets.map(shapeOf) }) }),
      options,
    ),
  )
  return (answer.TargetHealthDescriptions ?? []).flatMap((one) => targetSeen(group, one))
}

function targetSeen(group: string, { Target: target, TargetHealth: told }: TargetHealthDescription): readonly TargetSeen[] {
  if (target?.Id === undefined || target.Port === undefined) return []
  const reason = clean(told?.Reason ?? '', TEXT_MAX)
  // A state that we do not know is none that traffic could rely on.
  const state = STATES.find((known) => known === told?.State) ?? 'unavailable'
  const absent = state === 'unused' && reason === 'Target.NotRegistered'
  return [{ group, node: target.Id, port: target.Port, state: absent ? 'absent' : state, reason }]
}

async function deregister(calls: Calls, cell: Cell, targets: readonly Target[], signal: AbortSignal): Promise<void> {
  const fresh = calls.now
  await eachBounded(parts(targets), GROUPS_AT_ONCE, async ({ group, targets: some }) => {
    try {
      await calls.elb({ cell, operation: 'DeregisterTargets', kind: 'repeatable', signal, fresh }, ({ sdk, client, options }) =>
        client.send(new sdk.DeregisterTargetsCommand({ TargetGroupArn: group, Targets: some.map(shapeOf) }), options),
      )
    } catch (error) {
      if (!failedAs(error, 'aws.missing')) throw error // Nobody stands in a group that is gone.
    }
  })
}

async function register(calls: Calls, cell: Cell, targets: readonly Target[], signal: AbortSignal): Promise<void> {
  const fresh = calls.now
  await eachBounded(parts(targets), GROUPS_AT_ONCE, async ({ group, targets: some }) => {
    await calls.elb({ cell, operation: 'RegisterTargets', kind: 'repeatable', signal, fresh }, ({ sdk, client, options }) =>
      client.send(new sdk.RegisterTargetsCommand({ TargetGroupArn: group, Targets: some.map(shapeOf) }), options),
    )
  })
}

async function drainSeconds(
  calls: Calls,
  cell: Cell,
  groups: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const seconds = new Map<string, number>()
  const ask = async (group: string): Promise<void> => {
    try {
      const answer = await calls.elb(
        { cell, operation: 'DescribeTargetGroupAttributes', kind: 'read', signal },
        ({ sdk, client, options }) => client.send(new sdk.DescribeTargetGroupAttributesCommand({ TargetGroupArn: group }), options),
      )
      const text = answer.Attributes?.find(({ Key }) => Key === DRAIN_KEY)?.Value ?? ''
      seconds.set(group, /^\d{1,5}$/.test(text) ? Number(text) : DRAIN_SECONDS_DEFAULT)
    } catch (error) {
      if (!failedAs(error, 'aws.missing')) throw error
    }
  }
  await eachBounded(new Set(groups), GROUPS_AT_ONCE, ask)
  return seconds
}

/** Some targets of one group. */
type Part = Readonly<{ group: string; targets: readonly Target[] }>

function parts(targets: readonly Target[]): readonly Part[] {
  return [...Map.groupBy(targets, ({ group }) => group)].flatMap(([group, all]) =>
    chunks(all, TARGETS_MAX).map((some) => ({ group, targets: some })),
  )
}

const shapeOf = ({ node, port }: Target): { Id: string; Port: number } => ({ Id: node, Port: port })
const keyOf = ({ group, node, port }: Target): string => `${group} ${node} ${String(port)}`

/** Groups answer in any order; the same question has the same answer. */
function inOrder(seen: readonly TargetSeen[]): readonly TargetSeen[] {
  const key = (one: TargetSeen): string => `${one.node} ${one.group} ${String(one.port).padStart(5, '0')}`
  return [...seen].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}
