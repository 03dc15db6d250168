import { cellKey, cellOf, type Cell, type NodeId } from '../../kit/ids.ts'
import type { PlanContent } from '../plan/plan.ts'
import type { Entry } from './entry.ts'

/** Where something happened: the cell, and the node when it was exactly one. */
export type Where = Readonly<Cell & { node?: NodeId }>

/** All cells and nodes that an entry is about. */
export type Place = Readonly<{ cells: readonly Cell[]; nodes: readonly NodeId[] }>

/** Keys of events that hold positions of nodes. */
const POSITIONS = ['nodes', 'down', 'gone', 'skipped', 'invalid', 'failing'] as const

/**
 * Finds where entries happened. Events name nodes by their position in the plan and commands by their number, so it must be shown a run's
 * entries in order, from the first; without the plan only cells that an entry spells out are known.
 */
export class Places {
  readonly #plan: PlanContent | null
  readonly #commands = new Map<number, readonly number[]>()
  readonly #batches = new Map<number, readonly number[]>()

  constructor(plan: PlanContent | null) {
    this.#plan = plan
  }

  of({ data }: Pick<Entry, 'data'>): Place {
    const positions = this.#positions(data)
    const planned = positions.flatMap((position) => this.#plan?.nodes[position] ?? [])
    const cells = new Map(planned.map((node) => [cellKey(node), { account: node.account, region: node.region }]))
    const named = data['cell']
    if (typeof named === 'string' && /^\d{12}\/[a-z0-9-]+$/.test(named)) cells.set(named, cellOf(named))
    // What people did by hand names its node itself.
    const node = data['node']
    return { cells: [...cells.values()], nodes: [...planned.map((one) => one.node), ...(typeof node === 'string' ? [node] : [])] }
  }

  /** Positions that the data names, or else those of the command or batch that it is about. */
  #positions(data: Entry['data']): readonly number[] {
    const { n, batch } = data
    const named = POSITIONS.flatMap((key) => (isPositions(data[key]) ? data[key] : []))
    if (typeof batch === 'number' && isPositions(data['nodes']) && !this.#batches.has(batch)) this.#batches.set(batch, data['nodes'])
    if (typeof n === 'number' && isPositions(data['nodes']) && !this.#commands.has(n)) this.#commands.set(n, data['nodes'])
    if (named.length > 0) return named
    if (typeof n === 'number' && this.#commands.has(n)) return this.#commands.get(n) ?? []
    return typeof batch === 'number' ? (this.#batches.get(batch) ?? []) : []
  }
}

/** One cell: where it was, with the node when it was one. Several cells are nowhere in particular. */
export function whereOf({ cells, nodes }: Place): Where | undefined {
  const [cell, second] = cells
  const [node, other] = nodes
  if (cell === undefined || second !== undefined) return undefined
  return { ...cell, ...(node !== undefined && other === undefined && { node }) }
}

const isPositions = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every((item) => typeof item === 'number')
