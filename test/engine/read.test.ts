import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { NodeSeen } from '../../src/core/plan/fleet.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { readBatch } from '../../src/engine/effects/read.ts'
import type { World } from '../../src/engine/world.ts'
import { known } from '../../src/kit/assert.ts'
import { MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import { OPENS, Telling } from '../core/run/telling.ts'

const AWAY: Ms = 30 * SECOND

/** A round of one node that is stopped half a minute after it was first looked at; each look takes so long. */
async function read(lookMs: Ms): Promise<RunEvent[]> {
  const told = new Telling({ waves: [{ nodes: 1 }] })
  told.open()
  const effect = [...told.state.activities.values()].find((one) => one.kind === 'read')
  if (effect?.kind !== 'read') throw new Error('nothing is read')
  const clock = new VirtualClock(OPENS)
  const { account, region, ami, zone, platform, node } = known(told.plan.nodes[0], 'the node')
  const look = async (): Promise<NodeSeen[]> => {
    const state = clock.now() < plus(OPENS, AWAY) ? 'running' : 'stopped'
    await clock.sleep(plus(clock.now(), lookMs))
    return [{ node, account, region, ami, zone, state, platform, agent: 'online', lastPing: clock.now(), hybrid: false, tags: {} }]
  }
  const world = { clock, fleet: { look }, groups: new Map(), accounts: new Map(), imageLineageTag: null } as unknown as World
  const events: RunEvent[] = []
  await clock.run(async () => {
    for await (const some of readBatch({ world, state: told.state, hints: {} as never, signal: new AbortController().signal }, effect))
      events.push(...some)
  })
  return events
}

describe('the look just before an intent', () => {
  it('counts when it was quick', async () => {
    expect(await read(SECOND)).toMatchObject([{ type: 'BatchRead', skipped: [] }])
  })

  it('is repeated when it took so long that it is not true any more', async () => {
    expect(await read(5 * MINUTE)).toMatchObject([{ type: 'BatchRead', skipped: [0], reasons: ['stopped'] }])
  })
})
