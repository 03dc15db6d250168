import type { Cell } from '../../kit/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ids } from '../ids.ts'
import type { Caller } from '../model.ts'
import { Bucket } from '../quotas.ts'
import { refused } from '../wire/refusals.ts'
import type { Queue, Stored } from './sqs-queue.ts'
import { Queues } from './sqs-queues.ts'
import { Sender } from './sqs-send.ts'

/** What SQS works with. */
export type SqsOptions = Readonly<{
  clock: Clock
  ids: Ids
  /** The URL that callers of this account and Region get for a queue. */
  urlOf: (cell: Cell, queue: string) => string
}>

/** Calls of a FIFO queue that are counted, each kind by itself. */
export type Counted = 'send' | 'receive' | 'delete' | 'visibility'

/** Without the per-group mode a FIFO queue takes 300 calls a second for each API. */
const FIFO_RATE = { burst: 300, perSecond: 300 }

/** What all of SQS's operations share: the queues, the clock, and who may come in how often. */
export class Door {
  readonly clock: Clock
  readonly urlOf: SqsOptions['urlOf']
  readonly queues = new Queues()
  readonly sender: Sender
  readonly #buckets = new Map<string, Bucket>()

  constructor({ clock, ids, urlOf }: SqsOptions) {
    this.clock = clock
    this.urlOf = urlOf
    this.sender = new Sender(ids)
  }

  /** The queue of a URL. `counted`: the call draws on a FIFO queue's quota. */
  open(url: string, caller: Caller, counted?: Counted): Queue {
    const queue = this.queues.at(url, caller)
    if (counted !== undefined && queue.settings.slow && !this.#bucket(`${queue.arn} ${counted}`).take(this.clock.now())) {
      throw refused('throttled', 'sqs')
    }
    return queue
  }

  /** Moves a message to its queue's dead-letter queue; `false` when there is none. */
  giveUp(queue: Queue, message: Stored): boolean {
    const target = this.queues.byArn(queue.settings.redrive?.arn ?? '')
    if (target) this.sender.giveUp(message, queue, target, this.clock.now())
    return target !== undefined
  }

  #bucket(key: string): Bucket {
    let bucket = this.#buckets.get(key)
    if (!bucket) this.#buckets.set(key, (bucket = new Bucket(FIFO_RATE, this.clock.now())))
    return bucket
  }
}
