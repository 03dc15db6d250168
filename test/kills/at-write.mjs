// Loaded into a process before its first line (NODE_OPTIONS=--import): kills it with SIGKILL at its n-th commit, before or after the commit itself.
// PATCHWAVE_KILL_AT=before:7, or after:7.
import { DatabaseSync } from 'node:sqlite'

const [moment, count] = (process.env['PATCHWAVE_KILL_AT'] ?? 'after:0').split(':')
const { exec } = DatabaseSync.prototype
let commits = 0

DatabaseSync.prototype.exec = function (sql) {
  if (sql !== 'COMMIT') return exec.call(this, sql)
  commits += 1
  const here = commits === Number(count)
  if (here && moment === 'before') process.kill(process.pid, 'SIGKILL')
  exec.call(this, sql)
  if (here && moment === 'after') process.kill(process.pid, 'SIGKILL')
}
