import { describe, expect, it } from 'vitest'
import { parseRule, wallText } from '../../../src/core/plan/recurrence.ts'
import { budgetOf, daysOf, hitsOf, readRule, ruleOf } from './recurring.ts'

describe('a recurrence rule', () => {
  // Examples of RFC 5545, 3.8.5.3; the start itself is the caller's.
  // prettier-ignore
  it.each<[it: string, rule: string, start: string, to: string, days: string]>([
    ['daily, counted with the start',      'FREQ=DAILY;COUNT=4',                                   '1997-09-02T09:00', '1998-01-01', '1997-09-03 1997-09-04 1997-09-05'],
    ['every ten days',                     'FREQ=DAILY;INTERVAL=10;COUNT=5',                       '1997-09-02T09:00', '1998-01-01', '1997-09-12 1997-09-22 1997-10-02 1997-10-12'],
    ['every other week, week from Monday', 'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO',   '1997-08-05T09:00', '1998-01-01', '1997-08-10 1997-08-19 1997-08-24'],
    ['every other week, from Sunday',      'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU',   '1997-08-05T09:00', '1998-01-01', '1997-08-17 1997-08-19 1997-08-31'],
    ['the first Friday',                   'FREQ=MONTHLY;COUNT=4;BYDAY=1FR',                       '1997-09-05T09:00', '1999-01-01', '1997-10-03 1997-11-07 1997-12-05'],
    ['first and last Sunday, 2-monthly',   'FREQ=MONTHLY;INTERVAL=2;COUNT=5;BYDAY=1SU,-1SU',       '1997-09-07T09:00', '1999-01-01', '1997-09-28 1997-11-02 1997-11-30 1998-01-04'],
    ['the second last Monday',             'FREQ=MONTHLY;COUNT=3;BYDAY=-2MO',                      '1997-09-22T09:00', '1999-01-01', '1997-10-20 1997-11-17'],
    ['the third last day',                 'FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=4',                   '1997-09-28T09:00', '1999-01-01', '1997-10-29 1997-11-28 1997-12-29'],
    ['the 31st where there is one',        'FREQ=MONTHLY;COUNT=3',                                 '1997-08-31T09:00', '1999-01-01', '1997-10-31 1997-12-31'],
    ['Friday the 13th',                    'FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13',                  '1997-09-02T09:00', '1998-12-01', '1998-02-13 1998-03-13 1998-11-13'],
    ['days 1, 100 and 200, 3-yearly',      'FREQ=YEARLY;INTERVAL=3;COUNT=4;BYYEARDAY=1,100,200',   '1997-01-01T09:00', '2010-01-01', '1997-04-10 1997-07-19 2000-01-01'],
    ['the 20th Monday of the year',        'FREQ=YEARLY;BYDAY=20MO',                               '1997-05-19T09:00', '1999-12-01', '1998-05-18 1999-05-17'],
    ['Monday of week 20',                  'FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO',                     '1997-05-12T09:00', '1999-12-01', '1998-05-11 1999-05-17'],
    ['the last week',                      'FREQ=YEARLY;BYWEEKNO=-1;BYDAY=TH',                     '2026-12-31T09:00', '2029-01-01', '2027-12-30 2028-12-28'],
    ['election day',                       'FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8', '1996-11-05T09:00', '2005-01-01', '2000-11-07 2004-11-02'],
    ['June and July',                      'FREQ=YEARLY;COUNT=4;BYMONTH=6,7',                      '1997-06-10T09:00', '2000-01-01', '1997-07-10 1998-06-10 1998-07-10'],
    ['leap days',                          'FREQ=YEARLY',                                          '2024-02-29T09:00', '2033-01-01', '2028-02-29 2032-02-29'],
    ['a week alone keeps the weekday',     'FREQ=YEARLY;BYWEEKNO=20',                              '1997-05-12T09:00', '1999-12-01', '1998-05-11 1999-05-17'],
    ['first Monday and second Tuesday',    'FREQ=MONTHLY;BYDAY=1MO,2TU',                           '2026-01-05T09:00', '2026-03-01', '2026-01-13 2026-02-02 2026-02-10'],
    ['daily in a month',                   'FREQ=DAILY;BYMONTH=2',                                 '2026-01-30T09:00', '2026-02-03', '2026-02-01 2026-02-02'],
    ['daily on days of the month',         'FREQ=DAILY;BYMONTHDAY=1,-1',                           '2026-01-02T09:00', '2026-03-02', '2026-01-31 2026-02-01 2026-02-28 2026-03-01'],
    ['daily on weekdays',                  'FREQ=DAILY;BYDAY=SA,SU',                               '2026-01-01T09:00', '2026-01-12', '2026-01-03 2026-01-04 2026-01-10 2026-01-11'],
    ['to the end of the calendar',         'FREQ=YEARLY;INTERVAL=10000;BYMONTH=2;BYMONTHDAY=30',   '1997-09-29T09:00', '+275760-09-01', ''],
    ['the last weekday',                   'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1',        '1997-09-29T09:00', '1997-12-01', '1997-09-30 1997-10-31 1997-11-28'],
    ['never',                              'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30',                  '1997-09-29T09:00', '2400-01-01', ''],
    ['beyond all years',                   'FREQ=YEARLY;INTERVAL=10000;BYMONTH=2',                 '1997-09-29T09:00', '2400-01-01', ''],
  ])('%s', (_, rule, start, to, days) => {
    expect(daysOf(rule, start, start, to)).toBe(days)
  })

  it('hits at several times of a day', () => {
    expect(hitsOf('FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30', '2026-01-01T09:00', '2026-01-01T00:00', '2026-01-02T09:00')).toEqual([
      '2026-01-01T09:30',
      '2026-01-01T17:00',
      '2026-01-01T17:30',
      '2026-01-02T09:00',
    ])
  })

  it('hits in order whatever the order it is written in, both ends included', () => {
    expect(hitsOf('FREQ=DAILY;BYHOUR=17,9', '2026-01-01T09:00', '2026-01-02T09:00', '2026-01-03T09:00')).toEqual([
      '2026-01-02T09:00',
      '2026-01-02T17:00',
      '2026-01-03T09:00',
    ])
  })

  it('begins in the middle of weeks too', () => {
    expect(daysOf('FREQ=WEEKLY', '1970-01-01T08:00', '2030-01-01T00:00', '2030-01-08T00:00', budgetOf(10))).toBe('2030-01-03')
  })

  // prettier-ignore
  it.each<[rule: string, to: string, cost: number, why: string]>([
    ['FREQ=DAILY;COUNT=1',          '2026-01-03T09:00', 0,           'its start is all of it'],
    ['FREQ=DAILY',                  '2026-01-03T09:00', 3,           'one for each day'],
    ['FREQ=DAILY;BYHOUR=9,12,15',   '2026-01-02T09:00', 2 + 4,       'and one for each further time'],
    ['FREQ=WEEKLY;BYDAY=TH',        '2026-01-14T09:00', 3,           'one for each week'],
    ['FREQ=MONTHLY',                '2026-02-01T09:00', 32 + 29,     'one for each month and each of its days'],
    ['FREQ=YEARLY;BYMONTH=2',       '2026-12-31T09:00', 12 + 28,     'no days of other months'],
  ])('%s to %s costs %i: %s', (rule, to, cost) => {
    const [start, enough] = ['2026-01-01T09:00', budgetOf(cost)]
    hitsOf(rule, start, start, to, enough)
    expect(enough.left).toBe(0)
    if (cost > 0) expect(() => hitsOf(rule, start, start, to, budgetOf(cost - 1))).toThrow('over')
  })

  it('begins in the middle without counting from the start', () => {
    const budget = budgetOf(60) // Enough for the days asked about, not for sixty years.
    expect(hitsOf('FREQ=DAILY;INTERVAL=3', '1970-01-01T08:00', '2030-01-01T00:00', '2030-01-08T00:00', budget)).toEqual([
      '2030-01-01T08:00',
      '2030-01-04T08:00',
      '2030-01-07T08:00',
    ])
  })

  it('is given up where it costs too much', () => {
    expect(() => hitsOf('FREQ=DAILY;COUNT=9999', '2000-01-01T08:00', '2030-01-01T00:00', '2030-01-08T00:00', budgetOf(1_000))).toThrow(
      'over',
    )
    expect(() =>
      hitsOf('FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30', '2000-01-01T08:00', '2000-01-01T00:00', '2930-01-08T00:00', budgetOf(1_000)),
    ).toThrow('over')
  })

  // prettier-ignore
  it.each<[rule: string, says: string]>([
    ['FREQ=HOURLY',                          'FREQ is none of'],
    ['COUNT=3',                              'FREQ is none of'],
    ['FREQ=DAILY;INTERVAL=99999999',         'INTERVAL'],
    ['FREQ=DAILY;COUNT=-1',                  'COUNT'],
    ['FREQ=DAILY;UNTIL=garbage',             'UNTIL'],
    ['FREQ=DAILY;UNTIL=20261301',            'UNTIL'],
    ['FREQ=DAILY;COUNT=2;UNTIL=20260101',    'exclude each other'],
    ['FREQ=DAILY;RSCALE=HEBREW',             'RSCALE is not known'],
    ['FREQ=WEEKLY;BYDAY=2MO',                'takes no number'],
    ['FREQ=YEARLY;BYWEEKNO=3;BYDAY=2MO',     'takes no number'],
    ['FREQ=MONTHLY;BYSETPOS=1;BYHOUR=1,2,3,4,5;BYMINUTE=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19', 'more than 96 times'],
    ['FREQ=MONTHLY;BYMONTHDAY=0',            'BYMONTHDAY'],
    ['FREQ=MONTHLY;BYWEEKNO=3',              'BYWEEKNO'],
    ['FREQ=WEEKLY;BYMONTHDAY=3',             'BYMONTHDAY'],
    ['FREQ=MONTHLY;BYSETPOS=1',              'BYSETPOS needs'],
    ['FREQ=MONTHLY;BYYEARDAY=3',             'BYYEARDAY does not go'],
    ['FREQ=DAILY;BYHOUR=1,2,3,4;BYMINUTE=0,1,2,3,4;BYSECOND=0,1,2,3,4', 'more than 96 times'],
  ])('%s is refused', (rule, says) => {
    expect(readRule(rule)).toContain(says)
  })
})

describe('what was read of a rule', () => {
  const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour)).join(',')

  it('has all its parts', () => {
    const text =
      'FREQ=YEARLY;INTERVAL=2;UNTIL=20300101;WKST=WE;BYDAY=MO;BYMONTH=3;BYWEEKNO=-1;BYYEARDAY=366;BYMONTHDAY=-31;BYHOUR=4;BYMINUTE=5;BYSECOND=6;BYSETPOS=-7'
    expect(ruleOf(text)).toEqual({
      every: 'YEARLY',
      interval: 2,
      count: null,
      until: '2030-01-01',
      weekStart: 3,
      weekdays: [{ weekday: 1, nth: 0 }],
      months: [3],
      weeks: [-1],
      yearDays: [366],
      monthDays: [-31],
      hours: [4],
      minutes: [5],
      seconds: [6],
      positions: [-7],
    })
  })

  it('may hit every quarter of an hour', () => {
    expect(ruleOf(`FREQ=DAILY;BYHOUR=${HOURS};BYMINUTE=0,15,30,45`).minutes).toHaveLength(4)
  })

  it.each([undefined, null, 'FREQ=DAILY', 7])('%s is none', (value) => {
    expect(parseRule(value)).toBe('it is empty')
  })

  // prettier-ignore
  it.each<[parts: Readonly<Record<string, unknown>>, says: string]>([
    [{ interval: '5' },             'INTERVAL is not 1-10000'],
    [{ interval: 1.5 },             'INTERVAL is not 1-10000'],
    [{ until: 20260101 },           'UNTIL is no day or time'],
    [{ until: ['2026-01-01'] },     'UNTIL is no day or time'],
    [{ wkst: 0 },                   'WKST is no weekday'],
    [{ wkst: 8 },                   'WKST is no weekday'],
    [{ wkst: 'XX' },                'WKST is no weekday'],
    [{ bymonth: '3' },              'BYMONTH is out of its bounds'],
    ...[null, 'XX', 'xMO', 'MOx', 'mo', '0MO', '+0MO', '54MO', '-54MO', '100MO', ['MO', 'XX'], ['XX', 'MO']].map((byday) =>
      [{ freq: 'MONTHLY', byday }, 'BYDAY has something else than weekdays'] as [Readonly<Record<string, unknown>>, string]),
  ])('is checked: %j', (parts, says) => {
    expect(parseRule({ freq: 'DAILY', ...parts })).toBe(says)
  })

  it.each<[byday: string, weekday: number, nth: number]>([
    ['MO', 1, 0],
    ['53SU', 7, 53],
    ['-53TU', 2, -53],
    ['+1FR', 5, 1],
  ])('counts weekdays: %s', (byday, weekday, nth) => {
    expect(parseRule({ freq: 'MONTHLY', byday })).toMatchObject({ weekdays: [{ weekday, nth }] })
  })

  it.each<[wkst: unknown, weekday: number]>([
    [1, 7],
    [2, 1],
    [7, 6],
    ['MO', 1],
    ['SU', 7],
  ])('begins its weeks with %s', (wkst, weekStart) => {
    expect(parseRule({ freq: 'WEEKLY', wkst })).toMatchObject({ weekStart })
  })
})

describe('a day or time', () => {
  it.each([
    ['2026-02-28', '2026-02-28T00:00:00'],
    ['2026-02-28T23:59:01', '2026-02-28T23:59:01'],
    ['2026-02-28T23:59:01Z', '2026-02-28T23:59:01'],
  ])('%s', (text, wall) => {
    expect(wallText(text)?.toString()).toBe(wall)
  })

  it.each([
    '',
    '2026-02-30',
    '2026-02-28T24:00:00',
    '+002026-02-28',
    '2026-02-28T10:00',
    '2026-02-28T10:00:00.5',
    '2026-02-28[u-ca=iso8601]',
  ])('is not %s', (text) => {
    expect(wallText(text)).toBeUndefined()
  })
})
