import { mapBounded } from '../kit/bounded.ts'
import { cellKey, cellOf, type NodeId } from '../kit/ids.ts'
import { familyOf, type NodeSeen } from '../core/plan/fleet.ts'
import { isLacking, patchManagerRemarks, readPatchRow, type PatchDataSeen } from '../core/plan/patch-manager.ts'
import type { Patch } from '../core/plan/plan.ts'
import type { World } from './world.ts'

/** What Patch Manager knows to be missing, and what is to be said of how it knows. */
export type Missing = Readonly<{ missing: ReadonlyMap<NodeId, readonly Patch[]>; remarks: readonly string[] }>

/** Nobody was asked. */
export const NOTHING_MISSING: Missing = { missing: new Map(), remarks: [] }

/** Nodes read side by side: Systems Manager gives an account and Region a few dozen reads a second. */
const READS_AT_ONCE = 8

type Work = Pick<World, 'fleet' | 'clock' | 'log'>
type Rows = Readonly<{ node: NodeId; patches: readonly Patch[]; unreadable: number; example: string }>

/**
 * What Patch Manager last recorded as missing on these nodes. Rows that name no exact version are counted, never guessed at; nodes whose
 * counters show nothing missing are not asked for rows.
 */
export async function missingPatches(world: Work, nodes: readonly NodeSeen[], signal: AbortSignal): Promise<Missing> {
  const able = nodes.filter((node) => !node.hybrid && familyOf(node.platform) !== undefined)
  const data = await dataOf(world, able, signal)
  const lacking = able.filter(({ node }) => (data.get(node)?.missing ?? 0) + (data.get(node)?.failed ?? 0) > 0)
  const missing = new Map<NodeId, readonly Patch[]>(able.map(({ node }) => [node, []]))
  const unreadable = { rows: 0, nodes: 0, example: '' }
  for await (const rows of mapBounded(lacking, READS_AT_ONCE, (node) => rowsOf(world, node, signal))) {
    missing.set(rows.node, rows.patches)
    if (rows.unreadable === 0) continue
    unreadable.rows += rows.unreadable
    unreadable.nodes += 1
    // The smallest, so that the same fleet is always told in the same words.
    if (unreadable.example === '' || rows.example < unreadable.example) unreadable.example = rows.example
  }
  return { missing, remarks: patchManagerRemarks({ nodes: able, data, unreadable, at: world.clock.now() }) }
}

async function dataOf({ fleet }: Work, nodes: readonly NodeSeen[], signal: AbortSignal): Promise<ReadonlyMap<NodeId, PatchDataSeen>> {
  const cells = [...Map.groupBy(nodes, cellKey)]
  const work = async ([cell, members]: readonly [string, readonly NodeSeen[]]): Promise<readonly PatchDataSeen[]> => {
    const found: PatchDataSeen[] = []
    const ids = members.map(({ node }) => node)
    for await (const one of fleet.patchData(cellOf(cell), ids, signal)) found.push(one)
    return found
  }
  const all = new Map<NodeId, PatchDataSeen>()
  for await (const found of mapBounded(cells, READS_AT_ONCE, work)) for (const one of found) all.set(one.node, one)
  return all
}

async function rowsOf({ fleet, log }: Work, node: NodeSeen, signal: AbortSignal): Promise<Rows> {
  const family = familyOf(node.platform)
  const patches: Patch[] = []
  const strange: string[] = []
  for await (const row of fleet.missing(node, node.node, signal)) {
    const lacking = isLacking(row)
    if (family === undefined || lacking === false) continue
    const patch = lacking && readPatchRow(row, family)
    if (patch) patches.push(patch)
    else strange.push(row.title === '' ? row.kbId : row.title)
  }
  const [example = ''] = strange.sort()
  if (strange.length > 0)
    log.warn(`${node.node}: ${String(strange.length)} rows of Patch Manager are not readable, as ${example.slice(0, 100)}`)
  return { node: node.node, patches, unreadable: strange.length, example }
}
