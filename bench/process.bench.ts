import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { assert } from '../src/kit/assert.ts'
import { wide, type Case } from './measure/cases.ts'
import { atMost, plain, table } from './measure/table.ts'

// What the `run` process itself costs: the sandbox is another process and is reached over HTTP, the journal is a file whose commits are synced.

const CPU_MS_PER_NODE_MAX = 1
const MEBIBYTE = 1024 * 1024

/** Its time runs so much faster than the wall's: enough to be done within two minutes, slow enough for two processes on two processors. */
const SPEED = 120

const HOME = fileURLToPath(new URL('../', import.meta.url))
const NODE = ['--disable-warning=ExperimentalWarning']

type Usage = Readonly<{ cpuMs: number; peakBytes: number }>
type Finished = Readonly<{ type: string; act: string; outcome: string; calls: Readonly<Record<string, number>> }>

/** What the sandbox says when it listens. */
async function sandbox(fleet: string): Promise<Readonly<{ child: ChildProcess; env: Readonly<Record<string, string>> }>> {
  const child = spawn(
    process.execPath,
    [...NODE, 'src/main.ts', 'sandbox', '--fleet', fleet, '--port', '0', '--speed', String(SPEED), '--json'],
    {
      cwd: HOME,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  for await (const line of createInterface({ input: child.stdout })) {
    const { env } = JSON.parse(line) as Readonly<{ env: Readonly<Record<string, string>> }>
    return { child, env }
  }
  throw new Error('the sandbox ended before it listened')
}

async function run(
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<Readonly<{ usage: Usage; wallMs: number; finished: Finished[] }>> {
  const usage = join(folder, 'usage.json')
  const began = performance.now()
  const program = [
    '--import',
    './bench/measure/usage.ts',
    'src/main.ts',
    'run',
    join(folder, 'runbook.yaml'),
    '--now',
    '--reason',
    'bench',
    '--json',
  ]
  const child = spawn(process.execPath, [...NODE, ...program, '--store', join(folder, 'bench.db')], {
    cwd: HOME,
    env: { ...process.env, ...env, BENCH_USAGE: usage },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const finished: Finished[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{"type":"run.finished"')) finished.push(JSON.parse(line) as Finished)
  }
  if (child.exitCode === null) await once(child, 'exit')
  assert(child.exitCode === 0, `the run ended with ${String(child.exitCode)}`)
  return { usage: JSON.parse(readFileSync(usage, 'utf8')) as Usage, wallMs: performance.now() - began, finished }
}

async function measure(one: Case, nodes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'patchwave-bench-'))
  writeFileSync(join(folder, 'fleet.yaml'), one.fleet)
  writeFileSync(join(folder, 'runbook.yaml'), one.runbook)
  const { child, env } = await sandbox(join(folder, 'fleet.yaml'))
  try {
    const { usage, wallMs, finished } = await run(folder, env)
    const calls = finished.flatMap((act) => Object.values(act.calls)).reduce((sum, count) => sum + count, 0)
    console.log(
      table(`${one.about}, both acts, the sandbox in another process at ${String(SPEED)} times the speed`, [
        atMost('CPU of the run process per node', usage.cpuMs / nodes, 'ms', CPU_MS_PER_NODE_MAX),
        plain('CPU of the run process', usage.cpuMs / 1000, 's'),
        plain('its peak memory', usage.peakBytes / MEBIBYTE, 'MiB'),
        plain('AWS calls', calls, ''),
        plain('wall time (paced by the sandbox)', wallMs / 1000, 's'),
      ]),
    )
  } finally {
    child.kill('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const nodes of [1_000, 10_000]) await measure(wide(nodes), nodes)
