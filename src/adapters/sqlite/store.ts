import { PatchwaveError } from '../../kit/error.ts'
import type { Place } from '../../core/run/turns.ts'
import { assert, known } from '../../kit/assert.ts'
import type { CommandId, RunId } from '../../kit/ids.ts'
import { instant, type Instant } from '../../kit/instant.ts'
import type { Act, Append, Appended, Claim, NewNote, Note, RunRow, Sealed, Sender, Store } from '../../ports/store.ts'
import { deleteClaim, listClaims, restoreClaim } from './claims.ts'
import { insertNotes, sendersOf } from './commands.ts'
import { openDatabase, type Database, type Row } from './database.ts'
import { appendOne, createRun, pages, unknownRun } from './journal.ts'
import { openingOf, takeOpening, triggered } from './openings.ts'
import { leaveTickets } from './tickets.ts'

/** Opens the store in a file (made when absent) or in memory (`:memory:`). @throws `store.unusable`, `store.full`, `store.busy` */
export async function openSqliteStore(path: string, options: Readonly<{ busyMs?: number }> = {}): Promise<Store> {
  return Promise.resolve(storeOn(openDatabase(path, options.busyMs)))
}

/** The store in a database that is open already; `close` closes it. */
export const storeOn = (database: Database): Store => new SqliteStore(database)

type Waiting = Readonly<{ append: Append; done: (result: Appended) => void; failed: (error: unknown) => void }>
type Answer = Readonly<{ appended: Appended } | { error: unknown }>

/** Waking is wanted when the driver said, and since the first note that lies there. */
const RUN_COLUMNS = '*, (SELECT min(at) FROM notes WHERE notes.run = runs.run) AS noted_at'

/** What a driver drives; a schedule's journal is its scheduler's. */
const RUN_ACTS: readonly Act[] = ['trial', 'rollout']

class SqliteStore implements Store {
  readonly #database: Database
  #waiting: Waiting[] = []

  constructor(database: Database) {
    this.#database = database
  }

  async create(...creation: Parameters<Store['create']>): Promise<RunId> {
    return this.#write(() => createRun(this.#database, ...creation))
  }

  async takeOpening(runbook: string, act: Act, opens: Instant, run: RunId): Promise<RunId> {
    return this.#write(() => takeOpening(this.#database, runbook, act, opens, run))
  }

  async openingOf(runbook: string, act: Act, opens: Instant): Promise<RunId | undefined> {
    return now(() => openingOf(this.#database, runbook, act, opens))
  }

  async triggered(trigger: string): Promise<RunId | undefined> {
    return now(() => triggered(this.#database, trigger))
  }

  /** Appends of one turn of the event loop become durable with one sync; one that conflicts is refused alone. */
  append(append: Append): Promise<Appended> {
    return new Promise((done, failed) => {
      // eslint-disable-next-line no-restricted-globals -- gathers what this turn of the event loop appends; it waits for no time
      if (this.#waiting.length === 0) setImmediate(() => this.#commit())
      this.#waiting.push({ append, done, failed })
    })
  }

  async *read(run: RunId, from = 1): AsyncGenerator<Sealed, void, undefined> {
    // A reader in a long loop lets others go on between two pages.
    for (const page of pages(this.#database, run, from)) yield* await Promise.resolve(page)
  }

  async run(run: RunId): Promise<RunRow | undefined> {
    return now(() => {
      const row = this.#database.get(`SELECT ${RUN_COLUMNS} FROM runs WHERE run = ?`, run)
      return row && runOf(row)
    })
  }

  async runs(filter: Parameters<Store['runs']>[0] = {}): Promise<readonly RunRow[]> {
    const { unfinished = false, runbook, acts = RUN_ACTS } = filter
    const terms = [
      'act IN (SELECT value FROM json_each(?))',
      ...(unfinished ? ['outcome IS NULL'] : []),
      ...(runbook === undefined ? [] : ['runbook = ?']),
    ]
    const values = [JSON.stringify(acts), ...(runbook === undefined ? [] : [runbook])]
    return now(() =>
      this.#database.all(`SELECT ${RUN_COLUMNS} FROM runs WHERE ${terms.join(' AND ')} ORDER BY requested_at, run`, ...values).map(runOf),
    )
  }

  async drive(run: RunId, driver: string, at: Instant, leaseUntil: Instant): Promise<Readonly<{ epoch: number }> | undefined> {
    return this.#write(() => {
      const row = this.#database.get(
        `UPDATE runs SET epoch = epoch + (driver IS NOT ?), driver = ?, lease_until = ?, wake_at = NULL
         WHERE run = ? AND (driver IS NULL OR driver = ? OR lease_until <= ?) RETURNING epoch`,
        driver,
        driver,
        leaseUntil,
        run,
        driver,
        at,
      )
      if (row === undefined && this.#database.get('SELECT 1 FROM runs WHERE run = ?', run) === undefined) throw unknownRun(run)
      return row && { epoch: Number(row['epoch']) }
    })
  }

  async rest(run: RunId, driver: string, wakeAt: Instant | null): Promise<void> {
    await this.#write(() =>
      this.#database.run(
        'UPDATE runs SET driver = NULL, lease_until = NULL, wake_at = ? WHERE run = ? AND driver = ?',
        wakeAt,
        run,
        driver,
      ),
    )
  }

  async note(run: RunId, at: Instant, kind: string, data: string): Promise<void> {
    await this.#write(() => {
      if (this.#database.get('SELECT 1 FROM runs WHERE run = ?', run) === undefined) throw unknownRun(run)
      this.#database.run('INSERT INTO notes (run, at, kind, data) VALUES (?, ?, ?, ?)', run, at, kind, data)
    })
  }

  async noteAll(notes: readonly NewNote[]): Promise<void> {
    if (notes.length > 0) await this.#write(() => insertNotes(this.#database, notes))
  }

  async senders(commands: readonly CommandId[]): Promise<ReadonlyMap<CommandId, Sender>> {
    return now(() => sendersOf(this.#database, commands))
  }

  async notes(run: RunId, limit: number): Promise<readonly Note[]> {
    return now(() => this.#database.all('SELECT * FROM notes WHERE run = ? ORDER BY id LIMIT ?', run, limit).map(noteOf))
  }

  async claims(filter: Parameters<Store['claims']>[0] = {}): Promise<readonly Claim[]> {
    return now(() => listClaims(this.#database, filter))
  }

  async releaseClaim(node: string, run: string): Promise<Claim | undefined> {
    return this.#write(() => {
      const [claim] = listClaims(this.#database, { node, run })
      if (claim) deleteClaim(this.#database, node, run)
      return claim
    })
  }

  async restoreClaims(...[claims, proof]: Parameters<Store['restoreClaims']>): Promise<void> {
    await this.#write(() => {
      if (proof && this.#database.get('SELECT head FROM runs WHERE run = ?', proof.run)?.['head'] !== proof.head) return
      for (const claim of claims) restoreClaim(this.#database, claim)
    })
  }

  async putPlan(digest: string, text: string): Promise<void> {
    await this.#write(() => this.#database.run('INSERT OR IGNORE INTO plans (digest, text) VALUES (?, ?)', digest, text))
  }

  async plan(digest: string): Promise<string | undefined> {
    return now(() => textOf(this.#database.get('SELECT text FROM plans WHERE digest = ?', digest)))
  }

  async putBlob(digest: string, text: string): Promise<void> {
    await this.#write(() => this.#database.run('INSERT OR IGNORE INTO blobs (digest, text) VALUES (?, ?)', digest, text))
  }

  async blob(digest: string): Promise<string | undefined> {
    return now(() => textOf(this.#database.get('SELECT text FROM blobs WHERE digest = ?', digest)))
  }

  async cursor(name: string): Promise<number> {
    return now(() => Number(this.#database.get('SELECT position FROM cursors WHERE name = ?', name)?.['position'] ?? 0))
  }

  async setCursor(name: string, position: number): Promise<void> {
    await this.#write(() =>
      this.#database.run(
        'INSERT INTO cursors (name, position) VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position',
        name,
        position,
      ),
    )
  }

  /** What was asked for before is durable first. */
  async close(): Promise<void> {
    return now(() => {
      this.#commit()
      this.#database.close()
    })
  }

  #write<T>(work: () => T): Promise<T> {
    return now(() => this.#database.transaction(work))
  }

  #commit(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return
    try {
      const answers = this.#database.transaction(() => batch.map(({ append }) => this.#answer(append)))
      batch.forEach(({ done, failed }, index) => {
        const answer = known(answers[index], 'an answer')
        if ('error' in answer) failed(answer.error)
        else done(answer.appended)
      })
    } catch (error) {
      for (const { failed } of batch) failed(error)
    }
  }

  /** One append's failure is its own, unless it is the store that failed. */
  #answer(append: Append): Answer {
    try {
      const { appended, places } = this.#database.savepoint(() => {
        const value = appendOne(this.#database, append)
        return { keep: value.appended.ok, value }
      })
      // The ticket of a refused claim outlives the append that was taken back.
      if (places.length > 0 && append.claim) this.#wait(append.run, places, append.claim.at)
      return { appended }
    } catch (error) {
      if (error instanceof PatchwaveError && error.code.startsWith('store.')) throw error
      return { error }
    }
  }

  #wait(run: RunId, places: readonly Place[], at: Instant): void {
    this.#database.savepoint(() => {
      leaveTickets(this.#database, run, places, at)
      return { keep: true, value: undefined }
    })
  }
}

/** SQLite answers at once; a failure still comes as a rejection, as the port says. */
function now<T>(work: () => T): Promise<T> {
  return new Promise((done) => {
    done(work())
  })
}

const textOf = (row: Row | undefined): string | undefined => (row ? String(row['text']) : undefined)

const noteOf = (row: Row): Note => ({
  id: Number(row['id']),
  run: String(row['run']),
  at: instant(Number(row['at'])),
  kind: String(row['kind']),
  data: String(row['data']),
})

const instantOf = (value: unknown): Instant | null => (typeof value === 'number' ? instant(value) : null)
const stringOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

function wakeOf(row: Row): Instant | null {
  const times = [row['wake_at'], row['noted_at']].filter((value) => typeof value === 'number')
  return times.length > 0 ? instant(Math.min(...times)) : null
}

/** A database of ours holds no other word. */
function actOf(value: unknown): Act {
  assert(value === 'trial' || value === 'rollout' || value === 'schedule', `no act: ${String(value)}`)
  return value
}

const runOf = (row: Row): RunRow => ({
  run: String(row['run']),
  runbook: String(row['runbook']),
  act: actOf(row['act']),
  requestedAt: instant(Number(row['requested_at'])),
  outcome: stringOf(row['outcome']),
  driver: stringOf(row['driver']),
  epoch: Number(row['epoch']),
  leaseUntil: instantOf(row['lease_until']),
  wakeAt: wakeOf(row),
  head: String(row['head']),
  entries: Number(row['entries']),
})
