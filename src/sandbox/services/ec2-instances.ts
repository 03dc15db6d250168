import { sha256 } from '../../kit/digest.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { iso } from '../../kit/instant.ts'
import { type SimFleet, type SimNode, type SimVolume, ServiceError } from '../model.ts'
import type { XmlTree } from '../wire/xml.ts'
import type { Attributes } from './ec2-input.ts'

const STATE_CODES: Readonly<Record<SimNode['state'], number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
}

/** The instances of a cell: those named, in the order of the names, or all. Hybrid nodes are none. Throws for what is not there. */
export function instancesOf(fleet: SimFleet, cell: Cell, ids: readonly string[]): readonly SimNode[] {
  if (ids.length === 0) return [...fleet.nodesOf(cell)].filter(({ node }) => node.startsWith('i-'))
  const malformed = ids.find((id) => !/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
  if (malformed !== undefined) throw new ServiceError('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`)
  const found = [...new Set(ids)].map((id) => ({ id, node: fleet.node(id) }))
  const missing = found.filter(({ node }) => node?.account !== cell.account || node.region !== cell.region).map(({ id }) => id)
  if (missing.length > 0) {
    const said = missing.length === 1 ? `ID '${missing.join('')}' does` : `IDs '${missing.join(', ')}' do`
    throw new ServiceError('InvalidInstanceID.NotFound', `The instance ${said} not exist`)
  }
  return found.flatMap(({ node }) => (node ? [node] : []))
}

const FILTERS: Readonly<Record<string, (node: SimNode) => readonly string[]>> = {
  'instance-id': (node) => [node.node],
  'image-id': (node) => [node.ami],
  'instance-state-name': (node) => [node.state],
  'instance-state-code': (node) => [String(STATE_CODES[node.state])],
  'instance-type': (node) => [node.instanceType],
  'availability-zone': (node) => [node.zoneName],
  'availability-zone-id': (node) => [node.zoneId],
  'private-ip-address': (node) => [node.privateIp],
  'private-dns-name': (node) => [dnsName(node)],
  'launch-time': (node) => [iso(node.launchedAt)],
  'owner-id': (node) => [node.account],
  'vpc-id': (node) => [vpcId(node)],
  'subnet-id': (node) => [subnetId(node)],
  'tag-key': (node) => Object.keys(node.tags),
  architecture: (node) => [architecture(node)],
  platform: () => [],
  'platform-details': () => ['Linux/UNIX'],
}

/** What DescribeInstances can filter by. */
export const instanceAttributes: Attributes<SimNode> = (name) => {
  if (!name.startsWith('tag:')) return Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined
  const key = name.slice(4)
  return ({ tags }) => (Object.hasOwn(tags, key) ? [tags[key] ?? ''] : [])
}

/** What DescribeInstanceStatus can filter by. */
export const statusAttributes: Attributes<SimNode> = (name) => {
  if (name === 'instance-status.status' || name === 'system-status.status') return (node) => [statusOf(node).status]
  if (name === 'instance-status.reachability' || name === 'system-status.reachability') return (node) => [statusOf(node).reachability]
  return ['availability-zone', 'availability-zone-id', 'instance-state-name', 'instance-state-code'].includes(name)
    ? FILTERS[name]
    : undefined
}

/** One instance in a reservation of its own, with the names of the XML. */
export function reservation(node: SimNode): XmlTree {
  return { reservationId: `r-${digits(node.node)}`, ownerId: node.account, groupSet: [], instancesSet: [instance(node)] }
}

function instance(node: SimNode): XmlTree {
  const gone = node.state === 'terminated'
  return {
    instanceId: node.node,
    imageId: node.ami,
    instanceState: stateOf(node),
    privateDnsName: gone ? '' : dnsName(node),
    dnsName: '',
    reason: '',
    amiLaunchIndex: 0,
    productCodes: [],
    instanceType: node.instanceType,
    launchTime: iso(node.launchedAt),
    placement: { availabilityZone: node.zoneName, availabilityZoneId: node.zoneId, groupName: '', tenancy: 'default' },
    platformDetails: 'Linux/UNIX',
    monitoring: { state: 'disabled' },
    subnetId: gone ? undefined : subnetId(node),
    vpcId: gone ? undefined : vpcId(node),
    privateIpAddress: gone ? undefined : node.privateIp,
    sourceDestCheck: gone ? undefined : true,
    groupSet: [],
    architecture: architecture(node),
    rootDeviceType: 'ebs',
    rootDeviceName: '/dev/xvda',
    blockDeviceMapping: gone ? [] : node.volumes.map(deviceOf),
    virtualizationType: 'hvm',
    clientToken: '',
    tagSet: Object.entries(node.tags).map(([key, value]) => ({ key, value })),
    hypervisor: 'xen',
    ebsOptimized: true,
    enaSupport: true,
  }
}

/** One row of DescribeInstanceStatus, with the names of the XML. */
export function instanceStatus(node: SimNode): XmlTree {
  const { status, reachability } = statusOf(node)
  const health = { status, details: status === 'not-applicable' ? undefined : [{ name: 'reachability', status: reachability }] }
  return {
    instanceId: node.node,
    availabilityZone: node.zoneName,
    availabilityZoneId: node.zoneId,
    instanceState: stateOf(node),
    instanceStatus: health,
    systemStatus: health,
    eventsSet: [],
  }
}

const deviceOf = ({ device, volume, attachedAt, root }: SimVolume): XmlTree => ({
  deviceName: device,
  ebs: { volumeId: volume, status: 'attached', attachTime: iso(attachedAt), deleteOnTermination: root },
})

/** An instance's state, with the names of the XML. */
export const stateOf = ({ state }: Pick<SimNode, 'state'>): XmlTree => ({ code: STATE_CODES[state], name: state })

/** A check only means something while the instance runs. */
function statusOf(node: SimNode): Readonly<{ status: string; reachability: string }> {
  if (node.state !== 'running') return { status: 'not-applicable', reachability: 'insufficient-data' }
  const { reachability } = node
  return { status: reachability, reachability: reachability === 'ok' ? 'passed' : reachability === 'impaired' ? 'failed' : reachability }
}

/** Instance families on Graviton end their generation with a `g` (m7g, c6gn, t4g). */
const architecture = ({ instanceType }: SimNode): string => (/^[a-z]+\d+g/.test(instanceType) ? 'arm64' : 'x86_64')
const dnsName = ({ privateIp, region }: SimNode): string => `ip-${privateIp.replaceAll('.', '-')}.${region}.compute.internal`
const digits = (text: string): string => sha256(text).slice(0, 17)
const vpcId = (node: SimNode): string => `vpc-${remembered(cellKey(node))}`
const subnetId = (node: SimNode): string => `subnet-${remembered(`${cellKey(node)}/${node.zoneId}`)}`

const memory = new Map<string, string>()
/** Few places, many nodes: each digest is made once. */
function remembered(text: string): string {
  let found = memory.get(text)
  if (found === undefined) memory.set(text, (found = digits(text)))
  return found
}
