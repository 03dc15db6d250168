import { PatchwaveError } from '../kit/error.ts'
import { plus, SECOND, type Ms } from '../kit/instant.ts'
import type { Received } from '../ports/queue.ts'
import type { Hints } from './hints.ts'
import type { World } from './world.ts'

/** SQS's longest long poll. */
const WAIT_SECONDS = 20
const AGAIN_MS: Ms = 10 * SECOND

/** What one receive takes at most, as SQS has it. */
const FULL = 10

/** After a receive that was not full, events gather this long. At half, nearly twice the calls of a wide wave; at double, places stay taken longer than a round takes to fill. */
const GATHER_MS: Ms = 5 * SECOND

const ENDED: ReadonlySet<string> = new Set(['Success', 'Failed', 'TimedOut', 'Cancelled'])

/** Receives EventBridge's status events of one region into `hints`, until `signal`, while commands are watched. What does not parse stays for the dead-letter queue. */
export async function receiveEvents(world: World, region: string, queue: string, hints: Hints, signal: AbortSignal): Promise<void> {
  const cell = { account: world.home.account, region }
  while (!signal.aborted) {
    try {
      await hints.wanted(signal)
      if (signal.aborted) return
      const messages = await world.queue.receive(cell, queue, WAIT_SECONDS, signal)
      const read = messages.filter((message) => takeEvent(message, hints))
      if (read.length > 0)
        await world.queue.remove(
          cell,
          queue,
          read.map((message) => message.receipt),
          signal,
        )
      if (messages.length > 0 && messages.length < FULL) await world.clock.sleep(plus(world.clock.now(), GATHER_MS), signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof PatchwaveError)) throw error
      world.log.warn(`events of ${region}: ${error.code}: ${error.message}`)
      await world.clock.sleep(plus(world.clock.now(), AGAIN_MS), signal)
    }
  }
}

/** Whether the message is a status event, ours or a stranger's. */
function takeEvent(message: Received, hints: Hints): boolean {
  let value: unknown
  try {
    value = JSON.parse(message.body)
  } catch {
    return false
  }
  if (typeof value !== 'object' || value === null || !('detail' in value) || typeof value.detail !== 'object' || value.detail === null)
    return false
  const detail = value.detail as Readonly<Record<string, unknown>>
  const [command, node, status] = [detail['command-id'], detail['instance-id'], detail['status']]
  if (typeof command !== 'string' || typeof status !== 'string') return false
  if (typeof node === 'string' && ENDED.has(status)) hints.ended(command, node, status)
  return true
}
