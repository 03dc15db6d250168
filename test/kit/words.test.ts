import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration, parseShare } from '../../src/kit/duration.ts'
import { suggest, suggestion } from '../../src/kit/suggest.ts'

describe('durations', () => {
  // prettier-ignore
  it.each<[text: string, ms: number | undefined]>([
    ['90s',   90_000], ['30m', 1_800_000], ['6h', 21_600_000], ['7d', 604_800_000], ['500ms', 500], ['0s', 0],
    ['1h30m', undefined], ['1.5h', undefined], ['-1h', undefined], ['6', undefined], ['6 h', undefined], ['', undefined],
    ['06h',   undefined], ['6H', undefined], ['99999999d', undefined], ['6h\n', undefined],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each([
    [0, '0s'],
    [500, '500ms'],
    [1_000, '1s'],
    [5_400_000, '90m'],
    [86_400_000, '1d'],
    [61_000, '61s'],
  ])('%i ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })
})

// prettier-ignore
it.each<[text: string, percent: number | undefined]>([
  ['10%', 10], ['0%', 0], ['0.5%', 0.5], ['100%', 100], ['100.0%', 100],
  ['100.1%', undefined], ['101%', undefined], ['-1%', undefined], ['10', undefined], ['10 %', undefined], ['.5%', undefined], ['1e1%', undefined],
])('the share %s', (text, percent) => {
  expect(parseShare(text)).toBe(percent)
})

describe('did you mean', () => {
  // prettier-ignore
  it.each<[word: string, candidates: readonly string[], expected: string | undefined]>([
    ['concurency',  ['name', 'concurrency', 'take'],      'concurrency'],
    ['conurrencyc', ['name', 'concurrency'],              'concurrency'],
    ['max_age',     ['path', 'maxAge'],                   'maxAge'],
    ['critical',    ['Critical', 'Important'],            'Critical'],
    ['nmae',        ['name', 'take'],                     'name'],
    ['hooks',       ['checks', 'waves', 'window'],        undefined],
    ['',            ['a'],                                undefined],
    ['b',           [],                                   undefined],
    ['x'.repeat(100_000), ['name'],                       undefined],
  ])('%s', (word, candidates, expected) => {
    expect(suggest(word, candidates)).toBe(expected)
  })

  it('lists the choice when nothing is near, as far as it can be read', () => {
    expect(suggestion('zzz', ['one', 'two'])).toBe('choose from one, two')
    expect(suggestion('zzz', Array(30).fill('abcdef'))).toMatch(/, …$/)
    expect(suggestion('zzz', [])).toBe('there is none to choose from')
  })
})
