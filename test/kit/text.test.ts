import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clean, wellFormed } from '../../src/kit/text.ts'

describe('clean', () => {
  it.each<[what: string, text: string, max: number, becomes: string]>([
    ['leaves plain text', 'dnf: nothing to do', 40, 'dnf: nothing to do'],
    ['cuts', 'abcdef', 3, 'abc'],
    ['keeps what just fits', 'abc', 3, 'abc'],
    ['removes NUL and then cuts', '\0a\0b\0c', 2, 'ab'],
    ['mends a lone surrogate', 'a\ud800b\udc00', 9, 'a\ufffdb\ufffd'],
    ['never cuts a pair in two', 'ab\ud83d\ude00', 3, 'ab'],
    ['keeps a whole pair', 'ab\ud83d\ude00', 4, 'ab\ud83d\ude00'],
    ['keeps other control characters', 'a\u001b[31m\n', 9, 'a\u001b[31m\n'],
    ['makes nothing of nothing', '', 5, ''],
    ['keeps nothing where nothing is wanted', 'abc', 0, ''],
  ])('%s', (_, text, max, becomes) => {
    expect(clean(text, max)).toBe(becomes)
  })

  it('gives well-formed text within its bound, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), fc.nat(40), (units, max) => {
        const text = clean(String.fromCharCode(...units), max)
        expect(text.length).toBeLessThanOrEqual(max)
        expect(text.isWellFormed() && !text.includes('\0')).toBe(true)
        expect(clean(text, max)).toBe(text)
      }),
    )
  })
})

it('mends every text in a value, keys too, and leaves the rest', () => {
  const bad = '\ud800'
  expect(wellFormed({ [bad]: [bad, 1, null, { deep: `x${bad}` }], fine: true })).toEqual({
    '\ufffd': ['\ufffd', 1, null, { deep: 'x\ufffd' }],
    fine: true,
  })
})
