import { describe, expect, it } from 'vitest'
import { intended } from '../core/run/rounds.ts'
import { briefly, CUTOFF, OPENS } from '../core/run/telling.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { silentLog } from '../../src/adapters/system/log.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { sendCommand } from '../../src/engine/effects/send.ts'
import { Hints } from '../../src/engine/hints.ts'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError, type ErrorCode } from '../../src/kit/error.ts'
import { commandOf } from '../../src/core/run/state.ts'
import { MINUTE, plus } from '../../src/kit/instant.ts'

const failure = (code: ErrorCode, detail: Readonly<Record<string, string>> = {}) => new PatchwaveError(code, 'no', { hint: 'wait', detail })

/** What is found out when SendCommand fails like these, one after the other, and then succeeds. */
async function sending(failures: readonly PatchwaveError[], meanwhile: readonly RunEvent[] = []) {
  const told = intended({ documents: { 'Patchwave-Apply': 'd'.repeat(64) } })
  const clock = new VirtualClock(told.now)
  const left = [...failures]
  const commands = {
    send: () => {
      const next = left.shift()
      told.tell(...meanwhile)
      if (next) return Promise.reject(next)
      return Promise.resolve({ commandId: 'sent', requestedAt: clock.now(), expiresAfter: plus(clock.now(), 70 * MINUTE) })
    },
  }
  const lists = [{ account: '', image: '', baseline: null, patches: [], digest: 'e'.repeat(64) }]
  Object.assign(told.plan, { lists })
  const scripts = new Map([['Patchwave-Apply', { hash: 'd'.repeat(64) }]])
  const world = { clock, commands, scripts, log: silentLog } as unknown as World
  const found: RunEvent[] = []
  const work = async (): Promise<void> => {
    const performing = { world, state: told.state, hints: new Hints(), signal: new AbortController().signal }
    for await (const events of sendCommand(performing, { kind: 'send', key: 'send:1', n: 1 })) found.push(...events)
  }
  await clock.run(work)
  return { told, found }
}

describe('a command that certainly was not sent', () => {
  it('because it had waited for its turn too long: its nodes, with which nothing is wrong, wait for another', async () => {
    const { told, found } = await sending([failure('aws.invalid', { error: 'TooLate' })])
    expect(found).toMatchObject([{ type: 'CommandRefused', code: 'too-late', invalid: [] }])
    told.tell(...found)
    expect([told.node(0), told.node(1)]).toEqual(['open', 'open'])
  })

  it('because its request stood still until AWS called its time wrong: it is sent now', async () => {
    const { told, found } = await sending([failure('clock.skewed')])
    expect(briefly(found)).toEqual(['CommandSent'])
    told.tell(...found)
    expect(commandOf(told.state, 1).phase).toBe('sent')
  })

  // prettier-ignore
  it.each<[it: string, meanwhile: RunEvent]>([
    ['a pause',   { type: 'Paused', reason: 'x' }],
    ['an abort',  { type: 'AbortAsked', reason: 'x', rollback: false }],
    ['a freeze',  { type: 'FreezesRead', from: [OPENS], to: [CUTOFF], why: ['x'], source: ['y'], again: null }],
  ])('when AWS had asked to slow down, is not sent after %s', async (_, meanwhile) => {
    const { told, found } = await sending([failure('aws.throttled')], [meanwhile])
    expect(briefly(found)).toEqual(['CommandRefused held-back'])
    told.tell(...found)
    expect([...told.state.nodes.touched]).toEqual([0, 0])
  })

  it('because SSM refuses it, with or without a node: those that may be to blame are left alone', async () => {
    const named = await sending([failure('aws.invalid', { nodes: intended().plan.nodes[1]?.node ?? '' })])
    expect(named.found).toMatchObject([{ invalid: [1] }])
    expect((await sending([failure('aws.invalid')])).found).toMatchObject([{ invalid: [0, 1] }])
  })
})
