import { sha256 } from '../kit/digest.ts'
import { instant, parseInstant, type Instant } from '../kit/instant.ts'
import type { CalendarRule } from '../core/plan/calendar.ts'
import type { Agenda } from '../core/plan/due.ts'
import { logbookOf, readLogbook } from './logbook.ts'
import type { World } from './world.ts'

type Act = Agenda['act']

/** What the store remembers of schedules, beside their openings and journals: positions, each set by whichever process deals with it. */
export class ScheduleMemory {
  readonly #world: Pick<World, 'store' | 'clock'>

  constructor(world: Pick<World, 'store' | 'clock'>) {
    this.#world = world
  }

  /** The last opening of an act that was dealt with; 0: none yet. */
  cursor(runbook: string, act: Act): Promise<Instant> {
    return this.#get(`schedule:${act}:${runbook}`)
  }

  pass(runbook: string, act: Act, opens: Instant): Promise<void> {
    return this.#set(`schedule:${act}:${runbook}`, opens)
  }

  /** Whether one of these acts of the runbook was never seen before. */
  async isNew(runbook: string, acts: readonly Pick<Agenda, 'act'>[]): Promise<boolean> {
    for (const { act } of acts) if ((await this.cursor(runbook, act)) === 0) return true
    return false
  }

  /** The opening that waits for an earlier run of its runbook since before it grew late; 0: none. */
  queued(runbook: string, act: Act): Promise<Instant> {
    return this.#get(`queued:${act}:${runbook}`)
  }

  queue(runbook: string, act: Act, opens: Instant): Promise<void> {
    return this.#set(`queued:${act}:${runbook}`, opens)
  }

  /** Whether the runbook's openings come from another schedule than the one that `follows` was told of last, by whichever process. */
  async hasMoved(runbook: string, rule: CalendarRule | null): Promise<boolean> {
    const before = await this.#get(`times:${runbook}`)
    return before !== 0 && before !== markOf(rule)
  }

  /** From now on the runbook's openings come from this schedule. */
  follows(runbook: string, rule: CalendarRule | null): Promise<void> {
    return this.#set(`times:${runbook}`, markOf(rule))
  }

  /** The last opening of each act that is on record as missed: the cursor may have been lost after it. */
  async missed(runbook: string): Promise<Map<string, Instant>> {
    const { store, clock } = this.#world
    const missed = new Map<string, Instant>()
    await clock.hold(async () => {
      if ((await store.run(logbookOf(runbook))) === undefined) return
      for await (const { type, data } of readLogbook(store, runbook)) {
        const until = typeof data['until'] === 'string' ? parseInstant(data['until']) : undefined
        if (type === 'WindowMissed' && until !== undefined && typeof data['act'] === 'string') missed.set(data['act'], until)
      }
    })
    return missed
  }

  async #get(key: string): Promise<Instant> {
    return instant(await this.#world.clock.hold(() => this.#world.store.cursor(key)))
  }

  #set(key: string, position: number): Promise<void> {
    return this.#world.clock.hold(() => this.#world.store.setCursor(key, position))
  }
}

/** What decides about when a schedule opens, as a number that is never 0. How long it stays open does not move its openings. */
export function markOf(rule: CalendarRule | null): number {
  if (rule === null) return 1
  const { schedule, timezone, onGap, onOverlap, start = null, end = null, offsetDays = 0 } = rule
  return 2 + Number.parseInt(sha256(JSON.stringify([schedule, timezone, onGap, onOverlap, start, end, offsetDays])).slice(0, 12), 16)
}
