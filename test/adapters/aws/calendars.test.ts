import { describe, expect, it } from 'vitest'
import { instant, isoSeconds } from '../../../src/kit/instant.ts'
import { control, refusal, signal, wire, type Answer } from './wire.ts'

const at = (text: string) => instant(Date.parse(text))
const seconds = (text: string): number => Date.parse(text) / 1_000
const ID = 'mw-0123456789abcdef0'
const SUNDAYS = {
  WindowId: ID,
  Name: 'sundays',
  Schedule: 'cron(0 3 ? * SUN *)',
  ScheduleTimezone: 'America/New_York',
  Duration: 6,
  Cutoff: 1,
  Enabled: true,
  CreatedDate: seconds('2026-01-01T00:00:00Z'),
}

function window(answer: Answer) {
  const { aws, clock } = wire(() => answer)
  return clock.run(() => aws.calendars.window(control, ID, signal))
}

describe('a maintenance window', () => {
  it('is read in one call', async () => {
    const { aws, clock, asked } = wire(() => ({
      json: { ...SUNDAYS, ScheduleOffset: 2, StartDate: '2026-02-01T00:00:00-05:00', EndDate: '2027-02-01T00:00Z' },
    }))
    expect(await clock.run(() => aws.calendars.window(control, ID, signal))).toEqual({
      id: ID,
      name: 'sundays',
      enabled: true,
      schedule: 'cron(0 3 ? * SUN *)',
      timezone: 'America/New_York',
      durationMs: 21_600_000,
      cutoffMs: 3_600_000,
      offsetDays: 2,
      start: at('2026-02-01T05:00:00Z'),
      end: at('2027-02-01T00:00:00Z'),
    })
    expect(asked.map(({ name, region, input }) => ({ name, region, input }))).toEqual([
      { name: 'ssm.GetMaintenanceWindow', region: 'us-east-1', input: { WindowId: ID } },
    ])
  })

  it('is in UTC, disabled, and without bounds where SSM says nothing', async () => {
    const { ScheduleTimezone: _, Enabled: __, Name: ___, ...bare } = SUNDAYS
    expect(await window({ json: bare })).toMatchObject({ name: ID, timezone: 'UTC', enabled: false, offsetDays: 0, start: null, end: null })
  })

  // A rate counts from its start date, or from the creation where that had passed; what SSM shows as next has the last word.
  // prettier-ignore
  it.each<[it: string, seen: Record<string, unknown>, start: string | null]>([
    ['a cron has no start of its own',          { Schedule: 'cron(0 3 ? * SUN *)' },                                                                  null],
    ['a rate counts from its creation',         { Schedule: 'rate(7 days)' },                                                                         '2026-01-01T00:00:00Z'],
    ['… from its start date',                   { Schedule: 'rate(7 days)', StartDate: '2026-01-03T02:00:00Z' },                                      '2026-01-03T02:00:00Z'],
    ['… from its creation when that was past',  { Schedule: 'rate(7 days)', StartDate: '2025-12-03T02:00:00Z' },                                      '2026-01-01T00:00:00Z'],
    ['… and what comes next agrees',            { Schedule: 'rate(7 days)', NextExecutionTime: '2026-03-05T00:00Z' },                                 '2026-01-01T00:00:00Z'],
    ['… and what comes next is on another beat', { Schedule: 'rate(7 days)', NextExecutionTime: '2026-03-06T02:30:15.500Z' },                         '2026-01-02T02:30:15Z'],
    ['… and comes later on that beat',          { Schedule: 'rate(7 days)', NextExecutionTime: '2026-03-13T02:30:15.500Z' },                          '2026-01-02T02:30:15Z'],
    ['an offset without a colon',               { StartDate: '2026-02-01T00:00:00-0530' },                                                            '2026-02-01T05:30:00Z'],
    ['an offset of hours',                      { StartDate: '2026-02-01T00:00:00+02' },                                                              '2026-01-31T22:00:00Z'],
    ['an empty date is none',                   { StartDate: '' },                                                                                    null],
  ])('%s', async (_, seen, start) => {
    const found = await window({ json: { ...SUNDAYS, ...seen } })
    expect(found.start === null ? null : isoSeconds(found.start)).toBe(start)
  })

  // prettier-ignore
  it.each<[it: string, answer: Answer, code: string]>([
    ['that does not exist',        refusal('DoesNotExistException', 'gone'),                                   'aws.missing'],
    ['that may not be read',       refusal('AccessDeniedException', 'no'),                                     'aws.denied'],
    ['without a schedule',         { json: { WindowId: ID, Duration: 1, Cutoff: 0 } },                         'aws.invalid'],
    ['without a duration',         { json: { ...SUNDAYS, Duration: undefined } },                              'aws.invalid'],
    ['whose end is no instant',    { json: { ...SUNDAYS, EndDate: 'some day' } },                              'aws.invalid'],
    ['whose end has no offset',    { json: { ...SUNDAYS, EndDate: '2027-02-01T00:00:00' } },                   'aws.invalid'],
    ['whose rate has no start',    { json: { ...SUNDAYS, Schedule: 'rate(7 days)', CreatedDate: undefined } }, 'aws.invalid'],
    ['of a schedule unknown here', { json: { ...SUNDAYS, Schedule: 'rate(1 fortnight)', NextExecutionTime: '2026-03-05T00:00Z' } }, 'schedule.invalid'],
  ])('%s is refused', async (_, answer, code) => {
    await expect(window(answer)).rejects.toMatchObject({ code })
  })
})

describe('a Change Calendar', () => {
  const state = (answer: Answer, names = ['Freeze']) => {
    const made = wire(() => answer)
    return { ...made, state: () => made.clock.run(() => made.aws.calendars.state(control, names, at('2026-12-20T10:00:00Z'), signal)) }
  }

  it('is asked about an instant', async () => {
    const { state: ask, asked } = state(
      { json: { State: 'CLOSED', AtTime: '2026-12-20T10:00:00Z', NextTransitionTime: '2027-01-04T05:00:00Z' } },
      ['One', 'arn:aws:ssm:us-east-1:111111111111:document/Two'],
    )
    expect(await ask()).toEqual({ open: false, until: at('2027-01-04T05:00:00Z') })
    expect(asked[0]).toMatchObject({
      name: 'ssm.GetCalendarState',
      input: { CalendarNames: ['One', 'arn:aws:ssm:us-east-1:111111111111:document/Two'], AtTime: '2026-12-20T10:00:00.000Z' },
    })
  })

  it('may never change', async () => {
    expect(await state({ json: { State: 'OPEN', AtTime: '2026-12-20T10:00:00Z' } }).state()).toEqual({ open: true, until: null })
  })

  // prettier-ignore
  it.each<[it: string, answer: Answer, code: string]>([
    ['that does not exist',          refusal('InvalidDocument', 'no such document'),                             'aws.missing'],
    ['that is another document',     refusal('InvalidDocumentType', 'no calendar'),                              'aws.invalid'],
    ['that AWS cannot follow',       refusal('UnsupportedCalendarException', 'too wild'),                        'aws.invalid'],
    ['that may not be read',         refusal('AccessDeniedException', 'no'),                                     'aws.denied'],
    ['that says neither',            { json: {} },                                                               'aws.invalid'],
    ['that changes at no instant',   { json: { State: 'OPEN', NextTransitionTime: 'soon' } },                    'aws.invalid'],
  ])('%s is refused', async (_, answer, code) => {
    await expect(state(answer).state()).rejects.toMatchObject({ code })
  })
})
