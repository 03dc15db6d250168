import { PatchwaveError } from '../kit/error.ts'
import { openRun } from './open.ts'
import { planRollout } from './planning.ts'
import { requestRun } from './request.ts'
import type { World } from './world.ts'

/** Stages of a trial that a rollout is to follow: asked for, and dealt with. */
const WANTED = 1
const DONE = 2

const cursorOf = (trial: string): string => `follow:${trial}`

/** Says that this trial's rollout is wanted once it has succeeded. Call it before anybody can drive the trial to its end. */
export const wantRollout = (world: Pick<World, 'store' | 'clock'>, trial: string): Promise<void> =>
  world.clock.hold(() => world.store.setCursor(cursorOf(trial), WANTED))

/**
 * The second act of what was asked for at once and not by the schedule: a trial that succeeded is followed by its rollout, requested by the same
 * hand for the same reason. That it is wanted stands in the store, so a process that dies in between is caught up with.
 */
export class FollowUps {
  readonly #world: World
  readonly #signal: AbortSignal
  #caughtUp = false

  constructor(world: World, signal: AbortSignal) {
    this.#world = world
    this.#signal = signal
  }

  /** Once: trials that ended while nobody was there. */
  async catchUp(): Promise<void> {
    if (this.#caughtUp) return
    const rows = await this.#world.clock.hold(() => this.#world.store.runs({ acts: ['trial'] }))
    for (const row of rows) if (row.outcome !== null) await this.after(row.run)
    this.#caughtUp = true
  }

  /** Requests the rollout of a trial that has ended, if one is wanted. Safe to repeat. */
  async after(trial: string): Promise<void> {
    const { store, clock, log } = this.#world
    if ((await clock.hold(() => store.cursor(cursorOf(trial)))) !== WANTED) return
    const { state } = await clock.hold(() => openRun(store, trial))
    if (state.phase.name !== 'finished') return
    try {
      if (state.phase.outcome === 'succeeded' && state.requestedBy !== null) {
        const { runbook, inputs } = state.plan
        const plan = await planRollout(this.#world, { runbook, inputs }, this.#signal)
        const { requestedBy: actor, reason, atOnce: now, breakFreeze } = state
        await requestRun(this.#world, { plan, actor, reason, now, trial, breakFreeze, trigger: `after:${trial}` })
      }
      await clock.hold(() => store.setCursor(cursorOf(trial), DONE))
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      log.warn(`the rollout after trial ${trial}: ${error.code}: ${error.message}`)
      if (error.retryable) this.#caughtUp = false
      else await clock.hold(() => store.setCursor(cursorOf(trial), DONE))
    }
  }
}
