import { describe, expect, it } from 'vitest'
import { parseSchedule, type Schedule } from '../../../src/core/plan/schedule.ts'
import type { Cron } from '../../../src/core/plan/cron.ts'
import type { DayRule } from '../../../src/core/plan/cron-day.ts'
import { HOUR, MINUTE } from '../../../src/kit/instant.ts'
import { refusal, rule } from './calendar-rule.ts'

function cron(expression: string): Cron {
  const schedule = parseSchedule(expression)
  if (schedule.kind !== 'cron') throw new Error(`${expression} is no cron`)
  return schedule.cron
}

describe('numbers of a field', () => {
  // prettier-ignore
  it.each<[why: string, expression: string, field: keyof Cron, values: number[]]>([
    ['one',                                   'cron(7 2 ? * SUN *)',        'minutes', [7]],
    ['a list in any order, each once',        'cron(40,10,40 2 ? * SUN *)', 'minutes', [10, 40]],
    ['a range',                               'cron(0 8-11 ? * SUN *)',     'hours',   [8, 9, 10, 11]],
    ['a range of one',                        'cron(0 8-8 ? * SUN *)',      'hours',   [8]],
    ['start/step goes on to the end',         'cron(5/20 2 ? * SUN *)',     'minutes', [5, 25, 45]],
    ['*/step starts at the least',            'cron(*/20 2 ? * SUN *)',     'minutes', [0, 20, 40]],
    ['… which is 1 for months',               'cron(0 2 ? */5 SUN *)',      'months',  [1, 6, 11]],
    ['a range with a step',                   'cron(5-40/10 2 ? * SUN *)',  'minutes', [5, 15, 25, 35]],
    ['a night runs over midnight',            'cron(0 22-2 ? * SUN *)',     'hours',   [0, 1, 2, 22, 23]],
    ['… and keeps its step there',            'cron(0 21-4/3 ? * SUN *)',   'hours',   [0, 3, 21]],
    ['a winter runs over the year',           'cron(0 2 ? NOV-FEB SUN *)',  'months',  [1, 2, 11, 12]],
    ['… by number as well',                   'cron(0 2 ? 11-2 SUN *)',     'months',  [1, 2, 11, 12]],
    ['… with a step',                         'cron(0 2 ? NOV-APR/2 SUN *)', 'months', [1, 3, 11]],
    ['minutes may run over the hour',         'cron(50-10/10 2 ? * SUN *)', 'minutes', [0, 10, 50]],
    ['names in any case, mixed with numbers', 'cron(0 2 ? jan,7,Dec SUN *)', 'months', [1, 7, 12]],
    ['leading zeros, as AWS writes them',     'cron(24 30 09 ? * * *)',     'hours',   [9]],
    ['seven fields have seconds',             'cron(24 30 09 ? * * *)',     'seconds', [24]],
    ['six have second 0',                     'cron(30 09 ? * * *)',        'seconds', [0]],
    ['years',                                 'cron(0 2 ? * SUN 2026,2030-2034/2)', 'years', [2026, 2030, 2032, 2034]],
    ['the first and the last year',           'cron(0 2 ? * SUN 1970,2199)', 'years',  [1970, 2199]],
    ['spaces as many as you like',            'cron( 0   2 ? * SUN  * )',   'hours',   [2]],
    ['a range of years that is one',          'cron(0 2 ? * SUN 2030-2030)', 'years',  [2030]],
    ['the longest step',                      'cron(0 2 ? */12 SUN *)',     'months',  [1]],
    ['the shortest step',                     'cron(0 22/1 ? * SUN *)',     'hours',   [22, 23]],
  ])('%s: %s', (_, expression, field, values) => {
    expect(cron(expression)[field]).toEqual(values)
  })
})

describe('days', () => {
  const day = (...days: number[]): DayRule[] => days.map((one) => ({ on: 'day', day: one }))
  const weekday = (...days: number[]): DayRule[] => days.map((one) => ({ on: 'weekday', weekday: one }))
  // prettier-ignore
  it.each<[expression: string, field: 'daysOfMonth' | 'daysOfWeek', rules: DayRule[]]>([
    ['cron(0 2 ? * SUN *)',          'daysOfMonth', [{ on: 'any-day' }]],
    ['cron(0 2 ? * SUN *)',          'daysOfWeek',  weekday(1)],                       // SUN = 1
    ['cron(0 2 ? * sat *)',          'daysOfWeek',  weekday(7)],
    ['cron(0 2 ? * FRI-MON *)',      'daysOfWeek',  weekday(6, 7, 1, 2)],              // over the end of the week
    ['cron(0 2 ? * 6-2 *)',          'daysOfWeek',  weekday(6, 7, 1, 2)],
    ['cron(0 2 ? * 2-6/2 *)',        'daysOfWeek',  weekday(2, 4, 6)],
    ['cron(0 2 ? * FRI-TUE/2 *)',    'daysOfWeek',  weekday(6, 1, 3)],
    ['cron(0 2 ? * L *)',            'daysOfWeek',  weekday(7)],                       // the last day of the week
    ['cron(0 2 ? * MON,6L,THU#3 *)', 'daysOfWeek',  [...weekday(2), { on: 'nth-weekday', weekday: 6, nth: -1 }, { on: 'nth-weekday', weekday: 5, nth: 3 }]],
    ['cron(0 2 ? * FRIL *)',         'daysOfWeek',  [{ on: 'nth-weekday', weekday: 6, nth: -1 }]],
    ['cron(0 2 1,15,L * ? *)',       'daysOfMonth', [...day(1, 15), { on: 'last-day' }]],
    ['cron(0 2 LW,15W * ? *)',       'daysOfMonth', [{ on: 'last-weekday' }, { on: 'nearest-weekday', day: 15 }]],
    ['cron(0 2 lw * ? *)',           'daysOfMonth', [{ on: 'last-weekday' }]],
    ['cron(0 2 L-3,L-30 * ? *)',     'daysOfMonth', [{ on: 'before-last', days: 3 }, { on: 'before-last', days: 30 }]],
    ['cron(0 2 L-1 * ? *)',          'daysOfMonth', [{ on: 'before-last', days: 1 }]],
    ['cron(0 2 15,31 2 ? *)',        'daysOfMonth', day(15, 31)],                      // one of them comes
    ['cron(0 2 30-2 * ? *)',         'daysOfMonth', day(30, 31, 1, 2)],                // over the end of the month
    ['cron(0 2 1/10 * ? *)',         'daysOfMonth', day(1, 11, 21, 31)],
    ['cron(0 2 31W * ? *)',          'daysOfMonth', [{ on: 'nearest-weekday', day: 31 }]],
    ['cron(0 2 ? * * *)',            'daysOfWeek',  weekday(1, 2, 3, 4, 5, 6, 7)],
  ])('%s: %s', (expression, field, rules) => {
    expect(cron(expression)[field]).toEqual(rules)
  })
})

// prettier-ignore
it.each<[expression: string, schedule: Schedule]>([
  ['rate(5 minutes)',         { kind: 'rate', everyMs: 5 * MINUTE }], // as fast as it goes
  ['rate(1 hour)',            { kind: 'rate', everyMs: HOUR }],
  ['rate(30 days)',           { kind: 'rate', everyMs: 30 * 24 * HOUR }],
  ['at(2028-02-29T15:55:01)', { kind: 'at', local: { year: 2028, month: 2, day: 29, hour: 15, minute: 55, second: 1 } }],
  ['at(1970-01-01T00:00:00)', { kind: 'at', local: { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 } }],
  ['at(2199-12-31T23:59:59)', { kind: 'at', local: { year: 2199, month: 12, day: 31, hour: 23, minute: 59, second: 59 } }],
  ['rate( 7   days )',        { kind: 'rate', everyMs: 7 * 24 * HOUR }],
])('%s', (expression, schedule) => {
  expect(parseSchedule(expression)).toEqual(schedule)
})

describe('schedules that are refused, with the field, the place and the rule', () => {
  // prettier-ignore
  it.each<[schedule: string, field: string, position: number, broken: string]>([
    ['rate(1 days)',              'rate',         8,  'plural'],
    ['rate(7 day)',               'rate',         8,  'plural'],
    ['rate(0 days)',              'rate',         6,  'value-unit'],
    ['rate(07 days)',             'rate',         6,  'value-unit'],
    ['rate(1.5 hours)',           'rate',         6,  'value-unit'],
    ['rate(2 weeks)',             'rate',         6,  'value-unit'],
    ['rate(5 Minutes)',           'rate',         6,  'value-unit'],
    ['rate(-7 days)',             'rate',         6,  'value-unit'],
    ['rate(7 daysx)',             'rate',         6,  'value-unit'],
    ['rate(4 minutes)',           'rate',         6,  'too-fast'],
    ['rate(1 minute)',            'rate',         6,  'too-fast'],
    ['cron(0 2 * * * *)',         'day-of-week',  14, 'one-question-mark'],
    ['cron(0 2 15 * TUE *)',      'day-of-week',  15, 'one-question-mark'],
    ['cron(0 2 ? * ? *)',         'day-of-week',  14, 'one-question-mark'],
    ['cron(0 2 1,? * TUE *)',     'day-of-week',  16, 'one-question-mark'],
    ['cron(0 2 1,? * ? *)',       'day-of-month', 12, 'value'], // ? stands alone
    ['cron(0 ? ? * SUN *)',       'hours',        8,  'value'],
    ['cron(0 2 ? * SUN)',         'cron',         6,  'field-count'], // no year
    ['cron(0 0 0 2 ? * SUN *)',   'cron',         6,  'field-count'],
    ['cron()',                    'cron',         6,  'field-count'],
    ['cron(60 2 ? * SUN *)',      'minutes',      6,  'value'],
    ['cron(-1 2 ? * SUN *)',      'minutes',      6,  'value'],
    ['cron(1.5 2 ? * SUN *)',     'minutes',      6,  'value'],
    ['cron(60 0 2 ? * SUN *)',    'seconds',      6,  'value'],
    ['cron(0 24 ? * SUN *)',      'hours',        8,  'value'],
    ['cron(0 1,2,33 ? * SUN *)',  'hours',        12, 'value'], // the third of the list
    ['cron(0 2 32 * ? *)',        'day-of-month', 10, 'value'],
    ['cron(0 2 0 * ? *)',         'day-of-month', 10, 'value'],
    ['cron(0 2 0W * ? *)',        'day-of-month', 10, 'value'],
    ['cron(0 2 32W * ? *)',       'day-of-month', 10, 'value'],
    ['cron(0 2 TUE * ? *)',       'day-of-month', 10, 'value'],
    ['cron(0 2 W * ? *)',         'day-of-month', 10, 'wildcard'],
    ['cron(0 2 WL * ? *)',        'day-of-month', 10, 'wildcard'],
    ['cron(0 2 5L * ? *)',        'day-of-month', 10, 'wildcard'],
    ['cron(0 2 XL * ? *)',        'day-of-month', 10, 'value'],
    ['cron(0 2 LX * ? *)',        'day-of-month', 10, 'value'],
    ['cron(0 2 XL-3 * ? *)',      'day-of-month', 10, 'value'],
    ['cron(0 2 15WX * ? *)',      'day-of-month', 10, 'value'],
    ['cron(0 2 L5 * ? *)',        'day-of-month', 10, 'wildcard'],
    ['cron(0 2 LL * ? *)',        'day-of-month', 10, 'wildcard'],
    ['cron(0 2 1-L * ? *)',       'day-of-month', 10, 'wildcard'],
    ['cron(0 2 L/5 * ? *)',       'day-of-month', 10, 'wildcard'],
    ['cron(0 2 L-3W * ? *)',      'day-of-month', 10, 'wildcard'],
    ['cron(0 2 1-5W * ? *)',      'day-of-month', 10, 'wildcard'],
    ['cron(0 2 1,L- * ? *)',      'day-of-month', 12, 'wildcard'],
    ['cron(0 2 L-0 * ? *)',       'day-of-month', 10, 'value'],
    ['cron(0 2 L-31 * ? *)',      'day-of-month', 10, 'value'], // before the first day of every month
    ['cron(0 2 ? 13 SUN *)',      'month',        12, 'value'],
    ['cron(0 2 ? 0 SUN *)',       'month',        12, 'value'],
    ['cron(0 2 ? JANUARY SUN *)', 'month',        12, 'value'],
    ['cron(0 2 ? * 0 *)',         'day-of-week',  14, 'value'], // other crons call Sunday 0
    ['cron(0 2 ? * 8 *)',         'day-of-week',  14, 'value'],
    ['cron(0 2 ? * MOON *)',      'day-of-week',  14, 'value'],
    ['cron(0 2 ? * 8#2 *)',       'day-of-week',  14, 'value'],
    ['cron(0 2 ? * 0L *)',        'day-of-week',  14, 'value'],
    ['cron(0 2 ? * #2 *)',        'day-of-week',  14, 'value'],
    ['cron(0 2 ? * SUN#6 *)',     'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * SUN#15 *)',    'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * SUN#2X *)',    'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * SUN#0 *)',     'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * SUN# *)',      'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * SUN#L *)',     'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * SUN#1#2 *)',   'day-of-week',  14, 'nth'],
    ['cron(0 2 ? * MON,TUE#6 *)', 'day-of-week',  18, 'nth'],
    ['cron(0 2 ? * MON-FRI#2 *)', 'day-of-week',  14, 'wildcard'],
    ['cron(0 2 ? * MON-FRIL *)',  'day-of-week',  14, 'wildcard'],
    ['cron(0 2 ? * */2#1 *)',     'day-of-week',  14, 'wildcard'],
    ['cron(0 2 ? * L-3 *)',       'day-of-week',  14, 'wildcard'],
    ['cron(0 2 ? * LW *)',        'day-of-week',  14, 'wildcard'],
    ['cron(0 2 ? * 15W *)',       'day-of-week',  14, 'wildcard'],
    ['cron(0 2 ? * SLX *)',       'day-of-week',  14, 'value'],
    ['cron(0 2 ? * X5W *)',       'day-of-week',  14, 'value'],
    ['cron(0 2 ? * 5WX *)',       'day-of-week',  14, 'value'],
    ['cron(0 2 ? * 5W *)',        'day-of-week',  14, 'wildcard'],
    ['cron(0 2 ? * SUN 1969)',    'year',         18, 'value'],
    ['cron(0 2 ? * SUN 2200)',    'year',         18, 'value'],
    ['cron(0 2 ? * SUN 2030-2026)', 'year',       18, 'range'], // years do not come round again
    ['cron(0/0 2 ? * SUN *)',     'minutes',      6,  'step'],
    ['cron(0/60 2 ? * SUN *)',    'minutes',      6,  'step'],
    ['cron(0/x5 2 ? * SUN *)',    'minutes',      6,  'step'],
    ['cron(0/5x 2 ? * SUN *)',    'minutes',      6,  'step'],
    ['cron(0 2 ? * SUN 2026/231)', 'year',        18, 'step'],
    ['cron(0/ 2 ? * SUN *)',      'minutes',      6,  'step'],
    ['cron(0/5/5 2 ? * SUN *)',   'minutes',      6,  'step'],
    ['cron(/5 2 ? * SUN *)',      'minutes',      6,  'value'],
    ['cron(1-2-3 2 ? * SUN *)',   'minutes',      6,  'range'],
    ['cron(5- 2 ? * SUN *)',      'minutes',      6,  'value'],
    ['cron(*-5 2 ? * SUN *)',     'minutes',      6,  'value'],
    ['cron(, 2 ? * SUN *)',       'minutes',      6,  'empty-item'],
    ['cron(0 1,,2 ? * SUN *)',    'hours',        10, 'empty-item'],
    ['cron(0 1, ? * SUN *)',      'hours',        10, 'empty-item'],
    ['cron(0 2 ? * MON,,TUE *)',  'day-of-week',  18, 'empty-item'],
    ['cron(* 2 ? * SUN *)',       'minutes',      6,  'too-fast'], // a forgotten minute would open sixty windows
    ['cron(0/4 2 ? * SUN *)',     'minutes',      6,  'too-fast'],
    ['cron(0,30,34 2 ? * SUN *)', 'minutes',      6,  'too-fast'],
    ['cron(0,30 0 2 ? * SUN *)',  'seconds',      6,  'too-fast'],
    ['cron(0 2 30 2 ? *)',        'day-of-month', 10, 'never'],
    ['cron(0 2 31 FEB,4,SEP-NOV/2 ? *)', 'day-of-month', 10, 'never'],
    ['cron(0 2 30,31 2 ? *)',     'day-of-month', 10, 'never'],
    ['cron(0 2 31W 4 ? *)',       'day-of-month', 10, 'never'],
    ['cron(0 2 31 6 ? *)',        'day-of-month', 10, 'never'],
    ['cron(0 2 L-30 4 ? *)',      'day-of-month', 10, 'never'],
    ['cron(0 2 L-29 2 ? *)',      'day-of-month', 10, 'never'],
    ['at(2026-02-29T00:00:00)',   'at',           4,  'date-time'],
    ['at(2026-02-30T00:00:00)',   'at',           4,  'date-time'],
    ['at(2026-07-07T24:00:00)',   'at',           4,  'date-time'],
    ['at(2026-07-07T15:60:00)',   'at',           4,  'date-time'],
    ['at(2026-00-07T15:55:00)',   'at',           4,  'date-time'],
    ['at(2026-13-07T15:55:00)',   'at',           4,  'date-time'],
    ['at(2026-07-00T15:55:00)',   'at',           4,  'date-time'],
    ['at(2200-01-01T00:00:00)',   'at',           4,  'date-time'],
    ['at(x2026-07-07T15:55:00)',  'at',           4,  'date-time'],
    ['at(2026-07-07T15:55)',      'at',           4,  'date-time'],
    ['at(2026-07-07T15:55:60)',   'at',           4,  'date-time'],
    ['at(2026-07-07T15:55:00Z)',  'at',           4,  'date-time'],
    ['at(2026-07-07 15:55:00)',   'at',           4,  'date-time'],
    ['at(1969-12-31T23:59:59)',   'at',           4,  'date-time'],
    ['0 3 * * SUN',               'schedule',     1,  'form'],
    ['cron(0 3 ? * SUN *) ',      'schedule',     1,  'form'],
    ['cron(0 3 ? * SUN *',        'schedule',     1,  'form'],
    ['cron((0 3 ? * SUN *))',     'schedule',     1,  'form'],
    ['Cron(0 3 ? * SUN *)',       'schedule',     1,  'form'],
    ['@daily',                    'schedule',     1,  'form'],
    ['',                          'schedule',     1,  'form'],
    ['cron(0 ٣ ? * SUN *)',       'schedule',     8,  'character'], // an Arabic 3
    ['cron(0 3 ? * ſun *)',       'schedule',     14, 'character'], // upper-cased it would be SUN
    ['cron(0\t3 ? * SUN *)',      'schedule',     7,  'character'],
    [`cron(0 3 ? * ${'SUN,'.repeat(60)}SUN *)`, 'schedule', 257, 'length'],
  ])('%s', (schedule, field, position, broken) => {
    expect(refusal(rule(schedule))).toMatchObject({ code: 'schedule.invalid', field, position, rule: broken })
  })

  it('as long as AWS takes is taken', () => {
    const years = Array.from({ length: 47 }, (_, i) => String(2026 + i)).join(',') // 47 × 4 + 46 characters
    const longest = `cron(0 3 ? * SUN ${years})`
    expect(longest.length).toBeLessThanOrEqual(256)
    expect(cron(longest).years).toHaveLength(47)
    expect(cron(longest.replace(')', `${' '.repeat(256 - longest.length)})`)).years).toHaveLength(47)
  })
})

describe('the hint shows the right form', () => {
  // prettier-ignore
  it.each<[why: string, schedule: string, hint: string]>([
    ['a crontab line',                         '0 3 * * SUN',           'write cron(0 3 ? * SUN *)'],
    ['… whose weekdays count from Sunday = 0', '0 3 * * 1-5',           'write cron(0 3 ? * MON-FRI *)'],
    ['… and end with Sunday = 7',              '0 3 * * 5,7',           'write cron(0 3 ? * FRI,SUN *)'],
    ['… by day of the month',                  '0 3 1 * *',             'write cron(0 3 1 * ? *)'],
    ['… by several names',                     '0 3 * * 2,3,4,6',       'write cron(0 3 ? * TUE,WED,THU,SAT *)'],
    ['… with spaces',                          '0  3 * * SUN',          'write cron(0 3 ? * SUN *)'],
    ['… with both days',                       '0 3 1 * 1',             'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['… with a word more',                     '0 3 * * SUN 2026',      'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['six words',                              'a b c d e f',           'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['seven words without cron()',             '0 0 3 ? * SUN *',       'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['something before it, in capitals',       'my CRON(0 3 ? * SUN *)', 'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['something before it, without an end',    'my rate(7 days',        'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['an end too many',                        'rate(7 days))',         'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['six fields without cron()',              '0 3 ? * SUN *',         'write cron(0 3 ? * SUN *)'],
    ['no year',                                'cron(0 3 ? * 1)',       'maintenance windows have a year as the last field: write cron(0 3 ? * 1 *)'],
    ['no year and no ?',                       'cron(0 3 * * 1)',       'maintenance windows have a year as the last field: write cron(0 3 ? * MON *)'],
    ['no year, and spaces',                    'cron( 0  3 ? * 1)',     'maintenance windows have a year as the last field: write cron(0 3 ? * 1 *)'],
    ['four fields',                            'cron(0 3 ? *)',         'write minutes hours day-of-month month day-of-week year, seconds before them if needed'],
    ['capitals',                               'CRON(0 3 ? * SUN *)',   'write it in small letters: cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['no end',                                 'rate(7 days',           'close the bracket at the end'],
    ['spaces around',                          ' rate(7 days)',         'leave out the spaces around it'],
    ['words',                                  'every sunday',          'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'],
    ['weeks',                                  'rate(1 week)',          'a week is rate(7 days)'],
    ['many weeks',                             'rate( 12  weeks )',     'a week is rate(7 days)'],
    ['weeks with more before them',            'rate(x2 weeks)',        'write rate(n unit) with a whole n from 1 and minute(s), hour(s) or day(s)'],
    ['weeks with more after them',             'rate(2 weeksx)',        'write rate(n unit) with a whole n from 1 and minute(s), hour(s) or day(s)'],
    ['plural',                                 'rate(1 days)',          'the unit is singular for 1 and plural for all else: rate(1 day)'],
    ['singular',                               'rate(7 day)',           'the unit is singular for 1 and plural for all else: rate(7 days)'],
    ['Sunday as 0',                            'cron(0 3 ? * 0 *)',     'days of the week count from SUN = 1 to SAT = 7; Sunday is 1 or SUN'],
    ['a weekday that is none',                 'cron(0 3 ? * 8 *)',     'day-of-week takes SUN-SAT or 1-7 (SUN is 1) with , - * / ?, and 6L or TUE#2'],
    ['day 0',                                  'cron(0 3 0 * ? *)',     'day-of-month takes 1-31 with , - * / ?, and L, L-3, LW or 15W'],
    ['a weekday as a month',                   'cron(0 3 ? MON SUN *)', 'month takes 1-12 or JAN-DEC with , - * /, like 3 or JAN,JUL'],
    ['month 24',                               'cron(0 3 ? 24 SUN *)',  'month takes 1-12 or JAN-DEC with , - * /, like 3 or JAN,JUL'],
    ['hour 25',                                'cron(0 25 ? * SUN *)',  'hours takes 0-23 with , - * /, like 3 or 22-2'],
    ['? in a wrong field',                     'cron(0 ? ? * SUN *)',   '? stands alone, in one of day-of-month and day-of-week'],
    ['weekdays in the wrong field',            'cron(0 3 MON * ? *)',   'days of the week stand in the fifth field, with ? in this one: cron(0 3 ? * SUN *)'],
    ['hour 24',                                'cron(0 24 ? * SUN *)',  'midnight is hour 0 of the next day'],
    ['both days set',                          'cron(0 3 1 * SUN *)',   'write ? in exactly one of day-of-month and day-of-week: cron(0 3 ? * SUN *) or cron(0 3 1 * ? *)'],
    ['every minute',                           'cron(* 3 ? * SUN *)',   'openings are at least 5 minutes apart: one minute of the hour is 0, every 5 minutes is 0/5'],
    ['the 30th of February',                   'cron(0 3 30 2 ? *)',    'the last day of a month is L'],
    ['a zone in at()',                         'at(2026-07-07T15:55:00Z)', 'write at(yyyy-mm-ddThh:mm:ss) without a zone; the zone stands in timezone'],
    ['a day that is none',                     'at(2026-02-29T15:55:00)', 'write a day and a time that there are, of the years 1970-2199'],
  ])('%s: %s', (_, schedule, hint) => {
    expect(refusal(rule(schedule))).toMatchObject({ hint })
  })

  // prettier-ignore
  it.each<[schedule: string, message: string]>([
    ['cron(0 3 ? * ſun *)',    'schedule at 14: U+017F is no character of a schedule'],
    ['cron(0\t3 ? * SUN *)',   'schedule at 7: U+0009 is no character of a schedule'],
    ['cron(60 3 ? * SUN *)',   'minutes at 6: "60" is not 0-59'],
    ['cron(0 3 ? 13 SUN *)',   'month at 12: "13" is not 1-12 or JAN-DEC'],
    ['cron(0)',                'cron at 6: 1 field'],
    ['cron()',                 'cron at 6: 0 fields'],
    ['cron(0 3 ? * ? *)',      'day-of-week at 14: both day fields are ?'],
    ['cron(0 3 1 * SUN *)',    'day-of-week at 14: both day fields are set'],
    ['cron(0,30,34 3 ? * SUN *)', 'minutes at 6: "0,30,34" opens at minute 30 and again at 34'],
  ])('and the message what is wrong: %s', (schedule, message) => {
    expect(() => parseSchedule(schedule)).toThrow(expect.objectContaining({ message }))
  })

  it('and what a hint shows is accepted', () => {
    const forms = [
      'cron(0 3 ? * MON-FRI *)',
      'cron(0 3 ? * FRI,SUN *)',
      'cron(0 3 1 * ? *)',
      'rate(7 days)',
      'at(2026-07-07T15:55:00)',
      'cron(0/5 3 L-3,LW,15W * ? *)',
      'cron(0 3 ? * 6L,TUE#2 *)',
    ]
    expect(forms.filter((form) => refusal(rule(form)) !== 'accepted')).toEqual([])
  })
})

it('what was read is remembered, up to a thousand of them', () => {
  const [one, other] = [parseSchedule('rate(7 days)'), parseSchedule('rate(8 days)')]
  expect([parseSchedule('rate(7 days)'), parseSchedule('rate(8 days)')].every((same, index) => same === [one, other][index])).toBe(true)
  for (let minutes = 100; minutes < 1_100; minutes += 1) parseSchedule(`rate(${minutes} minutes)`)
  const again = parseSchedule('rate(7 days)')
  expect(again).toEqual(one)
  expect(again).not.toBe(one)
})
