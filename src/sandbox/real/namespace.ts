import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { assert } from '../../kit/assert.ts'

/** Why real nodes cannot be had here, in one line for a person. */
export class RealNodesImpossible extends Error {
  override readonly name = 'RealNodesImpossible'
}

/** What the keeper of the namespace refused, in its own words. */
export class KeeperRefused extends Error {
  override readonly name = 'KeeperRefused'
}

const KEEPER = `${import.meta.dirname}/namespace.sh`

/** What the keeper and its nodes may see of this process's environment: nothing. */
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/** A word of a request: no blank, nothing that a shell would read as more than text. */
const WORD = /^[A-Za-z0-9._/-]+$/

type Answer = Readonly<{ resolve: (text: string) => void; reject: (error: Error) => void }>

/**
 * A private mount namespace and the process that keeps it (namespace.sh). The namespace ends with its last process, and all of them end with
 * the keeper, which ends when its stdin does: so nothing is left behind, even when this process is killed.
 */
export class Namespace {
  /** What is mounted inside, as this process names it. */
  readonly folder: string
  /** The mount, IPC and network namespaces, for nsenter. */
  readonly handles: readonly string[]
  readonly #keeper: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, Answer>()
  readonly #ended: Promise<void>
  #asked = 0
  #text = ''
  #complaint = ''

  private constructor(keeper: ChildProcessWithoutNullStreams, pid: number) {
    this.#keeper = keeper
    this.folder = `/proc/${String(pid)}/root/mnt`
    this.handles = [`--mount=/proc/${String(pid)}/ns/mnt`, `--ipc=/proc/${String(pid)}/ns/ipc`, `--net=/proc/${String(pid)}/ns/net`]
    keeper.stdout.setEncoding('utf8').on('data', (text: string) => this.#heard(text))
    keeper.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-500)
    })
    keeper.stdin.on('error', () => undefined) // It has ended: `close` tells.
    this.#ended = new Promise((resolve) => {
      keeper.once('close', () => {
        const gone = new KeeperRefused(`the namespace is gone${this.#complaint === '' ? '' : `: ${this.#complaint.trim()}`}`)
        for (const { reject } of this.#waiting.values()) reject(gone)
        this.#waiting.clear()
        resolve()
      })
    })
  }

  /** @throws RealNodesImpossible, with the reason */
  static async start(base: string, kibibytes: number): Promise<Namespace> {
    assert(WORD.test(base) && Number.isSafeInteger(kibibytes) && kibibytes > 0, `no base for real nodes: ${base}, ${String(kibibytes)}`)
    // unshare without --fork becomes the keeper, so its process id is the keeper's.
    const words = ['--mount', '--ipc', '--net', '--propagation', 'private', 'sh', KEEPER, String(kibibytes), base]
    const keeper = spawn('unshare', words, { env: { PATH }, cwd: '/', stdio: 'pipe', detached: true })
    const pid = await new Promise<number | undefined>((resolve) => {
      keeper.once('spawn', () => resolve(keeper.pid))
      keeper.once('error', () => resolve(undefined))
    })
    if (pid === undefined) throw new RealNodesImpossible('unshare (util-linux) is not there')
    const namespace = new Namespace(keeper, pid)
    try {
      await namespace.#answer(0)
    } catch (error) {
      namespace.#keeper.stdin.end()
      throw new RealNodesImpossible(`a private mount namespace is refused: ${error instanceof Error ? error.message : String(error)}`)
    }
    return namespace
  }

  /** One request to the keeper; what follows its `ok`. @throws KeeperRefused */
  ask(verb: string, ...words: readonly string[]): Promise<string> {
    for (const word of words) assert(WORD.test(word), `not a word for the keeper: ${word}`)
    const number = (this.#asked += 1)
    this.#keeper.stdin.write(`${[String(number), verb, ...words].join(' ')}\n`)
    return this.#answer(number)
  }

  /** Ends the namespace and everything in it. */
  async end(): Promise<void> {
    this.#keeper.stdin.end()
    await this.#ended
  }

  #answer(number: number): Promise<string> {
    if (this.#keeper.exitCode !== null || this.#keeper.signalCode !== null)
      return Promise.reject(new KeeperRefused(`the namespace is gone: ${this.#complaint.trim()}`))
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }))
  }

  #heard(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      const [, number = '', verdict = '', rest = ''] = /^(\d+) (ok|no) ?(.*)$/.exec(line) ?? []
      const asked = this.#waiting.get(Number(number))
      this.#waiting.delete(Number(number))
      if (verdict === 'ok') asked?.resolve(rest)
      else asked?.reject(new KeeperRefused(rest.trim()))
    }
  }
}
