import { PatchwaveError } from '../kit/error.ts'
import { plus, SECOND, type Ms } from '../kit/instant.ts'
import { recordOf } from '../core/audit/record.ts'
import type { FeedbackRule } from '../core/runbook/runbook.ts'
import type { Sealed } from '../ports/store.ts'
import type { World } from './world.ts'

/** After a failed publish the relay waits this long; it never stops a run. */
const AGAIN_MS: Ms = 10 * SECOND

/** SendMessageBatch takes ten. */
const BATCH = 10

/** What any queue takes: those that were made before 2025 may still have this limit, and one message that is refused would hold up all behind it. */
const BODY_BYTES_MAX = 262_144

/** Kinds of entries that each `detail` selects, by the first part of their outside names; `node` selects all. */
const SELECTED: Readonly<Record<FeedbackRule['detail'], RegExp | null>> = {
  run: /^(run|plan|approval|window|freeze|rollback|paused|resumed|abort)\b/,
  wave: /^(run|plan|approval|window|freeze|rollback|paused|resumed|abort|wave|gate|check|isolation|tries|try|culprits|baseline|baselines|cell|fleet)\b/,
  node: null,
}

/** One CloudEvent for an entry; `n` counts without holes among what `detail` selects. The head's hash anchors the journal outside the store. */
export function cloudEvent(runbook: string, sealed: Sealed, n: number): Record<string, unknown> {
  const record = recordOf(sealed)
  return {
    specversion: '1.0',
    id: `${sealed.run}/${String(n)}`,
    source: `patchwave/${encodeURIComponent(runbook)}`,
    type: `patchwave.${record.type}.v1`,
    subject: sealed.run,
    time: record.at,
    datacontenttype: 'application/json',
    run: sealed.run,
    n,
    seq: sealed.seq,
    head: sealed.hash,
    data: { actor: record.actor, ...(record.data as object) },
  }
}

/** The two characters that JSON text may have and SQS takes in no message (SendMessageBatch: XML 1.0's characters). */
const NOT_TAKEN = /[\ufffe\uffff]/g

/** The event as a message. Where a queue might refuse it for its length, what `data` says stays in the journal, and `omittedBytes` says how much. */
export function messageBody(runbook: string, sealed: Sealed, n: number): string {
  const event = cloudEvent(runbook, sealed, n)
  const whole = bodyOf(event)
  const bytes = Buffer.byteLength(whole)
  if (bytes <= BODY_BYTES_MAX) return whole
  return bodyOf({ ...event, data: { actor: recordOf(sealed).actor, omittedBytes: bytes } })
}

/** JSON that reads the same, without characters that SQS refuses: one such message would hold up all behind it. */
const bodyOf = (event: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(event).replace(NOT_TAKEN, (character) => `\\u${character.charCodeAt(0).toString(16)}`)

/** Name of the cursor up to which a run's journal has been published. */
export const feedbackCursor = (run: string): string => `feedback:${run}`

type Message = Readonly<{ seq: number; n: number; body: string }>

/** Publishes a journal to its feedback queue: first deliveries in order, each entry at least once. */
export class Relay {
  readonly #world: World
  readonly #run: string
  readonly #runbook: string
  readonly #rule: FeedbackRule
  #n = 0
  #read = 0
  #wanted = false
  #working: Promise<void> | undefined

  constructor(world: World, run: string, runbook: string, rule: FeedbackRule) {
    this.#world = world
    this.#run = run
    this.#runbook = runbook
    this.#rule = rule
  }

  /** Publishes what is new, in the background; calls while it works lead to one more round. */
  push(signal: AbortSignal): void {
    this.#wanted = true
    this.#working ??= this.#rounds(signal).finally(() => {
      this.#working = undefined
      // What was asked for between the last round and this has had none.
      if (this.#wanted && !signal.aborted) this.push(signal)
    })
  }

  /** Whether the queue has all that it was to be told. */
  get isDone(): boolean {
    return this.#working === undefined && !this.#wanted
  }

  /** Publishes all that the journal holds now; resolves when the queue has it, or on `signal`. */
  async flush(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#world
    this.push(signal)
    while (this.#working !== undefined) await this.#working
    // What is not selected is passed over, so that a later reader knows that nothing is left.
    if (!signal.aborted) await clock.hold(() => store.setCursor(feedbackCursor(this.#run), this.#read))
  }

  async #rounds(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#world
    while (this.#wanted && !signal.aborted) {
      this.#wanted = false
      try {
        await this.#round(signal)
      } catch (error) {
        if (!(error instanceof PatchwaveError)) throw error
        log.warn(`feedback ${this.#rule.queue}: ${error.code}: ${error.message}`)
        this.#wanted = true
        // What was read and not published is read again: the cursor in the store says what was.
        this.#read = 0
        this.#n = 0
        await clock.sleep(plus(clock.now(), AGAIN_MS), signal)
      }
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#world
    const name = feedbackCursor(this.#run)
    const published = await clock.hold(() => store.cursor(name))
    const batch: Message[] = []
    for await (const sealed of store.read(this.#run, this.#read + 1)) {
      this.#read = sealed.seq
      if (!this.#selects(sealed)) continue
      this.#n += 1
      if (sealed.seq <= published) continue
      batch.push({ seq: sealed.seq, n: this.#n, body: messageBody(this.#runbook, sealed, this.#n) })
      if (batch.length === BATCH) await this.#publish(name, batch.splice(0), signal)
      if (signal.aborted) return
    }
    if (batch.length > 0) await this.#publish(name, batch, signal)
    if (!signal.aborted && this.#read > published) await clock.hold(() => store.setCursor(name, this.#read))
  }

  #selects(sealed: Sealed): boolean {
    return SELECTED[this.#rule.detail]?.test(recordOf(sealed).type) ?? true
  }

  async #publish(name: string, batch: readonly Message[], signal: AbortSignal): Promise<void> {
    const { queue, home, clock, store, log } = this.#world
    let left = batch
    while (left.length > 0 && !signal.aborted) {
      try {
        const messages = left.map((one) => ({ body: one.body, group: this.#run, deduplication: `${this.#run}/${String(one.n)}` }))
        const accepted = await queue.publish(home, this.#rule.queue, messages, signal)
        const last = left[accepted - 1]
        if (last) await clock.hold(() => store.setCursor(name, last.seq))
        left = left.slice(accepted)
        if (accepted > 0) continue
      } catch (error) {
        if (!(error instanceof PatchwaveError)) throw error
        if (signal.aborted) return
        log.warn(`feedback ${this.#rule.queue}: ${error.code}: ${error.message}`)
      }
      await clock.sleep(plus(clock.now(), AGAIN_MS), signal)
    }
  }
}
