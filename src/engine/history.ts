import { readEntry } from '../core/audit/open.ts'
import { TIMED, Timings } from '../core/audit/history.ts'
import type { RunDurations } from '../core/plan/durations.ts'
import { nodeHighOf } from '../core/plan/forecast.ts'
import type { PlanContent } from '../core/plan/plan.ts'
import { fromData } from '../core/run/codec.ts'
import { sha256, type Digest } from '../kit/digest.ts'
import { PatchwaveError } from '../kit/error.ts'
import type { Ms } from '../kit/instant.ts'
import type { RunRow } from '../ports/store.ts'
import { pinnedPlan } from './open.ts'
import type { World } from './world.ts'

type Past = Pick<World, 'store' | 'clock' | 'log'>

/** Runs that are looked back at: about two years of months, or a month of nights. Of one runbook more than half of them, if it has so many. */
const RUNS_MAX = 20
const OWN_MAX = 12

/** A shorter journal has no change in it yet. */
const ENTRIES_MIN = 8

/**
 * What the store's last runs took, this runbook's first. A finished run's journal is read once: its sketches are kept as a blob, and made anew
 * where they were pruned. A run that cannot be read is left out.
 */
export async function readHistory(world: Past, runbook: string): Promise<readonly RunDurations[]> {
  return await world.clock.hold(async () => {
    const found: RunDurations[] = []
    for (const row of lookedAt(await world.store.runs(), runbook)) {
      const durations = await durationsOf(world, row)
      if (durations !== undefined) found.push(durations)
    }
    return found
  })
}

/** How long a change of one of this plan's nodes takes at most, 95 times of 100. */
export const nodeHighMs = async (world: Past, plan: PlanContent): Promise<Ms> =>
  nodeHighOf(plan, await readHistory(world, plan.runbook.name))

function lookedAt(rows: readonly RunRow[], runbook: string): readonly RunRow[] {
  const newest = rows.filter(({ entries }) => entries >= ENTRIES_MIN).toReversed()
  const own = newest.filter((row) => row.runbook === runbook)
  const others = newest.filter((row) => row.runbook !== runbook)
  const first = own.slice(0, OWN_MAX)
  return [...first, ...others, ...own.slice(OWN_MAX)].slice(0, RUNS_MAX)
}

async function durationsOf(world: Past, row: RunRow): Promise<RunDurations | undefined> {
  try {
    return row.outcome === null ? await measured(world, row) : await kept(world, row)
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    world.log.warn(`run ${row.run} is left out of the forecast: ${error.code}: ${error.message}`)
    return undefined
  }
}

/** The name of a run's sketches: others when something was appended, or when they are measured another way. */
const nameOf = ({ run, entries, head }: RunRow): Digest => sha256(`durations/1/${run}/${String(entries)}/${head}`)

async function kept(world: Past, row: RunRow): Promise<RunDurations> {
  const name = nameOf(row)
  const text = await world.store.blob(name)
  const before = text === undefined ? undefined : readDurations(text)
  if (before !== undefined) return before
  const durations = await measured(world, row)
  await world.store.putBlob(name, JSON.stringify(durations)).catch((error: unknown) => {
    if (!(error instanceof PatchwaveError)) throw error // A store that takes nothing now costs another reading, nothing more.
  })
  return durations
}

async function measured({ store }: Past, { run }: RunRow): Promise<RunDurations> {
  let timings: Timings | undefined
  for await (const sealed of store.read(run)) {
    if (sealed.type !== 'PlanPinned' && !TIMED.has(sealed.type)) continue
    const { at, actor, type, data } = readEntry(sealed)
    const event = fromData(type, data)
    if (event.type === 'PlanPinned') timings = new Timings(run, (await pinnedPlan(store, event.plan)).content)
    else timings?.hear({ at, actor, event })
  }
  if (timings === undefined)
    throw new PatchwaveError('journal.broken', `run ${run} has no plan`, { hint: 'see every break with `patchwave audit verify`' })
  return timings.measured
}

function readDurations(text: string): RunDurations | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isDurations(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** It was written under a name that only this engine makes: its form is enough. */
const isDurations = (value: unknown): value is RunDurations =>
  typeof value === 'object' &&
  value !== null &&
  'v' in value &&
  value.v === 1 &&
  'spans' in value &&
  Array.isArray(value.spans) &&
  'gates' in value
