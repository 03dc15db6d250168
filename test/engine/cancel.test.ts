import { describe, expect, it } from 'vitest'
import { intended } from '../core/run/rounds.ts'
import { sent } from '../core/run/telling.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { cancelCommand } from '../../src/engine/effects/cancel.ts'
import type { World } from '../../src/engine/world.ts'
import { MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import type { InvocationSeen } from '../../src/ports/commands.ts'

/** Who is cancelled of a command of two nodes that wait for their agents, the second of which SSM shows only so late; and what is told. */
async function cancelled(hiddenMs: Ms): Promise<[asked: string[], told: RunEvent[], afterMs: Ms]> {
  const told = intended({ waves: [{ nodes: 2 }] })
  const clock = new VirtualClock(told.now)
  const began = told.now
  told.tell(sent(1, told.now))
  const nodes = told.plan.nodes.map(({ node }) => node)
  const gone = new Set<string>()
  const asked: string[] = []
  const commands = {
    async *invocations(): AsyncGenerator<InvocationSeen> {
      for (const [index, node] of nodes.entries()) {
        if (index === 1 && clock.now() < plus(began, hiddenMs)) continue
        yield await Promise.resolve({ node, status: gone.has(node) ? 'Cancelled' : 'Pending', ended: false, exitCode: null, output: '' })
      }
    },
    cancel: (_: unknown, __: unknown, some: readonly string[]) => {
      for (const node of some) gone.add(node)
      asked.push(some.map((node) => String(nodes.indexOf(node))).join())
      return Promise.resolve()
    },
  }
  const world = { clock, commands } as unknown as World // Nothing else is asked.
  const events: RunEvent[] = []
  await clock.run(async () => {
    const performing = { world, state: told.state, hints: {} as never, signal: new AbortController().signal }
    for await (const some of cancelCommand(performing, { kind: 'cancel', key: 'cancel:1', n: 1 })) events.push(...some)
  })
  return [asked, events, clock.now() - began]
}

describe('an abort just after a send', () => {
  it('cancels all that wait, once', async () => {
    expect(await cancelled(0)).toEqual([['0,1'], [{ type: 'CancelDone', n: 1, nodes: [0, 1] }], 0])
  })

  it('cancels also those that SSM does not show yet', async () => {
    expect(await cancelled(30 * SECOND)).toMatchObject([['0', '1'], [{ nodes: [0, 1] }], 30 * SECOND])
  })

  it('does not wait for ever for what SSM never shows', async () => {
    expect(await cancelled(60 * MINUTE)).toMatchObject([['0'], [{ nodes: [0] }], 2 * MINUTE])
  })
})
