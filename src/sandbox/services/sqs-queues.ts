import { cellKey, type Cell } from '../../kit/ids.ts'
import { type Instant, MINUTE } from '../../kit/instant.ts'
import { type Caller, ServiceError } from '../model.ts'
import { allowsSource, type Attributes, checkAttributes, checkQueueName, difference, redriveOf } from './sqs-attributes.ts'
import { badValue, noQueue } from './sqs-errors.ts'
import { Queue } from './sqs-queue.ts'

/** A name cannot be used again this long after its queue was deleted. */
const RECREATE_AFTER_MS = MINUTE

/** The ARN of a queue. */
export const queueArn = (cell: Cell, name: string): string => `arn:aws:sqs:${cell.region}:${cell.account}:${name}`

/** Every queue of every account and Region, by name, URL and ARN. */
export class Queues {
  readonly #shelves = new Map<string, Map<string, Queue>>()
  readonly #deleted = new Map<string, Instant>()

  get(cell: Cell, name: string): Queue | undefined {
    return this.#shelves.get(cellKey(cell))?.get(name)
  }

  /** The queue that a URL names, in the caller's Region. Other accounts' queues are closed, unless they have a policy. */
  at(url: string, caller: Caller): Queue {
    const [, account = '', name = ''] = /\/(\d{12})\/([A-Za-z0-9_.-]{1,80})\/?$/.exec(url) ?? []
    const region = /^https?:\/\/sqs\.([a-z0-9-]+)\.amazonaws\.com/.exec(url)?.[1]
    if (account === '' || (region !== undefined && region !== caller.region)) {
      throw new ServiceError('InvalidAddress', `The address ${url.slice(0, 200)} is not valid for this endpoint.`, 404)
    }
    const queue = this.get({ account, region: caller.region }, name)
    if (!queue) throw noQueue()
    if (account !== caller.account && queue.attributes['Policy'] === undefined) {
      throw new ServiceError(
        'AccessDeniedException',
        `User: ${caller.arn} is not authorized to perform: sqs on resource: ${queue.arn} because no resource-based policy allows it`,
        403,
      )
    }
    return queue
  }

  byArn(arn: string): Queue | undefined {
    const [, , , region = '', account = '', name = ''] = arn.split(':')
    return this.get({ account, region }, name)
  }

  /** In the order of their names. */
  list(cell: Cell): readonly Queue[] {
    return [...(this.#shelves.get(cellKey(cell))?.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The queue with this name: a new one, or the one that is there when nothing differs. */
  create(
    cell: Cell,
    name: string,
    attributes: Attributes,
    options: Readonly<{ at: Instant; tags?: Readonly<Record<string, string>> }>,
  ): Queue {
    checkQueueName(name, attributes)
    const arn = queueArn(cell, name)
    this.#checkRedrive(attributes, arn)
    checkAttributes(attributes, attributes['FifoQueue'] === 'true')
    const there = this.get(cell, name)
    if (there) return sameOr(there, attributes)
    const deletedAt = this.#deleted.get(arn)
    if (deletedAt !== undefined && options.at - deletedAt < RECREATE_AFTER_MS) {
      throw new ServiceError(
        'QueueDeletedRecently',
        'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
      )
    }
    const queue = new Queue({ name, arn, at: options.at, attributes, tags: options.tags ?? {} })
    const key = cellKey(cell)
    const shelf = this.#shelves.get(key)
    if (shelf) shelf.set(name, queue)
    else this.#shelves.set(key, new Map([[name, queue]]))
    return queue
  }

  change(queue: Queue, attributes: Attributes, at: Instant): void {
    if (queue.settings.fifo && attributes['FifoQueue'] !== undefined && attributes['FifoQueue'] !== 'true') {
      throw new ServiceError(
        'InvalidAttributeValue',
        'Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.',
      )
    }
    checkAttributes(attributes, queue.settings.fifo)
    this.#checkRedrive({ ...attributes, ...(queue.settings.fifo && { FifoQueue: 'true' }) }, queue.arn)
    queue.change(attributes, at)
    queue.wake()
  }

  delete(queue: Queue, at: Instant): void {
    const [, , , region = '', account = ''] = queue.arn.split(':')
    this.#shelves.get(cellKey({ account, region }))?.delete(queue.name)
    this.#deleted.set(queue.arn, at)
    queue.wake()
  }

  /** A dead-letter queue is of the same kind, account and Region, and there. */
  #checkRedrive(attributes: Attributes, source: string): void {
    const redrive = redriveOf(attributes['RedrivePolicy'])
    if (!redrive) return
    const policy = attributes['RedrivePolicy'] ?? ''
    const target = this.byArn(redrive.arn)
    if (!target) throw badValue(policy, 'RedrivePolicy', 'Dead letter target does not exist.')
    if (redrive.arn.split(':').slice(0, 5).join(':') !== source.split(':').slice(0, 5).join(':')) {
      throw badValue(policy, 'RedrivePolicy', 'Dead letter target must be in the same account and Region as its source.')
    }
    if (target.settings.fifo !== (attributes['FifoQueue'] === 'true')) {
      throw badValue(policy, 'RedrivePolicy', 'Dead-letter queue must be same type of queue as the source.')
    }
    if (!allowsSource(target.attributes, source)) {
      throw badValue(policy, 'RedrivePolicy', `Queue ${source} is not allowed to use it as its dead-letter queue.`)
    }
  }
}

function sameOr(there: Queue, attributes: Attributes): Queue {
  const differs = difference(there.attributes, attributes)
  if (differs === undefined) return there
  throw new ServiceError('QueueNameExists', `A queue already exists with the same name and a different value for attribute ${differs}`)
}
