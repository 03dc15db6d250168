import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs'
import { assert } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { clean } from './text.ts'
import type { AttributedMessage, Queue, QueueMessage, Received, ReceiveWish } from '../../ports/queue.ts'
import type { Calls } from './calls.ts'
import { failedAs } from './errors.ts'
import { chunks } from './pages.ts'

const BATCH_MAX = 10
/** Today's limit is 1 MiB a batch, but queues that were made before 2025 may still have 256 KiB. */
const BATCH_BYTES_MAX = 262_144
/** The largest message that SQS knows, in bytes; no body has more characters. */
const BODY_MAX = 1_048_576
/** A role's id, a colon and a session name of 64 characters are far below it. */
const SENDER_CHARACTERS_MAX = 256

type Place = Readonly<{ cell: Cell; queue: string; signal: AbortSignal }>

/** SQS over the SDK. */
export function queueOver(calls: Calls): Queue {
  const urls = new Map<string, string>()
  const urlOf = async (place: Place): Promise<string> => {
    const key = `${cellKey(place.cell)} ${place.queue}`
    const url = urls.get(key) ?? (await lookUp(calls, place))
    urls.set(key, url)
    return url
  }
  /** A queue that is gone may be made again elsewhere: its URL is looked up anew next time. */
  const at = async <T>(place: Place, work: (url: string) => Promise<T>): Promise<T> => {
    try {
      return await work(await urlOf(place))
    } catch (error) {
      if (failedAs(error, 'aws.missing')) urls.delete(`${cellKey(place.cell)} ${place.queue}`)
      throw error
    }
  }
  return {
    publish: (cell, queue, messages, signal) =>
      at({ cell, queue, signal }, (url) => publish(calls, { cell, queue, signal }, url, messages)),
    send: (cell, queue, message, signal) => at({ cell, queue, signal }, (url) => send(calls, { cell, queue, signal }, url, message)),
    receive: (cell, queue, wait, signal, wish = {}) =>
      at({ cell, queue, signal }, (url) => receive(calls, { cell, queue, signal }, url, { ...wish, wait })),
    extend: (cell, queue, receipt, seconds, signal) =>
      at({ cell, queue, signal }, (url) => extend(calls, { cell, queue, signal }, url, { receipt, seconds })),
    remove: (cell, queue, receipts, signal) => at({ cell, queue, signal }, (url) => remove(calls, { cell, queue, signal }, url, receipts)),
  }
}

async function lookUp(calls: Calls, { cell, queue, signal }: Place): Promise<string> {
  const answer = await calls.sqs({ cell, operation: 'GetQueueUrl', kind: 'read', signal }, ({ sdk, client, options }) =>
    client.send(new sdk.GetQueueUrlCommand({ QueueName: queue }), options),
  )
  if (answer.QueueUrl !== undefined) return answer.QueueUrl
  throw new PatchwaveError('aws.missing', `queue ${queue} in ${cellKey(cell)} has no URL`, { hint: 'create the queue' })
}

async function publish(calls: Calls, place: Place, url: string, messages: readonly QueueMessage[]): Promise<number> {
  assert(messages.length > 0 && messages.length <= BATCH_MAX, 'a batch has 1 to 10 messages')
  const batch = fitting(messages)
  const Entries = batch.map(({ body, group, deduplication }, i) => ({
    Id: String(i),
    MessageBody: body,
    MessageGroupId: group,
    MessageDeduplicationId: deduplication,
  }))
  const { cell, signal } = place
  const answer = await calls.sqs({ cell, operation: 'SendMessageBatch', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
    client.send(new sdk.SendMessageBatchCommand({ QueueUrl: url, Entries }), options),
  )
  const accepted = new Set((answer.Successful ?? []).map(({ Id }) => Id))
  const count = batch.findIndex((_, i) => !accepted.has(String(i)))
  if (count === -1) return batch.length
  const failed = answer.Failed?.find(({ Id }) => Id === String(count))
  if (count === 0 && failed?.SenderFault === true) throw refusedEntry(place, failed)
  return count
}

/** As many from the front as one batch carries; the first always. */
function fitting(messages: readonly QueueMessage[]): readonly QueueMessage[] {
  let bytes = 0
  const end = messages.findIndex(({ body }, i) => {
    bytes += Buffer.byteLength(body)
    return i > 0 && bytes > BATCH_BYTES_MAX
  })
  return end === -1 ? messages : messages.slice(0, end)
}

/** One that SQS will never take stands in front of all others: better loud than for ever. */
const refusedEntry = ({ cell, queue }: Place, failed: BatchResultErrorEntry): PatchwaveError =>
  new PatchwaveError(
    'aws.invalid',
    `queue ${queue} in ${cellKey(cell)} refuses a message: ${clean(failed.Message ?? failed.Code ?? '', 300)}`,
    {
      hint: 'check that it is a FIFO queue and its maximum message size',
      detail: { cell: cellKey(cell), call: 'sqs.SendMessageBatch', error: failed.Code ?? 'unknown' },
    },
  )

async function send(calls: Calls, place: Place, url: string, message: AttributedMessage): Promise<void> {
  const { cell, queue, signal } = place
  const { body, attributes, group, deduplication } = message
  const values = Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }] as const)
  const order = queue.endsWith('.fifo') && { MessageGroupId: group, MessageDeduplicationId: deduplication }
  await calls.sqs({ cell, operation: 'SendMessage', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
    client.send(
      new sdk.SendMessageCommand({ QueueUrl: url, MessageBody: body, MessageAttributes: Object.fromEntries(values), ...order }),
      options,
    ),
  )
}

async function receive(
  calls: Calls,
  { cell, signal }: Place,
  url: string,
  { wait, atMost = BATCH_MAX, hideSeconds }: ReceiveWish & Readonly<{ wait: number }>,
): Promise<readonly Received[]> {
  const answer = await calls.sqs({ cell, operation: 'ReceiveMessage', kind: 'read', signal }, ({ sdk, client, options }) =>
    client.send(
      new sdk.ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: atMost,
        WaitTimeSeconds: wait,
        ...(hideSeconds !== undefined && { VisibilityTimeout: hideSeconds }),
        MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SenderId'],
      }),
      options,
    ),
  )
  return (answer.Messages ?? []).map((one) => ({
    id: one.MessageId ?? '',
    body: clean(one.Body ?? '', BODY_MAX),
    receipt: one.ReceiptHandle ?? '',
    receives: Number(one.Attributes?.ApproximateReceiveCount ?? 1),
    sender: one.Attributes?.SenderId === undefined ? null : clean(one.Attributes.SenderId, SENDER_CHARACTERS_MAX),
  }))
}

async function extend(
  calls: Calls,
  { cell, signal }: Place,
  url: string,
  { receipt, seconds }: Readonly<{ receipt: string; seconds: number }>,
): Promise<void> {
  const input = { QueueUrl: url, ReceiptHandle: receipt, VisibilityTimeout: seconds }
  await calls.sqs({ cell, operation: 'ChangeMessageVisibility', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
    client.send(new sdk.ChangeMessageVisibilityCommand(input), options),
  )
}

async function remove(calls: Calls, place: Place, url: string, receipts: readonly string[]): Promise<void> {
  for (const some of chunks(receipts, BATCH_MAX)) await removeBatch(calls, place, url, some)
}

/** What SQS could not delete this time (its own fault) is asked for once more; stale receipts are left: their messages come again. */
async function removeBatch(calls: Calls, place: Place, url: string, receipts: readonly string[], again = true): Promise<void> {
  const { cell, signal } = place
  const Entries = receipts.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }))
  const answer = await calls.sqs({ cell, operation: 'DeleteMessageBatch', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
    client.send(new sdk.DeleteMessageBatchCommand({ QueueUrl: url, Entries }), options),
  )
  const left = (answer.Failed ?? []).filter(({ SenderFault }) => SenderFault !== true).flatMap(({ Id }) => receipts[Number(Id)] ?? [])
  if (left.length > 0 && again) await removeBatch(calls, place, url, left, false)
}
