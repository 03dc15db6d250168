import { DAY, plus } from '../../kit/instant.ts'
import type { FleetFile, FleetGroup } from '../fleet-file.ts'
import { accountId } from '../fleet-file.ts'
import type { SimImage } from '../model.ts'
import { hexOf } from './chance.ts'

/** An image's id: the same in every fleet, so that a runbook can name it. */
const amiOf = (group: FleetGroup, region: string, index: number): string =>
  `ami-${hexOf(17, 0, 'ami', group.lineage, group.platform, region, index)}`

/** Image number `index` of a group: all accounts of a region share it. */
export const groupAmi = (group: FleetGroup, index: number): string => amiOf(group, group.region, index)

/**
 * Every image of the fleet. The region that the file names first for a lineage holds the originals; the others hold copies of them, as
 * CopyImage makes them: another id, `SourceImageId` and `SourceImageRegion` set.
 */
export function imagesOf(fleet: FleetFile): readonly SimImage[] {
  const images = new Map<string, SimImage>()
  const origins = new Map<string, string>()
  for (const group of fleet.groups) {
    for (let index = 0; index < group.amis; index += 1) {
      const family = `${group.lineage}/${group.platform}/${String(index)}`
      const origin = origins.get(family) ?? group.region
      origins.set(family, origin)
      const image = imageOf(fleet, group, index, origin)
      if (!images.has(image.ami)) images.set(image.ami, image)
    }
  }
  return [...images.values()]
}

function imageOf(fleet: FleetFile, group: FleetGroup, index: number, origin: string): SimImage {
  const copied = origin !== group.region
  return {
    ami: groupAmi(group, index),
    region: group.region,
    owner: accountId('control', fleet.accounts),
    name: `${group.lineage}-golden-${String(index + 1).padStart(2, '0')}`,
    createdAt: plus(fleet.start, (index * 15 - 90 + (copied ? 1 : 0)) * DAY),
    sourceAmi: copied ? amiOf(group, origin, index) : null,
    sourceRegion: copied ? origin : null,
    architecture: 'x86_64',
    tags: { Name: `${group.lineage}-golden-${String(index + 1).padStart(2, '0')}`, Lineage: group.lineage },
  }
}
