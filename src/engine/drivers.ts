import { PatchwaveError } from '../kit/error.ts'
import { earliest, MINUTE, plus, type Instant, type Ms } from '../kit/instant.ts'
import { awaitsFreezes, freezeNow } from '../core/run/freezing.ts'
import type { RunState } from '../core/run/state.ts'
import type { RunRow } from '../ports/store.ts'
import { conduct, eventFeeds } from './conduct.ts'
import type { Ended } from './driver.ts'
import { Hints, type EventCounts } from './hints.ts'
import type { Listener } from './journal.ts'
import { traceOf, troubleOf } from './trouble.ts'
import type { World } from './world.ts'

/** A run that waits longer than this is given back: a waiting run has no driver. */
const REST_MS: Ms = 2 * MINUTE

/** A run whose driving failed is tried again after this. */
const AGAIN_MS: Ms = MINUTE

/** The same after a bug: it will most likely be met again, and reading a long journal for it each minute helps nobody. */
const BUG_AGAIN_MS: Ms = 10 * MINUTE

/** Who is told what the driven runs do. */
export type DriversParts = Readonly<{
  /** Told of every fact of every run that is driven here. */
  listen: Listener
  ended: (ended: Ended) => Promise<void>
  signal: AbortSignal
}>

/** Drives every unfinished run of the store that wants a driver, side by side, with one ear for the status events of all. */
export class Drivers {
  readonly #world: World
  readonly #parts: DriversParts
  readonly #hints = new Hints()
  readonly #regions = new Set<string>()
  readonly #feeds: Promise<void>[] = []
  readonly #driving = new Map<string, Promise<void>>()
  readonly #troubles = new Map<string, Readonly<{ why: string; again: Instant }>>()

  constructor(world: World, parts: DriversParts) {
    this.#world = world
    this.#parts = parts
  }

  /** Runs that are driven here now. */
  get driving(): readonly string[] {
    return [...this.#driving.keys()]
  }

  /** What became of the status events that came in. */
  get events(): Readonly<EventCounts> {
    return { ...this.#hints.counts }
  }

  get troubles(): string[] {
    return [...this.#troubles].map(([run, { why }]) => `run ${run}: ${why}`)
  }

  /** Takes the runs that want a driver now; resolves to when the next one will, as far as the store says. */
  async look(): Promise<Instant | null> {
    const { clock, store } = this.#world
    const now = clock.now()
    const rows = await clock.hold(() => store.runs({ unfinished: true }))
    this.#forget(rows)
    const later: Instant[] = []
    for (const row of rows) {
      if (this.#driving.has(row.run)) continue
      const at = wantedAt(row, this.#troubles.get(row.run)?.again ?? null, this.#world.mayLive)
      if (at !== null && at > now) later.push(at)
      else if (at !== null && !this.#parts.signal.aborted) this.#take(row.run)
    }
    const [first, ...rest] = later
    return first === undefined ? null : earliest(first, ...rest)
  }

  /** Resolves once every run has been left, after the signal. */
  async settled(): Promise<void> {
    await Promise.all([...this.#driving.values(), ...this.#feeds])
  }

  #take(run: string): void {
    const work = this.#drive(run)
      .catch((error: unknown) => {
        const why = troubleOf(error)
        const pauseMs = error instanceof PatchwaveError ? AGAIN_MS : BUG_AGAIN_MS
        this.#troubles.set(run, { why, again: plus(this.#world.clock.now(), pauseMs) })
        this.#world.log.warn(`run ${run}: ${traceOf(error)}`)
      })
      .finally(() => this.#driving.delete(run))
    this.#driving.set(run, work)
  }

  async #drive(run: string): Promise<void> {
    const { listen, ended, signal } = this.#parts
    const end = await conduct(this.#world, run, {
      listen,
      signal,
      leaveWhen: (state, wakeAt) => mayRest(state, wakeAt, this.#world.clock.now()),
      events: { hints: this.#hints, listenIn: (regions) => this.#listenIn(regions) },
    })
    this.#troubles.delete(run)
    if (end !== undefined) await ended(end)
  }

  /** What bothered a run is over when it has ended, or another process drives it. */
  #forget(rows: readonly RunRow[]): void {
    const { clock, driver } = this.#world
    const open = new Map(rows.map((row) => [row.run, row]))
    for (const run of this.#troubles.keys()) {
      const row = open.get(run)
      const elsewhere = row !== undefined && row.driver !== null && row.driver !== driver && (row.leaseUntil ?? 0) > clock.now()
      if (row === undefined || elsewhere) this.#troubles.delete(run)
    }
  }

  #listenIn(regions: Iterable<string>): void {
    const fresh = [...regions].filter((region) => !this.#regions.has(region))
    for (const region of fresh) {
      this.#regions.add(region)
      this.#feeds.push(this.#feed(region))
    }
  }

  /** Status events of a region; after a bug of ours from the beginning. Without them the runs are slower, but just as right. */
  async #feed(region: string): Promise<void> {
    const { signal } = this.#parts
    const { clock, log } = this.#world
    while (!signal.aborted) {
      try {
        await Promise.all(eventFeeds(this.#world, [region], this.#hints, signal))
        return
      } catch (error) {
        log.warn(`events of ${region}: ${traceOf(error)}`)
        await clock.sleep(plus(clock.now(), AGAIN_MS), signal)
      }
    }
  }
}

/**
 * Nothing of it runs, and nothing will for a while: whoever comes then takes it up again. A freeze that holds up an open window may be lifted:
 * it is watched; so is one that is still to be read.
 */
const mayRest = (state: RunState, wakeAt: Instant | null, now: Instant): boolean =>
  state.openCommands.size === 0 && (wakeAt === null || wakeAt > plus(now, REST_MS)) && !isHeldInWindow(state, now)

const isHeldInWindow = (state: RunState, now: Instant): boolean =>
  state.window?.opened === true && now < state.window.closes && (awaitsFreezes(state) || freezeNow(state, now) !== undefined)

/** When a run wants a driver, of which this process knows nothing yet: null while it rests until somebody writes to it. */
function wantedAt(row: RunRow, notBefore: Instant | null, mayLive: (driver: string) => boolean): Instant | null {
  const { driver, leaseUntil, wakeAt, epoch } = row
  const dead = driver !== null && !mayLive(driver)
  const free = driver === null || leaseUntil === null || dead ? null : leaseUntil
  const asked = driver !== null || epoch === 0 ? row.requestedAt : wakeAt
  const all = [free, asked, notBefore].flatMap((at) => (at === null ? [] : [at]))
  if (asked === null) return null
  const [first, ...rest] = all
  return first === undefined ? null : rest.reduce((a, b) => (a > b ? a : b), first)
}
