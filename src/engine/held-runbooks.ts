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
  #files: readonly RunbookFile[] = []

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
    const held = new Map(this.all.map((one) => [one.file, one]))
    return this.#files.map(({ file, name, problem }) => ({
      file,
      name,
      digest: held.get(file)?.digest ?? null,
      problem: held.get(file)?.problem ?? problem,
    }))
  }

  /** Reads what changed. Valid versions are taken, what is invalid or gone is put on record; nothing here stops the others. */
  async reload(): Promise<void> {
    const files = await this.#world.clock.hold(() => this.#runbooks.list())
    this.#files = files
    const seen = new Map<string, string>()
    for (const one of files) {
      const { name, file } = one
      const twin = name === null ? undefined : seen.get(name)
      if (name !== null && twin === undefined) seen.set(name, file)
      await this.#take(twin === undefined ? one : { ...one, runbook: null, problem: `${twin} has the name ${String(name)} already` })
    }
    const present = new Set(files.map(({ file }) => file))
    for (const { name, file } of this.all) {
      if (present.has(file)) continue
      this.#held.delete(name)
      await this.#bulletin.write(name, { type: 'RunbookGone', file })
    }
  }

  async #take({ file, digest, name, runbook, problem, asks }: RunbookFile): Promise<void> {
    const before = this.all.find((one) => one.file === file)
    if (runbook !== null && name !== null) {
      if (before?.digest === digest && before.problem === null) return
      const owner = this.#held.get(name)
      if (owner !== undefined && owner.file !== file) return
      if (before !== undefined && before.name !== name) this.#held.delete(before.name)
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
