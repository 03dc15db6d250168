import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { measureCheck } from '../../src/engine/effects/measure.ts'
import type { World } from '../../src/engine/world.ts'
import { sha256 } from '../../src/kit/digest.ts'
import type { ErrorCode } from '../../src/kit/error.ts'
import { tokenOf, type Cell } from '../../src/kit/ids.ts'
import { HOUR, MINUTE, plus, SECOND, type Ms } from '../../src/kit/instant.ts'
import { OPENS, RUN, Telling } from '../core/run/telling.ts'
import { plan as planOf } from '../core/run/plan.ts'
import { searching, SPEC, stands, trying } from '../core/run/searching.ts'
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

describe('a script check that was asked before, by a driver that is no more', () => {
  /** What a driver measures that comes so long after the asking: the node has answered within seconds. */
  async function heardAfter(afterMs: Ms): Promise<RunEvent | undefined> {
    const smoke = { type: 'script', run: '/opt/smoke', timeoutMs: 2 * MINUTE } as const
    const plan = planOf({ waves: [{ nodes: 1 }], checks: { smoke }, before: ['smoke'] })
    const told = new Telling({ ...plan, documents: { 'Patchwave-Check': sha256('') } })
    const [asked] = told.open().flatMap((event) => (event.type === 'MeasureAsked' ? [event] : []))
    const effect = [...told.state.activities.values()].find((one) => one.kind === 'measure')
    if (asked === undefined || effect?.kind !== 'measure') throw new Error('nothing is measured')
    const token = tokenOf(RUN, effect.n)
    const node = told.plan.nodes[0]?.node ?? ''
    const output = JSON.stringify({ pw: 1, token, verdict: 'passed', reason: 'passed', endedAt: 1 })
    const commands = {
      async *sweep() {
        yield await Promise.resolve({ commandId: 'c', comment: token, requestedAt: OPENS, expiresAfter: OPENS, ended: true, nodes: [node] })
      },
      async *invocations() {
        yield await Promise.resolve({ node, status: 'Success', ended: true, exitCode: 0, output })
      },
    }
    const clock = new VirtualClock(plus(OPENS, afterMs))
    const world = { clock, commands } as unknown as World // Nothing else of the world is asked.
    const performing = { world, state: told.state, hints: {} as never, signal: new AbortController().signal }
    const events: RunEvent[] = []
    await clock.run(async () => {
      for await (const some of measureCheck(performing, effect)) events.push(...some)
    })
    return events.at(-1)
  }

  it('counts what the nodes said a few minutes ago', async () => {
    expect(await heardAfter(10 * MINUTE)).toMatchObject({ verdict: 'pass', subjects: 1 })
  })

  it('learns nothing of now from what they said hours ago', async () => {
    expect(await heardAfter(4 * HOUR)).toMatchObject({ verdict: 'inconclusive', subjects: 1, failing: [] })
  })
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

describe('a check after a try of a search', () => {
  it('tells nothing of a node that is stopped again', async () => {
    const { state } = searching(
      { tries: new Map([[1, trying()], [2, trying()]]) }, // prettier-ignore
      { ...SPEC, around: { power: { stopped: 'start-and-restore' } } },
    )
    for (const node of [1, 2]) stands(state, node, 'patched')
    state.nodes.down[2] = 1
    const effect = { kind: 'measure', key: 'measure', purpose: 'try', wave: 1, round: 1, check: 'smoke', n: 1 } as const
    state.activities.set('measure', effect)
    const look = (_: Cell, nodes: readonly string[]) =>
      Promise.resolve(nodes.map((node) => ({ node, agent: 'online', lastPing: plus(OPENS, HOUR) })))
    const world = { clock: new VirtualClock(OPENS), fleet: { look } } as unknown as World // Nothing else of the world is asked.
    const events: RunEvent[] = []
    for await (const some of measureCheck({ world, state, hints: {} as never, signal: new AbortController().signal }, effect))
      events.push(...some)
    expect(events).toMatchObject([{ verdict: 'pass', subjects: 1, failing: [], unclear: [2] }])
  })
})
