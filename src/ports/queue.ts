import type { Cell } from '../kit/ids.ts'

/** A message to a FIFO queue: `group` keeps its order, `deduplication` makes a repeat harmless for five minutes. */
export type QueueMessage = Readonly<{ body: string; group: string; deduplication: string }>

/** A message with attributes (10 at most, none empty). `group` and `deduplication` count on FIFO queues only. Body and attributes together: 256 KiB fit every queue. */
export type AttributedMessage = QueueMessage & Readonly<{ attributes: Readonly<Record<string, string>> }>

/** A message as it came. Its body is well-formed, without NUL. */
export type Received = Readonly<{
  /** SQS's own id: the same each time the message comes. */
  id: string
  body: string
  /** For `remove` and `extend`; new each time the message comes. */
  receipt: string
  /** How often it has come, this time included; approximate. */
  receives: number
  /** Who sent it, as SQS says: the id of a user (`AIDA…`), or of a role with its session (`AROA…:name`). Null where SQS does not say. */
  sender: string | null
}>

/** How `receive` differs from a plain one: `atMost` messages (1-10), hidden for `hideSeconds` (0-43,200) instead of the queue's own visibility timeout. */
export type ReceiveWish = Readonly<{ atMost?: number; hideSeconds?: number }>

/** SQS. `queue` is a name; the URL is looked up once. */
export interface Queue {
  /** Sends at most 10 in order to a FIFO queue; resolves to the count accepted from the front. Safe to repeat within 5 minutes by `deduplication`. */
  publish(cell: Cell, queue: string, messages: readonly QueueMessage[], signal: AbortSignal): Promise<number>
  /**
   * Sends one message to a queue of either kind. Safe to repeat on a FIFO queue within 5 minutes by `deduplication`; on a standard queue a
   * repeat is a second message, and one call may leave two when its answer was lost.
   * @throws `aws.missing` when there is no such queue, `aws.invalid` when it will never take this message, and other `aws.*`
   */
  send(cell: Cell, queue: string, message: AttributedMessage, signal: AbortSignal): Promise<void>
  /** Long-polls up to `waitSeconds` (0-20) for at most 10. What is not deleted comes again after its visibility timeout. */
  receive(cell: Cell, queue: string, waitSeconds: number, signal: AbortSignal, wish?: ReceiveWish): Promise<readonly Received[]>
  /**
   * Keeps a received message hidden for `seconds` (0-43,200) from now, 12 hours after its receive at the most; 0 shows it at once. Safe to repeat.
   * @throws `aws.invalid` when the receipt no longer holds the message: it has come again, or is gone
   */
  extend(cell: Cell, queue: string, receipt: string, seconds: number, signal: AbortSignal): Promise<void>
  /** Safe to repeat. */
  remove(cell: Cell, queue: string, receipts: readonly string[], signal: AbortSignal): Promise<void>
}
