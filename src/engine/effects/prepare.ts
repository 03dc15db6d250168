import { PatchwaveError } from '../../kit/error.ts'
import { cellOf } from '../../kit/ids.ts'
import { known } from '../../kit/assert.ts'
import { MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { deleteExpired, takesSnapshots } from '../expired-snapshots.ts'
import { mayPass } from '../steps/trying.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** A cell that was lost is asked again after this long, or after a quarter of the time that it has been refused if that is longer … */
const AGAIN_MS: Ms = 2 * MINUTE
/** … but at least this often: its nodes lose no more of the window when it is back. */
const AGAIN_MS_MAX: Ms = 15 * MINUTE

/**
 * Makes the cell have the documents that the plan pins, and clears it of copies of nodes that nobody wants any more. A cell that refuses is
 * recorded as such, the others go on; one that did not refuse before is asked until it can be used again.
 */
export async function* prepareCell({ world, state, signal }: Performing, effect: EffectOf<'prepare'>): Found {
  const { cell } = effect
  for (;;) {
    const since = state.refusals.get(cell)
    if (since !== undefined) await world.clock.sleep(askedAgainAt(since, world.clock.now()), signal)
    if (signal.aborted) return
    const answer = await ensureAll({ world, state, signal }, cell).catch(refusalIn)
    if (answer instanceof PatchwaveError && since !== undefined) continue
    if (answer instanceof PatchwaveError) yield [{ type: 'CellRefused', cell, code: answer.code, message: answer.message }]
    else {
      if (takesSnapshots(state.plan)) await deleteExpired({ world, state, signal }, cellOf(cell))
      yield [{ type: 'CellPrepared', cell, documents: answer }]
    }
    return
  }
}

function refusalIn(error: unknown): PatchwaveError {
  if (!(error instanceof PatchwaveError) || mayPass(error)) throw error
  return error
}

function askedAgainAt(since: Instant, now: Instant): Instant {
  return plus(now, Math.min(AGAIN_MS_MAX, Math.max(AGAIN_MS, (now - since) / 4)))
}

async function ensureAll({ world, state, signal }: Omit<Performing, 'hints'>, cell: string): Promise<Readonly<Record<string, string>>> {
  const documents: Record<string, string> = {}
  for (const name of Object.keys(state.plan.documents).sort()) {
    const { version } = await world.documents.ensure(cellOf(cell), known(world.scripts.get(name), `document ${name}`), signal)
    documents[name] = version
  }
  return documents
}
