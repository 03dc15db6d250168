import { MINUTE, plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import type { StatusEvent } from '../core/run/status-event.ts'

/** That a node's part of a command has ended. */
export type Said = Omit<Extract<StatusEvent, { kind: 'ended' }>, 'kind'>

/** An event, and how often its command was looked for. */
export type Stray = Readonly<{ said: Said; asked: number }>

/**
 * When the command of an event is looked for again after nobody knew it. Its sender may not have written down yet that SSM took it: that lasts
 * a moment, and about a minute where the answer was lost and the command has to be found.
 */
const AGAIN_MS: readonly Ms[] = [20 * SECOND, MINUTE]

/** As many as are kept; of an account whose own commands fill the queue the oldest are strangers' sooner. */
const STRAYS_MAX = 1_000

/** Events whose command nobody knows, kept for a moment. In memory: what is lost with the process is read by page. */
export class Strays {
  #kept: { stray: Stray; at: Instant }[] = []

  /** Takes those out that are to be looked for again. */
  due(now: Instant): Stray[] {
    const due = this.#kept.filter(({ at }) => at <= now)
    if (due.length > 0) this.#kept = this.#kept.filter(({ at }) => at > now)
    return due.map(({ stray }) => stray)
  }

  /** Keeps what was not found this time; resolves to how many are given up as strangers'. */
  keep(strays: readonly Stray[], now: Instant): number {
    const asked = strays.map(({ said, asked: before }) => ({ said, asked: before + 1 }))
    const kept = asked.flatMap((stray) => {
      const pauseMs = AGAIN_MS[stray.asked - 1]
      return pauseMs === undefined ? [] : [{ stray, at: plus(now, pauseMs) }]
    })
    this.#kept.push(...kept)
    const over = Math.max(0, this.#kept.length - STRAYS_MAX)
    this.#kept.splice(0, over)
    return asked.length - kept.length + over
  }
}
