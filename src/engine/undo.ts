import type { Actor } from '../core/run/event.ts'
import type { Plan } from '../core/plan/plan.ts'
import type { RunId } from '../kit/ids.ts'
import type { RunRow } from '../ports/store.ts'
import { openRun } from './open.ts'
import { planRollback } from './planning.ts'
import { putOnRecord } from './request.ts'
import type { World } from './world.ts'

/** A run that undoes another one. `plan` null: somebody had begun it before, and it is gone on with. */
export type Undoing = Readonly<{ run: RunId; plan: Plan | null }>

/**
 * The unfinished run that undoes this ended one, or a new one. Of two who ask at once one makes it: the other one's would find its nodes changed
 * since, and tell them as not restored. @throws as `planRollback`
 */
export async function undo(world: World, ended: RunRow, actor: () => Promise<Actor>, reason: string): Promise<Undoing> {
  const { clock, store } = world
  const rows = await clock.hold(() => store.runs({ runbook: ended.runbook }))
  for (const { run, outcome } of rows)
    if (outcome === null && (await clock.hold(() => openRun(store, run))).state.undoes === ended.run) return { run, plan: null }
  const plan = await planRollback(world, ended.run)
  // Whoever saw the same runs asks for the same one.
  const trigger = `undo:${ended.run}/${String(rows.length)}`
  const { run, ours } = await putOnRecord(world, { plan, actor: await actor(), reason, now: true, trial: null, trigger })
  return { run, plan: ours ? plan : null }
}
