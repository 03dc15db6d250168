import { assert, Bug } from '../kit/assert.ts'
import { PatchwaveError } from '../kit/error.ts'
import { earliest, MINUTE, plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import type { Effect } from '../core/run/effect.ts'
import type { Actor, RunEvent, RunOutcome } from '../core/run/event.ts'
import { soonest } from '../core/run/dispatch.ts'
import { next } from '../core/run/next.ts'
import type { RunState } from '../core/run/state.ts'
import { calendarsSince, freezesAnew } from './effects/almanac.ts'
import { NATIVE_MS } from './effects/window.ts'
import { perform, type Performing } from './effects/perform.ts'
import { provenClaims } from './claims.ts'
import { fenced } from './fenced.ts'
import { answerNotes } from './inbox.ts'
import { Journal, Replaced, type Listener } from './journal.ts'
import { Mailbox } from './mailbox.ts'
import type { Hints } from './hints.ts'
import { openRun } from './open.ts'
import { refuseSkew } from './skew.ts'
import { unintended } from './unintended.ts'
import type { World } from './world.ts'

/** A driver's lease on a run. At a third of it, it is renewed; after it, anybody may take the run. */
export const LEASE_MS: Ms = MINUTE

/** How often the inbox is read while nothing else happens: what an operator waits for `pause` to be taken. */
const INBOX_MS: Ms = 5 * SECOND

/** Waking so much later than asked for means that the clock was set, or the host was suspended. */
const STEP_MS: Ms = MINUTE

/** A clock that is set back by more than this may have been right before: a window would stay open for as long as it was set back. */
const BACK_MS: Ms = SECOND

/** After a failure that may pass, an effect is tried again this much later. */
const AGAIN_MS: Ms = 30 * SECOND

export type Ended = Readonly<{ run: string; outcome: RunOutcome; state: RunState }>

export type DriveParts = Readonly<{
  hints: Hints
  /** Called once the journal is read and before anything is recorded. */
  opened: (state: RunState) => void
  listen: Listener
  /** Asked whenever the driver is about to wait with nothing in flight: whether to leave the run to a later driver. */
  leaveWhen?: (state: RunState, wakeAt: Instant | null) => boolean
  signal: AbortSignal
}>

/** What leaves a person nothing to say any more: a word that was left before counts, although nobody has read it yet. */
const OVER: ReadonlySet<RunEvent['type']> = new Set(['ApprovalExpired', 'GateExpired', 'RunFinished'])

/** Effects that must not come after those of a successor. */
const FENCED: ReadonlySet<Effect['kind']> = new Set(['step', 'approve-baselines'])

type Letter = Readonly<{ key: string; events: readonly RunEvent[] }>

/**
 * Drives one run to its end, or until `signal`; resolves to how it ended, or `undefined` when it was left (signal) or taken by another.
 * Safe to kill at any point: a later call goes on from the journal.
 */
export async function drive(world: World, run: string, parts: DriveParts): Promise<Ended | undefined> {
  const { clock, store } = world
  const asked = clock.now()
  const { epoch } = await takeLease(world, run)
  const opened = await clock.hold(() => openRun(store, run))
  const journal = new Journal({ ...opened, store, clock, listen: parts.listen })
  parts.opened(opened.state)
  const turn = new Driver(world, journal, parts, { epoch, until: plus(asked, LEASE_MS) })
  try {
    const taken = journal.state.driver !== null || clock.now() > plus(journal.state.requestedAt, STEP_MS)
    // In one append: a driver that dies in between must not leave a fact behind which makes the lost ones look looked up.
    const found = taken ? await turn.keeping((signal) => unintended(world, journal.state, signal)) : []
    const frozen = await turn.keeping((signal) => freezesAnew({ world, state: journal.state, signal }))
    // What was cut off says nothing: a freeze that could not be read for that would go on record as one.
    if (parts.signal.aborted) return undefined
    await journal.record([{ type: 'DriverTook', driver: world.driver, epoch }, ...found, ...frozen], turn.actor)
    await clock.hold(() => store.restoreClaims(provenClaims(journal.state), { run, head: journal.head }))
    return await turn.toTheEnd()
  } catch (error) {
    if (error instanceof Replaced || isCutOff(error, parts.signal)) return undefined
    throw error
  } finally {
    await turn.leave()
  }
}

/** Whether a call of AWS was only cut off because this process leaves: that says nothing of AWS. */
export const isCutOff = (error: unknown, signal: AbortSignal): boolean =>
  signal.aborted && error instanceof PatchwaveError && error.code.startsWith('aws.')

async function takeLease(world: World, run: string): Promise<Readonly<{ epoch: number }>> {
  const { clock, store } = world
  const now = clock.now()
  const row = await clock.hold(() => store.run(run))
  if (row === undefined) throw new PatchwaveError('run.unknown', `there is no run ${run}`, { hint: 'list them with `patchwave status`' })
  const dead = row.driver !== null && row.driver !== world.driver && !world.mayLive(row.driver)
  const from = dead && row.leaseUntil !== null && row.leaseUntil > now ? row.leaseUntil : now
  const lease = await clock.hold(() => store.drive(run, world.driver, from, plus(from, LEASE_MS)))
  if (lease === undefined)
    throw new PatchwaveError('store.busy', `run ${run} is driven by ${row.driver ?? 'another process'}`, {
      hint: 'follow it with `patchwave status --watch`',
    })
  return lease
}

/** The loop: take letters and notes, decide, record, start effects, wait. */
class Driver {
  readonly actor: Actor
  readonly #world: World
  /** The world of its steps and approvals, which its lease fences. */
  readonly #fenced: World
  readonly #epoch: number
  /** The lease holds until then, by this process's own clock: counted from before it was asked for. */
  #heldUntil: Instant
  readonly #journal: Journal
  readonly #parts: DriveParts
  readonly #signal: AbortSignal
  readonly #mail = new Mailbox<Letter>()
  readonly #running = new Map<string, AbortController>()
  readonly #pumps = new Set<Promise<void>>()
  #renewAt: Instant
  #notesAt: Instant
  #bug: Error | undefined
  #leaving = false
  /** When a driver is wanted after this one: at once, unless it left to wait. */
  #wakeAt: Instant | null

  constructor(world: World, journal: Journal, parts: DriveParts, lease: Readonly<{ epoch: number; until: Instant }>) {
    this.#world = world
    this.#epoch = lease.epoch
    this.#heldUntil = lease.until
    this.#fenced = fenced(world, () => this.#heldUntil)
    this.#journal = journal
    this.#parts = parts
    this.#signal = parts.signal
    this.actor = { kind: 'engine', id: world.driver }
    this.#wakeAt = world.clock.now()
    this.#renewAt = plus(lease.until, (-2 * LEASE_MS) / 3)
    this.#notesAt = world.clock.now()
    this.#signal.addEventListener('abort', this.#stopAll, { once: true })
  }

  /** One listener for all effects: a fleet has thousands of them in flight. */
  readonly #stopAll = (): void => {
    for (const running of this.#running.values()) running.abort(this.#signal.reason)
  }

  async toTheEnd(): Promise<Ended | undefined> {
    const { state } = this.#journal
    while (!this.#signal.aborted) {
      const before = this.#world.clock.now()
      await this.#takeLetters()
      await this.#takeNotes()
      const wakeAt = await this.#decide()
      if (this.#bug !== undefined) throw this.#bug
      if (state.phase.name === 'finished') return { run: state.run, outcome: state.phase.outcome, state }
      if (this.#idle() && this.#parts.leaveWhen?.(state, wakeAt) === true) {
        this.#wakeAt = soonest(wakeAt, state.window?.native ? plus(this.#world.clock.now(), NATIVE_MS) : null)
        return undefined
      }
      await this.#renew()
      const until = earliest(this.#notesAt, this.#renewAt, ...(wakeAt === null ? [] : [wakeAt]))
      await this.#mail.wait(this.#world.clock, until, this.#signal)
      const now = this.#world.clock.now()
      if (now <= plus(until, STEP_MS) && now >= plus(before, -BACK_MS)) continue
      await this.#trueClock()
      await this.#readCalendars()
    }
    return undefined
  }

  /** What is known of freezes is from before this driver stood still: it reads them before it lets anything start. */
  async #readCalendars(): Promise<void> {
    const { state } = this.#journal
    const read = await this.keeping((signal) => calendarsSince({ world: this.#world, state, signal }))
    // What was cut off says nothing.
    if (read.length > 0 && !this.#signal.aborted) await this.#journal.record(read, this.actor)
  }

  /** Asks AWS for the time before anything is decided by a clock that has jumped; waits while AWS cannot be asked. @throws `clock.skewed` */
  async #trueClock(): Promise<void> {
    const { clock } = this.#world
    while (!this.#signal.aborted) {
      try {
        await refuseSkew(this.#world, this.#signal)
        return
      } catch (error) {
        if (!(error instanceof PatchwaveError) || error.code === 'clock.skewed') throw error
        await clock.sleep(plus(clock.now(), AGAIN_MS), this.#signal)
      }
    }
  }

  /** Nothing is in flight but the waiting for a calendar, which whoever comes next takes up again. */
  #idle(): boolean {
    return this.#mail.empty && [...this.#running.keys()].every((key) => key === 'almanac' && this.#almanacSleeps())
  }

  /** Its opening has not come yet, or the freezes were read and will be read again. */
  #almanacSleeps(): boolean {
    const { window, frost } = this.#journal.state
    return window === null || frost !== null || this.#world.clock.now() < window.startAt
  }

  /** Stops every effect and gives the lease back. What was in flight is looked up by whoever comes next. */
  async leave(): Promise<void> {
    this.#leaving = true
    this.#signal.removeEventListener('abort', this.#stopAll)
    for (const running of this.#running.values()) running.abort()
    while (this.#pumps.size > 0) {
      for (const { done } of this.#mail.take()) done()
      await Promise.race(this.#pumps)
    }
    await this.#world.clock.hold(() => this.#world.store.rest(this.#journal.state.run, this.#world.driver, this.#wakeAt))
  }

  /** Decides until nothing more follows. One intent that another run's claim refuses becomes `NodesBusy`. */
  async #decide(): Promise<Instant | null> {
    for (;;) {
      let turn = next(this.#journal.state, this.#world.clock.now())
      if (turn.events.some(({ type }) => OVER.has(type))) {
        await answerNotes(this.#world, this.#journal, this.#parts.hints)
        turn = next(this.#journal.state, this.#world.clock.now())
      }
      for (const key of turn.dropped) this.#running.get(key)?.abort()
      for (const effect of turn.effects) this.#start(effect)
      if (turn.events.length === 0) return turn.wakeAt
      const busy = await this.#journal.record(turn.events, this.actor)
      if (busy.length > 0) await this.#stepBack(turn.events, busy)
    }
  }

  async #stepBack(events: readonly RunEvent[], busy: readonly string[]): Promise<void> {
    const [intent] = events
    assert(intent?.type === 'CommandIntended' || intent?.type === 'StepIntended', 'only an intent claims')
    const names = new Set(busy)
    const nodes = intent.nodes.filter((position) => names.has(this.#journal.state.plan.nodes[position]?.node ?? ''))
    await this.#journal.record(
      [{ type: 'NodesBusy', batch: intent.batch, nodes, until: plus(this.#world.clock.now(), AGAIN_MS) }],
      this.actor,
    )
  }

  /** Letters of effects that are no longer wanted are dropped: the journal has decided otherwise since. */
  async #takeLetters(): Promise<void> {
    const letters = this.#mail.take()
    for (const [index, { letter, done }] of letters.entries()) {
      try {
        if (letter.events.length > 0 && this.#journal.state.activities.has(letter.key))
          await this.#journal.record(letter.events, this.actor)
        done()
      } catch (error) {
        // The others as well: whoever sent them waits for an answer, and this driver waits for whoever sent them before it leaves.
        for (const { failed } of letters.slice(index)) failed(error)
        throw error
      }
    }
  }

  async #takeNotes(): Promise<void> {
    const { clock } = this.#world
    if (clock.now() < this.#notesAt) return
    this.#notesAt = plus(clock.now(), INBOX_MS)
    await answerNotes(this.#world, this.#journal, this.#parts.hints)
  }

  /**
   * Keeps the lease while AWS is asked before the first fact: a slow AWS would let others take the run in turn, and none of them get any further.
   * @throws Replaced
   */
  async keeping<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#world
    const [done, lost] = [new AbortController(), new AbortController()]
    const asking = ask(AbortSignal.any([this.#signal, lost.signal])).finally(() => {
      done.abort()
    })
    asking.catch(() => undefined) // It may fail while the lease is renewed.
    try {
      while (!done.signal.aborted) {
        await clock.sleep(this.#renewAt, done.signal)
        await this.#renew()
      }
    } catch (error) {
      lost.abort()
      await Promise.allSettled([asking])
      throw error
    }
    return await asking
  }

  async #renew(): Promise<void> {
    const { clock, store, driver } = this.#world
    if (clock.now() < this.#renewAt) return
    this.#renewAt = plus(clock.now(), LEASE_MS / 3)
    // Whoever slept past its lease may find its successor's expired as well: taking it back would only stop that one.
    const row = await clock.hold(() => store.run(this.#journal.state.run))
    if (row?.epoch !== this.#epoch) throw new Replaced('another driver has had the lease since')
    const asked = clock.now()
    const lease = await clock.hold(() => store.drive(this.#journal.state.run, driver, clock.now(), plus(clock.now(), LEASE_MS)))
    if (lease === undefined) throw new Replaced('the lease is another driver’s')
    this.#heldUntil = plus(asked, LEASE_MS)
  }

  #start(effect: Effect): void {
    if (this.#running.has(effect.key)) return
    const stop = new AbortController()
    this.#running.set(effect.key, stop)
    if (this.#signal.aborted) stop.abort(this.#signal.reason)
    const pump = this.#pump(effect, stop.signal)
      .catch((error: unknown) => {
        this.#bug = error instanceof Error ? error : new Bug(String(error))
      })
      .finally(() => {
        this.#running.delete(effect.key)
        this.#pumps.delete(pump)
        this.#startAnew(effect.key, stop.signal)
        this.#mail.ring()
      })
    this.#pumps.add(pump)
  }

  /** An effect that was dropped may be wanted again before it has come to its end: a call that cannot be cut short keeps it until then. */
  #startAnew(key: string, ended: AbortSignal): void {
    const wanted = this.#journal.state.activities.get(key)
    if (ended.aborted && wanted !== undefined && !this.#leaving && !this.#signal.aborted) this.#start(wanted)
  }

  /** Carries what an effect finds out to the loop; a failure that may pass starts it anew. */
  async #pump(effect: Effect, signal: AbortSignal): Promise<void> {
    const world = FENCED.has(effect.kind) ? this.#fenced : this.#world
    const performing: Performing = { world, state: this.#journal.state, hints: this.#parts.hints, signal }
    while (!signal.aborted && this.#journal.state.activities.get(effect.key)?.kind === effect.kind) {
      try {
        for await (const events of perform(performing, effect)) {
          if (signal.aborted) return
          await this.#mail.send({ key: effect.key, events })
        }
        if (!this.#journal.state.activities.has(effect.key)) return
      } catch (error) {
        if (signal.aborted || error instanceof Replaced) return
        if (!(error instanceof PatchwaveError)) throw error
        this.#world.log.warn(`${effect.key}: ${error.code}: ${error.message}`)
      }
      await this.#world.clock.sleep(plus(this.#world.clock.now(), AGAIN_MS), signal)
    }
  }
}
