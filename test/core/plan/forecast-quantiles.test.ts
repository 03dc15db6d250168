import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalScore, normalShare } from '../../../src/core/plan/normal.ts'
import { lagsOf, mixedQuantile, observed, stated } from '../../../src/core/plan/quantiles.ts'
import { binOf, logQuantile, momentsOf, sketchOf, Tally, type Sketch } from '../../../src/core/plan/sketch.ts'
import { MINUTE, SECOND, type Ms } from '../../../src/kit/instant.ts'
import { seeded } from '../../../src/kit/random.ts'

const quantile = (durations: readonly Ms[], share: number): Ms => Math.exp(logQuantile(sketchOf(durations), share))
const usual = Math.log(15 / 8) / 1.6449

describe('the normal distribution', () => {
  // prettier-ignore
  it.each([
    [-3, 0.0013499], [-1.6449, 0.05], [-1, 0.1586553], [0, 0.5], [1, 0.8413447], [1.96, 0.9750021], [3, 0.9986501],
  ])('has below %f the share %f, and back', (z, share) => {
    expect(normalShare(z)).toBeCloseTo(share, 5)
    expect(normalScore(normalShare(z))).toBeCloseTo(z, 4)
  })

  it('has no score beyond five', () => {
    expect([normalScore(0), normalScore(1)].map(Math.round)).toEqual([-5, 5])
  })
})

describe('a sketch', () => {
  const durations = fc.array(fc.integer({ min: 100, max: 48 * 60 * MINUTE }), { minLength: 1, maxLength: 60 })

  it('gives durations back to one percent', () => {
    fc.assert(
      fc.property(durations, (some) => {
        const sorted = some.toSorted((a, b) => a - b)
        sorted.forEach((ms, index) => {
          expect(Math.abs(quantile(some, (index + 1) / (some.length + 1)) / ms - 1)).toBeLessThan(0.011)
        })
      }),
    )
  })

  it('of two runs is the sketch of both, in whatever order', () => {
    fc.assert(
      fc.property(durations, durations, (one, other) => {
        const tally = new Tally()
        tally.addAll(sketchOf(other))
        tally.addAll(sketchOf(one))
        expect(tally.sketch).toEqual(sketchOf([...one, ...other]))
      }),
    )
  })

  it('of ten thousand nodes is a few hundred pairs', () => {
    const random = seeded(1)
    const some = Array.from({ length: 10_000 }, () => MINUTE + random() * 20 * MINUTE)
    expect(sketchOf(some).length).toBeLessThan(200)
    expect(momentsOf(sketchOf(some)).count).toBe(10_000)
  })

  it('of nothing has no quantile but 1 ms', () => {
    expect(Math.exp(logQuantile([], 0.5))).toBe(1)
    expect(momentsOf([])).toEqual({ count: 0, mean: 0, squares: 0 })
  })
})

describe('a population', () => {
  it('that is stated has its median and its 95th percentile', () => {
    const { at } = stated({ medianMs: 8 * MINUTE, p95Ms: 15 * MINUTE }, 0.3)
    expect(Math.exp(at(0)) / MINUTE).toBeCloseTo(8, 3)
    expect(Math.exp(at(1.6449)) / MINUTE).toBeCloseTo(15, 3)
  })

  it('that was seen often has the quantiles that were seen, whatever their shape', () => {
    // One in five nodes is five times as slow as the others.
    const some = Array.from({ length: 2_000 }, (_, index) => (index % 5 === 0 ? 25 * MINUTE : 5 * MINUTE) + index * 10)
    const { at } = observed(sketchOf(some), usual, 0)
    for (const [z, minutes] of [
      [-1, 5.1],
      [0, 5.2],
      [0.5, 5.3],
      [1.2, 25.1],
    ] as const) {
      expect(Math.exp(at(z)) / MINUTE).toBeGreaterThan(minutes * 0.95)
      expect(Math.exp(at(z)) / MINUTE).toBeLessThan(minutes * 1.05)
    }
  })

  it('has slower nodes than were ever seen, the slower the more there are', () => {
    const some = Array.from({ length: 50 }, (_, index) => 5 * MINUTE + index * 6 * SECOND)
    const { at } = observed(sketchOf(some), usual, 0)
    const longest = Math.log(Math.max(...some))
    const beyond = [2.5, 3, 3.5, 4, 4.5].map(at)
    expect(beyond.every((log) => log > longest)).toBe(true)
    expect(beyond).toEqual(beyond.toSorted((a, b) => a - b))
  })

  it('never goes down where the score goes up', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: SECOND, max: 90 * MINUTE }), { minLength: 1, maxLength: 80 }), (some) => {
        const { at } = observed(sketchOf(some), usual, 0)
        const logs = Array.from({ length: 101 }, (_, index) => at(index / 10 - 5))
        logs.slice(1).forEach((log, index) => {
          expect(log).toBeGreaterThanOrEqual((logs[index] ?? 0) - 1e-9)
        })
      }),
    )
  })

  it('of three equal nodes does not promise a fourth, and of many is less in doubt', () => {
    const [few, many] = [3, 300].map((count) => observed(sketchOf(Array.from({ length: count }, () => 5 * MINUTE)), usual, 0))
    expect(few?.spread).toBeGreaterThan(0.2)
    expect(many?.spread).toBeLessThan(0.06)
    expect(few?.doubt).toBeGreaterThan(10 * (many?.doubt ?? 1))
  })

  it('is a line through the one node that was seen, as steep as usual', () => {
    const { at, spread, doubt } = observed(sketchOf([5 * MINUTE]), usual, 0.3)
    for (const z of [-6, -1, 0, 1, 6]) expect(at(z) - at(0)).toBeCloseTo(usual * z, 6)
    expect(spread).toBeCloseTo(usual, 6)
    expect(doubt).toBeCloseTo(Math.sqrt(usual ** 2 + 0.3 ** 2), 6)
  })

  it('is a line beyond what was seen, from the first and the last of it', () => {
    const sketch = sketchOf([MINUTE, 7 * MINUTE, 20 * MINUTE])
    const { at, spread, mean } = observed(sketch, usual, 0)
    // Three of them are at the shares 1/4, 2/4 and 3/4, and weigh 3 of 23.
    for (const [z, share] of [
      [-3, 0.25],
      [-2, 0.25],
      [2, 0.75],
      [6, 0.75],
    ] as const) {
      const own = logQuantile(sketch, share) + spread * (z - normalScore(share))
      expect(at(z)).toBeCloseTo((3 * own + 20 * (mean + spread * z)) / 23, 6)
    }
  })

  it('is spread as the nodes that were seen and four usual ones', () => {
    const { spread } = observed(sketchOf(Array.from({ length: 3 }, () => 5 * MINUTE)), usual, 0)
    expect(spread).toBeCloseTo(usual * Math.sqrt(4 / (3 - 1 + 4)), 6)
  })

  it('tells of four slow nodes among a hundred thousand', () => {
    const some: Sketch = [
      [binOf(5 * MINUTE), 99_996],
      [binOf(500 * MINUTE), 4],
    ]
    const { at } = observed(some, usual, 0)
    expect(Math.exp(at(3.75)) / MINUTE).toBeLessThan(10)
    expect(Math.exp(at(4)) / MINUTE).toBeGreaterThan(400)
  })

  it('beside others weighs by its nodes', () => {
    const [fast, slow] = [stated({ medianMs: MINUTE, p95Ms: 1.2 * MINUTE }, 0), stated({ medianMs: 10 * MINUTE, p95Ms: 12 * MINUTE }, 0)]
    const mixed = (nodes: number) =>
      mixedQuantile(
        [
          { population: fast, nodes: 100 - nodes },
          { population: slow, nodes },
        ],
        0.95,
      ) / MINUTE
    expect(mixed(0)).toBeCloseTo(1.2, 1)
    expect(mixed(2)).toBeLessThan(1.4)
    expect(mixed(10)).toBeCloseTo(10, 1)
    expect(mixed(100)).toBeCloseTo(12, 1)
  })

  it.each([0.000_5, 0.05, 0.45])('beside as many that are far slower has its quantiles at half of their shares: %f', (share) => {
    const [wide, slow] = [stated({ medianMs: 60 * MINUTE, p95Ms: 180 * MINUTE }, 0), stated({ medianMs: 9e9, p95Ms: 9.1e9 }, 0)]
    const both = [wide, slow].map((population) => ({ population, nodes: 50 }))
    expect(mixedQuantile(both, share) / mixedQuantile([{ population: wide, nodes: 7 }], 2 * share)).toBeCloseTo(1, 2)
  })
})

describe('lags', () => {
  it('are drawn as often as they were seen', () => {
    const lags = lagsOf(sketchOf([...Array.from({ length: 90 }, () => SECOND), ...Array.from({ length: 10 }, () => 30 * SECOND)]), [])
    const random = seeded(7)
    const drawn = Array.from({ length: 10_000 }, () => lags.draw(random))
    const long = drawn.filter((ms) => ms > 20 * SECOND).length / 10_000
    expect(long).toBeGreaterThan(0.07)
    expect(long).toBeLessThan(0.13)
  })

  it('are drawn from the middle of their slots', () => {
    const lags = lagsOf(sketchOf([...Array.from({ length: 500 }, () => SECOND), ...Array.from({ length: 500 }, () => 30 * SECOND)]), [])
    expect([0, 0.499, 0.5, 0.999].map((share) => Math.round(lags.draw(() => share) / SECOND))).toEqual([1, 1, 30, 30])
  })

  it('that were never seen are the usual ones', () => {
    expect(lagsOf([], sketchOf([10 * SECOND])).draw(() => 0.5) / SECOND).toBeCloseTo(10, 0)
  })
})
