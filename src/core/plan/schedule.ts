import type { PatchwaveError } from '../../kit/error.ts'
import { DAY, HOUR, MINUTE, type Ms } from '../../kit/instant.ts'
import { daysIn, type LocalTime } from './civil.ts'
import { asMaintenanceWindow, parseCron, sixFields, type Cron } from './cron.ts'
import { YEARS } from './cron-field.ts'
import { invalid } from './schedule-mistake.ts'

export { invalid } from './schedule-mistake.ts'

/** A schedule expression of the maintenance-window grammar, taken apart. */
export type Schedule = Readonly<{ kind: 'at'; local: LocalTime } | { kind: 'rate'; everyMs: Ms } | { kind: 'cron'; cron: Cron }>

/** As CreateMaintenanceWindow bounds `Schedule`. */
const LENGTH_MOST = 256

/** "Minimum rate": faster than every five minutes is not supported (Systems Manager's guide to cron and rate expressions). */
const RATE_LEAST: Ms = 5 * MINUTE

const UNITS: Readonly<Record<string, Ms>> = { minute: MINUTE, hour: HOUR, day: DAY }
const FORMS = 'write cron(0 3 ? * SUN *), rate(7 days) or at(2026-07-07T15:55:00)'

/** Expressions that are remembered: those of a fleet's runbooks, many times over. Beyond it the table is begun anew. */
const PARSED_MAX = 1_000
const PARSED = new Map<string, Schedule>()

/**
 * Reads `cron(…)` with six fields (seven with leading seconds), `rate(…)` or `at(…)`.
 * @throws `schedule.invalid`; `detail` has `field`, `position` (1-based, in the expression) and `rule`
 */
export function parseSchedule(expression: string): Schedule {
  const found = PARSED.get(expression)
  if (found !== undefined) return found
  const schedule = read(expression)
  if (PARSED.size === PARSED_MAX) PARSED.clear()
  PARSED.set(expression, schedule)
  return schedule
}

function read(expression: string): Schedule {
  if (expression.length > LENGTH_MOST) {
    const message = `${String(expression.length)} characters`
    throw invalid('schedule', LENGTH_MOST + 1, 'length', message, `a schedule has at most ${String(LENGTH_MOST)} characters`)
  }
  const foreign = /[^\x20-\x7e]/u.exec(expression)
  if (foreign !== null) throw foreignCharacter(foreign[0], foreign.index + 1)
  const [, kind, body = ''] = /^(cron|rate|at)\(([^()]*)\)$/.exec(expression) ?? []
  if (kind === undefined) throw invalid('schedule', 1, 'form', `"${expression}" is no schedule`, formHint(expression))
  if (kind === 'at') return { kind, local: parseAt(body) }
  return kind === 'rate' ? { kind, everyMs: parseRate(body) } : { kind: 'cron', cron: parseCron(body) }
}

/** Letters and digits of other scripts look alike and are not: `١` is no 1, and upper-casing would make an S of `ſ`. */
function foreignCharacter(character: string, position: number): PatchwaveError {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
  return invalid(
    'schedule',
    position,
    'character',
    `U+${code} is no character of a schedule`,
    'write plain letters, digits, signs and spaces',
  )
}

/** What was likely meant by something that is no schedule. */
function formHint(expression: string): string {
  if (expression !== expression.trim()) return 'leave out the spaces around it'
  const form = /^(cron|rate|at)\(/
  if (form.test(expression.toLowerCase()) && !form.test(expression)) return `write it in small letters: ${FORMS.slice(6)}`
  if (/^(cron|rate|at)\([^()]*$/.test(expression)) return 'close the bracket at the end'
  const words = expression.split(/\s+/)
  const meant = asMaintenanceWindow(words) ?? sixFields(words)
  return meant === null ? FORMS : `write ${meant}`
}

function parseAt(text: string): LocalTime {
  const found = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/.exec(text)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (found ?? []).slice(1).map(Number)
  const real = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) && hour < 24 && minute < 60 && second < 60
  if (found && real && year >= YEARS.least && year <= YEARS.most) return { year, month, day, hour, minute, second }
  const hint = found
    ? `write a day and a time that there are, of the years ${String(YEARS.least)}-${String(YEARS.most)}`
    : 'write at(yyyy-mm-ddThh:mm:ss) without a zone; the zone stands in timezone'
  throw invalid('at', 4, 'date-time', `"${text}" is no date and time`, hint)
}

function parseRate(text: string): Ms {
  const [, count = '', unit = '', plural] = /^([1-9]\d{0,5}) +(minute|hour|day)(s?)$/.exec(text.trim()) ?? []
  const unitMs = UNITS[unit]
  if (unitMs === undefined) {
    const hint = /^\d+ +weeks?$/.test(text.trim())
      ? 'a week is rate(7 days)'
      : 'write rate(n unit) with a whole n from 1 and minute(s), hour(s) or day(s)'
    throw invalid('rate', 6, 'value-unit', `"${text}" is no rate`, hint)
  }
  if ((Number(count) === 1) !== (plural === '')) {
    const hint = `the unit is singular for 1 and plural for all else: rate(${count} ${unit}${Number(count) === 1 ? '' : 's'})`
    throw invalid('rate', 6 + text.indexOf(unit), 'plural', `"${text}" has the wrong number`, hint)
  }
  if (Number(count) * unitMs >= RATE_LEAST) return Number(count) * unitMs
  throw invalid(
    'rate',
    6,
    'too-fast',
    `"${text}" is faster than every ${String(RATE_LEAST / MINUTE)} minutes`,
    'write rate(5 minutes) or slower',
  )
}
