import { type Instant, SECOND } from '../../kit/instant.ts'
import { userId } from '../callers.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { inputOf, list, optional, structure, text, whole } from '../wire/input.ts'
import { inBatch } from './sqs-batch.ts'
import type { Door } from './sqs-door.ts'
import { badParameters } from './sqs-errors.ts'
import { checkOrder, MESSAGE, type MessageInput, sizeOf } from './sqs-message.ts'
import type { Queue } from './sqs-queue.ts'
import { changeVisibility, checkReceive, held, poll, readReceive, received, type Receive } from './sqs-receive.ts'

/** The sum of a batch, in bytes. */
const BATCH_BYTES_MAX = 1_048_576

const URL = { QueueUrl: text() }
const readSend = inputOf({ ...URL, ...MESSAGE })
const readSendBatch = inputOf({ ...URL, Entries: list(structure({ Id: text(), ...MESSAGE })) })
const readHandle = inputOf({ ...URL, ReceiptHandle: text() })
const readHandles = inputOf({ ...URL, Entries: list(structure({ Id: text(), ReceiptHandle: text() })) })
const readVisibility = inputOf({ ...URL, ReceiptHandle: text(), VisibilityTimeout: whole() })
const readVisibilities = inputOf({
  ...URL,
  Entries: list(structure({ Id: text(), ReceiptHandle: text(), VisibilityTimeout: optional(whole()) })),
})

/** The operations on messages. */
export function messageCalls(door: Door): Service {
  return { ...sendCalls(door), ...receiptCalls(door) }
}

function sendCalls(door: Door): Service {
  const contextOf = (caller: Caller): Readonly<{ sender: string; now: Instant }> => ({ sender: userId(caller), now: door.clock.now() })
  return {
    SendMessage: (input, caller) => {
      const message = readSend(input)
      const queue = door.open(message.QueueUrl, caller, 'send')
      checkOrder(message, queue.settings)
      return door.sender.send(queue, message, contextOf(caller))
    },
    SendMessageBatch: (input, caller) => {
      const { QueueUrl: url, Entries: entries } = readSendBatch(input)
      const queue = door.open(url, caller, 'send')
      checkBatch(entries, queue)
      return inBatch(entries, 'SendMessageBatch', (entry) => door.sender.send(queue, entry, contextOf(caller)))
    },
    ReceiveMessage: (input, caller, signal) => receive(door, readReceive(input), caller, signal),
  }
}

function checkBatch(entries: readonly MessageInput[], queue: Queue): void {
  for (const entry of entries) checkOrder(entry, queue.settings)
  const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
  if (bytes <= BATCH_BYTES_MAX) return
  const said = `Batch requests cannot be longer than ${String(BATCH_BYTES_MAX)} bytes. You have sent ${String(bytes)} bytes.`
  throw new ServiceError('BatchRequestTooLong', said)
}

async function receive(door: Door, input: Receive, caller: Caller, signal: AbortSignal | undefined): Promise<Record<string, unknown>> {
  const queue = door.open(input.QueueUrl, caller, 'receive')
  checkReceive(input)
  const taken = await poll({
    clock: door.clock,
    queue,
    count: input.MaxNumberOfMessages ?? 1,
    visibilityMs: input.VisibilityTimeout === undefined ? queue.settings.visibilityMs : input.VisibilityTimeout * SECOND,
    waitMs: input.WaitTimeSeconds === undefined ? queue.settings.waitMs : input.WaitTimeSeconds * SECOND,
    giveUp: (message) => door.giveUp(queue, message),
    signal,
  })
  return taken.length === 0 ? {} : { Messages: taken.map((message) => received(queue, message, input)) }
}

function receiptCalls(door: Door): Service {
  const now = (): Instant => door.clock.now()
  const remove = (queue: Queue, handle: string): Record<string, unknown> => {
    const found = held(queue, handle, now())
    if (found?.current === true) queue.remove(found.message) // An older handle is accepted and deletes nothing.
    return {}
  }
  const change = (queue: Queue, handle: string, seconds: number | undefined): Record<string, unknown> => {
    if (seconds === undefined) throw badParameters('The request must contain the parameter VisibilityTimeout.')
    changeVisibility(queue, handle, seconds, now())
    return {}
  }
  return {
    DeleteMessage: (input, caller) => {
      const { QueueUrl: url, ReceiptHandle: handle } = readHandle(input)
      return remove(door.open(url, caller, 'delete'), handle)
    },
    DeleteMessageBatch: (input, caller) => {
      const { QueueUrl: url, Entries: entries } = readHandles(input)
      const queue = door.open(url, caller, 'delete')
      return inBatch(entries, 'DeleteMessageBatch', (entry) => remove(queue, entry.ReceiptHandle))
    },
    ChangeMessageVisibility: (input, caller) => {
      const { QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: seconds } = readVisibility(input)
      return change(door.open(url, caller, 'visibility'), handle, seconds)
    },
    ChangeMessageVisibilityBatch: (input, caller) => {
      const { QueueUrl: url, Entries: entries } = readVisibilities(input)
      const queue = door.open(url, caller, 'visibility')
      return inBatch(entries, 'ChangeMessageVisibilityBatch', (entry) => change(queue, entry.ReceiptHandle, entry.VisibilityTimeout))
    },
  }
}
