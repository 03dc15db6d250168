import { freezesOfCalendar } from '../../../src/core/plan/freeze.ts'
import { instant, isoSeconds } from '../../../src/kit/instant.ts'

export const at = (text: string) => instant(Date.parse(text))
/** Lines of a file as calendars end them. */
export const lines = (...parts: readonly string[]): string => parts.join('\r\n')
/** A calendar of these lines, which begin at line 3. */
export const calendar = (...parts: readonly string[]): string => lines('BEGIN:VCALENDAR', 'VERSION:2.0', ...parts, 'END:VCALENDAR', '')
/** An event of these lines, its first the fourth of it. */
export const event = (...parts: readonly string[]): string => lines('BEGIN:VEVENT', 'UID:one', 'SUMMARY:x', ...parts, 'END:VEVENT')

/** Freezes as `from/to`, without seconds, in one line. */
export function spans(
  text: string,
  { zone = 'America/New_York', from = '2026-01-01T00:00:00Z', to = '2028-01-01T00:00:00Z' } = {},
): string[] {
  return freezesOfCalendar(text, 'f.ics', zone, at(from), at(to)).map(
    (one) => `${isoSeconds(one.from).slice(0, 16)}/${isoSeconds(one.to).slice(0, 16)}`,
  )
}

/** Berlin's clock as Outlook writes it. */
export const OUTLOOK = lines(
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
