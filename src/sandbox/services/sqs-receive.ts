import { instant, type Instant, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { ServiceError } from '../model.ts'
import { inputOf, list, optional, text, whole } from '../wire/input.ts'
import { badHandle, badValue, expiredHandle, within } from './sqs-errors.ts'
import { type AttributeValues, attributesMd5 } from './sqs-message.ts'
import type { Queue, Stored } from './sqs-queue.ts'

export const readReceive = inputOf({
  QueueUrl: text(),
  AttributeNames: optional(list(text())),
  MessageSystemAttributeNames: optional(list(text())),
  MessageAttributeNames: optional(list(text())),
  MaxNumberOfMessages: optional(whole()),
  VisibilityTimeout: optional(whole()),
  WaitTimeSeconds: optional(whole()),
  ReceiveRequestAttemptId: optional(text({ max: 128 })),
})
export type Receive = ReturnType<typeof readReceive>

/** Twelve hours: the longest that a message can stay hidden, counted from its receive. */
const HIDDEN_SECONDS_MAX = 43_200

/** Refuses numbers that SQS refuses. */
export function checkReceive(input: Receive): void {
  within(input.MaxNumberOfMessages, 'MaxNumberOfMessages', { min: 1, max: 10, reason: 'Must be between 1 and 10, if provided.' })
  within(input.WaitTimeSeconds, 'WaitTimeSeconds', { min: 0, max: 20, reason: 'Must be >= 0 and <= 20, if provided.' })
  checkVisibility(input.VisibilityTimeout)
}

/** Refuses a visibility timeout beyond twelve hours. */
export function checkVisibility(seconds: number | undefined): void {
  const reason = `VisibilityTimeout must be an integer between 0 and ${String(HIDDEN_SECONDS_MAX)}`
  within(seconds, 'VisibilityTimeout', { min: 0, max: HIDDEN_SECONDS_MAX, reason })
}

export type Polling = Readonly<{
  clock: Clock
  queue: Queue
  count: number
  visibilityMs: Ms
  waitMs: Ms
  giveUp: (message: Stored) => boolean
  signal: AbortSignal | undefined
}>

/** Takes what is there; with nothing there it waits on the clock until something is, the time is over or the caller has gone. */
export async function poll(options: Polling): Promise<readonly Stored[]> {
  const { clock, queue, count, visibilityMs, giveUp, signal } = options
  const deadline = plus(clock.now(), options.waitMs)
  for (;;) {
    const now = clock.now()
    if (queue.isFull()) {
      if (options.waitMs > 0) return []
      throw new ServiceError('OverLimit', 'Too many messages in flight.', 403)
    }
    const taken = queue.take({ count, visibilityMs, now, giveUp })
    if (taken.length > 0 || now >= deadline || signal?.aborted === true) return taken
    await untilStirred(clock, queue, instant(Math.min(deadline, queue.nextVisible(now) ?? deadline)), signal)
  }
}

async function untilStirred(clock: Clock, queue: Queue, until: Instant, signal: AbortSignal | undefined): Promise<void> {
  const stir = new AbortController()
  const end = (): void => {
    stir.abort('stirred') // With a reason no error is built, and this happens for every message.
  }
  const forget = queue.watch(end)
  signal?.addEventListener('abort', end, { once: true })
  await clock.sleep(until, stir.signal)
  signal?.removeEventListener('abort', end)
  forget()
}

/** One message as ReceiveMessage shows it, with the attributes that were asked for. */
export function received(queue: Queue, message: Stored, input: Receive): Record<string, unknown> {
  const system = systemAttributes(message, [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])])
  const values = chosen(message.values, input.MessageAttributeNames ?? [])
  return {
    MessageId: message.id,
    ReceiptHandle: handleOf(queue, message),
    MD5OfBody: message.md5,
    Body: message.body,
    Attributes: Object.keys(system).length > 0 ? system : undefined,
    MD5OfMessageAttributes: attributesMd5(values),
    MessageAttributes: Object.keys(values).length > 0 ? values : undefined,
  }
}

function systemAttributes(message: Stored, names: readonly string[]): Record<string, string> {
  if (names.length === 0) return {}
  const all: Readonly<Record<string, string | undefined>> = {
    SenderId: message.sender,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt ?? message.sentAt),
    SequenceNumber: message.sequence,
    MessageDeduplicationId: message.deduplication,
    MessageGroupId: message.group,
    AWSTraceHeader: message.traceHeader,
    DeadLetterQueueSourceArn: message.deadLetterSource,
  }
  const wanted = names.includes('All') ? Object.keys(all) : names
  return Object.fromEntries(wanted.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])))
}

/** `All` and `.*` mean every attribute, `prefix.*` those that begin so. */
function chosen(values: AttributeValues, patterns: readonly string[]): AttributeValues {
  if (patterns.length === 0) return {}
  const wanted = (name: string): boolean =>
    patterns.some((each) => each === 'All' || each === name || (each.endsWith('.*') && name.startsWith(each.slice(0, -2))))
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)))
}

/** A handle is new for every receive: it names the message and which receive of it. */
const handleOf = (queue: Queue, { id, receives }: Stored): string =>
  Buffer.from(`${id} ${queue.arn} ${String(receives)}`).toString('base64')

type Held = Readonly<{ message: Stored; current: boolean }>

/**
 * The message that a handle holds; `undefined`: it has been deleted. On a FIFO queue a handle dies with its visibility timeout.
 * @throws ServiceError `ReceiptHandleIsInvalid` for what is no handle of this queue
 */
export function held(queue: Queue, handle: string, now: Instant): Held | undefined {
  const [, id = '', arn, receive] = /^([0-9a-f-]{36}) (\S+) (\d{1,9})$/.exec(Buffer.from(handle, 'base64').toString('utf8')) ?? []
  if (arn !== queue.arn) throw badHandle(handle)
  const receipt = queue.receipt(id, Number(receive))
  if (receipt.kind === 'gone') return undefined
  const current = receipt.kind === 'current'
  if (queue.settings.fifo && (!current || receipt.message.hiddenUntil <= now)) throw expiredHandle(handle)
  return { message: receipt.message, current }
}

/** ChangeMessageVisibility: 0 shows the message at once. The twelve hours of a receive are not begun anew. */
export function changeVisibility(queue: Queue, handle: string, seconds: number, now: Instant): void {
  checkVisibility(seconds)
  const found = held(queue, handle, now)
  if (!found) throw badValue(handle, 'ReceiptHandle', 'Message does not exist or is not available for visibility timeout change.')
  if (!found.current) throw new ServiceError('MessageNotInflight', "The message referred to isn't in flight.")
  const until = plus(now, seconds * SECOND)
  if (until > plus(found.message.receivedAt ?? now, HIDDEN_SECONDS_MAX * SECOND)) {
    throw badValue(
      seconds,
      'VisibilityTimeout',
      `Total VisibilityTimeout for the message is beyond the limit [${String(HIDDEN_SECONDS_MAX)} seconds]`,
    )
  }
  queue.setHidden(found.message, until)
}
