import { describe, expect, it } from 'vitest'
import { freezesOfCalendar } from '../../../src/core/plan/freeze.ts'
import { at, calendar, event, lines, OUTLOOK, spans } from './calendar-file.ts'

const BERLIN = 'W. Europe Standard Time'
const change = (kind: 'STANDARD' | 'DAYLIGHT', ...parts: readonly string[]): string => lines(`BEGIN:${kind}`, ...parts, `END:${kind}`)
const zone = (...parts: readonly string[]): string => lines('BEGIN:VTIMEZONE', 'TZID:Own', ...parts, 'END:VTIMEZONE')
const offsets = (from: string, to: string): string => lines(`TZOFFSETFROM:${from}`, `TZOFFSETTO:${to}`)
/** When an hour from this time of a written clock begins, `2026-07-01T16:00`. */
const begins = (wall: string, written: string): string => {
  const tzid = /TZID:(.*)/.exec(written)?.[1]?.trim() ?? ''
  const [span] = spans(calendar(written, event(`DTSTART;TZID=${tzid}:${wall}`, 'DURATION:PT1H')))
  return span?.slice(0, 16) ?? 'nothing'
}

describe('the clock of a VTIMEZONE', () => {
  // Berlin's clock goes forward on 2026-03-29 from 02:00 to 03:00, and back on 2026-10-25 from 03:00 to 02:00; both at 01:00Z.
  // prettier-ignore
  it.each<[it: string, wall: string, begins: string]>([
    ['just before it goes forward',     '20260329T015900', '2026-03-29T00:59'],
    ['as soon as it has gone forward',  '20260329T030000', '2026-03-29T01:00'],
    ['later on that day',               '20260329T120000', '2026-03-29T10:00'],
    ['just before it goes back',        '20261025T015900', '2026-10-24T23:59'],
    ['as soon as it has gone back',     '20261025T030000', '2026-10-25T02:00'],
    ['later on that day, in winter',    '20261025T120000', '2026-10-25T11:00'],
  ])('%s', (_, wall, expected) => {
    expect(begins(wall, OUTLOOK)).toBe(expected)
  })

  const ENDED = zone(
    change(
      'STANDARD',
      'DTSTART:19961027T030000',
      offsets('+0200', '+0100'),
      'RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20201025T010000Z',
    ),
    change(
      'DAYLIGHT',
      'DTSTART:19970330T020000',
      offsets('+0100', '+0200'),
      'RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;UNTIL=20200329T010000Z',
    ),
  )
  const DATED = zone(
    change('STANDARD', 'DTSTART:20251026T030000', offsets('+0200', '+0100'), 'RDATE:20261025T030000,20271031T030000'),
    change('DAYLIGHT', 'DTSTART:20260329T020000', offsets('+0100', '+0200')),
    lines('BEGIN:X-ODD', 'SUMMARY:not of this', 'END:X-ODD'),
  )
  const WEST = zone(change('STANDARD', 'DTSTART:20260601T000000', offsets('-0330', '-0500')))
  const SECONDS = zone(change('STANDARD', 'DTSTART:19000101T000000', offsets('+005328', '+005328')))
  const FAR = zone(change('STANDARD', 'DTSTART:19000101T000000', offsets('+2300', '+2300')))
  // prettier-ignore
  it.each<[it: string, written: string, wall: string, begins: string]>([
    ['whose rules have ended keeps what the last of them said', ENDED, '20260701T180000', '2026-07-01T17:00'],
    ['that is written by dates, in summer',                     DATED, '20260701T180000', '2026-07-01T16:00'],
    ['that is written by dates, in winter',                     DATED, '20261201T180000', '2026-12-01T17:00'],
    ['before its first change',                                 WEST,  '20260501T180000', '2026-05-01T21:30'],
    ['west of Greenwich',                                       WEST,  '20260701T180000', '2026-07-01T23:00'],
    ['with seconds',                                            SECONDS, '20260701T180000', '2026-07-01T17:06'],
    ['with seconds, rounded down only to be shown',             SECONDS, '20260701T175327', '2026-07-01T16:59'],
    ['as far away as one can be written',                       FAR,   '20260701T180000', '2026-06-30T19:00'],
  ])('%s', (_, written, wall, expected) => {
    expect(begins(wall, written)).toBe(expected)
  })

  it('is read to find the end of a series', () => {
    const series = event(`DTSTART;TZID=${BERLIN}:20261019T180000`, 'DTEND:20261019T170000Z', 'RRULE:FREQ=WEEKLY;COUNT=2')
    expect(spans(calendar(OUTLOOK, series))).toEqual(['2026-10-19T16:00/2026-10-19T17:00', '2026-10-26T17:00/2026-10-26T18:00'])
  })

  it('is known for a year after the time asked about', () => {
    const long = event(`DTSTART;TZID=${BERLIN}:20271220T180000`, 'DURATION:P200D')
    expect(spans(calendar(OUTLOOK, long))).toEqual(['2027-12-20T17:00/2028-07-07T16:00'])
  })

  const START = 'DTSTART:19000101T000000'
  // prettier-ignore
  it.each<[it: string, zone: string, line: number, says: string]>([
    ['without STANDARD and DAYLIGHT', zone(),                                                                                   3, 'neither STANDARD nor DAYLIGHT'],
    ['without a beginning',           zone(change('STANDARD', offsets('+0100', '+0100'))),                                      5, 'has no time'],
    ['with a date that is none',      zone(change('STANDARD', START, offsets('+0100', '+0100'), 'RDATE;VALUE=PERIOD:20260101T000000/PT1H')), 5, 'has no time'],
    ['without an offset',             zone(change('STANDARD', START, 'TZOFFSETFROM:+0100')),                                    5, 'TZOFFSETTO is no offset'],
    ['24 hours away',                 zone(change('STANDARD', START, offsets('+0100', '+2400'))),                               8, 'TZOFFSETTO is no offset'],
    ['with something before it',      zone(change('STANDARD', START, 'TZOFFSETFROM;VALUE=TEXT:x+01:00', 'TZOFFSETTO:+0100')),   7, 'TZOFFSETFROM is no offset'],
    ['with something after it',       zone(change('STANDARD', START, 'TZOFFSETFROM;VALUE=TEXT:+01:00x', 'TZOFFSETTO:+0100')),   7, 'TZOFFSETFROM is no offset'],
  ])('is refused: %s', (_, written, line, says) => {
    const text = calendar(written, event('DTSTART;TZID=Own:20260701T180000', 'DURATION:PT1H'))
    const read = (): unknown => freezesOfCalendar(text, 'f.ics', 'UTC', at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'))
    expect(read).toThrow(expect.objectContaining({ code: 'freeze.invalid', message: expect.stringContaining(says), more: expect.objectContaining({ at: { file: 'f.ics', line, column: 1 } }) }))
  })
})

describe('the clock of a TZID', () => {
  const elsewhere = OUTLOOK.replaceAll('+0200', '+0900').replaceAll('+0100', '+0900')
  const named = (tzid: string, ...before: readonly string[]): string[] =>
    spans(calendar(...before, event(`DTSTART;TZID="${tzid}":20260701T180000`, 'DURATION:PT1H'))).map((span) => span.slice(0, 16))

  // prettier-ignore
  it.each<[it: string, tzid: string, before: string[], begins: string]>([
    ['is the one of that name',                    BERLIN,           [elsewhere.replace(BERLIN, 'Other'), OUTLOOK],        '2026-07-01T16:00'],
    ['is a VTIMEZONE and nothing else',            BERLIN,           [lines('BEGIN:X-ODD', `TZID:${BERLIN}`, 'END:X-ODD'), OUTLOOK], '2026-07-01T16:00'],
    ['whatever spaces stand around it',            `${BERLIN} `,     [OUTLOOK],                                            '2026-07-01T16:00'],
    ['with a slash before it',                     '/Europe/Berlin', [],                                                   '2026-07-01T16:00'],
    ['is the runtime’s for a place',               'Europe/Berlin',  [elsewhere.replace(BERLIN, 'Europe/Berlin')],         '2026-07-01T16:00'],
    ['is the file’s for any other name',           'Japan',          [OUTLOOK.replace(BERLIN, 'Japan')],                   '2026-07-01T16:00'],
    ['… or the runtime’s where the file has none', 'Japan',          [],                                                   '2026-07-01T09:00'],
  ])('%s', (_, tzid, before, expected) => {
    expect(named(tzid, ...before)).toEqual([expected])
  })
})
