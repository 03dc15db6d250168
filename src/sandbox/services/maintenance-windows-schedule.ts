import { type Instant, instant, latest, parseInstant } from '../../kit/instant.ts'
import type { Fields } from './maintenance-windows-input.ts'

/** A window's calendar as schedule arithmetic takes it. */
export type WindowSchedule = Readonly<{
  schedule: string
  timezone: string
  offsetDays: number
  start: Instant | null
  end: Instant | null
}>

/** The next executions of a calendar strictly after an instant, at most `count`. Throws for what is no schedule. */
export type NextExecutions = (rule: WindowSchedule, after: Instant, count: number) => readonly Instant[]

/** When a window that was created then opens next; nothing for a disabled one, and without arithmetic. */
export function coming(
  window: Pick<Fields, 'schedule' | 'timezone' | 'offset' | 'startDate' | 'endDate'> & Readonly<{ enabled: boolean; createdAt: Instant }>,
  now: Instant,
  count: number,
  nextExecutions: NextExecutions | undefined,
): readonly Instant[] {
  return window.enabled && nextExecutions ? nextExecutions(ruleOf(window, window.createdAt), now, count) : []
}

/** A rate counts from its start date, or from the creation where that is later: a past start date means counting from now. */
export function ruleOf(
  fields: Pick<Fields, 'schedule' | 'timezone' | 'offset' | 'startDate' | 'endDate'>,
  createdAt: Instant,
): WindowSchedule {
  const start = dateOf(fields.startDate)
  return {
    schedule: fields.schedule,
    timezone: fields.timezone ?? 'UTC',
    offsetDays: fields.offset ?? 0,
    start: fields.schedule.startsWith('rate(') ? latest(start ?? createdAt, createdAt) : start,
    end: dateOf(fields.endDate),
  }
}

const dateOf = (text: string | undefined): Instant | null => (text === undefined ? null : (dateIn(text) ?? null))

/** An ISO 8601 date and time with its own offset, also `-0700`, or a day in UTC; nothing for anything else. */
export function dateIn(text: string): Instant | undefined {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return parseInstant(`${text}T00:00:00Z`)
  const at = parseInstant(text.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'))
  return at === undefined ? undefined : instant(at)
}
