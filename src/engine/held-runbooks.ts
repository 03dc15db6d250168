import type { Runbook } from '../core/runbook/runbook.ts'
import type { RunbookFile, Runbooks } from '../ports/runbooks.ts'
import type { Bulletin } from './bulletin.ts'
import { logbookOf, readLogbook } from './logbook.ts'
import type { HeldRunbook } from './service-view.ts'
import type { World } from './world.ts'

/** A runbook that counts: the newest version of its file that was valid. */
export type Held = Readonly<{
  name: string
  file: string
  digest: string
  runbook: Runbook
  asks: readonly string[]
  problem: string | null
}>

/** The files as they are, and the runbooks that count: a file that becomes invalid keeps its last valid version, and says so. */
export class HeldRunbooks {
  readonly #world: Pick<World, 'clock' | 'log' | 'store'>
  readonly #runbooks: Runbooks
  readonly #bulletin: Pick<Bulletin, 'write'>
  readonly #held = new Map<string, Held>()
  readonly #nameOf = new Map<string, string>()
  readonly #warned = new Map<string, string>()
  #read: readonly RunbookFile[] = []
  #files: readonly RunbookFile[] = []
  #settled = false

  /** Counts what changed: nothing of it needs to be looked at again while this stays the same. */
  version = 0

  constructor(world: Pick<World, 'clock' | 'log' | 'store'>, runbooks: Runbooks, bulletin: Pick<Bulletin, 'write'>) {
    this.#world = world
    this.#runbooks = runbooks
    this.#bulletin = bulletin
  }

  /** Those that count, by name. */
  get all(): readonly Held[] {
    return [...this.#held.values()]
  }

  get(name: string): Held | undefined {
    return this.#held.get(name)
  }

  /** Whether the files could be read and put on record: else one that is not held may be there all the same. */
  get settled(): boolean {
    return this.#settled
  }

  /** What the files look like to people. */
  view(): HeldRunbook[] {
    return this.#files.map(({ file, name, problem }) => {
      const held = this.#of(file)
      return { file, name, digest: held?.digest ?? null, problem: held?.problem ?? problem }
    })
  }

  /**
   * Reads what changed. Valid versions are taken, what is invalid or gone is put on record; nothing here stops the others. What could not be put
   * on record does not count yet, and is read again.
   * @throws what stood in the way first, after all files were looked at
   */
  async reload(): Promise<void> {
    try {
      await this.#reload()
      this.#settled = true
    } catch (error) {
      this.#settled = false
      throw error
    }
  }

  async #reload(): Promise<void> {
    const files = await this.#world.clock.hold(() => this.#runbooks.list())
    if (files.length === this.#read.length && files.every((file, index) => file === this.#read[index])) return
    this.#files = twinsRefused(files, this.#held)
    this.version += 1
    const present = new Set(files.map(({ file }) => file))
    const failures: unknown[] = []
    const failed = (error: unknown): void => void failures.push(error)
    for (const { file } of this.all) if (!present.has(file)) await this.#drop(file).catch(failed)
    for (const one of this.#files) await this.#take(one).catch(failed)
    if (failures.length > 0) throw failures[0]
    this.#read = files
  }

  async #take({ file, digest, name, runbook, problem, asks }: RunbookFile): Promise<void> {
    const before = this.#of(file)
    if (runbook !== null && name !== null) {
      if (before?.digest === digest && before.problem === null) return
      const renamed = before !== undefined && before.name !== name
      if (renamed) await this.#drop(file)
      const last = before === undefined || renamed ? await this.#lastTaken(name) : before.digest
      if (last !== digest) await this.#bulletin.write(name, { type: 'RunbookTaken', file, digest })
      this.#nameOf.set(file, name)
      this.#held.set(name, { name, file, digest, runbook, asks, problem: null })
      return
    }
    this.#warn(file, before, problem ?? '')
    if (before === undefined || before.problem === problem) return
    await this.#bulletin.write(before.name, { type: 'RunbookKept', file, problem: (problem ?? '').slice(0, 1000) })
    this.#held.set(before.name, { ...before, problem })
  }

  /** Each problem once. */
  #warn(file: string, before: Held | undefined, problem: string): void {
    if (this.#warned.get(file) === problem) return
    this.#warned.set(file, problem)
    this.#world.log.warn(`${file}: ${before === undefined ? 'it is not served' : 'the version of before still counts'}: ${problem}`)
  }

  #of(file: string): Held | undefined {
    const held = this.#held.get(this.#nameOf.get(file) ?? '')
    return held?.file === file ? held : undefined
  }

  async #drop(file: string): Promise<void> {
    const held = this.#of(file)
    if (held === undefined) return
    await this.#bulletin.write(held.name, { type: 'RunbookGone', file })
    this.#held.delete(held.name)
    this.#nameOf.delete(file)
    this.#warned.delete(file)
  }

  /** The version that an earlier process took last and did not see go. */
  async #lastTaken(name: string): Promise<string | undefined> {
    const { clock, store } = this.#world
    return clock.hold(async () => {
      let digest: string | undefined
      if ((await store.run(logbookOf(name))) === undefined) return undefined
      for await (const { type, data } of readLogbook(store, name)) {
        if (type === 'RunbookTaken') digest = String(data['digest'])
        if (type === 'RunbookGone') digest = undefined
      }
      return digest
    })
  }
}

/** Of several files with one name that counts which has counted so far, else the first; the others are told. */
function twinsRefused(files: readonly RunbookFile[], held: ReadonlyMap<string, Held>): RunbookFile[] {
  const owners = new Map<string, string>()
  for (const { file, name } of files) if (name !== null && (!owners.has(name) || held.get(name)?.file === file)) owners.set(name, file)
  return files.map((one) => {
    const owner = one.name === null ? undefined : owners.get(one.name)
    if (owner === undefined || owner === one.file) return one
    return { ...one, runbook: null, problem: `${owner} has the name ${String(one.name)} already` }
  })
}
