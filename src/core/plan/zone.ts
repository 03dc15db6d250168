import { Temporal } from 'temporal-polyfill'
import { DAY, instant, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import { dayNumber, wall, type Wall } from './civil.ts'
import { invalid } from './schedule-mistake.ts'

/** At `at` clocks of the zone go from `beforeMs` to `afterMs` ahead of UTC. */
export type Change = Readonly<{ at: Instant; beforeMs: Ms; afterMs: Ms }>

/** Where a local time falls: on one instant; on none, because clocks went over it at the change; on two, because they went back over it. */
export type Place = Readonly<
  { kind: 'once'; at: Instant } | { kind: 'gap'; change: Change } | { kind: 'twice'; first: Instant; second: Instant; change: Change }
>

/** Clocks are at most 16 hours away from UTC and move by a day at most (Samoa, 2011): a change further away touches no local time. */
const REACH: Ms = 2 * DAY

/** Schedules know the years 1970-2199: outside these instants a zone keeps the offset that it has there. */
const LEAST = instant(dayNumber(1969, 1, 1) * DAY)
const MOST = instant(dayNumber(2201, 1, 1) * DAY)

/** More than there are names and spellings in use. Beyond it the table is begun anew. */
const ZONES_MAX = 2_000
const ZONES = new Map<string, Zone>()

/**
 * The zone of an IANA name, in any case. The same name gives the same zone, which remembers the changes that it was asked about.
 * @throws `schedule.invalid`
 */
export function zoneNamed(name: string): Zone {
  const found = ZONES.get(name)
  if (found !== undefined) return found
  if (ZONES.size === ZONES_MAX) ZONES.clear()
  const zone = new Zone(canonical(name))
  ZONES.set(name, zone)
  return zone
}

function canonical(name: string): string {
  const wrong = invalid('timezone', 1, 'timezone', `"${name}" is no time zone`, 'write an IANA name such as Europe/Berlin or UTC')
  if (!/^[A-Za-z]/.test(name)) throw wrong // An offset such as +02:00 knows no clock changes; maintenance windows do not take it either.
  try {
    return clock(0, name).timeZoneId
  } catch (cause) {
    if (cause instanceof RangeError) throw wrong
    throw cause
  }
}

const clock = (epochMs: number, name: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(name)

/** Changes are looked up one after the other, at a third of a millisecond each: a schedule that leaps over decades begins anew where it lands. */
const STRETCH: Ms = 16 * 365 * DAY

/**
 * A time zone as integers. Its changes are looked up once, as far as they are asked about, and then stay known: a local time is placed in
 * well under a microsecond. What it answers depends on its arguments and the zone data alone.
 */
export class Zone {
  readonly name: string
  readonly #stretches = new Map<number, Stretch>()

  constructor(name: string) {
    this.name = name
  }

  /** How far clocks are ahead of UTC. */
  offsetMs(at: Instant): Ms {
    return this.#around(at).offsetMs(at)
  }

  /** What clocks show. */
  wall(at: Instant): Wall {
    return wall(at + this.offsetMs(at))
  }

  /** No local time before this one falls on an instant after `at`, not even as the second of two. */
  firstWall(at: Instant): Wall {
    const coming = this.changes(plus(at, 1), plus(at, REACH)).map((change) => change.at + change.afterMs)
    return wall(Math.min(this.wall(at), ...coming))
  }

  /** Where a local time falls. */
  place(local: Wall): Place {
    return this.#around(local).place(local)
  }

  /** The changes from `from` up to but not at `to`, in order. */
  changes(from: Instant, to: Instant): readonly Change[] {
    const found: Change[] = []
    const [least, most] = [within(from), within(to)]
    for (let begin = least; begin < most; begin = (Math.floor(begin / STRETCH) + 1) * STRETCH) {
      const end = Math.min(most, (Math.floor(begin / STRETCH) + 1) * STRETCH)
      found.push(...this.#around(begin).changes(begin, end))
    }
    return found
  }

  #around(at: number): Stretch {
    const key = Math.floor(within(at) / STRETCH)
    const found = this.#stretches.get(key)
    if (found !== undefined) return found
    const stretch = new Stretch(this.name)
    this.#stretches.set(key, stretch)
    return stretch
  }
}

const within = (at: number): number => Math.min(Math.max(at, LEAST), MOST)

/** What is known of a zone around some years. */
class Stretch {
  readonly #name: string
  /** All changes from `#from` to `#to`, in order. */
  readonly #changes: Change[] = []
  #from: number = Infinity
  #to: number = -Infinity
  /** Where no change is known. */
  #offsetMs: Ms = 0

  constructor(name: string) {
    this.#name = name
  }

  offsetMs(at: number): Ms {
    this.#know(at, at)
    return this.#offsetAfter(this.#last(at))
  }

  place(local: Wall): Place {
    this.#know(local - REACH, local + REACH)
    let last = this.#last(local + REACH)
    let change = this.#changes[last]
    while (change !== undefined && local < change.at + Math.min(change.beforeMs, change.afterMs)) change = this.#changes[--last]
    if (change === undefined) return { kind: 'once', at: instant(local - this.#offsetAfter(-1)) }
    const { at, beforeMs, afterMs } = change
    if (local >= at + Math.max(beforeMs, afterMs)) return { kind: 'once', at: instant(local - afterMs) }
    if (afterMs > beforeMs) return { kind: 'gap', change }
    return { kind: 'twice', first: instant(local - beforeMs), second: instant(local - afterMs), change }
  }

  changes(from: number, to: number): readonly Change[] {
    this.#know(from, to)
    const first = this.#last(from - 1) + 1
    return this.#changes.slice(first, Math.max(first, this.#last(to - 1) + 1))
  }

  /** Position of the last known change at or before an instant, -1 if there is none. */
  #last(at: number): number {
    let low = 0
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const change = this.#changes[middle]
      if (change !== undefined && change.at <= at) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #offsetAfter(position: number): Ms {
    return this.#changes[position]?.afterMs ?? this.#changes[0]?.beforeMs ?? this.#offsetMs
  }

  /** Looks up the changes of a range that are not known yet, one after the other from what is known. */
  #know(from: number, to: number): void {
    if (from >= this.#from && to <= this.#to) return
    const least = within(from)
    const most = within(to)
    if (this.#from > this.#to) {
      const origin = Math.floor(least / SECOND) * SECOND - SECOND / 2 // Between two seconds, so that it is no change itself.
      this.#from = origin
      this.#to = origin
      this.#offsetMs = this.#read(origin)
    }
    while (this.#to < most) {
      const next = clock(this.#to, this.#name).getTimeZoneTransition('next')?.epochMilliseconds ?? MOST
      if (next < MOST) this.#changes.push(this.#changeAt(next))
      this.#to = Math.min(next, MOST)
    }
    while (this.#from > least) {
      const previous = clock(this.#from, this.#name).getTimeZoneTransition('previous')?.epochMilliseconds ?? LEAST
      if (previous > LEAST) this.#changes.unshift(this.#changeAt(previous))
      this.#from = Math.max(previous, LEAST)
    }
  }

  #changeAt(at: number): Change {
    return { at: instant(at), beforeMs: this.#read(at - 1), afterMs: this.#read(at) }
  }

  #read(at: number): Ms {
    return clock(at, this.#name).offsetNanoseconds / 1_000_000
  }
}
