import type { Caller, Service, SimFleet } from '../model.ts'
import { ServiceError } from '../model.ts'
import { imageAttributes, imagesOf, imageTree, isOwned } from './ec2-images.ts'
import { checkDryRun, cut, filtersOf, isTrue, pageOf, passesAll, texts } from './ec2-input.ts'
import { instanceAttributes, instancesOf, instanceStatus, reservation, statusAttributes } from './ec2-instances.ts'

/** Page sizes and lists of ids that EC2 takes (API reference; the lower bound of pages by experience). */
const INSTANCES = { min: 5, max: 1_000, noun: 'instancesSet' }
const IMAGES = { min: 1, max: 1_000, noun: 'imagesSet' }
const INSTANCE_IDS_MAX = 1_000
const STATUS_IDS_MAX = 100

/** EC2's describing calls over the simulated fleet. Every instance is a reservation of its own. */
export function ec2(fleet: SimFleet): Service {
  return {
    DescribeInstances: (input, caller) => describeInstances(fleet, input, caller),
    DescribeInstanceStatus: (input, caller) => describeInstanceStatus(fleet, input, caller),
    DescribeImages: (input, caller) => describeImages(fleet, input, caller),
  }
}

function describeInstances(fleet: SimFleet, input: Record<string, unknown>, caller: Caller): Record<string, unknown> {
  checkDryRun(input)
  const ids = idsOf(input, INSTANCE_IDS_MAX)
  const page = pageOf(input, INSTANCES, ids)
  const passes = passesAll(filtersOf(input), instanceAttributes)
  const { items, nextToken } = cut(instancesOf(fleet, caller, ids).filter(passes), page)
  return { reservationSet: items.map(reservation), nextToken }
}

function describeInstanceStatus(fleet: SimFleet, input: Record<string, unknown>, caller: Caller): Record<string, unknown> {
  checkDryRun(input)
  const ids = idsOf(input, STATUS_IDS_MAX)
  const page = pageOf(input, INSTANCES, ids)
  const passes = passesAll(filtersOf(input), statusAttributes)
  const all = isTrue(input, 'IncludeAllInstances')
  const listed = instancesOf(fleet, caller, ids).filter((node) => (all || node.state === 'running') && passes(node))
  const { items, nextToken } = cut(listed, page)
  return { instanceStatusSet: items.map(instanceStatus), nextToken }
}

function describeImages(fleet: SimFleet, input: Record<string, unknown>, caller: Caller): Record<string, unknown> {
  checkDryRun(input)
  const ids = texts(input, 'ImageId')
  const page = pageOf(input, IMAGES, ids)
  const passes = passesAll(filtersOf(input), imageAttributes)
  const owners = texts(input, 'Owner')
  const { items, nextToken } = cut(
    imagesOf(fleet, caller, ids).filter((image) => isOwned(image, owners, caller) && passes(image)),
    page,
  )
  return { imagesSet: items.map(imageTree), nextToken }
}

function idsOf(input: Record<string, unknown>, max: number): readonly string[] {
  const ids = texts(input, 'InstanceId')
  if (ids.length > max) throw new ServiceError('InvalidParameterValue', `The maximum number of instance IDs is ${String(max)}.`)
  return ids
}
