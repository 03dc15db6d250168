import { PatchwaveError } from '../kit/error.ts'
import { earliest, plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import type { Actor } from '../core/run/event.ts'
import type { Runbooks } from '../ports/runbooks.ts'
import { Bulletin } from './bulletin.ts'
import { Drivers } from './drivers.ts'
import type { Ended } from './driver.ts'
import { FollowUps } from './follow-ups.ts'
import { HeldRunbooks } from './held-runbooks.ts'
import type { Listener } from './journal.ts'
import { tellLeftovers } from './leftovers.ts'
import { Scheduler, type Starter } from './scheduler.ts'
import type { ServiceView } from './service-view.ts'
import { receiveTriggers } from './triggers.ts'
import { triggerStarter } from './trigger-start.ts'
import type { World } from './world.ts'

/** How often files, notes and new requests are looked for while nothing is due. */
const BEAT_MS: Ms = 10 * SECOND

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

/** `patchwave serve`: the scheduler, the drivers of all runs of this store, triggers by message, and the feedback of what no run tells. */
export class Service {
  readonly #world: World
  readonly #parts: ServiceParts
  readonly #held: HeldRunbooks
  readonly #bulletin: Bulletin
  readonly #scheduler: Scheduler
  readonly #drivers: Drivers
  readonly #followUps: FollowUps
  readonly #startedAt: Instant
  #beatAt: Instant | null = null
  #trouble: string | null = null
  #triggerTrouble: string | null = null
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
    const around = [
      tellLeftovers(this.#world, signal),
      ...(this.#world.triggers === null
        ? []
        : [
            receiveTriggers(this.#world, {
              start: triggerStarter(this.#world, this.#held, this.#parts.runbooks, signal),
              signal,
              trouble: (what) => {
                this.#triggerTrouble = what
              },
            }),
          ]),
    ]
    try {
      while (!signal.aborted) await this.#beat()
    } finally {
      await beating?.stop()
      await this.#drivers.settled()
      await Promise.allSettled([...around, this.#bulletin.settled()])
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
      troubles: [
        ...[this.#trouble, this.#triggerTrouble].flatMap((one) => one ?? []),
        ...this.#scheduler.troubles,
        ...this.#drivers.troubles,
      ],
    }
  }

  /** Looks at everything once and waits for the next thing, a ring, or the pause between two beats. */
  async #beat(): Promise<void> {
    const { clock, log } = this.#world
    let wanted: Instant | null = null
    try {
      await this.#held.reload()
      this.#scheduler.hold(this.#held)
      await this.#followUps.catchUp()
      wanted = await this.#drivers.look()
      for (const turn of this.#scheduler.beat())
        void turn.then(() => {
          this.#ring.abort('rung')
        })
      this.#trouble = null
      this.#beatAt = clock.now()
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      this.#trouble = `${error.code}: ${error.message}`
      log.warn(this.#trouble)
    }
    await this.#rest(wanted)
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
    await this.#followUps.after(ended.run)
    this.#ring.abort('rung')
  }
}
