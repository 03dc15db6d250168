import { mapBounded } from '../kit/bounded.ts'
import { PatchwaveError } from '../kit/error.ts'
import { cellKey, cellOf } from '../kit/ids.ts'
import { hookDocuments } from '../core/plan/documents.ts'
import type { NodeSeen } from '../core/plan/fleet.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import type { World } from './world.ts'

/** Documents looked for side by side: Systems Manager gives an account and Region a few dozen reads a second. */
const READS_AT_ONCE = 8

/** What is to be said of documents that hooks name: cells that have nodes, but not the document. There every such hook would be refused. */
export async function hookRemarks(
  world: Pick<World, 'documents'>,
  runbook: Runbook,
  nodes: readonly NodeSeen[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = hookDocuments(runbook)
  const cells = [...new Set(nodes.filter(({ hybrid }) => !hybrid).map(cellKey))].sort()
  const remarks: string[] = []
  for (const name of names) {
    const lacking = new Map<string, string>()
    const work = async (cell: string): Promise<readonly [cell: string, why: string | null]> => [cell, await lack(world, cell, name, signal)]
    for await (const [cell, why] of mapBounded(cells, READS_AT_ONCE, work)) if (why !== null) lacking.set(cell, why)
    for (const [why, some] of Map.groupBy(
      cells.filter((cell) => lacking.has(cell)),
      (cell) => lacking.get(cell) ?? '',
    ))
      // prettier-ignore
      remarks.push(`document ${name}, which a hook names, ${why} in ${shown(some)}: the hook would be refused there`)
  }
  return remarks
}

async function lack({ documents }: Pick<World, 'documents'>, cell: string, name: string, signal: AbortSignal): Promise<string | null> {
  try {
    return (await documents.has(cellOf(cell), name, signal)) ? null : 'does not exist'
  } catch (error) {
    if (!(error instanceof PatchwaveError) || signal.aborted) throw error
    return `could not be looked for (${error.code})`
  }
}

const SHOWN_MAX = 5

const shown = (cells: readonly string[]): string =>
  cells.length <= SHOWN_MAX ? cells.join(', ') : `${cells.slice(0, SHOWN_MAX).join(', ')} and ${String(cells.length - SHOWN_MAX)} more`
