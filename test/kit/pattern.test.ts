import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readPattern, type Pattern } from '../../src/kit/pattern.ts'

function pattern(source: string): Pattern {
  const read = readPattern(source)
  if ('mistake' in read) throw new Error(`${source}: ${read.mistake}`)
  return read
}

describe('a pattern fits a text as a whole', () => {
  // prettier-ignore
  it.each<[source: string, fits: readonly string[], not: readonly string[]]>([
    ['^CVE-\\d{4}-\\d{4,}$',     ['CVE-2026-1234', 'CVE-2026-123456'],  ['CVE-2026-123', 'xCVE-2026-1234', 'CVE-2026-1234x', '']],
    ['CVE-\\d{4}',               ['CVE-2026'],                          ['CVE-20261', ' CVE-2026']],
    ['[a-z]+(-[a-z]+)*',         ['a', 'a-b', 'abc-def-g'],             ['a-', '-a', 'a--b', 'A']],
    ['blue|green',               ['blue', 'green'],                     ['bluegreen', 'blu']],
    ['(?:blue|gr(e|a)y)?',       ['', 'blue', 'grey', 'gray'],          ['gry']],
    ['(?<tens>\\d)\\d',          ['42'],                                ['4', '421']],
    ['a{2}b{0,2}c{1,}',          ['aac', 'aabbcc'],                     ['ac', 'aabbbc', 'aabb']],
    ['a*?b+?c??',                ['b', 'aabbc'],                        ['a', 'c']],
    ['.',                        ['a', 'é', '😀'],                      ['', 'ab', '\n']],
    ['[^a-c\\]]+',               ['xyz'],                               ['xaz', ']']],
    ['\\u0041\\x42\\u{43}',      ['ABC'],                               ['abc']],
    ['\\p{Lu}\\P{Lu}',           ['Éa'],                                ['éa', 'EA']],
    ['\\(\\*\\)',                ['(*)'],                               ['*']],
    ['(a|b$)c?',                 ['a', 'ac', 'b'],                      ['bc']],
    ['(^a|b)*',                  ['', 'a', 'abb', 'b'],                 ['ba']],
    ['()*x',                     ['x'],                                 ['']],
    ['(((a{2}){3}){4})',         ['a'.repeat(24)],                      ['a'.repeat(23), 'a'.repeat(25)]],
  ])('%s', (source, fits, not) => {
    expect(fits.filter((text) => !pattern(source).fits(text))).toEqual([])
    expect(not.filter((text) => pattern(source).fits(text))).toEqual([])
  })
})

it('agrees with RegExp on any text', () => {
  const source = fc.constantFrom('(a|ab)(c|bcd)*', '(a*)*b', '(a|a?)+', 'a?a?a?aaa', '[ab]{1,3}(ba)*', '^(a|^b)c$|d', '(a{0,2}b?){2,}')
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 8 })
  fc.assert(
    fc.property(source, text, (any, one) => {
      expect(pattern(any).fits(one)).toBe(new RegExp(`^(?:${any})$`, 'u').test(one))
    }),
    { numRuns: 2_000 },
  )
})

it.each(['(a+)+$', '(a|a)*', '(a|aa)+', '([a-z]+)*', '(.*)*x', '(a*)*(a*)*(a*)*b'])(
  '%s takes back no way: 256 characters are answered',
  (source) => {
    expect(pattern(source).fits(`${'a'.repeat(255)}!`)).toBe(false)
  },
)

// prettier-ignore
it.each<[source: string, mistake: RegExp]>([
  ['(',                     /group/],
  ['[a',                    /class/],
  ['a**',                   /repeat/],
  ['\\-',                   /escape/],
  ['(a)\\1',                /references/],
  ['(?=a)a',                /look-around/],
  ['(?<!a)b',               /look-around/],
  ['(?i:a)',                /flags|group/],
  ['a\\b',                  /\\b/],
  ['(a{1000}){1000}',       /too large/],
  ['a{100000}',             /too often/],
  ['(((){2000}){2000}){2000}a{3000}', /too often/],
])('%s is refused', (source, mistake) => {
  expect(readPattern(source)).toEqual({ mistake: expect.stringMatching(mistake) as unknown })
})

it.each([
  ['^CVE-\\d{4}-\\d{4,}$', 'CVE-0000-0000'],
  ['(prod|staging)-[1-9]', 'prod-1'],
  ['[^\\x00-\\x7f]', '?'],
])('%s has the example %s', (source, example) => {
  expect(pattern(source).example).toBe(example)
})
