import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { measureCheck } from '../../src/engine/effects/measure.ts'
import type { World } from '../../src/engine/world.ts'
import type { ErrorCode } from '../../src/kit/error.ts'
import type { Cell } from '../../src/kit/ids.ts'
import { HOUR, MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import { OPENS, Telling } from '../core/run/telling.ts'
import { refusing } from './steps/stand.ts'

/** A gate of one node that is asked for pings while AWS answers with this, so long after it began. */
async function measuredAt(code: ErrorCode, afterMs: Ms): Promise<RunEvent | undefined> {
  const told = new Telling({ waves: [{ nodes: 1, gate: { checks: ['agents'] } }], checks: { agents: { type: 'agent-ping' } } })
  told.open()
  told.read()
  told.sent(told.n)
  told.ends(told.n, 'patched: installed')
  const effect = [...told.state.activities.values()].find((one) => one.kind === 'measure' && one.check === 'agents')
  if (effect?.kind !== 'measure') throw new Error('nothing is measured')
  const clock = new VirtualClock(plus(OPENS, afterMs))
  const world = { clock, fleet: { look: refusing(code) } } as unknown as World // Nothing else of the world is asked.
  const performing = { world, state: told.state, hints: {} as never, signal: new AbortController().signal }
  const events: RunEvent[] = []
  for await (const some of measureCheck(performing, effect)) events.push(...some)
  return events.at(-1)
}

describe('a check that cannot be measured', () => {
  it.each<ErrorCode>(['aws.denied', 'config.invalid', 'aws.invalid', 'aws.missing'])('because of %s tells nothing', async (code) => {
    expect(await measuredAt(code, SECOND)).toMatchObject({ type: 'CheckMeasured', verdict: 'inconclusive', subjects: 1 })
  })

  it.each<ErrorCode>(['aws.unreachable', 'aws.throttled', 'aws.expired', 'clock.skewed'])(
    'because of %s is tried again, and tells nothing after a while',
    async (code) => {
      await expect(measuredAt(code, 5 * MINUTE)).rejects.toMatchObject({ code })
      expect(await measuredAt(code, HOUR)).toMatchObject({ type: 'CheckMeasured', verdict: 'inconclusive', subjects: 1 })
    },
  )
})

describe('a check before a run, of whose two accounts one refuses', () => {
  const DARK = '222222222222'

  /** `used`: the account that refuses could be used before. */
  async function measuredBefore(used: boolean): Promise<RunEvent[]> {
    const told = new Telling({
      waves: [{ nodes: [{}, { account: DARK }] }],
      checks: { agents: { type: 'agent-ping' } },
      before: ['agents'],
    })
    const { state } = told
    const cell = `${DARK}/us-east-1`
    told.now = OPENS
    if (used) told.tell({ type: 'CellPrepared', cell, documents: {} })
    told.tell({ type: 'CellRefused', cell, code: 'aws.denied', message: '' })
    const effect = { kind: 'measure', key: 'measure', purpose: 'before', wave: -1, round: 1, check: 'agents', n: 1 } as const
    state.activities.set('measure', effect)
    const look = ({ account }: Cell, nodes: readonly string[]) =>
      account === DARK ? refusing('aws.denied')() : Promise.resolve(nodes.map((node) => ({ node, agent: 'online', lastPing: OPENS })))
    const world = { clock: new VirtualClock(OPENS), fleet: { look } } as unknown as World // Nothing else of the world is asked.
    const events: RunEvent[] = []
    for await (const some of measureCheck({ world, state, hints: {} as never, signal: new AbortController().signal }, effect))
      events.push(...some)
    return events
  }

  it('asks the nodes that the run will touch, and no other', async () => {
    expect(await measuredBefore(false)).toMatchObject([{ verdict: 'pass', evidence: '1 of 1 nodes answer' }])
  })

  it('tells nothing where the nodes of the account wait for it to be back', async () => {
    expect(await measuredBefore(true)).toMatchObject([{ verdict: 'inconclusive', subjects: 2 }])
  })
})
