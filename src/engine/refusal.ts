import { sha256 } from '../kit/digest.ts'
import type { ErrorCode } from '../kit/error.ts'
import { iso } from '../kit/instant.ts'
import type { Received } from '../ports/queue.ts'
import type { World } from './world.ts'

/** A message that will never be of use, and why. `region`: where it was received, for queues that each region has. */
export type Refusal = Readonly<{ message: Received; code: ErrorCode; reason: string; region?: string }>

/**
 * Bodies are kept whole up to so many UTF-16 units: three bytes each at the most, and with the attributes still below the 256 KiB that any
 * queue takes. Of a longer one this much is kept, and its digest.
 */
const BODY_CHARACTERS_MAX = 80_000

/** What SQS takes in no text (ReceiveMessage and SendMessage: XML 1.0's characters). */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const NOT_TAKEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/**
 * Lays a refused message into the queue of the home region for refused ones, at least once: its body, and as attributes `reason`, `code`,
 * `messageId` (of the refused message), `sender` and `receivedAt` (ISO 8601); `region` where it is known; where the body was cut, also its
 * `characters` and `digest` (SHA-256).
 */
export async function refuse(
  world: Pick<World, 'clock' | 'queue' | 'home'>,
  queue: string,
  refusal: Refusal,
  signal: AbortSignal,
): Promise<void> {
  const { message, code, reason, region } = refusal
  const { body } = message
  const cut = body.length > BODY_CHARACTERS_MAX
  const attributes = {
    reason: taken(reason),
    code,
    messageId: taken(message.id),
    sender: taken(message.sender ?? 'unknown'),
    receivedAt: iso(world.clock.now()),
    ...(region !== undefined && { region }),
    ...(cut && { characters: String(body.length), digest: sha256(body) }),
  }
  const kept = cut ? body.slice(0, BODY_CHARACTERS_MAX).toWellFormed() : body
  await world.queue.send(world.home, queue, { body: taken(kept), attributes, group: 'refused', deduplication: message.id }, signal)
}

/** As SQS takes it: never empty, without the characters that it forbids. */
const taken = (text: string): string => (text === '' ? '-' : text.toWellFormed().replaceAll(NOT_TAKEN, '\ufffd'))
