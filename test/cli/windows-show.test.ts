import { CreateDocumentCommand, CreateMaintenanceWindowCommand, SSMClient, UpdateMaintenanceWindowCommand } from '@aws-sdk/client-ssm'
import { afterEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { Rehearsal } from '../../src/cli/app.ts'
import { CONTROL_ACCOUNT, HOME_REGION, userKey } from '../../src/sandbox/callers.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { createSandbox } from '../../src/sandbox/sandbox.ts'
import { rehearse } from '../../src/rehearsal.ts'
import { config, fleet, runbook, START } from '../scenarios/documents.ts'
import { cli, type Printed } from './stand-in.ts'

const ICS = `BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:Quarter close
DTSTART:20260329T000000Z
DTEND:20260329T080000Z
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Team day
DTSTART:20260405T060000Z
DURATION:PT9H
TRANSP:TRANSPARENT
END:VEVENT
END:VCALENDAR
`

let rehearsal: Rehearsal | undefined
afterEach(() => rehearsal?.close())

/** `windows show` of a runbook with this window, over a sandbox and the calendar file above. */
async function show(
  window: string,
  flags = '--json',
  prepare: (ssm: SSMClient) => Promise<string> = () => Promise.resolve(''),
): Promise<Printed> {
  const clock = new VirtualClock(START)
  const sandbox = createSandbox({ clock, fleet: fleet([]) })
  const ssm = new SSMClient({
    region: HOME_REGION,
    maxAttempts: 1,
    credentials: { accessKeyId: userKey(CONTROL_ACCOUNT, 'operator'), secretAccessKey: 'sandbox' },
    requestHandler: sandboxHandler(sandbox),
  })
  const id = await prepare(ssm)
  const { world, run, requester } = (rehearsal = await rehearse(config(), { fleet: fleet([]), faults: null, start: START, clock, sandbox }))
  const files = { text: () => Promise.resolve(ICS) }
  const session = { world: { ...world, files }, actor: () => Promise.resolve(requester), close: () => Promise.resolve() }
  const loaded = { runbook: runbook('monthly', { window: window.replace('NATIVE', id) }), file: 'monthly.yaml', inputs: {}, unanswered: [] }
  return run(() =>
    cli(['windows', 'show', 'monthly.yaml', ...flags.split(' ')], {
      loadRunbook: () => Promise.resolve(loaded),
      openSession: () => Promise.resolve(session),
    }),
  )
}

type Shown = Readonly<Record<string, unknown> & { opens: string | null; starts?: string | null; local?: string }>

const shown = async (...args: Parameters<typeof show>) => {
  const { code, out } = await show(...args)
  return {
    code,
    ...(JSON.parse(out[0] ?? '{}') as { windows: Shown[]; odd: Shown[] } & Record<string, unknown>),
  }
}

const SUNDAYS = 'schedule: cron(30 2 ? * SUN *), timezone: America/New_York, duration: 6h, cutoff: 1h'

describe('windows show', () => {
  it('tells the coming windows with what freezes them', async () => {
    const found = await shown(
      `{ ${SUNDAYS}, freezes: [a.ics, { from: 2026-03-22, to: 2026-03-22 }, { from: "2026-04-12T09:00:00Z", to: "2026-04-12T10:00:00Z" }] }`,
      '--json --from 2026-03-17 --count 4',
    )
    expect(found).toMatchObject({ code: 0, runbook: 'monthly', timezone: 'America/New_York', zoneData: process.versions['tz'] })
    const { windows } = found
    expect(windows.map(({ opens, starts }) => `${opens} ${starts}`)).toEqual([
      '2026-03-22T06:30:00Z null',
      '2026-03-29T06:30:00Z 2026-03-29T08:00:00Z',
      '2026-04-05T06:30:00Z 2026-04-05T06:30:00Z',
      '2026-04-12T06:30:00Z 2026-04-12T06:30:00Z',
    ])
    expect(windows[1]).toEqual({
      opens: '2026-03-29T06:30:00Z',
      cutoff: '2026-03-29T11:30:00Z',
      closes: '2026-03-29T12:30:00Z',
      opensLocal: '2026-03-29T02:30:00-04:00',
      closesLocal: '2026-03-29T08:30:00-04:00',
      odd: [],
      freezes: [{ from: '2026-03-29T00:00:00Z', to: '2026-03-29T08:00:00Z', why: 'Quarter close', source: 'a.ics' }],
      starts: '2026-03-29T08:00:00Z',
    })
    expect(windows[2]).toMatchObject({ freezes: [], advisories: [{ why: 'Team day', from: '2026-04-05T06:00:00Z' }] })
    expect(windows[3]).toMatchObject({ freezes: [{ why: 'a period without changes' }] })
  })

  it('marks every odd day of the next two years with its reason', async () => {
    const { windows, odd } = await shown(`{ ${SUNDAYS} }`, '--json --from 2026-03-02T00:00:00Z --count 1')
    expect(windows).toMatchObject([{ opens: '2026-03-08T07:00:00Z', odd: [expect.stringContaining('does not exist')] }])
    expect(odd.map(({ local, opens }) => `${local} ${opens}`)).toEqual([
      '2026-03-08T02:30:00 2026-03-08T07:00:00Z',
      '2027-03-14T02:30:00 2027-03-14T07:00:00Z',
    ])
    const doubled = await shown(`{ ${SUNDAYS.replace('30 2', '30 1')} }`, '--json --from 2026-03-09T00:00:00Z --count 0')
    expect(doubled.odd).toMatchObject([
      { local: '2026-11-01T01:30:00', odd: [expect.stringContaining('comes twice'), expect.anything()] },
      { local: '2027-03-14T01:30:00', odd: [expect.stringContaining('clocks change while it is open')] },
      { local: '2027-11-07T01:30:00' },
    ])
    const skipped = await shown(`{ ${SUNDAYS}, onGap: skip }`, '--json --from 2026-03-02T00:00:00Z --count 1')
    expect(skipped.windows).toMatchObject([{ opens: '2026-03-15T06:30:00Z' }])
    expect(skipped.odd[0]).toMatchObject({ local: '2026-03-08T02:30:00', opens: null })
  })

  it('says when nothing opens any more', async () => {
    expect(await shown('{ schedule: at(2026-02-01T03:00:00), duration: 6h }', '--json --from 2026-02-02')).toMatchObject({
      code: 0,
      windows: [],
      odd: [],
      never: expect.stringContaining('is past'),
    })
  })

  it('reads a native window and Change Calendars, and says what is done otherwise', async () => {
    const prepare = async (ssm: SSMClient): Promise<string> => {
      const Content = [
        'BEGIN:VCALENDAR',
        'X-CALENDAR-TYPE:DEFAULT_OPEN',
        'BEGIN:VEVENT',
        'UID:1',
        'DTSTART:20260104T000000Z',
        'DURATION:P1D',
        'END:VEVENT',
        'END:VCALENDAR',
        '',
      ].join('\n')
      await ssm.send(new CreateDocumentCommand({ Name: 'ChangeFreeze', Content, DocumentType: 'ChangeCalendar', DocumentFormat: 'TEXT' }))
      const made = await ssm.send(
        new CreateMaintenanceWindowCommand({
          Name: 'sundays',
          Schedule: 'cron(0 3 ? * SUN *)',
          ScheduleTimezone: 'Europe/Berlin',
          Duration: 4,
          Cutoff: 1,
          AllowUnassociatedTargets: true,
        }),
      )
      return made.WindowId ?? ''
    }
    const native = '{ native: NATIVE, freezes: ["ssm:ChangeFreeze"] }'
    expect(await shown(native, '--json --count 2', prepare)).toMatchObject({
      timezone: 'Europe/Berlin',
      native: {
        name: 'sundays',
        enabled: true,
        schedule: 'cron(0 3 ? * SUN *)',
        differences: expect.arrayContaining([expect.stringContaining('targets and tasks are not used')]),
      },
      windows: [
        {
          opens: '2026-01-04T02:00:00Z',
          closes: '2026-01-04T06:00:00Z',
          starts: null,
          freezes: [{ source: 'ssm:ChangeFreeze', to: '2026-01-05T00:00:00Z' }],
        },
        { opens: '2026-01-11T02:00:00Z', starts: '2026-01-11T02:00:00Z', freezes: [] },
      ],
    })
    const disable = async (ssm: SSMClient): Promise<string> => {
      const WindowId = await prepare(ssm)
      await ssm.send(new UpdateMaintenanceWindowCommand({ WindowId, Enabled: false }))
      return WindowId
    }
    expect(await shown(native, '--json', disable)).toMatchObject({
      timezone: 'Europe/Berlin',
      never: expect.stringContaining('disabled'),
      windows: [],
    })
    expect((await show('{ native: mw-0123456789abcdef0 }')).code).toBe(3)
  })

  it('is readable for people', async () => {
    const { code, out } = await show(
      `{ ${SUNDAYS}, freezes: [a.ics, { from: 2026-03-22, to: 2026-03-22 }] }`,
      '--from 2026-03-02 --count 5',
    )
    expect(code).toBe(0)
    expect(out).toEqual([
      `monthly: cron(30 2 ? * SUN *) in America/New_York, 6h long, nothing starts in the last 1h, zone data ${process.versions['tz']}`,
      '',
      'windows',
      '  2026-03-08 07:00:00Z  Sun 03:00 -04:00  cutoff 2026-03-08 12:00:00Z  closes 2026-03-08 13:00:00Z (09:00 -04:00)',
      expect.stringMatching(/^ {4}! 02:30 does not exist/),
      '  2026-03-15 06:30:00Z  Sun 02:30 -04:00  cutoff 2026-03-15 11:30:00Z  closes 2026-03-15 12:30:00Z (08:30 -04:00)',
      '  2026-03-22 06:30:00Z  Sun 02:30 -04:00  cutoff 2026-03-22 11:30:00Z  closes 2026-03-22 12:30:00Z (08:30 -04:00)',
      '    frozen from 2026-03-22 04:00:00Z to 2026-03-23 04:00:00Z: the day 2026-03-22 (2026-03-22 to 2026-03-22)',
      '    -> it will not start: frozen past its cutoff',
      '  2026-03-29 06:30:00Z  Sun 02:30 -04:00  cutoff 2026-03-29 11:30:00Z  closes 2026-03-29 12:30:00Z (08:30 -04:00)',
      '    frozen from 2026-03-29 00:00:00Z to 2026-03-29 08:00:00Z: Quarter close (a.ics)',
      '    -> it starts at 2026-03-29 08:00:00Z, when that is over',
      '  2026-04-05 06:30:00Z  Sun 02:30 -04:00  cutoff 2026-04-05 11:30:00Z  closes 2026-04-05 12:30:00Z (08:30 -04:00)',
      '    shows as free and freezes nothing: Team day (a.ics), from 2026-04-05 06:00:00Z to 2026-04-05 15:00:00Z',
      '',
      'odd days of the next two years',
      expect.stringContaining('  2026-03-08T02:30:00  02:30 does not exist'),
      expect.stringContaining('  2027-03-14T02:30:00  02:30 does not exist'),
    ])
    expect((await show('{ schedule: at(2025-02-01T03:00:00), duration: 6h }', '--count 1')).out.join('\n')).toContain(
      '! it never opens again',
    )
    const night = await show('{ schedule: cron(0/5 * * * ? *), timezone: America/New_York, duration: 6h }', '--from 2026-03-07 --count 1')
    expect(night.out.at(-1)).toMatch(/^ {2}and \d+ more: see --json$/)
  })

  it('has nothing to tell of a runbook without a window, and asks nothing', async () => {
    const loaded = { runbook: runbook('by-hand'), file: 'by-hand.yaml', inputs: {}, unanswered: [] }
    const parts = { loadRunbook: () => Promise.resolve(loaded) }
    const { out } = await cli(['windows', 'show', 'by-hand.yaml', '--json'], parts)
    expect(JSON.parse(out[0] ?? '')).toEqual({ runbook: 'by-hand', timezone: null, zoneData: null, windows: [], odd: [] })
    expect((await cli(['windows', 'show', 'by-hand.yaml'], parts)).out).toEqual(['by-hand has no window: it runs by hand'])
  })

  it.each(['--count -1', '--count 521', '--from yesterday'])('refuses %s', async (flags) => {
    expect((await show(`{ ${SUNDAYS} }`, flags)).code).toBe(2)
  })
})
