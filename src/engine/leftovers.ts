import { PatchwaveError } from '../kit/error.ts'
import { readEntry } from '../core/audit/open.ts'
import { fromData } from '../core/run/codec.ts'
import type { PlanContent } from '../core/plan/plan.ts'
import type { FeedbackRule } from '../core/runbook/runbook.ts'
import type { RunRow } from '../ports/store.ts'
import { pinnedPlan } from './open.ts'
import { feedbackCursor, Relay } from './relay.ts'
import type { World } from './world.ts'

/** A run that has ended, and what its queue is to be told of it. */
type Untold = Readonly<{ row: RunRow; feedback: FeedbackRule }>

/**
 * Publishes what earlier drivers of this store left untold: the ends of runs whose driver died, or whose queue refused, after the last fact. A
 * queue that refuses holds up no other. Changes no run; resolves when all is published, or on `signal`.
 */
export async function tellLeftovers(world: World, signal: AbortSignal): Promise<void> {
  const { clock, store } = world
  const untold: Untold[] = []
  for (const row of await clock.hold(() => store.runs())) {
    if (signal.aborted) return
    untold.push(...(await untoldOf(world, row)))
  }
  const queues = Map.groupBy(untold, ({ feedback }) => feedback.queue)
  await Promise.all([...queues.values()].map((ofQueue) => tellAll(world, ofQueue, signal)))
}

/** The same of one run that has ended just now: its queue may have refused the last facts for longer than its end waits for that. */
export async function tellLeftoverOf(world: World, run: string, signal: AbortSignal): Promise<void> {
  const row = await world.clock.hold(() => world.store.run(run))
  if (row !== undefined) await tellAll(world, await untoldOf(world, row), signal)
}

/** Nothing, where all has been told or nobody is to be told. */
async function untoldOf(world: World, row: RunRow): Promise<readonly Untold[]> {
  const { clock, store } = world
  if (row.outcome === null || (await clock.hold(() => store.cursor(feedbackCursor(row.run)))) >= row.entries) return []
  return await tried(world, row, [], async () => {
    const feedback = (await contentOf(world, row.run))?.feedback ?? null
    if (feedback !== null) return [{ row, feedback }]
    await clock.hold(() => store.setCursor(feedbackCursor(row.run), row.entries))
    return []
  })
}

async function tellAll(world: World, untold: readonly Untold[], signal: AbortSignal): Promise<void> {
  for (const { row, feedback } of untold)
    await tried(world, row, undefined, () => new Relay(world, row.run, row.runbook, feedback).flush(signal))
}

async function tried<T>({ log }: World, { run }: RunRow, otherwise: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    log.warn(`feedback of ${run}: ${error.code}: ${error.message}`)
    return otherwise
  }
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
