import { describe, expect, it } from 'vitest'
import type { CalendarRule } from '../../../src/core/plan/calendar.ts'
import { oddities, offsetText, type Oddity } from '../../../src/core/plan/odd-days.ts'
import { DAY, HOUR, isoSeconds } from '../../../src/kit/instant.ts'
import { at, BERLIN, NY, rule } from './calendar-rule.ts'

const list = (one: CalendarRule, from: string, to: string) => [...oddities(one, at(`${from}T00:00:00Z`), at(`${to}T00:00:00Z`))]
/** The odd rows alone: when they open, what is odd, and in words. */
const odd = (one: CalendarRule, from: string, to: string) =>
  list(one, from, to).flatMap(({ opens, local, marks, odd }) =>
    marks.length === 0 ? [] : [[opens === null ? `(${local})` : isoSeconds(opens), marks.join(' '), odd.join('; ')]],
  )

const SIX = { durationMs: 6 * HOUR }
const NEXT = { onGap: 'next-valid' } as const

describe('odd days', () => {
  // prettier-ignore
  it.each<[why: string, schedule: string, more: Partial<CalendarRule>, from: string, to: string, rows: [opens: string, mark: Oddity, text: string][]]>([
    ['a local time that does not exist is left out', 'cron(30 2 ? * SUN *)', { ...NY, ...SIX }, '2026-03-01', '2026-03-20', [
      ['(2026-03-08T02:30:00)', 'gap-skipped', '02:30 does not exist: clocks go from 02:00 to 03:00; it is left out'],
    ]],
    ['… or moved', 'cron(30 2 ? * SUN *)', { ...NY, ...SIX, ...NEXT }, '2026-03-01', '2026-03-20', [
      ['2026-03-08T07:00:00Z', 'gap-moved', '02:30 does not exist: clocks go from 02:00 to 03:00; it opens then, at 03:00'],
    ]],
    ['… several of them onto one', 'cron(0/30 2-3 ? * SUN *)', { ...NY, ...NEXT }, '2026-03-08', '2026-03-09', [
      ['2026-03-08T07:00:00Z', 'gap-moved', '02:00 does not exist: clocks go from 02:00 to 03:00; it opens then, at 03:00'],
      ['(2026-03-08T02:30:00)', 'gap-merged', '02:30 does not exist: clocks go from 02:00 to 03:00; it is one with the opening before it'],
      ['(2026-03-08T03:00:00)', 'gap-merged', '03:00 is when a hit that clocks went over opens already; it is one with it'],
    ]],
    ['a local time that comes twice', 'cron(30 1 ? * SUN *)', NY, '2026-10-25', '2026-11-10', [
      ['2026-11-01T05:30:00Z', 'doubled', '01:30 comes twice, at -04:00 and -05:00; it opens the first time only'],
    ]],
    ['… the second time', 'cron(30 2 ? * SUN *)', { ...BERLIN, onOverlap: 'second' }, '2026-10-20', '2026-11-10', [
      ['2026-10-25T01:30:00Z', 'doubled', '02:30 comes twice, at +02:00 and +01:00; it opens the second time only'],
    ]],
    ['a window over the short night', 'cron(0 22 ? * SAT *)', { ...NY, ...SIX }, '2026-03-01', '2026-03-20', [
      ['2026-03-08T03:00:00Z', 'clock-change-inside', 'clocks change while it is open: it closes at 05:00 instead of 04:00, after the same time'],
    ]],
    ['a window over the long night', 'cron(0 22 ? * SAT *)', { ...NY, ...SIX }, '2026-10-25', '2026-11-10', [
      ['2026-11-01T02:00:00Z', 'clock-change-inside', 'clocks change while it is open: it closes at 03:00 instead of 04:00, after the same time'],
    ]],
    ['an offset into the next month', 'cron(0 3 ? * WED#5 *)', { offsetDays: 2 }, '2026-04-10', '2026-05-15', [
      ['2026-05-01T03:00:00Z', 'next-month', 'its offset leads from 2026-04-29 into the next month'],
    ]],
    ['a leap day', 'cron(0 3 29 * ? *)', {}, '2028-01-15', '2028-03-15', [
      ['2028-02-29T03:00:00Z', 'leap-day', 'it is a 29 February'],
    ]],
    ['… also of a century', 'cron(0 3 29 2 ? *)', {}, '2000-01-15', '2000-03-15', [
      ['2000-02-29T03:00:00Z', 'leap-day', 'it is a 29 February'],
    ]],
    ['… but of most not', 'cron(0 3 28 2 ? *)', { offsetDays: 1 }, '2100-02-15', '2100-03-15', [
      ['2100-03-01T03:00:00Z', 'next-month', 'its offset leads from 2100-02-28 into the next month'],
    ]],
    ['months without a fifth Monday', 'cron(0 3 ? * MON#5 *)', {}, '2026-01-01', '2026-06-01', [
      ['(2026-01)', 'no-such-day', '2026-01 has no fifth Monday'],
      ['(2026-02)', 'no-such-day', '2026-02 has no fifth Monday'],
      ['(2026-04)', 'no-such-day', '2026-04 has no fifth Monday'],
      ['(2026-05)', 'no-such-day', '2026-05 has no fifth Monday'],
    ]],
    ['… told where they also have a first one', 'cron(0 3 ? 2 MON#1,MON#5 *)', {}, '2026-01-01', '2026-06-01', [
      ['(2026-02)', 'no-such-day', '2026-02 has no fifth Monday'],
    ]],
    ['months without a 31st', 'cron(0 3 15,31 * ? *)', {}, '2026-01-20', '2026-05-20', [
      ['(2026-02)', 'no-such-day', '2026-02 has no day 31'],
      ['(2026-04)', 'no-such-day', '2026-04 has no day 31'],
    ]],
    ['… or a day so long before its last', 'cron(0 3 L-28,31W 2-3 ? *)', {}, '2026-01-20', '2026-05-20', [
      ['(2026-02)', 'no-such-day no-such-day' as Oddity, '2026-02 has no day that is 28 days before its last; 2026-02 has no day 31'],
    ]],
    ['… but not of every day or every second one', 'cron(0 3 */2 * ? *)', {}, '2026-01-20', '2026-05-20', []],
    ['… nor outside the validity', 'cron(0 3 31 * ? *)', { start: at('2026-03-01T00:00:00Z'), end: at('2026-04-20T00:00:00Z') }, '2026-01-20', '2026-07-20', []],
    ['a rate keeps its beat, not its hour', 'rate(7 days)', { ...NY, start: at('2026-03-01T08:00:00Z') }, '2026-03-01', '2026-03-20', [
      ['2026-03-08T08:00:00Z', 'rate-moved', 'rate() counts elapsed time and does not follow clocks: clocks are -04:00 now, -05:00 before'],
    ]],
    ['at() in a gap', 'at(2026-03-08T02:30:00)', NY, '2026-03-01', '2026-03-20', [
      ['(2026-03-08T02:30:00)', 'gap-skipped', '02:30 does not exist: clocks go from 02:00 to 03:00; it is left out'],
    ]],
    ['… with seconds', 'at(2026-03-08T02:00:30)', NY, '2026-03-01', '2026-03-20', [
      ['(2026-03-08T02:00:30)', 'gap-skipped', '02:00:30 does not exist: clocks go from 02:00 to 03:00; it is left out'],
    ]],
    ['a month without its day is told where its offset leads', 'cron(0 3 31 * ? *)', { offsetDays: 2 }, '2026-03-01', '2026-03-04', [
      ['(2026-02)', 'no-such-day', '2026-02 has no day 31'],
    ]],
    ['… and not before', 'cron(0 3 31 * ? *)', { offsetDays: 2 }, '2026-02-10', '2026-03-02', []],
    ['a window that never opens meets no change of clocks, however long it is', 'at(2026-03-08T02:30:00)', { ...NY, durationMs: 200 * DAY }, '2026-03-01', '2026-03-20', [
      ['(2026-03-08T02:30:00)', 'gap-skipped', '02:30 does not exist: clocks go from 02:00 to 03:00; it is left out'],
    ]],
    ['a day that a country left out', 'cron(0 12 ? * FRI *)', { timezone: 'Pacific/Apia', ...NEXT }, '2011-12-20', '2012-01-05', [
      ['2011-12-30T10:00:00Z', 'gap-moved', '2011-12-30T12:00:00 does not exist: clocks go from 2011-12-30T00:00:00 to 2011-12-31T00:00:00; it opens then, at 2011-12-31T00:00:00'],
    ]],
    ['seconds where clocks had them', 'cron(0 30 0 7 1 ? 1972)', { timezone: 'Africa/Monrovia', ...NEXT }, '1972-01-01', '1972-02-01', [
      ['1972-01-07T00:44:30Z', 'gap-moved', '00:30 does not exist: clocks go from 00:00 to 00:44:30; it opens then, at 00:44:30'],
    ]],
  ])('%s: %s', (_, schedule, more, from, to, rows) => {
    expect(odd(rule(schedule, more), from, to)).toEqual(rows)
  })

  it('several things can be odd at once', () => {
    const [row] = list(rule('cron(30 1 ? * SAT *)', { ...NY, ...SIX, offsetDays: 1 }), '2026-11-01', '2026-11-02')
    expect(row?.marks).toEqual(['doubled', 'next-month', 'clock-change-inside'])
    expect(row?.odd).toHaveLength(3)
  })
})

describe('all rows', () => {
  it('say what clocks show when a window opens and closes', () => {
    const rows = list(rule('cron(30 2 ? * SUN *)', { ...NY, ...SIX, ...NEXT }), '2026-03-01', '2026-03-16')
    expect(rows.map(({ local, opensLocal, closesLocal, utcOffset }) => [local, opensLocal, closesLocal, utcOffset])).toEqual([
      ['2026-03-01T02:30:00', '2026-03-01T02:30:00', '2026-03-01T08:30:00', '-05:00'],
      ['2026-03-08T02:30:00', '2026-03-08T03:00:00', '2026-03-08T09:00:00', '-04:00'],
      ['2026-03-15T02:30:00', '2026-03-15T02:30:00', '2026-03-15T08:30:00', '-04:00'],
    ])
    expect(rows.map(({ opens, closes }) => (closes ?? 0) - (opens ?? 0))).toEqual([6 * HOUR, 6 * HOUR, 6 * HOUR])
  })

  it('leave out what only an opening has where there is none', () => {
    const [row] = list(rule('cron(30 2 8 3 ? *)', { ...NY, ...SIX }), '2026-03-01', '2026-03-20')
    const nothing = { opens: null, closes: null, opensLocal: '', closesLocal: '', utcOffset: '' }
    expect(row).toMatchObject(nothing)
    const [month] = list(rule('cron(0 3 31 * ? *)'), '2026-02-01', '2026-03-20')
    expect(month).toMatchObject({ ...nothing, local: '2026-02' })
  })

  it('stand in the order of time, a month without its day at its end', () => {
    const rows = list(rule('cron(0 3 1,31 * ? *)', { offsetDays: 2 }), '2026-01-15', '2026-06-15').map(({ local }) => local.slice(0, 10))
    expect(rows).toEqual([
      '2026-02-02',
      '2026-02-03',
      '2026-02',
      '2026-03-03',
      '2026-04-02',
      '2026-04-03',
      '2026-04',
      '2026-05-03',
      '2026-06-02',
      '2026-06-03',
    ])
  })

  it('begin after `from` and end before `to`', () => {
    const rows = list(rule('cron(0 0 * * ? *)'), '2026-01-01', '2026-01-04').map(({ local }) => local)
    expect(rows).toEqual(['2026-01-02T00:00:00', '2026-01-03T00:00:00'])
    const ended = oddities(rule('cron(0 3 31 * ? *)'), at('2026-02-28T23:59:59.999Z'), at('2026-03-20T00:00:00Z'))
    expect([...ended]).toEqual([])
  })

  // prettier-ignore
  it.each([[0, '+00:00'], [-1, '-05:00'], [1, '+05:00']])('show an offset with its sign: %i', (sign, text) => {
    expect(offsetText(sign * 5 * HOUR)).toBe(text)
  })

  it('a rate counts from `from`, like its openings', () => {
    expect(list(rule('rate(1 day)'), '2026-01-01', '2026-01-04').map(({ local }) => local)).toEqual([
      '2026-01-02T00:00:00',
      '2026-01-03T00:00:00',
    ])
  })
})
