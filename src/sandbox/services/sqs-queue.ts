import { type Instant, MINUTE, type Ms, plus } from '../../kit/instant.ts'
import type { AttributeValues } from './sqs-message.ts'
import { type Attributes, type Settings, settingsOf } from './sqs-attributes.ts'

/** A second message with the same deduplication id within this time is accepted and dropped. */
const DEDUPLICATION_MS = 5 * MINUTE
/** Standard queues hold about this many messages in flight; then a short poll is refused. */
export const IN_FLIGHT_MAX = 120_000

/** One message while it is in a queue. `hiddenUntil` is in the past while it can be received. */
export type Stored = {
  readonly id: string
  readonly body: string
  readonly md5: string
  readonly values: AttributeValues
  readonly traceHeader: string | undefined
  readonly group: string | undefined
  readonly deduplication: string | undefined
  readonly sequence: string | undefined
  readonly sender: string
  sentAt: Instant
  hiddenUntil: Instant
  receives: number
  firstReceivedAt: Instant | undefined
  receivedAt: Instant | undefined
  /** ARN of the queue that gave it up. */
  deadLetterSource: string | undefined
}

type Once = Readonly<{ message: Stored; until: Instant }>

/** What became of a receipt: the message with it, or why there is none. */
export type Receipt = Readonly<{ kind: 'current' | 'stale'; message: Stored } | { kind: 'gone' }>

/** The messages of one queue and their order. Knows no wire and never sleeps: every method is told the time. */
export class Queue {
  readonly name: string
  readonly arn: string
  readonly createdAt: Instant
  readonly tags: Map<string, string>
  modifiedAt: Instant
  purgedAt: Instant | undefined
  #attributes: Attributes
  #settings: Settings
  readonly #messages = new Map<string, Stored>()
  /** Standard queues: what can be received, oldest first, and what is hidden. */
  readonly #ready = new Set<Stored>()
  readonly #hidden = new Set<Stored>()
  #nextReturn: Instant | undefined
  /** FIFO queues: everything of a group, in order. */
  readonly #groups = new Map<string, Set<Stored>>()
  readonly #once = new Map<string, Once>()
  readonly #waiting = new Set<() => void>()

  constructor(
    options: Readonly<{ name: string; arn: string; at: Instant; attributes: Attributes; tags: Readonly<Record<string, string>> }>,
  ) {
    this.name = options.name
    this.arn = options.arn
    this.createdAt = options.at
    this.modifiedAt = options.at
    this.tags = new Map(Object.entries(options.tags))
    this.#attributes = options.attributes
    this.#settings = settingsOf(options.attributes)
  }

  get attributes(): Attributes {
    return this.#attributes
  }

  get settings(): Settings {
    return this.#settings
  }

  change(attributes: Attributes, at: Instant): void {
    this.#attributes = { ...this.#attributes, ...attributes }
    this.#settings = settingsOf(this.#attributes)
    this.modifiedAt = at
  }

  /** The message that already came under this deduplication id. */
  earlier(group: string, deduplication: string, now: Instant): Stored | undefined {
    const found = this.#once.get(this.#onceKey(group, deduplication))
    return found && found.until > now ? found.message : undefined
  }

  /** Takes a message in and wakes who waits for one. */
  add(message: Stored, now: Instant): void {
    this.#messages.set(message.id, message)
    if (this.#settings.fifo) this.#addInOrder(message, now)
    else if (message.hiddenUntil > now) this.#hide(message)
    else this.#ready.add(message)
    this.wake()
  }

  /**
   * Hands out at most `count` messages and hides them. What has outlived the retention is dropped; what was received too often goes to
   * `giveUp` instead.
   */
  take(options: Readonly<{ count: number; visibilityMs: Ms; now: Instant; giveUp: (message: Stored) => boolean }>): readonly Stored[] {
    const taken: Stored[] = []
    for (const message of this.#candidates(options.now)) {
      if (taken.length === options.count) break
      if (plus(message.sentAt, this.#settings.retentionMs) <= options.now) this.remove(message)
      else if (this.#isWornOut(message) && options.giveUp(message)) continue
      else taken.push(message)
    }
    for (const message of taken) this.#handOut(message, options.visibilityMs, options.now)
    return taken
  }

  /** The message behind an id and the number of a receive. */
  receipt(id: string, receive: number): Receipt {
    const message = this.#messages.get(id)
    if (!message) return { kind: 'gone' }
    return { kind: message.receives === receive ? 'current' : 'stale', message }
  }

  remove(message: Stored): void {
    this.#messages.delete(message.id)
    this.#ready.delete(message)
    this.#hidden.delete(message)
    const group = this.#groups.get(message.group ?? '')
    group?.delete(message)
    if (group?.size === 0) this.#groups.delete(message.group ?? '')
    if (this.#settings.fifo) this.wake() // Its group may go on.
  }

  /** Hides a received message until then, or shows it at once. */
  setHidden(message: Stored, until: Instant): void {
    message.hiddenUntil = until
    if (!this.#settings.fifo) {
      this.#ready.delete(message)
      this.#hide(message)
    }
    this.wake()
  }

  purge(at: Instant): void {
    this.purgedAt = at
    this.#messages.clear()
    this.#ready.clear()
    this.#hidden.clear()
    this.#groups.clear()
  }

  /** How many can be received, are in flight, and are delayed. */
  counts(now: Instant): Readonly<{ visible: number; inFlight: number; delayed: number }> {
    const counts = { visible: 0, inFlight: 0, delayed: 0 }
    for (const message of this.#messages.values()) {
      if (plus(message.sentAt, this.#settings.retentionMs) <= now) continue
      if (message.hiddenUntil <= now) counts.visible += 1
      else if (message.receivedAt === undefined) counts.delayed += 1
      else counts.inFlight += 1
    }
    return counts
  }

  /** Whether a standard queue has as many messages in flight as it may. */
  isFull(): boolean {
    return !this.#settings.fifo && this.#hidden.size >= IN_FLIGHT_MAX
  }

  /** When the next hidden message can be received, unless something happens before. */
  nextVisible(now: Instant): Instant | undefined {
    if (!this.#settings.fifo) return this.#hidden.size > 0 ? this.#nextReturn : undefined
    let next: Instant | undefined
    for (const group of this.#groups.values()) {
      const [first] = group
      if (first && first.hiddenUntil > now && (next === undefined || first.hiddenUntil < next)) next = first.hiddenUntil
    }
    return next
  }

  /** Calls `stir` at every change that may make a message receivable, until it is taken back. */
  watch(stir: () => void): () => void {
    this.#waiting.add(stir)
    return () => this.#waiting.delete(stir)
  }

  wake(): void {
    for (const stir of [...this.#waiting]) stir()
  }

  #addInOrder(message: Stored, now: Instant): void {
    const name = message.group ?? ''
    const group = this.#groups.get(name)
    if (group) group.add(message)
    else this.#groups.set(name, new Set([message]))
    if (message.deduplication === undefined || message.deadLetterSource !== undefined) return
    for (const [key, { until }] of this.#once) {
      if (until > now) break // In the order of time: the rest is younger.
      this.#once.delete(key)
    }
    this.#once.set(this.#onceKey(name, message.deduplication), { message, until: plus(now, DEDUPLICATION_MS) })
  }

  #onceKey(group: string, deduplication: string): string {
    return this.#settings.perGroup ? `${group} ${deduplication}` : deduplication
  }

  /** What can be received now. In a group a hidden message holds back all that follow it. */
  *#candidates(now: Instant): Iterable<Stored> {
    if (!this.#settings.fifo) {
      this.#return(now)
      yield* this.#ready // Taking out what was yielded does not disturb a Set's iteration.
      return
    }
    for (const group of this.#groups.values()) {
      for (const message of group) {
        if (message.hiddenUntil > now) break
        yield message
      }
    }
  }

  /** Hidden messages whose time is over go to the end of what can be received. */
  #return(now: Instant): void {
    if (this.#nextReturn === undefined || this.#nextReturn > now) return
    const due: Stored[] = []
    let next: Instant | undefined
    for (const message of this.#hidden) {
      if (message.hiddenUntil <= now) due.push(message)
      else if (next === undefined || message.hiddenUntil < next) next = message.hiddenUntil
    }
    this.#nextReturn = next
    for (const message of due.sort((a, b) => a.hiddenUntil - b.hiddenUntil)) {
      this.#hidden.delete(message)
      this.#ready.add(message)
    }
  }

  #hide(message: Stored): void {
    this.#hidden.add(message)
    if (this.#nextReturn === undefined || message.hiddenUntil < this.#nextReturn) this.#nextReturn = message.hiddenUntil
  }

  #handOut(message: Stored, visibilityMs: Ms, now: Instant): void {
    message.receives += 1
    message.firstReceivedAt ??= now
    message.receivedAt = now
    message.hiddenUntil = plus(now, visibilityMs)
    if (this.#settings.fifo) return
    this.#ready.delete(message)
    this.#hide(message)
  }

  #isWornOut(message: Stored): boolean {
    const { redrive } = this.#settings
    return redrive !== undefined && message.receives >= redrive.receivesMax
  }
}
