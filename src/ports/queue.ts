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
  /**
   * Sends at most 10 in order to a FIFO queue; resolves to the count accepted from the front.
   * @effect publish feedback: SendMessageBatch
   * @repeat Within five minutes SQS drops it by its deduplication id, run and number. Later it is a second message with the same number, which its
   * reader drops.
   */
  publish(cell: Cell, queue: string, messages: readonly QueueMessage[], signal: AbortSignal): Promise<number>
  /**
   * Sends one message to a queue of either kind; on a standard queue one call may leave two when its answer was lost.
   * @effect pass on a refused message: SendMessage
   * @repeat On a FIFO queue SQS drops it within five minutes by its deduplication id, that of the refused message. On a standard queue it is a
   * second message, with the same `messageId`.
   * @throws `aws.missing` when there is no such queue, `aws.invalid` when it will never take this message, and other `aws.*`
   */
  send(cell: Cell, queue: string, message: AttributedMessage, signal: AbortSignal): Promise<void>
  /**
   * Long-polls up to `waitSeconds` (0-20) for at most 10.
   * @effect receive messages: ReceiveMessage
   * @repeat What was received and not deleted comes again after its visibility timeout, with the same id.
   */
  receive(cell: Cell, queue: string, waitSeconds: number, signal: AbortSignal, wish?: ReceiveWish): Promise<readonly Received[]>
  /**
   * Keeps a received message hidden for `seconds` (0-43,200) from now, 12 hours after its receive at the most; 0 shows it at once.
   * @effect keep a message hidden: ChangeMessageVisibility
   * @repeat Counts from then on; what is not hidden any more comes again, and is told by its id.
   * @throws `aws.invalid` when the receipt no longer holds the message: it has come again, or is gone
   */
  extend(cell: Cell, queue: string, receipt: string, seconds: number, signal: AbortSignal): Promise<void>
  /**
   * Deletes what was received.
   * @effect delete a trigger message: DeleteMessageBatch
   * @repeat The message comes again, is known by the trigger's id, starts nothing, and is deleted.
   * @effect delete a status event: DeleteMessageBatch
   * @repeat The event comes again and decides nothing: verdicts are read by page.
   */
  remove(cell: Cell, queue: string, receipts: readonly string[], signal: AbortSignal): Promise<void>
}
