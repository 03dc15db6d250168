import { describe, expect, it } from 'vitest'
import { intended } from '../core/run/rounds.ts'
import { RUN, sent } from '../core/run/telling.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { silentLog } from '../../src/adapters/system/log.ts'
import { commandOf } from '../../src/core/run/state.ts'
import { watchCommand } from '../../src/engine/effects/watch.ts'
import { Hints } from '../../src/engine/hints.ts'
import type { World } from '../../src/engine/world.ts'
import { MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import type { InvocationSeen } from '../../src/ports/commands.ts'

/** A copy's end: so long after the intent, with this status of SSM and this word of the node; so often its pages show the node. */
type Copy = Readonly<{ afterMs: Ms; status: string; said?: Readonly<{ verdict: string; reason: string }>; shown?: number }>

/** What the journal says of a node to which these copies of one command were sent. */
const watched = (...copies: readonly Copy[]): Promise<string> => watchedWith(0, copies)

/** The same where each page takes so long to come, and tells what was so when it was asked for. */
async function watchedWith(pageMs: Ms, copies: readonly Copy[]): Promise<string> {
  const told = intended({ waves: [{ nodes: 1 }] })
  const clock = new VirtualClock(told.now)
  const began = told.now
  told.tell({ type: 'CommandUnclear', n: 1, message: '' })
  told.tell(...copies.map((_, index) => sent(1, told.now, index, true)))
  const { ids } = commandOf(told.state, 1)
  const { node } = told.plan.nodes[0] ?? { node: '' }
  const commands = {
    async *invocations(_: unknown, id: string): AsyncGenerator<InvocationSeen> {
      const copy = await Promise.resolve(copies[ids.indexOf(id)])
      if (copy === undefined) return
      const ended = clock.now() >= plus(began, copy.afterMs)
      await clock.sleep(plus(clock.now(), pageMs))
      const output = copy.said ? JSON.stringify({ pw: 1, token: `${RUN}.1`, ...copy.said, endedAt: 1_800_000_000 }) : ''
      const one = { node, status: ended ? copy.status : 'InProgress', ended, exitCode: ended ? 0 : null, output: ended ? output : '' }
      for (let shown = 0; shown < (copy.shown ?? 1); shown++) yield one
    },
  }
  const world = { clock, commands, events: null, log: silentLog } as unknown as World
  await clock.run(async () => {
    const performing = { world, state: told.state, hints: new Hints(), signal: new AbortController().signal }
    for await (const events of watchCommand(performing, { kind: 'watch', key: 'watch:1', n: 1 })) {
      told.now = clock.now()
      told.tell(...events)
    }
  })
  return told.node(0)
}

const LOCKED: Copy = { afterMs: MINUTE, status: 'Failed', said: { verdict: 'failed', reason: 'lock-held' } }
const FULL: Copy = { afterMs: MINUTE, status: 'Failed', said: { verdict: 'failed', reason: 'disk-full' } }
const PATCHED: Copy = { afterMs: 20 * MINUTE, status: 'Success', said: { verdict: 'patched', reason: 'installed' } }
const SILENT: Copy = { afterMs: MINUTE, status: 'DeliveryTimedOut' }
const UNDELIVERED: Copy = { afterMs: MINUTE, status: 'Undeliverable' }

describe('of several copies of a command', () => {
  // prettier-ignore
  it.each<[it: string, copies: readonly Copy[], told: string]>([
    ['the first word counts',                                             [PATCHED, { ...LOCKED, afterMs: 30 * MINUTE }], 'patched: installed'],
    ['one that got no lock says nothing of one that is under way',        [LOCKED, PATCHED],                              'patched: installed'],
    ['one whose marker found no room says nothing of one that may',       [FULL, PATCHED],                                'patched: installed'],
    ['one that got no lock tells where the others certainly never ran',   [LOCKED, UNDELIVERED],                          'failed: lock-held'],
    ['one that may have run tells, not the last one, which did not',      [SILENT, UNDELIVERED],                          'unknown: delivery-timed-out'],
    ['one that may have run tells, not one that got no lock',             [SILENT, LOCKED],                               'unknown: delivery-timed-out'],
  ])('%s', async (_, copies, said) => {
    expect(await watched(...copies)).toBe(said)
  })

  it('one that two pages show does not stand for another one', async () => {
    expect(await watched({ ...UNDELIVERED, shown: 2 }, { ...PATCHED, shown: 0 })).toBe('unknown: expired')
    expect(await watched({ ...UNDELIVERED, shown: 2 })).toBe('failed: undeliverable')
  })
})

describe('a command whose time is over', () => {
  it('is asked for once more: a page that was asked for before does not say how its nodes have ended', async () => {
    const last = { ...PATCHED, afterMs: 70 * MINUTE - SECOND }
    for (const pageMs of [0, 4 * MINUTE, 7 * MINUTE]) expect(await watchedWith(pageMs, [last])).toBe('patched: installed')
  })
})
