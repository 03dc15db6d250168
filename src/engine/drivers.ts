import { PatchwaveError } from '../kit/error.ts'
import { earliest, MINUTE, plus, type Instant, type Ms } from '../kit/instant.ts'
import type { RunState } from '../core/run/state.ts'
import type { RunRow } from '../ports/store.ts'
import { conduct, eventFeeds } from './conduct.ts'
import type { Ended } from './driver.ts'
import { Hints } from './hints.ts'
import type { Listener } from './journal.ts'
import type { World } from './world.ts'

/** A run that waits longer than this is given back: a waiting run has no driver. */
const REST_MS: Ms = 2 * MINUTE

/** A run whose driving failed is tried again after this. */
const AGAIN_MS: Ms = MINUTE

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

  get troubles(): string[] {
    return [...this.#troubles].map(([run, { why }]) => `run ${run}: ${why}`)
  }

  /** Takes the runs that want a driver now; resolves to when the next one will, as far as the store says. */
  async look(): Promise<Instant | null> {
    const { clock, store } = this.#world
    const now = clock.now()
    const rows = await clock.hold(() => store.runs({ unfinished: true }))
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
        if (!(error instanceof PatchwaveError)) throw error
        this.#troubles.set(run, { why: `${error.code}: ${error.message}`, again: plus(this.#world.clock.now(), AGAIN_MS) })
        this.#world.log.warn(`run ${run}: ${error.code}: ${error.message}`)
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

  #listenIn(regions: Iterable<string>): void {
    const fresh = [...regions].filter((region) => !this.#regions.has(region))
    for (const region of fresh) this.#regions.add(region)
    this.#feeds.push(...eventFeeds(this.#world, fresh, this.#hints, this.#parts.signal))
  }
}

/** Nothing of it runs, and nothing will for a while: whoever comes then takes it up again. */
const mayRest = (state: RunState, wakeAt: Instant | null, now: Instant): boolean =>
  state.openCommands.size === 0 && (wakeAt === null || wakeAt > plus(now, REST_MS))

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
