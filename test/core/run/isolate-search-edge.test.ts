import { describe, expect, it } from 'vitest'
import { searchStep, TRIES_MAX, type Search, type SearchStep, type Tried, type TryVerdict } from '../../../src/core/run/isolate-search.ts'

const tried = (verdict: TryVerdict, ...units: readonly number[]): Tried => ({ units, verdict, kept: false })
const kept = (verdict: TryVerdict, ...units: readonly number[]): Tried => ({ units, verdict, kept: true })
const UNCLEAR: SearchStep = { kind: 'lost', why: 'unclear' }

const step = (units: number, broke: boolean, some: readonly Tried[], more: Partial<Search> = {}): SearchStep =>
  searchStep({ units, broke, tried: some, parts: 2, ...more })

describe('the next step of a search', () => {
  // prettier-ignore
  it.each<[it: string, units: number, broke: boolean, tried: readonly Tried[], said: SearchStep]>([
    ['tries the halves, and the whole once more',        2, true,  [],                                               { kind: 'try', sets: [[0], [1], [0, 1]] }],
    ['tries the whole alone, when its halves were well', 2, true,  [tried('good', 0), tried('good', 1)],             { kind: 'try', sets: [[0, 1]] }],
    ['tries again what was unclear once',                2, true,  [tried('bad', 0, 1), tried('unclear', 0), tried('good', 1)], { kind: 'try', sets: [[0]] }],
    ['keeps what broke nobody',                          2, false, [],                                               { kind: 'keep', set: [0, 1] }],
    ['keeps it once more, when that was unclear',        2, false, [kept('unclear', 0, 1)],                          { kind: 'keep', set: [0, 1] }],
    ['ends when that stays unclear',                     2, false, [kept('unclear', 0, 1), kept('unclear', 0, 1)],   UNCLEAR],
    ['keeps once more what a try found to be good',      2, false, [tried('good', 0, 1), kept('unclear', 0, 1)],     { kind: 'keep', set: [0, 1] }],
    ['ends when that stays unclear on all that keep it', 2, false, [tried('good', 0, 1), kept('unclear', 0, 1), kept('unclear', 0, 1)], UNCLEAR],
    ['ends when the whole is unclear the second time',   1, true,  [tried('unclear', 0), tried('unclear', 0)],       UNCLEAR],
    ['blames none of two of which it is not clear that either can be left out', 2, true,
      [tried('bad', 0, 1), ...[0, 0, 1, 1].map((unit) => tried('unclear', unit))],                                   UNCLEAR],
  ])('%s', (_, units, broke, some, said) => {
    expect(step(units, broke, some)).toEqual(said)
  })

  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)
  const well = (...sets: readonly (readonly number[])[]): Tried[] => sets.map((set) => tried('good', ...set))

  it('cuts a piece that breaks into as many parts as can be tried side by side', () => {
    expect(step(16, true, [tried('bad', 0, 1, 2, 3)], { parts: 4 })).toEqual({
      kind: 'try',
      sets: [[0], [1], [2], [3], [1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]],
    })
  })

  it('keeps the pieces of what breaks without one of them: they are known to be well', () => {
    const pieces = [range(0, 4), range(4, 8), range(8, 12), range(12, 16)]
    expect(step(16, true, [...well(...pieces), tried('bad', ...range(4, 16))], { parts: 4 })).toEqual({
      kind: 'try',
      sets: [range(8, 16), [...range(4, 8), ...range(12, 16)], range(4, 12)],
    })
  })
})

describe('a search that takes too many tries', () => {
  const many = (count: number, ...more: readonly Tried[]): Tried[] => [...Array.from({ length: count - more.length }, () => tried('good', 7)), ...more] // prettier-ignore

  it.each<[it: string, broke: boolean, step: SearchStep]>([
    ['to keep something', false, { kind: 'keep', set: [0, 1] }],
    ['to try something', true, { kind: 'try', sets: [[0], [1], [0, 1]] }],
  ])('asks no more, not even %s', (_, broke, asked) => {
    expect(step(2, broke, many(TRIES_MAX - 1))).toEqual(asked)
    expect(step(2, broke, many(TRIES_MAX))).toEqual({ kind: 'lost', why: 'too-many-tries' })
  })

  it('still says what it knows', () => {
    expect(step(2, false, many(TRIES_MAX, kept('good', 0, 1)))).toMatchObject({ kind: 'found', rest: [0, 1] })
    expect(step(1, true, many(TRIES_MAX, tried('good', 0)))).toEqual({ kind: 'lost', why: 'not-reproducible' })
  })
})
