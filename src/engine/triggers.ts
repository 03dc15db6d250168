import { PatchwaveError } from '../kit/error.ts'
import { plus, SECOND, type Ms } from '../kit/instant.ts'
import type { Received } from '../ports/queue.ts'
import { HIDE_SECONDS, whileHidden } from './hidden.ts'
import { refuse, type Refusal } from './refusal.ts'
import { verdictOf, type StartTrigger } from './trigger-verdict.ts'
import type { World } from './world.ts'

/** What receiving triggers needs of the world. */
export type TriggerWorld = Pick<World, 'clock' | 'store' | 'queue' | 'log' | 'home' | 'triggers'>

/** What the scheduler gives. `trouble` is told what stands in the way, and null once it works again. */
export type TriggerParts = Readonly<{ start: StartTrigger; signal: AbortSignal; trouble?: (what: string | null) => void }>

/** SQS's longest long poll. */
const WAIT_SECONDS = 20
/** After a failure of the queues. At half, a wrong name fills the log; at double, triggers wait the longer after AWS is back. */
const AGAIN_MS: Ms = 10 * SECOND
/** A trigger that could not be started now comes again after this long, and after twice as long each time it came … */
const LATER_SECONDS = 30
/** … but after a quarter of an hour at the latest: ten receives, a usual redrive, then bridge an outage of more than an hour. */
const LATER_SECONDS_MAX = 900

/**
 * Receives trigger messages until `signal`, one after the other as SQS gives them. A message is deleted only when its run is on record or its
 * refusal lies in the `refused` queue, so that a crash loses none; one that comes again is told by its id and starts nothing. Without a
 * `refused` queue, what is refused stays: SQS's own redrive takes it away. What is thrown that is no `PatchwaveError` is a bug: it ends this,
 * and the message comes again. Resolves at once when the config names no queue.
 */
export async function receiveTriggers(world: TriggerWorld, parts: TriggerParts): Promise<void> {
  const { triggers, clock, log } = world
  if (triggers === null) return
  const desk = new Desk({ ...world, triggers }, parts)
  while (!parts.signal.aborted) {
    try {
      await desk.next()
    } catch (error) {
      if (parts.signal.aborted) return
      if (!(error instanceof PatchwaveError)) throw error
      log.warn(`triggers: ${error.code}: ${error.message}`)
      await clock.sleep(plus(clock.now(), AGAIN_MS), parts.signal)
    }
  }
}

/** A failure of the queues themselves, or of the last message. */
type Part = 'queue' | 'message'

class Desk {
  readonly #world: TriggerWorld & Readonly<{ triggers: NonNullable<World['triggers']> }>
  readonly #parts: TriggerParts
  readonly #troubles = new Map<Part, string>()
  /** Messages that stay although they are refused: each is told once. */
  readonly #left = new Set<string>()

  constructor(world: TriggerWorld & Readonly<{ triggers: NonNullable<World['triggers']> }>, parts: TriggerParts) {
    this.#world = world
    this.#parts = parts
  }

  /** Takes one message, if there is one. @throws PatchwaveError when SQS or the store cannot be reached; the message comes again */
  async next(): Promise<void> {
    // One at a time: what waits behind a slow one stays in the queue, for another process or for after a crash.
    const message = await this.#told('queue', () => this.#receive())
    this.#tell('queue', null)
    if (message && !this.#parts.signal.aborted) this.#tell('message', await this.#told('message', () => this.#deal(message)))
  }

  async #receive(): Promise<Received | undefined> {
    const { queue, home, triggers } = this.#world
    const [message] = await queue.receive(home, triggers.queue, WAIT_SECONDS, this.#parts.signal, { atMost: 1, hideSeconds: HIDE_SECONDS })
    return message
  }

  /** What stands in the message's way, or null when it is dealt with. */
  async #deal(message: Received): Promise<string | null> {
    const { log, triggers, home } = this.#world
    const { signal, start } = this.#parts
    const place = { cell: home, queue: triggers.queue, messages: [message], signal }
    const verdict = await whileHidden(this.#world, place, () => verdictOf(this.#world, message, start))
    if (signal.aborted && verdict.kind !== 'started') return null // It may only have been cut off: the message comes again.
    switch (verdict.kind) {
      case 'started':
        log.info(`trigger ${verdict.id}: run ${verdict.run}${verdict.known ? ', which it had led to already' : ''}`)
        await this.#remove(message)
        return null
      case 'later':
        log.warn(`trigger ${verdict.id} waits: ${verdict.reason}`)
        await this.#later(message)
        return `trigger ${verdict.id} waits: ${verdict.reason}`
      case 'refused':
        await this.#refuse(message, verdict)
        return null
    }
  }

  async #refuse(message: Received, verdict: Omit<Refusal, 'message'>): Promise<void> {
    const { triggers, log } = this.#world
    if (triggers.refused === null) return this.#leave(message, verdict.reason)
    await refuse(this.#world, triggers.refused, { ...verdict, message }, this.#parts.signal)
    log.warn(`trigger message ${message.id} is refused: ${verdict.reason}`)
    await this.#remove(message)
  }

  #remove({ receipt }: Received): Promise<void> {
    const { queue, home, triggers } = this.#world
    return queue.remove(home, triggers.queue, [receipt], this.#parts.signal)
  }

  #later({ receipt, receives }: Received): Promise<void> {
    const { queue, home, triggers } = this.#world
    const seconds = Math.min(LATER_SECONDS_MAX, LATER_SECONDS * 2 ** Math.min(Math.max(0, receives - 1), 10))
    return queue.extend(home, triggers.queue, receipt, seconds, this.#parts.signal)
  }

  #leave({ id }: Received, reason: string): void {
    if (this.#left.has(id)) return
    if (this.#left.size >= LEFT_MAX) this.#left.clear()
    this.#left.add(id)
    this.#world.log.warn(`trigger message ${id} is refused and left in the queue, for no other is named for refused ones: ${reason}`)
  }

  async #told<T>(part: Part, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof PatchwaveError && !this.#parts.signal.aborted) this.#tell(part, `triggers: ${error.code}: ${error.message}`)
      throw error
    }
  }

  #tell(part: Part, what: string | null): void {
    if (what === null) this.#troubles.delete(part)
    else this.#troubles.set(part, what)
    this.#parts.trouble?.([...this.#troubles.values()][0] ?? null)
  }
}

/** Ids of left messages that are remembered; a few are usual, and forgetting one costs a line in the log. */
const LEFT_MAX = 1_000
