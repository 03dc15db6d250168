import { describe, expect, it } from 'vitest'
import { freezeAt, freezesOfDays, inOrder, touches, type Freeze } from '../../../src/core/plan/freeze.ts'
import { instant, isoSeconds } from '../../../src/kit/instant.ts'

const at = (text: string) => instant(Date.parse(text))
const freeze = (from: number, to: number): Freeze => ({ from: instant(from), to: instant(to), why: `${from}-${to}`, source: 'test' })

describe('freezeAt', () => {
  const freezes = [freeze(10, 20), freeze(15, 30), freeze(40, 50)]
  // prettier-ignore
  it.each<[at: number, why: string | undefined]>([
    [9, undefined], [10, '10-20'], [15, '15-30'], [19, '15-30'], [20, '15-30'], [30, undefined], [49, '40-50'], [50, undefined],
  ])('%i: %s', (at, why) => {
    expect(freezeAt(freezes, instant(at))?.why).toBe(why)
    expect(freezeAt(freezes.toReversed(), instant(at))?.why).toBe(why)
  })

  it('is the first of two that end together', () => {
    expect(freezeAt([freeze(10, 20), freeze(12, 20)], instant(15))?.why).toBe('10-20')
  })
})

describe('touches', () => {
  // prettier-ignore
  it.each<[from: number, to: number, touching: boolean]>([
    [0, 10, false], [0, 11, true], [19, 30, true], [20, 30, false], [12, 13, true], [0, 99, true],
  ])('[%i, %i) of [10, 20): %s', (from, to, touching) => {
    expect(touches(freeze(10, 20), instant(from), instant(to))).toBe(touching)
  })

  it('is shown in the order of beginnings', () => {
    expect(inOrder([freeze(15, 30), freeze(10, 20), freeze(10, 12)]).map(({ why }) => why)).toEqual(['10-12', '10-20', '15-30'])
  })

  it('… and of what they say, in whatever order they were read', () => {
    const all = ['a x', 'a y', 'b a', 'b z'].map((text) => ({ ...freeze(10, 20), source: text.slice(0, 1), why: text.slice(2) }))
    for (const given of [all, all.toReversed(), [...all.slice(2), ...all.slice(0, 2)]]) expect(inOrder(given)).toEqual(all)
  })
})

describe('days', () => {
  const spans = (from: string, to: string, zone: string): string[] =>
    freezesOfDays({ from, to }, zone, at('2026-01-01T00:00:00Z'), at('2027-06-01T00:00:00Z')).map(
      (one) => `${isoSeconds(one.from)} ${isoSeconds(one.to)}`,
    )

  // prettier-ignore
  it.each<[it: string, from: string, to: string, zone: string, spans: string[]]>([
    ['both included',                          '2026-12-20', '2027-01-03', 'America/New_York', ['2026-12-20T05:00:00Z 2027-01-04T05:00:00Z']],
    ['in the zone',                            '2026-12-20', '2026-12-20', 'Asia/Tokyo',       ['2026-12-19T15:00:00Z 2026-12-20T15:00:00Z']],
    ['a day of 23 hours',                      '2026-03-08', '2026-03-08', 'America/New_York', ['2026-03-08T05:00:00Z 2026-03-09T04:00:00Z']],
    ['a day of 25 hours',                      '2026-11-01', '2026-11-01', 'America/New_York', ['2026-11-01T04:00:00Z 2026-11-02T05:00:00Z']],
    ['a day whose midnight does not exist',    '2026-04-24', '2026-04-24', 'Africa/Cairo',     ['2026-04-23T22:00:00Z 2026-04-24T21:00:00Z']],
    ['a day whose midnight comes twice',       '2026-11-01', '2026-11-01', 'America/Havana',   ['2026-11-01T04:00:00Z 2026-11-02T05:00:00Z']],
    ['not asked about',                        '2025-12-01', '2025-12-31', 'UTC',              []],
    ['just not asked about',                   '2027-06-01', '2027-06-02', 'UTC',              []],
  ])('%s', (_, from, to, zone, expected) => {
    expect(spans(from, to, zone)).toEqual(expected)
  })

  // prettier-ignore
  it.each<[it: string, from: string, to: string, zone: string, says: string]>([
    ['in the wrong order', '2026-12-20', '2026-12-19', 'UTC',          'before the first'],
    ['30 February',        '2026-02-30', '2026-03-01', 'UTC',          '"2026-02-30" is no day'],
    ['prose',              'Christmas',  '2026-12-27', 'UTC',          '"Christmas" is no day'],
    ['a time',             '2026-12-20', '2026-12-27T00:00:00', 'UTC',  '"2026-12-27T00:00:00" is no day'],
    ['a year of six digits', '+002026-12-20', '2026-12-27', 'UTC',     '"+002026-12-20" is no day'],
    ['an instant',         '2026-12-20', '2026-12-27T00:00:00Z', 'UTC', 'an instant, not a day'],
    ['on Mars',            '2026-12-20', '2026-12-27', 'Mars/Olympus', 'no time zone'],
  ])('are refused: %s', (_, from, to, zone, says) => {
    expect(() => spans(from, to, zone)).toThrow(
      expect.objectContaining({
        code: 'freeze.invalid',
        message: expect.stringContaining(says),
        more: { hint: zone === 'UTC' ? 'write both days like 2026-12-20, the first one first' : 'write an IANA name such as Europe/Berlin or UTC' },
      }),
    )
  })
})
