import { known } from '../../kit/assert.ts'
import type { Clock } from '../../ports/clock.ts'
import type { SimNode } from '../model.ts'
import type { Report } from '../nodes/agent.ts'
import { RealAgent, type RealOrder } from './agent.ts'
import { type NodeFacts, type NodeHost, rootsHost } from './host.ts'
import { type Family, makeImage, missingFor } from './images.ts'
import { RealNodesImpossible } from './namespace.ts'
import { RealRoots, type Usage } from './roots.ts'

/** What a real node needs to know of the node that it plays. */
export type Played = Pick<SimNode, 'node' | 'region' | 'platform'>

/** How a real fleet is held. `clock` must be the wall's: package managers know no other. */
export type FleetOptions = Readonly<{
  clock: Clock
  platforms: readonly SimNode['platform'][]
  seed?: number
  base?: string
  bytes?: number
}>

const FAMILIES: Readonly<Record<SimNode['platform'], Family>> = {
  'amazon-linux-2023': 'dnf',
  'amazon-linux-2': 'dnf',
  ubuntu: 'apt',
  debian: 'apt',
}

/** Real nodes behind the sandbox's: each begins when its first order comes, from the image of its platform. */
export class RealFleet {
  readonly #roots: RealRoots
  readonly #host: NodeHost
  readonly #clock: Clock
  readonly #families = new Map<string, Family>()
  readonly #agents = new Map<string, Promise<RealAgent>>()

  private constructor(roots: RealRoots, clock: Clock) {
    this.#roots = roots
    this.#clock = clock
    this.#host = rootsHost(roots, (node) => known(this.#families.get(node), `the family of ${node}`))
  }

  /** Makes the images that these platforms need. @throws RealNodesImpossible, with the reason */
  static async start({ clock, platforms, ...options }: FleetOptions): Promise<RealFleet> {
    const families = new Set(platforms.map((platform) => FAMILIES[platform]))
    for (const family of families) {
      const missing = await missingFor(family)
      if (missing.length > 0) throw new RealNodesImpossible(`${family} nodes need ${missing.join(', ')} on this machine`)
    }
    const roots = await RealRoots.start({ clock, ...options })
    try {
      for (const family of families) await makeImage(roots, family)
    } catch (error) {
      await roots.stop()
      throw error
    }
    return new RealFleet(roots, clock)
  }

  /** One node's part of a command, done for real. Null: SSM never hears how it ended. */
  async take(node: Played, order: RealOrder): Promise<Report | null> {
    return (await this.agent(node)).take(order)
  }

  /** What the node is now; it begins if it has not yet. */
  async facts(node: Played): Promise<NodeFacts> {
    await this.agent(node)
    return this.#host.facts(node.node)
  }

  /** The node's agent: it goes offline, restarts and loses its power through it. */
  agent({ node, region, platform }: Played): Promise<RealAgent> {
    const found = this.#agents.get(node)
    if (found) return found
    const family = FAMILIES[platform]
    this.#families.set(node, family)
    const made = this.#roots.add([node], { image: family }).then(() => new RealAgent(this.#host, this.#clock, { node, region }))
    this.#agents.set(node, made)
    return made
  }

  /** The node is terminated: its disk is gone. */
  async terminate(node: string): Promise<void> {
    const made = this.#agents.get(node)
    this.#agents.delete(node)
    if (!made) return
    await made
    await this.#roots.drop(node)
  }

  /** What all of it costs now. */
  usage(): Promise<Usage> {
    return this.#roots.usage()
  }

  /** Ends everything. Nothing is left on the machine. */
  stop(): Promise<void> {
    return this.#roots.stop()
  }
}
