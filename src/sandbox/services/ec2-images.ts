import { iso } from '../../kit/instant.ts'
import { type Caller, type SimFleet, type SimImage, ServiceError } from '../model.ts'
import type { XmlTree } from '../wire/xml.ts'
import type { Attributes } from './ec2-input.ts'

/** Accounts that publish under an alias (Amazon's and Canonical's own). */
const ALIASES: Readonly<Record<string, string>> = { '137112412989': 'amazon', '591542846629': 'amazon', '099720109477': 'amazon' }

/** The images of a Region: those named, or all. Throws for an id that is not there. */
export function imagesOf(fleet: SimFleet, caller: Caller, ids: readonly string[]): readonly SimImage[] {
  const all = [...fleet.images(caller.region)]
  if (ids.length === 0) return all
  const malformed = ids.find((id) => !/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
  if (malformed !== undefined) throw new ServiceError('InvalidAMIID.Malformed', `Invalid id: "${malformed}" (expecting "ami-...")`)
  const byId = new Map(all.map((image) => [image.ami, image]))
  const missing = ids.filter((id) => !byId.has(id))
  if (missing.length > 0) {
    const said = missing.length === 1 ? `id '[${missing.join('')}]' does` : `ids '[${missing.join(', ')}]' do`
    throw new ServiceError('InvalidAMIID.NotFound', `The image ${said} not exist`)
  }
  return [...new Set(ids)].flatMap((id) => byId.get(id) ?? [])
}

/** Whether the image belongs to one of `Owner.n`: `self`, an alias or an account id. */
export const isOwned = (image: SimImage, owners: readonly string[], caller: Caller): boolean =>
  owners.length === 0 ||
  owners.some((owner) => (owner === 'self' ? image.owner === caller.account : owner === image.owner || owner === ALIASES[image.owner]))

const FILTERS: Readonly<Record<string, (image: SimImage) => readonly string[]>> = {
  'image-id': (image) => [image.ami],
  name: (image) => [image.name],
  architecture: (image) => [image.architecture],
  'owner-id': (image) => [image.owner],
  'owner-alias': (image) => optional(ALIASES[image.owner]),
  state: () => ['available'],
  'image-type': () => ['machine'],
  'source-image-id': (image) => optional(image.sourceAmi),
  'source-image-region': (image) => optional(image.sourceRegion),
  'creation-date': (image) => [iso(image.createdAt)],
  'tag-key': (image) => Object.keys(image.tags),
  'root-device-type': () => ['ebs'],
  'virtualization-type': () => ['hvm'],
}

const optional = (value: string | null | undefined): readonly string[] => (value === null || value === undefined ? [] : [value])

/** What DescribeImages can filter by. */
export const imageAttributes: Attributes<SimImage> = (name) => {
  if (!name.startsWith('tag:')) return Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined
  const key = name.slice(4)
  return ({ tags }) => (Object.hasOwn(tags, key) ? [tags[key] ?? ''] : [])
}

/** One image, with the names of the XML. */
export function imageTree(image: SimImage): XmlTree {
  return {
    imageId: image.ami,
    imageLocation: `${image.owner}/${image.name}`,
    imageState: 'available',
    imageOwnerId: image.owner,
    imageOwnerAlias: ALIASES[image.owner],
    creationDate: iso(image.createdAt),
    isPublic: ALIASES[image.owner] !== undefined,
    architecture: image.architecture,
    imageType: 'machine',
    name: image.name,
    platformDetails: 'Linux/UNIX',
    usageOperation: 'RunInstances',
    rootDeviceType: 'ebs',
    rootDeviceName: '/dev/xvda',
    blockDeviceMapping: [],
    virtualizationType: 'hvm',
    hypervisor: 'xen',
    enaSupport: true,
    sourceImageId: image.sourceAmi ?? undefined,
    sourceImageRegion: image.sourceRegion ?? undefined,
    tagSet: Object.entries(image.tags).map(([key, value]) => ({ key, value })),
  }
}
