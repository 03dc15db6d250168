import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { roundedDown, roundedUp } from '../../../src/core/plan/amount.ts'
import { count, percent } from './fixture.ts'

describe('amounts', () => {
  // prettier-ignore
  it.each<[percent: number, of: number, up: number, down: number]>([
    [1,    90,     1,    0],
    [1,    100,    1,    1],
    [1,    101,    2,    1],
    [7,    100,    7,    7], // 7.000000000000001 in binary
    [29,   100,    29,   29], // 28.999999999999996 in binary
    [0.5,  1_000,  5,    5],
    [2,    49,     1,    0],
    [100,  33,     33,   33],
    [10,   0,      1,    0], // at least 1: a wave always moves
    [0.1,  20_000, 20,   20],
  ])('%s%% of %s', (share, of, up, down) => {
    expect([roundedUp(percent(share), of), roundedDown(percent(share), of)]).toEqual([up, down])
  })

  it('leaves counts as they are', () => {
    expect([roundedUp(count(500), 3), roundedDown(count(0), 3), roundedUp(count(0), 3)]).toEqual([500, 0, 1])
  })

  it('never lets a budget be more than was said, nor a take be less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 0, max: 100_000 }), (hundredths, of) => {
        // In whole numbers: hundredths of a percent of `of`, over 10,000.
        const exact = BigInt(hundredths) * BigInt(of)
        const down = BigInt(roundedDown(percent(hundredths / 100), of))
        const up = BigInt(roundedUp(percent(hundredths / 100), of))
        expect(down).toBe(exact / 10_000n)
        expect(up).toBe(exact === 0n ? 1n : (exact + 9_999n) / 10_000n)
      }),
    )
  })
})
