import { type Cell, cellKey, type NodeId } from '../../kit/ids.ts'
import { HOUR, type Instant, plus } from '../../kit/instant.ts'
import { accountId, type FleetFile } from '../fleet-file.ts'
import type { SimFleet, SimImage } from '../model.ts'
import { imagesOf } from './images.ts'
import type { SimulatedNode } from './node.ts'

/** EC2 shows a terminated instance for under an hour. */
const SHOWN_MS = HOUR

/** Every node of a world, by id and by cell. */
export class SimulatedFleet implements SimFleet {
  readonly #now: () => Instant
  readonly #nodes = new Map<NodeId, SimulatedNode>()
  readonly #cells = new Map<string, SimulatedNode[]>()
  readonly #images = new Map<string, SimImage[]>()
  readonly #accounts = new Map<string, string>()

  constructor(file: FleetFile, now: () => Instant) {
    this.#now = now
    for (const image of imagesOf(file)) this.#images.set(image.region, [...(this.#images.get(image.region) ?? []), image])
    for (const name of ['control', ...Object.keys(file.accounts), ...file.groups.map((group) => group.account)]) {
      this.#accounts.set(name, accountId(name, file.accounts))
    }
  }

  add(node: SimulatedNode): void {
    this.#nodes.set(node.node, node)
    const cell = this.#cells.get(cellKey(node))
    if (cell) cell.push(node)
    else this.#cells.set(cellKey(node), [node])
  }

  *nodesOf(cell: Cell): Iterable<SimulatedNode> {
    for (const node of this.#cells.get(cellKey(cell)) ?? []) if (this.#shown(node)) yield node
  }

  node(id: NodeId): SimulatedNode | undefined {
    const node = this.#nodes.get(id)
    return node && this.#shown(node) ? node : undefined
  }

  images(region: string): readonly SimImage[] {
    return this.#images.get(region) ?? []
  }

  accounts(): ReadonlyMap<string, string> {
    return this.#accounts
  }

  get size(): number {
    return this.#nodes.size
  }

  /** Every node, long gone ones too. */
  all(): Iterable<SimulatedNode> {
    return this.#nodes.values()
  }

  #shown(node: SimulatedNode): boolean {
    return node.terminatedAt === null || this.#now() < plus(node.terminatedAt, SHOWN_MS)
  }
}
