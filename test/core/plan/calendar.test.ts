import { describe, expect, it } from 'vitest'
import { calendarRule, neverFires, nextOpenings, occurrences, zoneDataOf, type CalendarRule } from '../../../src/core/plan/calendar.ts'
import { PatchwaveError } from '../../../src/kit/error.ts'
import { HOUR, instant, isoSeconds, MINUTE } from '../../../src/kit/instant.ts'
import { at, BERLIN, LA, NY, opens, refusal, rule } from './calendar-rule.ts'

/** `01-15T02:00` stands for that minute of 2026, UTC. */
const minute = (short: string) => `${short.length === 11 ? `2026-${short}` : short}:00Z`

// One second before the year, so that what opens with the year is strictly after it.
const FROM = '2025-12-31T23:59:59Z'
const SATURDAY = { start: at('2026-01-03T02:00:00Z') }

describe('the worked examples of the maintenance-window grammar, from 2026 on, in UTC', () => {
  // prettier-ignore
  it.each<[n: string, schedule: string, more: Partial<CalendarRule>, first: string[], odd?: string]>([
    ['1',  'cron(0 2 ? * THU#3 *)',               {},                       ['01-15T02:00', '02-19T02:00', '03-19T02:00']],
    ['2',  'cron(15 10 ? * * *)',                 {},                       ['01-01T10:15', '01-02T10:15', '01-03T10:15']],
    ['3',  'cron(15 10 ? * MON-FRI *)',           {},                       ['01-01T10:15', '01-02T10:15', '01-05T10:15'], 'the year begins on a Thursday'],
    ['4',  'cron(0 2 L * ? *)',                   {},                       ['01-31T02:00', '02-28T02:00', '03-31T02:00']],
    ['5',  'cron(15 10 ? * 6L *)',                {},                       ['01-30T10:15', '02-27T10:15', '03-27T10:15'], '6 is FRI: SUN counts 1'],
    ['5a', 'cron(15 10 ? * FRIL *)',              {},                       ['01-30T10:15', '02-27T10:15', '03-27T10:15']],
    ['6',  'cron(0 16 ? * TUE *)',                LA,                       ['01-07T00:00', '01-14T00:00'], 'Tuesday there is Wednesday in UTC'],
    ['7',  'cron(30 23 ? * TUE#3 *)',             {},                       ['01-20T23:30', '02-17T23:30', '03-17T23:30']],
    ['8',  'cron(30 23 ? * TUE#3 *)',             { offsetDays: 2 },        ['01-22T23:30', '02-19T23:30', '03-19T23:30']],
    ['9',  'cron(0 30 23 ? * TUE#3 *)',           { offsetDays: 2 },        ['01-22T23:30', '02-19T23:30', '03-19T23:30'], 'seven fields'],
    ['11', 'cron(0 10 * * ? *)',                  {},                       ['01-01T10:00', '01-02T10:00']],
    ['12', 'cron(0 8 1 * ? *)',                   {},                       ['01-01T08:00', '02-01T08:00', '03-01T08:00']],
    ['13', 'cron(0/15 * * * ? *)',                {},                       ['01-01T00:00', '01-01T00:15', '01-01T00:30']],
    ['14', 'cron(0/10 * ? * MON-FRI *)',          {},                       ['01-01T00:00', '01-01T00:10']],
    ['15', 'cron(0/5 8-17 ? * MON-FRI *)',        {},                       ['01-01T08:00', '01-01T08:05']],
    ['16', 'cron(0 18 15W * ? *)',                {},                       ['01-15T18:00', '02-16T18:00', '03-16T18:00'], '15 February and March are Sundays: on to Monday'],
    ['17', 'cron(0 4 1W * ? *)',                  {},                       ['01-01T04:00', '02-02T04:00', '03-02T04:00'], 'Sunday the 1st goes on: back would be last month'],
    ['18', 'cron(0 3 LW * ? *)',                  {},                       ['01-30T03:00', '02-27T03:00', '03-31T03:00']],
    ['19', 'cron(0 3 ? * SUN#5 *)',               {},                       ['03-29T03:00', '05-31T03:00', '08-30T03:00'], 'months without a fifth do not run'],
    ['20', 'cron(0 1 ? JAN,APR,JUL,OCT SAT#1 *)', BERLIN,                   ['01-03T00:00', '04-03T23:00', '07-03T23:00'], 'in summer the day before in UTC'],
    ['21', 'cron(0 22 ? * 3#2 *)',                {},                       ['01-13T22:00', '02-10T22:00', '03-10T22:00'], '3 is TUE'],
    ['22', 'cron(0 22 ? * TUE#2 *)',              { offsetDays: 1 },        ['01-14T22:00', '02-11T22:00', '03-11T22:00'], 'the day after the second Tuesday'],
    ['23', 'cron(0 0 29 2 ? *)',                  {},                       ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['24', 'cron(0 5 ? * L *)',                   {},                       ['01-03T05:00', '01-10T05:00'], 'L alone is SAT'],
    ['25', 'cron(0 0 31 * ? *)',                  {},                       ['01-31T00:00', '03-31T00:00', '05-31T00:00'], 'February and April have no 31st'],
    ['26', 'cron(0 6 1 1 ? 2027)',                { timezone: 'Asia/Tokyo' }, ['12-31T21:00'], 'once, and still in 2026 in UTC'],
    ['29', 'rate(7 days)',                        SATURDAY,                 ['01-03T02:00', '01-10T02:00', '01-17T02:00'], 'the start is the first'],
    ['30', 'at(2026-07-07T15:55:00)',             BERLIN,                   ['07-07T13:55']],
  ])('%s: %s %o', (_, schedule, more, first) => {
    expect(opens(FROM, first.length, rule(schedule, more))).toEqual(first.map(minute))
  })

  it('6, in March: the local hour stays over a clock change', () => {
    expect(opens('2026-03-01T00:00:00Z', 2, rule('cron(0 16 ? * TUE *)', LA))).toEqual(['2026-03-04T00:00:00Z', '2026-03-10T23:00:00Z'])
  })

  it('10: seconds are kept', () => {
    expect(opens(FROM, 2, rule('cron(24 30 09 ? * * *)'))).toEqual(['2026-01-01T09:30:24Z', '2026-01-02T09:30:24Z'])
  })

  it('15, on Friday evening: on Monday again', () => {
    expect(opens('2026-01-02T17:50:00Z', 2, rule('cron(0/5 8-17 ? * MON-FRI *)'))).toEqual(['2026-01-02T17:55:00Z', '2026-01-05T08:00:00Z'])
  })

  it('27: 02:30 in New York on 8 March 2026 does not exist: it is skipped and told', () => {
    const skipping = rule('cron(30 2 ? * SUN *)', NY)
    expect(opens('2026-03-01T12:00:00Z', 1, skipping)).toEqual(['2026-03-15T06:30:00Z'])
    const [told] = occurrences(skipping, at('2026-03-01T12:00:00Z'))
    expect(told).toEqual({ local: '2026-03-08T02:30:00', opens: null, odd: 'gap' })
  })

  it('28: 01:30 in New York on 1 November 2026 comes twice: it opens once, the first time', () => {
    expect(opens('2026-10-31T12:00:00Z', 2, rule('cron(30 1 ? * SUN *)', NY))).toEqual(['2026-11-01T05:30:00Z', '2026-11-08T06:30:00Z'])
  })

  // prettier-ignore
  it.each<[n: string, schedule: string, broken: string]>([
    ['31',  'rate(1 days)',         'plural'],
    ['31a', 'cron(0 2 * * * *)',    'one-question-mark'],
    ['31b', 'cron(0 2 15 * TUE *)', 'one-question-mark'],
  ])('%s: %s is refused', (_, schedule, broken) => {
    expect(refusal(rule(schedule))).toMatchObject({ code: 'schedule.invalid', rule: broken })
  })
})

describe('what the examples leave open', () => {
  // prettier-ignore
  it.each<[schedule: string, first: string[], odd?: string]>([
    ['cron(0 0 1/10 * ? *)',      ['01-01T00:00', '01-11T00:00', '01-21T00:00', '01-31T00:00', '02-01T00:00']],
    ['cron(0 0 ? * MON#1,MON#3 *)', ['01-05T00:00', '01-19T00:00', '02-02T00:00']],
    ['cron(0 0 15W,L * ? *)',     ['01-15T00:00', '01-31T00:00', '02-16T00:00']],
    ['cron(0 0 ? * 2-6/2 *)',     ['01-02T00:00', '01-05T00:00', '01-07T00:00']],
    ['cron(0 4 31W * ? *)',       ['01-30T04:00', '03-31T04:00', '05-29T04:00'], 'Sunday 31 May goes back, not into June'],
    ['cron(0 4 1W 8 ? *)',        ['08-03T04:00'], 'Saturday the 1st goes on to Monday'],
    ['cron(0 0 ? * FRI-MON *)',   ['01-02T00:00', '01-03T00:00', '01-04T00:00', '01-05T00:00', '01-09T00:00'], 'over the end of the week'],
    ['cron(0 22-2/2 1 * ? *)',    ['01-01T00:00', '01-01T02:00', '01-01T22:00', '02-01T00:00'], 'all of them hours of the day that is named'],
    ['cron(0 0 1 NOV-FEB ? *)',   ['01-01T00:00', '02-01T00:00', '11-01T00:00', '12-01T00:00']],
    ['cron(0 0 L-2 * ? *)',       ['01-29T00:00', '02-26T00:00', '03-29T00:00']],
    ['cron(0 0 L-30 * ? *)',      ['01-01T00:00', '03-01T00:00', '05-01T00:00'], 'never in the month before: a month of 30 days has no such day'],
    ['cron(0 0 L-28 2 ? *)',      ['2028-02-01T00:00', '2032-02-01T00:00'], 'leap years'],
    ['cron(0 0 1,15,L * ? *)',    ['01-01T00:00', '01-15T00:00', '01-31T00:00', '02-01T00:00']],
    ['cron(0 0 ? * MON,6L,THU#3 *)', ['01-05T00:00', '01-12T00:00', '01-15T00:00', '01-19T00:00', '01-26T00:00', '01-30T00:00']],
    ['cron(0 0 ? 2 MON#5 *)',     ['2044-02-29T00:00', '2072-02-29T00:00'], 'a leap year that begins February on a Monday'],
    ['cron(0 0 29 2 ? 2096-2104)', ['2096-02-29T00:00', '2104-02-29T00:00'], '2100 is no leap year'],
    ['cron(0 0 1 1 ? 2030/60)',   ['2030-01-01T00:00', '2090-01-01T00:00', '2150-01-01T00:00']],
  ])('%s', (schedule, first) => {
    expect(opens(FROM, first.length, rule(schedule))).toEqual(first.map(minute))
  })
})

describe('the first opening is strictly after the given instant', () => {
  // prettier-ignore
  it.each<[it: string, from: string, one: CalendarRule, first: string[]]>([
    ['an opening at that instant is not next', '2026-01-04T03:00:00Z', rule('cron(0 3 ? * SUN *)'), ['2026-01-11T03:00:00Z']],
    ['a second before it, it is',              '2026-01-04T02:59:59Z', rule('cron(0 3 ? * SUN *)'), ['2026-01-04T03:00:00Z']],
    ['a millisecond before it, it is',         '2026-01-04T02:59:59.999Z', rule('cron(0 3 ? * SUN *)'), ['2026-01-04T03:00:00Z']],
    ['rate counts from there',                 '2026-01-01T00:00:00Z', rule('rate(1 day)'),         ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z']],
    ['a past start keeps its beat',            '2026-01-10T00:00:00Z', rule('rate(7 days)', { start: at('2026-01-01T06:00:00Z') }), ['2026-01-15T06:00:00Z', '2026-01-22T06:00:00Z']],
    ['a start is its own first opening',       '2026-01-01T00:00:00Z', rule('rate(5 hours)', { start: at('2026-01-01T06:00:00Z') }), ['2026-01-01T06:00:00Z', '2026-01-01T11:00:00Z']],
    ['a start that is asked about is not',     '2026-01-01T06:00:00Z', rule('rate(5 hours)', { start: at('2026-01-01T06:00:00Z') }), ['2026-01-01T11:00:00Z']],
    ['at() that has passed never comes',       '2026-07-07T13:55:00Z', rule('at(2026-07-07T15:55:00)', BERLIN), []],
    ['at() before its validity never comes',   '2026-01-01T00:00:00Z', rule('at(2026-07-07T15:55:00)', { start: at('2026-08-01T00:00:00Z') }), []],
    ['a year that has passed never comes',     '2027-01-01T00:00:00Z', rule('cron(0 3 ? * SUN 2026)'), []],
    ['from before the first year, the first',  '0001-01-01T00:00:00Z', rule('cron(0 3 ? * SUN *)'), ['1970-01-04T03:00:00Z']],
    ['… and 2000 was a leap year',             '1999-01-01T00:00:00Z', rule('cron(0 0 29 2 ? 2000)'),       ['2000-02-29T00:00:00Z']],
    ['at() to the second',                     '2026-01-01T00:00:00Z', rule('at(2028-02-29T15:55:01)'),     ['2028-02-29T15:55:01Z']],
    ['… also east of Greenwich',               '0001-01-01T00:00:00Z', rule('cron(0 3 * * ? *)', { timezone: 'Asia/Tokyo' }), ['1969-12-31T18:00:00Z']],
    ['… with an offset too',                   '0001-01-01T00:00:00Z', rule('cron(0 3 * * ? *)', { timezone: 'Asia/Tokyo', offsetDays: 1 }), ['1970-01-01T18:00:00Z']],
    ['the last millisecond that there is',     '2199-12-31T00:00:00Z', rule('rate(1 day)', { start: at('2199-12-31T23:59:59.999Z') }), ['2199-12-31T23:59:59Z']],
    ['after the last year, none',              '2200-01-02T00:00:00Z', rule('cron(0 3 ? * SUN *)'), []],
    ['… nor for a rate',                       '2200-01-02T00:00:00Z', rule('rate(7 days)'), []],
    ['the last opening that there is',         '2199-12-28T00:00:00Z', rule('cron(0 22 31 12 ? *)', LA), ['2200-01-01T06:00:00Z']],
    ['… also for who asks in the last moment', '2199-12-31T23:59:59.999Z', rule('cron(0 22 31 12 ? *)', LA), ['2200-01-01T06:00:00Z']],
    ['… but not when its year has ended in UTC', '2200-01-01T00:00:00Z', rule('cron(0 22 31 12 ? *)', LA), []],
    ['nothing before the start',               '2026-01-01T00:00:00Z', rule('cron(0 3 ? * SUN *)', { start: at('2026-01-11T03:00:00Z') }), ['2026-01-11T03:00:00Z']],
    ['nothing at the end',                     '2026-01-01T00:00:00Z', rule('cron(0 3 ? * SUN *)', { end: at('2026-01-18T03:00:00Z') }), ['2026-01-04T03:00:00Z', '2026-01-11T03:00:00Z']],
    ['rate ends too',                          '2026-01-01T00:00:00Z', rule('rate(1 day)', { end: at('2026-01-03T00:00:01Z') }), ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z']],
    ['between a hit and its offset day',       '2026-01-21T00:00:00Z', rule('cron(30 23 ? * TUE#3 *)', { offsetDays: 2 }), ['2026-01-22T23:30:00Z', '2026-02-19T23:30:00Z']],
    ['a hit before the start has no offset',   '2026-01-01T00:00:00Z', rule('cron(30 23 ? * TUE#3 *)', { offsetDays: 2, start: at('2026-01-21T00:00:00Z') }), ['2026-02-19T23:30:00Z', '2026-03-19T23:30:00Z']],
    ['a hit at the start has',                 '2026-01-01T00:00:00Z', rule('cron(30 23 ? * TUE#3 *)', { offsetDays: 2, start: at('2026-01-20T23:30:00Z') }), ['2026-01-22T23:30:00Z']],
    ['the end is held against the offset day', '2026-01-01T00:00:00Z', rule('cron(30 23 ? * TUE#3 *)', { offsetDays: 2, end: at('2026-01-21T00:00:00Z') }), []],
    ['the last of the year plus an offset',    '2026-12-28T00:00:00Z', rule('cron(0 1 31 * ? *)', { offsetDays: 2 }), ['2027-01-02T01:00:00Z', '2027-02-02T01:00:00Z']],
    ['an offset as long as there is',          '2026-01-01T00:00:00Z', rule('cron(0 1 1 * ? *)', { offsetDays: 6 }), ['2026-01-07T01:00:00Z']],
  ])('%s', (_, from, one, first) => {
    expect(opens(from, Math.max(first.length, 1), one)).toEqual(first)
  })

  it('gives fewer when there are no more', () => {
    expect(opens('2026-01-01T00:00:00Z', 5, rule('cron(0 3 ? 12 SUN#1 2026-2027)'))).toEqual([
      '2026-12-06T03:00:00Z',
      '2027-12-05T03:00:00Z',
    ])
    expect(opens('2026-01-01T00:00:00Z', 0, rule('cron(0 3 ? * SUN *)'))).toEqual([])
  })
})

const next = { onGap: 'next-valid' } as const
const second = { onOverlap: 'second' } as const

describe('nights on which the clock changes', () => {
  // prettier-ignore
  it.each<[why: string, from: string, one: CalendarRule, first: string[]]>([
    ['02:30 does not exist on 8 March: left out',          '2026-03-07T12:00:00Z', rule('cron(30 2 ? * SUN *)', NY),                   ['2026-03-15T06:30:00Z']],
    ['… or opens when the clock goes on, at 03:00 local',  '2026-03-07T12:00:00Z', rule('cron(30 2 ? * SUN *)', { ...NY, ...next }),  ['2026-03-08T07:00:00Z', '2026-03-15T06:30:00Z']],
    ['the first moment of the gap does not exist either',  '2026-03-07T12:00:00Z', rule('cron(0 2 ? * SUN *)', NY),                    ['2026-03-15T06:00:00Z']],
    ['03:00 exists',                                       '2026-03-07T12:00:00Z', rule('cron(0 3 ? * SUN *)', NY),                    ['2026-03-08T07:00:00Z', '2026-03-15T07:00:00Z']],
    ['the gap opens once, whatever fell into it',          '2026-03-08T06:00:00Z', rule('cron(0/20 1-3 ? * * *)', { ...NY, ...next }), ['2026-03-08T06:20:00Z', '2026-03-08T06:40:00Z', '2026-03-08T07:00:00Z', '2026-03-08T07:20:00Z']],
    ['asked inside the night, it is not told again',       '2026-03-08T07:00:00Z', rule('cron(30 2 ? * SUN *)', { ...NY, ...next }),  ['2026-03-15T06:30:00Z']],
    ['01:30 twice on 1 November: the first',               '2026-10-31T12:00:00Z', rule('cron(30 1 ? * SUN *)', NY),                   ['2026-11-01T05:30:00Z', '2026-11-08T06:30:00Z']],
    ['… or the second',                                    '2026-10-31T12:00:00Z', rule('cron(30 1 ? * SUN *)', { ...NY, ...second }), ['2026-11-01T06:30:00Z', '2026-11-08T06:30:00Z']],
    ['never both: asked between them, the first is over',  '2026-11-01T06:00:00Z', rule('cron(30 1 ? * SUN *)', NY),                   ['2026-11-08T06:30:00Z']],
    ['… and the second is still to come',                  '2026-11-01T05:45:00Z', rule('cron(30 1 ? * SUN *)', { ...NY, ...second }), ['2026-11-01T06:30:00Z']],
    ['… from its first moment on',                          '2026-11-01T05:45:00Z', rule('cron(0 1 ? * SUN *)', { ...NY, ...second }), ['2026-11-01T06:00:00Z']],
    ['02:00 comes once',                                   '2026-10-31T12:00:00Z', rule('cron(0 2 ? * SUN *)', NY),                    ['2026-11-01T07:00:00Z', '2026-11-08T07:00:00Z']],
    ['every half hour pauses while the hour repeats',      '2026-11-01T05:00:00Z', rule('cron(0/30 * * * ? *)', NY),                   ['2026-11-01T05:30:00Z', '2026-11-01T07:00:00Z']],
    ['… or while it is shown for the first time',          '2026-11-01T04:00:00Z', rule('cron(0/30 * * * ? *)', { ...NY, ...second }), ['2026-11-01T04:30:00Z', '2026-11-01T06:00:00Z', '2026-11-01T06:30:00Z', '2026-11-01T07:00:00Z']],
    ['Berlin goes forward at 01:00Z',                      '2026-03-28T12:00:00Z', rule('cron(30 2 * * ? *)', { ...BERLIN, ...next }), ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']],
    ['Berlin goes back at 01:00Z',                         '2026-10-24T12:00:00Z', rule('cron(30 2 * * ? *)', { ...BERLIN, ...second }), ['2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z']],
    ['the offset day keeps the local hour',                '2026-03-07T12:00:00Z', rule('cron(0 12 ? * SAT *)', { ...NY, offsetDays: 1 }), ['2026-03-08T16:00:00Z']],
    ['the offset may lead into a gap',                     '2026-03-07T12:00:00Z', rule('cron(30 2 ? * SAT *)', { ...NY, ...next, offsetDays: 1 }), ['2026-03-08T07:00:00Z']],
    ['… or away from one',                                 '2026-03-07T12:00:00Z', rule('cron(30 2 ? * SUN *)', { ...NY, offsetDays: 1 }), ['2026-03-09T06:30:00Z']],
    ['… or into an overlap',                               '2026-10-31T12:00:00Z', rule('cron(30 1 ? * SAT *)', { ...NY, ...second, offsetDays: 1 }), ['2026-11-01T06:30:00Z']],
    ['at() in a gap, as AWS does it: never',               '2026-03-07T12:00:00Z', rule('at(2026-03-08T02:30:00)', NY),                []],
    ['at() in a gap, next valid',                          '2026-03-07T12:00:00Z', rule('at(2026-03-08T02:30:00)', { ...NY, ...next }), ['2026-03-08T07:00:00Z']],
    ['at() in an overlap, once',                           '2026-10-31T12:00:00Z', rule('at(2026-11-01T01:30:00)', { ...NY, ...second }), ['2026-11-01T06:30:00Z']],
    ['rate() knows no clock changes',                      '2026-03-07T12:00:00Z', rule('rate(1 day)', { ...NY, start: at('2026-03-07T07:30:00Z') }), ['2026-03-08T07:30:00Z', '2026-03-09T07:30:00Z']],
  ])('%s', (_, from, one, first) => {
    expect(opens(from, Math.max(first.length, 1), one)).toEqual(first)
  })

  // prettier-ignore
  it.each<[night: string, from: string, closes: string]>([
    ['any',            '2026-06-06T12:00:00Z', '2026-06-07T08:00:00Z'], // 22:00 to 04:00 local
    ['an hour short',  '2026-03-07T12:00:00Z', '2026-03-08T09:00:00Z'], // to 05:00 local: six hours are six hours
    ['an hour long',   '2026-10-31T12:00:00Z', '2026-11-01T08:00:00Z'], // to 03:00 local
  ])('duration and cutoff are elapsed time: a night %s', (_, from, closes) => {
    const [times] = nextOpenings(rule('cron(0 22 ? * SAT *)', { ...NY, durationMs: 6 * HOUR, cutoffMs: 90 * MINUTE }), at(from), 1)
    expect(times && { closes: isoSeconds(times.closes), length: times.closes - times.opens, cutoff: times.closes - times.cutoff }).toEqual({
      closes,
      length: 6 * HOUR,
      cutoff: 90 * MINUTE,
    })
  })

  it('marks the odd ones for people, and tells one that moved onto another once', () => {
    const local = (one: CalendarRule, from: string, to: string) => {
      const found: string[] = []
      for (const hit of occurrences(one, at(from))) {
        if (hit.opens === null || hit.opens < at(to)) found.push(`${hit.local.slice(11, 16)} ${hit.odd ?? '-'}`)
        else return found
      }
      return found
    }
    const half = rule('cron(0/30 * * * ? *)', { ...NY, ...next })
    expect(local(half, '2026-03-08T06:00:00Z', '2026-03-08T08:00:00Z')).toEqual(['01:30 -', '02:00 gap', '03:30 -'])
    expect(local({ ...half, onGap: 'skip' }, '2026-03-08T06:00:00Z', '2026-03-08T08:00:00Z')).toEqual([
      '01:30 -',
      '02:00 gap',
      '02:30 gap',
      '03:00 -',
      '03:30 -',
    ])
    expect(local(half, '2026-11-01T04:00:00Z', '2026-11-01T08:00:00Z')).toEqual([
      '00:30 -',
      '01:00 overlap',
      '01:30 overlap',
      '02:00 -',
      '02:30 -',
    ])
  })
})

describe('a schedule without another opening says why', () => {
  // prettier-ignore
  it.each<[schedule: string, from: string, more: Partial<CalendarRule>, why: string | null]>([
    ['cron(0 3 ? * SUN *)',     '2026-01-01T00:00:00Z', {}, null],
    ['cron(0 0 ? 2 MON#5 *)',   '2026-01-01T00:00:00Z', {}, null], // in 2044
    ['cron(0 0 30 2 ? *)',      '2026-01-01T00:00:00Z', {}, 'day-of-month at 10: "30" is no day of month 2: it never comes'],
    ['cron(0 0 ? 2 MON#5 2027)', '2026-01-01T00:00:00Z', {}, 'no month of its years has such a day'],
    ['cron(0 0 29 2 ? 2100)',   '2026-01-01T00:00:00Z', {}, 'no month of its years has such a day'],
    ['cron(0 0 1 1 ? 1999)',    '2026-01-01T00:00:00Z', {}, 'its last year, 1999, is over'],
    ['cron(0 0 1 1 ? 2026)',    '2026-01-01T00:00:00Z', {}, 'its last opening, in 2026, is over'],
    ['rate(7 days)',            '2200-01-01T00:00:00Z', {}, 'its last year, 2199, is over'],
    ['rate(30 days)',           '2199-12-31T00:00:00Z', {}, 'its last opening, in 2199, is over'],
    ['at(2026-07-07T15:55:00)', '2026-07-07T13:55:00Z', BERLIN, '2026-07-07T15:55:00 in Europe/Berlin is past'],
    ['at(2026-07-07T15:55:00)', '2026-07-07T13:54:59Z', BERLIN, null],
    ['at(2026-07-07T15:55:00)', '2026-01-01T00:00:00Z', { start: at('2026-08-01T00:00:00Z') }, 'its last opening is before the beginning of its validity, 2026-08-01T00:00:00Z'],
    ['at(2026-03-08T02:30:00)', '2026-01-01T00:00:00Z', NY, '2026-03-08T02:30:00 does not exist in America/New_York: clocks go over it, and onGap is skip'],
    ['at(2026-03-08T02:30:00)', '2026-01-01T00:00:00Z', { ...NY, ...next }, null],
    ['cron(30 2 8 3 ? 2026)',   '2026-01-01T00:00:00Z', NY, '2026-03-08T02:30:00 does not exist in America/New_York: clocks go over it, and onGap is skip'],
    ['cron(0 3 ? * SUN *)',     '2026-01-01T00:00:00Z', { end: at('2025-06-01T00:00:00Z') }, 'its validity ended at 2025-06-01T00:00:00Z'],
    ['cron(0 3 ? * SUN *)',     '2026-01-01T00:00:00Z', { end: at('2026-01-01T00:00:00Z') }, 'its validity ended at 2026-01-01T00:00:00Z'],
    ['cron(0 3 ? * SUN *)',     '1960-01-01T00:00:00Z', { end: at('1965-01-01T00:00:00Z') }, 'its next opening, 1970-01-04T03:00:00Z, is not before the end of its validity, 1965-01-01T00:00:00Z'],
    ['cron(0 3 ? * SUN *)',     '2026-01-04T04:00:00Z', { start: at('2026-01-05T00:00:00Z'), end: at('2026-01-06T00:00:00Z') }, 'its next opening, 2026-01-11T03:00:00Z, is not before the end of its validity, 2026-01-06T00:00:00Z'],
    ['cron(0 3 ? * SUN *)',     '2026-01-01T00:00:00Z', { start: at('2026-06-01T00:00:00Z'), end: at('2026-06-01T00:00:00Z') }, 'its validity ends before it begins'],
    ['cron(0 3 ? * SUN *)',     '2026-01-01T00:00:00Z', { start: at('2026-01-05T00:00:00Z'), end: at('2026-01-10T00:00:00Z') }, 'its next opening, 2026-01-11T03:00:00Z, is not before the end of its validity, 2026-01-10T00:00:00Z'],
    ['rate(7 days)',            '2026-01-06T00:00:00Z', { start: at('2026-01-05T00:00:00Z'), end: at('2026-01-10T00:00:00Z') }, 'its next opening, 2026-01-12T00:00:00Z, is not before the end of its validity, 2026-01-10T00:00:00Z'],
    ['cron(0 3 ? * SUN 2026)',  '2026-01-01T00:00:00Z', { start: at('2027-01-01T00:00:00Z'), end: at('2027-06-01T00:00:00Z') }, 'its last opening is before the beginning of its validity, 2027-01-01T00:00:00Z'],
    ['cron(0 3 ? * SUN *)',     '2026-01-01T00:00:00Z', { start: at('2027-01-01T00:00:00Z'), end: at('2026-06-01T00:00:00Z') }, 'its validity ends before it begins'],
    ['cron(0 3 ? * SUN *)',     '2026-01-01T00:00:00Z', { end: at('2026-01-04T03:00:00Z') }, 'its next opening, 2026-01-04T03:00:00Z, is not before the end of its validity, 2026-01-04T03:00:00Z'],
    ['rate(7 days)',            '2026-01-01T00:00:00Z', { end: at('2026-01-07T00:00:00Z') }, 'its next opening, 2026-01-08T00:00:00Z, is not before the end of its validity, 2026-01-07T00:00:00Z'],
    ['cron(0 3 ? * SUN 2026)',  '2026-01-01T00:00:00Z', { start: at('2027-01-01T00:00:00Z') }, 'its last opening is before the beginning of its validity, 2027-01-01T00:00:00Z'],
  ])('%s after %s %o', (schedule, from, more, why) => {
    const one = rule(schedule, more)
    expect(neverFires(one, at(from))).toBe(why)
    if (why === null) expect(opens(from, 1, one)).toHaveLength(1)
  })

  it('and what is no schedule is refused', () => {
    expect(() => neverFires(rule('rate(1 days)'), instant(0))).toThrow(PatchwaveError)
    expect(() => neverFires(rule('rate(7 days)', { timezone: 'Mars/Olympus' }), instant(0))).toThrow(PatchwaveError)
  })
})

describe('a calendar that is refused', () => {
  // prettier-ignore
  it.each<[it: string, one: CalendarRule, field: string]>([
    ['an unknown zone',                rule('cron(0 3 ? * SUN *)', { timezone: 'Mars/Olympus' }), 'timezone'],
    ['no zone',                        rule('cron(0 3 ? * SUN *)', { timezone: '' }),             'timezone'],
    ['an offset as a zone',            rule('cron(0 3 ? * SUN *)', { timezone: '+02:00' }),       'timezone'],
    ['an instant as a zone',           rule('cron(0 3 ? * SUN *)', { timezone: '2026-01-01T00:00[Europe/Berlin]' }), 'timezone'],
    ['seven days of offset',           rule('cron(0 3 ? * SUN *)', { offsetDays: 7 }),            'offset'],
    ['an offset back',                 rule('cron(0 3 ? * SUN *)', { offsetDays: -1 }),           'offset'],
    ['half a day of offset',           rule('cron(0 3 ? * SUN *)', { offsetDays: 0.5 }),          'offset'],
    ['an offset on a rate',            rule('rate(7 days)', { offsetDays: 1 }),                   'offset'],
    ['an offset on an at',             rule('at(2026-07-07T15:55:00)', { offsetDays: 1 }),        'offset'],
    ['a cutoff as long as the window', rule('cron(0 3 ? * SUN *)', { durationMs: HOUR, cutoffMs: 60 * MINUTE }), 'cutoff'],
  ])('%s', (_, one, field) => {
    expect(refusal(one)).toMatchObject({ code: 'schedule.invalid', field, rule: field })
  })

  it('even if nobody wants an opening', () => {
    expect(() => nextOpenings(rule('rate(1 days)'), instant(0), 0)).toThrow(PatchwaveError)
  })
})

it('takes a zone in any case', () => {
  expect(opens(FROM, 1, rule('cron(0 3 ? * SUN *)', { timezone: 'europe/berlin' }))).toEqual(['2026-01-04T02:00:00Z'])
})

it('makes a calendar of a runbook’s window', () => {
  const times = { schedule: 'rate(7 days)', timezone: 'UTC', durationMs: HOUR, cutoffMs: 0, offsetDays: 0, start: null, end: null }
  expect(calendarRule({ onGap: 'skip', onOverlap: 'second' }, times)).toEqual({ ...times, onGap: 'skip', onOverlap: 'second' })
})

it('names its zone data', () => {
  expect([zoneDataOf('2026a'), zoneDataOf(undefined)]).toEqual(['2026a', 'runtime'])
})
