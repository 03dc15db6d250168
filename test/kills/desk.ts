import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { nap } from '../../src/adapters/system/system-clock.ts'
import type { Anchor } from '../../src/core/audit/entry.ts'
import type { CallRow } from '../../src/sandbox/calls.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { Process } from '../serve/processes.ts'

const PATCHWAVE = join(import.meta.dirname, '../../bin/patchwave')
const AT_WRITE = join(import.meta.dirname, 'at-write.mjs')

/** A kill takes nothing from what the system holds in memory: syncing hundreds of stores to a disk would only make this slow. */
const MEMORY = '/dev/shm'

/** A process that neither ends nor is killed would hold up all others; a run takes seconds. */
const ENDS_WITHIN_MS = 300_000

const fleetOf = ({ nodes }: DeskOptions): string => `
apiVersion: patchwave/v1
kind: Fleet
seed: 11
start: 2026-01-01T00:00:00Z
groups:
  - { account: prod-us, region: us-east-1, count: ${nodes}, platform: amazon-linux-2023, amis: 2, zones: 3, clusterSize: 5, tags: { Env: prod } }
commandTime: { median: 2m, p95: 4m }
`

/**
 * Some nodes always fail, so that there is more than one outcome to be lost. By this seed no two of one cluster do: where the limit is used up by
 * those that failed, it depends on the order of things which of the others still come to their turn.
 */
const faultsOf = ({ nodes }: DeskOptions): string => `
apiVersion: patchwave/v1
kind: Faults
seed: 38
packages: [{ match: "*", fails: install, share: ${nodes > 100 ? 1 : 5}% }]
`

const GATE = 'gate: { failures: 50%, bake: 1m, checks: [reachable] }'

/**
 * Commands, reports and checks in two waves, within a disruption limit and a failure budget, told to a queue. The sandbox's time goes on from run to
 * run: an update that comes out days after its start is left out, and the window is long enough for a machine that is busy with other things.
 */
export const RUNBOOK = `
apiVersion: patchwave/v1
kind: Runbook
metadata: { name: kills }
scope: { accounts: [prod-us], regions: [us-east-1], match: { platform: [amazon-linux-2023] } }
patches: { approve: [{ severity: [Critical, Important] }], reject: ["gnutls*"] }
window: { schedule: rate(1 day), timezone: UTC, duration: 24h }
baseline: none
limit: { share: 100% }
checks: { reachable: { type: instance-status } }
disruption: [{ per: "tag:Cluster", atMost: 2 }]
feedback: { queue: patchwave-feedback.fifo, detail: wave }
waves:
  - { name: canary, take: 10%, concurrency: 100%, ${GATE} }
  - { name: rest, take: rest, concurrency: 50%, ${GATE} }
`

const LOOK = `
apiVersion: patchwave/v1
kind: Runbook
metadata: { name: look }
scope: { accounts: [prod-us], regions: [us-east-1], match: { platform: [amazon-linux-2023] } }
limit: { share: 100% }
waves: [{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]
`

/** Where a process is killed: before or after its n-th commit, or its first one with an entry of this type. */
export type Kill = Readonly<{ moment: 'before' | 'after'; commit: number | string; signal?: NodeJS.Signals }>

/** How one process ended, and what it told of its troubles. */
export type Ended = Readonly<{ killed: boolean; code: number | null; errors: string }>

/** `kept`: the sandbox can be interrupted. */
export type DeskOptions = Readonly<{ nodes: number; speed: number; kept?: boolean }>

export type Ready = Readonly<{ endpoint: string; env: Readonly<Record<string, string>> }>

/** A sandbox over HTTP and the engine as processes of its own, as a person would start them. Compiled code is kept between processes. */
export class Desk {
  readonly ready: Ready
  /** Where stores lie. */
  folder: string
  readonly #folder: string
  #sandbox: ChildProcess
  #round = 0

  private constructor(folder: string, sandbox: ChildProcess, ready: Ready) {
    this.folder = folder
    this.#folder = folder
    this.#sandbox = sandbox
    this.ready = ready
  }

  static async open(options: DeskOptions): Promise<Desk> {
    const folder = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'patchwave-kills-'))
    await writeFile(join(folder, 'fleet.yaml'), fleetOf(options))
    await writeFile(join(folder, 'faults.yaml'), faultsOf(options))
    await writeFile(join(folder, 'kills.yaml'), RUNBOOK)
    await writeFile(join(folder, 'look.yaml'), LOOK)
    const args = ['--speed', String(options.speed), ...(options.kept === true ? ['--state', join(folder, 'sandbox.state')] : [])]
    await writeFile(join(folder, 'sandbox.args'), args.join(' '))
    return new Desk(folder, ...(await serving(folder)))
  }

  /** The sandbox's process is killed, and another one goes on with its state, after a while. */
  async interrupt(ms: number): Promise<void> {
    const exited = once(this.#sandbox, 'exit')
    this.#sandbox.kill('SIGKILL')
    await exited
    await nap(ms)
    const [sandbox, ready] = await serving(this.#folder)
    this.#sandbox = sandbox
    if (ready.endpoint !== this.ready.endpoint) throw new Error(`it listens at ${ready.endpoint} now`)
  }

  /** The fleet as at the start, and an empty store. */
  async again(): Promise<void> {
    await fetch(`${this.ready.endpoint}/_sandbox/reset`, { method: 'POST' })
    for (const end of ['db', 'db-wal', 'db-shm', 'log']) await rm(this.#file(end), { force: true })
    this.#round += 1
  }

  get store(): string {
    return this.#file('db')
  }

  /** Starts the run, or goes on with it, in a process of its own that may be killed; resolves when it has ended. */
  async run(kill?: Kill): Promise<Ended> {
    const run = this.start(kill)
    const tooLong = setTimeout(() => run.child.kill('SIGKILL'), ENDS_WITHIN_MS)
    const code = await run.ended
    clearTimeout(tooLong)
    return { killed: run.child.signalCode === 'SIGKILL', code, errors: run.errors }
  }

  /** A run of another runbook that only looks at the nodes. */
  async look(): Promise<Ended> {
    const run = this.command(['run', join(this.#folder, 'look.yaml'), '--now', '--reason', 'a look'])
    const code = await run.ended
    return { killed: false, code, errors: run.errors }
  }

  /** The same, without waiting. */
  start(kill?: Kill): Process {
    return this.command(['run', join(this.#folder, 'kills.yaml'), '--now', '--reason', 'kills'], {
      NODE_OPTIONS: `--import=${AT_WRITE}`,
      PATCHWAVE_ACKNOWLEDGED: this.#file('log'),
      ...(kill && { PATCHWAVE_KILL_AT: `${kill.moment}:${kill.commit}:${kill.signal ?? 'SIGKILL'}` }),
    })
  }

  /** Any command on this store. */
  command(args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
    return new Process([...args, '--store', this.store, '--json'], {
      ...process.env,
      ...this.ready.env,
      NODE_COMPILE_CACHE: compiled(),
      ...env,
    })
  }

  /** Entries whose commit had returned, in all processes since `again`. */
  acknowledged(): readonly Anchor[] {
    if (!existsSync(this.#file('log'))) return []
    const lines = readFileSync(this.#file('log'), 'utf8').trimEnd().split('\n')
    return lines.map((line) => JSON.parse(line) as Anchor)
  }

  ledger(): Promise<readonly LedgerRow[]> {
    return this.#look('ledger') as Promise<readonly LedgerRow[]>
  }

  /** How many commands were sent. */
  async sends(): Promise<number> {
    const rows = (await this.#look('calls')) as readonly CallRow[]
    return rows.filter(({ call }) => call.endsWith('SendCommand')).reduce((sum, { count }) => sum + count, 0)
  }

  nodes(): Promise<readonly NodeView[]> {
    return this.#look('nodes') as Promise<readonly NodeView[]>
  }

  async close(): Promise<void> {
    const exited = once(this.#sandbox, 'exit')
    this.#sandbox.kill('SIGTERM')
    await exited
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #look(what: string): Promise<unknown> {
    return (await fetch(`${this.ready.endpoint}/_sandbox/${what}`)).json()
  }

  #file(end: string): string {
    return join(end === 'log' ? this.#folder : this.folder, `store-${this.#round}.${end}`)
  }
}

async function serving(folder: string): Promise<[ChildProcess, Ready]> {
  const [fleet, faults] = [join(folder, 'fleet.yaml'), join(folder, 'faults.yaml')]
  const more = readFileSync(join(folder, 'sandbox.args'), 'utf8').split(' ')
  const sandbox = spawn(PATCHWAVE, ['sandbox', '--fleet', fleet, '--faults', faults, ...more, '--json'], {
    env: { ...process.env, NODE_COMPILE_CACHE: compiled() },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(sandbox.stdout)) return [sandbox, JSON.parse(line) as Ready]
  throw new Error('the sandbox said nothing')
}

/** Where Node keeps what it has compiled: a process starts in half the time. */
const compiled = (): string => join(tmpdir(), `patchwave-compiled-${process.versions.node}-${process.getuid?.() ?? 0}`)
