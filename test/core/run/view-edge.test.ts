import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/core/run/event.ts'
import { codeOf } from '../../../src/core/run/state.ts'
import { causesOf, viewOf, waitsFor } from '../../../src/core/run/view.ts'
import { HOUR, instant, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { CLOSES, CUTOFF, measured, OPENS, pinned, report, REQUESTED, RUN, Telling } from './telling.ts'
import { searching } from './searching.ts'
import { around, DRAIN, ends, opened } from './stepping.ts'

const ASKED: RunEvent = { type: 'ApprovalAsked', subject: { kind: 'plan' }, group: '', count: 1, expires: plus(OPENS, HOUR) }
const WIDE = { failuresMax: 99 }
const OUTCOMES = { open: 0, patched: 0, 'not-needed': 0, failed: 0, unknown: 0, skipped: 0, 'rolled-back': 0, 'rollback-failed': 0 }

function flying(spec: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes: 3, gate: { ...WIDE, checks: ['smoke'], holdForMs: HOUR } }, { nodes: 1 }], ...spec })
  told.open()
  told.read()
  told.sent(1)
  return told
}

function drained(spec: Partial<PlanSpec> = {}): Telling {
  const told = flying(spec)
  told.tell(report(1, { 0: 'patched', 1: 'failed: timeout', 2: 'skipped: too-late' }, told.now), { type: 'CommandClosed', n: 1 })
  return told
}

const answer = (told: Telling, verdict: 'pass' | 'inconclusive'): void => {
  for (const effect of [...told.state.activities.values()])
    if (effect.kind === 'measure') told.tell(measured(effect, effect.check === 'smoke' ? verdict : 'pass'))
}

describe('a run as people see it', () => {
  it('in the middle of a wave', () => {
    const told = flying()
    told.tell(report(1, { 0: 'patched' }, told.now))
    expect(viewOf(told.state)).toEqual({
      run: RUN,
      runbook: 'night',
      act: 'rollout',
      state: 'running',
      reason: '',
      wave: 'wave-1',
      nodes: { ...OUTCOMES, open: 3, patched: 1, total: 4 },
      inFlight: 2,
      returning: 0,
      notBack: [],
      causes: [],
      window: { opens: OPENS, cutoff: CUTOFF, closes: CLOSES },
      waitsFor: null,
      waves: [
        { name: 'wave-1', state: 'running', nodes: { ...OUTCOMES, open: 2, patched: 1 }, inFlight: 2, total: 3, checks: {}, why: [] },
        { name: 'wave-2', state: 'queued', nodes: { ...OUTCOMES, open: 1 }, inFlight: 0, total: 1, checks: {}, why: [] },
      ],
    })
  })

  it('at a gate: what is measured, what holds it, who is waited for', () => {
    const told = drained()
    const wave = () => viewOf(told.state).waves[0]
    expect(viewOf(told.state)).toMatchObject({ state: 'running', waitsFor: null })
    expect(wave()).toMatchObject({ state: 'baking', checks: { presence: 'measuring', smoke: 'measuring' }, why: [] })
    answer(told, 'inconclusive')
    expect(wave()).toMatchObject({ state: 'held', checks: { presence: 'pass', smoke: 'inconclusive' }, why: ['smoke: inconclusive'] })
    expect(viewOf(told.state)).toMatchObject({ state: 'held', waitsFor: 'a decision on gate wave-1: smoke: inconclusive', wave: 'wave-1' })
    told.wait(MINUTE)
    answer(told, 'pass')
    expect(wave()).toMatchObject({ state: 'passed', why: ['failures: 1 of at most 99', 'presence: pass', 'smoke: pass'] })
  })

  it('after a question has expired while nobody drove it: nobody is asked any more', () => {
    const told = drained()
    told.tell(ASKED)
    const expires = plus(OPENS, HOUR)
    expect(viewOf(told.state, plus(expires, -1))).toMatchObject({ state: 'waiting-for-approval', waitsFor: 'approval of plan: 0 of 1' })
    expect(viewOf(told.state, expires)).toMatchObject({ state: 'approval-expired', waitsFor: null })
  })

  it('after a gate has been held for its time while nobody drove it: nobody can decide it any more', () => {
    const told = drained()
    answer(told, 'inconclusive')
    const over = plus(told.now, HOUR)
    expect(viewOf(told.state, plus(over, -1))).toMatchObject({ state: 'held', waitsFor: 'a decision on gate wave-1: smoke: inconclusive' })
    expect(viewOf(told.state, over)).toMatchObject({ state: 'hold-expired', waitsFor: null })
  })

  it('at its end', () => {
    const told = drained()
    told.tell({ type: 'AbortAsked', reason: 'enough', rollback: false })
    expect(viewOf(told.state)).toMatchObject({
      state: 'aborted',
      reason: 'enough',
      wave: null,
      nodes: { patched: 1, failed: 1, skipped: 2, total: 4 },
      causes: [
        { outcome: 'failed', reason: 'timeout', nodes: 1 },
        { outcome: 'skipped', reason: 'not-reached', nodes: 1 },
        { outcome: 'skipped', reason: 'too-late', nodes: 1 },
      ],
    })
    expect(viewOf(told.state).nodes).not.toHaveProperty('open')
  })

  it('that went well: why it ended', () => {
    const told = opened({ waves: [{ nodes: 1 }] })
    expect(viewOf(told.state).waves[0]?.inFlight).toBe(1)
    told.play('patched')
    expect(viewOf(told.state)).toMatchObject({ state: 'succeeded', reason: 'all gates passed' })
  })

  it('that comes back: who returns, and who could not', () => {
    const told = opened(around({ drain: DRAIN }, { waves: [{ nodes: 2, gate: WIDE }] }))
    told.read()
    ends(told, 'drain')
    told.sent(1)
    told.tell(report(1, { 0: 'patched', 1: 'patched' }, told.now))
    expect(viewOf(told.state)).toMatchObject({ returning: 2, inFlight: 2 })
    expect(viewOf(told.state).waves[0]).toMatchObject({ nodes: { patched: 2, open: 0 }, inFlight: 0 })
    told.wait(5 * SECOND)
    ends(told, 'rejoin', { 1: 'undone: late' })
    expect(viewOf(told.state)).toMatchObject({ returning: 0, notBack: [{ node: told.plan.nodes[1]?.node, steps: ['rejoin'] }] })
  })

  it('in a freeze that has begun, or is over, since its last entry', () => {
    const told = opened({ waves: [{ nodes: 1 }] })
    const [from, to] = [plus(OPENS, HOUR), plus(OPENS, 2 * HOUR)]
    told.tell({ type: 'FreezesRead', from: [from], to: [to], why: ['x'], source: [''], again: null })
    const words = [from - 1, from, to - 1, to].map((now) => viewOf(told.state, instant(now)).state)
    expect(words).toEqual(['running', 'frozen', 'frozen', 'running'])
    told.until(from)
    expect([viewOf(told.state).state, viewOf(told.state, to).state]).toEqual(['frozen', 'running'])
  })

  it('before its window', () => {
    const told = new Telling({ waves: [{ nodes: 1 }] })
    expect(viewOf(told.state)).toMatchObject({ state: 'waiting-for-window', window: null, wave: null, waitsFor: null })
    told.tell(REQUESTED, pinned(told.plan))
    expect(viewOf(told.state).state).toBe('waiting-for-window')
  })

  // prettier-ignore
  it.each<[it: string, told: () => Pick<Telling, 'state'>, state: string]>([
    ['aborting',               () => { const told = flying(); told.tell({ type: 'AbortAsked', reason: '', rollback: false }); return told }, 'aborting'],
    ['paused',                 () => { const told = flying(); told.tell({ type: 'Paused', reason: '' }); return told },                       'paused'],
    ['rolling back',           () => { const told = flying({ waves: [{ nodes: 3 }] }); told.ends(1, 'failed: x'); return told },              'rolling-back'],
    ['rolling back, aborted',  () => { const told = flying({ waves: [{ nodes: 3 }] }); told.ends(1, 'failed: x'); told.tell({ type: 'AbortAsked', reason: '', rollback: true }); return told }, 'rolling-back'],
    ['waiting for its next window', () => { const told = flying(); told.state.phase = { name: 'awaiting-window' }; return told },             'waiting-for-window'],
    ['searching, while a round is undone', () => { const { state } = searching(); state.phase = { name: 'rolling-back', waves: [1], at: 0, after: 'rolled-back' }; return { state } }, 'isolating'],
    ['asked and answered',     () => { const told = flying(); told.tell(ASKED, { type: 'ApprovalGiven', subject: { kind: 'plan' }, by: 'ann', reason: '' }); return told }, 'running'],
    ['checks of its own',      () => { const told = new Telling({ before: ['x'], waves: [{ nodes: 1 }] }); told.open(); return told },        'before'],
    ['looking at the fleet',   () => { const told = new Telling({ waves: [{ nodes: 1 }] }); told.open(); told.state.phase = { name: 'surveying' }; return told }, 'surveying'],
  ])('%s', (_, given, state) => {
    const view = viewOf(given().state)
    expect([view.state, view.waitsFor]).toEqual([state, null])
  })

  // prettier-ignore
  it.each<[it: string, event: Partial<Extract<RunEvent, { type: 'ApprovalAsked' }>>, waits: string]>([
    ['a gate',     { subject: { kind: 'gate', wave: 'wave-1' }, group: 'leads', count: 2 }, 'approval of gate wave-1: 0 of 2 from leads'],
    ['a plan',     { subject: { kind: 'plan' }, group: 'leads', count: 1 },                 'approval of plan: 0 of 1 from leads'],
    ['a rollback', { subject: { kind: 'rollback' }, group: '', count: 1 },                  'approval of rollback: 0 of 1'],
  ])('that waits for people: %s', (_, asked, waits) => {
    const told = flying()
    told.tell({ ...ASKED, ...asked })
    expect([viewOf(told.state).state, waitsFor(told.state)]).toEqual(['waiting-for-approval', waits])
  })
})

describe('why nodes did not go well', () => {
  it('is grouped: the worst outcomes first, in each the commonest reason, then by name', () => {
    const { state } = new Telling(plan({ waves: [{ nodes: 10 }] }))
    const rows = [
      ['skipped', 'b'],
      ['skipped', 'a'],
      ['failed', 'rare'],
      ['failed', 'often'],
      ['failed', 'often'],
      ['unknown', 'x'],
      ['rollback-failed', 'y'],
      ['patched', 'fine'],
      ['open', ''],
      ['skipped', 'c'],
    ] as const
    rows.forEach(([outcome, reason], position) => {
      state.nodes.outcome[position] = codeOf(outcome)
      state.nodes.reason[position] = reason
    })
    expect(causesOf(state)).toEqual([
      { outcome: 'rollback-failed', reason: 'y', nodes: 1 },
      { outcome: 'failed', reason: 'often', nodes: 2 },
      { outcome: 'failed', reason: 'rare', nodes: 1 },
      { outcome: 'unknown', reason: 'x', nodes: 1 },
      { outcome: 'skipped', reason: 'a', nodes: 1 },
      { outcome: 'skipped', reason: 'b', nodes: 1 },
      { outcome: 'skipped', reason: 'c', nodes: 1 },
    ])
  })
})
