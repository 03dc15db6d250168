import { CreateDocumentCommand, CreateMaintenanceWindowCommand, SSMClient, UpdateMaintenanceWindowCommand } from '@aws-sdk/client-ssm'
import { describe, expect, it } from 'vitest'
import { createAws } from '../../src/adapters/aws/aws.ts'
import { silentLog } from '../../src/adapters/system/log.ts'
import { seededRandom } from '../../src/adapters/system/random.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { PLAIN_WINDOW, type FreezeRule, type WindowRule } from '../../src/core/runbook/runbook.ts'
import { advisoriesOf, calendarOf, freezesOf, hasFreezes, type Almanac } from '../../src/engine/almanac.ts'
import { nativeDifferences } from '../../src/engine/native-differences.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { HOUR, instant, isoSeconds, MINUTE, type Instant } from '../../src/kit/instant.ts'
import { CONTROL_ACCOUNT, HOME_REGION, userKey } from '../../src/sandbox/callers.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { createSandbox } from '../../src/sandbox/sandbox.ts'
import type { CalendarState, NativeWindow } from '../../src/ports/calendars.ts'

const START = instant(Date.UTC(2026, 0, 1))
const signal = new AbortController().signal
const at = (text: string): Instant => instant(Date.parse(text))
const ics = (...parts: readonly string[]): string => ['BEGIN:VCALENDAR', 'VERSION:2.0', ...parts, 'END:VCALENDAR', ''].join('\n')
const event = (...parts: readonly string[]): string => ['BEGIN:VEVENT', 'UID:1', 'SUMMARY:Event', ...parts, 'END:VEVENT'].join('\n')

const WINDOW: WindowRule = {
  times: {
    schedule: 'cron(0 3 ? * SUN *)',
    timezone: 'America/New_York',
    durationMs: 6 * HOUR,
    cutoffMs: HOUR,
    offsetDays: 0,
    start: null,
    end: null,
  },
  ...PLAIN_WINDOW,
}

/** An almanac over the sandbox and files that a test gives, and an SSM client of the control account. */
function stage(files: Readonly<Record<string, string>> = {}, freezes: readonly FreezeRule[] = []) {
  const clock = new VirtualClock(START)
  const fleet = { seed: 7, start: START, accounts: {}, groups: [], commandTime: { medianMs: 60_000, p95Ms: 120_000 }, urls: {} }
  const sandbox = createSandbox({ clock, fleet })
  const requestHandler = sandboxHandler(sandbox)
  const credentials = { accessKeyId: userKey(CONTROL_ACCOUNT, 'operator'), secretAccessKey: 'sandbox' }
  const home = { account: CONTROL_ACCOUNT, region: HOME_REGION }
  const aws = createAws({
    clock,
    random: seededRandom(7),
    regionHome: HOME_REGION,
    control: home,
    accounts: [],
    requestHandler,
    credentials,
    sessionName: 'test',
    log: silentLog,
  })
  const world: Almanac = {
    clock,
    home,
    freezes,
    calendars: aws.calendars,
    files: {
      text(path) {
        const text = files[path]
        return text === undefined
          ? Promise.reject(new PatchwaveError('file.unreadable', `${path} cannot be read: there is no such file`, { hint: 'look' }))
          : Promise.resolve(text)
      },
    },
  }
  const ssm = new SSMClient({ region: HOME_REGION, credentials, maxAttempts: 1, requestHandler })
  const spans = async (window: WindowRule | null, from: string, to: string): Promise<string[]> =>
    (await clock.run(() => freezesOf(world, window, at(from), at(to), signal))).map(
      (one) => `${isoSeconds(one.from)} ${isoSeconds(one.to)} ${one.why} | ${one.source}`,
    )
  const calendar = (Name: string, type: string, ...parts: readonly string[]) =>
    ssm.send(
      new CreateDocumentCommand({
        Name,
        Content: ics(`X-CALENDAR-TYPE:${type}`, ...parts),
        DocumentType: 'ChangeCalendar',
        DocumentFormat: 'TEXT',
      }),
    )
  return { world, clock, ssm, sandbox, spans, calendar }
}

describe('freezes', () => {
  it('are those of the config and of the window, each once, in the order of their beginnings', async () => {
    const days: FreezeRule = { kind: 'days', from: '2026-12-20', to: '2027-01-03' }
    const period: FreezeRule = { kind: 'period', from: at('2026-12-01T00:00:00Z'), to: at('2026-12-21T00:00:00Z') }
    const { spans } = stage({ 'a.ics': ics(event('DTSTART;VALUE=DATE:20261222')) }, [days, { kind: 'file', path: 'a.ics' }])
    expect(await spans({ ...WINDOW, freezes: [period, days] }, '2026-12-19T00:00:00Z', '2026-12-31T00:00:00Z')).toEqual([
      '2026-12-01T00:00:00Z 2026-12-21T00:00:00Z a period without changes | 2026-12-01T00:00:00Z to 2026-12-21T00:00:00Z',
      '2026-12-20T05:00:00Z 2027-01-04T05:00:00Z the days 2026-12-20 to 2027-01-03 | 2026-12-20 to 2027-01-03',
      '2026-12-22T05:00:00Z 2026-12-23T05:00:00Z Event | a.ics',
    ])
    expect(await spans({ ...WINDOW, freezes: [period] }, '2027-02-01T00:00:00Z', '2027-03-01T00:00:00Z')).toEqual([])
  })

  it('count their days in UTC where there is no window', async () => {
    const { spans, world } = stage({}, [{ kind: 'days', from: '2026-12-20', to: '2026-12-20' }])
    expect(await spans(null, '2026-12-20T00:00:00Z', '2026-12-31T00:00:00Z')).toEqual([
      '2026-12-20T00:00:00Z 2026-12-21T00:00:00Z the day 2026-12-20 | 2026-12-20 to 2026-12-20',
    ])
    expect([hasFreezes(world, null), hasFreezes(stage().world, WINDOW)]).toEqual([true, false])
  })

  it('hold the whole time where a source cannot be read, and the others are read all the same', async () => {
    const files = { 'bad.ics': ics(event('DTSTART:tomorrow')), 'good.ics': ics(event('DTSTART:20261220T000000Z', 'DURATION:PT1H')) }
    const { spans, calendar } = stage(files)
    await calendar('Changed', 'DEFAULT_OPEN', event('DTSTART:20261220T000000Z', 'RECURRENCE-ID:20261220T000000Z'))
    const freezes: FreezeRule[] = ['gone.ics', 'bad.ics', 'good.ics'].map((path) => ({ kind: 'file', path }))
    const asked = ['2026-12-19T00:00:00Z', '2026-12-21T00:00:00Z'] as const
    const found = await spans(
      { ...WINDOW, freezes: [...freezes, { kind: 'ssm', name: 'Nobody' }, { kind: 'ssm', name: 'Changed' }] },
      ...asked,
    )
    expect(found).toEqual([
      '2026-12-19T00:00:00Z 2026-12-21T00:00:00Z cannot be read: DTSTART is no day or time (line 6) | bad.ics',
      '2026-12-19T00:00:00Z 2026-12-21T00:00:00Z cannot be read: gone.ics cannot be read: there is no such file | gone.ics',
      expect.stringMatching(
        /^2026-12-19T00:00:00Z 2026-12-21T00:00:00Z cannot be read: ssm.GetCalendarState .*UnsupportedCalendarException.* \| ssm:Changed$/,
      ),
      expect.stringMatching(
        /^2026-12-19T00:00:00Z 2026-12-21T00:00:00Z cannot be read: ssm.GetCalendarState .*InvalidDocument.* \| ssm:Nobody$/,
      ),
      '2026-12-20T00:00:00Z 2026-12-20T01:00:00Z Event | good.ics',
    ])
  })

  it('of a native window count in its zone; when it cannot be read, what needs the zone holds', async () => {
    const { spans, ssm } = stage({}, [
      { kind: 'days', from: '2026-12-20', to: '2026-12-20' },
      { kind: 'period', from: at('2026-12-20T00:00:00Z'), to: at('2026-12-20T01:00:00Z') },
    ])
    const made = await ssm.send(
      new CreateMaintenanceWindowCommand({
        Name: 'tokyo',
        Schedule: 'cron(0 3 ? * SUN *)',
        ScheduleTimezone: 'Asia/Tokyo',
        Duration: 6,
        Cutoff: 1,
        AllowUnassociatedTargets: true,
      }),
    )
    const native = (id: string): WindowRule => ({ ...WINDOW, times: { native: id } })
    const asked = ['2026-12-19T12:00:00Z', '2026-12-20T12:00:00Z'] as const
    const known = await spans(native(made.WindowId ?? ''), ...asked)
    expect(known.map((one) => one.slice(0, 41))).toEqual([
      '2026-12-19T15:00:00Z 2026-12-20T15:00:00Z',
      '2026-12-20T00:00:00Z 2026-12-20T01:00:00Z',
    ])
    const unknown = await spans(native('mw-0123456789abcdef0'), ...asked)
    expect(unknown[0]).toMatch(
      /^2026-12-19T12:00:00Z 2026-12-20T12:00:00Z cannot be read: ssm.GetMaintenanceWindow .*DoesNotExistException/,
    )
    expect(unknown[1]).toMatch(/^2026-12-20T00:00:00Z 2026-12-20T01:00:00Z a period/)
  })

  it('do not come from events that show as free, which are told', async () => {
    const files = { 'a.ics': ics(event('DTSTART;VALUE=DATE:20261222', 'TRANSP:TRANSPARENT')), 'bad.ics': '' }
    const { world, spans, clock } = stage(files)
    const window: WindowRule = { ...WINDOW, freezes: [{ kind: 'file', path: 'a.ics' }] }
    expect(await spans(window, '2026-12-01T00:00:00Z', '2026-12-31T00:00:00Z')).toEqual([])
    const both: WindowRule = { ...window, freezes: [...window.freezes, { kind: 'file', path: 'bad.ics' }, { kind: 'ssm', name: 'Nobody' }] }
    const free = await clock.run(() => advisoriesOf(world, both, at('2026-12-01T00:00:00Z'), at('2026-12-31T00:00:00Z'), signal))
    expect(free.map((one) => isoSeconds(one.from))).toEqual(['2026-12-22T05:00:00Z'])
  })

  it('are not hidden by a bug', async () => {
    const { world, clock } = stage({ 'a.ics': ics() }, [{ kind: 'file', path: 'a.ics' }])
    const broken: Almanac = { ...world, files: { text: () => Promise.reject(new TypeError('a bug')) } }
    await expect(clock.run(() => freezesOf(broken, null, START, at('2027-01-01T00:00:00Z'), signal))).rejects.toThrow('a bug')
  })
})

describe('a Change Calendar', () => {
  const frozen: WindowRule = { ...WINDOW, freezes: [{ kind: 'ssm', name: 'Freeze' }] }

  it('freezes while it is closed, from change to change', async () => {
    const { calendar, spans, sandbox } = stage()
    await calendar(
      'Freeze',
      'DEFAULT_OPEN',
      event('DTSTART;TZID=America/New_York:20260109T180000', 'DTEND;TZID=America/New_York:20260112T060000', 'RRULE:FREQ=WEEKLY'),
    )
    expect(await spans(frozen, '2026-01-10T00:00:00Z', '2026-01-18T00:00:00Z')).toEqual([
      '2026-01-10T00:00:00Z 2026-01-12T11:00:00Z the Change Calendar is closed | ssm:Freeze',
      '2026-01-16T23:00:00Z 2026-01-19T11:00:00Z the Change Calendar is closed | ssm:Freeze',
    ])
    expect(sandbox.calls().find(({ call }) => call.includes('GetCalendarState'))?.count).toBe(3)
  })

  it('that is never open freezes as long as was asked', async () => {
    const { calendar, spans } = stage()
    await calendar('Freeze', 'DEFAULT_CLOSED')
    expect(await spans(frozen, '2026-01-10T00:00:00Z', '2026-01-18T00:00:00Z')).toEqual([
      '2026-01-10T00:00:00Z 2026-01-18T00:00:00Z the Change Calendar is closed | ssm:Freeze',
    ])
  })

  const walked = async (state: (at: Instant) => CalendarState): Promise<Readonly<{ calls: number; freezes: number; why: string }>> => {
    const { world, clock } = stage()
    let calls = 0
    const calendars = { ...world.calendars, state: (_: unknown, __: unknown, now: Instant) => ((calls += 1), Promise.resolve(state(now))) }
    const found = await clock.run(() => freezesOf({ ...world, calendars }, frozen, START, at('2026-01-02T00:00:00Z'), signal))
    return { calls, freezes: found.length, why: found[0]?.why ?? '' }
  }

  it('that does not get on is not followed for ever, and freezes', async () => {
    const stuck = await walked((now) => ({ open: true, until: now }))
    expect(stuck).toEqual({ calls: 100, freezes: 1, why: expect.stringContaining('cannot be read: it changes more than 100 times') })
  })

  it('that changes back in time is asked again a second later', async () => {
    const back = await walked((now) => (now < START + 3_000 ? { open: true, until: START } : { open: false, until: null }))
    expect(back).toEqual({ calls: 4, freezes: 1, why: 'the Change Calendar is closed' })
  })
})

describe('the calendar of a native window', () => {
  it('is its own, by the runbook’s rules for clock changes; disabled it never opens', async () => {
    const { world, clock, ssm } = stage()
    const { WindowId = '' } = await ssm.send(
      new CreateMaintenanceWindowCommand({
        Name: 'sundays',
        Schedule: 'cron(0 3 ? * SUN *)',
        ScheduleTimezone: 'Europe/Berlin',
        ScheduleOffset: 1,
        Duration: 6,
        Cutoff: 1,
        AllowUnassociatedTargets: true,
      }),
    )
    const read = () => clock.run(() => calendarOf(world, { ...WINDOW, onGap: 'skip', times: { native: WindowId } }, signal))
    expect(await read()).toMatchObject({
      rule: {
        schedule: 'cron(0 3 ? * SUN *)',
        timezone: 'Europe/Berlin',
        offsetDays: 1,
        durationMs: 6 * HOUR,
        cutoffMs: HOUR,
        onGap: 'skip',
        onOverlap: 'first',
      },
      native: { id: WindowId, name: 'sundays', enabled: true },
    })
    await ssm.send(new UpdateMaintenanceWindowCommand({ WindowId, Enabled: false }))
    expect(await read()).toMatchObject({ rule: null, native: { enabled: false } })
  })

  it('is not asked for where the runbook has one', async () => {
    const { world, clock, sandbox } = stage()
    const { rule, native } = await clock.run(() => calendarOf(world, WINDOW, signal))
    expect({ timezone: rule?.timezone, native, calls: sandbox.calls() }).toEqual({ timezone: 'America/New_York', native: null, calls: [] })
  })

  const NATIVE: NativeWindow = {
    ...{
      schedule: 'cron(0 3 ? * SUN *)',
      timezone: 'Europe/Berlin',
      durationMs: 6 * HOUR,
      cutoffMs: HOUR,
      offsetDays: 0,
      start: null,
      end: null,
    },
    id: 'mw-0',
    name: 'n',
    enabled: true,
  }
  // prettier-ignore
  it.each<[it: string, native: Partial<NativeWindow>, window: Partial<WindowRule>, says: string, not: string]>([
    ['its tasks are not used',      {},                        {},                            'registered targets and tasks are not used', 'is disabled'],
    ['it is disabled',              { enabled: false },        {},                            'mw-0 is disabled',                          'jitter'],
    ['a missing local time',        {},                        {},                            'a local time that does not exist',          'comes twice'],
    ['… is left out here too',      {},                        { onGap: 'skip' },             'CANCEL_TASK cancels nothing',               'does not exist'],
    ['… which UTC does not have',   { timezone: 'UTC' },       {},                            'elapsed time',                              'does not exist'],
    ['… which a rate does not have', { schedule: 'rate(7 days)' }, { onOverlap: 'second' },    'elapsed time',                              'comes twice'],
    ['a local time that is doubled', {},                       { onOverlap: 'second' },       'comes twice opens the second time',         'jitter'],
    ['what overlaps',               {},                        { overlap: 'cancel-running' }, 'it is aborted',                             'the opening waits for it;'],
    ['a late start',                {},                        { lateMs: 0 },                 'is told and left out',                      'late'],
    ['a start that is put off',     {},                        { jitterMs: 5 * MINUTE },      'put off by up to 5m',                       'is disabled'],
  ])('differs from SSM’s use of it: %s', (_, native, window, says, not) => {
    const text = nativeDifferences({ ...NATIVE, ...native }, { ...WINDOW, ...window }, START).join('\n')
    expect(text).toContain(says)
    expect(text).not.toContain(not)
  })
})
