import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const PATCHWAVE = join(import.meta.dirname, '../../bin/patchwave')
const AT_WRITE = join(import.meta.dirname, 'at-write.mjs')

const fleetOf = (nodes: number): string => `
apiVersion: patchwave/v1
kind: Fleet
seed: 11
start: 2026-01-01T00:00:00Z
groups:
  - { account: prod-us, region: us-east-1, count: ${String(nodes)}, platform: amazon-linux-2023, amis: 2, zones: 3, clusterSize: 5, tags: { Env: prod } }
commandTime: { median: 4m, p95: 8m }
`

const RUNBOOK = `
apiVersion: patchwave/v1
kind: Runbook
metadata: { name: kills }
scope: { accounts: [prod-us], regions: [us-east-1], match: { platform: [amazon-linux-2023] } }
patches: { approve: [{ severity: [Critical, Important] }] }
baseline: none
limit: { share: 100% }
checks: { reachable: { type: instance-status } }
disruption: [{ per: "tag:Cluster", atMost: 2 }]
waves:
  - { name: canary, take: 10%, concurrency: 100%, gate: { bake: 1m, checks: [reachable] } }
  - { name: rest, take: rest, concurrency: 50%, gate: { bake: 1m, checks: [reachable] } }
`

/** Where a process is killed: before or after its n-th commit. */
export type Kill = Readonly<{ moment: 'before' | 'after'; commit: number }>

/** How one process ended. */
export type Ended = Readonly<{ killed: boolean; code: number | null; last: string }>

/** What the sandbox saw: each node's packages, and how often its transaction ran. */
export type Seen = Readonly<{ packages: string; transactions: ReadonlyMap<string, number> }>

type Row = Readonly<{ node: string; document: string; transaction: object | null }>
type NodeRow = Readonly<{ node: string; packages: unknown }>

/** A sandbox over HTTP and the engine as processes of its own, as a person would start them. */
export class Desk {
  readonly #folder: string
  readonly #sandbox: ChildProcess
  readonly #ready: Readonly<{ endpoint: string; env: Readonly<Record<string, string>> }>
  #round = 0

  private constructor(folder: string, sandbox: ChildProcess, ready: Readonly<{ endpoint: string; env: Readonly<Record<string, string>> }>) {
    this.#folder = folder
    this.#sandbox = sandbox
    this.#ready = ready
  }

  static async open(nodes: number, speed: number): Promise<Desk> {
    const folder = await mkdtemp(join(tmpdir(), 'patchwave-kills-'))
    await writeFile(join(folder, 'fleet.yaml'), fleetOf(nodes))
    await writeFile(join(folder, 'kills.yaml'), RUNBOOK)
    const sandbox = spawn(PATCHWAVE, ['sandbox', '--fleet', join(folder, 'fleet.yaml'), '--speed', String(speed), '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of createInterface(sandbox.stdout)) return new Desk(folder, sandbox, JSON.parse(line) as never)
    throw new Error('the sandbox said nothing')
  }

  /** The fleet as at the start, and an empty store. */
  async again(): Promise<void> {
    this.#round += 1
    await fetch(`${this.#ready.endpoint}/_sandbox/reset`, { method: 'POST' })
  }

  /** Starts the run, or goes on with it, in a process of its own that may be killed. */
  async run(kill?: Kill): Promise<Ended> {
    const store = join(this.#folder, `store-${String(this.#round)}.db`)
    const child = spawn(PATCHWAVE, ['run', join(this.#folder, 'kills.yaml'), '--now', '--reason', 'kills', '--store', store, '--json'], {
      env: {
        ...process.env,
        ...this.#ready.env,
        ...(kill && { NODE_OPTIONS: `--import=${AT_WRITE}`, PATCHWAVE_KILL_AT: `${kill.moment}:${String(kill.commit)}` }),
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const exited = once(child, 'exit')
    let last = ''
    for await (const line of createInterface(child.stdout)) last = line
    await exited
    return { killed: child.signalCode === 'SIGKILL', code: child.exitCode, last }
  }

  async seen(): Promise<Seen> {
    const rows = (await (await fetch(`${this.#ready.endpoint}/_sandbox/ledger`)).json()) as readonly Row[]
    const nodes = (await (await fetch(`${this.#ready.endpoint}/_sandbox/nodes`)).json()) as readonly NodeRow[]
    const transactions = new Map<string, number>()
    for (const { node, transaction } of rows) if (transaction !== null) transactions.set(node, (transactions.get(node) ?? 0) + 1)
    const packages = JSON.stringify(nodes.map((one) => [one.node, one.packages]).sort())
    return { packages, transactions }
  }

  async close(): Promise<void> {
    const exited = once(this.#sandbox, 'exit')
    this.#sandbox.kill('SIGTERM')
    await exited
    await rm(this.#folder, { recursive: true, force: true })
  }
}
