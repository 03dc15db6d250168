import type { Cell } from '../kit/ids.ts'

export type QueueMessage = Readonly<{ body: string; group: string; deduplication: string }>
export type Received = Readonly<{ id: string; body: string; receipt: string; receives: number }>

/** SQS. `queue` is a name; the URL is looked up once. */
export interface Queue {
  /** Sends at most 10 in order to a FIFO queue; resolves to the count accepted from the front. Safe to repeat within 5 minutes by `deduplication`. */
  publish(cell: Cell, queue: string, messages: readonly QueueMessage[], signal: AbortSignal): Promise<number>
  /** Long-polls up to `waitSeconds` (0-20) for at most 10. What is not deleted comes again after its visibility timeout. */
  receive(cell: Cell, queue: string, waitSeconds: number, signal: AbortSignal): Promise<readonly Received[]>
  /** Safe to repeat. */
  remove(cell: Cell, queue: string, receipts: readonly string[], signal: AbortSignal): Promise<void>
}
