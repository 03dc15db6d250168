import { expect, it } from 'vitest'
import type { RunEvent } from '../../src/core/run/event.ts'
import { approveBaselines } from '../../src/engine/effects/baselines.ts'
import type { Performing } from '../../src/engine/effects/perform.ts'
import type { ErrorCode } from '../../src/kit/error.ts'
import { ACCOUNT } from '../core/run/plan.ts'
import { briefly, Telling } from '../core/run/telling.ts'
import { refusing } from './steps/stand.ts'

const IMAGE = 'web@2026'

/** A trial whose baseline is stored, and wants its label. */
function stored(): Telling {
  const trial = { lineages: [{ image: IMAGE, nodes: [0], accounts: [ACCOUNT] }], path: '/p', approval: null }
  const told = new Telling({ act: 'trial', waves: [{ nodes: [{ list: null }] }], trial })
  told.open()
  told.tell({ type: 'NodesScanned', nodes: [0], lists: ['x'], missing: [1] })
  told.tell({ type: 'ListsPinned', lists: 'x', count: 1, patches: [1], nodes: [0], of: [0] })
  told.play('patched')
  told.tell({ type: 'BaselineStored', account: ACCOUNT, image: IMAGE, path: '/p', version: 1, digest: 'x', written: 1 })
  expect([...told.state.activities.keys()]).toEqual(['approve-baselines'])
  return told
}

async function labelled({ state }: Telling, code: ErrorCode): Promise<RunEvent[]> {
  const world = { home: { account: ACCOUNT, region: 'us-east-1' }, parameters: { label: refusing(code) } }
  const performing = { world, state, signal: new AbortController().signal } as unknown as Performing // Nothing else is asked.
  const told: RunEvent[] = []
  for await (const some of approveBaselines(performing)) told.push(...some)
  return told
}

it.each<ErrorCode>(['aws.denied', 'aws.missing'])('a label that is refused for good ends the trial: %s', async (code) => {
  const told = stored()
  const facts = await labelled(told, code)
  expect(facts).toMatchObject([{ type: 'BaselineRefused', account: ACCOUNT, image: IMAGE, code }])
  told.state.openCommands.add(9) // What is still under way does not make it ask for labels again.
  told.tell(...facts)
  expect([...told.state.activities.keys()]).toEqual([])
  told.state.openCommands.delete(9)
  expect(briefly(told.tell())).toEqual([`RunFinished failed: baselines refused: ${IMAGE}@${ACCOUNT}`])
})

it.each<ErrorCode>(['aws.throttled', 'aws.unclear'])('a label that may be had later is waited for: %s', async (code) => {
  await expect(labelled(stored(), code)).rejects.toMatchObject({ code })
})
