import { PatchwaveError } from '../kit/error.ts'
import type { Actor } from '../core/run/event.ts'
import type { FeedbackRule } from '../core/runbook/runbook.ts'
import { logbookOf, logFact, type ScheduleFact } from './logbook.ts'
import { Relay } from './relay.ts'
import type { World } from './world.ts'

/** Puts facts about schedules on record and tells each to its runbook's feedback queue, in the background and in order. */
export class Bulletin {
  readonly #world: World
  readonly #actor: Actor
  readonly #feedbackOf: (runbook: string) => FeedbackRule | null
  readonly #signal: AbortSignal
  readonly #relays = new Map<string, Relay>()
  #telling: Promise<void> = Promise.resolve()

  constructor(world: World, actor: Actor, feedbackOf: (runbook: string) => FeedbackRule | null, signal: AbortSignal) {
    this.#world = world
    this.#actor = actor
    this.#feedbackOf = feedbackOf
    this.#signal = signal
  }

  /** Resolves once it is on record; the queue hears of it later. */
  async write(runbook: string, fact: ScheduleFact): Promise<void> {
    await logFact(this.#world, runbook, fact, this.#actor)
    this.tell(runbook)
  }

  /** Publishes what the queue has not been told yet: also what an earlier process left. */
  tell(runbook: string): void {
    this.#telling = this.#telling.then(() => this.#flush(runbook))
  }

  /** Resolves once all that was written has been told, or the signal came. */
  settled(): Promise<void> {
    return this.#telling
  }

  async #flush(runbook: string): Promise<void> {
    const rule = this.#feedbackOf(runbook)
    if (rule === null || this.#signal.aborted) return
    try {
      const row = await this.#world.clock.hold(() => this.#world.store.run(logbookOf(runbook)))
      if (row === undefined) return
      const relay = this.#relays.get(runbook) ?? new Relay(this.#world, row.run, runbook, rule)
      this.#relays.set(runbook, relay)
      await relay.flush(this.#signal)
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      this.#world.log.warn(`feedback of ${runbook}'s schedule: ${error.code}: ${error.message}`)
    }
  }
}
