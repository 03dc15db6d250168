import { SECOND } from '../../kit/instant.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import { members, memberTexts, requiredIn, textIn, wholeIn } from '../wire/members.ts'
import { isRecord } from '../wire/message.ts'
import type { XmlTree } from '../wire/xml.ts'
import { HEALTH_CHECK, type TargetGroup, type TargetGroups, type TargetState } from './elbv2-target-groups.ts'
import { placeIn, tokenFor } from './pages.ts'

type Input = Record<string, unknown>
type Options = Readonly<{ fleet: SimulatedFleet; groups: TargetGroups }>

/** Page size of DescribeTargetGroups (API reference). */
const GROUPS_PAGE_MAX = 400

/** ELBv2's target groups of instances. */
export function elbv2(options: Options): Service {
  return {
    DescribeTargetGroups: (input, caller) => describeTargetGroups(options, input, caller),
    DescribeTargetGroupAttributes: (input, caller) => describeAttributes(groupOf(options, input, caller)),
    DescribeTargetHealth: (input, caller) => describeTargetHealth(options, input, caller),
    RegisterTargets: (input, caller) => registerTargets(options, input, caller),
    DeregisterTargets: (input, caller) => {
      const group = groupOf(options, input, caller)
      for (const { id, port } of targetsOf(input)) group.deregister(id, port ?? group.port)
      return {}
    },
  }
}

const groupOf = ({ groups }: Options, input: Input, caller: Caller): TargetGroup => groups.find(caller, requiredIn(input, 'TargetGroupArn'))

function describeTargetGroups({ groups }: Options, input: Input, caller: Caller): Record<string, unknown> {
  const arns = memberTexts(input, 'TargetGroupArns')
  const names = memberTexts(input, 'Names')
  if (arns.length > 0 && names.length > 0)
    throw new ServiceError('ValidationError', 'Target group ARNs and names cannot be specified at the same time')
  const { PageSize: _, Marker: __, ...question } = input
  const from = placeIn(textIn(input, 'Marker'), question)
  if (from === undefined) throw new ServiceError('ValidationError', 'The marker is not valid')
  const size = wholeIn(input, 'PageSize', { min: 1, max: GROUPS_PAGE_MAX }) ?? GROUPS_PAGE_MAX
  const all = groups.of(caller)
  const listed = [
    ...arns.map((arn) => groups.find(caller, arn)),
    ...names.map((name) => {
      const group = all.find((each) => each.name === name)
      if (!group) throw new ServiceError('TargetGroupNotFound', 'One or more target groups not found')
      return group
    }),
  ]
  const found = arns.length + names.length > 0 ? listed : all
  const to = from + size
  return {
    TargetGroups: found.slice(from, to).map(groupTree),
    NextMarker: to < found.length ? tokenFor(to, question) : undefined,
  }
}

const groupTree = ({ arn, name, port, cell }: TargetGroup): XmlTree => ({
  TargetGroupArn: arn,
  TargetGroupName: name,
  Protocol: 'HTTP',
  Port: port,
  HealthCheckProtocol: 'HTTP',
  HealthCheckPort: 'traffic-port',
  HealthCheckEnabled: true,
  HealthCheckIntervalSeconds: HEALTH_CHECK.intervalMs / SECOND,
  HealthCheckTimeoutSeconds: 5,
  HealthyThresholdCount: HEALTH_CHECK.healthy,
  UnhealthyThresholdCount: HEALTH_CHECK.unhealthy,
  HealthCheckPath: '/healthz',
  Matcher: { HttpCode: '200' },
  LoadBalancerArns: [`arn:aws:elasticloadbalancing:${cell.region}:${cell.account}:loadbalancer/app/${name}/${arn.slice(-16)}`],
  TargetType: 'instance',
  ProtocolVersion: 'HTTP1',
  IpAddressType: 'ipv4',
})

function describeAttributes({ drainMs }: TargetGroup): Record<string, unknown> {
  const attributes = {
    'deregistration_delay.timeout_seconds': String(drainMs / SECOND),
    'stickiness.enabled': 'false',
    'slow_start.duration_seconds': '0',
    'load_balancing.algorithm.type': 'round_robin',
  }
  return { Attributes: Object.entries(attributes).map(([Key, Value]) => ({ Key, Value })) }
}

function describeTargetHealth(options: Options, input: Input, caller: Caller): Record<string, unknown> {
  const group = groupOf(options, input, caller)
  const asked = targetsOf(input)
  for (const { id } of asked) known(options, id, caller)
  const states = asked.length === 0 ? group.states() : asked.map(({ id, port }) => group.state(id, port ?? group.port))
  return { TargetHealthDescriptions: states.map(healthTree) }
}

const healthTree = ({ node, port, state, reason, description }: TargetState): XmlTree => ({
  Target: { Id: node, Port: port },
  HealthCheckPort: String(port),
  TargetHealth: { State: state, ...(reason !== '' && { Reason: reason, Description: description }) },
})

function registerTargets(options: Options, input: Input, caller: Caller): Record<string, unknown> {
  const group = groupOf(options, input, caller)
  const targets = targetsOf(input)
  if (targets.length === 0) throw new ServiceError('ValidationError', 'At least one target must be specified')
  const nodes = targets.map(({ id, port }) => ({ node: known(options, id, caller), port: port ?? group.port }))
  const resting = nodes.filter(({ node }) => node.state !== 'running').map(({ node }) => `'${node.node}'`)
  if (resting.length > 0)
    throw invalidTarget(`The following targets are not in a running state and cannot be registered: ${resting.join(', ')}`)
  for (const { node, port } of nodes) group.register(node, port)
  return {}
}

function known({ fleet }: Options, id: string, caller: Caller): SimulatedNode {
  const node = fleet.node(id)
  if (node?.account === caller.account && node.region === caller.region && node.state !== 'terminated') return node
  throw invalidTarget(`The following targets are not valid: '${id}'`)
}

const invalidTarget = (message: string): ServiceError => new ServiceError('InvalidTarget', message)

function targetsOf(input: Input): readonly Readonly<{ id: string; port: number | undefined }>[] {
  return members(input, 'Targets').map((item) => {
    if (!isRecord(item)) throw new ServiceError('ValidationError', 'Targets must be a list of structures')
    return { id: requiredIn(item, 'Id'), port: wholeIn(item, 'Port', { min: 1, max: 65_535 }) }
  })
}
