import type { Cell } from '../../kit/ids.ts'
import { MINUTE, plus, SECOND } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ids } from '../ids.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { Bucket } from '../quotas.ts'
import { inputOf, list, mapOf, optional, structure, text, whole } from '../wire/input.ts'
import { refused } from '../wire/refusals.ts'
import { placeIn, tokenFor } from './pages.ts'
import { checkAttributeName, shownAttributes } from './sqs-attributes.ts'
import { inBatch } from './sqs-batch.ts'
import { badParameters, noQueue } from './sqs-errors.ts'
import { checkOrder, MESSAGE, sizeOf } from './sqs-message.ts'
import type { Queue, Stored } from './sqs-queue.ts'
import { Queues } from './sqs-queues.ts'
import { changeVisibility, checkReceive, held, poll, readReceive, received, type Receive } from './sqs-receive.ts'
import { Sender } from './sqs-send.ts'

/** The sum of a batch, in bytes. */
const BATCH_BYTES_MAX = 1_048_576
const PURGE_EVERY_MS = MINUTE
/** Without the per-group mode a FIFO queue takes 300 calls a second for each API. */
const FIFO_RATE = { burst: 300, perSecond: 300 }
const LIST_MAX = 1_000

const URL = { QueueUrl: text() }
const readCreate = inputOf({ QueueName: text(), Attributes: optional(mapOf(text())), tags: optional(mapOf(text())) })
const readName = inputOf({ QueueName: text(), QueueOwnerAWSAccountId: optional(text()) })
const readList = inputOf({
  QueueNamePrefix: optional(text()),
  NextToken: optional(text()),
  MaxResults: optional(whole({ min: 1, max: LIST_MAX })),
})
const readUrl = inputOf(URL)
const readGetAttributes = inputOf({ ...URL, AttributeNames: optional(list(text())) })
const readSetAttributes = inputOf({ ...URL, Attributes: mapOf(text()) })
const readSend = inputOf({ ...URL, ...MESSAGE })
const readSendBatch = inputOf({ ...URL, Entries: list(structure({ Id: text(), ...MESSAGE })) })
const readHandle = inputOf({ ...URL, ReceiptHandle: text() })
const readHandles = inputOf({ ...URL, Entries: list(structure({ Id: text(), ReceiptHandle: text() })) })
const readVisibility = inputOf({ ...URL, ReceiptHandle: text(), VisibilityTimeout: whole() })
const readVisibilities = inputOf({
  ...URL,
  Entries: list(structure({ Id: text(), ReceiptHandle: text(), VisibilityTimeout: optional(whole()) })),
})

export type SqsOptions = Readonly<{
  clock: Clock
  ids: Ids
  /** The URL that callers of this account and Region get for a queue. */
  urlOf: (cell: Cell, queue: string) => string
}>

export type Sqs = Readonly<{
  service: Service
  queues: Queues
  /** Puts a message into a queue from inside, as EventBridge does; `false` when there is no such queue. */
  deliver: (cell: Cell, queue: string, body: string) => boolean
}>

/** SQS: standard and FIFO queues of each account and Region, on the sandbox's clock. */
export function sqs({ clock, ids, urlOf }: SqsOptions): Sqs {
  const queues = new Queues()
  const sender = new Sender(ids)
  const buckets = new Map<string, Bucket>()
  /** The queue of a URL; a FIFO queue counts the call. */
  const at = (url: string, caller: Caller, api = ''): Queue => {
    const queue = queues.at(url, caller)
    if (api !== '' && queue.settings.slow && !bucketOf(`${queue.arn} ${api}`).take(clock.now())) throw refused('throttled', 'sqs')
    return queue
  }
  const bucketOf = (key: string): Bucket => {
    let bucket = buckets.get(key)
    if (!bucket) buckets.set(key, (bucket = new Bucket(FIFO_RATE, clock.now())))
    return bucket
  }
  const contextOf = (caller: Caller): Readonly<{ sender: string; now: ReturnType<Clock['now']> }> => ({
    sender: `AIDA${caller.accessKey.slice(4)}`,
    now: clock.now(),
  })
  const receive = async (input: Receive, caller: Caller, signal: AbortSignal | undefined): Promise<Record<string, unknown>> => {
    const queue = at(input.QueueUrl, caller, 'receive')
    checkReceive(input)
    const taken = await poll({
      clock,
      queue,
      count: input.MaxNumberOfMessages ?? 1,
      visibilityMs: input.VisibilityTimeout === undefined ? queue.settings.visibilityMs : input.VisibilityTimeout * SECOND,
      waitMs: input.WaitTimeSeconds === undefined ? queue.settings.waitMs : input.WaitTimeSeconds * SECOND,
      giveUp: (message) => giveUp(queue, message),
      signal,
    })
    return taken.length === 0 ? {} : { Messages: taken.map((message) => received(queue, message, input)) }
  }
  const giveUp = (queue: Queue, message: Stored): boolean => {
    const target = queues.byArn(queue.settings.redrive?.arn ?? '')
    if (target) sender.giveUp(message, queue, target, clock.now())
    return target !== undefined
  }
  const deletes = (queue: Queue, handle: string): Record<string, unknown> => {
    const found = held(queue, handle, clock.now())
    if (found?.current === true) queue.remove(found.message) // An older handle is accepted and deletes nothing.
    return {}
  }
  const service: Service = {
    CreateQueue: (input, caller) => {
      const { QueueName: name, Attributes: attributes = {}, tags = {} } = readCreate(input)
      queues.create(caller, name, attributes, { at: clock.now(), tags })
      return { QueueUrl: urlOf(caller, name) }
    },
    GetQueueUrl: (input, caller) => {
      const { QueueName: name, QueueOwnerAWSAccountId: owner = caller.account } = readName(input)
      const cell = { account: owner, region: caller.region }
      if (!queues.get(cell, name)) throw noQueue()
      return { QueueUrl: urlOf(cell, name) }
    },
    ListQueues: (input, caller) => listQueues(queues, readList(input), caller, urlOf),
    GetQueueAttributes: (input, caller) => {
      const { QueueUrl: url, AttributeNames: names = [] } = readGetAttributes(input)
      return attributesOf(at(url, caller), names, clock)
    },
    SetQueueAttributes: (input, caller) => {
      const { QueueUrl: url, Attributes: attributes } = readSetAttributes(input)
      queues.change(at(url, caller), attributes, clock.now())
      return {}
    },
    SendMessage: (input, caller) => {
      const message = readSend(input)
      const queue = at(message.QueueUrl, caller, 'send')
      checkOrder(message, queue.settings)
      return sender.send(queue, message, contextOf(caller))
    },
    SendMessageBatch: (input, caller) => {
      const { QueueUrl: url, Entries: entries } = readSendBatch(input)
      const queue = at(url, caller, 'send')
      for (const entry of entries) checkOrder(entry, queue.settings)
      const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
      if (bytes > BATCH_BYTES_MAX) {
        throw new ServiceError(
          'BatchRequestTooLong',
          `Batch requests cannot be longer than ${String(BATCH_BYTES_MAX)} bytes. You have sent ${String(bytes)} bytes.`,
        )
      }
      return inBatch(entries, 'SendMessageBatch', (entry) => sender.send(queue, entry, contextOf(caller)))
    },
    ReceiveMessage: (input, caller, signal) => receive(readReceive(input), caller, signal),
    DeleteMessage: (input, caller) => {
      const { QueueUrl: url, ReceiptHandle: handle } = readHandle(input)
      return deletes(at(url, caller, 'delete'), handle)
    },
    DeleteMessageBatch: (input, caller) => {
      const { QueueUrl: url, Entries: entries } = readHandles(input)
      const queue = at(url, caller, 'delete')
      return inBatch(entries, 'DeleteMessageBatch', (entry) => deletes(queue, entry.ReceiptHandle))
    },
    ChangeMessageVisibility: (input, caller) => {
      const { QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: seconds } = readVisibility(input)
      changeVisibility(at(url, caller, 'visibility'), handle, seconds, clock.now())
      return {}
    },
    ChangeMessageVisibilityBatch: (input, caller) => {
      const { QueueUrl: url, Entries: entries } = readVisibilities(input)
      const queue = at(url, caller, 'visibility')
      return inBatch(entries, 'ChangeMessageVisibilityBatch', (entry) => {
        if (entry.VisibilityTimeout === undefined) throw badParameters('The request must contain the parameter VisibilityTimeout.')
        changeVisibility(queue, entry.ReceiptHandle, entry.VisibilityTimeout, clock.now())
        return {}
      })
    },
    PurgeQueue: (input, caller) => {
      purge(at(readUrl(input).QueueUrl, caller), clock)
      return {}
    },
    DeleteQueue: (input, caller) => {
      const queue = at(readUrl(input).QueueUrl, caller)
      queues.delete({ account: queue.arn.split(':')[4] ?? '', region: caller.region }, queue, clock.now())
      return {}
    },
  }
  const deliver: Sqs['deliver'] = (cell, name, body) => {
    const queue = queues.get(cell, name)
    if (queue)
      sender.send(
        queue,
        { ...NO_MESSAGE, MessageBody: body, MessageGroupId: queue.settings.fifo ? name : undefined },
        { sender: EVENTS, now: clock.now() },
      )
    return queue !== undefined
  }
  return { service, queues, deliver }
}

/** Who sends what EventBridge forwards. */
const EVENTS = 'events.amazonaws.com'
const NO_MESSAGE = {
  DelaySeconds: undefined,
  MessageAttributes: undefined,
  MessageSystemAttributes: undefined,
  MessageDeduplicationId: undefined,
}

function listQueues(
  queues: Queues,
  input: ReturnType<typeof readList>,
  caller: Caller,
  urlOf: SqsOptions['urlOf'],
): Record<string, unknown> {
  const { QueueNamePrefix: prefix = '', MaxResults: size = LIST_MAX } = input
  const from = placeIn(input.NextToken, prefix)
  if (from === undefined) throw badParameters('Invalid or expired next token.')
  const all = queues.list(caller).filter(({ name }) => name.startsWith(prefix))
  const page = all.slice(from, from + size).map(({ name }) => urlOf(caller, name))
  const more = input.MaxResults !== undefined && from + size < all.length
  return { QueueUrls: page.length > 0 ? page : undefined, NextToken: more ? tokenFor(from + size, prefix) : undefined }
}

function attributesOf(queue: Queue, names: readonly string[], clock: Clock): Record<string, unknown> {
  for (const name of names) checkAttributeName(name)
  if (names.length === 0) return {}
  const { visible, inFlight, delayed } = queue.counts(clock.now())
  const all: Record<string, string> = {
    ...shownAttributes(queue.attributes),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    CreatedTimestamp: String(Math.floor(queue.createdAt / SECOND)),
    LastModifiedTimestamp: String(Math.floor(queue.modifiedAt / SECOND)),
    QueueArn: queue.arn,
  }
  const wanted = names.includes('All') ? Object.keys(all) : names.filter((name) => all[name] !== undefined)
  return wanted.length === 0 ? {} : { Attributes: Object.fromEntries(wanted.map((name) => [name, all[name]])) }
}

function purge(queue: Queue, clock: Clock): void {
  const now = clock.now()
  if (queue.purgedAt !== undefined && plus(queue.purgedAt, PURGE_EVERY_MS) > now) {
    throw new ServiceError('PurgeQueueInProgress', `Only one PurgeQueue operation on ${queue.name} is allowed every 60 seconds.`, 403)
  }
  queue.purge(now)
}
