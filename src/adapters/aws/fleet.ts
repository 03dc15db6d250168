import type { Instance, Reservation, Tag } from '@aws-sdk/client-ec2'
import type { InstanceInformation } from '@aws-sdk/client-ssm'
import type { Cell, NodeId } from '../../kit/ids.ts'
import { instant } from '../../kit/instant.ts'
import { clean, kept, shared } from './text.ts'
import type { Fleet, ImageSeen, NodeSeen, StatusSeen } from '../../ports/fleet.ts'
import type { Calls } from './calls.ts'
import { failedAs, saidInFull } from './errors.ts'
import { chunks, from, pagesOf } from './pages.ts'
import { missing, patchData } from './patch-data.ts'

/** Page sizes are the services' maxima. */
const INFORMATION_PAGE = 50
const INSTANCES_PAGE = 1_000
/** Explicit ids that DescribeInstanceStatus takes. */
const STATUS_IDS_MAX = 100
/** Images asked for at once: no limit is documented for ids; 100 keep the request small. */
const IMAGES_MAX = 100
/** Values of tags are at most 256 characters, keys 128, image names 128. */
const TEXT_MAX = 256

/** Nodes, images and their states, read over EC2 and SSM. */
export function fleetOver(calls: Calls): Fleet {
  return {
    census: (cell, signal) => census(calls, cell, signal),
    look: (cell, nodes, signal) => look(calls, cell, nodes, signal),
    images: (cell, amis, signal) => images(calls, cell, amis, signal),
    status: (cell, nodes, signal) => status(calls, cell, nodes, signal),
    missing: (cell, node, signal) => missing(calls, cell, node, signal),
    patchData: (cell, nodes, signal) => patchData(calls, cell, nodes, signal),
  }
}

/**
 * EC2's list leads, since SSM leaves stopped nodes out: `agent` is `none` for those that SSM does not list. Hybrid nodes, which EC2 does not
 * know, come last.
 */
async function* census(calls: Calls, cell: Cell, signal: AbortSignal): AsyncGenerator<NodeSeen> {
  const managed = new Map<NodeId, InstanceInformation>()
  for await (const one of informations(calls, cell, null, signal)) managed.set(one.InstanceId ?? '', one)
  const Filters = [{ Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] }]
  const pages = pagesOf(
    (token) =>
      calls.ec2({ cell, operation: 'DescribeInstances', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.DescribeInstancesCommand({ Filters, MaxResults: INSTANCES_PAGE, ...from(token) }), options),
      ),
    (page) => page.NextToken,
  )
  for await (const page of pages) {
    for (const one of instancesOf(page)) yield nodeSeen(cell, one, managed.get(one.InstanceId ?? ''))
  }
  for (const one of managed.values()) if (isHybrid(one.InstanceId ?? '')) yield hybridSeen(cell, one)
}

async function look(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly NodeSeen[]> {
  const managed = new Map<NodeId, InstanceInformation>()
  for (const some of chunks(nodes, INFORMATION_PAGE)) {
    for await (const one of informations(calls, cell, some, signal)) managed.set(one.InstanceId ?? '', one)
  }
  const instances = await existing(
    nodes.filter((node) => !isHybrid(node)),
    async (ids) => {
      const page = await calls.ec2({ cell, operation: 'DescribeInstances', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.DescribeInstancesCommand({ InstanceIds: [...ids] }), options),
      )
      return [...instancesOf(page)]
    },
  )
  const hybrid = nodes.filter(isHybrid).flatMap((node) => managed.get(node) ?? [])
  return [...instances.map((one) => nodeSeen(cell, one, managed.get(one.InstanceId ?? ''))), ...hybrid.map((one) => hybridSeen(cell, one))]
}

async function images(calls: Calls, cell: Cell, amis: readonly string[], signal: AbortSignal): Promise<readonly ImageSeen[]> {
  const seen: ImageSeen[] = []
  for (const some of chunks([...new Set(amis)], IMAGES_MAX)) {
    const found = await existing(some, async (ids) => {
      const page = await calls.ec2({ cell, operation: 'DescribeImages', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.DescribeImagesCommand({ ImageIds: [...ids], IncludeDeprecated: true }), options),
      )
      return page.Images ?? []
    })
    for (const image of found) {
      if (image.ImageId === undefined) continue
      seen.push({
        ami: image.ImageId,
        region: cell.region,
        name: clean(image.Name ?? '', TEXT_MAX),
        sourceAmi: image.SourceImageId ?? null,
        sourceRegion: image.SourceImageRegion ?? null,
        tags: tagsOf(image.Tags),
      })
    }
  }
  return seen
}

async function status(calls: Calls, cell: Cell, nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly StatusSeen[]> {
  const verdicts = new Map<NodeId, StatusSeen>()
  for (const some of chunks(
    nodes.filter((node) => !isHybrid(node)),
    STATUS_IDS_MAX,
  )) {
    const found = await existing(some, async (ids) => {
      const page = await calls.ec2({ cell, operation: 'DescribeInstanceStatus', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.DescribeInstanceStatusCommand({ InstanceIds: [...ids], IncludeAllInstances: true }), options),
      )
      return page.InstanceStatuses ?? []
    })
    for (const one of found) {
      const words = { instance: one.InstanceStatus?.Status, system: one.SystemStatus?.Status, ebs: one.AttachedEbsStatus?.Status }
      if (one.InstanceId !== undefined)
        verdicts.set(one.InstanceId, { ...statusSeen(one.InstanceId, words), state: one.InstanceState?.Name ?? 'pending' })
    }
  }
  return nodes.map((node) => verdicts.get(node) ?? { node, verdict: 'unknown', detail: 'not listed', state: null })
}

/** `ebs` is there only for some instance types: absent, it does not count. */
function statusSeen(
  node: NodeId,
  words: Readonly<{ instance: string | undefined; system: string | undefined; ebs: string | undefined }>,
): Omit<StatusSeen, 'state'> {
  const all = Object.values(words)
  const ok = words.instance === 'ok' && words.system === 'ok'
  const told = Object.entries(words).flatMap(([of, word]) => (word === undefined ? [] : [`${of} ${word}`]))
  return {
    node,
    verdict: all.includes('impaired') ? 'impaired' : ok ? 'ok' : 'unknown',
    detail: clean(told.join(', ') || 'not told', TEXT_MAX),
  }
}

/** SSM's view: of the whole cell, or of at most 50 nodes. */
async function* informations(
  calls: Calls,
  cell: Cell,
  nodes: readonly NodeId[] | null,
  signal: AbortSignal,
): AsyncGenerator<InstanceInformation> {
  const only = nodes ? { Filters: [{ Key: 'InstanceIds', Values: [...nodes] }] } : {}
  const pages = pagesOf(
    (token) =>
      calls.ssm({ cell, operation: 'DescribeInstanceInformation', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.DescribeInstanceInformationCommand({ ...only, MaxResults: INFORMATION_PAGE, ...from(token) }), options),
      ),
    (page) => page.NextToken,
  )
  for await (const page of pages) yield* page.InstanceInformationList ?? []
}

/**
 * EC2 refuses a whole list for one id that it does not know, and names it: such ids are dropped and the rest is asked for again. An empty list
 * would mean everything, so nothing is asked for then.
 */
async function existing<T>(ids: readonly string[], fetch: (ids: readonly string[]) => Promise<readonly T[]>): Promise<readonly T[]> {
  let left = ids
  while (left.length > 0) {
    try {
      return await fetch(left)
    } catch (error) {
      if (!failedAs(error, 'aws.missing')) throw error
      const said = saidInFull(error)
      const rest = left.filter((id) => !said.includes(id))
      if (rest.length === left.length) return await oneByOne(left, fetch)
      left = rest
    }
  }
  return []
}

/** For an answer that names no id of ours. */
async function oneByOne<T>(ids: readonly string[], fetch: (ids: readonly string[]) => Promise<readonly T[]>): Promise<readonly T[]> {
  const found: T[] = []
  for (const id of ids) {
    try {
      found.push(...(await fetch([id])))
    } catch (error) {
      if (!failedAs(error, 'aws.missing')) throw error
    }
  }
  return found
}

function* instancesOf(page: Readonly<{ Reservations?: Reservation[] | undefined }>): Generator<Instance> {
  for (const reservation of page.Reservations ?? []) {
    for (const one of reservation.Instances ?? []) if (one.InstanceId !== undefined) yield one
  }
}

const nodeSeen = (cell: Cell, one: Instance, information: InstanceInformation | undefined): NodeSeen => ({
  node: kept(one.InstanceId ?? ''),
  ...cell,
  ami: shared(one.ImageId ?? ''),
  zone: shared(one.Placement?.AvailabilityZoneId ?? ''),
  state: one.State?.Name ?? 'pending',
  ...agentSeen(information),
  hybrid: false,
  tags: tagsOf(one.Tags),
})

const hybridSeen = (cell: Cell, one: InstanceInformation): NodeSeen => ({
  node: one.InstanceId ?? '',
  ...cell,
  ami: '',
  zone: '',
  state: 'running',
  ...agentSeen(one),
  hybrid: true,
  tags: {},
})

function agentSeen(one: InstanceInformation | undefined): Pick<NodeSeen, 'agent' | 'lastPing' | 'platform'> {
  if (!one) return { agent: 'none', lastPing: null, platform: 'other' }
  return {
    agent: one.PingStatus === 'Online' ? 'online' : 'lost',
    lastPing: one.LastPingDateTime ? instant(one.LastPingDateTime.getTime()) : null,
    platform: platformOf(one.PlatformName ?? '', one.PlatformVersion ?? ''),
  }
}

function platformOf(name: string, version: string): string {
  if (/^amazon linux/i.test(name)) {
    if (/^2023\b/.test(version)) return 'amazon-linux-2023'
    return /^2(\.|$)/.test(version) ? 'amazon-linux-2' : 'other'
  }
  if (/^ubuntu/i.test(name)) return 'ubuntu'
  return /^debian/i.test(name) ? 'debian' : 'other'
}

const tagsOf = (tags: readonly Tag[] | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((tags ?? []).map(({ Key, Value }) => [shared(clean(Key ?? '', TEXT_MAX)), kept(clean(Value ?? '', TEXT_MAX))]))

const isHybrid = (node: NodeId): boolean => node.startsWith('mi-')
