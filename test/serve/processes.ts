import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { nap } from '../../src/adapters/system/system-clock.ts'
import { CONFIG_TEXT } from '../scenarios/documents.ts'

const PATCHWAVE = join(import.meta.dirname, '../../bin/patchwave')

export type Line = Readonly<Record<string, unknown>>

/** One `patchwave` process: what it writes to stdout as JSON lines, to stderr as text. */
export class Process {
  readonly child: ChildProcess
  readonly lines: Line[] = []
  errors = ''
  readonly ended: Promise<number | null>
  readonly #waiting = new Set<() => void>()

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(PATCHWAVE, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stderr?.on('data', (chunk: Buffer) => (this.errors += chunk.toString()))
    if (this.child.stdout)
      createInterface(this.child.stdout).on('line', (line) => {
        this.lines.push(JSON.parse(line) as Line)
        this.#tell()
      })
    this.ended = once(this.child, 'close').then(([code]) => {
      this.#tell()
      return typeof code === 'number' ? code : null
    })
  }

  /** The first line that fits; fails when the process ends without one. */
  async line(fits: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = this.lines.find(fits)
      if (found !== undefined) return found
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`it ended without that line: ${this.errors}`)
      await new Promise<void>((told) => this.#waiting.add(told))
    }
  }

  /** Sends a signal and waits for the end: the exit code, null after a kill. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal)
    return this.ended
  }

  #tell(): void {
    for (const told of this.#waiting) told()
    this.#waiting.clear()
  }
}

const FLEET = `
apiVersion: patchwave/v1
kind: Fleet
seed: 11
start: 2026-01-01T00:00:00Z
groups:
  - { account: prod-us, region: us-east-1, count: 8, platform: amazon-linux-2023, amis: 1, zones: 3, tags: { PatchGroup: monthly } }
  - { account: prod-eu, region: eu-west-1, count: 8, platform: amazon-linux-2023, amis: 1, zones: 3, tags: { PatchGroup: monthly } }
  - { account: staging, region: us-east-1, count: 4, platform: amazon-linux-2023, amis: 1, zones: 3, tags: { PatchGroup: monthly } }
commandTime: { median: 2m, p95: 4m }
`

type Ready = Readonly<{ endpoint: string; env: Readonly<Record<string, string>>; identities: readonly Identity[] }>
type Identity = Readonly<{ name: string; env: Readonly<Record<string, string>> }>
export type LedgerRow = Readonly<{ node: string; token: string; document: string; transaction: object | null }>

/** A sandbox whose minutes are tenths of seconds, and a scratch folder; every process that is started here ends with it. */
export class Yard {
  readonly folder: string
  readonly ready: Ready
  readonly #processes: Process[]

  private constructor(folder: string, sandbox: Process, ready: Ready) {
    this.folder = folder
    this.ready = ready
    this.#processes = [sandbox]
  }

  static async open(): Promise<Yard> {
    const folder = await mkdtemp(join(tmpdir(), 'patchwave-serve-'))
    await writeFile(join(folder, 'fleet.yaml'), FLEET)
    const sandbox = new Process(['sandbox', '--fleet', join(folder, 'fleet.yaml'), '--speed', '600', '--json'], process.env)
    return new Yard(folder, sandbox, (await sandbox.line(({ endpoint }) => endpoint !== undefined)) as Ready)
  }

  async close(): Promise<void> {
    for (const one of this.#processes.toReversed()) {
      if (one.child.exitCode !== null || one.child.signalCode !== null) continue
      one.child.kill('SIGCONT')
      await one.end('SIGKILL')
    }
    await rm(this.folder, { recursive: true, force: true })
  }

  /** A store, a config and a runbook folder of its own. */
  async site(name: string, runbooks: Readonly<Record<string, string>>): Promise<Site> {
    const folder = join(this.folder, name)
    await mkdir(join(folder, 'runbooks'), { recursive: true })
    await writeFile(join(folder, 'config.yaml'), `${CONFIG_TEXT}runbooks: [${join(folder, 'runbooks')}]\n`)
    const site = new Site(this, folder)
    for (const [file, text] of Object.entries(runbooks)) await site.write(file, text)
    return site
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
    const one = new Process(args, { ...process.env, ...this.ready.env, ...env })
    this.#processes.push(one)
    return one
  }

  /** The environment that makes a process be one of the people. */
  person(name: string): NodeJS.ProcessEnv {
    return { ...this.ready.identities.find((one) => one.name === name)?.env }
  }

  async ledger(): Promise<readonly LedgerRow[]> {
    return (await (await fetch(`${this.ready.endpoint}/_sandbox/ledger`)).json()) as LedgerRow[]
  }

  async faults(lines: string | null): Promise<void> {
    const body = lines === null ? '' : `apiVersion: patchwave/v1\nkind: Faults\n${lines}\n`
    await fetch(`${this.ready.endpoint}/_sandbox/faults`, { method: 'POST', body })
  }
}

/** One store with its runbooks. */
export class Site {
  readonly folder: string
  readonly #yard: Yard

  constructor(yard: Yard, folder: string) {
    this.#yard = yard
    this.folder = folder
  }

  path(file: string): string {
    return join(this.folder, 'runbooks', file)
  }

  write(file: string, text: string): Promise<void> {
    return writeFile(this.path(file), text)
  }

  /** Any command on this store. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
    const around = ['--store', join(this.folder, 'store.db'), '--config', join(this.folder, 'config.yaml'), '--json']
    return this.#yard.start([...args, ...around], env)
  }

  /** A command that ends by itself: what it wrote, and its exit code. */
  async say(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Readonly<{ code: number | null; lines: readonly Line[]; errors: string }>> {
    const one = this.start(args, env)
    const code = await one.ended
    return { code, lines: one.lines, errors: one.errors }
  }

  /** `patchwave serve`, once it listens. */
  async serve(): Promise<Readonly<{ process: Process; url: string }>> {
    const one = this.start(['serve', '--port', '0'])
    const { url } = await one.line(({ type }) => type === 'service.started')
    return { process: one, url: String(url) }
  }

  /** Runs as `status` tells them. */
  async runs(): Promise<readonly Line[]> {
    const { lines } = await this.say(['status', '--all'])
    return (lines[0]?.['runs'] ?? []) as Line[]
  }
}

/** Asks until the answer fits. */
export async function eventually<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    await nap(100)
  }
}

export async function page(url: string): Promise<Readonly<{ status: number; body: Line }>> {
  const answer = await fetch(url)
  return { status: answer.status, body: (await answer.json()) as Line }
}
