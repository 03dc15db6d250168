import { cellKey, type Cell } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ids } from '../ids.ts'
import { type Service, ServiceError } from '../model.ts'
import {
  checkWindow,
  fieldsOf,
  readCreate,
  readSearch,
  readList,
  readOne,
  readUpdate,
  type Fields,
  type Update,
} from './maintenance-windows-input.ts'
import { coming, type NextExecutions } from './maintenance-windows-schedule.ts'
import { placeIn, tokenFor } from './pages.ts'

/** Windows of an account and Region (endpoints and quotas page). */
const WINDOWS_MAX = 50
/** Rows of a page when the caller does not say. */
const PAGE = 50
/** Coming executions are told this far: nobody reads on, and a window of minutes has a hundred thousand a year. */
const EXECUTIONS_MAX = 1_000

/** A maintenance window as SSM keeps it. */
export type Window = Readonly<Fields & { id: string; enabled: boolean; createdAt: Instant; modifiedAt: Instant }>

type Shelf = Readonly<{
  windows: Map<string, Window>
  /** What was created under a client token. */ tokens: Map<string, Readonly<{ asked: string; id: string }>>
}>

/** What windows need beside the calls. */
export type MaintenanceWindowOptions = Readonly<{
  clock: Clock
  ids: Ids
  /** Schedule arithmetic, which the sandbox does not have itself; without it no execution times are shown, and only the form of a schedule is checked. */
  nextExecutions: NextExecutions | undefined
  /** What is there from the beginning, and where. */
  given?: Readonly<{ cell: Cell; windows: readonly Readonly<Fields & { id: string; enabled: boolean }>[] }>
}>

/** SSM maintenance windows of each account and Region: their calendars. They have no targets and tasks here, and run nothing. */
export function maintenanceWindows(options: MaintenanceWindowOptions): Service {
  const shelves = new Map<string, Shelf>()
  const shelf = (cell: Cell): Shelf => {
    const key = cellKey(cell)
    let found = shelves.get(key)
    if (!found) shelves.set(key, (found = { windows: new Map(), tokens: new Map() }))
    return found
  }
  const { given, clock } = options
  const now = clock.now()
  for (const window of given?.windows ?? [])
    if (given) shelf(given.cell).windows.set(window.id, { ...window, createdAt: now, modifiedAt: now })
  return {
    CreateMaintenanceWindow: (input, caller) => create(options, shelf(caller), input),
    GetMaintenanceWindow: (input, caller) => {
      const window = found(shelf(caller), readOne(input).WindowId)
      const { createdAt, modifiedAt } = window
      return {
        ...shown(options, window),
        AllowUnassociatedTargets: window.unassociated,
        CreatedDate: createdAt / 1_000,
        ModifiedDate: modifiedAt / 1_000,
      }
    },
    UpdateMaintenanceWindow: (input, caller) => update(options, shelf(caller), readUpdate(input)),
    DeleteMaintenanceWindow: (input, caller) => {
      const { WindowId } = readOne(input)
      shelf(caller).windows.delete(WindowId) // Also where there is none: the call has no error for that.
      return { WindowId }
    },
    DescribeMaintenanceWindows: (input, caller) => list(options, shelf(caller), input),
    DescribeMaintenanceWindowSchedule: (input, caller) => schedule(options, shelf(caller), input),
  }
}

/** The same client token again gives the same window; with another request it is refused. */
function create(options: MaintenanceWindowOptions, shelf: Shelf, input: Record<string, unknown>): Record<string, unknown> {
  const { ClientToken: token, ...request } = readCreate(input)
  const asked = JSON.stringify(request)
  const before = token === undefined ? undefined : shelf.tokens.get(token)
  if (before) {
    if (before.asked === asked) return { WindowId: before.id }
    throw new ServiceError('IdempotentParameterMismatch', 'The client token was used with other parameters before.')
  }
  const now = options.clock.now()
  const fields = fieldsOf(request)
  checkWindow(fields, now, options.nextExecutions)
  if (shelf.windows.size >= WINDOWS_MAX)
    throw new ServiceError('ResourceLimitExceededException', `You can have at most ${String(WINDOWS_MAX)} maintenance windows.`)
  const id = `mw-${options.ids.hex(17)}`
  shelf.windows.set(id, { ...fields, id, enabled: true, createdAt: now, modifiedAt: now })
  if (token !== undefined) shelf.tokens.set(token, { asked, id })
  return { WindowId: id }
}

/** What is not given stays; with `Replace` it is taken away, and what a window must have must be given. */
function update(options: MaintenanceWindowOptions, shelf: Shelf, input: Update): Record<string, unknown> {
  const window = found(shelf, input.WindowId)
  const now = options.clock.now()
  const fields = fieldsOf(input, input.Replace === true ? undefined : window)
  checkWindow(fields, now, options.nextExecutions)
  const updated: Window = { ...window, ...fields, enabled: input.Enabled ?? window.enabled, modifiedAt: now }
  shelf.windows.set(window.id, updated)
  const { NextExecutionTime: _, ...rest } = shown(options, updated)
  return { ...rest, AllowUnassociatedTargets: updated.unassociated }
}

function list(options: MaintenanceWindowOptions, shelf: Shelf, input: Record<string, unknown>): Record<string, unknown> {
  const { Filters: filters = [], MaxResults: size = PAGE, NextToken } = readList(input)
  const fits = (window: Window): boolean =>
    filters.every(({ Key, Values = [] }) => {
      if (Key === 'Name') return Values.includes(window.name)
      if (Key === 'Enabled') return Values.some((value) => value.toLowerCase() === String(window.enabled))
      throw new ServiceError('ValidationException', `The filter key ${Key ?? ''} is not known: use Name or Enabled.`)
    })
  const page = paged([...shelf.windows.values()].filter(fits), { size, token: NextToken, question: ['windows', filters] })
  return { WindowIdentities: page.rows.map((window) => shown(options, window)), NextToken: page.next }
}

/** Executions to come, of one window or of all. With targets: of none, since no window has any here. */
function schedule(options: MaintenanceWindowOptions, shelf: Shelf, input: Record<string, unknown>): Record<string, unknown> {
  const { WindowId, Targets, MaxResults: size = PAGE, NextToken } = readSearch(input)
  const all = WindowId === undefined ? (Targets ? [] : [...shelf.windows.values()]) : [found(shelf, WindowId)]
  const rows = all
    .flatMap((window) => coming(window, options.clock.now(), EXECUTIONS_MAX, options.nextExecutions).map((at) => ({ at, window })))
    .sort((a, b) => a.at - b.at)
  const page = paged(rows, { size, token: NextToken, question: ['schedule', WindowId, Targets] })
  return {
    ScheduledWindowExecutions: page.rows.map(({ at, window }) => ({ WindowId: window.id, Name: window.name, ExecutionTime: timeText(at) })),
    NextToken: page.next,
  }
}

function found(shelf: Shelf, id: string): Window {
  const window = shelf.windows.get(id)
  if (window) return window
  throw new ServiceError('DoesNotExistException', `Maintenance window ${id} doesn't exist.`)
}

const shown = (options: MaintenanceWindowOptions, window: Window): Record<string, unknown> => {
  const [next] = coming(window, options.clock.now(), 1, options.nextExecutions)
  return {
    WindowId: window.id,
    Name: window.name,
    Description: window.description,
    StartDate: window.startDate,
    EndDate: window.endDate,
    Schedule: window.schedule,
    ScheduleTimezone: window.timezone,
    ScheduleOffset: window.offset,
    Duration: window.duration,
    Cutoff: window.cutoff,
    Enabled: window.enabled,
    NextExecutionTime: next === undefined ? undefined : timeText(next),
  }
}

/** As SSM writes these dates: `2020-02-19T16:00Z`, with seconds and fractions only where there are any. */
const timeText = (at: Instant): string => new Date(at).toISOString().replace('.000Z', 'Z').replace(':00Z', 'Z')

type Wish = Readonly<{ size: number; token: string | undefined; question: unknown }>

function paged<T>(rows: readonly T[], { size, token, question }: Wish): Readonly<{ rows: readonly T[]; next: string | undefined }> {
  const from = placeIn(token, question)
  if (from === undefined) throw new ServiceError('ValidationException', 'The specified token is not valid.')
  const to = from + size
  return { rows: rows.slice(from, to), next: to < rows.length ? tokenFor(to, question) : undefined }
}
