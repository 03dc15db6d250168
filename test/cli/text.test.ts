import { describe, expect, it } from 'vitest'
import { cut, plain, span, table, tallied } from '../../src/cli/render/text.ts'
import { DAY, HOUR, MINUTE } from '../../src/kit/instant.ts'

describe('text', () => {
  // prettier-ignore
  it.each<[ms: number, text: string]>([
    [0, '0s'], [999, '0s'], [45_000, '45s'], [90 * MINUTE, '1h 30m'], [3 * DAY + 4 * HOUR + MINUTE, '3d 4h'], [HOUR, '1h'], [-90_000, '-1m 30s'],
  ])('%i ms is %s', (ms, text) => {
    expect(span(ms)).toBe(text)
  })

  it('cannot steer a terminal', () => {
    expect(plain('a\u001b[2Jb\r\nc\u202ed')).toBe('a [2Jb c d')
  })

  it('tables, cuts, tallies', () => {
    expect(
      table(
        [
          ['a', '10', 'x'],
          ['long', '5', ''],
        ],
        new Set([1]),
      ),
    ).toEqual(['a     10  x', 'long   5'])
    expect([cut('abcdef', 4), cut('abcd', 4)]).toEqual(['abc…', 'abcd'])
    expect(tallied({ total: 9, failed: 1, patched: 7, skipped: 0, untested: 1 }, ['untested'])).toBe('1 untested, 7 patched, 1 failed')
  })
})
