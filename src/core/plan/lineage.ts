import { known } from '../../kit/assert.ts'
import { sha256 } from '../../kit/digest.ts'
import type { ImageSeen } from './fleet.ts'

/** Which image lineage an image belongs to, by `imageKey`. */
export type Lineages = ReadonlyMap<string, string>

/** AMI ids differ per region, so an image is named by both. */
export const imageKey = (region: string, ami: string): string => `${region}/${ami}`

/**
 * Groups images that are copies of one another, or that carry the same value of the config's image tag. The lineage's id can stand in a
 * Parameter Store path: the tag's value, else the id of the first image of the copy chain, even when that one is gone.
 */
export function lineages(images: readonly ImageSeen[], tagKey: string | null): Lineages {
  const parent = new Map<string, string>()
  const names = new Map<string, string[]>()
  for (const image of images) {
    const key = imageKey(image.region, image.ami)
    join(parent, key, image.sourceAmi === null ? key : imageKey(image.sourceRegion ?? image.region, image.sourceAmi))
    const value = tagKey === null ? undefined : image.tags[tagKey]
    if (value !== undefined && value !== '') join(parent, key, `tag=${value}`)
  }
  for (const key of parent.keys()) {
    const root = rootOf(parent, key)
    names.set(root, [...(names.get(root) ?? []), key])
  }
  const found = new Map<string, string>()
  // Only its owner may see where an image was copied from: one account that knows it is enough.
  const copies = new Set(images.filter((image) => image.sourceAmi !== null).map((image) => imageKey(image.region, image.ami)))
  for (const members of names.values()) {
    const id = nameOf(members, copies)
    for (const key of members) if (!key.startsWith('tag=')) found.set(key, id)
  }
  return found
}

/** The lineage of a node's image. One that nothing is known of any more (deregistered) is a lineage of its own. */
export const lineageOf = (lineages: Lineages, region: string, ami: string): string => lineages.get(imageKey(region, ami)) ?? ami

function join(parent: Map<string, string>, a: string, b: string): void {
  const [left, right] = [rootOf(parent, a), rootOf(parent, b)]
  parent.set(right, left)
}

function rootOf(parent: Map<string, string>, key: string): string {
  let at = key
  for (let up = parent.get(at); up !== undefined && up !== at; up = parent.get(at)) at = up
  parent.set(key, at)
  return at
}

/** The smallest tag value, else the smallest image of those that were copied from nothing known. The same whatever order images came in. */
function nameOf(members: readonly string[], copies: ReadonlySet<string>): string {
  const [tag] = members.filter((key) => key.startsWith('tag=')).sort()
  if (tag !== undefined) return pathWord(tag.slice('tag='.length))
  const origins = members.filter((key) => !copies.has(key))
  const [origin] = (origins.length > 0 ? origins : members).map((key) => key.slice(key.indexOf('/') + 1)).sort()
  return known(origin, 'an image')
}

/** Parameter names take letters, digits and `_.-`. What had to be changed, or looks like an image id, keeps apart by its digest. */
function pathWord(value: string): string {
  const clean = value.replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, 80)
  return clean === value && !value.startsWith('ami-') ? clean : `${clean}-${sha256(value).slice(0, 8)}`
}
