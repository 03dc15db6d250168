import { PatchwaveError } from '../kit/error.ts'
import { readEntry } from '../core/audit/open.ts'
import { fromData } from '../core/run/codec.ts'
import type { PlanContent } from '../core/plan/plan.ts'
import type { RunRow } from '../ports/store.ts'
import { pinnedPlan } from './open.ts'
import { feedbackCursor, Relay } from './relay.ts'
import type { World } from './world.ts'

/**
 * Publishes what earlier drivers of this store left untold: the ends of runs whose driver died, or whose queue refused, after the last fact.
 * Changes no run; resolves when all is published, or on `signal`.
 */
export async function tellLeftovers(world: World, signal: AbortSignal): Promise<void> {
  const { clock, store, log } = world
  for (const row of await clock.hold(() => store.runs())) {
    if (signal.aborted) return
    if (row.outcome === null || (await clock.hold(() => store.cursor(feedbackCursor(row.run)))) >= row.entries) continue
    try {
      await tell(world, row, signal)
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      log.warn(`feedback of ${row.run}: ${error.code}: ${error.message}`)
    }
  }
}

async function tell(world: World, row: RunRow, signal: AbortSignal): Promise<void> {
  const content = await contentOf(world, row.run)
  if (content?.feedback) await new Relay(world, row.run, row.runbook, content.feedback).flush(signal)
  else await world.clock.hold(() => world.store.setCursor(feedbackCursor(row.run), row.entries))
}

/** The plan's content, found at the run's second entry: the whole journal is not read for it. */
async function contentOf({ store, clock }: World, run: string): Promise<PlanContent | undefined> {
  return await clock.hold(async () => {
    for await (const sealed of store.read(run)) {
      const { type, data } = readEntry(sealed)
      const event = fromData(type, data)
      if (event.type === 'PlanPinned') return (await pinnedPlan(store, event.plan)).content
    }
    return undefined
  })
}
