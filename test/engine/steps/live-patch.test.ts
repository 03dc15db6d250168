import { describe, expect, it } from 'vitest'
import { livePatch } from '../../../src/engine/steps/live-patch.ts'
import { known } from '../../../src/kit/assert.ts'
import type { RunState } from '../../../src/core/run/state.ts'
import { HOUR, MINUTE, plus, type Instant } from '../../../src/kit/instant.ts'
import type { Commands, InvocationSeen } from '../../../src/ports/commands.ts'
import { idOf, perform, refusing, START, type Ports, type StepSpec } from './stand.ts'

const RUN = '01900000-0000-7000-8000-000000000001'

/** One node whose command comes to this; it is gone where `look` says so. */
async function switched(
  part: Partial<InvocationSeen>,
  look: Ports['look'] = () => ({}),
  before: NonNullable<StepSpec['before']> = () => undefined,
  send: Commands['send'] = () => Promise.resolve({ commandId: 'sent', requestedAt: START, expiresAfter: plus(START, 70 * MINUTE) }),
): Promise<string> {
  const commands: Partial<Commands> = {
    send,
    async *sweep() {
      yield* await Promise.resolve([])
    },
    async *invocations() {
      yield await Promise.resolve({ node: idOf(0), status: 'Failed', ended: true, exitCode: 70, output: '', ...part })
    },
  }
  const documents = { 'Patchwave-LivePatch': 'ab'.repeat(32) }
  const { ended } = await perform(
    livePatch,
    { commands, look },
    { name: 'live-patch', nodes: 1, batch: 1, n: 1, untilMs: 30 * MINUTE, spec: { documents }, before },
  )
  return ended.map(({ outcome, reason }) => `${outcome}: ${reason}`).join()
}

const says = (verdict: string, reason: string, changed = 0): string =>
  JSON.stringify({ pw: 1, token: `${RUN}.1`, verdict, reason, changed, endedAt: 1 })

describe('live-patch', () => {
  it('keeps the hand on a node that was sent to for as long as it may be at it, also where nobody may read its answer', async () => {
    const sent = { commandId: 'sent', requestedAt: START, expiresAfter: plus(START, 70 * MINUTE) }
    const commands: Partial<Commands> = {
      send: () => Promise.resolve(sent),
      async *sweep() {
        yield await Promise.resolve({ ...sent, comment: `${RUN}.1`, ended: false, nodes: [idOf(0)] })
      },
      // eslint-disable-next-line require-yield -- it is refused
      async *invocations() {
        await refusing('aws.denied')()
      },
    }
    const spec = { documents: { 'Patchwave-LivePatch': 'ab'.repeat(32) } }
    const { ended } = await perform(livePatch, { commands }, { name: 'live-patch', nodes: 1, batch: 1, n: 1, untilMs: 30 * MINUTE, spec })
    expect(ended).toMatchObject([{ outcome: 'unknown', reason: 'livepatch-unknown' }])
    expect(ended[0]?.afterMs).toBeGreaterThanOrEqual(30 * MINUTE)
  })

  it.each([
    ['skipped', 'livepatch-unsupported', 0, 'skipped: livepatch-unsupported'],
    ['failed', 'lock-held', 0, 'skipped: livepatch-lock-held'],
    ['failed', 'repository-unreachable', 0, 'skipped: livepatch-repository-unreachable'],
    ['failed', 'interrupted', 0, 'failed: livepatch-interrupted'],
    ['failed', 'scriptlet-failed', 0, 'failed: livepatch-scriptlet-failed'],
    ['failed', 'package-database', 0, 'failed: livepatch-package-database'],
    ['failed', 'service-failed', 0, 'skipped: livepatch-service-failed'],
    ['failed', 'service-failed', 2, 'failed: livepatch-service-failed'],
  ])('a node that says %s, %s with %d changed packages: %s', async (verdict, reason, changed, word) => {
    expect(await switched({ output: says(verdict, reason, changed) })).toBe(word)
  })

  it('a node that disappears while it may be at it has failed: its new kernel code may be why', async () => {
    expect(await switched({ status: 'InProgress', ended: false }, () => undefined)).toBe('failed: gone')
  })

  const open = (state: RunState): void => {
    const cell = known(state.cells[0], 'a cell')
    state.batches.set(1, { batch: 1, cell, list: 0, work: 'apply', nodes: [0], readAt: START, step: 0, running: 1 })
    const ends = plus(START, 5 * HOUR)
    const times = { opens: START, startAt: START, openBy: ends, cutoff: ends, closes: ends, lastStart: ends }
    state.window = { ...times, native: '', nativeDigest: '', opened: true }
  }

  const late = (again: Instant | null, freezes: NonNullable<RunState['frost']>['freezes'], aborting: RunState['aborting'] = null) =>
    switched({ output: says('patched', 'installed', 3) }, undefined, (state) => {
      open(state)
      state.frost = { freezes, again, epoch: 0 }
      state.epoch = 1
      state.aborting = aborting
    })

  it('is not begun in a freeze by a driver that comes late', async () => {
    const freeze = { from: plus(START, -MINUTE), to: plus(START, HOUR), why: 'quarter end', source: '' }
    expect(await late(null, [freeze])).toBe('skipped: livepatch-unsent')
    expect(await late(null, [])).toBe('open: installed')
  })

  it('is not begun after an abort by a driver that comes late', async () => {
    expect(await late(null, [], { rollback: false, reason: 'x' })).toBe('skipped: livepatch-unsent')
  })

  it('is not begun any more where an abort came while SSM was throttled', async () => {
    let [sends, aborts] = [0, (): void => undefined]
    const send = (): ReturnType<Commands['send']> => {
      sends += 1
      aborts()
      return refusing('aws.throttled')()
    }
    const begun = (state: RunState): void => {
      open(state)
      aborts = () => (state.aborting = { rollback: false, reason: 'x' })
    }
    expect(await switched({ output: says('patched', 'installed', 3) }, undefined, begun, send)).toBe('skipped: livepatch-unsent')
    expect(sends).toBe(1)
  })

  it('is not begun by a driver that has not read the calendars yet', async () => {
    expect(await late(plus(START, HOUR), [])).toBe('skipped: livepatch-unsent')
  })

  it('one that disappears and was never reached is left out', async () => {
    expect(await switched({ status: 'Undeliverable' }, () => undefined)).toBe('skipped: gone')
  })
})
