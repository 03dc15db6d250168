import { describe, expect, it } from 'vitest'
import { spansOf, lowerBoundMs } from '../../../src/core/run/bound.ts'
import type { Approval } from '../../../src/core/run/parts.ts'
import { awaitsFreezes, brokenKey, freezeNow, heldByFreeze, nextFreeze } from '../../../src/core/run/freezing.ts'
import { initial, type RunState } from '../../../src/core/run/state.ts'
import { DAY, HOUR, MINUTE, plus, type Instant } from '../../../src/kit/instant.ts'
import { plan } from './plan.ts'
import { OPENS, report, RUN, Telling } from './telling.ts'
import { ROLLBACK } from './rounds.ts'

const freeze = (from: Instant, to: Instant, why = 'x') => ({ from, to, why, source: 'y' })
const HOURS = (count: number): Instant => plus(OPENS, count * HOUR)

/** A run that knows these freezes, and may break them or not. */
function knowing(
  freezes: readonly ReturnType<typeof freeze>[],
  more: Readonly<{ breaks?: boolean; asks?: boolean; window?: null }> = {},
): RunState {
  const made = plan({ waves: [{ nodes: 1 }] })
  const rule = { group: 'leads', count: 2, expiresMs: HOUR }
  const window =
    more.window === null || made.runbook.window === null ? null : { ...made.runbook.window, breakFreeze: more.asks === true ? rule : null }
  const state = initial(RUN, { ...made, runbook: { ...made.runbook, window } })
  state.frost = { freezes, again: null, epoch: 0 }
  state.breakFreeze = more.breaks ?? false
  state.reason = 'urgent'
  return state
}

const asked = (state: Approval['state'], expires: Instant): Approval => ({
  subject: { kind: 'freeze' },
  group: 'leads',
  count: 2,
  expires,
  by: [],
  state,
})

describe('a freeze', () => {
  it('holds from its first instant to before its last', () => {
    const state = knowing([freeze(HOURS(1), HOURS(2))])
    expect([0, 1, 2].map((hour) => freezeNow(state, HOURS(hour)) !== undefined)).toEqual([false, true, false])
    expect(freezeNow(state, plus(HOURS(2), -1))).toBeDefined()
  })

  it('that comes next is the earliest that has not begun', () => {
    const state = knowing([freeze(HOURS(5), HOURS(6)), freeze(HOURS(3), HOURS(4)), freeze(HOURS(1), HOURS(2))])
    expect(nextFreeze(state, OPENS)).toBe(HOURS(1))
    expect(nextFreeze(state, HOURS(1))).toBe(HOURS(3))
    expect(nextFreeze(state, HOURS(5))).toBeNull()
    state.frost = null
    expect([nextFreeze(state, OPENS), freezeNow(state, HOURS(1))]).toEqual([null, undefined])
  })

  it('that was broken on record is none, another one of the same time is', () => {
    const state = knowing([freeze(OPENS, HOURS(1), 'a'), freeze(OPENS, HOURS(1), 'b')])
    state.broken.add(brokenKey(freeze(OPENS, HOURS(1), 'a')))
    expect(freezeNow(state, OPENS)?.why).toBe('b')
    state.broken.add(brokenKey(freeze(OPENS, HOURS(1), 'b')))
    expect(freezeNow(state, OPENS)).toBeUndefined()
  })

  it('is not known to a driver that has not read it itself, where it may have changed', () => {
    const state = knowing([])
    expect(awaitsFreezes(state)).toBe(false)
    state.frost = { freezes: [], again: HOURS(1), epoch: 0 }
    expect(awaitsFreezes(state)).toBe(false)
    state.epoch = 1
    expect([awaitsFreezes(state), heldByFreeze(state, OPENS)]).toEqual([true, { events: [], wakeAt: null }])
    state.frost = { freezes: [], again: null, epoch: 0 }
    expect([awaitsFreezes(state), heldByFreeze(state, OPENS)]).toEqual([false, undefined])
    state.frost = null
    expect(awaitsFreezes(state)).toBe(false)
  })

  const now = [freeze(OPENS, HOURS(2))]
  const broken = { type: 'FreezeBroken', from: OPENS, to: HOURS(2), why: 'x', reason: 'urgent' }
  const question = { type: 'ApprovalAsked', subject: { kind: 'freeze' }, group: 'leads', count: 2, expires: HOURS(1) }

  // prettier-ignore
  it.each<[it: string, state: () => RunState, decision: unknown]>([
    ['nothing stands in the way',                      () => knowing([]),                                 undefined],
    ['holds who may not break it',                     () => knowing(now),                                { events: [], wakeAt: HOURS(2) }],
    ['is broken by who may',                           () => knowing(now, { breaks: true }),              { events: [broken], wakeAt: null }],
    ['is broken without a window’s rule',              () => knowing(now, { breaks: true, window: null }), { events: [broken], wakeAt: null }],
    ['is asked about first, where the rule says so',   () => knowing(now, { breaks: true, asks: true }),  { events: [question], wakeAt: null }],
    ['waits for the answer',                           () => { const state = knowing(now, { breaks: true, asks: true }); state.approvals.push(asked('asked', HOURS(1))); return state }, { events: [], wakeAt: HOURS(1) }],
    ['waits for the answer, not beyond its end',       () => { const state = knowing(now, { breaks: true, asks: true }); state.approvals.push(asked('asked', HOURS(9))); return state }, { events: [], wakeAt: HOURS(2) }],
    ['holds when it was refused',                      () => { const state = knowing(now, { breaks: true, asks: true }); state.approvals.push(asked('refused', HOURS(1))); return state }, { events: [], wakeAt: HOURS(2) }],
    ['holds when nobody answered',                     () => { const state = knowing(now, { breaks: true, asks: true }); state.approvals.push(asked('expired', HOURS(1))); return state }, { events: [], wakeAt: HOURS(2) }],
    ['is broken when it was allowed',                  () => { const state = knowing(now, { breaks: true, asks: true }); state.approvals.push(asked('given', HOURS(1))); return state }, { events: [broken], wakeAt: null }],
  ])('%s', (_, state, decision) => {
    expect(heldByFreeze(state(), OPENS)).toEqual(decision)
  })
})

describe('the spans of nodes', () => {
  it('are those of the last change, not of what undid it', () => {
    const told = new Telling({ waves: [{ nodes: 2 }], rollback: ROLLBACK })
    told.open()
    told.read()
    told.sent(1)
    told.wait(7 * MINUTE)
    told.tell(report(1, { 0: 'failed: x', 1: 'patched' }, told.now), { type: 'CommandClosed', n: 1 })
    told.wait(DAY)
    told.read()
    told.sent(2)
    expect([...spansOf(told.state)]).toEqual([0, 0])
    told.wait(MINUTE)
    told.ends(2, 'rolled-back')
    expect([...spansOf(told.state)]).toEqual([0, 0])
  })

  it('of a run that undoes another one are those of its rollbacks', () => {
    const told = new Telling({ work: 'rollback', undoes: 'x', waves: [{ nodes: 1 }] })
    told.open()
    told.read()
    told.sent(1)
    told.wait(3 * MINUTE)
    told.ends(1, 'rolled-back')
    expect([...spansOf(told.state)]).toEqual([3 * MINUTE])
    expect(lowerBoundMs(told.state)).toBe(3 * MINUTE)
  })

  it('of a second attempt begin with it; one that has not ended, or ended before its intent by its clock, counts nothing', () => {
    const told = new Telling({ waves: [{ nodes: 2, gate: { failuresMax: 9 } }], retry: { attempts: 2, on: ['lock-held'] } })
    told.open()
    told.read()
    told.sent(1)
    told.wait(5 * MINUTE)
    told.tell(report(1, { 0: 'failed: lock-held', 1: 'patched' }, plus(OPENS, 5 * MINUTE)), { type: 'CommandClosed', n: 1 })
    told.read()
    told.sent(2)
    told.wait(2 * MINUTE)
    expect([...spansOf(told.state)]).toEqual([0, 5 * MINUTE])
    told.ends(2, 'patched')
    expect([...spansOf(told.state)]).toEqual([2 * MINUTE, 5 * MINUTE])
  })

  it('a wave that is tighter takes longer', () => {
    const nodes = Array.from({ length: 2 }, () => ({ groups: [0] }))
    const told = new Telling({ groups: [{ atMost: 2 }], waves: [{ nodes, tighter: [{ group: 0, atMost: 1 }], gate: { failuresMax: 9 } }] })
    told.open()
    for (const n of [1, 2]) {
      told.read()
      told.sent(n)
      told.wait(4 * MINUTE)
      told.ends(n, 'patched')
      told.wait(5_000)
    }
    expect(lowerBoundMs(told.state)).toBe(8 * MINUTE)
  })
})
