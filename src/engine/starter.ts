import type { Due } from '../core/plan/due.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import { PatchwaveError } from '../kit/error.ts'
import { iso } from '../kit/instant.ts'
import type { Held } from './held-runbooks.ts'
import { baselinesFresh, planRollout, planTrial } from './planning.ts'
import { requestRun } from './request.ts'
import type { World } from './world.ts'

/** The runbook as the schedule uses it: it has a window. */
export type Scheduled = Held & Readonly<{ runbook: Runbook & { readonly window: NonNullable<Runbook['window']> } }>

/** Makes the plan of a scheduled act and puts the run on record; `''`: none is needed. A stand-in shows schedules without a fleet. */
export type Starter = (due: Due, held: Scheduled) => Promise<string>

/** Plans against AWS and requests the run. The trial is spared when every baseline is younger than its lead: somebody has made it already. */
export function starterOf(world: World, signal: AbortSignal): Starter {
  return async (due, { runbook }) => {
    const request = { runbook, inputs: {} }
    if (due.act === 'trial' && (await isSpared(world, runbook, signal))) return ''
    const plan =
      due.act === 'trial' ? await planTrial(world, request, signal) : await planRollout(world, { ...request, opening: due.opens }, signal)
    await refuseBeside(world, runbook.name, due)
    return requestRun(world, {
      plan,
      actor: { kind: 'schedule', id: world.driver },
      reason: `the window of ${iso(due.opens)}`,
      now: false,
      trial: due.act === 'trial' ? null : ((await world.clock.hold(() => world.store.openingOf(runbook.name, 'trial', due.opens))) ?? null),
      opening: due.opens,
    })
  }
}

/**
 * Planning takes minutes, in which a message or a person may have begun a run of this runbook and act: then `overlap` decides, at the next look.
 * @throws `store.busy`
 */
async function refuseBeside({ store, clock }: Pick<World, 'store' | 'clock'>, runbook: string, { act, opens }: Due): Promise<void> {
  const open = await clock.hold(() => store.runs({ unfinished: true, runbook }))
  const other = open.find((row) => row.act === act)
  // Another service may have requested it for this opening: that is the one.
  if (other === undefined || (await clock.hold(() => store.openingOf(runbook, act, opens))) !== undefined) return
  throw new PatchwaveError('store.busy', `run ${other.run} of this runbook has begun meanwhile`, {
    hint: 'its `overlap` says what follows',
  })
}

function isSpared(world: World, runbook: Runbook, signal: AbortSignal): Promise<boolean> {
  const { test, baseline } = runbook
  if (test === null || baseline === 'none') return Promise.resolve(true)
  const young = { ...runbook, baseline: { ...baseline, maxAgeMs: Math.min(test.leadMs, baseline.maxAgeMs) } }
  return baselinesFresh(world, { runbook: young, inputs: {} }, signal)
}
