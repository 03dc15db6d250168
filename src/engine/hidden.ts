import { PatchwaveError } from '../kit/error.ts'
import type { Cell } from '../kit/ids.ts'
import { plus, SECOND, type Ms } from '../kit/instant.ts'
import type { Received } from '../ports/queue.ts'
import type { World } from './world.ts'

/** How long a message is hidden at a time. After a crash it comes again so much later; at half, a slow call of SQS might show it too early. */
export const HIDE_SECONDS = 120
/** Hidden anew when half of it has passed, so that one failed call still leaves time. */
const HIDE_AGAIN_MS: Ms = (HIDE_SECONDS / 2) * SECOND

type Place = Readonly<{ cell: Cell; queue: string; messages: readonly Received[]; signal: AbortSignal }>
type HidingWorld = Pick<World, 'clock' | 'queue' | 'log'>

/** Keeps messages hidden while `work` lasts, 12 hours at most (SQS). When that fails `work` goes on and a message may come to another reader. */
export async function whileHidden<T>(world: HidingWorld, place: Place, work: () => Promise<T>): Promise<T> {
  const over = new AbortController()
  const end = (): void => over.abort('over') // With a reason no error is built.
  place.signal.addEventListener('abort', end, { once: true })
  const hiding = hide(world, place, over.signal)
  hiding.catch(() => undefined) // Thrown below; without this, a bug that shows while `work` lasts would end the process unnamed.
  try {
    return await work()
  } finally {
    end()
    place.signal.removeEventListener('abort', end)
    await hiding
  }
}

async function hide(world: HidingWorld, { cell, queue, messages }: Place, over: AbortSignal): Promise<void> {
  const { clock, log } = world
  const left = new Set(messages)
  while (left.size > 0) {
    await clock.sleep(plus(clock.now(), HIDE_AGAIN_MS), over)
    for (const message of left) {
      if (over.aborted) return
      try {
        await world.queue.extend(cell, queue, message.receipt, HIDE_SECONDS, over)
      } catch (error) {
        if (over.aborted) return
        if (!(error instanceof PatchwaveError)) throw error
        log.warn(`message ${message.id} may come again while it is dealt with: ${error.code}: ${error.message}`)
        if (!error.retryable) left.delete(message)
      }
    }
  }
}
