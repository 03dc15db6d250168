import { describe, expect, it } from 'vitest'
import { budgetOf, daysOf, hitsOf, readRule } from './recurring.ts'

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
  ])('%s is refused', (rule, says) => {
    expect(readRule(rule)).toContain(says)
  })
})
