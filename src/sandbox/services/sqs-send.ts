import { md5, sha256 } from '../../kit/digest.ts'
import { type Instant, plus, SECOND } from '../../kit/instant.ts'
import type { Ids } from '../ids.ts'
import { type AttributeValues, attributesMd5, checkMessage, type MessageInput } from './sqs-message.ts'
import type { Queue, Stored } from './sqs-queue.ts'

/** 20 digits like the real ones, growing from message to message. */
const SEQUENCE_FIRST = 18_850_000_000_000_000_000n
/** Sequence numbers grow by this much a message. */
const SEQUENCE_STEP = 256n

/** Puts messages into queues. One for all queues of a sandbox: ids and sequence numbers never repeat. */
export class Sender {
  readonly #ids: Ids
  #sequence = SEQUENCE_FIRST

  constructor(ids: Ids) {
    this.#ids = ids
  }

  /** Sends one checked or unchecked message; answers what SendMessage answers. A repeat within five minutes is accepted and dropped. */
  send(queue: Queue, input: MessageInput, context: Readonly<{ sender: string; now: Instant }>): Record<string, unknown> {
    const body = checkMessage(input, queue.settings)
    const values: AttributeValues = input.MessageAttributes ?? {}
    const traceHeader = input.MessageSystemAttributes?.['AWSTraceHeader']?.StringValue
    const sums = { MD5OfMessageBody: md5(body), MD5OfMessageAttributes: attributesMd5(values) }
    const deduplication = queue.settings.fifo ? (input.MessageDeduplicationId ?? sha256(body)) : undefined
    const earlier = deduplication === undefined ? undefined : queue.earlier(input.MessageGroupId ?? '', deduplication, context.now)
    if (earlier) return { ...sums, MessageId: earlier.id, SequenceNumber: earlier.sequence }
    const stored: Stored = {
      id: this.#ids.uuid(),
      body,
      md5: sums.MD5OfMessageBody,
      values,
      traceHeader,
      group: input.MessageGroupId,
      deduplication,
      sequence: queue.settings.fifo ? this.#next() : undefined,
      sender: context.sender,
      sentAt: context.now,
      hiddenUntil: plus(context.now, delayMs(queue, input)),
      receives: 0,
      firstReceivedAt: undefined,
      receivedAt: undefined,
      deadLetterSource: undefined,
    }
    queue.add(stored, context.now)
    return { ...sums, MD5OfMessageSystemAttributes: traceMd5(traceHeader), MessageId: stored.id, SequenceNumber: stored.sequence }
  }

  /** Moves what was received too often. A standard queue's message keeps its age, a FIFO queue's begins anew. */
  giveUp(message: Stored, from: Queue, to: Queue, now: Instant): void {
    from.remove(message)
    const sentAt = to.settings.fifo ? now : message.sentAt
    to.add({ ...message, sentAt, hiddenUntil: now, receivedAt: undefined, deadLetterSource: from.arn }, now)
  }

  #next(): string {
    this.#sequence += SEQUENCE_STEP
    return String(this.#sequence)
  }
}

function delayMs(queue: Queue, { DelaySeconds: seconds }: MessageInput): number {
  return seconds === undefined || (queue.settings.fifo && seconds === 0) ? queue.settings.delayMs : seconds * SECOND
}

const traceMd5 = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : attributesMd5({ AWSTraceHeader: { DataType: 'String', StringValue: header } })
