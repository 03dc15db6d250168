import { describe, expect, it } from 'vitest'
import { fitOf, unfit } from '../../../src/core/plan/fit.ts'
import { fewest, trimmed } from '../../../src/core/plan/trim.ts'
import { makePlan } from '../../../src/core/plan/make.ts'
import { HOUR, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { amount, count, input, node, nodes, percent, rest, runbook, wave } from './fixture.ts'
import { SUNDAY } from './history.ts'

const window = { opens: SUNDAY, cutoff: plus(SUNDAY, HOUR), closes: plus(SUNDAY, 2 * HOUR) }
const foretold = (highMs: number, lastStartMs: number) => ({
  lowMs: 0,
  medianMs: 0,
  highMs,
  nodeHighMs: 0,
  waves: [
    { wave: 'canary', lowMs: 0, medianMs: 0, highMs, lastStartMs: 0 },
    { wave: 'broad', lowMs: 0, medianMs: 0, highMs, lastStartMs },
  ],
  basis: '',
})

describe('why a plan does not fit', () => {
  // prettier-ignore
  it.each<[highMs: number, says: string]>([
    [3 * HOUR,              '95 of 100 runs end within 3h, the window has 2h'],
    [3 * HOUR + SECOND,     '95 of 100 runs end within 3h 1m, the window has 2h'],
    [2 * HOUR + 59 * MINUTE, '95 of 100 runs end within 2h 59m, the window has 2h'],
  ])('is told to the next minute: %i ms', (highMs, says) => {
    expect(fitOf(foretold(highMs, 0), window, SUNDAY).why).toBe(says)
  })

  it('names the first wave that is late; less than an hour is minutes', () => {
    expect(fitOf(foretold(HOUR, 40 * MINUTE), window, plus(SUNDAY, 30 * MINUTE)).why).toBe(
      '95 of 100 runs begin the last node of wave broad within 40m, nothing starts after 30m',
    )
    expect(fitOf(foretold(0, 0), window, plus(SUNDAY, 90 * MINUTE)).why).toContain('wave canary within 0m, nothing starts after 0m')
  })

  it('stands in the refusal, with what to do and when it would begin', () => {
    expect(unfit(fitOf(foretold(3 * HOUR, 0), window, plus(SUNDAY, MINUTE)))).toMatchObject({
      code: 'plan.unfit',
      message:
        'the plan is predicted not to fit the window that opens 2026-03-01T03:00:00Z: 95 of 100 runs end within 3h, the window has 1h 59m',
      more: {
        hint: 'widen the window or the concurrency, split the runbook, or say `fit: trim` to leave out what does not fit',
        detail: { startsAt: '2026-03-01T03:01:00Z', closes: '2026-03-01T05:00:00Z' },
      },
    })
  })
})

describe('a trimmed plan', () => {
  const rules = {
    waves: [wave('canary', amount(count(2)), { gate: { failures: percent(50) } }), wave('broad', rest, { concurrency: count(3) })],
  }
  const whole = () =>
    makePlan(
      input({ fleet: [...nodes(8), node('i-off', { agent: 'lost' })], runbook: runbook({ ...rules, budget: { failures: percent(50) } }) }),
    ).content
  const sizes = (content: ReturnType<typeof whole>) =>
    content.waves.map(({ name, nodes: listed, concurrency, gate }) => [name, listed.length, concurrency, gate.failuresMax])

  it('is the same without anything left out', () => {
    expect(trimmed(whole(), 0)).toEqual(whole())
  })

  it('keeps places and counts budgets anew, and lists who is left out last', () => {
    const some = trimmed(whole(), 4)
    expect(sizes(some)).toEqual([
      ['canary', 2, 1, 1],
      ['broad', 7, 2, 0],
    ])
    expect([some.budgetMax, some.rollback.failuresMax]).toEqual([2, 0])
    const skips = (at: number) => some.waves[at]?.nodes.map((position) => some.nodes[position]?.skip)
    expect(skips(0)).toEqual([null, null])
    expect(skips(1)?.slice(0, 2)).toEqual([null, null])
    expect(skips(1)?.slice(2).sort()).toEqual(['offline', 'trimmed', 'trimmed', 'trimmed', 'trimmed'])
    for (const one of some.nodes) if (one.skip !== null) expect(one.list).toBeNull()
  })

  it('counts a budget of its own only where the runbook has one', () => {
    expect(trimmed({ ...whole(), runbook: runbook(rules) }, 4).budgetMax).toBeNull()
  })

  it('has no wave left when every node is left out', () => {
    expect(trimmed(whole(), 99)).toMatchObject({ waves: [], lists: [] })
  })
})

describe('the fewest to leave out', () => {
  it('is never more than the most, and made sure of step by step', () => {
    const asked: number[] = []
    const surely = (some: number) => (asked.push(some), some >= 250)
    expect(fewest(250, (some) => some >= 240, surely)).toBe(250)
    expect(asked).toEqual([240, 243, 246, 249, 250])
    expect(
      fewest(
        0,
        () => false,
        () => true,
      ),
    ).toBe(0)
    expect(
      fewest(
        0,
        () => false,
        () => false,
      ),
    ).toBeNull()
  })
})
