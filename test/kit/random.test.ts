import { describe, expect, it } from 'vitest'
import { below, derive, seeded, shuffled } from '../../src/kit/random.ts'

const first = (seed: number | string, count = 5) => {
  const random = seeded(seed)
  return Array.from({ length: count }, () => random())
}

describe('seeded randomness', () => {
  it('is the same from the same seed and another from another', () => {
    expect(first(7)).toEqual(first(7))
    expect(first(7)).not.toEqual(first(8))
    expect(first(derive(7, 'a'))).not.toEqual(first(derive(7, 'b')))
  })

  it('keeps keys apart that would run together', () => {
    expect(derive(1, 'a/b')).not.toBe(derive(1, 'a', 'b'))
  })

  it('stays in [0, 1) and is spread evenly', () => {
    const numbers = first(42, 20_000)
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...numbers)).toBeLessThan(1)
    const tenths = Array.from({ length: 10 }, (_, tenth) => numbers.filter((one) => Math.floor(one * 10) === tenth).length)
    for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(250)
  })

  it('shuffles without losing anything and leaves its input alone', () => {
    const items = Array.from({ length: 50 }, (_, index) => index)
    const mixed = shuffled(items, seeded(3))
    expect(mixed).not.toEqual(items)
    expect([...mixed].sort((a, b) => a - b)).toEqual(items)
    expect(items[0]).toBe(0)
  })

  it('gives whole numbers below the bound', () => {
    const random = seeded('dice')
    const dice = new Set(Array.from({ length: 200 }, () => below(random, 6)))
    expect([...dice].sort()).toEqual([0, 1, 2, 3, 4, 5])
  })
})
