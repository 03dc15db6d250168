import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { advisoriesOfCalendar, calendarMistake, freezesOfCalendar } from '../../../src/core/plan/freeze.ts'
import { instant, isoSeconds } from '../../../src/kit/instant.ts'

const at = (text: string) => instant(Date.parse(text))
const lines = (...parts: readonly string[]): string => parts.join('\r\n')
const calendar = (...parts: readonly string[]): string => lines('BEGIN:VCALENDAR', 'VERSION:2.0', ...parts, 'END:VCALENDAR', '')
const event = (...parts: readonly string[]): string => lines('BEGIN:VEVENT', 'UID:one', 'SUMMARY:x', ...parts, 'END:VEVENT')

/** Freezes as `from/to`, without seconds, in one line. */
function spans(text: string, { zone = 'America/New_York', from = '2026-01-01T00:00:00Z', to = '2028-01-01T00:00:00Z' } = {}): string[] {
  return freezesOfCalendar(text, 'f.ics', zone, at(from), at(to)).map(
    (one) => `${isoSeconds(one.from).slice(0, 16)}/${isoSeconds(one.to).slice(0, 16)}`,
  )
}

const OUTLOOK = lines(
  'BEGIN:VTIMEZONE',
  'TZID:W. Europe Standard Time',
  'BEGIN:STANDARD',
  'DTSTART:16010101T030000',
  'TZOFFSETFROM:+0200',
  'TZOFFSETTO:+0100',
  'RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10',
  'END:STANDARD',
  'BEGIN:DAYLIGHT',
  'DTSTART:16010101T020000',
  'TZOFFSETFROM:+0100',
  'TZOFFSETTO:+0200',
  'RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3',
  'END:DAYLIGHT',
  'END:VTIMEZONE',
)

describe('an event of an iCalendar file', () => {
  // New York is 5 hours behind UTC in winter and 4 in summer; clocks change on 2026-03-08 and 2026-11-01.
  // prettier-ignore
  it.each<[it: string, parts: string[], spans: string[]]>([
    ['all day, the end excluded',        ['DTSTART;VALUE=DATE:20261220', 'DTEND;VALUE=DATE:20261223'],                              ['2026-12-20T05:00/2026-12-23T05:00']],
    ['all day without an end',           ['DTSTART;VALUE=DATE:20261220'],                                                           ['2026-12-20T05:00/2026-12-21T05:00']],
    ['all day, ended on the same day',   ['DTSTART;VALUE=DATE:20261220', 'DTEND;VALUE=DATE:20261220'],                              ['2026-12-20T05:00/2026-12-21T05:00']],
    ['all day of 23 hours',              ['DTSTART;VALUE=DATE:20260308'],                                                           ['2026-03-08T05:00/2026-03-09T04:00']],
    ['all day of 25 hours',              ['DTSTART;VALUE=DATE:20261101'],                                                           ['2026-11-01T04:00/2026-11-02T05:00']],
    ['UTC',                              ['DTSTART:20261220T180000Z', 'DTEND:20261221T060000Z'],                                    ['2026-12-20T18:00/2026-12-21T06:00']],
    ['floating: the window’s zone',      ['DTSTART:20261220T180000', 'DTEND:20261221T060000'],                                      ['2026-12-20T23:00/2026-12-21T11:00']],
    ['an IANA zone without VTIMEZONE',   ['DTSTART;TZID=Europe/Berlin:20260701T180000', 'DTEND;TZID=Europe/Berlin:20260701T190000'], ['2026-07-01T16:00/2026-07-01T17:00']],
    ['two zones',                        ['DTSTART;TZID=Europe/Berlin:20260701T180000', 'DTEND:20260701T190000Z'],                  ['2026-07-01T16:00/2026-07-01T19:00']],
    ['a quoted zone in strange letters', ['DTSTART;TZID="Europe/Berlin":20260701T180000', 'duration:PT1H'],                         ['2026-07-01T16:00/2026-07-01T17:00']],
    ['a Windows zone, summer',           ['DTSTART;TZID=W. Europe Standard Time:20260701T180000', 'DURATION:PT1H'],                 ['2026-07-01T16:00/2026-07-01T17:00']],
    ['a Windows zone, winter',           ['DTSTART;TZID=W. Europe Standard Time:20261201T180000', 'DURATION:PT1H'],                 ['2026-12-01T17:00/2026-12-01T18:00']],
    ['a Windows zone, a time twice',     ['DTSTART;TZID=W. Europe Standard Time:20261025T023000', 'DURATION:PT1H'],                 ['2026-10-25T00:30/2026-10-25T01:30']],
    ['a Windows zone, a missing time',   ['DTSTART;TZID=W. Europe Standard Time:20260329T023000', 'DURATION:PT1H'],                 ['2026-03-29T01:30/2026-03-29T02:30']],
    ['an IANA zone, a time twice',       ['DTSTART;TZID=Europe/Berlin:20261025T023000', 'DURATION:PT1H'],                           ['2026-10-25T00:30/2026-10-25T01:30']],
    ['an IANA zone, a missing time',     ['DTSTART;TZID=Europe/Berlin:20260329T023000', 'DURATION:PT1H'],                           ['2026-03-29T01:30/2026-03-29T02:30']],
    ['a day counted by the calendar',    ['DTSTART:20261031T120000', 'DURATION:P1D'],                                               ['2026-10-31T16:00/2026-11-01T17:00']],
    ['24 hours counted exactly',         ['DTSTART:20261031T120000', 'DURATION:PT24H'],                                             ['2026-10-31T16:00/2026-11-01T16:00']],
    ['without an end: no time',          ['DTSTART:20261220T180000Z'],                                                              []],
    ['ended at once: no time',           ['DTSTART:20261220T180000Z', 'DTEND:20261220T180000Z'],                                    []],
    ['cancelled',                        ['DTSTART:20261220T180000Z', 'DURATION:PT1H', 'STATUS:CANCELLED'],                         []],
    ['tentative',                        ['DTSTART:20261220T180000Z', 'DURATION:PT1H', 'STATUS:TENTATIVE'],                         ['2026-12-20T18:00/2026-12-20T19:00']],
    ['shown as free',                    ['DTSTART:20261220T180000Z', 'DURATION:PT1H', 'TRANSP:TRANSPARENT'],                       []],
    ['advisory for Change Calendar',     ['DTSTART:20261220T180000Z', 'DURATION:PT1H', 'X-EVENT-TYPE:ADVISORY'],                    []],
    ['long begun',                       ['DTSTART:20250101T000000Z', 'DTEND:20260102T000000Z'],                                    ['2025-01-01T00:00/2026-01-02T00:00']],
    ['over when the time begins',        ['DTSTART:20251231T000000Z', 'DTEND:20260101T000000Z'],                                    []],
    ['begun when the time is over',      ['DTSTART:20280101T000000Z', 'DTEND:20280102T000000Z'],                                    []],
    ['with an alarm’s own duration',     ['DTSTART:20261220T180000Z', 'DURATION:PT1H', 'BEGIN:VALARM', 'TRIGGER:-PT5M', 'DURATION:PT9H', 'END:VALARM'], ['2026-12-20T18:00/2026-12-20T19:00']],
    ['folded lines',                     ['DTSTART:202612', ' 20T180000Z', 'DURATION:PT', '\t1H'],                                   ['2026-12-20T18:00/2026-12-20T19:00']],
    ['what does not matter is not read', ['DTSTART:20261220T180000Z', 'DURATION:PT1H', 'X-ODD;=":broken', 'ATTENDEE;CN="a:b'],      ['2026-12-20T18:00/2026-12-20T19:00']],
  ])('%s', (_, parts, expected) => {
    expect(spans(calendar(OUTLOOK, event(...parts)))).toEqual(expected)
  })

  it('says which and where', () => {
    const text = calendar(
      'BEGIN:VEVENT',
      'UID:1',
      'SUMMARY:Year end\\, all\\nof it',
      'DTSTART:20261220T180000Z',
      'DURATION:PT1H',
      'END:VEVENT',
    )
    expect(freezesOfCalendar(text, 'a/b.ics', 'UTC', at('2026-12-20T18:30:00Z'), at('2026-12-20T18:31:00Z'))).toEqual([
      { from: at('2026-12-20T18:00:00Z'), to: at('2026-12-20T19:00:00Z'), why: 'Year end, all of it', source: 'a/b.ics' },
    ])
  })
})

describe('a series', () => {
  const NY = (name: string, value: string): string => `${name};TZID=America/New_York:${value}`
  // prettier-ignore
  it.each<[it: string, parts: string[], spans: string[]]>([
    ['keeps its wall clock over a change',     [NY('DTSTART', '20261031T220000'), NY('DTEND', '20261101T060000'), 'RRULE:FREQ=WEEKLY;COUNT=2'], ['2026-11-01T02:00/2026-11-01T11:00', '2026-11-08T03:00/2026-11-08T11:00']],
    ['… its end too',                          [NY('DTSTART', '20261024T220000'), NY('DTEND', '20261025T060000'), 'RRULE:FREQ=WEEKLY;COUNT=2'], ['2026-10-25T02:00/2026-10-25T10:00', '2026-11-01T02:00/2026-11-01T11:00']],
    ['an exact duration stays exact',          [NY('DTSTART', '20261024T220000'), 'DURATION:PT8H', 'RRULE:FREQ=WEEKLY;COUNT=2'],               ['2026-10-25T02:00/2026-10-25T10:00', '2026-11-01T02:00/2026-11-01T10:00']],
    ['until an instant, itself included',      ['DTSTART:20260105T000000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;UNTIL=20260107T000000Z'],          ['2026-01-05T00:00/2026-01-05T01:00', '2026-01-06T00:00/2026-01-06T01:00', '2026-01-07T00:00/2026-01-07T01:00']],
    ['until an instant in another zone',       [NY('DTSTART', '20260105T200000'), 'DURATION:PT1H', 'RRULE:FREQ=DAILY;UNTIL=20260107T005959Z'],     ['2026-01-06T01:00/2026-01-06T02:00']],
    ['until a day, all of it',                 ['DTSTART:20260105T120000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;UNTIL=20260106'],                  ['2026-01-05T12:00/2026-01-05T13:00', '2026-01-06T12:00/2026-01-06T13:00']],
    ['all day until a day',                    ['DTSTART;VALUE=DATE:20260105', 'RRULE:FREQ=DAILY;UNTIL=20260106'],                                ['2026-01-05T05:00/2026-01-06T05:00', '2026-01-06T05:00/2026-01-07T05:00']],
    ['further dates and periods',              ['DTSTART:20260105T120000Z', 'DURATION:PT1H', 'RDATE:20260201T120000Z', 'RDATE;VALUE=PERIOD:20260301T000000Z/PT3H,20260302T000000Z/20260302T020000Z'], ['2026-01-05T12:00/2026-01-05T13:00', '2026-02-01T12:00/2026-02-01T13:00', '2026-03-01T00:00/2026-03-01T03:00', '2026-03-02T00:00/2026-03-02T02:00']],
    ['an exception in another zone',           ['DTSTART:20260105T120000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=3', NY('EXDATE', '20260106T070000')], ['2026-01-05T12:00/2026-01-05T13:00', '2026-01-07T12:00/2026-01-07T13:00']],
    ['an exception by its day',                ['DTSTART:20260105T120000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=3', 'EXDATE;VALUE=DATE:20260106'],    ['2026-01-05T12:00/2026-01-05T13:00', '2026-01-07T12:00/2026-01-07T13:00']],
    ['an exception of its start',              ['DTSTART:20260105T120000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=2', 'EXDATE:20260105T120000Z'],       ['2026-01-06T12:00/2026-01-06T13:00']],
    ['all day with an exception as a time',    ['DTSTART;VALUE=DATE:20260105', 'RRULE:FREQ=DAILY;COUNT=2', 'EXDATE:20260106T000000'],             ['2026-01-05T05:00/2026-01-06T05:00']],
    ['its start counts though no rule names it', ['DTSTART:20260105T120000Z', 'DURATION:PT1H', 'RRULE:FREQ=WEEKLY;BYDAY=WE;COUNT=2'],             ['2026-01-05T12:00/2026-01-05T13:00', '2026-01-07T12:00/2026-01-07T13:00']],
    ['an old one reaches the time asked about', ['DTSTART:20100101T120000Z', 'DURATION:P3D', 'RRULE:FREQ=YEARLY;UNTIL=20260101T120000Z'],           ['2026-01-01T12:00/2026-01-04T12:00']],
    ['one that begins before and reaches in',  ['DTSTART:20251230T000000Z', 'DURATION:P3D', 'RRULE:FREQ=YEARLY;UNTIL=20260601T000000Z'],           ['2025-12-30T00:00/2026-01-02T00:00']],
  ])('%s', (_, parts, expected) => {
    expect(spans(calendar(event(...parts)))).toEqual(expected)
  })

  it('has occurrences that were moved, cancelled or made free', () => {
    const series = event('DTSTART;TZID=America/New_York:20260105T080000', 'DURATION:PT1H', 'RRULE:FREQ=WEEKLY;COUNT=5')
    const moved = event('RECURRENCE-ID;TZID=America/New_York:20260112T080000', 'DTSTART:20260113T000000Z', 'DURATION:PT2H')
    const cancelled = event('RECURRENCE-ID:20260119T130000Z', 'STATUS:CANCELLED', 'DTSTART:20260119T130000Z')
    const free = event('RECURRENCE-ID:20260126T130000Z', 'TRANSP:TRANSPARENT', 'DTSTART:20260126T130000Z', 'DURATION:PT1H')
    expect(spans(calendar(moved, series, cancelled, free))).toEqual([
      '2026-01-05T13:00/2026-01-05T14:00',
      '2026-01-13T00:00/2026-01-13T02:00',
      '2026-02-02T13:00/2026-02-02T14:00',
    ])
  })

  it('is changed only by events of its own id', () => {
    const series = event('DTSTART:20260105T080000Z', 'DURATION:PT1H', 'RRULE:FREQ=WEEKLY;COUNT=2')
    const other = event('RECURRENCE-ID:20260112T080000Z', 'STATUS:CANCELLED', 'DTSTART:20260112T080000Z').replace('UID:one', 'UID:two')
    expect(spans(calendar(series, other))).toHaveLength(2)
  })
})

describe('a file', () => {
  it('may hold several calendars, each with its own zones', () => {
    const shifted = OUTLOOK.replaceAll('+0200', '+0900').replaceAll('+0100', '+0900')
    const one = event('DTSTART;TZID=W. Europe Standard Time:20260701T180000', 'DURATION:PT1H')
    expect(spans(calendar(OUTLOOK, one) + calendar(shifted, one))).toEqual([
      '2026-07-01T09:00/2026-07-01T10:00',
      '2026-07-01T16:00/2026-07-01T17:00',
    ])
  })

  it('ends its lines in any way and may begin with a mark', () => {
    const text = calendar(event('DTSTART:20261220T180000Z', 'DURATION:PT1H'))
    for (const same of [text, text.replaceAll('\r\n', '\n'), text.replaceAll('\r\n', '\r'), `\uFEFF${text}`, `\r\n${text}`])
      expect(spans(same)).toEqual(['2026-12-20T18:00/2026-12-20T19:00'])
  })

  it('that is closed by default is open during its events only', () => {
    const text = calendar(
      'X-CALENDAR-TYPE:DEFAULT_CLOSED',
      event('DTSTART:20260103T000000Z', 'DURATION:PT4H'),
      event('DTSTART:20260103T020000Z', 'DURATION:PT4H'),
      event('DTSTART:20260105T000000Z', 'DURATION:PT4H', 'TRANSP:TRANSPARENT'),
    )
    const asked = { from: '2026-01-02T00:00:00Z', to: '2026-01-06T00:00:00Z' }
    expect(spans(text, asked)).toEqual(['2026-01-02T00:00/2026-01-03T00:00', '2026-01-03T06:00/2027-01-07T00:00'])
    expect(spans(text, { from: '2026-01-02T00:00:00Z', to: '2026-01-02T00:00:01Z' })).toEqual(['2026-01-02T00:00/2026-01-03T00:00'])
    expect(spans(text, { from: '2026-01-03T01:00:00Z', to: '2026-01-03T06:00:00Z' })).toEqual([])
    const empty = calendar('X-CALENDAR-TYPE:DEFAULT_CLOSED', 'BEGIN:VTODO', 'SUMMARY:Add events to this calendar.', 'END:VTODO')
    expect(spans(empty, asked)).toEqual(['2026-01-02T00:00/2027-01-07T00:00'])
    expect(spans(empty.replace('CLOSED', 'OPEN'), asked)).toEqual([])
  })

  it('tells what it shows as free', () => {
    const text = calendar(
      event('DTSTART:20261220T180000Z', 'DURATION:PT1H', 'TRANSP:TRANSPARENT'),
      event('DTSTART:20261221T180000Z', 'DURATION:PT1H'),
    )
    const free = advisoriesOfCalendar(text, 'f.ics', 'UTC', at('2026-12-01T00:00:00Z'), at('2027-01-01T00:00:00Z'))
    expect(free.map((one) => isoSeconds(one.from))).toEqual(['2026-12-20T18:00:00Z'])
  })

  // prettier-ignore
  it.each<[it: string, text: string, line: number, says: string]>([
    ['nothing',                       '',                                                                                    1, 'no calendar'],
    ['a page',                        '<html>\n<body>: no\n',                                                                1, 'no iCalendar'],
    ['cut off',                       calendar(event('DTSTART:20261220')).split('\r\nEND:')[0]!,                                  3, 'no END'],
    ['a line of prose',               calendar('what is this'),                                                              3, 'no line of an iCalendar'],
    ['an end too many',               calendar('END:VEVENT'),                                                                3, 'without its BEGIN'],
    ['something after the end',       `${calendar()}X:1`,                                                                    4, 'no iCalendar'],
    ['no start',                      calendar(event()),                                                                     3, 'no DTSTART'],
    ['a start that is none',          calendar(event('DTSTART:tomorrow')),                                                   6, 'DTSTART is no day or time'],
    ['month 13',                      calendar(event('DTSTART:20261301T000000Z')),                                           6, 'DTSTART is no day or time'],
    ['30 February',                   calendar(event('DTSTART;VALUE=DATE:20260230')),                                        6, 'DTSTART is no day or time'],
    ['an end before the start',       calendar(event('DTSTART:20261220T180000Z', 'DTEND:20261220T170000Z')),                 7, 'ends before it begins'],
    ['a day that ends at a time',     calendar(event('DTSTART;VALUE=DATE:20261220', 'DTEND:20261220T170000Z')),              7, 'not of the same kind'],
    ['a negative duration',           calendar(event('DTSTART:20261220T180000Z', 'DURATION:-PT1H')),                         7, 'DURATION'],
    ['a duration that is none',       calendar(event('DTSTART:20261220T180000Z', 'DURATION:1 hour')),                        7, 'DURATION'],
    ['an unknown zone',               calendar(event('DTSTART;TZID=Mars/Olympus:20261220T180000')),                          6, '"Mars/Olympus" is not known'],
    ['a Windows zone without its own', calendar(event('DTSTART;TZID=W. Europe Standard Time:20261220T180000')),              6, 'is not known'],
    ['a zone without offsets',        calendar(OUTLOOK.replace('TZOFFSETTO:+0100', 'TZOFFSETTO:late'), event('DTSTART;TZID=W. Europe Standard Time:20261220T180000')), 8, 'TZOFFSETTO'],
    ['a rule that is none',           calendar(event('DTSTART:20261220T180000Z', 'RRULE:FREQ=SOMETIMES')),                   7, 'RRULE'],
    ['a rule that repeats hourly',    calendar(event('DTSTART:20261220T180000Z', 'RRULE:FREQ=HOURLY')),                      7, 'FREQ is none of'],
    ['an excluding rule',             calendar(event('DTSTART:20261220T180000Z', 'EXRULE:FREQ=DAILY')),                      7, 'EXRULE'],
    ['a change of all that follow',   calendar(event('DTSTART:20261220T180000Z', 'RECURRENCE-ID;RANGE=THISANDFUTURE:20261220T180000Z')), 7, 'RANGE'],
    ['an unknown kind of calendar',   calendar('X-CALENDAR-TYPE:SOMETIMES'),                                                 3, 'X-CALENDAR-TYPE'],
    ['a broken quotation',            calendar(event('DTSTART;TZID="Europe:20261220T180000')),                               6, 'DTSTART cannot be read'],
    ['years without end',             calendar(event('DTSTART:20261220T180000Z', 'DURATION:P99999999D')),                    3, 'beyond every calendar'],
    ['too deep',                      'BEGIN:VCALENDAR\n'.repeat(20),                                                        9, 'nested'],
    ['too long',                      `BEGIN:VCALENDAR\n${'X-A:1\n'.repeat(400_000)}`,                                       1, 'more than'],
    ['repeating without bound',       calendar(event('DTSTART:00010101T000000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=200000;BYMONTH=2;BYMONTHDAY=30')), 1, 'too often'],
  ])('is refused: %s', (_, text, line, says) => {
    const read = (): unknown => freezesOfCalendar(text, 'f.ics', 'UTC', at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'))
    expect(read).toThrow(expect.objectContaining({ code: 'freeze.invalid', message: expect.stringContaining(says), more: expect.objectContaining({ at: { file: 'f.ics', line, column: 1 } }) }))
  })

  it('is checked without asking about any time', () => {
    expect(calendarMistake(calendar(event('DTSTART:20261220T180000Z', 'DURATION:PT1H')))).toBeUndefined()
    expect(calendarMistake(calendar(event('DTSTART:tomorrow')))).toBe('line 6: DTSTART is no day or time')
    expect(calendarMistake(calendar(event('DTSTART:20261220T180000Z', 'RRULE:FREQ=SECONDLY')))).toContain(
      'line 7: RRULE cannot be followed',
    )
    expect(calendarMistake('')).toContain('no calendar')
  })
})

describe('the example in config/calendars', () => {
  const text = readFileSync('config/calendars/company-freeze.ics', 'utf8')
  it('has no mistake', () => {
    expect(calendarMistake(text)).toBeUndefined()
  })

  it('freezes what its titles say', () => {
    const found = freezesOfCalendar(text, 'f.ics', 'America/New_York', at('2026-09-01T00:00:00Z'), at('2027-02-01T00:00:00Z'))
    expect(found.map((one) => `${isoSeconds(one.from).slice(0, 13)} ${isoSeconds(one.to).slice(0, 13)} ${one.why.split(':')[0]}`)).toEqual([
      '2026-09-28T22 2026-09-29T10 Payroll run',
      '2026-09-29T04 2026-10-02T04 Quarter close',
      '2026-10-28T22 2026-10-29T10 Payroll run',
      '2026-11-28T23 2026-11-29T11 Payroll run',
      '2026-12-18T05 2027-01-04T05 Year-end freeze',
      '2026-12-30T05 2027-01-02T05 Quarter close',
      '2027-01-28T23 2027-01-29T11 Payroll run',
    ])
  })
})
