import type { CommandId, RunId } from '../../kit/ids.ts'
import { instant } from '../../kit/instant.ts'
import type { Append, NewNote, Sender } from '../../ports/store.ts'
import type { Database } from './database.ts'

/** Inside a transaction: which commands of the run are open from now on, and which are not any more. The first run that names one has it. */
export function keepCommands(database: Database, run: RunId, { open, closed }: NonNullable<Append['commands']>): void {
  for (const command of open) database.run('INSERT OR IGNORE INTO commands (command, run) VALUES (?, ?)', command, run)
  for (const command of closed) database.run('DELETE FROM commands WHERE command = ? AND run = ?', command, run)
}

/** A finished run has no command open. */
export function dropCommands(database: Database, run: RunId): void {
  database.run('DELETE FROM commands WHERE run = ?', run)
}

/** The runs that have these commands open. */
export function sendersOf(database: Database, commands: readonly CommandId[]): ReadonlyMap<CommandId, Sender> {
  const rows = database.all(SENDERS, JSON.stringify(commands))
  return new Map(
    rows.map((row) => {
      const lease = row['lease_until']
      const sender = {
        run: String(row['run']),
        leaseUntil: typeof lease === 'number' && row['driver'] !== null ? instant(lease) : null,
        waiting: Number(row['waiting']),
      }
      return [String(row['command']), sender]
    }),
  )
}

const SENDERS = `
  SELECT command, run, driver, lease_until, (SELECT count(*) FROM notes WHERE notes.run = commands.run) AS waiting
  FROM commands JOIN runs USING (run) WHERE command IN (SELECT value FROM json_each(?))`

/** Inside a transaction: puts notes into the inboxes of those runs that still go on. */
export function insertNotes(database: Database, notes: readonly NewNote[]): void {
  for (const { run, at, kind, data } of notes)
    database.run(
      'INSERT INTO notes (run, at, kind, data) SELECT run, ?, ?, ? FROM runs WHERE run = ? AND outcome IS NULL',
      at,
      kind,
      data,
      run,
    )
}
