import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { playNight, type Night } from '../test/nights/night.ts'

// `npm run night -- --seed=42` plays one simulated night twice and tells all about it; `-- --count=5000` plays that many, one process a core,
// from seed 1 or from `--from`. Seeds that fail are kept in test/nights/seeds.json, which `npm test` always plays.

/** Begins the line by which a process tells that a night is over. */
const PLAYED = 'played '
const NIGHTS_OF_A_PROCESS = 250
const PROGRESS_MS = 60_000

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
    if (told !== null) failed += 1
    console.log(told === null ? `${PLAYED}${String(seed)}` : `${told}\n${PLAYED}${String(seed)}`)
  }
  return failed > 0 ? 1 : 0
}

/** What has been played so far, of all processes. */
type Tally = { played: number; readonly failing: number[]; readonly began: number; toldAt: number }

/** Nights are shared out to processes, each of which plays every so-manieth. What fails is told and kept at once. */
async function many(from: number, count: number): Promise<number> {
  const step = availableParallelism()
  const tally: Tally = { played: 0, failing: [], began: performance.now(), toldAt: performance.now() }
  await Promise.all(Array.from({ length: step }, (_, index) => share(from + index, from + count, step, tally)))
  const { failing, played } = tally
  console.log(`${String(played)} nights in ${seconds(tally)} s, ${String(failing.length)} failed`)
  if (failing.length > 0) console.log(`failed: ${failing.join(', ')}`)
  return failing.length > 0 ? 1 : 0
}

function seconds({ began }: Tally): string {
  return ((performance.now() - began) / 1000).toFixed(0)
}

/** One core's share, in one process after the other: memory that a night leaves behind goes with its process, and the seed that ends one is told. */
async function share(from: number, end: number, step: number, tally: Tally): Promise<void> {
  for (let next = from; next < end;) {
    const last = Math.min(end, next + NIGHTS_OF_A_PROCESS * step)
    let seed = next
    const ended = await child(next, last - next, step, (line) => {
      if (!line.startsWith(PLAYED)) {
        console.log(line)
        const failed = /^seed (\d+):/.exec(line)?.[1]
        if (failed !== undefined) fails(tally, Number(failed))
        return
      }
      seed = Number(line.slice(PLAYED.length)) + step
      tally.played += 1
      progress(tally)
    })
    if (ended === 0 || ended === 1) {
      next = last + ((step - ((last - next) % step)) % step)
      continue
    }
    console.log(`seed ${String(seed)}: its process died (${String(ended)})`)
    fails(tally, seed)
    tally.played += 1
    next = seed + step
  }
}

function fails(tally: Tally, seed: number): void {
  tally.failing.push(seed)
  keep([seed])
}

function progress(tally: Tally): void {
  if (performance.now() - tally.toldAt < PROGRESS_MS) return
  tally.toldAt = performance.now()
  console.error(`${String(tally.played)} nights in ${seconds(tally)} s, ${String(tally.failing.length)} failed`)
}

/** Resolves to the exit code, or the signal that ended it. */
async function child(from: number, count: number, step: number, hears: (line: string) => void): Promise<number | string | null> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    import.meta.filename,
    `--from=${String(from)}`,
    `--count=${String(Math.max(0, count))}`,
    `--step=${String(step)}`,
  ]
  const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = new Promise<number | string | null>((resolve) => {
    started.on('close', (code, signal) => {
      resolve(code ?? signal)
    })
  })
  for await (const line of createInterface(started.stdout)) hears(line)
  return await closed
}

function keep(failing: readonly number[]): void {
  const kept = JSON.parse(readFileSync(SEEDS, 'utf8')) as readonly number[]
  const all = [...new Set([...kept, ...failing])].sort((a, b) => a - b)
  writeFileSync(SEEDS, `[${all.join(', ')}]\n`)
}
