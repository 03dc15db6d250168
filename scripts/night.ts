import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

// `npm run night -- --seed=42` replays one simulated night; `-- --count=5000` plays that many; with nothing, as many as `npm test` does.
// What else stands there goes to the test runner, for instance a file's name.

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' }, count: { type: 'string' } },
  allowPositionals: true,
})
const wrong = Object.entries(values).filter(([, value]) => !/^[0-9]{1,10}$/.test(value))
if (wrong.length > 0) {
  console.error(wrong.map(([key, value]) => `--${key} is a number, not "${value}"`).join('\n'))
  process.exitCode = 2
} else {
  const env = { ...process.env, ...(values.seed && { SEED: values.seed }), ...(values.count && { NIGHTS: values.count }) }
  process.exitCode = spawnSync('vitest', ['run', '--project=nights', ...positionals], { stdio: 'inherit', env }).status ?? 1
}
