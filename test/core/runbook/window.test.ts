import { describe, expect, it } from 'vitest'
import { nextOpenings } from '../../../src/core/plan/calendar.ts'
import { parseSchedule } from '../../../src/core/plan/schedule.ts'
import type { Known } from '../../../src/core/runbook/parse.ts'
import type { WindowRule } from '../../../src/core/runbook/runbook.ts'
import { PatchwaveError } from '../../../src/kit/error.ts'
import { DAY, HOUR, MINUTE, parseInstant } from '../../../src/kit/instant.ts'
import { brief, KNOWN, mistakes, read } from './read.ts'

const HEAD = `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: a }
scope: { accounts: [staging], regions: [us-east-1] }
waves: [{ name: all, take: rest }]
`
/** The window's keys begin in column 11 of line 6. */
const own = (keys: string): string => `${HEAD}window: { ${keys} }\n`
const weekly = (keys: string): string => own(`schedule: cron(0 3 ? * SUN *), duration: 6h, ${keys}`)
const AT = 54 // The column of the first key after those of `weekly`.

/** What `read` answers, or what it throws. */
function attempt<T>(read: () => T): T | PatchwaveError {
  try {
    return read()
  } catch (error) {
    if (error instanceof PatchwaveError) return error
    throw error
  }
}

const known: Known = {
  ...KNOWN,
  scheduleMistake: (schedule) => {
    const read = attempt(() => parseSchedule(schedule))
    return read instanceof PatchwaveError ? read.message : undefined
  },
  openings: (times, after, count) => {
    const found = attempt(() => nextOpenings({ ...times, onGap: 'next-valid', onOverlap: 'first' }, after, count))
    return found instanceof PatchwaveError ? undefined : found.map(({ opens }) => opens)
  },
  calendarMistake: (path) => (path === 'good.ics' ? undefined : `there is no file ${path}`),
}

function windowOf(text: string): WindowRule {
  const { window } = read(text, undefined, known).runbook
  if (window === null) throw new Error('no window')
  return window
}

describe('what a window says reaches the rule', () => {
  // prettier-ignore
  it.each<[keys: string, part: Partial<WindowRule>]>([
    ['late: 10m',                { lateMs: 10 * MINUTE }],
    ['jitter: 5m',               { jitterMs: 5 * MINUTE, lateMs: 30 * MINUTE }],
    ['jitter: 2h',               { jitterMs: 2 * HOUR, lateMs: 2 * HOUR }],
    ['jitter: 20m, late: 20m',   { jitterMs: 20 * MINUTE, lateMs: 20 * MINUTE }],
    ['overlap: cancel-running',  { overlap: 'cancel-running' }],
    ['overlap: skip, unfinished: next-window', { overlap: 'skip', unfinished: 'next-window' }],
    ['fit: trim',                { fit: 'trim' }],
    ['fit: warn, unfinished: next-window', { fit: 'warn' }],
    ['onGap: skip, onOverlap: second', { onGap: 'skip', onOverlap: 'second' }],
    ['freezes: [good.ics, "ssm:ChangeFreeze", { from: 2026-12-20, to: 2027-01-03 }]',
      { freezes: [{ kind: 'file', path: 'good.ics' }, { kind: 'ssm', name: 'ChangeFreeze' }, { kind: 'days', from: '2026-12-20', to: '2027-01-03' }] }],
    ['breakFreeze: { group: sre-leads, count: 2, expires: 1h }', { breakFreeze: { group: 'sre-leads', count: 2, expiresMs: HOUR } }],
  ])('%s', (keys, part) => {
    expect(windowOf(weekly(keys))).toMatchObject(part)
  })

  it('its times', () => {
    const keys = 'timezone: Europe/Berlin, cutoff: 1h, offset: 2, start: 2026-12-01T00:00:00+01:00, end: 2027-12-01T00:00:00Z'
    expect(windowOf(weekly(keys)).times).toEqual({
      schedule: 'cron(0 3 ? * SUN *)',
      timezone: 'Europe/Berlin',
      durationMs: 6 * HOUR,
      cutoffMs: HOUR,
      offsetDays: 2,
      start: parseInstant('2026-11-30T23:00:00Z'),
      end: parseInstant('2027-12-01T00:00:00Z'),
    })
  })

  it('an SSM maintenance window by its id alone, with what it does not say itself', () => {
    const window = windowOf(own('native: mw-0123456789abcdef0, onGap: skip, late: 1h, freezes: [good.ics]'))
    expect(window.times).toEqual({ native: 'mw-0123456789abcdef0' })
    expect(window).toMatchObject({ onGap: 'skip', lateMs: HOUR, unfinished: 'stop' })
  })
})

type Row = readonly [what: string, text: string, ...expected: string[]]

// prettier-ignore
const MISTAKES: readonly Row[] = [
  ['nothing',                        own('unfinished: stop'),                           '6:1 runbook.missing-key', '6:1 runbook.missing-key'],
  ['no duration',                    own('schedule: rate(7 days)'),                     '6:1 runbook.missing-key'],
  ['an id of another thing',         own('native: i-0123456789abcdef0'),                '6:19 runbook.malformed'],
  ['an id and a schedule',           own('native: mw-0123456789abcdef0, schedule: rate(7 days)'), '6:41 runbook.contradiction'],
  ['an id and a zone, also UTC',     own('native: mw-0123456789abcdef0, timezone: UTC'), '6:41 runbook.contradiction'],
  ['an id and its times',            own('native: mw-0123456789abcdef0, duration: 6h, cutoff: 0s'), '6:41 runbook.contradiction', '6:55 runbook.contradiction'],
  ['an offset of rate()',            own('schedule: rate(7 days), duration: 6h, offset: 1'), '6:57 runbook.contradiction'],
  ['an offset of a week',            weekly('offset: 7'),                               `6:${String(AT + 10)} runbook.out-of-range`],
  ['a start without offset',         weekly('start: 2026-12-01T00:00:00'),              `6:${String(AT + 9)} runbook.malformed`],
  ['a start on a day that is none',  weekly('start: 2026-02-30T00:00:00Z'),             `6:${String(AT + 9)} runbook.malformed`],
  ['an end at an hour that is none', weekly('end: 2026-02-20T25:00:00Z'),               `6:${String(AT + 7)} runbook.malformed`],
  ['a day as end',                   weekly('end: 2026-12-01'),                         `6:${String(AT + 7)} runbook.malformed`],
  ['an end before the start',        weekly('start: 2026-12-01T00:00:00+01:00, end: 2026-11-30T22:00:00Z'), '6:21 runbook.never-opens', '6:95 runbook.contradiction'],
  ['late as long as can be started', weekly('cutoff: 5h, late: 60m'),                   '6:74 runbook.window-too-short'],
  ['jitter as long as that',         weekly('cutoff: 5h, jitter: 1h'),                  '6:76 runbook.window-too-short'],
  ['a start put off until missed',   weekly('late: 5m, jitter: 10m'),                   '6:74 runbook.window-too-short'],
  ['that, natively',                 own('native: mw-0123456789abcdef0, late: 5m, jitter: 10m'), '6:59 runbook.window-too-short'],
  ['late by a month',                weekly('late: 30d'),                               `6:${String(AT + 8)} runbook.out-of-range`, `6:${String(AT + 8)} runbook.window-too-short`],
  ['another word for late openings', weekly('overlap: replace'),                        `6:${String(AT + 11)} runbook.unknown-value`],
  ['next-window and abort',          weekly('unfinished: next-window, overlap: cancel-running'), '6:90 runbook.contradiction'],
  ['next-window and refuse',         weekly('unfinished: next-window, fit: refuse'),    '6:86 runbook.contradiction'],
  ['next-window and trim',           weekly('unfinished: next-window, fit: trim'),      '6:86 runbook.contradiction'],
  ['a calendar that is not there',   weekly('freezes: [good.ics, gone.ics]'),           `6:${String(AT + 22)} runbook.unreadable-calendar`],
  ['a freeze backwards',             weekly('freezes: [{ from: 2027-01-03, to: 2026-12-20 }]'), '6:90 runbook.contradiction'],
  ['a freeze on no day',             weekly('freezes: [{ from: 2026-06-31, to: 2026-12-20 }]'), '6:74 runbook.malformed'],
  ['a freeze by a word',             weekly('freezes: [christmas]'),                    `6:${String(AT + 12)} runbook.malformed`],
  ['a freeze twice',                 weekly('freezes: [good.ics, good.ics]'),           `6:${String(AT + 11)} runbook.repeated`],
  ['a freeze broken by nobody',      weekly('breakFreeze: { group: nobody }'),          `6:${String(AT + 24)} runbook.unknown-name`],
  ['a freeze broken by too many',    weekly('breakFreeze: { group: sre-leads, count: 4 }'), `6:${String(AT + 42)} runbook.unanswerable-approval`],
  ['a window that never closes',     own('schedule: rate(1 hour), duration: 6h'),       '6:45 runbook.overlaps-itself'],
  ['that, by the clock',             own('schedule: cron(0/15 * * * ? *), duration: 20m'), '6:53 runbook.overlaps-itself'],
  ['a day that no month has',        own('schedule: cron(0 3 30 FEB ? *), duration: 6h'), '6:21 runbook.malformed'],
  ['a year before the start',        own('schedule: cron(0 3 ? * SUN 2026), duration: 6h, start: 2027-01-01T00:00:00Z'), '6:21 runbook.never-opens'],
  ['an opening after the end',       own('schedule: at(2026-12-01T03:00:00), duration: 6h, end: 2026-12-01T03:00:00Z'), '6:21 runbook.never-opens'],
  ['the same, in its zone',          own('schedule: at(2026-12-01T03:00:00), duration: 6h, timezone: America/New_York, end: 2026-12-01T08:00:00Z'), '6:21 runbook.never-opens'],
]

describe('a window that contradicts itself is refused, each mistake in its place', () => {
  it.each<Row>(MISTAKES)('%s', (_, text, ...expected) => {
    expect(mistakes(() => read(text, undefined, known)).map(brief)).toEqual(expected)
  })
})

describe('a window that is unusual is accepted', () => {
  // prettier-ignore
  it.each<[what: string, text: string]>([
    ['the default `late` in a short window', own('schedule: rate(7 days), duration: 20m')],
    ['openings that sometimes overlap', own('schedule: "cron(0 1,3 ? * SUN *)", duration: 3h')],
    ['openings that touch',            own('schedule: rate(6 hours), duration: 6h')],
    ['one opening',                    own('schedule: at(2026-12-01T03:00:00), duration: 7d')],
    ['an opening at the start itself', own('schedule: at(2026-12-01T03:00:00), duration: 6h, start: 2026-12-01T03:00:00Z')],
    ['one that is over, for all we know', own('schedule: cron(0 3 ? * SUN 2020), duration: 6h')],
    ['late just short of the end',     weekly('cutoff: 5h, late: 59m')],
    ['an offset of nothing',           own('schedule: rate(7 days), duration: 6h, offset: 0')],
    ['a zone that is none',            weekly('fit: warn')],
  ])('%s', (_, text) => {
    expect(mistakes(() => read(text, undefined, known))).toEqual([])
  })
})

it('looks at no file and no opening when the caller cannot', () => {
  expect(mistakes(() => read(own('schedule: rate(1 hour), duration: 6h, freezes: [gone.ics]')))).toEqual([])
})

it('tells in words what is wrong', () => {
  const said = (text: string) => mistakes(() => read(text, undefined, known)).map(({ message, hint }) => `${message} | ${hint}`)
  expect(said(own('schedule: rate(1 hour), duration: 6h'))).toEqual([
    'it opens again after 1h at the latest, but stays open for 6h | open it less often, or for a shorter time',
  ])
  expect(said(weekly('freezes: [gone.ics]'))).toEqual([
    'window.freezes[0]: there is no file gone.ics | name an iCalendar file, relative to the working folder',
  ])
  expect(windowOf(own('schedule: rate(1 day), duration: 6h')).times).toMatchObject({ durationMs: DAY / 4 })
})
