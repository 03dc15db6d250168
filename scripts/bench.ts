import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

// `npm run bench` runs every bench/*.bench.ts in turn, `npm run bench -- fold` those whose name has "fold" in it. Each prints its own figures.

const FOLDER = new URL('../bench/', import.meta.url)
const [part = ''] = process.argv.slice(2)
const files = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.bench.ts') && file.includes(part))
  .sort()
if (files.length === 0) {
  console.error(`no bench/*.bench.ts has "${part}" in its name`)
  process.exitCode = 2
}
for (const file of files) {
  console.log(`\n${file}`)
  const { status } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', new URL(file, FOLDER).pathname], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}
