import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { playNight, type Night } from '../test/nights/night.ts'

// `npm run night -- --seed=42` plays one simulated night twice and tells all about it; `-- --count=5000` plays that many, one process a core,
// from seed 1 or from `--from`. Seeds that fail are kept in test/nights/seeds.json, which `npm test` always plays.

const SEEDS = new URL('../test/nights/seeds.json', import.meta.url)

const { values } = parseArgs({
  options: { seed: { type: 'string' }, count: { type: 'string' }, from: { type: 'string' }, step: { type: 'string' } },
})
const wrong = Object.entries(values).filter(([, value]) => !/^[0-9]{1,10}$/.test(value))
if (wrong.length > 0) {
  console.error(wrong.map(([key, value]) => `--${key} is a number, not "${value}"`).join('\n'))
  process.exitCode = 2
} else if (values.seed !== undefined) process.exitCode = await one(Number(values.seed))
else if (values.step !== undefined) process.exitCode = await some(Number(values.from), Number(values.count), Number(values.step))
else process.exitCode = await many(Number(values.from ?? 1), Number(values.count ?? 1000))

/** One night, told at length. Twice: a night that is not the same again cannot be studied. */
async function one(seed: number): Promise<number> {
  const night = await playNight(seed)
  const again = await playNight(seed)
  for (const line of night.warnings) console.log(`warn   ${line}`)
  for (const journal of night.journals) console.log(journal)
  console.log(summary(night))
  const same = JSON.stringify(again.journals) === JSON.stringify(night.journals)
  if (!same) console.log('the same night twice gave two journals')
  return night.found.length === 0 && same ? 0 : 1
}

function summary({ script, outcomes, crashes, found }: Night): string {
  const head = `seed ${String(script.seed)}: ${outcomes.join(', ')}; the engine died ${String(crashes)} times`
  return [head, ...found.map((fault) => `  ${fault}`)].join('\n')
}

/** Every `step`-th night from `from`, below `from + count`, in this process. */
async function some(from: number, count: number, step: number): Promise<number> {
  let failed = 0
  for (let seed = from; seed < from + count; seed += step) {
    const told = await playNight(seed).then(
      (night) => (night.found.length > 0 ? summary(night) : null),
      (error: unknown) => `seed ${String(seed)}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    )
    if (told === null) continue
    failed += 1
    console.log(told)
  }
  return failed > 0 ? 1 : 0
}

/** Nights are shared out to processes, each of which plays every so-manieth. */
async function many(from: number, count: number): Promise<number> {
  const step = availableParallelism()
  const began = performance.now()
  const children = await Promise.all(Array.from({ length: step }, (_, index) => child(from + index, count - index, step)))
  const told = children.map(({ text }) => text).join('')
  const died = children.filter(({ code }) => code !== 0 && code !== 1).length
  const failing = [...told.matchAll(/^seed (\d+):/gm)].map(([, seed]) => Number(seed))
  process.stdout.write(told)
  if (failing.length > 0) keep(failing)
  console.log(
    `${String(count)} nights in ${((performance.now() - began) / 1000).toFixed(0)} s, ${String(failing.length)} failed${failing.length > 0 ? `: ${failing.join(', ')}` : ''}${died > 0 ? `; ${String(died)} processes died` : ''}`,
  )
  return failing.length > 0 || died > 0 ? 1 : 0
}

/** What a process of nights said, and how it ended. */
type Child = Readonly<{ text: string; code: number | null }>

function child(from: number, count: number, step: number): Promise<Child> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    import.meta.filename,
    `--from=${String(from)}`,
    `--count=${String(Math.max(0, count))}`,
    `--step=${String(step)}`,
  ]
  const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  started.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => {
    started.on('close', (code) => {
      resolve({ text: Buffer.concat(chunks).toString('utf8'), code })
    })
  })
}

function keep(failing: readonly number[]): void {
  const kept = JSON.parse(readFileSync(SEEDS, 'utf8')) as readonly number[]
  const all = [...new Set([...kept, ...failing])].sort((a, b) => a - b)
  writeFileSync(SEEDS, `[${all.join(', ')}]\n`)
}
