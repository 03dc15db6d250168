import { PatchwaveError } from '../kit/error.ts'
import { DAY, latest, MINUTE, plus, type Instant, type Ms } from '../kit/instant.ts'
import { afterTrial, endRolloutWish, wantsRollout } from './after-trial.ts'
import { openRun } from './open.ts'
import { planRollout } from './planning.ts'
import { requestRun } from './request.ts'
import { traceOf, troubleOf } from './trouble.ts'
import type { World } from './world.ts'

/** A rollout that could not be requested is tried again after this. */
const AGAIN_MS: Ms = MINUTE

/** What was to follow at once is given up when AWS stayed away, or nobody was there, for so long: it must not start by surprise. */
const WAIT_MS: Ms = DAY

type Waiting = { again: Instant; why: string | null }

/**
 * The second act of what was asked for at once and not by the schedule: a trial that succeeded is followed by its rollout, requested by the same
 * hand for the same reason. That it is wanted stands in the store, so a process that dies in between is caught up with.
 */
export class FollowUps {
  readonly #world: World
  readonly #signal: AbortSignal
  readonly #startedAt: Instant
  readonly #waiting = new Map<string, Waiting>()
  /** Trials that had ended when they were looked at last: what becomes of them is known here, or waited for. */
  readonly #seen = new Set<string>()

  constructor(world: World, signal: AbortSignal) {
    this.#world = world
    this.#signal = signal
    this.#startedAt = world.clock.now()
  }

  get troubles(): string[] {
    return [...this.#waiting].flatMap(([trial, { why }]) => (why === null ? [] : [`the rollout after trial ${trial}: ${why}`]))
  }

  /**
   * Deals with trials that ended while nobody was there, with those that another process drove to their end (an approval at the command line
   * does), and again with those whose rollout could not be requested then.
   */
  async catchUp(): Promise<void> {
    const { clock } = this.#world
    for (const trial of await this.#ended()) this.#waiting.set(trial, { again: clock.now(), why: null })
    for (const [trial, { again }] of [...this.#waiting]) if (again <= clock.now() && !this.#signal.aborted) await this.after(trial)
  }

  async #ended(): Promise<readonly string[]> {
    const { clock, store } = this.#world
    // All of them: one may have begun and ended since, driven elsewhere.
    const rows = await clock.hold(() => store.runs({ acts: ['trial'] }))
    const fresh = rows.flatMap(({ run, outcome }) => (outcome === null || this.#seen.has(run) ? [] : [run]))
    for (const run of fresh) this.#seen.add(run)
    return fresh
  }

  /** Requests the rollout of a trial that has ended, if one is wanted. Safe to repeat; what fails is left to `catchUp`. */
  async after(trial: string): Promise<void> {
    try {
      await this.#deal(trial)
      this.#waiting.delete(trial)
    } catch (error) {
      const why = troubleOf(error)
      if (this.#waiting.get(trial)?.why !== why) this.#world.log.warn(`the rollout after trial ${trial}: ${traceOf(error)}`)
      this.#waiting.set(trial, { again: plus(this.#world.clock.now(), AGAIN_MS), why })
    }
  }

  async #deal(trial: string): Promise<void> {
    const { store, clock, log } = this.#world
    if (!(await wantsRollout(this.#world, trial))) return
    const { state } = await clock.hold(() => openRun(store, trial))
    const { phase, requestedBy: actor } = state
    if (phase.name !== 'finished') return
    try {
      const { runbook, inputs } = state.plan
      const { reason, atOnce: now, breakFreeze } = state
      const asked = phase.outcome === 'succeeded' && actor !== null
      const tooLate = (now || runbook.window === null) && clock.now() >= plus(state.at, WAIT_MS)
      if (asked && tooLate) log.warn(`the rollout after trial ${trial} is given up: it was to begin at once, more than a day ago`)
      else if (asked) {
        const plan = await planRollout(this.#world, { runbook, inputs, now }, this.#signal)
        await requestRun(this.#world, { plan, actor, reason, now, trial, breakFreeze, trigger: afterTrial(trial) })
      }
    } catch (error) {
      // Nobody was there before this process; and what it was cut off in by its own end says nothing.
      if (this.#signal.aborted || (mayPass(error) && clock.now() < plus(latest(state.at, this.#startedAt), WAIT_MS))) throw error
      log.warn(`the rollout after trial ${trial} is given up: ${traceOf(error)}`)
    }
    await endRolloutWish(this.#world, trial)
  }
}

/** What AWS or the store refuses now it may take later; that no plan can be made from this fleet is an answer, a bug of ours is none. */
const mayPass = (error: unknown): boolean => !(error instanceof PatchwaveError) || error.retryable || error.exit === 3
