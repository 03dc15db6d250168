import { describe, expect, it } from 'vitest'
import { wall, wallText } from '../../../src/core/plan/civil.ts'
import { monthsWithout, wallHits } from '../../../src/core/plan/cron-hits.ts'
import type { Cron } from '../../../src/core/plan/cron.ts'
import { parseSchedule } from '../../../src/core/plan/schedule.ts'

function cronOf(expression: string): Cron {
  const schedule = parseSchedule(expression)
  if (schedule.kind !== 'cron') throw new Error(`${expression} is no cron`)
  return schedule.cron
}

/** Months in which a schedule has no day of its own, with the days that they lack. */
function lacking(expression: string, from: string): string[] {
  return [...monthsWithout(cronOf(expression), wall(Date.parse(`${from}T00:00:00Z`)))].map(({ year, month, rules }) => {
    const days = rules.map((rule) => (rule.on === 'day' ? String(rule.day) : rule.on))
    return `${String(year)}-${String(month)} ${days.join(' ')}`
  })
}

describe('months without a day of a schedule', () => {
  // prettier-ignore
  it.each<[expression: string, from: string, lacking: string[], why: string]>([
    ['cron(0 3 31 * ? 2026-2027)',     '2027-04-30', ['2027-4 31', '2027-6 31', '2027-9 31', '2027-11 31'], 'from the month on that is asked about'],
    ['cron(0 3 1,31 2,4 ? 2026-2027)', '2026-03-01', ['2026-4 31', '2027-2 31', '2027-4 31'], 'whose first months count in the years that follow'],
    ['cron(0 3 30,31 2,4 ? 2026)',     '2026-01-01', ['2026-2 30'], 'the 31st beside the 30th is not meant by itself'],
    ['cron(0 3 29,31 2,4 ? 2026)',     '2026-01-01', ['2026-2 29'], 'nor beside the 29th'],
    ['cron(0 3 28,31 2,4 ? 2026)',     '2026-01-01', ['2026-2 31', '2026-4 31'], 'it is beside the 28th'],
    ['cron(0 3 30W,31 4,5 ? 2026)',    '2026-01-01', ['2026-4 31'], 'and beside a weekday that is the nearest to the 30th'],
    ['cron(0 3 * 2,4 ? 2026)',         '2026-01-01', [], 'who wants every day lacks none'],
  ])('%s after %s: %j, %s', (expression, from, expected) => {
    expect(lacking(expression, from)).toEqual(expected)
  })
})

it('local times of a schedule begin with the time that is asked about, and end with its last year', () => {
  const hits = [...wallHits(cronOf('cron(0 3,12,21 1,2 12 ? 2026)'), wall(Date.UTC(2026, 11, 1, 12)))]
  expect(hits.map(wallText)).toEqual([
    '2026-12-01T12:00:00',
    '2026-12-01T21:00:00',
    '2026-12-02T03:00:00',
    '2026-12-02T12:00:00',
    '2026-12-02T21:00:00',
  ])
})
