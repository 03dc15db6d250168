import { type Instant, iso, MINUTE, type Ms, plus } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ids } from '../ids.ts'
import { type Caller, type Service, type SimVolume, ServiceError } from '../model.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { RootContent, SimulatedNode } from '../nodes/node.ts'
import { isRecord } from '../wire/message.ts'
import type { XmlTree } from '../wire/xml.ts'
import { type Attributes, checkDryRun, cut, filtersOf, invalid, isTrue, one, pageOf, passesAll, texts } from './ec2-input.ts'
import { instancesOf } from './ec2-instances.ts'

type Input = Record<string, unknown>

/** A snapshot of one volume. `content` is what the root volume held; null for data. */
export type Snapshot = Readonly<{
  id: string
  account: string
  region: string
  node: string
  volume: SimVolume
  startedAt: Instant
  description: string
  tags: Readonly<Record<string, string>>
  content: RootContent | null
}>

/** Copying blocks takes minutes; the snapshot is of the moment of the call nonetheless. */
const COPY_MS: Ms = 3 * MINUTE
const PAGE = { min: 5, max: 1_000, noun: 'snapshotSet' }
/** Tags of one resource, and their lengths (EC2 user guide). */
const TAGS_MAX = 50
const [TAG_KEY_MAX, TAG_VALUE_MAX] = [128, 256]

/** The snapshots of a world, and the calls that make, list and delete them. */
export class Snapshots {
  readonly #clock: Clock
  readonly #ids: Ids
  readonly #fleet: SimulatedFleet
  readonly #snapshots = new Map<string, Snapshot>()

  constructor({ clock, ids, fleet }: Readonly<{ clock: Clock; ids: Ids; fleet: SimulatedFleet }>) {
    this.#clock = clock
    this.#ids = ids
    this.#fleet = fleet
  }

  operations(): Service {
    return {
      CreateSnapshots: (input, caller) => this.#create(input, caller),
      DescribeSnapshots: (input, caller) => this.#describe(input, caller),
      DeleteSnapshot: (input, caller) => this.#delete(input, caller),
    }
  }

  /** The caller's snapshot of this id. Throws for one that is not there. */
  find(id: string, caller: Caller): Snapshot {
    if (!/^snap-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
      throw new ServiceError('InvalidSnapshotID.Malformed', `Invalid id: "${id}" (expecting "snap-...")`)
    const found = this.#snapshots.get(id)
    if (found?.account === caller.account && found.region === caller.region) return found
    throw new ServiceError('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`)
  }

  stateOf({ startedAt }: Snapshot): 'pending' | 'completed' {
    return this.#clock.now() < plus(startedAt, COPY_MS) ? 'pending' : 'completed'
  }

  #create(input: Input, caller: Caller): Record<string, unknown> {
    checkDryRun(input)
    const wish = input['InstanceSpecification']
    const id = isRecord(wish) ? one(wish, 'InstanceId') : undefined
    if (!isRecord(wish) || id === undefined)
      throw new ServiceError('MissingParameter', 'The request must contain the parameter InstanceSpecification.InstanceId')
    const [found] = instancesOf(this.#fleet, caller, [id])
    const node = found && this.#fleet.node(found.node)
    if (!node || node.state === 'terminated') throw new ServiceError('IncorrectInstanceState', `The instance '${id}' is terminated.`)
    const tags = tagsOf(input, 'snapshot')
    const excluded = texts(wish, 'ExcludeDataVolumeId')
    const volumes = node.volumes.filter(({ root, volume }) => (root ? !isTrue(wish, 'ExcludeBootVolume') : !excluded.includes(volume)))
    const description = one(input, 'Description') ?? ''
    const made = volumes.map((volume) => this.#snapshotOf(node, volume, { description, tags }))
    return { snapshotSet: made.map((snapshot) => ({ ...this.#tree(snapshot), state: this.stateOf(snapshot) })) }
  }

  #snapshotOf(node: SimulatedNode, volume: SimVolume, more: Pick<Snapshot, 'description' | 'tags'>): Snapshot {
    const snapshot: Snapshot = {
      id: `snap-${this.#ids.hex(17)}`,
      account: node.account,
      region: node.region,
      node: node.node,
      volume,
      startedAt: this.#clock.now(),
      content: volume.root ? node.rootContent() : null,
      ...more,
    }
    this.#snapshots.set(snapshot.id, snapshot)
    return snapshot
  }

  #describe(input: Input, caller: Caller): Record<string, unknown> {
    checkDryRun(input)
    const ids = texts(input, 'SnapshotId')
    const page = pageOf(input, PAGE, ids)
    const passes = passesAll(filtersOf(input), this.#attributes)
    const owners = texts(input, 'Owner')
    const owned = owners.length === 0 || owners.some((owner) => owner === 'self' || owner === caller.account)
    const all = ids.length > 0 ? ids.map((id) => this.find(id, caller)) : [...this.#snapshots.values()]
    const listed = all.filter(
      (snapshot) => owned && snapshot.account === caller.account && snapshot.region === caller.region && passes(snapshot),
    )
    const { items, nextToken } = cut(listed, page)
    return { snapshotSet: items.map((snapshot) => ({ ...this.#tree(snapshot), status: this.stateOf(snapshot) })), nextToken }
  }

  readonly #attributes: Attributes<Snapshot> = (name) => {
    if (name.startsWith('tag:')) {
      const key = name.slice(4)
      return ({ tags }) => (Object.hasOwn(tags, key) ? [tags[key] ?? ''] : [])
    }
    switch (name) {
      case 'tag-key':
        return ({ tags }) => Object.keys(tags)
      case 'snapshot-id':
        return ({ id }) => [id]
      case 'volume-id':
        return ({ volume }) => [volume.volume]
      case 'owner-id':
        return ({ account }) => [account]
      case 'description':
        return ({ description }) => [description]
      case 'start-time':
        return ({ startedAt }) => [iso(startedAt)]
      case 'status':
        return (snapshot) => [this.stateOf(snapshot)]
      default:
        return undefined
    }
  }

  #delete(input: Input, caller: Caller): Record<string, unknown> {
    checkDryRun(input)
    const id = one(input, 'SnapshotId')
    if (id === undefined) throw new ServiceError('MissingParameter', 'The request must contain the parameter SnapshotId')
    this.#snapshots.delete(this.find(id, caller).id)
    return { return: true }
  }

  #tree(snapshot: Snapshot): XmlTree {
    const { id, account, volume, startedAt, description, tags } = snapshot
    return {
      snapshotId: id,
      volumeId: volume.volume,
      volumeSize: volume.sizeGiB,
      startTime: iso(startedAt),
      progress: this.stateOf(snapshot) === 'completed' ? '100%' : '50%',
      ownerId: account,
      description,
      encrypted: false,
      tagSet: Object.entries(tags).map(([key, value]) => ({ key, value })),
    }
  }
}

/** Tags that a call gives to the resources of one type that it makes. */
export function tagsOf(input: Input, type: string): Readonly<Record<string, string>> {
  const value = input['TagSpecification']
  const items: readonly unknown[] = Array.isArray(value) ? value : []
  const tags = items.flatMap((item) => {
    if (!isRecord(item)) throw invalid('The tag specification is not valid')
    if (one(item, 'ResourceType') !== type)
      throw invalid(`'${one(item, 'ResourceType') ?? ''}' is not a valid taggable resource type for this call.`)
    const list: readonly unknown[] = Array.isArray(item['Tag']) ? item['Tag'] : []
    return list.map(tagOf)
  })
  if (tags.length > TAGS_MAX) throw new ServiceError('TagLimitExceeded', `The maximum number of tags is ${String(TAGS_MAX)}.`)
  return Object.fromEntries(tags)
}

function tagOf(item: unknown): readonly [string, string] {
  const key = isRecord(item) ? (one(item, 'Key') ?? '') : ''
  const value = isRecord(item) ? (one(item, 'Value') ?? '') : ''
  if (key === '' || key.length > TAG_KEY_MAX || value.length > TAG_VALUE_MAX) throw invalid(`The tag '${key.slice(0, 100)}' is not valid`)
  if (key.startsWith('aws:')) throw invalid("Tag keys starting with 'aws:' are reserved for internal use")
  return [key, value]
}
