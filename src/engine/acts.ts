import type { Plan } from '../core/plan/plan.ts'
import type { Actor } from '../core/run/event.ts'
import type { RunState } from '../core/run/state.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import type { Instant } from '../kit/instant.ts'
import { conduct } from './conduct.ts'
import type { Ended } from './driver.ts'
import { afterTrial } from './after-trial.ts'
import type { Listener } from './journal.ts'
import { planDue, planRollout } from './planning.ts'
import { requestRun } from './request.ts'
import type { RunRow } from '../ports/store.ts'
import type { World } from './world.ts'

/** How a call of `run` went on with its acts. */
export type Acts = Readonly<{
  /** The acts that ended, in order. */
  ended: readonly Ended[]
  /** The run that has not ended, where it was left. */
  left: string | null
}>

export type ActsRequest = Readonly<{
  runbook: Runbook
  inputs: Readonly<Record<string, string>>
  now: boolean
  /** May begin in a freeze: `reason` says why. */
  breakFreeze?: boolean
  reason: string
  actor: Actor
  /** A plan that was approved as a file, instead of one made now. */
  plan: Plan | null
}>

export type ActsParts = Readonly<{
  listen: Listener
  /** Told when an act begins or an unfinished run is continued. */
  begins: (run: string, plan: Plan | null, continued: boolean) => void
  leaveWhen?: (state: RunState, wakeAt: Instant | null) => boolean
  signal: AbortSignal
}>

/**
 * The trial, if no fresh baseline stands, then the rollout. An unfinished run of this runbook is continued instead of beginning a second one.
 * Resolves when the acts have ended or the run was left.
 */
export async function runActs(world: World, request: ActsRequest, parts: ActsParts): Promise<Acts> {
  const ended: Ended[] = []
  for (const row of await unfinishedOf(world, request)) {
    parts.begins(row.run, null, true)
    const end = await conduct(world, row.run, parts)
    if (end === undefined) return { ended, left: row.run }
    ended.push(end)
    if (row.act === 'rollout' || end.outcome !== 'succeeded') return { ended, left: null }
  }
  for (;;) {
    const plan =
      request.plan ?? (ended.length === 0 ? await planDue(world, request, parts.signal) : await planRollout(world, request, parts.signal))
    // Planning takes minutes: somebody else, or the schedule, may have begun a run of this runbook meanwhile.
    if (ended.length === 0 && (await unfinishedOf(world, request)).length > 0) return runActs(world, request, parts)
    const end = await act(world, request, plan, parts, ended.at(-1)?.run ?? null)
    if (typeof end === 'string') return { ended, left: end }
    ended.push(end)
    if (request.plan !== null || plan.content.act === 'rollout' || end.outcome !== 'succeeded') return { ended, left: null }
  }
}

const unfinishedOf = ({ store, clock }: World, { runbook }: ActsRequest): Promise<readonly RunRow[]> =>
  clock.hold(() => store.runs({ unfinished: true, runbook: runbook.name }))

async function act(world: World, request: ActsRequest, plan: Plan, parts: ActsParts, trial: string | null = null): Promise<Ended | string> {
  const { actor, reason, now, breakFreeze = false } = request
  // The same request as that of a service which sees the trial end: one of both makes it.
  const once = trial === null ? {} : { trigger: afterTrial(trial) }
  const run = await requestRun(world, { plan, actor, reason, now, trial, breakFreeze, ...once })
  parts.begins(run, plan, false)
  return (await conduct(world, run, parts)) ?? run
}
