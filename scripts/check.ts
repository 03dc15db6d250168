import { spawnSync } from 'node:child_process'
import { CHECKS, type Check } from './checks.ts'

// `npm run check`: all checks, or those that are named: `npm run check -- lint format`. Ends with 1 when one fails.

function holds({ name, command: [file, ...args], mend }: Check): boolean {
  const started = performance.now()
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(10)} ${seconds.padStart(5)} s`)
  if (status !== 0) console.log(`${stdout}${stderr}${error ? `${error.message}\n` : ''}  hint: ${mend}\n`)
  return status === 0
}

const named = process.argv.slice(2)
const unknown = named.filter((name) => !CHECKS.some((check) => check.name === name))
if (unknown.length > 0) {
  console.error(`no check is called ${unknown.join(', ')}; there are: ${CHECKS.map(({ name }) => name).join(', ')}`)
  process.exitCode = 2
} else {
  const wanted = CHECKS.filter(({ name }) => named.length === 0 || named.includes(name))
  if (wanted.map(holds).includes(false)) process.exitCode = 1
}
