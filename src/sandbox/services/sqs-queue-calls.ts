import { type Instant, MINUTE, plus, SECOND } from '../../kit/instant.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { inputOf, list, mapOf, optional, text, whole } from '../wire/input.ts'
import { placeIn, tokenFor } from './pages.ts'
import { checkAttributeName, shownAttributes } from './sqs-attributes.ts'
import type { Door } from './sqs-door.ts'
import { badParameters, noQueue } from './sqs-errors.ts'
import type { Queue } from './sqs-queue.ts'

const PURGE_EVERY_MS = MINUTE
const LIST_MAX = 1_000

const readCreate = inputOf({ QueueName: text(), Attributes: optional(mapOf(text())), tags: optional(mapOf(text())) })
const readName = inputOf({ QueueName: text(), QueueOwnerAWSAccountId: optional(text()) })
const readList = inputOf({
  QueueNamePrefix: optional(text()),
  NextToken: optional(text()),
  MaxResults: optional(whole({ min: 1, max: LIST_MAX })),
})
const readUrl = inputOf({ QueueUrl: text() })
const readGetAttributes = inputOf({ QueueUrl: text(), AttributeNames: optional(list(text())) })
const readSetAttributes = inputOf({ QueueUrl: text(), Attributes: mapOf(text()) })

/** The operations on queues as a whole. */
export function queueCalls(door: Door): Service {
  const { clock, queues, urlOf } = door
  return {
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
    ListQueues: (input, caller) => listQueues(door, readList(input), caller),
    GetQueueAttributes: (input, caller) => {
      const { QueueUrl: url, AttributeNames: names = [] } = readGetAttributes(input)
      return attributesOf(door.open(url, caller), names, clock.now())
    },
    SetQueueAttributes: (input, caller) => {
      const { QueueUrl: url, Attributes: attributes } = readSetAttributes(input)
      queues.change(door.open(url, caller), attributes, clock.now())
      return {}
    },
    PurgeQueue: (input, caller) => {
      purge(door.open(readUrl(input).QueueUrl, caller), clock.now())
      return {}
    },
    DeleteQueue: (input, caller) => {
      queues.delete(door.open(readUrl(input).QueueUrl, caller), clock.now())
      return {}
    },
  }
}

function listQueues({ queues, urlOf }: Door, input: ReturnType<typeof readList>, caller: Caller): Record<string, unknown> {
  const { QueueNamePrefix: prefix = '', MaxResults: size = LIST_MAX } = input
  const from = placeIn(input.NextToken, prefix)
  if (from === undefined) throw badParameters('Invalid or expired next token.')
  const all = queues.list(caller).filter(({ name }) => name.startsWith(prefix))
  const page = all.slice(from, from + size).map(({ name }) => urlOf(caller, name))
  const more = input.MaxResults !== undefined && from + size < all.length
  return { QueueUrls: page.length > 0 ? page : undefined, NextToken: more ? tokenFor(from + size, prefix) : undefined }
}

function attributesOf(queue: Queue, names: readonly string[], now: Instant): Record<string, unknown> {
  for (const name of names) checkAttributeName(name)
  if (names.length === 0) return {}
  const { visible, inFlight, delayed } = queue.counts(now)
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

function purge(queue: Queue, now: Instant): void {
  if (queue.purgedAt !== undefined && plus(queue.purgedAt, PURGE_EVERY_MS) > now) {
    throw new ServiceError('PurgeQueueInProgress', `Only one PurgeQueue operation on ${queue.name} is allowed every 60 seconds.`, 403)
  }
  queue.purge(now)
}
