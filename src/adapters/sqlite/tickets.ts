import { keysOf, type Ask, type Place, type Ticket } from '../../core/run/turns.ts'
import type { RunId } from '../../kit/ids.ts'
import { plus, type Instant } from '../../kit/instant.ts'
import { TICKET_MS } from '../../ports/store.ts'
import type { Database, Row } from './database.ts'

/** Fresh tickets of all runs on what is asked for. */
export function freshTickets(database: Database, ask: Ask, at: Instant): Ticket[] {
  if (database.get('SELECT 1 FROM tickets LIMIT 1') === undefined) return []
  return database
    .all(
      'SELECT * FROM tickets WHERE seen > ? AND key IN (SELECT value FROM json_each(?))',
      plus(at, -TICKET_MS),
      JSON.stringify(keysOf(ask)),
    )
    .map(ticketOf)
}

/** Takes a ticket for each place, or keeps the one that the run has there while it is fresh. Sweeps out what nobody asks for any more. */
export function leaveTickets(database: Database, run: RunId, places: readonly Place[], at: Instant): void {
  database.run('DELETE FROM tickets WHERE seen <= ?', plus(at, -TICKET_MS))
  database.run(
    `INSERT INTO tickets (key, side, run, spare, seen)
     SELECT value ->> 'key', value ->> 'side', ?, value ->> 'spare', ? FROM json_each(?) WHERE true
     ON CONFLICT (key, side, run) DO UPDATE SET spare = excluded.spare, seen = excluded.seen`,
    run,
    at,
    JSON.stringify(places),
  )
}

/** The run has what it waited for. */
export function useTickets(database: Database, ask: Ask): void {
  if (database.get('SELECT 1 FROM tickets WHERE run = ?', ask.run) === undefined) return
  database.run('DELETE FROM tickets WHERE run = ? AND key IN (SELECT value FROM json_each(?))', ask.run, JSON.stringify(keysOf(ask)))
}

/** A finished run waits for nothing. */
export function dropTickets(database: Database, run: RunId): void {
  database.run('DELETE FROM tickets WHERE run = ?', run)
}

const ticketOf = (row: Row): Ticket => ({
  number: Number(row['number']),
  key: String(row['key']),
  side: String(row['side']),
  run: String(row['run']),
  spare: Number(row['spare']),
})
