import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { silentLog } from '../../src/adapters/system/log.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { initial } from '../../src/core/run/state.ts'
import { scanNodes } from '../../src/engine/effects/scan.ts'
import type { World } from '../../src/engine/world.ts'
import { sha256 } from '../../src/kit/digest.ts'
import { PatchwaveError, type ErrorCode } from '../../src/kit/error.ts'
import { cellKey, type Cell } from '../../src/kit/ids.ts'
import { HOUR, plus } from '../../src/kit/instant.ts'
import { plan } from '../core/run/plan.ts'
import { OPENS, RUN } from '../core/run/telling.ts'
import { refusing } from './steps/stand.ts'

const DARK = '222222222222'
const made = plan({ waves: [{ nodes: [{}, { account: DARK }] }], documents: { 'Patchwave-Scan': 'ab'.repeat(32) } })

/** What is told of two nodes, one a cell, while one of the cells answers like this when the answers are to be read; and what is thrown at last. `unread`: how the other one answers when a list is to be read. */
async function scanned(code: ErrorCode, unread?: ErrorCode): Promise<[told: RunEvent[], thrown: unknown]> {
  const clock = new VirtualClock(OPENS)
  const state = initial(RUN, made)
  for (const position of [0, 1]) state.scanLeft.add(position)
  const line = JSON.stringify({ pw: 1, token: `${RUN}.1`, verdict: 'scanned', reason: 'scanned', missing: 0, endedAt: 1 })
  const commands: Partial<World['commands']> = {
    send: () => Promise.resolve({ commandId: 'sent', requestedAt: OPENS, expiresAfter: plus(OPENS, HOUR) }),
    async *sweep() {
      yield* await Promise.resolve([])
    },
    async *invocations(cell: Cell) {
      if (cell.account === DARK) throw new PatchwaveError(code, 'no', { hint: 'none', detail: { cell: cellKey(cell) } })
      yield await Promise.resolve({ node: made.nodes[0]?.node ?? '', status: 'Success', ended: true, exitCode: 0, output: line })
    },
    output: () => (unread ? refusing(unread)() : Promise.resolve(`${line}\n{"end":true,"digest":"${sha256('')}"}\n`)),
  }
  const world = { clock, commands, log: silentLog, store: { putBlob: () => Promise.resolve() } } as unknown as World // Nothing else of it is asked.
  const performing = { world, state, hints: {} as never, signal: new AbortController().signal }
  const told: RunEvent[] = []
  try {
    await clock.run(async () => {
      for await (const some of scanNodes(performing, { kind: 'scan', key: 'scan', n: 1 })) told.push(...some)
    })
    return [told, undefined]
  } catch (error) {
    return [told, error]
  }
}

const GOOD = { type: 'NodesScanned', nodes: [0] }

describe('a scan over two cells', () => {
  it('of which one refuses leaves out its nodes, and no other', async () => {
    const [told, thrown] = await scanned('aws.denied')
    expect(told).toHaveLength(2)
    expect(told).toEqual(
      expect.arrayContaining([expect.objectContaining(GOOD), { type: 'NodesUnscanned', nodes: [1], reason: 'cell-refused' }]),
    )
    expect(thrown).toBeUndefined()
  })

  it('tells of a node whose list AWS does not have, and does not wait for it for ever', async () => {
    const [told, thrown] = await scanned('aws.denied', 'aws.missing')
    expect(told).toContainEqual({ type: 'NodesUnscanned', nodes: [0], reason: 'unscanned' })
    expect(thrown).toBeUndefined()
    expect((await scanned('aws.denied', 'aws.throttled'))[1]).toMatchObject({ code: 'aws.throttled' })
  })

  it('of which one is dark tells the other, and is tried again for the rest', async () => {
    const [told, thrown] = await scanned('aws.unreachable')
    expect(told).toMatchObject([GOOD])
    expect(thrown).toMatchObject({ code: 'aws.unreachable' })
  })
})
