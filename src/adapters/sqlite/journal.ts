import { assert, known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { RunId } from '../../kit/ids.ts'
import { instant } from '../../kit/instant.ts'
import type { Place } from '../../core/run/turns.ts'
import type { Append, Appended, Sealed, Store } from '../../ports/store.ts'
import { endClaims, judgeClaim, keepSets, releaseClaims, takeClaims } from './claims.ts'
import { dropCommands, keepCommands } from './commands.ts'
import type { Database, Row } from './database.ts'
import { take, takenBefore } from './openings.ts'
import { dropTickets } from './tickets.ts'

/** Entries that are read at once: a journal is never in memory whole, and a reader never holds back the file's checkpoint for long. */
const PAGE = 500

/** Inside a transaction: a new run with what it takes, unless another one has that. One that is there already must be the same, or a schedule's. */
export function createRun(database: Database, ...[row, entries, takes = {}]: Parameters<Store['create']>): RunId {
  const { run, runbook, act, requestedAt } = row
  const last = known(entries.at(-1), 'the first entry of a new run')
  assertInTurn(run, entries, 0)
  const there = database.get('SELECT hash FROM entries WHERE run = ? AND seq = ?', run, last.seq)
  // Two services may open the journal of the same schedule in the same instant: the first one's stays.
  assert(there === undefined || there['hash'] === last.hash || act === 'schedule', `run ${run} exists and is another one`)
  const other = takenBefore(database, row, takes)
  if (other !== undefined) return other
  take(database, row, takes)
  if (there !== undefined) return run
  database.run(
    'INSERT INTO runs (run, runbook, act, requested_at, head, entries) VALUES (?, ?, ?, ?, ?, ?)',
    run,
    runbook,
    act,
    requestedAt,
    last.hash,
    last.seq,
  )
  insertEntries(database, entries)
  return run
}

/** What came of an append; a refused claim waits at `places`. */
export type Attempt = Readonly<{ appended: Appended; places: readonly Place[] }>

/** Inside a savepoint: one append, or why it may not be. What it wrote is taken back by the caller then. */
export function appendOne(database: Database, append: Append): Attempt {
  const { run, entries, claim, sets = [], release = [], taken = [], commands, outcome } = append
  const row = database.get('SELECT head, entries, outcome FROM runs WHERE run = ?', run)
  if (row === undefined) throw unknownRun(run)
  if (row['head'] !== append.head) return { appended: { ok: false, why: 'replaced' }, places: [] }
  assertInTurn(run, entries, Number(row['entries']))
  keepSets(database, sets)
  releaseClaims(database, run, release)
  if (claim) {
    const { busy, places } = judgeClaim(database, run, claim)
    if (busy.length > 0) return { appended: { ok: false, why: 'busy', nodes: busy }, places: row['outcome'] === null ? places : [] }
    takeClaims(database, run, claim, known(entries.at(-1), 'the entry that claims').at)
  }
  insertEntries(database, entries)
  const last = entries.at(-1)
  if (last) database.run('UPDATE runs SET head = ?, entries = ? WHERE run = ?', last.hash, last.seq, run)
  for (const id of taken) database.run('DELETE FROM notes WHERE id = ? AND run = ?', id, run)
  if (outcome !== undefined) database.run('UPDATE runs SET outcome = ? WHERE run = ?', outcome, run)
  // Late reports of a finished run leave nothing out of service on its account.
  if (outcome !== undefined || row['outcome'] !== null) endClaims(database, run)
  if (outcome !== undefined) dropTickets(database, run)
  if (commands && row['outcome'] === null) keepCommands(database, run, commands)
  if (outcome !== undefined) dropCommands(database, run)
  return { appended: { ok: true }, places: [] }
}

/** Pages of a run's entries, each read when it is wanted. */
export function* pages(database: Database, run: RunId, from: number): Generator<Sealed[], void, undefined> {
  for (let next = from; ;) {
    const rows = database.all('SELECT * FROM entries WHERE run = ? AND seq >= ? ORDER BY seq LIMIT ?', run, next, PAGE)
    if (rows.length > 0) yield rows.map(sealedOf)
    if (rows.length < PAGE) return
    next = Number(rows.at(-1)?.['seq']) + 1
  }
}

/** For calls that name a run which is not there. */
export const unknownRun = (run: RunId): PatchwaveError =>
  new PatchwaveError('run.unknown', `there is no run ${run}`, { hint: 'list them with `patchwave status`' })

function insertEntries(database: Database, entries: readonly Sealed[]): void {
  for (const { run, seq, at, type, text, hash } of entries) {
    database.run('INSERT INTO entries (run, seq, at, type, text, hash) VALUES (?, ?, ?, ?, ?, ?)', run, seq, at, type, text, hash)
  }
}

/** Numbers without holes are the caller's promise; a store that took anything else could not be verified any more. */
function assertInTurn(run: RunId, entries: readonly Sealed[], before: number): void {
  entries.forEach((entry, index) => {
    assert(
      entry.run === run && entry.seq === before + index + 1,
      `entry ${String(before + index + 1)} of run ${run} is not entry ${String(entry.seq)} of run ${entry.run}`,
    )
  })
}

const sealedOf = (row: Row): Sealed => ({
  run: String(row['run']),
  seq: Number(row['seq']),
  at: instant(Number(row['at'])),
  type: String(row['type']),
  text: String(row['text']),
  hash: String(row['hash']),
})
