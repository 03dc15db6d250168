import type { RunId } from '../kit/ids.ts'
import { seal } from '../core/audit/seal.ts'
import { planText } from '../core/plan/make.ts'
import type { Plan } from '../core/plan/plan.ts'
import { toData } from '../core/run/codec.ts'
import type { Actor, RunEvent } from '../core/run/event.ts'
import type { Sealed } from '../ports/store.ts'
import type { World } from './world.ts'

/** The numbered behaviours of this engine. A run keeps those that it was started with. */
export const BEHAVIOUR_FLAGS: readonly number[] = [1]

export type Request = Readonly<{
  plan: Plan
  actor: Actor
  reason: string
  now: boolean
  trial: RunId | null
}>

/** Puts a run on record: from here on it exists, is driven by whoever drives this store, and survives any crash. */
export async function requestRun(world: World, request: Request): Promise<RunId> {
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
    },
    { type: 'PlanPinned', plan: plan.digest, nodes: content.nodes.length, waves: content.waves.map((wave) => wave.name) },
  ]
  const entries: Sealed[] = []
  for (const event of events) entries.push(seal(entries.at(-1) ?? null, { run, at, actor, ...toData(event) }))
  await world.clock.hold(async () => {
    await world.store.putPlan(plan.digest, planText(plan))
    await world.store.create({ run, runbook: content.runbook.name, act: content.act, requestedAt: at }, entries)
  })
  return run
}
