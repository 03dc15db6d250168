import {
  CreateMaintenanceWindowCommand,
  DeleteMaintenanceWindowCommand,
  DescribeMaintenanceWindowScheduleCommand,
  DescribeMaintenanceWindowsCommand,
  GetCalendarStateCommand,
  GetMaintenanceWindowCommand,
  UpdateMaintenanceWindowCommand,
  type CreateMaintenanceWindowCommandInput,
  type UpdateMaintenanceWindowCommandInput,
} from '@aws-sdk/client-ssm'
import { beforeEach, describe, expect, it } from 'vitest'
import { nextOpenings } from '../../src/core/plan/calendar.ts'
import { MINUTE, plus } from '../../src/kit/instant.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import type { NextExecutions } from '../../src/sandbox/services/maintenance-windows-schedule.ts'
import { type clientsOf, CONTROL, front, nameOf, START, type Front } from './front.ts'

const nextExecutions: NextExecutions = (rule, after, count) =>
  nextOpenings({ ...rule, durationMs: 0, cutoffMs: 0, onGap: 'skip', onOverlap: 'first' }, after, count).map(({ opens }) => opens)

const SUNDAYS = {
  Name: 'sundays',
  Schedule: 'cron(0 3 ? * SUN *)',
  ScheduleTimezone: 'America/New_York',
  Duration: 6,
  Cutoff: 1,
  AllowUnassociatedTargets: false,
}

let aws: Front
let ssm: ReturnType<typeof clientsOf>['ssm']
const create = async (input: Partial<CreateMaintenanceWindowCommandInput> = {}): Promise<string> =>
  (await ssm.send(new CreateMaintenanceWindowCommand({ ...SUNDAYS, ...input }))).WindowId ?? ''
const get = (WindowId: string) => ssm.send(new GetMaintenanceWindowCommand({ WindowId }))
const update = (WindowId: string, input: Omit<UpdateMaintenanceWindowCommandInput, 'WindowId'>) =>
  ssm.send(new UpdateMaintenanceWindowCommand({ WindowId, ...input }))
/** So many windows, slowly enough for SSM's quota of calls. */
async function createMany(windows: number): Promise<void> {
  for (let count = 0; count < windows; count += 1) {
    if (count % 15 === 0) await aws.clock.run(() => aws.clock.sleep(plus(aws.clock.now(), MINUTE)))
    await create({ Name: `window-${count}` })
  }
}
const UNKNOWN = 'mw-0123456789abcdef0'

beforeEach(() => {
  aws = front({ nextExecutions })
  ssm = aws.clients().ssm
})

describe('a maintenance window', () => {
  it('is kept as it was made', async () => {
    const id = await create({
      Description: 'patching',
      StartDate: '2026-01-10T00:00:00-05:00',
      EndDate: '2027-01-01T00:00:00Z',
      ScheduleOffset: 2,
    })
    expect(id).toMatch(/^mw-[0-9a-f]{17}$/)
    const { $metadata: _, ...seen } = await get(id)
    expect(seen).toEqual({
      ...SUNDAYS,
      WindowId: id,
      Description: 'patching',
      StartDate: '2026-01-10T00:00:00-05:00',
      EndDate: '2027-01-01T00:00:00Z',
      ScheduleOffset: 2,
      Enabled: true,
      CreatedDate: new Date(START),
      ModifiedDate: new Date(START),
      NextExecutionTime: '2026-01-13T08:00Z',
    })
  })

  // prettier-ignore
  it.each<[it: string, input: Partial<CreateMaintenanceWindowCommandInput>, next: string]>([
    ['cron in its zone',                   {},                                                                     '2026-01-04T08:00Z'],
    ['cron in UTC without a zone',         { ScheduleTimezone: undefined },                                        '2026-01-04T03:00Z'],
    ['cron from its start date',           { StartDate: '2026-01-05T00:00:00Z' },                                  '2026-01-11T08:00Z'],
    ['rate from its creation',             { Schedule: 'rate(7 days)' },                                           '2026-01-08T00:00Z'],
    ['rate from its start date',           { Schedule: 'rate(7 days)', StartDate: '2026-01-03T02:00:00Z' },        '2026-01-03T02:00Z'],
    ['rate whose start date is past',      { Schedule: 'rate(7 days)', StartDate: '2025-12-30T02:00:00Z' },        '2026-01-08T00:00Z'],
    ['at, with seconds',                   { Schedule: 'at(2026-07-07T15:55:30)', ScheduleTimezone: 'Europe/Berlin' }, '2026-07-07T13:55:30Z'],
  ])('tells when it opens next: %s', async (_, input, next) => {
    expect((await get(await create(input))).NextExecutionTime).toBe(next)
  })

  it('shows no next execution when it is disabled, spent, or nobody can reckon', async () => {
    const id = await create()
    await update(id, { Enabled: false })
    expect((await get(id)).NextExecutionTime).toBeUndefined()
    const spent = await create({ Schedule: 'at(2025-07-07T15:55:30)' })
    expect((await get(spent)).NextExecutionTime).toBeUndefined()
    ssm = front().clients().ssm
    expect((await get(await create())).NextExecutionTime).toBeUndefined()
  })

  it('is changed in part, or replaced', async () => {
    const id = await create({ Description: 'patching' })
    const { $metadata: _, ...changed } = await update(id, { Duration: 8, Enabled: false })
    expect(changed).toEqual({ ...SUNDAYS, WindowId: id, Description: 'patching', Duration: 8, Enabled: false })
    const { $metadata: __, ...replaced } = await update(id, { ...SUNDAYS, ScheduleTimezone: undefined, Name: 'other', Replace: true })
    expect(replaced).toEqual({ ...SUNDAYS, ScheduleTimezone: undefined, WindowId: id, Name: 'other', Enabled: false })
    expect(await nameOf(update(id, { Name: 'third', Replace: true }))).toBe('ValidationException')
    expect((await get(id)).Name).toBe('other')
  })

  it('is deleted, and deleting it again does no harm', async () => {
    const id = await create()
    for (let times = 0; times < 2; times += 1)
      expect((await ssm.send(new DeleteMaintenanceWindowCommand({ WindowId: id }))).WindowId).toBe(id)
    expect(await nameOf(get(id))).toBe('DoesNotExistException')
    expect(await nameOf(update(id, { Duration: 2 }))).toBe('DoesNotExistException')
  })

  it('is made once for a client token', async () => {
    const id = await create({ ClientToken: 'a' })
    expect(await create({ ClientToken: 'a' })).toBe(id)
    expect(await create({ ClientToken: 'b' })).not.toBe(id)
    expect(await nameOf(create({ ClientToken: 'a', Duration: 7 }))).toBe('IdempotentParameterMismatch')
  })

  // prettier-ignore
  it.each<[it: string, input: Partial<CreateMaintenanceWindowCommandInput>]>([
    ['a short name',               { Name: 'ab' }],
    ['a schedule of no form',      { Schedule: 'every Sunday' }],
    ['a cron that is none',        { Schedule: 'cron(0 3 * * SUN *)' }],
    ['25 hours',                   { Duration: 25 }],
    ['a cutoff as long as it',     { Duration: 2, Cutoff: 2 }],
    ['a zone that is none',        { ScheduleTimezone: 'Mars/Olympus' }],
    ['an offset of 7 days',        { ScheduleOffset: 7 }],
    ['an offset with a rate',      { Schedule: 'rate(7 days)', ScheduleOffset: 1 }],
    ['a start that is none',       { StartDate: 'tomorrow' }],
    ['an end that is past',        { EndDate: '2025-01-01T00:00:00Z' }],
    ['an end before its start',    { StartDate: '2026-03-01T00:00:00Z', EndDate: '2026-02-01T00:00:00Z' }],
  ])('is refused with %s', async (_, input) => {
    expect(await nameOf(create(input))).toBe('ValidationException')
  })

  it('belongs to its account and Region, which may have fifty', async () => {
    await createMany(50)
    expect(await nameOf(create())).toBe('ResourceLimitExceededException')
    const other = aws.clients({ region: 'eu-west-1' }).ssm
    expect(await other.send(new DescribeMaintenanceWindowsCommand({}))).toMatchObject({ WindowIdentities: [] })
  })
})

describe('listing', () => {
  it('gives pages, of those that fit', async () => {
    await createMany(25)
    const names: string[] = []
    let NextToken: string | undefined
    let pages = 0
    do {
      const page = await ssm.send(new DescribeMaintenanceWindowsCommand({ MaxResults: 10, ...(NextToken !== undefined && { NextToken }) }))
      names.push(...(page.WindowIdentities ?? []).map((one) => one.Name ?? ''))
      NextToken = page.NextToken
      pages += 1
    } while (NextToken !== undefined)
    expect({ pages, first: names[0], all: new Set(names).size }).toEqual({ pages: 3, first: 'window-0', all: 25 })
    const named = (Key: string, Values: string[]) => ssm.send(new DescribeMaintenanceWindowsCommand({ Filters: [{ Key, Values }] }))
    expect((await named('Name', ['window-3', 'window-4'])).WindowIdentities).toHaveLength(2)
    expect((await named('Enabled', ['false'])).WindowIdentities).toHaveLength(0)
    expect(await nameOf(named('Colour', ['red']))).toBe('ValidationException')
    expect(await nameOf(ssm.send(new DescribeMaintenanceWindowsCommand({ MaxResults: 9 })))).toBe('ValidationException')
    expect(await nameOf(ssm.send(new DescribeMaintenanceWindowsCommand({ NextToken: 'x' })))).toBe('ValidationException')
  })

  it('tells the executions to come of one window, or of all in order', async () => {
    const id = await create()
    await create({ Name: 'daily', Schedule: 'rate(3 days)' })
    const coming = async (input: {
      WindowId?: string
      MaxResults?: number
      NextToken?: string
      Targets?: { Key: string; Values: string[] }[]
    }) => ssm.send(new DescribeMaintenanceWindowScheduleCommand(input))
    const one = await coming({ WindowId: id, MaxResults: 2 })
    expect(one.ScheduledWindowExecutions).toEqual([
      { WindowId: id, Name: 'sundays', ExecutionTime: '2026-01-04T08:00Z' },
      { WindowId: id, Name: 'sundays', ExecutionTime: '2026-01-11T08:00Z' },
    ])
    const more = await coming({ WindowId: id, MaxResults: 1, NextToken: (await coming({ WindowId: id, MaxResults: 1 })).NextToken ?? '' })
    expect(more.ScheduledWindowExecutions?.[0]?.ExecutionTime).toBe('2026-01-11T08:00Z')
    const all = await coming({ MaxResults: 3 })
    expect(all.ScheduledWindowExecutions?.map((each) => each.Name)).toEqual(['daily', 'sundays', 'daily'])
    expect((await coming({ Targets: [{ Key: 'InstanceIds', Values: ['i-0123456789abcdef0'] }] })).ScheduledWindowExecutions).toEqual([])
    expect(await nameOf(coming({ WindowId: UNKNOWN }))).toBe('DoesNotExistException')
  })
})

describe('a fleet file', () => {
  const HEAD = 'apiVersion: patchwave/v1\nkind: Fleet\ngroups: [{ account: staging, region: us-east-1, count: 1, platform: ubuntu }]\n'
  const WINDOW =
    '{ id: mw-0123456789abcdef0, name: sundays, schedule: cron(0 3 ? * SUN *), timezone: Europe/Berlin, offset: 1, duration: 6, cutoff: 1, enabled: false }'
  const CALENDAR = 'calendars: { ChangeFreeze: "BEGIN:VCALENDAR\\nX-CALENDAR-TYPE:DEFAULT_CLOSED\\nEND:VCALENDAR\\n" }'

  it('may bring windows and Change Calendars of the control account', async () => {
    const fleet = parseFleet(`${HEAD}windows: [${WINDOW}]\n${CALENDAR}\n`, 'fleet.yaml')
    aws = front({ fleet, nextExecutions })
    const control = aws.clients({ account: CONTROL, region: 'us-east-1' }).ssm
    for (let times = 0; times < 2; times += 1) {
      expect(await control.send(new GetMaintenanceWindowCommand({ WindowId: UNKNOWN }))).toMatchObject({
        Name: 'sundays',
        ScheduleTimezone: 'Europe/Berlin',
        ScheduleOffset: 1,
        Duration: 6,
        Enabled: false,
      })
      expect(await control.send(new GetCalendarStateCommand({ CalendarNames: ['ChangeFreeze'] }))).toMatchObject({ State: 'CLOSED' })
      aws.sandbox.reset()
    }
    const elsewhere = aws.clients({ account: CONTROL, region: 'eu-west-1' }).ssm
    expect(await nameOf(elsewhere.send(new GetMaintenanceWindowCommand({ WindowId: UNKNOWN })))).toBe('DoesNotExistException')
  })

  // prettier-ignore
  it.each<[it: string, text: string, line: number, says: string]>([
    ['a zone that is none',      `windows:\n- ${WINDOW.replace('Europe/Berlin', 'Mars/Olympus')}`, 5, 'timezone'],
    ['the same id twice',        `windows:\n- ${WINDOW}\n- ${WINDOW}`,                             6, 'another window has the id'],
    ['a schedule of no form',    `windows:\n- ${WINDOW.replace('cron(', 'crom(')}`,                5, 'schedule'],
    ['a calendar that is none',  'calendars:\n  ChangeFreeze: never',                              5, 'no iCalendar'],
  ])('is refused with %s', (_, text, line, says) => {
    const read = (): unknown => parseFleet(`${HEAD}${text}\n`, 'fleet.yaml')
    expect(read).toThrow(expect.objectContaining({ diagnostics: [expect.objectContaining({ line, message: expect.stringContaining(says) })] }))
  })
})
