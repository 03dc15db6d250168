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
  #read: readonly RunbookFile[] = []
  #files: readonly RunbookFile[] = []

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

  /** What the files look like to people. */
  view(): HeldRunbook[] {
    return this.#files.map(({ file, name, problem }) => {
      const held = this.#of(file)
      return { file, name, digest: held?.digest ?? null, problem: held?.problem ?? problem }
    })
  }

  /** Reads what changed. Valid versions are taken, what is invalid or gone is put on record; nothing here stops the others. */
  async reload(): Promise<void> {
    const files = await this.#world.clock.hold(() => this.#runbooks.list())
    if (files.length === this.#read.length && files.every((file, index) => file === this.#read[index])) return
    this.#files = twinsRefused(files)
    this.version += 1
    const present = new Set(files.map(({ file }) => file))
    for (const { name, file } of this.all) {
      if (present.has(file)) continue
      this.#drop(file)
      await this.#bulletin.write(name, { type: 'RunbookGone', file })
    }
    for (const one of this.#files) await this.#take(one)
    this.#read = files // Only now: what could not be put on record is read again.
  }

  async #take({ file, digest, name, runbook, problem, asks }: RunbookFile): Promise<void> {
    const before = this.#of(file)
    if (runbook !== null && name !== null) {
      if (before?.digest === digest && before.problem === null) return
      if (before !== undefined && before.name !== name) this.#drop(file)
      this.#nameOf.set(file, name)
      this.#held.set(name, { name, file, digest, runbook, asks, problem: null })
      if ((before?.digest ?? (await this.#lastTaken(name))) !== digest)
        await this.#bulletin.write(name, { type: 'RunbookTaken', file, digest })
      return
    }
    if (before === undefined || before.problem === problem) return
    this.#held.set(before.name, { ...before, problem })
    this.#world.log.warn(`${file}: the version of before still counts: ${problem ?? ''}`)
    await this.#bulletin.write(before.name, { type: 'RunbookKept', file, problem: (problem ?? '').slice(0, 1000) })
  }

  #of(file: string): Held | undefined {
    const held = this.#held.get(this.#nameOf.get(file) ?? '')
    return held?.file === file ? held : undefined
  }

  #drop(file: string): void {
    const held = this.#of(file)
    if (held !== undefined) this.#held.delete(held.name)
    this.#nameOf.delete(file)
  }

  /** The version that an earlier process took last. */
  async #lastTaken(name: string): Promise<string | undefined> {
    const { clock, store } = this.#world
    return clock.hold(async () => {
      let digest: string | undefined
      if ((await store.run(logbookOf(name))) === undefined) return undefined
      for await (const { type, data } of readLogbook(store, name)) if (type === 'RunbookTaken') digest = String(data['digest'])
      return digest
    })
  }
}

/** Of several files with one name the first counts; the others are told. */
function twinsRefused(files: readonly RunbookFile[]): RunbookFile[] {
  const owners = new Map<string, string>()
  return files.map((one) => {
    if (one.name === null) return one
    const owner = owners.get(one.name) ?? one.file
    owners.set(one.name, owner)
    return owner === one.file ? one : { ...one, runbook: null, problem: `${owner} has the name ${one.name} already` }
  })
}
