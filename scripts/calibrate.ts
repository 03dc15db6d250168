import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { caseOf, isInside, KINDS, play, type Kind } from '../test/scenarios/calibration.ts'

// `node scripts/calibrate.ts --count=200 --from=1` (`--kind=polled` for one kind) plays rehearsals, each after some nights of history from which it
// was foretold, and says how many ended inside the interval that 90 of 100 should end in, one process a core.

/** One rehearsal as a child process tells it. `place` is where it ended: 0 at the low end of the interval, 1 at the high one. */
type Told = Readonly<{
  seed: number
  kind: Kind
  nights: number
  outcome: string
  inside: boolean
  place: number
  width: number
  waves: readonly boolean[]
}>

const { values } = parseArgs({
  options: { count: { type: 'string' }, from: { type: 'string' }, step: { type: 'string' }, kind: { type: 'string' } },
})
const { kind: wanted, ...numbers } = values
const wrong = Object.entries(numbers).filter(([, value]) => !/^[0-9]{1,10}$/.test(value))
if (wrong.length > 0) {
  console.error(wrong.map(([key, value]) => `--${key} is a number, not "${value}"`).join('\n'))
  process.exitCode = 2
} else if (wanted !== undefined && !KINDS.some((kind) => kind === wanted)) {
  console.error(`--kind is one of ${KINDS.join(', ')}`)
  process.exitCode = 2
} else if (values.step !== undefined) await some(Number(values.from), Number(values.count), Number(values.step))
else await many(Number(values.from ?? 1), Number(values.count ?? 100))

/** Every `step`-th case from `from`, below `from + count`, one line each. */
async function some(from: number, count: number, step: number): Promise<void> {
  for (let seed = from; seed < from + count; seed += step) {
    const {
      case: one,
      forecast,
      tookMs,
      waves,
      outcome,
    } = await play(
      caseOf(
        seed,
        KINDS.find((kind) => kind === wanted),
      ),
    )
    const told: Told = {
      seed,
      kind: one.kind,
      nights: one.nights,
      outcome,
      inside: isInside(forecast, tookMs),
      place: (tookMs - forecast.lowMs) / (forecast.highMs - forecast.lowMs),
      width: (forecast.highMs - forecast.lowMs) / forecast.medianMs,
      waves: forecast.waves.map((wave, index) => isInside(wave, waves[index] ?? 0)),
    }
    console.log(JSON.stringify(told))
  }
}

async function many(from: number, count: number): Promise<void> {
  const step = availableParallelism()
  const began = performance.now()
  const lines = await Promise.all(Array.from({ length: step }, (_, index) => child(from + index, count - index, step)))
  const told = lines.flat().sort((a, b) => a.seed - b.seed)
  const whole = told.filter(({ outcome }) => outcome === 'succeeded')
  console.log(row('kind', 'runs', 'inside', 'waves inside', 'below', 'above', 'width'))
  for (const kind of KINDS)
    console.log(
      figures(
        kind,
        whole.filter((one) => one.kind === kind),
      ),
    )
  for (const nights of new Set(whole.map((one) => one.nights).sort()))
    console.log(
      figures(
        `${String(nights)} nights`,
        whole.filter((one) => one.nights === nights),
      ),
    )
  console.log(figures('all', whole))
  const other = told.length - whole.length
  console.log(
    `${String(told.length)} rehearsals in ${((performance.now() - began) / 1000).toFixed(0)} s, ${String(other)} of them did not succeed and do not count`,
  )
}

function figures(name: string, told: readonly Told[]): string {
  const share = (part: number, of: number): string => (of === 0 ? '-' : `${((100 * part) / of).toFixed(1)}%`)
  const waves = told.flatMap((one) => one.waves)
  const widths = told.map((one) => one.width).sort((a, b) => a - b)
  return row(
    name,
    String(told.length),
    share(told.filter((one) => one.inside).length, told.length),
    share(waves.filter(Boolean).length, waves.length),
    share(told.filter((one) => one.place < 0).length, told.length),
    share(told.filter((one) => one.place > 1).length, told.length),
    `${((widths[Math.floor(widths.length / 2)] ?? 0) * 100).toFixed(0)}%`,
  )
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(10) + cells.map((cell) => cell.padStart(14)).join('')
}

function child(from: number, count: number, step: number): Promise<Told[]> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    import.meta.filename,
    `--from=${String(from)}`,
    `--count=${String(Math.max(0, count))}`,
    `--step=${String(step)}`,
    ...(wanted === undefined ? [] : [`--kind=${wanted}`]),
  ]
  const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  started.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve, reject) => {
    started.on('close', (code) => {
      const lines = Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean)
      if (code === 0) resolve(lines.map((line) => JSON.parse(line) as Told))
      else reject(new Error(`a process of rehearsals ended with ${String(code)}`))
    })
  })
}
