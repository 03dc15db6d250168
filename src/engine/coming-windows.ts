import { neverFires, nextOpenings, zoneDataOf, type CalendarRule } from '../core/plan/calendar.ts'
import { timeText, wall, wallText } from '../core/plan/civil.ts'
import { freezeAt, type Freeze } from '../core/plan/freeze.ts'
import { oddities, type Listed } from '../core/plan/odd-days.ts'
import type { WindowTimes } from '../core/plan/plan.ts'
import { zoneNamed, type Zone } from '../core/plan/zone.ts'
import type { WindowRule } from '../core/runbook/runbook.ts'
import { DAY, instant, plus, type Instant, type Ms } from '../kit/instant.ts'
import type { Files, NativeWindow } from '../ports/calendars.ts'
import { advisoriesOf, shownSchedule, freezesOf, type Almanac } from './almanac.ts'
import { nativeDifferences } from './native-differences.ts'
import type { World } from './world.ts'

/** Odd days are told two years ahead: every kind of clock change and a leap day or none lie in it twice. */
const ODD_MS: Ms = 2 * 366 * DAY

/** A window to come. Local times carry their offset, `2026-03-08T03:00:00-04:00`. */
export type ComingWindow = WindowTimes &
  Readonly<{
    opensLocal: string
    closesLocal: string
    /** A sentence for each thing that is odd about it. */
    odd: readonly string[]
    freezes: readonly Freeze[]
    /** Events of calendar files that look like freezes and are none: they show as free. */
    advisories: readonly Freeze[]
    /** When a run may begin in it, after the freezes that hold at its opening; null: they hold past its cutoff. */
    starts: Instant | null
  }>

/** What there is to know of a runbook's windows from some instant on. */
export type Coming = Readonly<{
  rule: CalendarRule | null
  native: NativeWindow | null
  /** What this engine does otherwise than SSM with a native window. */
  differences: readonly string[]
  zoneData: string
  windows: readonly ComingWindow[]
  /** Every hit of the next two years with something odd about it. */
  odd: readonly Listed[]
  /** Why nothing opens any more; null: something does. */
  never: string | null
}>

/**
 * The next `count` windows strictly after `from`, with the freezes that touch them, and what is odd in the two years from then on.
 * @throws `schedule.invalid`, and `aws.*` when a native window cannot be read
 */
export async function comingWindows(
  world: Almanac & Pick<World, 'store'>,
  runbook: string,
  window: WindowRule,
  { from, count }: Readonly<{ from: Instant; count: number }>,
  signal: AbortSignal,
): Promise<Coming> {
  const { rule, native } = await shownSchedule(world, runbook, window, signal)
  const differences = native ? nativeDifferences(native, window, from) : []
  const zoneData = zoneDataOf(process.versions['tz'])
  if (rule === null) return { rule, native, differences, zoneData, windows: [], odd: [], never: 'the SSM maintenance window is disabled' }
  const never = neverFires(rule, from)
  if (never !== null) return { rule, native, differences, zoneData, windows: [], odd: [], never }
  // Read once: every window asks the same files, and the zone of a native window is known by now.
  const asked = { ...world, files: remembered(world.files) }
  const known: WindowRule = native ? { ...window, times: native } : window
  const windows: ComingWindow[] = []
  for (const times of nextOpenings(rule, from, count)) windows.push(await comingWindow(asked, known, rule, times, signal))
  const odd = [...oddities(rule, from, plus(from, ODD_MS))].filter(({ marks }) => marks.length > 0)
  return { rule, native, differences, zoneData, windows, odd, never }
}

async function comingWindow(
  world: Almanac,
  window: WindowRule,
  rule: CalendarRule,
  times: WindowTimes,
  signal: AbortSignal,
): Promise<ComingWindow> {
  const { opens, closes } = times
  const zone = zoneNamed(rule.timezone)
  const freezes = await freezesOf(world, window, opens, closes, signal)
  const listed = [...oddities(rule, plus(opens, -1), plus(opens, 1))].find((one) => one.opens === opens)
  return {
    ...times,
    opensLocal: localText(zone, opens),
    closesLocal: localText(zone, closes),
    odd: listed?.odd ?? [],
    freezes,
    advisories: await advisoriesOf(world, window, opens, closes, signal),
    starts: startIn(times, freezes),
  }
}

/** After every freeze that is met, one after the other. */
function startIn({ opens, cutoff }: WindowTimes, freezes: readonly Freeze[]): Instant | null {
  let at = opens
  for (let freeze = freezeAt(freezes, at); freeze !== undefined; freeze = freezeAt(freezes, at)) at = instant(Math.max(freeze.to, at + 1))
  return at < cutoff ? at : null
}

function localText(zone: Zone, at: Instant): string {
  const offset = zone.offsetMs(at)
  return `${wallText(zone.wall(at))}${offset < 0 ? '-' : '+'}${timeText(wall(Math.abs(offset))).slice(0, 5)}`
}

function remembered(files: Files): Files {
  const texts = new Map<string, Promise<string>>()
  return {
    text(path) {
      const found = texts.get(path) ?? files.text(path)
      texts.set(path, found)
      return found
    },
  }
}
