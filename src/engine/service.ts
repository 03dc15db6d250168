import { earliest, MINUTE, plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import type { Actor } from '../core/run/event.ts'
import type { Runbooks } from '../ports/runbooks.ts'
import { Bulletin } from './bulletin.ts'
import { Drivers } from './drivers.ts'
import type { Ended } from './driver.ts'
import { FollowUps } from './follow-ups.ts'
import { HeldRunbooks } from './held-runbooks.ts'
import type { Listener } from './journal.ts'
import { tellLeftoverOf, tellLeftovers } from './leftovers.ts'
import { Scheduler, type Starter } from './scheduler.ts'
import type { ServiceView } from './service-view.ts'
import { receiveTriggers } from './triggers.ts'
import { triggerStarter } from './trigger-start.ts'
import { traceOf, troubleOf } from './trouble.ts'
import type { World } from './world.ts'

/** How often files, notes and new requests are looked for while nothing is due. */
const BEAT_MS: Ms = 10 * SECOND

/** What runs beside the beats and failed is begun again after this. */
const AGAIN_MS: Ms = MINUTE

/** What a service is built from beside its world. */
export type ServiceParts = Readonly<{
  runbooks: Runbooks
  listen: Listener
  signal: AbortSignal
  /** Calls `ring` now and then, so that a beat comes even where sleeping is not to be trusted; resolves to what stops it. */
  heartbeat?: (ring: () => Promise<void>) => { stop(): Promise<void> }
  /** The longest pause between two beats. */
  beatMs?: Ms
  start?: Starter
}>

/** Parts of a beat, and what runs beside the beats; each has its own troubles. */
type Part = 'runbooks' | 'runs' | 'feedback' | 'triggers'

/**
 * `patchwave serve`: the scheduler, the drivers of all runs of this store, triggers by message, and the feedback of what no run tells. What fails
 * in one of them, a bug too, is told and tried again; the others go on.
 */
export class Service {
  readonly #world: World
  readonly #parts: ServiceParts
  readonly #held: HeldRunbooks
  readonly #bulletin: Bulletin
  readonly #scheduler: Scheduler
  readonly #drivers: Drivers
  readonly #followUps: FollowUps
  readonly #startedAt: Instant
  readonly #troubles = new Map<Part, string>()
  /** What was begun in a beat and may take longer. */
  readonly #turns = new Set<Promise<void>>()
  #catchingUp = false
  #beatAt: Instant | null = null
  #ring = new AbortController()

  constructor(world: World, parts: ServiceParts) {
    const actor: Actor = { kind: 'schedule', id: world.driver }
    const { listen, signal } = parts
    this.#world = world
    this.#parts = parts
    this.#startedAt = world.clock.now()
    this.#bulletin = new Bulletin(world, actor, (name) => this.#held.get(name)?.runbook.feedback ?? null, signal)
    this.#held = new HeldRunbooks(world, parts.runbooks, this.#bulletin)
    this.#followUps = new FollowUps(world, signal)
    this.#drivers = new Drivers(world, { listen, signal, ended: (ended) => this.#ended(ended) })
    this.#scheduler = new Scheduler(world, this.#bulletin, signal, parts.start)
  }

  /** Serves until the signal; then every run is left as after a crash: what runs on nodes ends there, and the next process goes on. */
  async run(): Promise<void> {
    const { heartbeat, signal } = this.#parts
    const beating = heartbeat?.(() => {
      this.#ring.abort('rung')
      return Promise.resolve()
    })
    // A trigger that came before the runbooks were read would be refused for a runbook that is there.
    await this.#attempt('runbooks', () => this.#readRunbooks())
    const around = [this.#lastingly('feedback', () => tellLeftovers(this.#world, signal)), this.#triggers()]
    try {
      while (!signal.aborted) await this.#beat()
    } finally {
      await beating?.stop()
      // Nothing may outlive this: whoever called closes the store.
      await Promise.all([this.#drivers.settled(), ...around])
      while (this.#turns.size > 0) await Promise.all(this.#turns)
      await this.#bulletin.settled()
    }
  }

  view(): ServiceView {
    return {
      driver: this.#world.driver,
      startedAt: this.#startedAt,
      beatAt: this.#beatAt,
      runbooks: this.#held.view(),
      next: this.#scheduler.next(),
      driving: this.#drivers.driving,
      events: this.#drivers.events,
      throttle: this.#world.counter.lastThrottle(),
      troubles: [...this.#troubles.values(), ...this.#scheduler.troubles, ...this.#drivers.troubles, ...this.#followUps.troubles],
    }
  }

  /** Looks at everything once and waits for the next thing, a ring, or the pause between two beats. */
  async #beat(): Promise<void> {
    await this.#attempt('runbooks', () => this.#readRunbooks())
    if (!this.#catchingUp) {
      this.#catchingUp = true
      this.#besides(this.#followUps.catchUp().finally(() => (this.#catchingUp = false)))
    }
    let wanted: Instant | null = null
    const looked = await this.#attempt('runs', async () => {
      wanted = await this.#drivers.look()
    })
    for (const turn of this.#scheduler.beat()) this.#besides(turn.then(() => this.#ring.abort('rung')))
    if (looked) this.#beatAt = this.#world.clock.now()
    await this.#rest(wanted)
  }

  async #readRunbooks(): Promise<void> {
    const { version } = this.#held
    try {
      await this.#held.reload()
    } finally {
      this.#scheduler.hold(this.#held)
      // What an earlier process left untold, or what waits for a queue that a file names otherwise now.
      if (this.#held.version !== version) for (const { name } of this.#held.all) this.#bulletin.tell(name)
    }
  }

  /** Whether it was done. What stands in its way is told once, and gone when it works again. */
  async #attempt(part: Part, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      this.#troubles.delete(part)
      return true
    } catch (error) {
      const why = troubleOf(error)
      if (this.#troubles.get(part) !== why) this.#world.log.warn(traceOf(error))
      this.#troubles.set(part, why)
      return false
    }
  }

  /** Does it, and after a failure again, until it is done or the signal comes. */
  async #lastingly(part: Part, work: () => Promise<void>): Promise<void> {
    const { clock } = this.#world
    const { signal } = this.#parts
    while (!(await this.#attempt(part, work)) && !signal.aborted) await clock.sleep(plus(clock.now(), AGAIN_MS), signal)
  }

  async #triggers(): Promise<void> {
    const { signal, runbooks } = this.#parts
    if (this.#world.triggers === null) return
    await this.#lastingly('triggers', () =>
      receiveTriggers(this.#world, {
        start: triggerStarter(this.#world, this.#held, runbooks, signal),
        signal,
        trouble: (what) => (what === null ? this.#troubles.delete('triggers') : this.#troubles.set('triggers', what)),
      }),
    )
  }

  /** Does not wait for it, but for its end before the service's own. */
  #besides(work: Promise<void>): void {
    const turn = work.catch((error: unknown) => this.#world.log.warn(traceOf(error))).finally(() => this.#turns.delete(turn))
    this.#turns.add(turn)
  }

  async #rest(wanted: Instant | null): Promise<void> {
    const { clock } = this.#world
    const due = this.#scheduler.wakeAt
    const latestBeat = plus(clock.now(), this.#parts.beatMs ?? BEAT_MS)
    const until = earliest(latestBeat, ...(wanted === null ? [] : [wanted]), ...(due === null ? [] : [due]))
    const woken = AbortSignal.any([this.#ring.signal, this.#parts.signal])
    await clock.sleep(until, woken)
    this.#ring = new AbortController()
  }

  async #ended(ended: Ended): Promise<void> {
    this.#besides(tellLeftoverOf(this.#world, ended.run, this.#parts.signal))
    await this.#followUps.after(ended.run)
    this.#ring.abort('rung')
  }
}
