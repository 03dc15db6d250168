import { iso } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ids } from '../ids.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { memberTexts, requiredIn, textIn, wholeIn } from '../wire/members.ts'
import type { XmlTree } from '../wire/xml.ts'
import type { Lifecycle, Member, ScalingGroup, ScalingGroups } from './auto-scaling-groups.ts'
import { placeIn, tokenFor } from './pages.ts'

type Input = Record<string, unknown>
type Options = Readonly<{ groups: ScalingGroups; clock: Clock; ids: Ids }>

/** Ids that one call takes, and page sizes (API reference). */
const DESCRIBED_MAX = 50
const GROUPS_PAGE_MAX = 100
const STANDBY_MAX = 20

/** EC2 Auto Scaling, as far as standby needs it. */
export function autoScaling(options: Options): Service {
  return {
    DescribeAutoScalingInstances: (input, caller) => describeInstances(options, input, caller),
    DescribeAutoScalingGroups: (input, caller) => describeGroups(options, input, caller),
    EnterStandby: (input, caller) => enterStandby(options, input, caller),
    ExitStandby: (input, caller) => exitStandby(options, input, caller),
  }
}

function describeInstances({ groups }: Options, input: Input, caller: Caller): Record<string, unknown> {
  const ids = memberTexts(input, 'InstanceIds')
  if (ids.length > DESCRIBED_MAX) throw invalid(`The number of instance ids must be at most ${String(DESCRIBED_MAX)}`)
  const all = groups.of(caller).flatMap((group) => [...group.members.values()].map((member) => ({ group, member })))
  const found =
    ids.length === 0
      ? all
      : [...new Set(ids)].flatMap((id) => {
          const one = groups.membership(id)
          return one?.group.cell.account === caller.account && one.group.cell.region === caller.region ? [one] : []
        })
  const { items, NextToken } = page(found, input, DESCRIBED_MAX)
  return {
    AutoScalingInstances: items.map(({ group, member }) => ({ AutoScalingGroupName: group.name, ...memberTree(member) })),
    NextToken,
  }
}

function describeGroups({ groups }: Options, input: Input, caller: Caller): Record<string, unknown> {
  const names = memberTexts(input, 'AutoScalingGroupNames')
  const found = groups.of(caller).filter(({ name }) => names.length === 0 || names.includes(name))
  const { items, NextToken } = page(found, input, GROUPS_PAGE_MAX)
  return { AutoScalingGroups: items.map((group) => groupTree(group)), NextToken }
}

function page<T>(all: readonly T[], input: Input, max: number): Readonly<{ items: readonly T[]; NextToken: string | undefined }> {
  const { MaxRecords: _, NextToken: __, ...question } = input
  const from = placeIn(textIn(input, 'NextToken'), question)
  if (from === undefined) throw new ServiceError('InvalidNextToken', 'The token is not valid')
  const to = from + (wholeIn(input, 'MaxRecords', { min: 1, max }) ?? max)
  return { items: all.slice(from, to), NextToken: to < all.length ? tokenFor(to, question) : undefined }
}

const memberTree = ({ node, lifecycle }: Member): XmlTree => ({
  InstanceId: node.node,
  InstanceType: node.instanceType,
  AvailabilityZone: node.zoneName,
  LifecycleState: lifecycle,
  HealthStatus: 'HEALTHY',
  ProtectedFromScaleIn: false,
})

const groupTree = ({ cell, name, min, max, desired, members }: ScalingGroup): XmlTree => ({
  AutoScalingGroupName: name,
  AutoScalingGroupARN: `arn:aws:autoscaling:${cell.region}:${cell.account}:autoScalingGroup:00000000-0000-4000-8000-000000000000:autoScalingGroupName/${name}`,
  MinSize: min,
  MaxSize: max,
  DesiredCapacity: desired,
  DefaultCooldown: 300,
  AvailabilityZones: [...new Set([...members.values()].map(({ node }) => node.zoneName))],
  HealthCheckType: 'EC2',
  HealthCheckGracePeriod: 0,
  CreatedTime: '2020-01-01T00:00:00.000Z',
  Instances: [...members.values()].map((member) => ({ ...memberTree(member), HealthStatus: 'Healthy' })),
})

function enterStandby(options: Options, input: Input, caller: Caller): Record<string, unknown> {
  const { group, members } = asked(options, input, caller, 'InService')
  const decrement = requiredIn(input, 'ShouldDecrementDesiredCapacity') === 'true'
  if (decrement && group.desired - members.length < group.min) {
    throw invalid(
      `AutoScalingGroup ${group.name} has min-size=${String(group.min)} and desired-capacity=${String(group.desired)}: ${String(members.length)} in standby would put its capacity below the minimum`,
    )
  }
  options.groups.enterStandby(group, members, decrement)
  return activities(options, group, members, 'Moving EC2 instance to Standby')
}

function exitStandby(options: Options, input: Input, caller: Caller): Record<string, unknown> {
  const { group, members } = asked(options, input, caller, 'Standby')
  if (group.desired + members.length > group.max) {
    throw invalid(
      `AutoScalingGroup ${group.name} has max-size=${String(group.max)} and desired-capacity=${String(group.desired)}: ${String(members.length)} out of standby would exceed the maximum`,
    )
  }
  options.groups.exitStandby(group, members)
  return activities(options, group, members, 'Moving EC2 instance out of Standby')
}

type Asked = Readonly<{ group: ScalingGroup; members: readonly Member[] }>

/** The members that a call names, all of them in this state, or nothing is done. */
function asked({ groups }: Options, input: Input, caller: Caller, wanted: Lifecycle): Asked {
  const name = requiredIn(input, 'AutoScalingGroupName')
  const group = groups.of(caller).find((each) => each.name === name)
  if (!group) throw invalid(`AutoScalingGroup name not found - AutoScalingGroup ${name} not found`)
  const ids = [...new Set(memberTexts(input, 'InstanceIds'))]
  if (ids.length === 0 || ids.length > STANDBY_MAX) throw invalid(`The number of instance ids must be between 1 and ${String(STANDBY_MAX)}`)
  const members = ids.map((id) => {
    const member = group.members.get(id)
    if (!member) throw invalid(`The instance ${id} is not part of Auto Scaling group ${name}.`)
    if (member.lifecycle !== wanted) throw invalid(`The instance ${id} is not in ${wanted}.`)
    return member
  })
  if (group.launching > 0)
    throw new ServiceError('ScalingActivityInProgress', `Auto Scaling group ${name} has a scaling activity in progress.`)
  return { group, members }
}

function activities({ clock, ids }: Options, group: ScalingGroup, members: readonly Member[], what: string): Record<string, unknown> {
  return {
    Activities: members.map(({ node }) => ({
      ActivityId: ids.uuid(),
      AutoScalingGroupName: group.name,
      Description: `${what}: ${node.node}`,
      Cause: `At ${iso(clock.now())} instance ${node.node} was moved in response to a user request.`,
      StartTime: iso(clock.now()),
      StatusCode: 'InProgress',
      Progress: 50,
      Details: '{}',
    })),
  }
}

const invalid = (message: string): ServiceError => new ServiceError('ValidationError', message)
