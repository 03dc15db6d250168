import ICAL from 'ical.js'
import { Temporal } from 'temporal-polyfill'
import { DAYS_SEARCHED_MAX, hits, parseRule, type Budget, type Rule } from '../../../src/core/plan/recurrence.ts'

const wall = (text: string): Temporal.PlainDateTime => Temporal.PlainDateTime.from(text)

/** What a calendar's RRULE line says, or what is wrong with it. */
export function readRule(text: string): Rule | string {
  const line: unknown[] = ICAL.parse.property(`RRULE:${text}`, ICAL.design.icalendar)
  return parseRule(line[3])
}

/** The rule of a line that is right. */
export function ruleOf(text: string): Rule {
  const rule = readRule(text)
  if (typeof rule === 'string') throw new Error(rule)
  return rule
}

/** So many days to search; beyond them it throws `over`. */
export const budgetOf = (left: number): Budget => ({ left, over: () => new Error('over') })

/** The hits of a rule within a stretch of the wall clock, to the minute. */
export const hitsOf = (text: string, start: string, from: string, to: string, budget = budgetOf(DAYS_SEARCHED_MAX)): string[] =>
  [...hits(ruleOf(text), wall(start), { from: wall(from), to: wall(to) }, budget)].map((hit) => hit.toString({ smallestUnit: 'minute' }))

/** The days of the hits, in one line. */
export const daysOf = (...args: Parameters<typeof hitsOf>): string =>
  hitsOf(...args)
    .map((hit) => hit.slice(0, 10))
    .join(' ')
