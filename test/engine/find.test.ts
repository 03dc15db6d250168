import { describe, expect, it } from 'vitest'
import { intended } from '../core/run/rounds.ts'
import { briefly, RUN } from '../core/run/telling.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { silentLog } from '../../src/adapters/system/log.ts'
import { commandOf } from '../../src/core/run/state.ts'
import { findCommand } from '../../src/engine/effects/find.ts'
import { Hints } from '../../src/engine/hints.ts'
import type { World } from '../../src/engine/world.ts'
import { MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import type { CommandSeen } from '../../src/ports/commands.ts'

/**
 * What is found out of a command that may have been sent, from so long after its latest start on. SSM lists it from `listedMs` after that instant on, and
 * each look takes `lookMs`, its first page, with the newest, being read at once.
 */
async function looked(fromMs: Ms, listedMs: Ms, lookMs: Ms): Promise<string[]> {
  const told = intended({ waves: [{ nodes: 1 }] })
  const { startBefore } = commandOf(told.state, 1)
  told.now = plus(startBefore, fromMs)
  told.tell({ type: 'CommandUnclear', n: 1, message: '' })
  const clock = new VirtualClock(told.now)
  const seen: CommandSeen = {
    commandId: 'late',
    comment: `${RUN}.1`,
    requestedAt: startBefore,
    expiresAfter: plus(startBefore, 70 * MINUTE),
    ended: false,
    nodes: [],
  }
  const commands = {
    async *sweep() {
      if (clock.now() >= plus(startBefore, listedMs)) yield seen
      await clock.sleep(plus(clock.now(), lookMs))
    },
  }
  const world = { clock, commands, log: silentLog } as unknown as World
  const found: string[] = []
  await clock.run(async () => {
    const performing = { world, state: told.state, hints: new Hints(), signal: new AbortController().signal }
    for (let look = 0; look < 9 && told.state.activities.has('find:1'); look++)
      for await (const events of findCommand(performing, { kind: 'find', key: 'find:1', n: 1 })) {
        told.now = clock.now()
        found.push(...briefly(events), ...briefly(told.tell(...events)))
      }
  })
  return found
}

describe('a look for a command that takes minutes, because AWS throttles its later pages,', () => {
  it('proves nothing of what SSM lists since it began: the command is adopted, not given up as never sent', async () => {
    expect((await looked(-2 * MINUTE - 10 * SECOND, 90 * SECOND, 3 * MINUTE)).at(-1)).toBe('CommandSent')
  })

  it('that begins before SSM’s list has settled does not end in a miss', async () => {
    expect(await looked(-9 * MINUTE, -8 * MINUTE, 3 * MINUTE)).toEqual(['CommandSent'])
  })

  it('and finds nothing in the end proves that nothing was sent', async () => {
    expect(await looked(-2 * MINUTE, 99 * MINUTE, 3 * MINUTE)).toContain('CommandRefused never-sent')
  })
})
