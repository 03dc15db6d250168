import { calendarRule, type CalendarRule } from '../core/plan/calendar.ts'
import { advisoriesOfCalendar, freezesOfCalendar, freezesOfDays, inOrder, touches, type Freeze } from '../core/plan/freeze.ts'
import type { FreezeRule, WindowRule } from '../core/runbook/runbook.ts'
import { mapBounded } from '../kit/bounded.ts'
import { PatchwaveError } from '../kit/error.ts'
import { instant, isoSeconds, latest, plus, SECOND, type Instant } from '../kit/instant.ts'
import { clean } from '../kit/text.ts'
import type { NativeWindow } from '../ports/calendars.ts'
import type { World } from './world.ts'

/** Where openings are asked for: what the calendars and files of the world say. */
export type Almanac = Pick<World, 'calendars' | 'files' | 'home' | 'freezes' | 'clock'>

/** The calendar of a window. `rule` is null when its SSM maintenance window is disabled: it never opens. */
export type Calendar = Readonly<{ rule: CalendarRule | null; native: NativeWindow | null }>

/** Sources are read side by side: files quickly, Change Calendars at ten calls a second at most. */
const SOURCES_AT_ONCE = 4

/** A Change Calendar that changes more often in the time asked about is not followed: a window of a day sees a handful of changes. */
const CHANGES_MAX = 100

/** Characters of an error that go on record with the freeze that it makes. */
const WHY_CHARACTERS_MAX = 300

/** The window's calendar, read from SSM where it is `native`. @throws `aws.*` */
export async function calendarOf(world: Almanac, window: WindowRule, signal: AbortSignal): Promise<Calendar> {
  const { times } = window
  if (!('native' in times)) return { rule: calendarRule(window, times), native: null }
  const native = await world.calendars.window(world.home, times.native, signal)
  return { rule: native.enabled ? calendarRule(window, native) : null, native }
}

/**
 * As `calendarOf`, for openings that are waited for: a `rate()` without a start counts from when this runbook was first seen, which the store
 * remembers. Otherwise each question would move its openings.
 */
export async function scheduleOf(
  world: Almanac & Pick<World, 'store'>,
  runbook: string,
  window: WindowRule,
  signal: AbortSignal,
): Promise<Calendar> {
  const calendar = await calendarOf(world, window, signal)
  const { rule } = calendar
  if (rule === null || !rule.schedule.startsWith('rate(') || (rule.start ?? null) !== null) return calendar
  const start = await world.clock.hold(() => firstSeen(world, runbook))
  return { ...calendar, rule: { ...rule, start } }
}

/** As `scheduleOf`, for who only looks: a runbook that was not seen before stays so, and its `rate()` counts from now. */
export async function shownSchedule(
  world: Almanac & Pick<World, 'store'>,
  runbook: string,
  window: WindowRule,
  signal: AbortSignal,
): Promise<Calendar> {
  const seen = await world.clock.hold(() => world.store.cursor(seenKey(runbook)))
  return seen > 0 ? scheduleOf(world, runbook, window, signal) : calendarOf(world, window, signal)
}

const seenKey = (runbook: string): string => `rate:${runbook}`

async function firstSeen({ store, clock }: Pick<World, 'store' | 'clock'>, runbook: string): Promise<Instant> {
  const key = seenKey(runbook)
  const known = await store.cursor(key)
  if (known > 0) return instant(known)
  const now = instant(Math.floor(clock.now() / SECOND) * SECOND)
  await store.setCursor(key, now)
  return now
}

/**
 * Every freeze that touches [`from`, `to`), of the config and of the window, in the order of their beginnings. Days and times without a zone are
 * meant in the window's zone, in UTC without a window. A source that cannot be read freezes the whole time: doubt means no. Only a bug throws.
 */
export async function freezesOf(
  world: Almanac,
  window: WindowRule | null,
  from: Instant,
  to: Instant,
  signal: AbortSignal,
): Promise<readonly Freeze[]> {
  const zone = zoneOf(world, window, signal)
  const found: Freeze[] = []
  const read = (rule: FreezeRule): Promise<readonly Freeze[]> =>
    doubted(rule, from, to, () => freezesBy(world, rule, { zone, from, to, signal }))
  for await (const freezes of mapBounded(rulesOf(world, window), SOURCES_AT_ONCE, read)) found.push(...freezes)
  return inOrder(found)
}

/** The events of calendar files that touch [`from`, `to`) and show as free: people see them there, and they freeze nothing. What cannot be read is left out. */
export async function advisoriesOf(
  world: Almanac,
  window: WindowRule | null,
  from: Instant,
  to: Instant,
  signal: AbortSignal,
): Promise<readonly Freeze[]> {
  const zone = zoneOf(world, window, signal)
  const found: Freeze[] = []
  for (const rule of rulesOf(world, window)) {
    if (rule.kind !== 'file') continue
    try {
      found.push(...advisoriesOfCalendar(await textOf(world, rule.path), rule.path, await zone(), from, to))
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
    }
  }
  return inOrder(found)
}

/** Whether there is any source of freezes to read. */
export const hasFreezes = (world: Pick<World, 'freezes'>, window: WindowRule | null): boolean => rulesOf(world, window).length > 0

/** Those of the config and of the window, each once. */
function rulesOf({ freezes }: Pick<World, 'freezes'>, window: WindowRule | null): readonly FreezeRule[] {
  const all = [...freezes, ...(window?.freezes ?? [])]
  return [...new Map(all.map((rule) => [`${rule.kind} ${sourceOf(rule)}`, rule])).values()]
}

/** The window's zone, asked for when it is needed: of a native window SSM knows it. */
function zoneOf(world: Almanac, window: WindowRule | null, signal: AbortSignal): () => Promise<string> {
  let asked: Promise<string> | undefined
  const ask = async (): Promise<string> => {
    if (window === null) return 'UTC'
    if (!('native' in window.times)) return window.times.timezone
    return (await world.calendars.window(world.home, window.times.native, signal)).timezone
  }
  return () => (asked ??= ask())
}

type Asked = Readonly<{ zone: () => Promise<string>; from: Instant; to: Instant; signal: AbortSignal }>

async function freezesBy(world: Almanac, rule: FreezeRule, asked: Asked): Promise<readonly Freeze[]> {
  const { zone, from, to } = asked
  switch (rule.kind) {
    case 'days':
      return freezesOfDays(rule, await zone(), from, to)
    case 'period': {
      const freeze = { from: rule.from, to: rule.to, why: 'a period without changes', source: sourceOf(rule) }
      return touches(freeze, from, to) ? [freeze] : []
    }
    case 'file':
      return freezesOfCalendar(await textOf(world, rule.path), rule.path, await zone(), from, to)
    case 'ssm':
      return closedTimes(world, rule.name, asked)
  }
}

const textOf = (world: Almanac, path: string): Promise<string> => world.clock.hold(() => world.files.text(path))

/** Walks a Change Calendar from change to change. A closed time is told from where the walk met it to its end. */
async function closedTimes(world: Almanac, name: string, { from, to, signal }: Asked): Promise<readonly Freeze[]> {
  const found: Freeze[] = []
  let at = from
  for (let changes = 0; at < to; changes += 1) {
    if (changes === CHANGES_MAX)
      throw new PatchwaveError(
        'freeze.invalid',
        `it changes more than ${String(CHANGES_MAX)} times from ${isoSeconds(from)} to ${isoSeconds(to)}`,
        {
          hint: 'use a Change Calendar with longer events',
        },
      )
    const { open, until } = await world.calendars.state(world.home, [name], at, signal)
    // AWS rounds to seconds: a change that it sees at this very second is over in the next.
    const end = until === null ? to : latest(until, plus(at, SECOND))
    if (!open) found.push({ from: at, to: end, why: 'the Change Calendar is closed', source: `ssm:${name}` })
    at = end
  }
  return found
}

/** Only what stands for a doubt of the world becomes a freeze; a bug is thrown on. */
async function doubted(rule: FreezeRule, from: Instant, to: Instant, read: () => Promise<readonly Freeze[]>): Promise<readonly Freeze[]> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    const at = error.more.at ? ` (line ${String(error.more.at.line)})` : ''
    return [{ from, to, why: clean(`cannot be read: ${error.message}${at}`, WHY_CHARACTERS_MAX), source: sourceOf(rule) }]
  }
}

function sourceOf(rule: FreezeRule): string {
  if (rule.kind === 'file') return rule.path
  if (rule.kind === 'ssm') return `ssm:${rule.name}`
  return rule.kind === 'days' ? `${rule.from} to ${rule.to}` : `${isoSeconds(rule.from)} to ${isoSeconds(rule.to)}`
}
