import { cellKey, type Cell } from '../kit/ids.ts'
import { mapBounded } from '../kit/bounded.ts'
import type { ImageSeen, NodeSeen } from '../core/plan/fleet.ts'
import { accountId, isStopped } from '../core/plan/select.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import { lineageOf, lineages } from '../core/plan/lineage.ts'
import type { World } from './world.ts'

/** Cells that are read side by side. Each has quotas of its own; more would only cost sockets. */
const CELLS_AT_ONCE = 16

/** Everything that a plan is made from, as it is now. */
export type FleetNow = Readonly<{ nodes: readonly NodeSeen[]; images: readonly ImageSeen[] }>

/** The cells that a runbook's scope names. */
export function cellsOf(world: Pick<World, 'accounts'>, runbook: Runbook): Cell[] {
  return runbook.scope.accounts.flatMap((name) =>
    runbook.scope.regions.map((region) => ({ account: accountId(name, world.accounts), region })),
  )
}

/** Reads all nodes of these cells and the images that they run on, with the images those were copied from. */
export async function readFleet(world: World, cells: readonly Cell[], signal: AbortSignal): Promise<FleetNow> {
  const nodes: NodeSeen[] = []
  const images: ImageSeen[] = []
  for await (const found of mapBounded(cells, CELLS_AT_ONCE, (cell) => readCell(world, cell, signal))) {
    nodes.push(...found.nodes)
    images.push(...found.images)
  }
  const sources = await withSources(world, cells, images, signal)
  return { nodes: withPlatforms(world, nodes, sources), images: sources }
}

/**
 * SSM does not list stopped nodes, and EC2 does not know a distribution: a stopped node has the platform of those that run on its image, or on
 * an image of the same lineage. Where none does, it stays unknown.
 */
function withPlatforms(world: World, nodes: readonly NodeSeen[], images: readonly ImageSeen[]): readonly NodeSeen[] {
  const unknown = (node: NodeSeen): boolean => isStopped(node) && node.platform === 'other'
  if (!nodes.some(unknown)) return nodes
  const known = lineages(images, world.imageLineageTag)
  const told = new Map<string, string>()
  for (const node of nodes) if (!node.hybrid && node.platform !== 'other') told.set(lineageOf(known, node.region, node.ami), node.platform)
  return nodes.map((node) =>
    unknown(node) ? { ...node, platform: told.get(lineageOf(known, node.region, node.ami)) ?? node.platform } : node,
  )
}

async function readCell(world: World, cell: Cell, signal: AbortSignal): Promise<FleetNow> {
  const nodes: NodeSeen[] = []
  for await (const node of world.fleet.census(cell, signal)) nodes.push(node)
  return { nodes, images: await imagesIn(world, cell, nodes, signal) }
}

async function imagesIn(world: World, cell: Cell, nodes: readonly NodeSeen[], signal: AbortSignal): Promise<readonly ImageSeen[]> {
  const amis = [...new Set(nodes.filter((node) => !node.hybrid && node.ami !== '').map((node) => node.ami))].sort()
  return amis.length > 0 ? await world.fleet.images(cell, amis, signal) : []
}

/** The images that nodes of these cells run on, with the images those were copied from. */
export async function imagesOf(
  world: World,
  cells: readonly Cell[],
  nodes: readonly NodeSeen[],
  signal: AbortSignal,
): Promise<ImageSeen[]> {
  const byCell = Map.groupBy(nodes, cellKey)
  const images: ImageSeen[] = []
  const read = (cell: Cell): Promise<readonly ImageSeen[]> => imagesIn(world, cell, byCell.get(cellKey(cell)) ?? [], signal)
  for await (const found of mapBounded(cells, CELLS_AT_ONCE, read)) images.push(...found)
  return withSources(world, cells, images, signal)
}

/** An image's source may run nowhere, and may itself be a copy: the chain is followed where a cell can see it, a few steps at most. */
async function withSources(world: World, cells: readonly Cell[], images: readonly ImageSeen[], signal: AbortSignal): Promise<ImageSeen[]> {
  const known = new Map(images.map((image) => [`${image.region}/${image.ami}`, image]))
  for (let step = 0; step < 5; step++) {
    const wanted = new Map<string, { cell: Cell; ami: string }>()
    for (const { sourceAmi, sourceRegion } of known.values()) {
      const cell = cells.find((one) => one.region === sourceRegion)
      if (sourceAmi !== null && cell !== undefined && !known.has(`${cell.region}/${sourceAmi}`))
        wanted.set(`${cell.region}/${sourceAmi}`, { cell, ami: sourceAmi })
    }
    if (wanted.size === 0) break
    const byCell = Map.groupBy(wanted.values(), (one) => cellKey(one.cell))
    const before = known.size
    for (const asked of byCell.values()) {
      const [first] = asked
      if (first === undefined) continue
      for (const image of await world.fleet.images(
        first.cell,
        asked.map((one) => one.ami),
        signal,
      ))
        known.set(`${image.region}/${image.ami}`, image)
    }
    if (known.size === before) break
  }
  return [...known.values()]
}
