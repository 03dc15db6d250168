import { Bug } from '../kit/assert.ts'
import { PatchwaveError } from '../kit/error.ts'
import type { Cell, RunId } from '../kit/ids.ts'
import { plus, SECOND, type Ms } from '../kit/instant.ts'
import { readStatusEvent } from '../core/run/status-event.ts'
import type { Received } from '../ports/queue.ts'
import type { NewNote, Sender } from '../ports/store.ts'
import { HIDE_SECONDS, whileHidden } from './hidden.ts'
import type { Hints } from './hints.ts'
import { EVENTS_NOTE, eventsData } from './inbox-events.ts'
import { refuse } from './refusal.ts'
import { Strays, type Said, type Stray } from './strays.ts'
import type { World } from './world.ts'

/** SQS's longest long poll. */
const WAIT_SECONDS = 20
/** The poll of a receiver that helps out: long enough to ask all of SQS's servers, short enough to leave when the rush is over. */
const HELP_SECONDS = 1
const AGAIN_MS: Ms = 10 * SECOND

/** What one receive takes at most, as SQS has it. */
const FULL = 10

/** Receivers of one region. Each takes about a hundred messages a second; half of them would lag behind a large wave's end, more only cost sockets. */
const RECEIVERS_MAX = 4

/** After a receive that was not full, events gather this long. At half, nearly twice the calls of a wide wave; at double, places stay taken longer than a round takes to fill. */
const GATHER_MS: Ms = 5 * SECOND

/** Notes in an inbox of a run that is driven, above which nothing more is received until its driver has taken them. It takes a hundred every few seconds. */
const INBOX_MAX = 200
const LAG_MS: Ms = 5 * SECOND

/** Ids of left messages that are remembered; forgetting one costs a line in the log. */
const LEFT_MAX = 1_000

/** What receiving events needs of the world. */
export type EventWorld = Pick<World, 'clock' | 'store' | 'queue' | 'log' | 'home'>

/** Where a region's events come from, and where what is none goes. */
export type EventPlace = Readonly<{ region: string; queue: string; refused: string | null }>

/**
 * Receives status events of one region until `signal`, while commands are watched here: into `hints` for runs that are driven here, into the
 * inbox of the run for those that another process drives. A message is deleted only when it was used, or lies in the `refused` queue; without
 * one, what cannot be read stays for the queue's own redrive and is told once. Nothing that it began outlives it.
 */
export async function receiveEvents(world: EventWorld, place: EventPlace, hints: Hints, signal: AbortSignal): Promise<void> {
  await new Ear(world, place, hints, signal).listen()
}

class Ear {
  readonly #world: EventWorld
  readonly #place: EventPlace
  readonly #cell: Cell
  readonly #hints: Hints
  readonly #broken = new AbortController()
  readonly #signal: AbortSignal
  readonly #strays = new Strays()
  readonly #helpers = new Set<Promise<void>>()
  /** Messages that stay although they cannot be read. */
  readonly #left = new Set<string>()
  #bug: Error | undefined

  constructor(world: EventWorld, place: EventPlace, hints: Hints, signal: AbortSignal) {
    this.#world = world
    this.#place = place
    this.#cell = { account: world.home.account, region: place.region }
    this.#hints = hints
    this.#signal = AbortSignal.any([signal, this.#broken.signal])
  }

  async listen(): Promise<void> {
    try {
      await this.#receive('first')
    } finally {
      this.#broken.abort('over')
      await Promise.all(this.#helpers)
    }
    if (this.#bug !== undefined) throw this.#bug
  }

  /** The first one receives as long as events are wanted; one that helps leaves with the first receive that is not full. */
  async #receive(role: 'first' | 'helper'): Promise<void> {
    const { clock, log } = this.#world
    while (!this.#signal.aborted) {
      try {
        if (role === 'first') await this.#hints.wanted(this.#signal)
        if (this.#signal.aborted) return
        const count = await this.#turn(role === 'first' ? WAIT_SECONDS : HELP_SECONDS)
        if (count === FULL) this.#help()
        else if (role === 'helper') return
        else if (count > 0) await clock.sleep(plus(clock.now(), GATHER_MS), this.#signal)
      } catch (error) {
        if (this.#signal.aborted) return
        if (!(error instanceof PatchwaveError)) throw error
        log.warn(`events of ${this.#place.region}: ${error.code}: ${error.message}`)
        if (role === 'helper') return
        await clock.sleep(plus(clock.now(), AGAIN_MS), this.#signal)
      }
    }
  }

  #help(): void {
    if (this.#helpers.size >= RECEIVERS_MAX - 1 || this.#signal.aborted) return
    const helper = this.#receive('helper')
      .catch((error: unknown) => {
        this.#bug ??= error instanceof Error ? error : new Bug(String(error))
        this.#broken.abort('bug')
      })
      .finally(() => this.#helpers.delete(helper))
    this.#helpers.add(helper)
  }

  /** One receive, dealt with; resolves to how many messages it brought. */
  async #turn(waitSeconds: number): Promise<number> {
    const { queue, clock } = this.#world
    const wish = { hideSeconds: HIDE_SECONDS }
    const messages = await queue.receive(this.#cell, this.#place.queue, waitSeconds, this.#signal, wish)
    const due = this.#strays.due(clock.now())
    if (messages.length + due.length === 0) return 0
    const place = { cell: this.#cell, queue: this.#place.queue, messages, signal: this.#signal }
    await whileHidden(this.#world, place, () => this.#deal(messages, due))
    return messages.length
  }

  async #deal(messages: readonly Received[], due: readonly Stray[]): Promise<void> {
    const said: Stray[] = []
    const done: Received[] = []
    const unreadable: Readonly<{ message: Received; why: string }>[] = []
    for (const message of messages) {
      const read = readStatusEvent(message.body)
      if (read.kind === 'unreadable') unreadable.push({ message, why: read.why })
      else done.push(message)
      if (read.kind === 'ended') said.push({ said: { command: read.command, node: read.node, status: read.status }, asked: 0 })
    }
    await this.#use([...said, ...due])
    for (const one of unreadable) if (await this.#isRefused(one)) done.push(one.message)
    if (done.length === 0 || this.#signal.aborted) return
    const receipts = done.map(({ receipt }) => receipt)
    await this.#world.queue.remove(this.#cell, this.#place.queue, receipts, this.#signal)
  }

  /** Brings events to the runs that they are about; all notes of a batch go into the store together. */
  async #use(strays: readonly Stray[]): Promise<void> {
    const { clock, store } = this.#world
    const { counts } = this.#hints
    const elsewhere = strays.filter(({ said }) => !this.#hints.ended(said.command, said.node, said.status))
    counts.ours += strays.length - elsewhere.length
    if (elsewhere.length === 0) return
    const senders = await this.#sendersWithRoom(elsewhere)
    const unknown = elsewhere.filter(({ said }) => !senders.has(said.command))
    const runs = Map.groupBy(elsewhere, ({ said }) => senders.get(said.command)?.run ?? null)
    const notes = [...runs].flatMap(([run, events]) => this.#noteTo(run, events, senders))
    await clock.hold(() => store.noteAll(notes))
    counts.passedOn += elsewhere.length - unknown.length
    counts.strangers += this.#strays.keep(unknown, clock.now())
  }

  /** A run that nobody drives takes no more than its inbox holds: who drives it next reads pages first. */
  #noteTo(run: RunId | null, events: readonly Stray[], senders: ReadonlyMap<string, Sender>): NewNote[] {
    const [first] = events
    const sender = first && senders.get(first.said.command)
    if (run === null || sender === undefined || sender.waiting >= INBOX_MAX) return []
    const said: readonly Said[] = events.map((one) => one.said)
    return [{ run, at: this.#world.clock.now(), kind: EVENTS_NOTE, data: eventsData(said) }]
  }

  /** The runs that have sent these commands; waits while one of them lags behind with its inbox and has a driver that will catch up. */
  async #sendersWithRoom(strays: readonly Stray[]): Promise<ReadonlyMap<string, Sender>> {
    const { clock, store } = this.#world
    const commands = [...new Set(strays.map(({ said }) => said.command))]
    for (;;) {
      const senders = await clock.hold(() => store.senders(commands))
      const lags = [...senders.values()].some(({ waiting, leaseUntil }) => waiting >= INBOX_MAX && (leaseUntil ?? 0) > clock.now())
      if (!lags || this.#signal.aborted) return senders
      await clock.sleep(plus(clock.now(), LAG_MS), this.#signal)
    }
  }

  /** Whether the message lies in the queue for refused ones now. What stands in the way of that holds up nothing else: the message comes again. */
  async #isRefused({ message, why }: Readonly<{ message: Received; why: string }>): Promise<boolean> {
    const { region, refused } = this.#place
    if (!this.#left.has(message.id)) this.#hints.counts.unreadable += 1
    if (refused === null) {
      this.#leave(message, `is left in the queue, for no other is named for what cannot be read: ${why}`)
      return false
    }
    const refusal = { message, code: 'event.unreadable', reason: why, region } as const
    try {
      await refuse(this.#world, refused, refusal, this.#signal)
      this.#world.log.warn(`events of ${region}: message ${message.id} is refused: ${why}`)
      return true
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      if (!this.#signal.aborted) this.#leave(message, `cannot be refused and stays: ${error.code}: ${error.message}`)
      return false
    }
  }

  #leave({ id }: Received, why: string): void {
    if (this.#left.has(id)) return
    if (this.#left.size >= LEFT_MAX) this.#left.clear()
    this.#left.add(id)
    this.#world.log.warn(`events of ${this.#place.region}: message ${id} ${why}`)
  }
}
