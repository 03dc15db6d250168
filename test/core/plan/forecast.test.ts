import { describe, expect, it } from 'vitest'
import type { RunDurations } from '../../../src/core/plan/durations.ts'
import { forecast, nodeHighOf } from '../../../src/core/plan/forecast.ts'
import { makePlan } from '../../../src/core/plan/make.ts'
import type { PlanContent } from '../../../src/core/plan/plan.ts'
import type { Runbook } from '../../../src/core/runbook/runbook.ts'
import { MINUTE, SECOND, type Ms } from '../../../src/kit/instant.ts'
import { below, seeded } from '../../../src/kit/random.ts'
import { amount, count, image, input, nodes, percent, PROD, rest, runbook, stored, wave } from './fixture.ts'
import { durations, span } from './history.ts'

/** Ninety nodes of two images, thirty side by side, baked for ten minutes. */
const THIRTY = contentOf([wave('all', rest, { concurrency: count(30), gate: { bakeMs: 10 * MINUTE } })])

function contentOf(waves: Runbook['waves']): PlanContent {
  return makePlan(input({ runbook: runbook({ waves }) })).content
}

const foretold = (content: PlanContent, history: readonly RunDurations[] = []) => forecast(content, history, 'seed')
const width = ({ lowMs, highMs }: Readonly<{ lowMs: Ms; highMs: Ms }>): Ms => highMs - lowMs

/** Durations around five minutes, a little different in each run. */
function changes(many: number, factor = 1, seed = 1): Ms[] {
  const random = seeded(seed)
  return Array.from({ length: many }, () => Math.round(factor * (4 * MINUTE + below(random, 2 * MINUTE))))
}

describe('a forecast', () => {
  it('is the same for the same plan, history and seed', () => {
    const history = [durations(changes(40))]
    expect(foretold(THIRTY, history)).toEqual(foretold(THIRTY, history))
    expect(forecast(THIRTY, history, 'another')).not.toEqual(foretold(THIRTY, history))
  })

  it('is a median within an interval, wave after wave', () => {
    const { waves, ...whole } = foretold(contentOf([wave('canary', amount(percent(10))), wave('rest', rest)]))
    expect(whole.lowMs).toBeLessThan(whole.medianMs)
    expect(whole.medianMs).toBeLessThan(whole.highMs)
    const [canary, last] = waves
    expect(last).toMatchObject({ lowMs: whole.lowMs, medianMs: whole.medianMs, highMs: whole.highMs })
    expect(canary?.medianMs).toBeLessThan(last?.medianMs ?? 0)
    expect(canary?.highMs).toBeLessThan(last?.highMs ?? 0)
    for (const one of waves) expect(one.lastStartMs).toBeLessThan(one.highMs)
  })

  it('goes by the stated default where there is no history, and says so', () => {
    const { basis, nodeHighMs, medianMs } = foretold(THIRTY)
    expect(basis).toMatch(/^no history: 8m to 15m a node;/)
    expect(nodeHighMs).toBe(15 * MINUTE)
    // Three rounds of a wave that is as slow as its slower nodes, and the bake.
    expect(medianMs).toBeGreaterThan(3 * 8 * MINUTE + 10 * MINUTE)
    expect(medianMs).toBeLessThan(3 * 15 * MINUTE + 10 * MINUTE)
  })

  it('knows more, and promises less room for error, the more nights it has seen', () => {
    const nights = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => durations(changes(45, 1, seed)))
    const widths = [0, 1, 8].map((many) => width(foretold(THIRTY, nights.slice(0, many))))
    expect(widths).toEqual(widths.toSorted((a, b) => b - a))
    expect(new Set(widths).size).toBe(3)
  })

  it('is wider where whole nights were fast and slow', () => {
    const alike = [1, 2, 3, 4, 5, 6].map((seed) => durations(changes(45, 1, seed)))
    const unlike = [1, 2, 3, 4, 5, 6].map((seed) => durations(changes(45, seed % 2 === 0 ? 1.4 : 0.7, seed)))
    expect(width(foretold(THIRTY, unlike))).toBeGreaterThan(2 * width(foretold(THIRTY, alike)))
  })

  it('takes as long as the history says', () => {
    const history = [1, 2, 3, 4].map((seed) => durations(changes(200, 1, seed)))
    const { lowMs, highMs, nodeHighMs } = foretold(contentOf([wave('all', rest, { concurrency: count(1), gate: { bakeMs: 0 } })]), history)
    // Ninety nodes one after the other, five minutes each, with a round of at most five seconds and three lags of a second between two.
    expect(lowMs).toBeLessThan(90 * 5 * MINUTE + 90 * 8 * SECOND)
    expect(highMs).toBeGreaterThan(90 * 5 * MINUTE)
    expect(nodeHighMs / MINUTE).toBeCloseTo(5.9, 0)
  })

  it('counts approvals for nothing, and says so', () => {
    const approval = { group: 'sre', count: 2, expiresMs: MINUTE }
    const asked = contentOf([wave('all', rest, { concurrency: count(30), gate: { bakeMs: 10 * MINUTE, approval } })])
    expect(foretold(asked)).toEqual(foretold(THIRTY))
    expect(foretold(asked).basis).toContain('approvals, failures and waiting for other runs are not in it')
  })
})

describe('where durations are borrowed from', () => {
  const many = changes(20)
  const other = '333333333333'

  // prettier-ignore
  it.each<[it: string, history: readonly RunDurations[], says: string]>([
    ['its image in its account',           [durations(many)],                                                         '90 of the same image and account'],
    ['its image in other accounts',        [durations([], { spans: [span(many, { account: other }), span(many, { account: other, image: 'ami-b' })] })], '90 of the same image in other accounts'],
    ['its platform',                       [durations([], { spans: [span(many, { image: 'ami-z' })] })],              '90 of the same platform'],
    ['any node',                           [durations([], { spans: [span(many, { image: 'ami-z', platform: 'ubuntu' })] })], '90 of other platforms'],
    ['each image for itself',              [durations([], { spans: [span(many)] })],                                  '45 of the same image and account, 45 of the same platform'],
    ['four nodes of an image are too few', [durations([], { spans: [span(many), span(many.slice(0, 4), { image: 'ami-b' })] })], '45 of the same image and account, 45 of the same platform'],
    ['a scan tells nothing of a change',   [durations([], { spans: [span(many, { work: 'scan' })] })],                'no history'],
  ])('%s', (_, history, says) => {
    expect(foretold(THIRTY, history).basis).toContain(says)
  })

  it('runs with another rule for reboots count only where none has the same', () => {
    const booted = durations(changes(40, 3), { reboot: 'always' })
    const same = durations(changes(40), { reboot: 'never' })
    expect(nodeHighOf(THIRTY, [booted, same])).toBe(nodeHighOf(THIRTY, [same]))
    expect(nodeHighOf(THIRTY, [booted])).toBeGreaterThan(10 * MINUTE)
  })

  it('a rollback goes by rollbacks, and without any by the changes that it undoes', () => {
    const back: PlanContent = { ...THIRTY, work: 'rollback' }
    const history = durations(changes(40))
    expect(nodeHighOf(back, [history])).toBe(nodeHighOf(THIRTY, [history]))
    const seen = { ...history, spans: [...history.spans, span(changes(40, 0.5), { work: 'rollback' })] }
    expect(nodeHighOf(back, [seen])).toBeLessThan(4 * MINUTE)
  })

  it('a slow image makes slow nodes, whatever the others do', () => {
    const slow = durations([], { spans: [span(changes(40)), span(changes(40, 4), { image: 'ami-b' })] })
    expect(nodeHighOf(THIRTY, [slow])).toBeGreaterThan(20 * MINUTE)
    const quick = makePlan(
      input({ fleet: nodes(90, { ami: 'ami-a' }), images: [image('ami-a')], baselines: new Map([stored(PROD, 'ami-a')]) }),
    )
    expect(nodeHighOf(quick.content, [slow])).toBeLessThan(7 * MINUTE)
  })
})
