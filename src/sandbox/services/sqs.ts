import type { Cell } from '../../kit/ids.ts'
import type { Service } from '../model.ts'
import { Door, type SqsOptions } from './sqs-door.ts'
import { messageCalls } from './sqs-message-calls.ts'
import { queueCalls } from './sqs-queue-calls.ts'
import type { Queues } from './sqs-queues.ts'

export type Sqs = Readonly<{
  service: Service
  queues: Queues
  /** Puts a message into a queue from inside, as EventBridge does; `false` when there is no such queue. */
  deliver: (cell: Cell, queue: string, body: string) => boolean
}>

/** Who sends what EventBridge forwards. */
const EVENTS = 'events.amazonaws.com'
const NO_MESSAGE = {
  DelaySeconds: undefined,
  MessageAttributes: undefined,
  MessageSystemAttributes: undefined,
  MessageDeduplicationId: undefined,
}

/** SQS: standard and FIFO queues of each account and Region, on the sandbox's clock. */
export function sqs(options: SqsOptions): Sqs {
  const door = new Door(options)
  const deliver: Sqs['deliver'] = (cell, name, body) => {
    const queue = door.queues.get(cell, name)
    if (!queue) return false
    const message = { ...NO_MESSAGE, MessageBody: body, MessageGroupId: queue.settings.fifo ? name : undefined }
    door.sender.send(queue, message, { sender: EVENTS, now: door.clock.now() })
    return true
  }
  return { service: { ...queueCalls(door), ...messageCalls(door) }, queues: door.queues, deliver }
}
