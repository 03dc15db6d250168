import { describe, expect, it } from 'vitest'
import { PRESENCE } from '../../../src/core/run/gate.ts'
import type { RunEvent, Verdict } from '../../../src/core/run/event.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { PlanSpec, WaveSpec } from './plan.ts'
import { briefly, CLOSES, CUTOFF, measured, report, Telling } from './telling.ts'

/** One wave whose nodes have ended like this; its gate is next. */
function drained(words: readonly string[], gate: WaveSpec['gate'] = {}, more: Partial<PlanSpec> = {}): Telling {
  const told = new Telling({ rollback: NO_ROLLBACK, waves: [{ nodes: words.length, gate }], ...more })
  told.open()
  told.read()
  told.sent(told.n)
  told.tell(report(told.n, Object.fromEntries(words.map((word, node) => [node, word])), told.now))
  told.tell({ type: 'CommandClosed', n: told.n })
  return told
}

const NO_ROLLBACK = {
  on: 'never',
  scope: 'wave',
  method: 'packages',
  outside: 'allow',
  failures: { kind: 'count', count: 0 },
  failuresMax: 0,
} as const

const many = (count: number, word: string): string[] => Array.from({ length: count }, () => word)

/** Answers what is being measured. */
function answer(told: Telling, verdicts: Readonly<Record<string, Verdict>>): RunEvent[] {
  return [...told.state.activities.values()].flatMap((effect) =>
    effect.kind === 'measure' ? told.tell(measured(effect, verdicts[effect.check] ?? 'pass')) : [],
  )
}

const gateOf = (told: Telling): string => {
  const [wave] = told.state.waves
  return `${wave?.phase ?? ''}${(wave?.held ?? null) === null ? '' : ' held'}`
}

describe('the failure budget', () => {
  // prettier-ignore
  it.each<[failures: number, of: number, verdict: string]>([
    [0, 0, 'passed'], [1, 0, 'failed'],
    [2, 2, 'passed'], [3, 2, 'failed'],
    [5, 9, 'passed'],
  ])('%i failures of at most %i: %s', (failures, failuresMax, verdict) => {
    const told = drained([...many(failures, 'failed: timeout'), 'patched'], { failuresMax })
    answer(told, {})
    expect(gateOf(told)).toBe(verdict)
  })

  it('counts unknown as failed', () => {
    expect(gateOf(drained(['unknown: expired', 'patched']))).toBe('failed')
  })

  it('holds over the whole run as well', () => {
    const told = new Telling({
      rollback: NO_ROLLBACK,
      budgetMax: 1,
      waves: [
        { nodes: 2, gate: { failuresMax: 1 } },
        { nodes: 2, gate: { failuresMax: 1 } },
      ],
    })
    told.open()
    told.read()
    told.sent(told.n)
    told.tell(report(told.n, { 0: 'failed: timeout', 1: 'patched' }, told.now), { type: 'CommandClosed', n: told.n })
    answer(told, {})
    told.read()
    told.sent(told.n)
    told.tell(report(told.n, { 2: 'failed: timeout', 3: 'patched' }, told.now), { type: 'CommandClosed', n: told.n })
    expect(told.state.waves.map((wave) => wave.phase)).toEqual(['passed', 'failed'])
  })
})

describe('evidence', () => {
  // prettier-ignore
  it.each<[it: string, words: string[], gate: WaveSpec['gate'], state: string]>([
    ['a wave that patched nothing proves nothing',      many(2, 'skipped: excluded'),                { failuresMax: 9 },       'drained held'],
    ['only failures, all within the budget, neither',   many(2, 'failed: timeout'),                  { failuresMax: 9 },       'drained held'],
    ['unless no node needed anything',                  many(2, 'not-needed'),                       {},                       'passed'],
    ['one patched node is evidence',                    ['patched', 'skipped: excluded'],            {},                       'passed'],
    ['a share that is asked for and reached',           ['patched', 'not-needed', 'skipped: x'],     { evidencePercent: 60 },  'passed'],
    ['a share that is not reached',                     ['patched', 'skipped: x', 'skipped: x'],     { evidencePercent: 60 },  'drained held'],
  ])('%s', (_, words, gate, state) => {
    const told = drained(words, gate)
    answer(told, {})
    expect(gateOf(told)).toBe(state)
  })

  it('of a scan are the nodes that were read', () => {
    const told = drained(['not-needed', 'skipped: offline'], {}, { work: 'scan' })
    answer(told, {})
    expect(gateOf(told)).toBe('passed')
  })
})

describe('presence', () => {
  it('is looked at in every gate, also without checks', () => {
    const told = drained(['patched'])
    expect([...told.state.activities.keys()]).toEqual([`measure:gate:0:1:${PRESENCE}`])
  })

  it('patched nodes that are gone are failures: replaced canaries turn no gate green', () => {
    const told = drained(['patched', 'patched'])
    expect(briefly(told.tell({ type: 'NodesGone', nodes: [0, 1] }))).toEqual([
      'GateDecided fail',
      'RunFinished failed: wave wave-1: failures: 2 of at most 0',
    ])
    expect(told.node(0)).toBe('failed: gone')
  })

  it('all gone within the budget: no evidence is left', () => {
    const told = drained(['patched', 'patched'], { failuresMax: 2 })
    told.tell({ type: 'NodesGone', nodes: [0, 1] })
    answer(told, {})
    expect(gateOf(told)).toBe('drained held')
  })
})

describe('bake and checks', () => {
  const baking = (bakeMs = 10 * MINUTE): Telling => drained(['patched'], { bakeMs, checks: ['smoke'], holdForMs: HOUR })

  it('measures several times while it bakes, and once more at its end', () => {
    const told = baking()
    const from = told.now
    let rounds = 0
    while (gateOf(told) === 'drained' && rounds < 50) {
      answer(told, {})
      told.wake()
      rounds += 1
    }
    expect(gateOf(told)).toBe('passed')
    expect(told.now).toBe(plus(from, 10 * MINUTE))
    expect(rounds).toBeGreaterThan(4)
  })

  it('without a bake it measures once', () => {
    const told = baking(0)
    answer(told, {})
    expect(gateOf(told)).toBe('passed')
  })

  it('one failing round is a blip', () => {
    const told = baking(0)
    answer(told, { smoke: 'fail' })
    expect(gateOf(told)).toBe('drained held')
    told.wait(MINUTE)
    answer(told, {})
    expect(gateOf(told)).toBe('passed')
  })

  it('the second one in a row is a verdict', () => {
    const told = baking(0)
    answer(told, { smoke: 'fail' })
    told.wait(MINUTE)
    answer(told, { smoke: 'fail' })
    expect(gateOf(told)).toBe('failed')
  })

  it('failures that do not follow one another are blips', () => {
    const told = baking(0)
    for (const verdict of ['fail', 'inconclusive', 'fail'] as const) {
      answer(told, { smoke: verdict })
      told.wait(MINUTE)
    }
    expect(gateOf(told)).toBe('drained held')
  })

  it('a failure in the bake is repeated soon and ends it early', () => {
    const told = baking(60 * MINUTE)
    const from = told.now
    answer(told, { smoke: 'fail' })
    told.wake()
    answer(told, { smoke: 'fail' })
    expect(gateOf(told)).toBe('failed')
    expect(told.now - from).toBeLessThan(2 * MINUTE)
  })

  it('fail beats inconclusive', () => {
    const told = drained(['patched'], { checks: ['smoke', 'probe'] })
    for (let round = 0; round < 2; round++) {
      answer(told, { smoke: 'fail', probe: 'inconclusive' })
      told.wait(MINUTE)
    }
    expect(gateOf(told)).toBe('failed')
  })
})

describe('a gate that is held', () => {
  const held = (): Telling => {
    const told = drained(['patched'], { checks: ['smoke'], holdForMs: HOUR })
    answer(told, { smoke: 'inconclusive' })
    return told
  }

  it('tells, starts nothing and measures on; a clear round lets it pass', () => {
    const told = held()
    expect(gateOf(told)).toBe('drained held')
    told.wait(MINUTE)
    answer(told, {})
    expect(gateOf(told)).toBe('passed')
  })

  it('stops the run when time is up; nothing is rolled back', () => {
    const told = held()
    for (let round = 0; round < 200 && told.state.phase.name !== 'finished'; round++) {
      answer(told, { smoke: 'inconclusive' })
      told.wake()
    }
    expect(told.state.phase).toMatchObject({ outcome: 'stopped' })
    expect(told.now).toBe(plus(told.state.waves[0]?.heldSince ?? told.now, HOUR))
    expect(told.node(0)).toBe('patched: reason')
  })

  it('without a time of its own it holds until the window closes, a quarter of an hour at the least', () => {
    const told = drained(['skipped: x'])
    expect(told.wakeAt).toBe(CLOSES)
    const late = new Telling({ waves: [{ nodes: 1 }] })
    late.open()
    late.read()
    late.sent(1)
    late.until(CLOSES)
    late.ends(1, 'skipped: x')
    expect(late.wakeAt).toBe(plus(CLOSES, 15 * MINUTE))
  })

  it('passes by a person’s word', () => {
    const told = held()
    const subject = { kind: 'gate', wave: 'wave-1' } as const
    told.tell(
      { type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(told.now, HOUR) },
      { type: 'ApprovalGiven', subject, by: 'ann', reason: 'seen' },
    )
    expect(gateOf(told)).toBe('passed')
    expect(told.state.waves[0]?.why).toEqual(['approved by ann'])
  })

  it('fails by a person’s word', () => {
    const told = held()
    const subject = { kind: 'gate', wave: 'wave-1' } as const
    told.tell(
      { type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(told.now, HOUR) },
      { type: 'ApprovalRefused', subject, by: 'ann', reason: 'no' },
    )
    expect(gateOf(told)).toBe('failed')
  })
})

describe('a gate with an approval', () => {
  const subject = { kind: 'gate', wave: 'wave-1' } as const
  const asked = (): Telling => {
    const told = drained(['patched'], { approval: { group: 'leads', count: 2, expiresMs: HOUR }, holdForMs: HOUR })
    answer(told, {})
    return told
  }

  it('asks once its checks are clear, and waits', () => {
    const told = asked()
    expect(told.facts.at(-1)?.event).toMatchObject({ type: 'ApprovalAsked', group: 'leads', count: 2 })
    told.tell({ type: 'ApprovalGiven', subject, by: 'ann', reason: '' })
    expect(gateOf(told)).toBe('drained')
    told.tell({ type: 'ApprovalGiven', subject, by: 'bob', reason: '' })
    expect(gateOf(told)).toBe('passed')
  })

  it('counts one person once', () => {
    const told = asked()
    told.tell({ type: 'ApprovalGiven', subject, by: 'ann', reason: '' }, { type: 'ApprovalGiven', subject, by: 'ann', reason: '' })
    expect(gateOf(told)).toBe('drained')
  })

  it('that expires holds, then stops', () => {
    const told = asked()
    expect(briefly(told.wait(HOUR))).toEqual(['ApprovalExpired gate', 'GateHeld'])
    expect(briefly(told.wait(HOUR))).toEqual(['GateExpired', 'RunFinished stopped: wave wave-1: approval: expired'])
  })
})

it('the cutoff in a gate lets it finish; the next wave is not reached', () => {
  const told = drained(['patched'], { bakeMs: HOUR }, { waves: [{ nodes: 1, gate: { bakeMs: HOUR } }, { nodes: 1 }] })
  told.until(plus(CUTOFF, -30 * SECOND))
  answer(told, {})
  told.wake()
  told.until(CUTOFF)
  answer(told, {})
  expect(told.state.phase).toMatchObject({ name: 'finished' })
})
