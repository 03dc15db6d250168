import type { Instant } from '../kit/instant.ts'
import type { JsonSchema } from '../kit/schema.ts'
import { ServiceError } from './model.ts'
import { checkCalendar } from './services/change-calendar-events.ts'
import { checkWindow, type Fields, fieldsOf } from './services/maintenance-windows-input.ts'

/** A maintenance window of the control account’s home Region, there from the beginning. */
export type FleetWindow = Readonly<Fields & { id: string; enabled: boolean }>

/** A fleet file's `windows` and `calendars` as they are written. */
export type RawCalendars = Readonly<{
  windows?: readonly Readonly<{
    id: string
    name: string
    schedule: string
    timezone?: string
    offset?: number
    start?: string
    end?: string
    duration: number
    cutoff: number
    enabled: boolean
  }>[]
  calendars?: Readonly<Record<string, string>>
}>

const date = (description: string): JsonSchema => ({
  title: 'an instant with its offset',
  type: 'string',
  maxLength: 64,
  description,
  examples: ['2026-12-01T00:00:00Z'],
})

/** SSM maintenance windows and Change Calendars of a fleet file, for runbooks with `native` and with `ssm:` freezes. */
export const CALENDAR_SCHEMAS: Readonly<Record<'windows' | 'calendars', JsonSchema>> = {
  windows: {
    type: 'array',
    maxItems: 50,
    description: 'SSM maintenance windows of the control account in its home region.',
    examples: [[{ id: 'mw-0123456789abcdef0', name: 'sundays', schedule: 'cron(0 3 ? * SUN *)', duration: 6, cutoff: 1 }]],
    items: {
      type: 'object',
      description: 'A maintenance window as SSM has it.',
      additionalProperties: false,
      required: ['id', 'name', 'schedule', 'duration', 'cutoff'],
      properties: {
        id: {
          type: 'string',
          pattern: '^mw-[0-9a-f]{17}$',
          description: 'Its id, by which `native` names it.',
          examples: ['mw-0123456789abcdef0'],
        },
        name: { type: 'string', pattern: '^[a-zA-Z0-9_.-]{3,128}$', description: 'Its name.', examples: ['sundays'] },
        schedule: {
          type: 'string',
          pattern: '^(cron|rate|at)\\([^()]+\\)$',
          maxLength: 256,
          description: 'When it opens.',
          examples: ['cron(0 3 ? * SUN *)'],
        },
        timezone: {
          type: 'string',
          maxLength: 64,
          description: 'IANA zone of the schedule; without it UTC.',
          examples: ['America/New_York'],
        },
        offset: { type: 'integer', minimum: 1, maximum: 6, description: 'Days after the hit of a cron().', examples: [1] },
        start: date('When its validity begins.'),
        end: date('When its validity ends.'),
        duration: { type: 'integer', minimum: 1, maximum: 24, description: 'Hours that it is open.', examples: [6] },
        cutoff: {
          type: 'integer',
          minimum: 0,
          maximum: 23,
          description: 'Hours before its end from which on nothing starts.',
          examples: [1],
        },
        enabled: { type: 'boolean', default: true, description: 'Whether it opens at all.', examples: [true] },
      },
    },
  },
  calendars: {
    title: 'a map of names to iCalendar texts',
    type: 'object',
    maxProperties: 100,
    propertyNames: { pattern: '^[a-zA-Z0-9_.-]{3,128}$' },
    additionalProperties: { type: 'string', maxLength: 65_536 },
    description: 'Change Calendars of the control account in its home region: the name, and the iCalendar text with its X-CALENDAR-TYPE.',
    examples: [{ ChangeFreeze: 'BEGIN:VCALENDAR\nX-CALENDAR-TYPE:DEFAULT_OPEN\nEND:VCALENDAR\n' }],
  },
}

/** The windows of a fleet file. */
export const windowsOf = ({ windows = [] }: RawCalendars): readonly FleetWindow[] =>
  windows.map(({ id, enabled, ...each }) => ({
    id,
    enabled,
    ...fieldsOf({
      Name: each.name,
      Schedule: each.schedule,
      ScheduleTimezone: each.timezone,
      ScheduleOffset: each.offset,
      StartDate: each.start,
      EndDate: each.end,
      Duration: each.duration,
      Cutoff: each.cutoff,
      AllowUnassociatedTargets: true,
      Description: undefined,
    }),
  }))

/** What SSM would refuse of them, by place in the file. */
export function calendarMistakes(raw: RawCalendars, start: Instant): readonly Readonly<{ pointer: string; message: string }>[] {
  const ids = (raw.windows ?? []).map(({ id }) => id)
  return [
    ...windowsOf(raw).flatMap((window, index) => refusal(`/windows/${String(index)}`, () => checkWindow(window, start, undefined))),
    ...ids.flatMap((id, index) =>
      ids.indexOf(id) === index ? [] : [{ pointer: `/windows/${String(index)}/id`, message: `another window has the id ${id}` }],
    ),
    ...Object.entries(raw.calendars ?? {}).flatMap(([name, text]) => refusal(`/calendars/${name}`, () => checkCalendar(text))),
  ]
}

function refusal(pointer: string, check: () => void): { pointer: string; message: string }[] {
  try {
    check()
    return []
  } catch (error) {
    if (error instanceof ServiceError) return [{ pointer, message: error.message }]
    throw error
  }
}
