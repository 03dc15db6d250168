import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { assert } from '../../kit/assert.ts'
import { type Ms, plus } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Namespace } from './namespace.ts'

/** What goes with a command. */
export type RunOptions = Readonly<{
  stdin?: string | Buffer
  /** Kills the process group when it is past. */
  timeoutMs?: Ms
  /** Kills the process group. */
  signal?: AbortSignal
  env?: Readonly<Record<string, string>>
  cwd?: string
  /** Kept of stdout and of stderr each; the head. */
  outputBytesMax?: number
}>

/** How a command on a node ended. */
export type Ran = Readonly<{
  ended: 'exited' | 'killed' | 'timed-out' | 'power-lost'
  /** As a shell shows it: 128 and the signal's number where a signal ended it. */
  exit: number
  stdout: string
  stderr: string
  /** All that it wrote, kept or not. */
  stdoutBytes: number
  stderrBytes: number
}>

type Start = Readonly<{ name: string; init: number; argv: readonly string[]; options: RunOptions }>

/** A node's commands are root, but may not touch what the machine has only once: clock, modules, disks, mounts. */
const BOUNDING = ['sys_admin', 'sys_boot', 'sys_module', 'sys_rawio', 'sys_time', 'mknod', 'dac_read_search']
  .map((capability) => `-${capability}`)
  .join(',')

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
const OUTPUT_BYTES_MAX = 1_048_576

/** The words that lead a command which follows them into a node that is up. */
export function doorOf(namespace: Namespace, name: string, init: number, cwd: string): readonly string[] {
  const root = `${namespace.folder}/n/${name}/r`
  const spaces = [...namespace.handles, `--pid=/proc/${String(init)}/ns/pid`, `--uts=/proc/${String(init)}/ns/uts`]
  return ['nsenter', ...spaces, `--root=${root}`, `--wd=${root}${cwd}`, '--', 'setpriv', '--bounding-set', BOUNDING, '--']
}

/** One command on one node: a process group of its own, whose output goes to files that nobody else can name. */
export class Entry {
  readonly ended: Promise<Ran>
  readonly #child: ChildProcess
  readonly #over = new AbortController()
  #why: Ran['ended'] = 'exited'

  constructor(namespace: Namespace, clock: Clock, { name, init, argv, options }: Start) {
    const { cwd = '/', outputBytesMax = OUTPUT_BYTES_MAX } = options
    assert(cwd.startsWith('/') && argv.length > 0, `no command for a node: ${argv.join(' ')}`)
    const [nsenter = '', ...words] = [...doorOf(namespace, name, init, cwd), ...argv]
    const [stdin, stdout, stderr] = [nameless(namespace.folder, options.stdin), nameless(namespace.folder), nameless(namespace.folder)]
    this.#child = spawn(nsenter, words, {
      cwd: '/',
      env: { ...ENVIRONMENT, ...options.env },
      stdio: [stdin, stdout, stderr],
      detached: true, // A process group to kill, as SSM's agent has it.
    })
    closeSync(stdin)
    this.ended = this.#end().then((exit) => {
      const [out, err] = [headOf(stdout, outputBytesMax), headOf(stderr, outputBytesMax)]
      return { ended: this.#why, exit, stdout: out.text, stderr: err.text, stdoutBytes: out.bytes, stderrBytes: err.bytes }
    })
    this.#guard(clock, options)
  }

  /** The node goes down, and this with it. */
  powerLost(): void {
    this.#kill('power-lost')
  }

  /** Resolves with the exit code when the command itself has ended; what it left in the background may go on. */
  #end(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#child.once('error', (error) => {
        this.#over.abort('over')
        reject(error)
      })
      this.#child.once('exit', (code, signal) => {
        this.#over.abort('over')
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
      })
    })
  }

  #guard(clock: Clock, { signal, timeoutMs }: RunOptions): void {
    const over = this.#over.signal
    if (signal?.aborted === true) this.#kill('killed')
    else signal?.addEventListener('abort', () => this.#kill('killed'), { once: true, signal: over })
    if (timeoutMs === undefined) return
    void clock.sleep(plus(clock.now(), timeoutMs), over).then(() => {
      if (!over.aborted) this.#kill('timed-out')
    })
  }

  /** The whole group; sessions that it has begun are not in it. */
  #kill(why: Ran['ended']): void {
    if (this.#over.signal.aborted || this.#why !== 'exited' || this.#child.pid === undefined) return
    this.#why = why
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error // It has just ended by itself.
    }
  }
}

let files = 0

/**
 * A new file without a name, on a small disk of its own: what is written to it is kept even where the one who reads is slow. With a content, it
 * is read from its beginning.
 */
function nameless(folder: string, content: string | Buffer = ''): number {
  const path = `${folder}/out/${String((files += 1))}`
  const file = openSync(path, 'wx+')
  const bytes = Buffer.from(content)
  // At a given place, so that the file's own position stays at the beginning.
  if (bytes.length > 0) writeSync(file, bytes, 0, bytes.length, 0)
  unlinkSync(path)
  return file
}

/** The head of a file, and its whole size; closes it. */
function headOf(file: number, bytesMax: number): Readonly<{ text: string; bytes: number }> {
  const bytes = fstatSync(file).size
  const head = Buffer.alloc(Math.min(bytes, bytesMax))
  const read = readSync(file, head, 0, head.length, 0)
  closeSync(file)
  return { text: head.toString('utf8', 0, read), bytes }
}
