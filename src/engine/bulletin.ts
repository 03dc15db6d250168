import type { Actor } from '../core/run/event.ts'
import type { FeedbackRule } from '../core/runbook/runbook.ts'
import { logbookOf, logFact, type ScheduleFact } from './logbook.ts'
import { Relay } from './relay.ts'
import { traceOf } from './trouble.ts'
import type { World } from './world.ts'

/** One runbook's way to its queue, as long as its file names that queue. */
type Wire = { readonly rule: FeedbackRule; readonly stop: AbortController; relay: Relay | null; telling: Promise<void> }

/** Puts facts about schedules on record and tells each to its runbook's feedback queue, in the background and in order. */
export class Bulletin {
  readonly #world: World
  readonly #actor: Actor
  readonly #feedbackOf: (runbook: string) => FeedbackRule | null
  readonly #signal: AbortSignal
  readonly #wires = new Map<string, Wire>()

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

  /** Publishes what the queue has not been told yet: also what an earlier process left. A queue that refuses holds up no other runbook's. */
  tell(runbook: string): void {
    const wire = this.#wireOf(runbook)
    if (wire !== undefined) wire.telling = wire.telling.then(() => this.#flush(runbook, wire))
  }

  /** Resolves once all that was written has been told, or the signal came. */
  async settled(): Promise<void> {
    await Promise.all([...this.#wires.values()].map(({ telling }) => telling))
  }

  /** The wire of the queue that the file names now; one to another queue, which may never have answered, is cut. */
  #wireOf(runbook: string): Wire | undefined {
    const rule = this.#feedbackOf(runbook)
    const before = this.#wires.get(runbook)
    if (before !== undefined && rule?.queue === before.rule.queue) return before
    before?.stop.abort('another queue')
    this.#wires.delete(runbook)
    if (rule === null) return undefined
    const wire: Wire = { rule, stop: new AbortController(), relay: null, telling: before?.telling ?? Promise.resolve() }
    this.#wires.set(runbook, wire)
    return wire
  }

  async #flush(runbook: string, wire: Wire): Promise<void> {
    const signal = AbortSignal.any([this.#signal, wire.stop.signal])
    if (signal.aborted) return
    try {
      const row = await this.#world.clock.hold(() => this.#world.store.run(logbookOf(runbook)))
      if (row === undefined) return
      // All of it, whatever the file's `detail` is now: numbers that followed it would go back when it changes, and readers drop those.
      wire.relay ??= new Relay(this.#world, row.run, runbook, { ...wire.rule, detail: 'node' })
      await wire.relay.flush(signal)
    } catch (error) {
      this.#world.log.warn(`feedback of ${runbook}'s schedule: ${traceOf(error)}`)
    }
  }
}
