import { formatDuration } from '../../kit/duration.ts'
import { instant, isDay, parseInstant, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { periodMistakes } from '../../kit/period.ts'
import { spoken } from '../../kit/schema.ts'
import { durationOf } from './amount.ts'
import { each, one, texts, type Finding } from './finding.ts'
import { recordOf, type Known } from './references.ts'
import type { WindowTimesRule } from './runbook.ts'

/**
 * The keys of the window do not contradict one another. `root` has its defaults filled in, `written` has not: only what a person wrote can
 * contradict an SSM maintenance window.
 */
export function windowFindings(root: unknown, written: unknown, known: Known): readonly Finding[] {
  const value = one(root, '/window')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const window = recordOf(value)
  const own = recordOf(one(written, '/window'))
  return [
    ...nativeFindings(own),
    ...lengthFindings(root, window, own),
    ...scheduleFindings(root, known),
    ...validityFindings(root, window),
    ...overlapFindings(window),
    ...freezeFindings(root, known),
    ...openingFindings(window, known),
  ]
}

/** What an SSM maintenance window says itself. */
const NATIVE_SAYS = ['schedule', 'timezone', 'duration', 'cutoff', 'offset', 'start', 'end']

/** What must be said where no SSM maintenance window says it, by example. */
const OWN_SAYS: Readonly<Record<string, string>> = { schedule: 'cron(0 3 ? * SUN *)', duration: '6h' }

function nativeFindings(own: Readonly<Record<string, unknown>>): readonly Finding[] {
  if (own['native'] === undefined) {
    const missing = Object.entries(OWN_SAYS).filter(([key]) => !Object.hasOwn(own, key))
    return missing.map(([key, example]) => {
      const hint = `add it: \`${key}: ${example}\`, or name an SSM maintenance window with \`native\``
      return { pointer: '/window', part: 'key', kind: 'missing-key', message: `"${key}" is missing in window`, hint }
    })
  }
  return NATIVE_SAYS.filter((key) => Object.hasOwn(own, key)).map((key) => ({
    pointer: `/window/${key}`,
    part: 'key',
    kind: 'contradiction',
    message: `the SSM maintenance window says ${key} itself`,
    hint: `remove \`${key}\`, or \`native\``,
  }))
}

function lengthFindings(
  root: unknown,
  window: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
): readonly Finding[] {
  const { duration, cutoff, unfinished, late, jitter } = window
  const open = durationOf(duration)
  const closing = durationOf(cutoff)
  const findings: Finding[] = []
  const short = (key: string, message: string, hint: string) =>
    findings.push({ pointer: `/window/${key}`, kind: 'window-too-short', message, hint })
  const lateMs = own['late'] === undefined ? undefined : durationOf(late)
  const jitterMs = durationOf(jitter)
  if (lateMs !== undefined && jitterMs !== undefined && jitterMs > lateMs)
    short(
      'jitter',
      `the start is put off by up to ${String(jitter)}, but counts as missed after ${String(late)}`,
      'make `late` as long as `jitter`',
    )
  if (open === undefined || closing === undefined) return findings
  const left = open - closing
  if (left <= 0) {
    short(
      'cutoff',
      `the cutoff (${String(cutoff)}) leaves nothing of a window of ${String(duration)}`,
      'make `cutoff` shorter than `duration`',
    )
    return findings
  }
  const startable = `nothing starts later than ${formatDuration(left)} after the opening`
  if (lateMs !== undefined && lateMs >= left)
    short('late', `${startable}, but it may be begun ${String(late)} late`, `choose less than ${formatDuration(left)}`)
  if (jitterMs !== undefined && jitterMs >= left)
    short('jitter', `${startable}, but the start is put off by up to ${String(jitter)}`, `choose less than ${formatDuration(left)}`)
  return unfinished === 'stop' ? [...findings, ...bakeFindings(root, left)] : findings
}

/** Waves follow each other only after the bakes between them: when these alone fill the window, the last wave can never start. */
function bakeFindings(root: unknown, startableMs: Ms): readonly Finding[] {
  const bakes = each(root, '/waves/*/gate/bake').slice(0, -1)
  let total = 0
  for (const { pointer, value } of bakes) {
    total += durationOf(value) ?? 0
    if (total < startableMs) continue
    const message = `the bakes up to here take ${formatDuration(total)}, but nothing starts later than ${formatDuration(startableMs)} after the opening`
    return [{ pointer, kind: 'window-too-short', message, hint: 'bake shorter, open the window longer, or say `unfinished: next-window`' }]
  }
  return []
}

const SCHEDULE_FORMS = /^(cron\(\S+( +\S+){5,6}\)|rate\([1-9][0-9]{0,8} (minute|hour|day)s?\)|at\(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\))$/

function scheduleFindings(root: unknown, known: Known): readonly Finding[] {
  return texts(root, '/window/schedule').flatMap(({ pointer, value }) => {
    const outer = SCHEDULE_FORMS.test(value) ? undefined : `"${value}" is not a schedule`
    const mistake = known.scheduleMistake ? known.scheduleMistake(value) : outer
    const hint = 'cron(minute hour day-of-month month day-of-week year), rate(7 days) or at(2026-12-01T03:00:00)'
    return mistake === undefined ? [] : [{ pointer, kind: 'malformed', message: mistake, hint } as const]
  })
}

function validityFindings(root: unknown, { schedule, offset, start, end }: Readonly<Record<string, unknown>>): readonly Finding[] {
  const findings = ['start', 'end'].flatMap((key) =>
    texts(root, `/window/${key}`)
      .filter(({ value }) => /^\d{4}-\d{2}-\d{2}T/.test(value) && parseInstant(value) === undefined)
      .map(({ pointer, value }): Finding => {
        const message = isDay(value.slice(0, 10)) ? `there is no such time: ${value}` : `there is no ${value.slice(0, 10)}`
        return { pointer, kind: 'malformed', message, hint: 'write it like 2026-12-01T00:00:00Z' }
      }),
  )
  if (typeof offset === 'number' && offset > 0 && typeof schedule === 'string' && !schedule.startsWith('cron(')) {
    const message = 'an offset counts days from the hits of a cron expression'
    findings.push({ pointer: '/window/offset', kind: 'contradiction', message, hint: 'write the schedule as cron(), or remove `offset`' })
  }
  const from = instantOf(start)
  const to = instantOf(end)
  if (from !== null && to !== null && from >= to) {
    const message = `the window ends (${String(end)}) before it begins (${String(start)})`
    findings.push({ pointer: '/window/end', kind: 'contradiction', message, hint: 'make `end` later than `start`' })
  }
  return findings
}

/** A run that goes on in the next window is unfinished by design: nothing may count that against it. */
function overlapFindings({ unfinished, overlap, fit }: Readonly<Record<string, unknown>>): readonly Finding[] {
  if (unfinished !== 'next-window') return []
  const findings: Finding[] = []
  if (overlap === 'cancel-running') {
    const message = '`unfinished: next-window` goes on at the next opening, `overlap: cancel-running` aborts it there'
    findings.push({
      pointer: '/window/overlap',
      kind: 'contradiction',
      message,
      hint: 'choose `overlap: queue` or `skip`, or `unfinished: stop`',
    })
  }
  if (fit === 'refuse' || fit === 'trim') {
    const message = `\`unfinished: next-window\` may take several windows, \`fit: ${fit}\` asks that one is enough`
    findings.push({ pointer: '/window/fit', kind: 'contradiction', message, hint: 'remove `fit`, or say `unfinished: stop`' })
  }
  return findings
}

function freezeFindings(root: unknown, known: Known): readonly Finding[] {
  return each(root, '/window/freezes/*').flatMap(({ pointer, value }): readonly Finding[] => {
    if (typeof value !== 'string') return periodMistakes(value).map(({ key, ...mistake }) => ({ pointer: `${pointer}/${key}`, ...mistake }))
    const mistake = value.endsWith('.ics') ? known.calendarMistake?.(value) : undefined
    if (mistake === undefined) return []
    const hint = 'name an iCalendar file, relative to the working folder'
    return [{ pointer, kind: 'unreadable-calendar', message: `${spoken(pointer)}: ${mistake}`, hint }]
  })
}

/** A week of openings every five minutes, which is the fastest that a schedule may be, and the next one: enough to tell what always holds. */
const OPENINGS_LOOKED_AT = 7 * 288 + 1

/** What can be told of the openings without knowing what time it is. */
function openingFindings(window: Readonly<Record<string, unknown>>, known: Known): readonly Finding[] {
  const times = timesOf(window)
  if (times === undefined || known.openings === undefined) return []
  const after = plus(times.start ?? instant(0), -1)
  const first = known.openings(times, after, 2)
  if (first === undefined) return []
  if (first.length === 0) {
    const within = times.start === null && times.end === null ? 'at all' : 'between `start` and `end`'
    const message = `"${times.schedule}" has no opening ${within}`
    return [{ pointer: '/window/schedule', kind: 'never-opens', message, hint: 'change the schedule, or the bounds' }]
  }
  if (first.length < 2 || longestPause(first) >= times.durationMs) return []
  const pause = longestPause(known.openings(times, after, OPENINGS_LOOKED_AT) ?? [])
  if (pause >= times.durationMs) return []
  const message = `it opens again after ${formatDuration(pause)} at the latest, but stays open for ${formatDuration(times.durationMs)}`
  return [{ pointer: '/window/duration', kind: 'overlaps-itself', message, hint: 'open it less often, or for a shorter time' }]
}

const longestPause = (openings: readonly Instant[]): Ms =>
  openings.reduce((longest, opens, index) => Math.max(longest, opens - (openings[index - 1] ?? opens)), 0)

function timesOf({
  schedule,
  timezone,
  duration,
  cutoff,
  offset,
  start,
  end,
}: Readonly<Record<string, unknown>>): WindowTimesRule | undefined {
  const durationMs = durationOf(duration)
  const cutoffMs = durationOf(cutoff)
  if (typeof schedule !== 'string' || typeof timezone !== 'string' || durationMs === undefined || cutoffMs === undefined) return undefined
  if (cutoffMs >= durationMs || typeof offset !== 'number') return undefined
  const bounds = { start: instantOf(start), end: instantOf(end) }
  if ((start !== undefined && bounds.start === null) || (end !== undefined && bounds.end === null)) return undefined
  return { schedule, timezone, durationMs, cutoffMs, offsetDays: offset, ...bounds }
}

const instantOf = (value: unknown): Instant | null => (typeof value === 'string' ? (parseInstant(value) ?? null) : null)
