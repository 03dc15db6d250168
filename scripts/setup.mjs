// Makes the checkout ready, then does what follows on the command line: `node scripts/setup.mjs vitest run`.
// Ready means: what the lock file names is installed, and `node` is the repository's own. Plain JavaScript, because it is the one script that
// whatever Node the system has (18 or newer) must be able to run.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const MODULES = join(ROOT, 'node_modules')
const OWN_NODE = join(MODULES, '.bin', 'node')
const STAMP = join(MODULES, '.patchwave-setup')
const TRIES = 3 // A registry that stumbles once is common on a fresh machine; one that stumbles three times is worth a person's look.

/** The digest of what `npm ci` installs from. */
function wanted() {
  const hash = createHash('sha256')
  for (const file of ['package.json', 'package-lock.json']) hash.update(readFileSync(join(ROOT, file)))
  return hash.digest('hex')
}

/** Whether the last set-up was of these very files. */
function stamped() {
  return existsSync(OWN_NODE) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted()
}

/** Whether npm itself says that each package of the lock file is there: then someone ran `npm ci` by hand, which is as good. */
function installed() {
  const kept = join(MODULES, '.package-lock.json')
  if (!existsSync(kept) || !existsSync(OWN_NODE)) return false
  const read = (file) => JSON.parse(readFileSync(file, 'utf8')).packages
  const have = read(kept)
  const lacks = ([path, { version, optional }]) => path !== '' && have[path]?.version !== version && !(optional && !have[path])
  return !Object.entries(read(join(ROOT, 'package-lock.json'))).some(lacks)
}

function install() {
  process.stderr.write('Setting up: installing what package-lock.json names (once, about half a minute) …\n')
  for (let tried = 1; ; tried++) {
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT, encoding: 'utf8' })
    if (npm.status === 0 && existsSync(OWN_NODE)) return
    if (tried < TRIES) continue
    process.stderr.write(`${npm.stdout ?? ''}${npm.stderr ?? ''}${npm.error ? `${npm.error.message}\n` : ''}`)
    const why = npm.status === 0 ? 'npm ci left no node_modules/.bin/node: are install scripts switched off?' : 'npm ci failed, see above'
    process.stderr.write(`Set-up failed: ${why}. Mend it and run the same command again.\n`)
    process.exit(1)
  }
}

/** Runs a command with the repository's own Node and tools first on the path, and ends as it ends. */
function run([command, ...args]) {
  const env = { ...process.env, PATH: `${join(MODULES, '.bin')}${delimiter}${process.env.PATH ?? ''}` }
  const child = spawn(command, args, { cwd: ROOT, env, stdio: 'inherit' })
  process.on('SIGINT', () => {}) // The terminal sends it to the child as well, which may have something to put in order.
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', ({ message }) => {
    process.stderr.write(`${message}\n`)
    process.exit(127)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

if (!stamped()) {
  if (!installed()) install()
  writeFileSync(STAMP, wanted())
}
if (process.argv.length > 2) run(process.argv.slice(2))
