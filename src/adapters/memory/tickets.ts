import { keysOf, type Ask, type Place, type Ticket } from '../../core/run/turns.ts'
import type { RunId } from '../../kit/ids.ts'
import { plus, type Instant } from '../../kit/instant.ts'
import { TICKET_MS } from '../../ports/store.ts'

type Kept = Readonly<{ ticket: Ticket; seen: Instant }>

/** The queues in which refused claims wait. */
export class Tickets {
  #kept: Kept[] = []
  #last = 0

  /** Fresh tickets of all runs on what is asked for. */
  fresh(ask: Ask, at: Instant): Ticket[] {
    if (this.#kept.length === 0) return []
    const keys = new Set(keysOf(ask))
    return this.#kept.filter(({ ticket, seen }) => seen > plus(at, -TICKET_MS) && keys.has(ticket.key)).map(({ ticket }) => ticket)
  }

  /** Takes a ticket for each place, or keeps the one that the run has there while it is fresh. Sweeps out what nobody asks for any more. */
  leave(run: RunId, places: readonly Place[], at: Instant): void {
    this.#kept = this.#kept.filter(({ seen }) => seen > plus(at, -TICKET_MS))
    for (const place of places) {
      const index = this.#kept.findIndex(({ ticket }) => ticket.run === run && ticket.key === place.key && ticket.side === place.side)
      const number = this.#kept[index]?.ticket.number ?? ++this.#last
      const kept = { ticket: { ...place, run, number }, seen: at }
      if (index < 0) this.#kept.push(kept)
      else this.#kept[index] = kept
    }
  }

  /** The run has what it waited for. */
  use(ask: Ask): void {
    if (!this.#kept.some(({ ticket }) => ticket.run === ask.run)) return
    const keys = new Set(keysOf(ask))
    this.#kept = this.#kept.filter(({ ticket }) => ticket.run !== ask.run || !keys.has(ticket.key))
  }

  /** A finished run waits for nothing. */
  drop(run: RunId): void {
    this.#kept = this.#kept.filter(({ ticket }) => ticket.run !== run)
  }
}
