import { describe, expect, it } from 'vitest'
import type { Outcome, Verdict } from '../../../src/core/run/event.ts'
import { rememberBroken } from '../../../src/core/run/evolve-isolation.ts'
import { checksOfNodes, isMeasured, judgement, nextTryMeasure } from '../../../src/core/run/isolate-judge.ts'
import type { Isolation, Trying } from '../../../src/core/run/isolation.ts'
import type { Measure } from '../../../src/core/run/parts.ts'
import { codeOf, initial, type RunState } from '../../../src/core/run/state.ts'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import { plan, type PlanSpec } from './plan.ts'
import { OPENS, RUN } from './telling.ts'
import { isolated } from './walk-trial.ts'

const CHECKS = {
  smoke: { type: 'agent-ping' },
  probe: { type: 'script' },
  status: { type: 'instance-status' },
  page: { type: 'http' },
} as unknown as NonNullable<PlanSpec['checks']>

/** A trial of three nodes that searches, with these checks at its gate. */
function searching(checks: readonly string[] = ['smoke']): { state: RunState; isolation: Isolation } {
  const spec = isolated({ waves: [{ nodes: 3, gate: { checks } }] }, false)
  const state = initial(RUN, plan({ ...spec, checks: CHECKS }))
  const isolation: Isolation = {
    wave: 0,
    stage: 'soaking',
    round: 2,
    measures: 3,
    measuresBefore: 0,
    lists: [{ lines: [], units: [], unitCount: 6, witnesses: new Map([[0, 'scriptlet-failed']]), parts: 2, tried: [], found: null }],
    listOf: new Map(),
    derived: [],
    tries: new Map(),
    drainedAt: OPENS,
    out: new Map(),
    kept: new Set(),
    over: null,
  }
  state.isolation = isolation
  return { state, isolation }
}

const trying = (more: Partial<Trying> = {}): Trying => ({
  list: 0,
  units: [1],
  keep: false,
  before: { outcome: 'rolled-back', reason: '' },
  refused: null,
  fails: new Map(),
  verdict: null,
  ...more,
})

const measure = (more: Partial<Measure> = {}): Measure => ({
  purpose: 'try',
  wave: 0,
  round: 1,
  askedAt: OPENS,
  last: true,
  n: 1,
  checks: new Map<string, Verdict>([['presence', 'pass'], ['smoke', 'pass']]), // prettier-ignore
  failures: new Map(),
  failing: new Map(),
  unclear: new Map(),
  endedAt: OPENS,
  ...more,
})

function judged(outcome: Outcome, one: Partial<Trying>, more: Partial<Measure> | null, checks?: readonly string[], reason = ''): unknown {
  const { state, isolation } = searching(checks)
  state.nodes.outcome[0] = codeOf(outcome)
  state.nodes.reason[0] = reason
  isolation.tries.set(0, trying(one))
  state.measure = more === null ? null : measure(more)
  return judgement(state, isolation, 0)
}

describe('the checks that can tell of single nodes', () => {
  it('are those that look at nodes, of the gate that failed', () => {
    const { state, isolation } = searching(['page', 'smoke', 'probe', 'status', 'no-check-of-the-plan'])
    expect(checksOfNodes(state, isolation)).toEqual(['smoke', 'probe', 'status'])
  })
})

describe('a node of a round is looked at', () => {
  // prettier-ignore
  it.each<[units: readonly number[], outcome: Outcome, looked: boolean]>([
    [[],  'rolled-back', true],
    [[],  'skipped',     true],
    [[],  'failed',      false],
    [[1], 'patched',     true],
    [[1], 'not-needed',  true],
    [[1], 'failed',      false],
    [[1], 'unknown',     false],
    [[1], 'rolled-back', false],
  ])('with units %j, when it is %s: %s', (units, outcome, looked) => {
    const { state } = searching()
    state.nodes.outcome[1] = codeOf(outcome)
    expect(isMeasured(state, 1, { units, refused: null })).toBe(looked)
  })
})

describe('what a try comes to', () => {
  // prettier-ignore
  it.each<[it: string, outcome: Outcome, one: Partial<Trying>, reason: string, said: object]>([
    ['a patch broke it',                    'failed',  {},                                    'scriptlet-failed', { verdict: 'bad', why: 'scriptlet-failed' }],
    ['something else broke it',             'failed',  {},                                    'disk-full',        { verdict: 'unclear', why: 'disk-full' }],
    ['it would not install it',             'failed',  {},                                    'dependency',       { verdict: 'refused', why: 'dependency' }],
    ['it is not known',                     'unknown', {},                                    'expired',          { verdict: 'unclear', why: 'expired' }],
    ['it is not known why',                 'unknown', {},                                    '',                 { verdict: 'unclear', why: 'unclear' }],
    ['it was not installed',                'rolled-back', { refused: 'untested-dependency' }, 'old',             { verdict: 'refused', why: 'untested-dependency' }],
    ['it was not, and needed nothing of an earlier part', 'not-needed', { refused: 'untested-dependency' }, 'old', { verdict: 'refused', why: 'untested-dependency' }],
    ['it was not reached',                  'rolled-back', { refused: 'cutoff' },             'old',              { verdict: 'unclear', why: 'cutoff' }],
  ])('%s', (_, outcome, one, reason, said) => {
    expect(judged(outcome, one, null, undefined, reason)).toEqual(said)
  })

  it('a dependency that broke the whole list speaks against a part of it', () => {
    const { state, isolation } = searching()
    state.nodes.outcome[0] = codeOf('failed')
    state.nodes.reason[0] = 'dependency'
    isolation.tries.set(0, trying())
    isolation.lists[0]?.witnesses.set(2, 'dependency')
    expect(judgement(state, isolation, 0)).toEqual({ verdict: 'bad', why: 'dependency' })
  })

  const fails = (...rows: readonly (readonly [string, number])[]) => ({ fails: new Map(rows) })
  const unclear = (check: string, ...nodes: readonly number[]) => ({ unclear: new Map([[check, nodes]]) })
  const inconclusive = { checks: new Map<string, Verdict>([['smoke', 'inconclusive']]) }

  // prettier-ignore
  it.each<[it: string, one: Partial<Trying>, more: Partial<Measure> | null, said: object | undefined]>([
    ['nothing is measured yet',                  {},                                 null,                        undefined],
    ['the round is not in',                      {},                                 { endedAt: null },           undefined],
    ['something else was measured',              {},                                 { purpose: 'gate' },         undefined],
    ['all is well',                              {},                                 {},                          { verdict: 'good', why: 'smoke: pass' }],
    ['it failed once: a blip',                   fails(['smoke', 1]),                {},                          undefined],
    ['it failed twice',                          fails(['smoke', 2]),                {},                          { verdict: 'bad', why: 'smoke: fail' }],
    ['two checks failed twice',                  fails(['smoke', 2], ['probe', 3]),  {},                          { verdict: 'bad', why: 'smoke: fail, probe: fail' }],
    ['that it is gone is no patch’s fault',      fails(['presence', 5]),             {},                          undefined],
    ['it is unclear of this node',               {},                                 unclear('smoke', 0),         undefined],
    ['it is unclear of another node',            {},                                 unclear('smoke', 1),         { verdict: 'good', why: 'smoke: pass' }],
    ['it is unclear of nobody in particular',    {},                                 inconclusive,                undefined],
    ['it is unclear, of another node alone',     {},                                 { ...inconclusive, ...unclear('smoke', 1) }, { verdict: 'good', why: 'smoke: pass' }],
    ['it stays unclear, once more',              {},                                 { ...inconclusive, round: 11 }, undefined],
    ['it stays unclear for twelve rounds',       {},                                 { ...inconclusive, round: 12 }, { verdict: 'unclear', why: 'smoke: inconclusive' }],
  ])('%s', (_, one, more, said) => {
    expect(judged('patched', one, more)).toEqual(said)
  })

  it('without a check that could tell, what is installed is good', () => {
    expect(judged('patched', {}, { checks: new Map() }, [])).toEqual({ verdict: 'good', why: 'installed' })
  })

  it('rounds are counted from the beginning of this one', () => {
    const { state, isolation } = searching()
    isolation.measuresBefore = 5
    isolation.tries.set(0, trying())
    state.nodes.outcome[0] = codeOf('patched')
    state.measure = measure({ ...inconclusive, round: 16 })
    expect(judgement(state, isolation, 0)).toBeUndefined()
    state.measure = measure({ ...inconclusive, round: 17 })
    expect(judgement(state, isolation, 0)).toEqual({ verdict: 'unclear', why: 'smoke: inconclusive' })
  })
})

describe('the next look at a round', () => {
  it('is at once, then a minute after the last one, and none while one is under way', () => {
    const { state, isolation } = searching(['smoke', 'page'])
    state.tokenCount = 7
    const asked = { type: 'MeasureAsked', purpose: 'try', wave: 0, round: 4, checks: ['presence', 'smoke'], n: 8, tokens: 2, last: true }
    expect(nextTryMeasure(state, isolation, OPENS)).toEqual({ events: [asked], wakeAt: null })
    state.measure = measure({ purpose: 'gate', endedAt: plus(OPENS, MINUTE) })
    expect(nextTryMeasure(state, isolation, OPENS).events).toEqual([asked])
    state.measure = measure({ endedAt: null })
    expect(nextTryMeasure(state, isolation, OPENS)).toEqual({ events: [], wakeAt: null })
    state.measure = measure()
    expect(nextTryMeasure(state, isolation, plus(OPENS, MINUTE - 1))).toEqual({ events: [], wakeAt: plus(OPENS, MINUTE) })
    expect(nextTryMeasure(state, isolation, plus(OPENS, MINUTE)).events).toEqual([asked])
  })
})

describe('what broke the nodes of a trial', () => {
  const rows: readonly [Outcome, string, boolean][] = [
    ['failed', 'scriptlet-failed', false],
    ['failed', 'disk-full', false],
    ['patched', 'installed', true],
    ['patched', 'installed', false],
    ['unknown', 'scriptlet-failed', true],
    ['failed', 'disk-full', true],
  ]
  function broken(spec: (one: PlanSpec) => PlanSpec, waves: readonly number[] = [0]): [number, string][] {
    const state = initial(RUN, plan(spec(isolated({ waves: [{ nodes: rows.length, gate: { checks: ['smoke'] } }] }, false))))
    rows.forEach(([outcome, reason], position) => {
      state.nodes.outcome[position] = codeOf(outcome)
      state.nodes.reason[position] = reason
    })
    const [wave] = state.waves
    if (wave) wave.measure = measure({ purpose: 'gate', failing: new Map([['smoke', rows.flatMap(([, , ill], position) => (ill ? [position] : []))], ['probe', [2]]]) }) // prettier-ignore
    rememberBroken(state, waves)
    return [...state.brokenBy]
  }
  const same = (one: PlanSpec): PlanSpec => one

  it('is their own word, where it speaks of patches, or the checks that named them', () => {
    expect(broken(same)).toEqual([[0, 'scriptlet-failed'], [2, 'smoke: fail, probe: fail']]) // prettier-ignore
  })

  // prettier-ignore
  it.each<[it: string, spec: (one: PlanSpec) => PlanSpec, waves: readonly number[]]>([
    ['a rollout',                        (one) => ({ ...one, act: 'rollout' }), [0]],
    ['a trial that stops at a failure',  (one) => ({ ...one, test: one.test ? { ...one.test, onFailure: 'stop' } : null }), [0]],
    ['a trial without a test',           (one) => ({ ...one, test: null }), [0]],
    ['no wave at all',                   same, []],
  ])('is not remembered of %s', (_, spec, waves) => {
    expect(broken(spec, waves)).toEqual([])
  })

  it('is remembered once: what a search breaks is its own', () => {
    const { state } = searching()
    state.nodes.outcome[0] = codeOf('failed')
    state.nodes.reason[0] = 'scriptlet-failed'
    rememberBroken(state, [0])
    expect(state.brokenBy.size).toBe(0)
  })
})
