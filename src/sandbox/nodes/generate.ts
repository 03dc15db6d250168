import { DAY, instant, type Instant } from '../../kit/instant.ts'
import { accountId, type FleetFile, type FleetGroup } from '../fleet-file.ts'
import { chance, hexOf, hits } from './chance.ts'
import { groupAmi } from './images.ts'
import type { Birth } from './birth.ts'
import type { Repository } from './repository.ts'
import { zoneOf } from './zones.ts'

type Repositories = (platform: FleetGroup['platform']) => Repository

/** Every node of a fleet file, in its order: the same from the same seed. */
export function* births(fleet: FleetFile, repositories: Repositories): Iterable<Birth> {
  const clusters = new Map<string, number>()
  for (const [number, group] of fleet.groups.entries()) {
    const cell = `${group.account}-${group.region}`
    const first = clusters.get(cell) ?? 1
    if (group.clusterSize !== null) clusters.set(cell, first + Math.ceil(group.count / group.clusterSize))
    for (let index = 0; index < group.count; index += 1) yield birth(fleet, group, { number, index, firstCluster: first }, repositories)
  }
}

/**
 * The node that an Auto Scaling group starts in place of `lost`: fresh from the same image (`packages` of a birth are the image's). `earlier`
 * others were started for it before.
 */
export const successor = (lost: Birth, seed: number, now: Instant, earlier = 0): Birth => ({
  ...lost,
  node: `i-${hexOf(17, seed, 'successor', lost.node, ...(earlier > 0 ? [earlier] : []))}`,
  tags: { ...lost.tags },
  stopped: false,
  launchedAt: now,
})

type Place = Readonly<{ number: number; index: number; firstCluster: number }>

function birth(fleet: FleetFile, group: FleetGroup, place: Place, repositories: Repositories): Birth {
  const { seed } = fleet
  const account = accountId(group.account, fleet.accounts)
  const cluster = group.clusterSize === null ? null : Math.floor(place.index / group.clusterSize)
  const node = `i-${hexOf(17, seed, 'node', place.number, place.index)}`
  const image = imageIndex(group, place.index)
  return {
    node,
    account,
    accountName: group.account,
    region: group.region,
    ami: groupAmi(group, image),
    ...zoneOf(account, group.region, (place.index + (cluster ?? 0)) % group.zones, group.zones),
    platform: group.platform,
    tags: {
      Name: `${group.account}-${group.platform}-${String(place.index + 1).padStart(String(group.count).length, '0')}`,
      ...group.tags,
      ...(cluster !== null && { Cluster: clusterName(group, place.firstCluster + cluster) }),
    },
    instanceType: group.instanceType,
    privateIp: `10.${String(place.number % 256)}.${String(Math.floor(place.index / 250) % 256)}.${String((place.index % 250) + 4)}`,
    launchedAt: instant(fleet.start - Math.floor((10 + chance(seed, 'launch', node) * 50) * DAY)),
    packages: repositories(group.platform).imagePackages(image),
    stopped: hits(group.stopped, seed, 'stopped', node),
    dataVolumes: group.dataVolumes,
    targetGroups: group.targetGroups,
    autoScaling: group.autoScaling && { ...group.autoScaling, max: group.autoScaling.max ?? group.count },
  }
}

/** A cluster runs on one image, nodes without a cluster take turns. */
function imageIndex(group: FleetGroup, index: number): number {
  return (group.clusterSize === null ? index : Math.floor(index / group.clusterSize)) % group.amis
}

const clusterName = (group: FleetGroup, number: number): string => `${group.account}-${group.region}-c${String(number).padStart(2, '0')}`
