import { describe, expect, it } from 'vitest'
import { cli } from './stand-in.ts'

const next = async (schedule: string, rest: string) => {
  const { code, out } = await cli(['windows', 'next', '--json', '--schedule', schedule, ...rest.split(' ')])
  const rows = JSON.parse(out[0] ?? '') as { opens: string; cutoff?: string; closes?: string }[]
  return { code, rows, opens: rows.map((row) => row.opens) }
}
const NY = '--timezone America/New_York'
const SUNDAYS = 'cron(0 3 ? * SUN *)'

describe('windows next', () => {
  // prettier-ignore
  it.each<[it: string, schedule: string, rest: string, opens: string[]]>([
    ['keeps the zone’s hour',            SUNDAYS,                  `${NY} --from 2026-03-01T00:00:00Z --count 2`,                               ['2026-03-01T08:00:00Z', '2026-03-08T07:00:00Z']],
    ['strictly after --from',            SUNDAYS,                  `${NY} --from 2026-03-08T07:00:00Z --count 1`,                               ['2026-03-15T07:00:00Z']],
    ['an offset in --from',              SUNDAYS,                  `${NY} --from 2026-03-08T02:59:59-04:00 --count 1`,                          ['2026-03-08T07:00:00Z']],
    ['a day is its beginning in UTC',    'cron(0 0 * * ? *)',      '--timezone UTC --from 2026-03-08 --count 1',                                ['2026-03-09T00:00:00Z']],
    ['a missing local time is skipped',  'cron(30 2 ? * SUN *)',   `${NY} --from 2026-03-02T00:00:00Z --count 1`,                               ['2026-03-15T06:30:00Z']],
    ['… or the next valid one',          'cron(30 2 ? * SUN *)',   `${NY} --from 2026-03-02T00:00:00Z --count 1 --on-gap next-valid`,           ['2026-03-08T07:00:00Z']],
    ['a doubled one runs once, first',   'cron(30 1 ? * SUN *)',   `${NY} --from 2026-10-31T00:00:00Z --count 2`,                               ['2026-11-01T05:30:00Z', '2026-11-08T06:30:00Z']],
    ['… or second',                      'cron(30 1 ? * SUN *)',   `${NY} --from 2026-10-31T00:00:00Z --count 1 --on-overlap second`,           ['2026-11-01T06:30:00Z']],
    ['rate() counts from --from',        'rate(7 days)',           '--timezone UTC --from 2026-03-01T00:00:00Z --count 2',                      ['2026-03-08T00:00:00Z', '2026-03-15T00:00:00Z']],
    ['… or from --start, itself first',  'rate(7 days)',           '--timezone UTC --from 2026-03-01T00:00:00Z --start 2026-03-02T06:00:00Z --count 2', ['2026-03-02T06:00:00Z', '2026-03-09T06:00:00Z']],
    ['nothing at --end or after',        SUNDAYS,                  '--timezone UTC --from 2026-03-01T04:00:00Z --end 2026-03-15T03:00:00Z',     ['2026-03-08T03:00:00Z']],
    ['days of offset',                   'cron(30 23 ? * TUE#3 *)', '--timezone UTC --from 2026-01-01T00:00:00Z --offset 2 --count 1',          ['2026-01-22T23:30:00Z']],
    ['fewer when there are no more',     'at(2026-07-07T15:55:00)', '--timezone Europe/Berlin --from 2026-01-01T00:00:00Z',                     ['2026-07-07T13:55:00Z']],
    ['none at all',                      'at(2025-07-07T15:55:00)', '--timezone UTC --from 2026-01-01T00:00:00Z',                               []],
  ])('%s', async (_, schedule, rest, opens) => {
    expect(await next(schedule, rest)).toMatchObject({ code: 0, opens })
  })

  it('shows ten when nobody says how many', async () => {
    expect((await next(SUNDAYS, '--timezone UTC --from 2026-03-01T00:00:00Z')).rows).toHaveLength(10)
  })

  it('has cutoff and closes only with a duration', async () => {
    const from = '--timezone UTC --from 2026-03-01T04:00:00Z --count 1'
    expect((await next(SUNDAYS, `${from} --cutoff 1h`)).rows).toEqual([{ opens: '2026-03-08T03:00:00Z' }])
    expect((await next(SUNDAYS, `${from} --duration 6h --cutoff 1h`)).rows).toEqual([
      { opens: '2026-03-08T03:00:00Z', cutoff: '2026-03-08T08:00:00Z', closes: '2026-03-08T09:00:00Z' },
    ])
    expect((await next(SUNDAYS, `${from} --duration 6h`)).rows).toEqual([
      { opens: '2026-03-08T03:00:00Z', cutoff: '2026-03-08T09:00:00Z', closes: '2026-03-08T09:00:00Z' },
    ])
  })

  // prettier-ignore
  it.each<[schedule: string, rest: string]>([
    ['cron(0 3 ? * SUN)', '--timezone UTC'],
    ['rate(1 days)',      '--timezone UTC'],
    [SUNDAYS,             '--timezone Mars/Olympus'],
    ['rate(7 days)',      '--timezone UTC --offset 1'],
    [SUNDAYS,             '--timezone UTC --duration 1h --cutoff 1h'],
  ])('refuses %s %s', async (schedule, rest) => {
    const { code, out, err } = await cli(['windows', 'next', '--json', '--schedule', schedule, ...rest.split(' '), '--from', '2026-01-01T00:00:00Z'])
    expect(code).toBe(2)
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ error: { code: 'schedule.invalid' } })
    expect(err.join('\n')).toContain('hint:')
  })

  it('is readable for people', async () => {
    const { out } = await cli([
      'windows',
      'next',
      '--schedule',
      SUNDAYS,
      '--timezone',
      'UTC',
      '--from',
      '2026-03-01T04:00:00Z',
      '--count',
      '1',
      '--duration',
      '6h',
      '--cutoff',
      '1h',
    ])
    expect(out).toEqual(['2026-03-08T03:00:00Z  cutoff 2026-03-08T08:00:00Z  closes 2026-03-08T09:00:00Z'])
  })
})
