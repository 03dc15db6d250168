import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { advisoriesOfCalendar, calendarMistake, freezesOfCalendar } from '../../../src/core/plan/freeze.ts'
import { CALENDAR_CHARACTERS_MAX } from '../../../src/core/plan/icalendar.ts'
import { isoSeconds } from '../../../src/kit/instant.ts'
import { at, calendar, event, OUTLOOK, spans } from './calendar-file.ts'

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
    ['of no length',                     ['DTSTART:20261220T180000Z', 'DURATION:PT0S'],                                            []],
    ['a duration with its sign',         ['DTSTART:20261220T180000Z', 'DURATION:+PT1H'],                                           ['2026-12-20T18:00/2026-12-20T19:00']],
    ['ended in an hour that comes twice', ['DTSTART;TZID=America/New_York:20261031T220000', 'DTEND:20261101T063000Z'],            ['2026-11-01T02:00/2026-11-01T06:30']],
    ['cancelled, with a space',          ['DTSTART:20261220T180000Z', 'DURATION:PT1H', 'STATUS: CANCELLED '],                       []],
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
    ['… a long one that began in the sixties', ['DTSTART:19601203T000000Z', 'DURATION:P30D', 'RRULE:FREQ=YEARLY;UNTIL=20260601T000000Z'],          ['2025-12-03T00:00/2026-01-02T00:00']],
    ['until a time of its own clock',          [NY('DTSTART', '20260105T200000'), 'DURATION:PT1H', 'RRULE:FREQ=DAILY;UNTIL=20260106T200000'],      ['2026-01-06T01:00/2026-01-06T02:00', '2026-01-07T01:00/2026-01-07T02:00']],
    ['all day until an instant',               ['DTSTART;VALUE=DATE:20260105', 'RRULE:FREQ=DAILY;UNTIL=20260106T050000Z'],                        ['2026-01-05T05:00/2026-01-06T05:00', '2026-01-06T05:00/2026-01-07T05:00']],
    ['a further date in another zone',         ['DTSTART:20260105T120000Z', 'DURATION:PT1H', NY('RDATE', '20260201T120000')],                     ['2026-01-05T12:00/2026-01-05T13:00', '2026-02-01T17:00/2026-02-01T18:00']],
    ['a further date that does not exist',     [NY('DTSTART', '20260105T023000'), 'DURATION:P1D', NY('RDATE', '20260308T023000')],                ['2026-01-05T07:30/2026-01-06T07:30', '2026-03-08T07:30/2026-03-09T06:30']],
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

/** A calendar of so many characters. */
const padded = (length: number): string => {
  const short = calendar('X-LONG:')
  return short.replace('X-LONG:', `X-LONG:${'x'.repeat(length - short.length)}`)
}

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
    const spaced = text.replace('BEGIN:VEVENT', 'BEGIN: VEVENT ').replace('SUMMARY:x', 'END:VEVENT is no end')
    const folded = text.trimEnd().replace('END:VCALENDAR', 'END:VCAL\r\n ENDAR')
    const begun = [`\uFEFF${text}`, `\r\n${text}`, `\r\n \t\r\n${text}`]
    for (const same of [text, text.replaceAll('\r\n', '\n'), text.replaceAll('\r\n', '\r'), ...begun, spaced, folded])
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

  it('opens a closed calendar in whatever order its events stand', () => {
    const text = calendar(
      'X-CALENDAR-TYPE:DEFAULT_CLOSED',
      event('DTSTART:20260103T040000Z', 'DURATION:PT1H'),
      event('DTSTART:20260103T000000Z', 'DURATION:PT4H'),
    )
    expect(spans(text, { from: '2026-01-02T00:00:00Z', to: '2026-01-03T06:00:00Z' })).toEqual([
      '2026-01-02T00:00/2026-01-03T00:00',
      '2026-01-03T05:00/2027-01-04T06:00',
    ])
  })

  it('may have a closed calendar beside an open one', () => {
    const open = calendar(event('DTSTART:20260102T060000Z', 'DURATION:PT1H'))
    const closed = calendar('X-CALENDAR-TYPE:DEFAULT_CLOSED', event('DTSTART:20260103T000000Z', 'DURATION:PT4H'))
    expect(spans(open + closed, { from: '2026-01-02T00:00:00Z', to: '2026-01-03T01:00:00Z' })).toEqual([
      '2026-01-02T00:00/2026-01-03T00:00',
      '2026-01-02T06:00/2026-01-02T07:00',
    ])
  })

  it('has a day that is longer than the one its series began with', () => {
    const days = event('DTSTART;VALUE=DATE:20260105', 'RRULE:FREQ=DAILY')
    expect(spans(calendar(days), { from: '2026-11-02T04:30:00Z', to: '2026-11-02T04:31:00Z' })).toEqual([
      '2026-11-01T04:00/2026-11-02T05:00',
    ])
  })

  it('says what an event is, in one line, even if it does not say it itself', () => {
    const text = calendar(
      event('DTSTART:20260102T060000Z', 'DURATION:PT1H').replace('SUMMARY:x', 'SUMMARY:two  spaces \\n and a line'),
      event('DTSTART:20260103T060000Z', 'DURATION:PT1H').replace('SUMMARY:x', 'X-A:1'),
    )
    const found = freezesOfCalendar(text, 'f.ics', 'UTC', at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'))
    expect(found.map(({ why }) => why)).toEqual(['two spaces and a line', 'an event without a title'])
  })

  it('may be as long as it may be', () => {
    expect(spans(padded(CALENDAR_CHARACTERS_MAX))).toEqual([])
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
    ['a broken quotation',            calendar(event('DTSTART;TZID="Europe:20261220T180000')),                               6, 'DTSTART cannot be read: '],
    ['years without end',             calendar(event('DTSTART:20261220T180000Z', 'DURATION:P99999999D')),                    3, 'beyond every calendar'],
    ['too deep',                      'BEGIN:VCALENDAR\n'.repeat(20),                                                        9, 'nested'],
    ['too long',                      `BEGIN:VCALENDAR\n${'X-A:1\n'.repeat(400_000)}`,                                       1, 'more than'],
    ['repeating without an end',      calendar(event('DTSTART:00010101T000000Z', 'DURATION:PT1H', 'RRULE:FREQ=YEARLY;COUNT=2000;BYYEARDAY=1;BYMONTHDAY=31')), 1, 'too often'],
    ['a duration of nothing',         calendar(event('DTSTART:20261220T180000Z', 'DURATION:PX')),                            7, 'DURATION'],
    ['a duration in small letters',   calendar(event('DTSTART:20261220T180000Z', 'DURATION:pt1h')),                          7, 'DURATION'],
    ['a list of durations',           calendar(event('DTSTART:20261220T180000Z', 'DURATION;VALUE=PERIOD:PT1H/PT2H')),        7, 'DURATION'],
    ['an exception that is a period', calendar(event('DTSTART:20261220T180000Z', 'EXDATE;VALUE=PERIOD:20261220T180000Z/PT1H')), 7, 'EXDATE is no day or time'],
    ['an event outside of a calendar', event('DTSTART:20261220T180000Z', 'DURATION:PT1H'),                                   1, 'no iCalendar'],
    ['a space before everything',     ` ${calendar()}`,                                                                      1, 'no iCalendar'],
    ['a mark that is not at its begin', calendar('X\uFEFFY:1'),                                                              3, 'no line of an iCalendar'],
    ['a line of a strange name',      calendar('(X-ODD:1'),                                                                  3, 'no line of an iCalendar'],
    ['one character too many',        padded(CALENDAR_CHARACTERS_MAX + 1),                                                   1, 'more than'],
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

  it('is checked for a year from where its events begin', () => {
    const rules = Array.from({ length: 540 }, () => 'RRULE:FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=MO')
    const wild = calendar(event('DTSTART:20260105T000000Z', 'DURATION:PT1H', ...rules))
    expect(calendarMistake(wild)).toContain('line 1: the events repeat too often')
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
