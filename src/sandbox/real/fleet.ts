import { known } from '../../kit/assert.ts'
import type { Clock } from '../../ports/clock.ts'
import type { SimNode } from '../model.ts'
import type { Report } from '../nodes/agent.ts'
import type { Catalogue } from '../nodes/catalogue/catalogue.ts'
import type { RealNodes } from '../nodes/real-nodes.ts'
import { RealAgent, type RealOrder } from './agent.ts'
import { sampleCatalogue } from './catalogue.ts'
import { HostFailed, type NodeFacts, type NodeHost, rootsHost } from './host.ts'
import { type Family, makeImage, missingFor } from './images.ts'
import { RealNodesImpossible } from './namespace.ts'
import { type Ran, RealRoots, type RunOptions, type Usage } from './roots.ts'
import { UNSOLVABLE } from './samples.ts'

/** What a real node needs to know of the node that it plays. */
export type Played = Pick<SimNode, 'node' | 'region' | 'platform'>

/** How a real fleet is held. */
export type FleetOptions = Readonly<{
  /** The sandbox's: an agent waits by it. */
  clock: Clock
  /** The wall's, by which scripts work; without it `clock` is the wall's. */
  wall?: Clock
  platforms: readonly SimNode['platform'][]
  seed?: number
  base?: string
  bytes?: number
  /** A disk of its own of that size for each node; without it, all share one. */
  diskBytes?: number
}>

const FAMILIES: Readonly<Record<SimNode['platform'], Family>> = {
  'amazon-linux-2023': 'dnf',
  'amazon-linux-2': 'dnf',
  ubuntu: 'apt',
  debian: 'apt',
}

type Parts = Readonly<{ roots: RealRoots; clock: Clock; wall: Clock; catalogues: ReadonlyMap<Family, Catalogue>; diskBytes: number }>

/** Real nodes behind the sandbox's: each begins when its first order comes, from the image of its platform. */
export class RealFleet implements RealNodes {
  readonly wall: Clock
  readonly #roots: RealRoots
  readonly #host: NodeHost
  readonly #diskBytes: number
  readonly #clock: Clock
  readonly #catalogues: ReadonlyMap<Family, Catalogue>
  readonly #families = new Map<string, Family>()
  readonly #agents = new Map<string, Promise<RealAgent>>()
  /** Nodes that are on their way out: one of the same name begins after it. */
  readonly #leaving = new Map<string, Promise<void>>()
  #stopped = false

  private constructor({ roots, clock, wall, catalogues, diskBytes }: Parts) {
    this.#diskBytes = diskBytes
    this.#roots = roots
    this.#clock = clock
    this.wall = wall
    this.#catalogues = catalogues
    this.#host = rootsHost(roots, (node) => known(this.#families.get(node), `the family of ${node}`))
  }

  /** Makes the images that these platforms need. @throws RealNodesImpossible, with the reason */
  static async start({ clock, wall = clock, platforms, diskBytes = 0, ...options }: FleetOptions): Promise<RealFleet> {
    const families = new Set(platforms.map((platform) => FAMILIES[platform]))
    for (const family of families) {
      const missing = await missingFor(family)
      if (missing.length > 0) throw new RealNodesImpossible(`${family} nodes need ${missing.join(', ')} on this machine`)
    }
    const roots = await RealRoots.start({ clock: wall, ...options })
    try {
      const catalogues = new Map<Family, Catalogue>()
      for (const family of families) catalogues.set(family, await imaged(roots, family))
      return new RealFleet({ roots, clock, wall, catalogues, diskBytes })
    } catch (error) {
      await roots.stop()
      throw error
    }
  }

  catalogue(platform: SimNode['platform']): Catalogue {
    return known(this.#catalogues.get(FAMILIES[platform]), `an image for ${platform}`)
  }

  /** One node's part of a command, done for real. Null: SSM never hears how it ended. */
  async take(node: Played, order: RealOrder): Promise<Report | null> {
    return (await this.agent(node)).take(order)
  }

  /** A person's command on the console of a node, whatever its agent does. */
  async run(node: Played, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    await this.agent(node)
    return this.#clock.hold(() => this.#roots.run(node.node, argv, options))
  }

  /** The words that lead a command of this machine into a node; they hold until it boots. */
  async door(node: Played): Promise<readonly string[]> {
    await this.agent(node)
    return this.#roots.door(node.node)
  }

  /** What the node is now; null where it has not begun, has no power, or does not say. */
  async facts({ node }: Played): Promise<NodeFacts | null> {
    const agent = await this.#agents.get(node)
    if (agent?.powered !== true) return null
    try {
      return await this.#host.facts(node)
    } catch (error) {
      if (error instanceof HostFailed || !this.#agents.has(node)) return null
      throw error
    }
  }

  /** The node's agent: it goes offline, restarts and loses its power through it. */
  agent({ node, region, platform }: Played): Promise<RealAgent> {
    const found = this.#agents.get(node)
    if (found) return found
    const family = FAMILIES[platform]
    this.#families.set(node, family)
    const made = this.#clock.hold(async () => {
      await this.#leaving.get(node)
      const agent = new RealAgent(this.#host, this.#clock, { node, region })
      if (this.#stopped) agent.ends()
      else await this.#roots.add([node], { image: family, diskBytes: this.#diskBytes })
      return agent
    })
    this.#agents.set(node, made)
    return made
  }

  /** The node is terminated: its disk is gone. */
  terminate({ node }: Pick<Played, 'node'>): void {
    const made = this.#agents.get(node)
    if (!made) return
    this.#agents.delete(node)
    const left = this.#clock.hold(async () => {
      ;(await made).ends()
      if (!this.#stopped) await this.#roots.drop(node)
    })
    this.#leaving.set(node, left)
  }

  /** What all of it costs now. */
  usage(): Promise<Usage> {
    return this.#roots.usage()
  }

  /** Ends everything. Nothing is left on the machine. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const agent of await Promise.all(this.#agents.values())) agent.ends()
    this.#agents.clear()
    await Promise.all(this.#leaving.values())
    await this.#roots.stop()
  }
}

/** Makes the image of a family; what a node of it begins with. */
async function imaged(roots: RealRoots, family: Family): Promise<Catalogue> {
  await makeImage(roots, family, UNSOLVABLE)
  const [node, host] = ['catalogue', rootsHost(roots, () => family)]
  await roots.add([node], { image: family })
  const { packages } = await host.facts(node)
  await roots.drop(node)
  return sampleCatalogue(family, packages)
}
