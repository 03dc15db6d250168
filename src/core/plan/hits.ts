import { DAY, instant, latest, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { CalendarRule } from './calendar.ts'
import { dayNumber, wall, wallOf, type Wall } from './civil.ts'
import type { Cron } from './cron.ts'
import { YEARS } from './cron-field.ts'
import { wallHits } from './cron-hits.ts'
import { parseSchedule, type Schedule } from './schedule.ts'
import { invalid } from './schedule-mistake.ts'
import { zoneNamed, type Place, type Zone } from './zone.ts'

/** One hit of a schedule, whether or not a window opens at it. */
export type Hit = Readonly<{
  /** What a `cron()` names, before its offset in days. */
  named: Wall
  local: Wall
  place: Place
  /** Where it stands in the order of time: when it opens, or when clocks went over it. */
  at: Instant
  opens: Instant | null
  /** It opens at the same instant as the hit before it, into the same gap: one window, not two. */
  merged: boolean
}>

/** A calendar's zone and schedule, read and checked. `start` and `end` are absent or bounds. */
export type ReadRule = Readonly<{ zone: Zone; schedule: Schedule; offsetMs: Ms; start: Instant | null; end: Instant | null }>

/** Nothing opens before the first year of the grammar begins anywhere, nor after its last one has ended. */
const FIRST = instant(dayNumber(YEARS.least, 1, 1) * DAY - DAY)
const LAST = instant(dayNumber(YEARS.most + 1, 1, 1) * DAY - 1)

/** Reads the zone, the schedule and its offset. @throws `schedule.invalid` */
export function readRule(rule: CalendarRule): ReadRule {
  const zone = zoneNamed(rule.timezone)
  const schedule = parseSchedule(rule.schedule)
  const offset = rule.offsetDays ?? 0
  if (!Number.isInteger(offset) || offset < 0 || offset > 6)
    throw invalid('offset', 1, 'offset', `${String(offset)} days`, 'the offset is a whole number of days, 0-6')
  if (offset > 0 && schedule.kind !== 'cron')
    throw invalid('offset', 1, 'offset', 'an offset needs cron()', 'leave the offset out or write cron()')
  return { zone, schedule, offsetMs: offset * DAY, start: rule.start ?? null, end: rule.end ?? null }
}

/**
 * Every hit after `after` in the order of time, the swallowed and the merged ones included.
 * @throws `schedule.invalid`
 */
export function hits(rule: CalendarRule, after: Instant): Generator<Hit, void, undefined> {
  const read = readRule(rule)
  if (read.schedule.kind === 'cron') return cronHits(rule, read, read.schedule.cron, after)
  return read.schedule.kind === 'rate'
    ? rateHits(read, read.schedule.everyMs, after)
    : atHit(rule, read, wallOf(read.schedule.local), after)
}

const over = ({ end }: ReadRule, at: Instant): boolean => end !== null && at >= end

function* rateHits(read: ReadRule, everyMs: Ms, after: Instant): Generator<Hit, void, undefined> {
  const start = read.start ?? after
  for (let turn = after < start ? 0 : Math.floor((after - start) / everyMs) + 1; ; turn += 1) {
    const at = plus(start, turn * everyMs)
    if (at > LAST || over(read, at)) return
    const local = read.zone.wall(at)
    yield { named: local, local, place: { kind: 'once', at }, at, opens: at, merged: false }
  }
}

function* atHit(rule: CalendarRule, read: ReadRule, local: Wall, after: Instant): Generator<Hit, void, undefined> {
  const hit = placed(rule, read.zone, local, local, null)
  if (hit.at > after && hit.at >= (read.start ?? hit.at) && !over(read, hit.at)) yield hit
}

function* cronHits(rule: CalendarRule, read: ReadRule, cron: Cron, after: Instant): Generator<Hit, void, undefined> {
  const { zone, offsetMs, start } = read
  const begin = latest(after, FIRST, start === null ? FIRST : plus(start, -1))
  if (begin > LAST) return
  let last: Instant | null = null
  for (const named of wallHits(cron, wall(zone.firstWall(begin) - offsetMs))) {
    // A hit before the validity has no opening, even when its offset reaches into it: as AWS leaves out the period whose cron day has passed.
    if (offsetMs > 0 && start !== null && placed(rule, zone, named, named, null).at < start) continue
    const hit = placed(rule, zone, named, wall(named + offsetMs), last)
    if (over(read, hit.at)) return
    if (hit.at <= begin) continue
    last = hit.opens ?? last
    yield hit
  }
}

/** Puts a local time onto the zone's clock by the rules for clock changes. */
function placed({ onGap, onOverlap }: CalendarRule, zone: Zone, named: Wall, local: Wall, last: Instant | null): Hit {
  const place = zone.place(local)
  const at = place.kind === 'twice' ? place[onOverlap] : place.kind === 'gap' ? place.change.at : place.at
  const opens = place.kind === 'gap' && onGap === 'skip' ? null : at
  return { named, local, place, at, opens, merged: opens !== null && opens === last }
}
