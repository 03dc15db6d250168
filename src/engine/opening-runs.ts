import { readEntry } from '../core/audit/open.ts'
import type { Surroundings } from '../core/plan/due.ts'
import type { Instant } from '../kit/instant.ts'
import type { Sealed } from '../ports/store.ts'
import type { World } from './world.ts'

type Runs = Pick<World, 'store' | 'clock'>

/** What became of the trial of a runbook's opening. Called inside `clock.hold`. */
export async function trialOf({ store }: Runs, runbook: string, opens: Instant): Promise<Surroundings['trial']> {
  const run = await store.openingOf(runbook, 'trial', opens)
  const row = run === undefined ? undefined : await store.run(run)
  if (row === undefined) return 'none'
  if (row.outcome === null) return 'unfinished'
  if (row.outcome === 'succeeded') return 'succeeded'
  const last = await finishedIn(store, row.run)
  if (last !== undefined && readEntry(last).data['reason'] === 'not-approved') return 'not-approved'
  return 'failed'
}

/** Why a run that has this opening could not use it: it had ended before. Null: it could. */
export async function endedBefore({ store, clock }: Runs, run: string, opens: Instant): Promise<string | null> {
  const row = await clock.hold(() => store.run(run))
  if (row === undefined || row.outcome === null) return null
  const last = await clock.hold(() => finishedIn(store, run))
  return last !== undefined && last.at < opens ? `run ${run}, which had it, was ${row.outcome} before` : null
}

/** The entry that ended a run: late reports may stand behind it. */
async function finishedIn(store: World['store'], run: string): Promise<Sealed | undefined> {
  for await (const sealed of store.read(run)) if (sealed.type === 'RunFinished') return sealed
  return undefined
}
