import { describe, expect, it } from 'vitest'
import { PatchwaveError } from '../../../src/kit/error.ts'
import { HOUR, instant, isoSeconds, MINUTE, parseInstant, type Instant } from '../../../src/kit/instant.ts'
import { nextOpenings, occurrences, zoneDataOf, type CalendarRule } from '../../../src/core/plan/calendar.ts'

const at = (text: string): Instant => parseInstant(text) ?? instant(0)
const rule = (schedule: string, more: Partial<CalendarRule> = {}): CalendarRule => ({
  schedule,
  timezone: 'UTC',
  durationMs: 0,
  cutoffMs: 0,
  onGap: 'skip',
  onOverlap: 'first',
  ...more,
})
const opens = (from: string, count: number, one: CalendarRule) => nextOpenings(one, at(from), count).map((times) => isoSeconds(times.opens))
/** `01-15T02:00` stands for that minute of 2026, UTC. */
const minute = (short: string) => `${short.length === 11 ? `2026-${short}` : short}:00Z`

// One second before the year, so that what opens with the year is strictly after it.
const FROM = '2025-12-31T23:59:59Z'
const LA = { timezone: 'America/Los_Angeles' }
const BERLIN = { timezone: 'Europe/Berlin' }

describe('maintenance-window schedules', () => {
  // prettier-ignore
  it.each<[schedule: string, more: Partial<CalendarRule>, first: string[]]>([
    ['cron(0 2 ? * THU#3 *)',                 {},                 ['01-15T02:00', '02-19T02:00', '03-19T02:00']],
    ['cron(15 10 ? * * *)',                   {},                 ['01-01T10:15', '01-02T10:15', '01-03T10:15']],
    ['cron(15 10 ? * MON-FRI *)',             {},                 ['01-01T10:15', '01-02T10:15', '01-05T10:15']],
    ['cron(0 2 L * ? *)',                     {},                 ['01-31T02:00', '02-28T02:00', '03-31T02:00']],
    ['cron(15 10 ? * 6L *)',                  {},                 ['01-30T10:15', '02-27T10:15', '03-27T10:15']], // 6 is FRI: SUN counts 1
    ['cron(15 10 ? * FRIL *)',                {},                 ['01-30T10:15', '02-27T10:15', '03-27T10:15']],
    ['cron(0 16 ? * TUE *)',                  LA,                 ['01-07T00:00', '01-14T00:00']], // Tuesday there, Wednesday in UTC
    ['cron(30 23 ? * TUE#3 *)',               {},                 ['01-20T23:30', '02-17T23:30', '03-17T23:30']],
    ['cron(30 23 ? * TUE#3 *)',               { offsetDays: 2 },  ['01-22T23:30', '02-19T23:30', '03-19T23:30']],
    ['cron(0 30 23 ? * TUE#3 *)',             { offsetDays: 2 },  ['01-22T23:30', '02-19T23:30', '03-19T23:30']], // seven fields
    ['cron(0 10 * * ? *)',                    {},                 ['01-01T10:00', '01-02T10:00']],
    ['cron(0 8 1 * ? *)',                     {},                 ['01-01T08:00', '02-01T08:00', '03-01T08:00']],
    ['cron(0/15 * * * ? *)',                  {},                 ['01-01T00:00', '01-01T00:15', '01-01T00:30']],
    ['cron(0/10 * ? * MON-FRI *)',            {},                 ['01-01T00:00', '01-01T00:10']],
    ['cron(0/5 8-17 ? * MON-FRI *)',          {},                 ['01-01T08:00', '01-01T08:05']],
    ['cron(0 18 15W * ? *)',                  {},                 ['01-15T18:00', '02-16T18:00', '03-16T18:00']], // Sunday goes on to Monday
    ['cron(0 4 1W * ? *)',                    {},                 ['01-01T04:00', '02-02T04:00', '03-02T04:00']], // never back into last month
    ['cron(0 3 LW * ? *)',                    {},                 ['01-30T03:00', '02-27T03:00', '03-31T03:00']],
    ['cron(0 3 ? * SUN#5 *)',                 {},                 ['03-29T03:00', '05-31T03:00', '08-30T03:00']], // months without a fifth do not run
    ['cron(0 1 ? JAN,APR,JUL,OCT SAT#1 *)',   BERLIN,             ['01-03T00:00', '04-03T23:00', '07-03T23:00']],
    ['cron(0 22 ? * 3#2 *)',                  {},                 ['01-13T22:00', '02-10T22:00', '03-10T22:00']], // 3 is TUE
    ['cron(0 22 ? * TUE#2 *)',                { offsetDays: 1 },  ['01-14T22:00', '02-11T22:00', '03-11T22:00']],
    ['cron(0 0 29 2 ? *)',                    {},                 ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['cron(0 5 ? * L *)',                     {},                 ['01-03T05:00', '01-10T05:00']], // L alone is SAT
    ['cron(0 0 31 * ? *)',                    {},                 ['01-31T00:00', '03-31T00:00', '05-31T00:00']],
    ['cron(0 6 1 1 ? 2027)',                  { timezone: 'Asia/Tokyo' }, ['12-31T21:00']],
    ['rate(7 days)',                          { start: at('2026-01-03T02:00:00Z') }, ['01-03T02:00', '01-10T02:00', '01-17T02:00']],
    ['at(2026-07-07T15:55:00)',               BERLIN,             ['07-07T13:55']],
    ['cron(0 3 ? * sun *)',                   {},                 ['01-04T03:00']], // names in any case
    ['cron(0 0 1/10 * ? *)',                  {},                 ['01-01T00:00', '01-11T00:00', '01-21T00:00', '01-31T00:00', '02-01T00:00']],
    ['cron(0 0 ? * MON#1,MON#3 *)',           {},                 ['01-05T00:00', '01-19T00:00', '02-02T00:00']],
    ['cron(0 0 15W,L * ? *)',                 {},                 ['01-15T00:00', '01-31T00:00', '02-16T00:00']],
    ['cron(0 0 ? * 2-6/2 *)',                 {},                 ['01-02T00:00', '01-05T00:00', '01-07T00:00']],
    ['cron(0 4 31W * ? *)',                   {},                 ['01-30T04:00', '03-31T04:00', '05-29T04:00']], // Sunday 31 May goes back, not into June
  ])('%s %o', (schedule, more, first) => {
    expect(opens(FROM, first.length, rule(schedule, more))).toEqual(first.map(minute))
  })

  it('keeps seconds', () => {
    expect(opens(FROM, 2, rule('cron(24 30 09 ? * * *)'))).toEqual(['2026-01-01T09:30:24Z', '2026-01-02T09:30:24Z'])
  })

  it('keeps the local hour over a clock change', () => {
    expect(opens('2026-03-01T00:00:00Z', 2, rule('cron(0 16 ? * TUE *)', LA))).toEqual(['2026-03-04T00:00:00Z', '2026-03-10T23:00:00Z'])
  })

  it('stays inside working hours', () => {
    expect(opens('2026-01-02T17:50:00Z', 2, rule('cron(0/5 8-17 ? * MON-FRI *)'))).toEqual(['2026-01-02T17:55:00Z', '2026-01-05T08:00:00Z'])
  })
})

describe('the first opening is strictly after the given instant', () => {
  // prettier-ignore
  it.each<[it: string, from: string, one: CalendarRule, first: string[]]>([
    ['an opening at that instant is not next', '2026-01-04T03:00:00Z', rule('cron(0 3 ? * SUN *)'), ['2026-01-11T03:00:00Z']],
    ['a second before it, it is',              '2026-01-04T02:59:59Z', rule('cron(0 3 ? * SUN *)'), ['2026-01-04T03:00:00Z']],
    ['rate counts from there',                 '2026-01-01T00:00:00Z', rule('rate(1 day)'),         ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z']],
    ['a past start keeps its beat',            '2026-01-10T00:00:00Z', rule('rate(7 days)', { start: at('2026-01-01T06:00:00Z') }), ['2026-01-15T06:00:00Z', '2026-01-22T06:00:00Z']],
    ['a start is its own first opening',       '2026-01-01T00:00:00Z', rule('rate(5 hours)', { start: at('2026-01-01T06:00:00Z') }), ['2026-01-01T06:00:00Z', '2026-01-01T11:00:00Z']],
    ['a start that is asked about is not',     '2026-01-01T06:00:00Z', rule('rate(5 hours)', { start: at('2026-01-01T06:00:00Z') }), ['2026-01-01T11:00:00Z']],
    ['at() that has passed never comes',       '2026-07-07T13:55:00Z', rule('at(2026-07-07T15:55:00)', BERLIN), []],
    ['a year that has passed never comes',     '2027-01-01T00:00:00Z', rule('cron(0 3 ? * SUN 2026)'), []],
    ['a day that never is',                    '2026-01-01T00:00:00Z', rule('cron(0 3 31 2 ? *)'), []],
    ['nothing before the start',               '2026-01-01T00:00:00Z', rule('cron(0 3 ? * SUN *)', { start: at('2026-01-11T03:00:00Z') }), ['2026-01-11T03:00:00Z']],
    ['nothing at the end',                     '2026-01-01T00:00:00Z', rule('cron(0 3 ? * SUN *)', { end: at('2026-01-18T03:00:00Z') }), ['2026-01-04T03:00:00Z', '2026-01-11T03:00:00Z']],
    ['rate ends too',                          '2026-01-01T00:00:00Z', rule('rate(1 day)', { end: at('2026-01-03T00:00:01Z') }), ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z']],
    ['between a hit and its offset day',       '2026-01-21T00:00:00Z', rule('cron(30 23 ? * TUE#3 *)', { offsetDays: 2 }), ['2026-01-22T23:30:00Z', '2026-02-19T23:30:00Z']],
    ['a hit before the start has no offset',   '2026-01-01T00:00:00Z', rule('cron(30 23 ? * TUE#3 *)', { offsetDays: 2, start: at('2026-01-21T00:00:00Z') }), ['2026-02-19T23:30:00Z', '2026-03-19T23:30:00Z']],
    ['the last of the year plus an offset',    '2026-12-28T00:00:00Z', rule('cron(0 1 31 * ? *)', { offsetDays: 2 }), ['2027-01-02T01:00:00Z', '2027-02-02T01:00:00Z']],
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

  it('has a cutoff and a close', () => {
    const [times] = nextOpenings(rule('cron(0 3 ? * SUN *)', { durationMs: 6 * HOUR, cutoffMs: HOUR }), at('2026-01-01T00:00:00Z'), 1)
    expect(times && { opens: isoSeconds(times.opens), cutoff: isoSeconds(times.cutoff), closes: isoSeconds(times.closes) }).toEqual({
      opens: '2026-01-04T03:00:00Z',
      cutoff: '2026-01-04T08:00:00Z',
      closes: '2026-01-04T09:00:00Z',
    })
  })
})

const NY = { timezone: 'America/New_York' }
const next = { onGap: 'next-valid' } as const
const second = { onOverlap: 'second' } as const

describe('nights on which the clock changes', () => {
  // prettier-ignore
  it.each<[why: string, from: string, one: CalendarRule, first: string[]]>([
    ['02:30 does not exist on 8 March: left out',          '2026-03-07T12:00:00Z', rule('cron(30 2 ? * SUN *)', NY),                   ['2026-03-15T06:30:00Z']],
    ['… or opens when the clock goes on, at 03:00 local',  '2026-03-07T12:00:00Z', rule('cron(30 2 ? * SUN *)', { ...NY, ...next }),  ['2026-03-08T07:00:00Z', '2026-03-15T06:30:00Z']],
    ['03:00 exists',                                       '2026-03-07T12:00:00Z', rule('cron(0 3 ? * SUN *)', NY),                    ['2026-03-08T07:00:00Z', '2026-03-15T07:00:00Z']],
    ['the gap opens once, whatever fell into it',          '2026-03-08T06:00:00Z', rule('cron(0/20 1-3 ? * * *)', { ...NY, ...next }), ['2026-03-08T06:20:00Z', '2026-03-08T06:40:00Z', '2026-03-08T07:00:00Z', '2026-03-08T07:20:00Z']],
    ['asked inside the night, it is not told again',       '2026-03-08T07:00:00Z', rule('cron(30 2 ? * SUN *)', { ...NY, ...next }),  ['2026-03-15T06:30:00Z']],
    ['01:30 twice on 1 November: the first',               '2026-10-31T12:00:00Z', rule('cron(30 1 ? * SUN *)', NY),                   ['2026-11-01T05:30:00Z', '2026-11-08T06:30:00Z']],
    ['… or the second',                                    '2026-10-31T12:00:00Z', rule('cron(30 1 ? * SUN *)', { ...NY, ...second }), ['2026-11-01T06:30:00Z', '2026-11-08T06:30:00Z']],
    ['never both: asked between them, the first is over',  '2026-11-01T06:00:00Z', rule('cron(30 1 ? * SUN *)', NY),                   ['2026-11-08T06:30:00Z']],
    ['every half hour pauses while the hour repeats',      '2026-11-01T05:00:00Z', rule('cron(0/30 * * * ? *)', NY),                   ['2026-11-01T05:30:00Z', '2026-11-01T07:00:00Z']],
    ['Berlin goes forward at 01:00Z',                      '2026-03-28T12:00:00Z', rule('cron(30 2 * * ? *)', { ...BERLIN, ...next }), ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']],
    ['Berlin goes back at 01:00Z',                         '2026-10-24T12:00:00Z', rule('cron(30 2 * * ? *)', { ...BERLIN, ...second }), ['2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z']],
    ['Lord Howe moves by half an hour',                    '2026-10-03T12:00:00Z', rule('cron(15 2 * * ? *)', { timezone: 'Australia/Lord_Howe', ...next }), ['2026-10-03T15:30:00Z', '2026-10-04T15:15:00Z']],
    ['Cairo loses midnight on the last Friday of April',   '2026-04-23T12:00:00Z', rule('cron(0 0 * * ? *)', { timezone: 'Africa/Cairo', ...next }), ['2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z']],
    ['the offset day keeps the local hour',                '2026-03-07T12:00:00Z', rule('cron(0 12 ? * SAT *)', { ...NY, offsetDays: 1 }), ['2026-03-08T16:00:00Z']],
    ['the offset may lead into a gap',                     '2026-03-07T12:00:00Z', rule('cron(30 2 ? * SAT *)', { ...NY, ...next, offsetDays: 1 }), ['2026-03-08T07:00:00Z']],
    ['at() in a gap, as AWS does it: never',               '2026-03-07T12:00:00Z', rule('at(2026-03-08T02:30:00)', NY),                []],
    ['at() in a gap, next valid',                          '2026-03-07T12:00:00Z', rule('at(2026-03-08T02:30:00)', { ...NY, ...next }), ['2026-03-08T07:00:00Z']],
    ['rate() knows no clock changes',                      '2026-03-07T12:00:00Z', rule('rate(1 day)', { ...NY, start: at('2026-03-07T07:30:00Z') }), ['2026-03-08T07:30:00Z', '2026-03-09T07:30:00Z']],
  ])('%s', (_, from, one, first) => {
    expect(opens(from, Math.max(first.length, 1), one)).toEqual(first)
  })

  it('marks the odd days for people', () => {
    const seen = occurrences(rule('cron(30 2 ? * SUN *)', NY), at('2026-03-01T12:00:00Z'))
    expect(seen.next().value).toMatchObject({ local: '2026-03-08T02:30:00', opens: null, odd: 'gap' })
    expect(seen.next().value).toMatchObject({ local: '2026-03-15T02:30:00', odd: null })
    expect(occurrences(rule('cron(30 1 1 11 ? *)', NY), at('2026-03-01T12:00:00Z')).next().value).toMatchObject({ odd: 'overlap' })
  })

  it('names its zone data', () => {
    expect([zoneDataOf('2026a'), zoneDataOf(undefined)]).toEqual(['2026a', 'runtime'])
  })
})

describe('schedules that are refused', () => {
  // prettier-ignore
  it.each<[schedule: string, field: string, position: number, broken: string]>([
    ['rate(1 days)',              'rate',         8,  'plural'],
    ['rate(7 day)',               'rate',         8,  'plural'],
    ['rate(0 days)',              'rate',         6,  'value-unit'],
    ['rate(1.5 hours)',           'rate',         6,  'value-unit'],
    ['rate(2 weeks)',             'rate',         6,  'value-unit'],
    ['cron(0 2 * * * *)',         'day-of-week',  14, 'one-question-mark'],
    ['cron(0 2 15 * TUE *)',      'day-of-week',  15, 'one-question-mark'],
    ['cron(0 2 ? * ? *)',         'day-of-week',  14, 'one-question-mark'],
    ['cron(0 2 ? * SUN)',         'cron',         6,  'field-count'],
    ['cron(0 0 0 2 ? * SUN *)',   'cron',         6,  'field-count'],
    ['cron(60 2 ? * SUN *)',      'minutes',      6,  'value'],
    ['cron(0 24 ? * SUN *)',      'hours',        8,  'value'],
    ['cron(0 1,2,33 ? * SUN *)',  'hours',        12, 'value'],
    ['cron(0 2 32 * ? *)',        'day-of-month', 10, 'value'],
    ['cron(0 2 0W * ? *)',        'day-of-month', 10, 'value'],
    ['cron(0 2 ? 13 SUN *)',      'month',        12, 'value'],
    ['cron(0 2 ? JANUARY SUN *)', 'month',        12, 'value'],
    ['cron(0 2 ? * 0 *)',         'day-of-week',  14, 'value'], // other crons call Sunday 0
    ['cron(0 2 ? * SUN#6 *)',     'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * SUN 1969)',    'year',         18, 'value'],
    ['cron(0 2 ? * SUN 2200)',    'year',         18, 'value'],
    ['cron(0/0 2 ? * SUN *)',     'minutes',      6,  'step'],
    ['cron(0/5/5 2 ? * SUN *)',   'minutes',      6,  'step'],
    ['cron(30-10 2 ? * SUN *)',   'minutes',      6,  'range'],
    ['cron(1-2-3 2 ? * SUN *)',   'minutes',      6,  'range'],
    ['cron(, 2 ? * SUN *)',       'minutes',      6,  'value'],
    ['at(2026-02-30T00:00:00)',   'at',           4,  'date-time'],
    ['at(2026-07-07T15:55:00Z)',  'at',           4,  'date-time'],
    ['at(2026-07-07 15:55:00)',   'at',           4,  'date-time'],
    ['0 3 * * SUN',               'schedule',     1,  'form'],
    ['cron(0 3 ? * SUN *) ',      'schedule',     1,  'form'],
    ['',                          'schedule',     1,  'form'],
  ])('%s', (schedule, field, position, broken) => {
    expect(refusal(rule(schedule))).toEqual({ code: 'schedule.invalid', field, position, rule: broken })
  })

  // prettier-ignore
  it.each<[it: string, one: CalendarRule, field: string]>([
    ['an unknown zone',                rule('cron(0 3 ? * SUN *)', { timezone: 'Mars/Olympus' }), 'timezone'],
    ['an offset as a zone',            rule('cron(0 3 ? * SUN *)', { timezone: '+02:00' }),       'timezone'],
    ['seven days of offset',           rule('cron(0 3 ? * SUN *)', { offsetDays: 7 }),            'offset'],
    ['an offset on a rate',            rule('rate(7 days)', { offsetDays: 1 }),                   'offset'],
    ['a cutoff as long as the window', rule('cron(0 3 ? * SUN *)', { durationMs: HOUR, cutoffMs: 60 * MINUTE }), 'cutoff'],
  ])('%s', (_, one, field) => {
    expect(refusal(one)).toMatchObject({ code: 'schedule.invalid', field })
  })
})

function refusal(one: CalendarRule): unknown {
  try {
    nextOpenings(one, at(FROM), 1)
  } catch (error) {
    if (error instanceof PatchwaveError) return { code: error.code, ...error.more.detail }
    throw error
  }
  return 'accepted'
}
