import { DAY, earliest, latest, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { CalendarRule } from './calendar.ts'
import { dateOf, dateText, dayNumber, daysIn, timeText, wall, wallText, type Wall } from './civil.ts'
import type { DayRule } from './cron-day.ts'
import { monthsWithout } from './cron-hits.ts'
import { hits, readRule, type Hit, type ReadRule } from './hits.ts'
import type { Zone } from './zone.ts'

/** What can be odd about a hit of a schedule. */
export type Oddity =
  /** Its local time does not exist, and it is left out. */
  | 'gap-skipped'
  /** Its local time does not exist; it opens when clocks have gone over it. */
  | 'gap-moved'
  /** A hit that clocks went over opens at that instant already. */
  | 'gap-merged'
  /** Its local time comes twice; it opens once. */
  | 'doubled'
  /** Clocks change while it is open, so that it closes at another local time than on other days. */
  | 'clock-change-inside'
  /** Its offset in days leads into the next month. */
  | 'next-month'
  | 'leap-day'
  /** A month of the schedule that has no such day: no fifth Monday, no 31st. */
  | 'no-such-day'
  /** `rate()` counts elapsed time: since the opening before, its local time has moved. */
  | 'rate-moved'

/** A hit as people read it. */
export type Listed = Readonly<{
  /** Null: no window opens; `marks` says why. */
  opens: Instant | null
  closes: Instant | null
  /** What the schedule names in its zone, `2026-03-08T02:30:00`; of a month without such a day the month, `2026-02`. */
  local: string
  /** What clocks show when it opens and when it closes, and how far they are ahead of UTC when it opens; empty where nothing opens. */
  opensLocal: string
  closesLocal: string
  utcOffset: string
  marks: readonly Oddity[]
  /** A sentence for each of them, in the same order. */
  odd: readonly string[]
}>

type Finding = readonly [oddity: Oddity, text: string]

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/**
 * Every hit after `from` and before `to` in the order of time, the swallowed ones and the months without one included, each with what is odd about it.
 * @throws `schedule.invalid`
 */
export function* oddities(rule: CalendarRule, from: Instant, to: Instant): Generator<Listed, void, undefined> {
  const read = readRule(rule)
  const absent = absences(read, from, to)
  let next = absent.next()
  let before: Hit | null = null
  for (const hit of hits(rule, from)) {
    if (hit.at >= to) break
    for (; next.done !== true && next.value.at < hit.local; next = absent.next()) yield next.value.row
    yield rowOf(rule, read, hit, before)
    before = hit
  }
  for (; next.done !== true; next = absent.next()) yield next.value.row
}

function rowOf(rule: CalendarRule, read: ReadRule, hit: Hit, before: Hit | null): Listed {
  const { zone } = read
  const opens = hit.merged ? null : hit.opens
  const closes = opens === null ? null : plus(opens, rule.durationMs)
  const found = [...ofClock(rule, hit), ...ofDate(hit), ...(read.schedule.kind === 'rate' ? ofRate(zone, hit, before) : [])]
  if (opens !== null) found.push(...ofClose(zone, opens, rule.durationMs))
  return {
    opens,
    closes,
    local: wallText(hit.local),
    opensLocal: opens === null ? '' : wallText(zone.wall(opens)),
    closesLocal: closes === null ? '' : wallText(zone.wall(closes)),
    utcOffset: opens === null ? '' : offsetText(zone.offsetMs(opens)),
    marks: found.map(([oddity]) => oddity),
    odd: found.map(([, text]) => text),
  }
}

function ofClock({ onOverlap }: CalendarRule, { place, local, opens, merged }: Hit): Finding[] {
  if (place.kind === 'once')
    return merged ? [['gap-merged', `${short(local)} is when a hit that clocks went over opens already; it is one with it`]] : []
  const { at, beforeMs, afterMs } = place.change
  if (place.kind === 'twice')
    return [
      [
        'doubled',
        `${short(local)} comes twice, at ${offsetText(beforeMs)} and ${offsetText(afterMs)}; it opens the ${onOverlap} time only`,
      ],
    ]
  const [stop, goOn] = [wall(at + beforeMs), wall(at + afterMs)]
  const text = sameDate(stop, goOn) ? short : wallText // Samoa left out a whole day.
  const why = `${text(local)} does not exist: clocks go from ${text(stop)} to ${text(goOn)}`
  if (opens === null) return [['gap-skipped', `${why}; it is left out`]]
  if (merged) return [['gap-merged', `${why}; it is one with the opening before it`]]
  return [['gap-moved', `${why}; it opens then, at ${text(goOn)}`]]
}

function ofDate({ named, local }: Hit): Finding[] {
  const found: Finding[] = []
  const [from, to] = [dateOf(named), dateOf(local)]
  if (from.month !== to.month) found.push(['next-month', `its offset leads from ${dateText(from)} into the next month`])
  if (to.month === 2 && to.day === 29) found.push(['leap-day', 'it is a 29 February'])
  return found
}

function ofRate(zone: Zone, { at }: Hit, before: Hit | null): Finding[] {
  if (before === null || zone.offsetMs(before.at) === zone.offsetMs(at)) return []
  const away = `clocks are ${offsetText(zone.offsetMs(at))} now, ${offsetText(zone.offsetMs(before.at))} before`
  return [['rate-moved', `rate() counts elapsed time and does not follow clocks: ${away}`]]
}

function ofClose(zone: Zone, opens: Instant, durationMs: Ms): Finding[] {
  const shown = zone.wall(plus(opens, durationMs))
  const usual = wall(zone.wall(opens) + durationMs)
  if (shown === usual) return []
  return [
    ['clock-change-inside', `clocks change while it is open: it closes at ${short(shown)} instead of ${short(usual)}, after the same time`],
  ]
}

/** The months without a day that the schedule names; each stands at its end, where the fifth weekday or the 31st would have been. */
function* absences(read: ReadRule, from: Instant, to: Instant): Generator<Readonly<{ at: Wall; row: Listed }>, void, undefined> {
  const { schedule, zone, offsetMs, start, end } = read
  if (schedule.kind !== 'cron') return
  const first = zone.wall(latest(from, start ?? from))
  const last = zone.wall(earliest(to, end ?? to))
  for (const { year, month, rules } of monthsWithout(schedule.cron, wall(first - offsetMs))) {
    const at = wall((dayNumber(year, month, daysIn(year, month)) + 1) * DAY - 1 + offsetMs)
    if (at > last) return
    if (at > first) yield { at, row: absence(dateText({ year, month, day: 1 }).slice(0, 7), rules) }
  }
}

function absence(month: string, rules: readonly DayRule[]): Listed {
  const nothing = { opens: null, closes: null, opensLocal: '', closesLocal: '', utcOffset: '' }
  return {
    ...nothing,
    local: month,
    marks: rules.map(() => 'no-such-day'),
    odd: rules.map((rule) => `${month} has no ${dayName(rule)}`),
  }
}

function dayName(rule: DayRule): string {
  if (rule.on === 'nth-weekday') return `fifth ${WEEKDAYS[rule.weekday - 1] ?? ''}` // Only a fifth one can be missing.
  if (rule.on === 'before-last') return `day that is ${String(rule.days)} days before its last`
  return rule.on === 'day' || rule.on === 'nearest-weekday' ? `day ${String(rule.day)}` : 'such day'
}

const sameDate = (one: Wall, other: Wall): boolean => Math.floor(one / DAY) === Math.floor(other / DAY)

/** `02:30`, with seconds where there are any. */
const short = (at: Wall): string => timeText(at).replace(/:00$/, '')

/** `-04:00`; with seconds in the years in which a zone had such. */
export function offsetText(offsetMs: Ms): string {
  const size = timeText(wall(Math.abs(offsetMs))).replace(/^(..:..):00$/, '$1')
  return `${offsetMs < 0 ? '-' : '+'}${size}`
}
