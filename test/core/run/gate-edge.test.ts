import { describe, expect, it } from 'vitest'
import type { Verdict } from '../../../src/core/run/event.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec, WaveSpec } from './plan.ts'
import { briefly, measured, OPENS, report, Telling } from './telling.ts'

/** One wave whose nodes have ended like this, its command still open; its gate is next. */
function reported(words: readonly string[], gate: WaveSpec['gate'] = {}, more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ waves: [{ nodes: words.length, gate }], ...more })
  told.open()
  told.read()
  told.sent(told.n)
  told.tell(report(told.n, Object.fromEntries(words.map((word, node) => [node, word])), told.now))
  return told
}

function drained(words: readonly string[], gate: WaveSpec['gate'] = {}, more: Partial<PlanSpec> = {}): Telling {
  const told = reported(words, gate, more)
  told.tell({ type: 'CommandClosed', n: 1 })
  return told
}

/** Answers what is being measured. */
function answer(told: Telling, verdicts: Readonly<Record<string, Verdict>> = {}): void {
  for (const effect of [...told.state.activities.values()])
    if (effect.kind === 'measure') told.tell(measured(effect, verdicts[effect.check] ?? 'pass'))
}

const decided = (told: Telling) => told.facts.map(({ event }) => event).find((event) => event.type === 'GateDecided')
const held = (told: Telling) => told.facts.map(({ event }) => event).find((event) => event.type === 'GateHeld')

describe('a gate says why', () => {
  const subject = { kind: 'gate', wave: 'wave-1' } as const

  it('it passed: the budget and each check', () => {
    const told = drained(['patched', 'failed: x'], { failuresMax: 2, checks: ['smoke'] })
    answer(told)
    expect(decided(told)).toMatchObject({ verdict: 'pass', why: ['failures: 1 of at most 2', 'presence: pass', 'smoke: pass'] })
  })

  it('it passed, and who approved it', () => {
    const told = drained(['patched'], { approval: { group: 'leads', count: 2, expiresMs: HOUR } })
    answer(told)
    told.tell({ type: 'ApprovalGiven', subject, by: 'ann', reason: '' })
    told.tell({ type: 'ApprovalGiven', subject, by: 'bob', reason: '' })
    expect(held(told)).toBeUndefined()
    expect(decided(told)).toMatchObject({
      verdict: 'pass',
      why: ['failures: 0 of at most 0', 'presence: pass', 'approved by ann, bob'],
    })
  })

  it('a check failed twice', () => {
    const told = drained(['patched'], { checks: ['smoke', 'probe'] })
    answer(told, { smoke: 'fail', probe: 'inconclusive' })
    told.wait(MINUTE)
    answer(told, { smoke: 'fail', probe: 'inconclusive' })
    expect(decided(told)).toMatchObject({ verdict: 'fail', why: ['smoke: fail'] })
  })

  it('a person rejected it, who is named, and not the one who had approved before', () => {
    const told = drained(['patched'], { approval: { group: 'leads', count: 2, expiresMs: HOUR } })
    answer(told)
    told.tell({ type: 'ApprovalGiven', subject, by: 'ann', reason: '' }, { type: 'ApprovalRefused', subject, by: 'bob', reason: 'no' })
    expect(decided(told)).toMatchObject({ verdict: 'fail', why: ['rejected by bob'] })
  })

  it('a hook stopped the wave', () => {
    const told = drained(['patched'])
    const [wave] = told.state.waves
    if (wave === undefined) throw new Error('there is a wave')
    wave.stopped = 'hook said stop'
    expect(told.tell()[0]).toMatchObject({ type: 'GateDecided', verdict: 'fail', why: ['hook said stop'] })
  })

  it('the run’s budget is spent', () => {
    const told = drained(['patched', 'failed: x', 'failed: x'], { failuresMax: 2 }, { budgetMax: 1 })
    expect(decided(told)).toMatchObject({ verdict: 'fail', why: ['budget: 2 of at most 1 in the run'] })
  })

  // prettier-ignore
  it.each<[it: string, words: string[], gate: WaveSpec['gate'], more: Partial<PlanSpec>, why: string[]]>([
    ['nothing was patched',          ['skipped: x'],               {},                      {},               ['no evidence: no node was patched']],
    ['some needed nothing, some were not seen', ['not-needed', 'skipped: x'], {},            {},               ['no evidence: no node was patched']],
    ['a scan that read nothing',     ['skipped: offline'],         {},                      { work: 'scan' }, ['no evidence: no node was patched']],
    ['too few of the wave',          ['patched', 'skipped: x'],    { evidencePercent: 60 }, {},               ['evidence: 50.0% of the wave, 60% wanted']],
  ])('it is held: %s', (_, words, gate, more, why) => {
    const told = drained(words, gate, more)
    answer(told)
    expect(held(told)).toMatchObject({ why })
  })

  it('exactly the share that is wanted is enough', () => {
    const told = drained(['patched', 'not-needed', 'patched', 'skipped: x', 'skipped: x'], { evidencePercent: 60 })
    answer(told)
    expect(decided(told)).toMatchObject({ verdict: 'pass' })
  })

  it('a gate that is held too long says what it was held for', () => {
    const told = drained(['patched'], { checks: ['smoke'], holdForMs: HOUR })
    answer(told, { smoke: 'inconclusive' })
    expect(held(told)).toMatchObject({ why: ['smoke: inconclusive'] })
    expect(briefly(told.wait(HOUR))).toContain('GateExpired')
    expect(told.state.phase).toMatchObject({ outcome: 'stopped', reason: 'wave wave-1: smoke: inconclusive' })
  })
})

it('a gate that is held waits for the last command before it expires: its nodes are not known for good yet', () => {
  const told = reported(['skipped: x'], { holdForMs: HOUR })
  expect(briefly(told.wait(2 * HOUR))).toEqual([])
  expect(briefly(told.tell({ type: 'CommandClosed', n: 1 }))).toEqual(['GateExpired', expect.stringMatching(/^RunFinished stopped/)])
})

describe('rounds of checks while a wave bakes', () => {
  /** Minutes after the drain at which checks were asked for, each answered `lagMs` later. */
  function roundsOf(bakeMs: number, lagMs = 0, verdicts: readonly Verdict[] = []): number[] {
    const told = drained(['patched'], { bakeMs, checks: ['smoke'] })
    const rounds: number[] = []
    for (let round = 0; decided(told) === undefined && round < 40; round++) {
      rounds.push((told.now - OPENS) / MINUTE)
      if (lagMs > 0) told.wait(lagMs)
      answer(told, { smoke: verdicts[round] ?? 'pass' })
      if (decided(told) === undefined) told.wake()
    }
    return rounds
  }

  // prettier-ignore
  it.each<[it: string, bakeMinutes: number, rounds: number[]]>([
    ['none: once',                                0, [0]],
    ['a short one: every minute',                 3, [0, 1, 2, 3]],
    ['a middling one: six times and at its end', 12, [0, 2, 4, 6, 8, 10, 12]],
    ['a long one: every five minutes',           33, [0, 5, 10, 15, 20, 25, 30, 33]],
  ])('%s', (_, bake, rounds) => {
    expect(roundsOf(bake * MINUTE)).toEqual(rounds)
  })

  it('count from the end of the one before', () => {
    expect(roundsOf(12 * MINUTE, 30 * SECOND)).toEqual([0, 2.5, 5, 7.5, 10, 12])
  })

  it('come a minute after a failure, and then as before', () => {
    expect(roundsOf(33 * MINUTE, 0, ['pass', 'fail'])).toEqual([0, 5, 6, 11, 16, 21, 26, 31, 33])
  })

  it('come a minute after a failure also where the bake ends sooner', () => {
    expect(roundsOf(12 * MINUTE, 0, ['pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'fail'])).toEqual([0, 2, 4, 6, 8, 10, 12, 13])
  })

  it('are looked for again after a minute when the last one was unclear', () => {
    expect(roundsOf(12 * MINUTE, 0, [...Array<Verdict>(6).fill('pass'), 'inconclusive', 'inconclusive'])).toEqual([
      0, 2, 4, 6, 8, 10, 12, 13, 14,
    ])
  })

  it('are none where nothing is to be checked: the end of the bake is waited for', () => {
    const told = drained(['patched'], { bakeMs: 10 * MINUTE })
    expect(told.state.activities.size).toBe(0)
    expect(told.wakeAt).toBe(plus(OPENS, 10 * MINUTE))
    told.wake()
    expect([...told.state.activities.keys()]).toEqual(['measure:gate:0:1:presence'])
  })
})
