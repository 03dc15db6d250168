import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../src/core/run/event.ts'
import { initial } from '../../src/core/run/state.ts'
import type { Performing } from '../../src/engine/effects/perform.ts'
import { prepareCell } from '../../src/engine/effects/prepare.ts'
import { known } from '../../src/kit/assert.ts'
import type { ErrorCode } from '../../src/kit/error.ts'
import { plan } from '../core/run/plan.ts'
import { RUN } from '../core/run/telling.ts'
import { refusing } from './steps/stand.ts'

/** What is told of a cell that has never been used, where AWS answers like this when its documents are asked for. */
async function prepared(code: ErrorCode): Promise<RunEvent[]> {
  const state = initial(RUN, plan({ waves: [{ nodes: 1 }], documents: { 'Patchwave-Apply': 'ab'.repeat(32) } }))
  const world = { documents: { ensure: refusing(code) }, scripts: new Map([['Patchwave-Apply', {}]]) }
  const performing = { world, state, signal: new AbortController().signal } as unknown as Performing // Nothing else is asked.
  const told: RunEvent[] = []
  const cell = known(state.cells[0], 'the cell')
  for await (const some of prepareCell(performing, { kind: 'prepare', key: `prepare:${cell}`, cell })) told.push(...some)
  return told
}

describe('a cell whose documents cannot be had', () => {
  it.each<ErrorCode>(['aws.denied', 'aws.invalid'])('refuses: %s', async (code) => {
    expect(await prepared(code)).toMatchObject([{ type: 'CellRefused', code }])
  })

  it.each<ErrorCode>(['aws.throttled', 'aws.unclear', 'clock.skewed'])(
    'is asked again where nothing is wrong with the cell: %s',
    async (code) => {
      await expect(prepared(code)).rejects.toMatchObject({ code })
    },
  )
})
