import { statfs } from 'node:fs/promises'
import { assert, known } from '../../kit/assert.ts'
import type { Clock } from '../../ports/clock.ts'
import { uuidOf } from '../nodes/chance.ts'
import { doorOf, Entry, type Ran, type RunOptions } from './entry.ts'
import { Namespace, RealNodesImpossible } from './namespace.ts'

export type { Ran, RunOptions } from './entry.ts'

/** How real nodes are held. */
export type RootsOptions = Readonly<{
  clock: Clock
  /** The distribution that every node begins as: the machine's own root, or one that debootstrap made. Never written to. */
  base?: string
  /** What all disks together may hold, in memory. */
  bytes?: number
  /** Boot ids are derived from it. */
  seed?: number
}>

/** What new nodes begin as. */
export type AddOptions = Readonly<{
  /** One that `seal` made; without: the base as it is. */
  image?: string
  /** A disk of its own of that size; without: the disk that all share. */
  diskBytes?: number
}>

/** What the nodes cost now. `bytes` are those of the shared disk. */
export type Usage = Readonly<{ nodes: number; up: number; running: number; bytes: number }>

type Root = { readonly name: string; boots: number; init: Promise<number> | null; readonly entries: Set<Entry> }

/** Names of nodes and images. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
/** Nodes that one request of the keeper makes. */
const BATCH = 250
const KIB = 1_024
const BYTES_DEFAULT = 4 * KIB * KIB * KIB

/**
 * Nodes that are real but for their kernel: each an overlay over one distribution, with process and host namespaces of its own, in one private
 * mount namespace without a network. They keep accidents apart, not enemies: what runs there is root of this machine with fewer capabilities.
 */
export class RealRoots {
  readonly #namespace: Namespace
  readonly #clock: Clock
  readonly #seed: number
  readonly #roots = new Map<string, Root>()

  private constructor(namespace: Namespace, options: RootsOptions) {
    this.#namespace = namespace
    this.#clock = options.clock
    this.#seed = options.seed ?? 0
  }

  /** Makes the namespace and proves that a node can live in it. @throws RealNodesImpossible, with the reason */
  static async start(options: RootsOptions): Promise<RealRoots> {
    if (process.platform !== 'linux') throw new RealNodesImpossible(`real nodes need Linux, not ${process.platform}`)
    if (process.getuid?.() !== 0) throw new RealNodesImpossible('real nodes need root')
    const { base = '/', bytes = BYTES_DEFAULT } = options
    const roots = new RealRoots(await Namespace.start(base, Math.ceil(bytes / KIB)), options)
    try {
      await roots.add(['probe'])
      const { exit, stderr } = await roots.run('probe', ['/bin/sh', '-c', 'exit 7'])
      if (exit !== 7) throw new Error(`a command in a node ends with ${String(exit)}: ${stderr.trim()}`)
      await roots.drop('probe')
      return roots
    } catch (error) {
      await roots.stop()
      throw new RealNodesImpossible(`no node can live here: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** New nodes, switched off until something runs on them. */
  async add(names: readonly string[], { image = 'plain', diskBytes = 0 }: AddOptions = {}): Promise<void> {
    for (const name of names) assert(NAME.test(name) && !this.#roots.has(name), `not a name for a new node: ${name}`)
    for (let from = 0; from < names.length; from += BATCH) {
      const batch = names.slice(from, from + BATCH)
      await this.#namespace.ask('add', image, String(Math.ceil(diskBytes / KIB)), ...batch)
      for (const name of batch) this.#roots.set(name, { name, boots: 0, init: null, entries: new Set() })
    }
  }

  /** Whether there is a node of that name. */
  has(name: string): boolean {
    return this.#roots.has(name)
  }

  /** Runs a command on a node, which is switched on for it, and waits for its end. Never throws because of how it ends. */
  async run(name: string, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const root = this.#root(name)
    let up = this.#up(root)
    let init = await up
    while (root.init !== up) {
      // The power went while it waited for the boot.
      up = this.#up(root)
      init = await up
    }
    const entry = new Entry(this.#namespace, this.#clock, { name, init, argv, options })
    root.entries.add(entry)
    try {
      return await entry.ended
    } finally {
      root.entries.delete(entry)
    }
  }

  /** Switches a node on; its boot id. A node that is on stays as it is. */
  async up(name: string): Promise<string> {
    await this.#up(this.#root(name))
    return this.bootId(name)
  }

  /** The words that lead a command of this machine into a node, which is switched on: they hold until it boots. */
  async door(name: string): Promise<readonly string[]> {
    return doorOf(this.#namespace, name, await this.#up(this.#root(name)), '/')
  }

  /** The boot id of a node, also where it is off: the last one. */
  bootId(name: string): string {
    return uuidOf(this.#seed, 'real-boot', name, this.#root(name).boots)
  }

  /** Cuts the power: everything that runs on the node is gone when this resolves, sessions of their own too. The disk stays. */
  async off(name: string): Promise<void> {
    await this.#powerless(name, 'down')
  }

  /** Cuts the power and switches the node on again, under a new boot id. */
  async reboot(name: string): Promise<string> {
    await this.off(name)
    return this.up(name)
  }

  /** A new disk from the node's image, as when its group replaces it. */
  async replace(name: string): Promise<void> {
    await this.#powerless(name, 'fresh')
  }

  /** The node and its disk are gone. */
  async drop(name: string): Promise<void> {
    await this.#powerless(name, 'drop')
    this.#roots.delete(name)
  }

  /** What stands on the node's disk becomes an image; the node is gone. */
  async seal(name: string, image: string): Promise<void> {
    assert(NAME.test(image) && image !== 'plain', `not a name for an image: ${image}`)
    await this.#powerless(name, 'seal', image)
    this.#roots.delete(name)
  }

  /** The figures of now. */
  async usage(): Promise<Usage> {
    const { blocks, bfree, bsize } = await statfs(this.#namespace.folder)
    const roots = [...this.#roots.values()]
    return {
      nodes: roots.length,
      up: roots.filter(({ init }) => init !== null).length,
      running: roots.reduce((sum, { entries }) => sum + entries.size, 0),
      bytes: (blocks - bfree) * bsize,
    }
  }

  /** Ends everything. Nothing is left on the machine. */
  async stop(): Promise<void> {
    const running = [...this.#roots.values()].flatMap(({ entries }) => [...entries])
    for (const entry of running) entry.powerLost()
    await this.#namespace.end()
    await Promise.all(running.map(({ ended }) => ended))
    this.#roots.clear()
  }

  #root(name: string): Root {
    return known(this.#roots.get(name), `the node ${name}`)
  }

  #up(root: Root): Promise<number> {
    if (root.init) return root.init
    root.boots += 1
    const init = this.#namespace.ask('up', root.name, this.bootId(root.name)).then(Number)
    root.init = init
    init.catch(() => {
      root.init = null
    })
    return init
  }

  async #powerless(name: string, verb: string, ...words: readonly string[]): Promise<void> {
    const root = this.#root(name)
    const booting = root.init
    root.init = null
    await booting?.catch(() => undefined) // Whose first process is not known yet cannot be ended.
    const entries = [...root.entries]
    for (const entry of entries) entry.powerLost()
    await this.#namespace.ask(verb, name, ...words)
    await Promise.all(entries.map(({ ended }) => ended))
  }
}

/** Why there can be no real nodes here; null: there can. */
export async function whyNoRealNodes(clock: Clock, base?: string): Promise<string | null> {
  try {
    const roots = await RealRoots.start({ clock, bytes: PROBE_BYTES, ...(base !== undefined && { base }) })
    await roots.stop()
    return null
  } catch (error) {
    if (error instanceof RealNodesImpossible) return error.message
    throw error
  }
}

const PROBE_BYTES = 16 * KIB * KIB
