import type { RunId } from '../kit/ids.ts'
import type { Instant } from '../kit/instant.ts'
import { seal } from '../core/audit/seal.ts'
import { planText } from '../core/plan/make.ts'
import type { Plan } from '../core/plan/plan.ts'
import { toData } from '../core/run/codec.ts'
import type { Actor, RunEvent } from '../core/run/event.ts'
import type { Sealed } from '../ports/store.ts'
import { wantRollout } from './after-trial.ts'
import type { World } from './world.ts'

/** The numbered behaviours of this engine. A run keeps those that it was started with. */
export const BEHAVIOUR_FLAGS: readonly number[] = [1]

export type Request = Readonly<{
  plan: Plan
  actor: Actor
  reason: string
  now: boolean
  trial: RunId | null
  /** The opening for which the schedule asks; absent by hand and by message. */
  opening?: Instant
  /** May begin in a freeze. */
  breakFreeze?: boolean
  /** A trial that its rollout is to follow, whoever drives it to its end. */
  followed?: true
  /** The id of the message that asks. */
  trigger?: string
}>

/**
 * Puts a run on record: from here on it exists, is driven by whoever drives this store, and survives any crash. Resolves to its id, or to that
 * of the run which has the same opening or the same trigger already: then nothing was created.
 */
export async function requestRun(world: World, request: Request): Promise<RunId> {
  return (await putOnRecord(world, request)).run
}

/** As `requestRun`; `ours` says whether this call put it there. */
export async function putOnRecord(world: World, request: Request): Promise<Readonly<{ run: RunId; ours: boolean }>> {
  const { plan, actor } = request
  const { content } = plan
  const at = world.clock.now()
  const run = world.random.uuid(at)
  const events: RunEvent[] = [
    {
      type: 'RunRequested',
      runbook: content.runbook.name,
      act: content.act,
      reason: request.reason,
      inputs: content.inputs,
      flags: BEHAVIOUR_FLAGS,
      now: request.now,
      trial: request.trial,
      undoes: content.undoes,
      opening: request.opening ?? null,
      breakFreeze: request.breakFreeze ?? false,
    },
    { type: 'PlanPinned', plan: plan.digest, nodes: content.nodes.length, waves: content.waves.map((wave) => wave.name) },
  ]
  const entries: Sealed[] = []
  for (const event of events) entries.push(seal(entries.at(-1) ?? null, { run, at, actor, ...toData(event) }))
  const takes = {
    ...(request.opening !== undefined && { opening: request.opening }),
    ...(request.trigger !== undefined && { trigger: request.trigger }),
  }
  return world.clock.hold(async () => {
    await world.store.putPlan(plan.digest, planText(plan))
    // Before the trial exists: afterwards it might end, or this process, with nobody knowing.
    if (request.followed && content.act === 'trial') await wantRollout(world, run)
    const has = await world.store.create({ run, runbook: content.runbook.name, act: content.act, requestedAt: at }, entries, takes)
    return { run: has, ours: has === run }
  })
}
