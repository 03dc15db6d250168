import type { RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Act, Store } from '../../ports/store.ts'
import type { Database, Row } from './database.ts'

type Takes = NonNullable<Parameters<Store['create']>[2]>
type Creation = Parameters<Store['create']>[0]

/** Another run that has the opening or the trigger which this one would take; `undefined` when none has. */
export function takenBefore(database: Database, { run, runbook, act }: Creation, { opening, trigger }: Takes): RunId | undefined {
  const holders = [
    opening === undefined ? undefined : openingOf(database, runbook, act, opening),
    trigger === undefined ? undefined : triggered(database, trigger),
  ]
  return holders.find((holder) => holder !== undefined && holder !== run)
}

/** Inside a transaction in which `takenBefore` found nobody. */
export function take(database: Database, { run, runbook, act }: Creation, { opening, trigger }: Takes): void {
  if (opening !== undefined) takeOpening(database, runbook, act, opening, run)
  if (trigger !== undefined) database.run('INSERT OR IGNORE INTO triggers (id, run) VALUES (?, ?)', trigger, run)
}

/** Gives an opening to a run unless another one has it; inside a transaction. */
export function takeOpening(database: Database, runbook: string, act: Act, opens: Instant, run: RunId): RunId {
  database.run('INSERT OR IGNORE INTO openings (runbook, act, opens, run) VALUES (?, ?, ?, ?)', runbook, act, opens, run)
  return openingOf(database, runbook, act, opens) ?? run
}

/** The run that has this opening. */
export const openingOf = (database: Database, runbook: string, act: Act, opens: Instant): RunId | undefined =>
  runOf(database.get('SELECT run FROM openings WHERE runbook = ? AND act = ? AND opens = ?', runbook, act, opens))

/** The run that this trigger led to. */
export const triggered = (database: Database, trigger: string): RunId | undefined =>
  runOf(database.get('SELECT run FROM triggers WHERE id = ?', trigger))

const runOf = (row: Row | undefined): RunId | undefined => (row ? String(row['run']) : undefined)
