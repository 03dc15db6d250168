// Loaded into a process before its first line (NODE_OPTIONS=--import). Writes down each entry of a journal once its commit is durable, into the file
// that PATCHWAVE_ACKNOWLEDGED names, and sends the process a signal at its n-th commit, or at the first one with an entry of a type:
// PATCHWAVE_KILL_AT=before:7:SIGKILL, or after:CommandIntended:SIGSTOP; absent: never.
import { appendFileSync } from 'node:fs'
import { DatabaseSync, StatementSync } from 'node:sqlite'

const [moment, where, signal] = (process.env['PATCHWAVE_KILL_AT'] ?? 'never').split(':')
const file = process.env['PATCHWAVE_ACKNOWLEDGED'] ?? '/dev/null'
const { exec } = DatabaseSync.prototype
const { run } = StatementSync.prototype
let commits = 0
let written = []
let kept = 0
let done = false

StatementSync.prototype.run = function (...values) {
  const result = run.apply(this, values)
  if (this.sourceSQL.startsWith('INSERT INTO entries ')) written.push({ run: values[0], seq: values[1], type: values[3], hash: values[5] })
  return result
}

DatabaseSync.prototype.exec = function (sql) {
  if (sql.startsWith('BEGIN')) written = []
  if (sql === 'SAVEPOINT part') kept = written.length
  if (sql.startsWith('ROLLBACK TO')) written.length = kept
  if (sql !== 'COMMIT') return exec.call(this, sql)
  commits += 1
  const here = !done && (commits === Number(where) || written.some(({ type }) => type === where))
  if (here) done = true
  if (here && moment === 'before') process.kill(process.pid, signal)
  exec.call(this, sql)
  if (written.length > 0) appendFileSync(file, written.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  written = []
  if (here && moment === 'after') process.kill(process.pid, signal)
}
