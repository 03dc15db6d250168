import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { assert } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { isLasting, translated } from './failure.ts'
import { prepareFile } from './local.ts'
import { APPLICATION_ID, MIGRATIONS } from './schema.ts'

/**
 * Another process writes for a moment; after this long it is not a moment any more. Waiting blocks this process: half of it would refuse
 * when ten short commands queue up on a slow disk, the double would stall a driver for a third of its lease.
 */
const BUSY_MS = 5_000

export type Row = Readonly<Record<string, unknown>>

/** Opens the file, in WAL mode with every commit synced, and brings its tables up to date. @throws `store.unusable`, `store.full`, `store.busy` */
export function openDatabase(path: string, busyMs = BUSY_MS): Database {
  return translated(path, () => {
    if (path !== ':memory:') prepareFile(path)
    const raw = new DatabaseSync(path, { timeout: busyMs })
    try {
      refuseForeign(raw, path)
      configure(raw, path)
      migrate(raw)
      return new Database(raw, path)
    } catch (error) {
      raw.close()
      throw error
    }
  })
}

const pragma = (raw: DatabaseSync, name: string): unknown => raw.prepare(`PRAGMA ${name}`).get()?.[name]

/** Looks before anything is written: somebody else's database stays as it is. */
function refuseForeign(raw: DatabaseSync, path: string): void {
  const tables = Number(raw.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'])
  if (tables > 0 && pragma(raw, 'application_id') !== APPLICATION_ID)
    throw new PatchwaveError('store.unusable', `${path} is a database of something else`, { hint: 'name another file with --store' })
  const version = Number(pragma(raw, 'user_version'))
  if (version > MIGRATIONS.length)
    throw new PatchwaveError(
      'store.unusable',
      `${path} was written by a newer version (tables v${String(version)}, this one knows v${String(MIGRATIONS.length)})`,
      { hint: 'use the newer version' },
    )
}

function configure(raw: DatabaseSync, path: string): void {
  const mode = raw.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal' && path !== ':memory:')
    throw new PatchwaveError('store.unusable', `${path} cannot be kept in WAL mode (it is in ${String(mode)})`, {
      hint: 'name a file on a local disk with --store',
    })
  raw.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF')
}

/** Several processes may open a new file at once: the version is read again under the lock. */
function migrate(raw: DatabaseSync): void {
  if (Number(pragma(raw, 'user_version')) === MIGRATIONS.length) return
  raw.exec('BEGIN IMMEDIATE')
  for (let step = Number(pragma(raw, 'user_version')); step < MIGRATIONS.length; step++) {
    raw.exec(`${MIGRATIONS[step] ?? ''}; PRAGMA application_id = ${String(APPLICATION_ID)}; PRAGMA user_version = ${String(step + 1)}`)
  }
  raw.exec('COMMIT')
}

/** A database whose failures are ours to read, with statements prepared once. */
export class Database {
  readonly #raw: DatabaseSync
  readonly #path: string
  readonly #statements = new Map<string, StatementSync>()
  #lost: Error | undefined

  constructor(raw: DatabaseSync, path: string) {
    this.#raw = raw
    this.#path = path
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#do(() => this.#statement(sql).get(...values))
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#do(() => this.#statement(sql).all(...values))
  }

  /** The number of rows that changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#do(() => Number(this.#statement(sql).run(...values).changes))
  }

  /** Durable when it returns; nothing of it stays when `work` throws. */
  transaction<T>(work: () => T): T {
    this.#exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#exec('COMMIT')
      return result
    } catch (error) {
      if (this.#raw.isTransaction) this.#raw.exec('ROLLBACK')
      throw error
    }
  }

  /** Inside a transaction: `work` returns whether it stays; nothing of it stays when it throws. */
  savepoint<T>(work: () => Readonly<{ keep: boolean; value: T }>): T {
    this.#exec('SAVEPOINT part')
    try {
      const { keep, value } = work()
      this.#exec(keep ? 'RELEASE part' : 'ROLLBACK TO part; RELEASE part')
      return value
    } catch (error) {
      // A full disk may have ended the whole transaction already.
      if (this.#raw.isTransaction) this.#raw.exec('ROLLBACK TO part; RELEASE part')
      throw error
    }
  }

  /** Safe to repeat. */
  close(): void {
    this.#statements.clear()
    if (this.#raw.isOpen) this.#raw.close()
  }

  #exec(sql: string): void {
    this.#do(() => {
      this.#raw.exec(sql)
    })
  }

  #statement(sql: string): StatementSync {
    const ready = this.#statements.get(sql) ?? this.#raw.prepare(sql)
    this.#statements.set(sql, ready)
    return ready
  }

  /** Once the file cannot be relied on, nothing more is read or written: opening it again recovers what was acknowledged. */
  #do<T>(work: () => T): T {
    assert(this.#raw.isOpen, 'the store is closed')
    if (this.#lost !== undefined) throw this.#lost
    try {
      return translated(this.#path, work)
    } catch (error) {
      if (error instanceof Error && isLasting(error)) this.#lost = error
      throw error
    }
  }
}
