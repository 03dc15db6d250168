import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nap } from '../../src/adapters/system/system-clock.ts'
import { seeded } from '../../src/kit/random.ts'

const PATCHWAVE = join(import.meta.dirname, '../../bin/patchwave')

/** Thirty nodes whose script takes a minute: at 600 times the speed a run lasts some ten seconds. */
const FLEET = `
apiVersion: patchwave/v1
kind: Fleet
seed: 11
start: 2026-01-01T00:00:00Z
groups:
  - { account: prod-us, region: us-east-1, count: 30, platform: amazon-linux-2023, amis: 2, zones: 3, clusterSize: 5, tags: { Env: prod } }
commandTime: { median: 4m, p95: 8m }
`

type Ready = Readonly<{ endpoint: string; env: Readonly<Record<string, string>> }>
type Row = Readonly<{ node: string; token: string; document: string; transaction: object | null }>

let folder: string
let sandbox: ChildProcess
let ready: Ready

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'patchwave-kill-'))
  await writeFile(join(folder, 'fleet.yaml'), FLEET)
  sandbox = spawn(PATCHWAVE, ['sandbox', '--fleet', join(folder, 'fleet.yaml'), '--speed', '600', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (!sandbox.stdout) throw new Error('the sandbox has no output')
  for await (const line of createInterface(sandbox.stdout)) {
    ready = JSON.parse(line) as Ready
    break
  }
})

afterAll(async () => {
  sandbox.kill('SIGTERM')
  await once(sandbox, 'exit')
  await rm(folder, { recursive: true, force: true })
})

/** Starts the engine as a process of its own, as a person would. */
const start = (): ChildProcess =>
  spawn(PATCHWAVE, ['run', 'runbooks/one-account.yaml', '--now', '--reason', 'kill test', '--store', join(folder, 'store.db'), '--json'], {
    env: { ...process.env, ...ready.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

async function ledger(): Promise<readonly Row[]> {
  const answer = await fetch(`${ready.endpoint}/_sandbox/ledger`)
  return (await answer.json()) as Row[]
}

describe('a driver that is killed with kill -9, again and again', () => {
  it('ends as if nothing had happened, and no node’s transaction runs twice', async () => {
    const chance = seeded('kills')
    for (let kill = 0; kill < 4; kill++) {
      const run = start()
      await nap(1_200 + chance() * 2_500)
      run.kill('SIGKILL')
      await once(run, 'exit')
    }
    const last = start()
    const lines: string[] = []
    if (last.stdout) for await (const line of createInterface(last.stdout)) lines.push(line)
    if (last.exitCode === null) await once(last, 'exit')
    const end = JSON.parse(lines.at(-1) ?? '{}') as { type?: string; outcome?: string; nodes?: Record<string, number> }
    expect(end).toMatchObject({ type: 'run.finished', outcome: 'succeeded', nodes: { total: 30, patched: 30, failed: 0, unknown: 0 } })
    expect(last.exitCode).toBe(0)
    const transactions = (await ledger()).filter((row) => row.document === 'Patchwave-Apply' && row.transaction !== null)
    expect(transactions.map((row) => row.node).sort()).toEqual([...new Set(transactions.map((row) => row.node))].sort())
    expect(transactions).toHaveLength(30)
  })
})
