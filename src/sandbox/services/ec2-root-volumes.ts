import { type Instant, iso, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ids } from '../ids.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { RootContent, SimulatedNode } from '../nodes/node.ts'
import type { XmlTree } from '../wire/xml.ts'
import { checkDryRun, cut, filtersOf, invalid, isTrue, one, pageOf, passesAll, texts } from './ec2-input.ts'
import { instancesOf } from './ec2-instances.ts'
import { type Snapshots, tagsOf } from './ec2-snapshots.ts'

type Input = Record<string, unknown>
type Options = Readonly<{
  clock: Clock
  ids: Ids
  fleet: SimulatedFleet
  snapshots: Snapshots
  /** Nodes are real: their disks are not ours to replace. */ real: boolean
}>

type Task = {
  readonly id: string
  readonly account: string
  readonly region: string
  readonly node: string
  readonly snapshot: string
  readonly deletes: boolean
  readonly tags: Readonly<Record<string, string>>
  readonly startedAt: Instant
  state: 'pending' | 'in-progress' | 'succeeded' | 'failed'
  completedAt: Instant | null
}

/** A task begins after a moment; the new volume and the boot take minutes. */
const PENDING_MS: Ms = 10 * SECOND
const REPLACING_MS: Ms = 150 * SECOND
const PAGE = { min: 1, max: 50, noun: 'replaceRootVolumeTaskSet' }
/** `ClientToken` of EC2: ASCII, at most 64 characters. */
const TOKEN = /^[\x20-\x7e]{1,64}$/

/** CreateReplaceRootVolumeTask by a snapshot of the node's own root volume, and what became of it. The node always reboots. */
export class RootVolumes {
  readonly #options: Options
  readonly #tasks = new Map<string, Task>()
  /** By account, Region and client token. */
  readonly #tokens = new Map<string, Task>()

  constructor(options: Options) {
    this.#options = options
  }

  operations(): Service {
    return {
      CreateReplaceRootVolumeTask: (input, caller) => ({ replaceRootVolumeTask: treeOf(this.#create(input, caller)) }),
      DescribeReplaceRootVolumeTasks: (input, caller) => this.#describe(input, caller),
    }
  }

  #create(input: Input, caller: Caller): Task {
    checkDryRun(input)
    const id = one(input, 'InstanceId')
    if (id === undefined) throw new ServiceError('MissingParameter', 'The request must contain the parameter InstanceId')
    const token = one(input, 'ClientToken')
    if (token !== undefined && !TOKEN.test(token)) throw invalid('The client token must have 1 to 64 ASCII characters')
    const wanted = one(input, 'SnapshotId')
    const key = token === undefined ? undefined : `${caller.account}/${caller.region} ${token}`
    const same = key === undefined ? undefined : this.#tokens.get(key)
    if (same) {
      if (same.node === id && same.snapshot === wanted) return same
      throw new ServiceError('IdempotentParameterMismatch', 'The client token was used before with other parameters.')
    }
    if (this.#options.real) throw new ServiceError('UnsupportedOperation', 'The root volume of a real node cannot be replaced.')
    if (wanted === undefined) throw new ServiceError('UnsupportedOperation', 'Here a root volume is replaced by a snapshot only.')
    const { node, content } = this.#checked(id, wanted, caller)
    const task = this.#begin(node, {
      snapshot: wanted,
      deletes: isTrue(input, 'DeleteReplacedRootVolume'),
      tags: tagsOf(input, 'replace-root-volume-task'),
    })
    if (key !== undefined) this.#tokens.set(key, task)
    void this.#replace(task, node, content)
    return task
  }

  #checked(id: string, wanted: string, caller: Caller): Readonly<{ node: SimulatedNode; content: RootContent }> {
    const { fleet, snapshots } = this.#options
    const [found] = instancesOf(fleet, caller, [id])
    const node = found && fleet.node(found.node)
    if (node?.state !== 'running') throw new ServiceError('IncorrectInstanceState', `The instance '${id}' is not in the 'running' state.`)
    const snapshot = snapshots.find(wanted, caller)
    if (snapshot.content === null || snapshot.node !== id)
      throw invalid(`The snapshot '${wanted}' is not of the root volume of the instance '${id}'.`)
    if (snapshots.stateOf(snapshot) !== 'completed') throw new ServiceError('IncorrectState', `The snapshot '${wanted}' is not completed.`)
    if ([...this.#tasks.values()].some((task) => task.node === id && task.completedAt === null))
      throw new ServiceError('IncorrectState', `A root volume replacement of the instance '${id}' is in progress.`)
    return { node, content: snapshot.content }
  }

  #begin(node: SimulatedNode, more: Pick<Task, 'snapshot' | 'deletes' | 'tags'>): Task {
    const { clock, ids } = this.#options
    const { account, region } = node
    const place = { id: `replacevol-${ids.hex(17)}`, account, region, node: node.node }
    const task: Task = { ...place, ...more, startedAt: clock.now(), state: 'pending', completedAt: null }
    this.#tasks.set(task.id, task)
    return task
  }

  async #replace(task: Task, node: SimulatedNode, content: RootContent): Promise<void> {
    const { clock } = this.#options
    await clock.sleep(plus(clock.now(), PENDING_MS))
    const runs = node.state === 'running'
    if (runs) task.state = 'in-progress'
    const up = runs && (await node.replaceRoot(content, REPLACING_MS))
    task.state = up ? 'succeeded' : 'failed'
    task.completedAt = clock.now()
  }

  #describe(input: Input, caller: Caller): Record<string, unknown> {
    checkDryRun(input)
    const ids = texts(input, 'ReplaceRootVolumeTaskId')
    const page = pageOf(input, PAGE, ids)
    const passes = passesAll<Task>(filtersOf(input), (name) => (name === 'instance-id' ? ({ node }) => [node] : undefined))
    const missing = ids.find((id) => !this.#tasks.has(id))
    if (missing !== undefined)
      throw new ServiceError('InvalidReplaceRootVolumeTaskId.NotFound', `The replace root volume task '${missing}' does not exist.`)
    const listed = [...this.#tasks.values()].filter(
      (task) =>
        task.account === caller.account && task.region === caller.region && (ids.length === 0 || ids.includes(task.id)) && passes(task),
    )
    const { items, nextToken } = cut(listed, page)
    return { replaceRootVolumeTaskSet: items.map(treeOf), nextToken }
  }
}

const treeOf = (task: Task): XmlTree => ({
  replaceRootVolumeTaskId: task.id,
  instanceId: task.node,
  taskState: task.state,
  startTime: iso(task.startedAt),
  completeTime: task.completedAt === null ? undefined : iso(task.completedAt),
  tagSet: Object.entries(task.tags).map(([key, value]) => ({ key, value })),
  snapshotId: task.snapshot,
  deleteReplacedRootVolume: task.deletes,
})
