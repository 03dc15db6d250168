import { SECOND } from '../../kit/instant.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import { INSTANCE_ID, invalid, positionOf, requiredText, structuresOf, textsOf, tokenFor, wholeOf } from './run-command-input.ts'

type Input = Readonly<Record<string, unknown>>
type Filter = Readonly<{ key: string; values: readonly string[] }>

const KEYS: ReadonlySet<string> = new Set([
  'ActivationIds', 'AgentVersion', 'AssociationStatus', 'IamRole', 'InstanceIds', 'PingStatus', 'PlatformTypes', 'ResourceType', 'SourceIds', 'SourceTypes', 'tag-key',
]) // prettier-ignore

const PLATFORMS: Readonly<Record<SimulatedNode['platform'], Readonly<{ name: string; version: string }>>> = {
  'amazon-linux-2023': { name: 'Amazon Linux', version: '2023' },
  'amazon-linux-2': { name: 'Amazon Linux', version: '2' },
  ubuntu: { name: 'Ubuntu', version: '22.04' },
  debian: { name: 'Debian GNU/Linux', version: '12' },
}

/** SSM's list of managed nodes: DescribeInstanceInformation. Stopped and terminated nodes are left out. */
export function inventory(fleet: SimulatedFleet): Service {
  return {
    DescribeInstanceInformation: (input, caller) => {
      const limit = wholeOf(input, 'MaxResults', 5, 50) ?? 10
      const filters = filtersOf(input)
      const from = Number(positionOf(input, 'DescribeInstanceInformation') ?? 0)
      const page: Record<string, unknown>[] = []
      let position = 0
      for (const node of candidates(fleet, caller, filters)) {
        if (node.state !== 'running' || !filters.every((filter) => fits(node, filter)) || position++ < from) continue
        if (page.length === limit) {
          return { InstanceInformationList: page, NextToken: tokenFor('DescribeInstanceInformation', String(from + limit)) }
        }
        page.push(shapeOf(node))
      }
      return { InstanceInformationList: page }
    },
  }
}

/** With ids the fleet need not be walked. */
function candidates(fleet: SimulatedFleet, caller: Caller, filters: readonly Filter[]): Iterable<SimulatedNode> {
  const ids = filters.find(({ key }) => key === 'InstanceIds')?.values
  if (!ids) return fleet.nodesOf(caller)
  return ids.flatMap((id) => {
    const node = fleet.node(id)
    return node?.account === caller.account && node.region === caller.region ? [node] : []
  })
}

function filtersOf(input: Input): readonly Filter[] {
  const current = (structuresOf(input, 'Filters', Number.MAX_SAFE_INTEGER) ?? []).map((filter) => filterOf(filter, 'Key', 'Values'))
  const old = (structuresOf(input, 'InstanceInformationFilterList', Number.MAX_SAFE_INTEGER) ?? []).map((filter) =>
    filterOf(filter, 'key', 'valueSet'),
  )
  if (current.length > 0 && old.length > 0) throw invalid('filters', 'both', 'Filters and InstanceInformationFilterList cannot be mixed')
  const filters = [...current, ...old]
  const tags = filters.filter(({ key }) => key.startsWith('tag'))
  if (tags.length > 0 && tags.length < filters.length)
    throw new ServiceError('InvalidFilterKey', 'Tag filters cannot be combined with other filters.')
  return filters
}

function filterOf(filter: Input, keyName: string, valuesName: string): Filter {
  const key = requiredText(filter, keyName, { min: 1 })
  if (!KEYS.has(key) && !key.startsWith('tag:')) throw new ServiceError('InvalidFilterKey', `The filter key ${key} is not valid.`)
  const values = textsOf(filter, valuesName, 100) ?? []
  if (values.length === 0) throw invalid('filters', values, 'Member must have length greater than or equal to 1')
  const malformed = key === 'InstanceIds' ? values.find((value) => !INSTANCE_ID.test(value)) : undefined
  if (malformed !== undefined) throw new ServiceError('InvalidInstanceId', `The instance ID ${malformed} is not valid.`)
  return { key, values }
}

function fits(node: SimulatedNode, { key, values }: Filter): boolean {
  if (key === 'tag-key') return values.some((value) => node.tags[value] !== undefined)
  if (key.startsWith('tag:')) return values.includes(node.tags[key.slice('tag:'.length)] ?? '\u0000')
  switch (key) {
    case 'InstanceIds':
      return values.includes(node.node)
    case 'PingStatus':
      return values.includes(node.ping)
    case 'AgentVersion':
      return values.includes(node.agentVersion)
    case 'PlatformTypes':
      return values.includes('Linux')
    case 'ResourceType':
      return values.includes('EC2Instance')
    default:
      return false
  }
}

function shapeOf(node: SimulatedNode): Record<string, unknown> {
  const { name, version } = PLATFORMS[node.platform]
  return {
    InstanceId: node.node,
    PingStatus: node.ping,
    LastPingDateTime: node.lastPing / SECOND,
    AgentVersion: node.agentVersion,
    IsLatestVersion: false,
    PlatformType: 'Linux',
    PlatformName: name,
    PlatformVersion: version,
    ResourceType: 'EC2Instance',
    IPAddress: node.privateIp,
    ComputerName: `ip-${node.privateIp.replaceAll('.', '-')}.${node.region}.compute.internal`,
    SourceId: node.node,
    SourceType: 'AWS::EC2::Instance',
  }
}
