import { describe, expect, it } from 'vitest'
import { record } from '../../../src/engine/steps/record.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import type { CommandOrder, Commands } from '../../../src/ports/commands.ts'
import { idOf, perform, START } from './stand.ts'

describe('the record before another tool’s work', () => {
  it('is made anew on nodes that this run has not changed yet, and kept on the others', async () => {
    const orders: CommandOrder[] = []
    const commands: Partial<Commands> = {
      send: (order) => {
        orders.push(order)
        return Promise.resolve({
          commandId: `sent-${String(orders.length)}`,
          requestedAt: START,
          expiresAfter: plus(START, 70 * MINUTE),
        })
      },
      async *sweep() {
        yield* await Promise.resolve([])
      },
      async *invocations() {
        yield* await Promise.resolve([])
      },
    }
    const spec = { documents: { 'Patchwave-Verify': 'ab'.repeat(32) } }
    await perform(
      record,
      { commands },
      {
        name: 'record',
        nodes: 3,
        batch: 1,
        n: 1,
        untilMs: 15 * MINUTE,
        spec,
        before: ({ nodes, livePatched }) => {
          nodes.touched[1] = 1
          livePatched.add(2)
        },
      },
    )
    const asked = orders.map(({ nodes, parameters }) => [parameters['Record'], nodes])
    expect(asked).toEqual([
      ['anew', [idOf(0)]],
      ['yes', [idOf(1), idOf(2)]],
    ])
  })
})
