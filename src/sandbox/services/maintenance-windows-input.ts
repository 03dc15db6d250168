import type { Instant } from '../../kit/instant.ts'
import { ServiceError } from '../model.ts'
import { flag, inputOf, list, optional, type Read, structure, text, whole } from '../wire/input.ts'
import { dateIn, type NextExecutions, ruleOf } from './maintenance-windows-schedule.ts'

const WINDOW_ID = text({ min: 20, max: 20, pattern: /^mw-[0-9a-f]{17}$/ })
const NAME = text({ min: 3, max: 128, pattern: /^[a-zA-Z0-9_\-.]{3,128}$/ })
const SCHEDULE = text({ min: 1, max: 256 })
const DURATION = whole({ min: 1, max: 24 })
const CUTOFF = whole({ min: 0, max: 23 })
const OPTIONAL = {
  Description: optional(text({ min: 1, max: 128 })),
  StartDate: optional(text()),
  EndDate: optional(text()),
  ScheduleTimezone: optional(text()),
  ScheduleOffset: optional(whole({ min: 1, max: 6 })),
}
const CREATE = {
  ...OPTIONAL,
  Name: NAME,
  Schedule: SCHEDULE,
  Duration: DURATION,
  Cutoff: CUTOFF,
  AllowUnassociatedTargets: flag(),
  ClientToken: optional(text({ min: 1, max: 64 })),
  Tags: optional(list(structure({ Key: text({ min: 1, max: 128 }), Value: text({ max: 256 }) }), { max: 1_000 })),
}
const UPDATE = {
  ...OPTIONAL,
  WindowId: WINDOW_ID,
  Name: optional(NAME),
  Schedule: optional(SCHEDULE),
  Duration: optional(DURATION),
  Cutoff: optional(CUTOFF),
  AllowUnassociatedTargets: optional(flag()),
  Enabled: optional(flag()),
  Replace: optional(flag()),
}
const filters = (value: { max: number }) =>
  optional(list(structure({ Key: optional(text({ min: 1, max: 128 })), Values: optional(list(text({ min: 1, max: 256 }))) }), value))

/** What UpdateMaintenanceWindow takes. */
export type Update = Read<typeof UPDATE>

/** What CreateMaintenanceWindow takes. */
export const readCreate = inputOf(CREATE)

/** What UpdateMaintenanceWindow takes, read. */
export const readUpdate = inputOf(UPDATE)

/** What GetMaintenanceWindow and DeleteMaintenanceWindow take. */
export const readOne = inputOf({ WindowId: WINDOW_ID })

/** What DescribeMaintenanceWindows takes. */
export const readList = inputOf({
  Filters: filters({ max: 5 }),
  MaxResults: optional(whole({ min: 10, max: 100 })),
  NextToken: optional(text()),
})

/** What DescribeMaintenanceWindowSchedule takes. */
export const readSearch = inputOf({
  WindowId: optional(WINDOW_ID),
  Targets: optional(
    list(structure({ Key: optional(text({ min: 1, max: 163 })), Values: optional(list(text(), { max: 50 })) }), { max: 5 }),
  ),
  ResourceType: optional(text({ oneOf: ['INSTANCE', 'RESOURCE_GROUP'] })),
  Filters: filters({ max: 5 }),
  MaxResults: optional(whole({ min: 1 })),
  NextToken: optional(text()),
})

/** What of a window its owner decides. Dates are texts as they were given; hours are whole. */
export type Fields = Readonly<{
  name: string
  description: string | undefined
  startDate: string | undefined
  endDate: string | undefined
  schedule: string
  timezone: string | undefined
  offset: number | undefined
  duration: number
  cutoff: number
  unassociated: boolean
}>

type Given = Omit<Update, 'WindowId' | 'Enabled' | 'Replace'>

/** The fields of a request over those that stand; without any that stand every mandatory one must be there. */
export function fieldsOf(given: Given, before?: Fields): Fields {
  return {
    name: must('name', given.Name ?? before?.name),
    schedule: must('schedule', given.Schedule ?? before?.schedule),
    duration: must('duration', given.Duration ?? before?.duration),
    cutoff: must('cutoff', given.Cutoff ?? before?.cutoff),
    unassociated: must('allowUnassociatedTargets', given.AllowUnassociatedTargets ?? before?.unassociated),
    description: given.Description ?? before?.description,
    startDate: orNothing(given.StartDate ?? before?.startDate),
    endDate: orNothing(given.EndDate ?? before?.endDate),
    timezone: orNothing(given.ScheduleTimezone ?? before?.timezone),
    offset: given.ScheduleOffset ?? before?.offset,
  }
}

/** An empty text takes a date away. */
const orNothing = (value: string | undefined): string | undefined => (value === '' ? undefined : value)

function must<T>(name: string, value: T | undefined): T {
  if (value !== undefined) return value
  throw invalid(`Value null at '${name}' failed to satisfy constraint: Member must not be null`)
}

/** What SSM refuses beyond the shapes of the fields. */
export function checkWindow(fields: Fields, now: Instant, nextExecutions: NextExecutions | undefined): void {
  const { schedule, timezone, offset, startDate, endDate, duration, cutoff } = fields
  if (!/^(cron|rate|at)\([^()]+\)$/.test(schedule)) throw invalid(`Invalid schedule expression: ${schedule}`)
  if (timezone !== undefined && !isZone(timezone)) throw invalid(`Invalid schedule timezone: ${timezone}`)
  if (offset !== undefined && !schedule.startsWith('cron(')) throw invalid('A schedule offset is only allowed with a cron expression.')
  if (cutoff >= duration) throw invalid('The cutoff must be less than the duration.')
  const [start, end] = [startDate, endDate].map((date) => (date === undefined ? undefined : dateIn(date)))
  if (startDate !== undefined && start === undefined) throw invalid(`Invalid start date: ${startDate}`)
  if (endDate !== undefined && end === undefined) throw invalid(`Invalid end date: ${endDate}`)
  if (end !== undefined && (end <= now || end <= (start ?? end - 1)))
    throw invalid('The end date must be after the start date and in the future.')
  checkSchedule(fields, now, nextExecutions)
}

function checkSchedule(fields: Fields, now: Instant, nextExecutions: NextExecutions | undefined): void {
  try {
    nextExecutions?.(ruleOf(fields, now), now, 1)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw invalid(`Invalid schedule expression: ${error.message}`)
  }
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return /^[A-Za-z]/.test(name)
  } catch {
    return false
  }
}

const invalid = (message: string): ServiceError => new ServiceError('ValidationException', message)
