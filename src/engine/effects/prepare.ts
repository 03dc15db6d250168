import { PatchwaveError } from '../../kit/error.ts'
import { cellOf } from '../../kit/ids.ts'
import { known } from '../../kit/assert.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** Makes the cell have the documents that the plan pins. A cell that refuses is recorded as such; the others go on. */
export async function* prepareCell({ world, state, signal }: Performing, effect: EffectOf<'prepare'>): Found {
  const documents: Record<string, string> = {}
  try {
    for (const name of Object.keys(state.plan.documents).sort()) {
      const script = known(world.scripts.get(name), `document ${name}`)
      const { version } = await world.documents.ensure(cellOf(effect.cell), script, signal)
      documents[name] = version
    }
  } catch (error) {
    if (!(error instanceof PatchwaveError) || error.retryable || error.code === 'aws.unclear') throw error
    yield [{ type: 'CellRefused', cell: effect.cell, code: error.code, message: error.message }]
    return
  }
  yield [{ type: 'CellPrepared', cell: effect.cell, documents }]
}
