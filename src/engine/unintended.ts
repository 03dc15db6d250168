import { PatchwaveError } from '../kit/error.ts'
import { cellOf } from '../kit/ids.ts'
import type { RunEvent, Work } from '../core/run/event.ts'
import type { RunState } from '../core/run/state.ts'
import type { CommandSeen } from '../ports/commands.ts'
import { mapBounded } from '../kit/bounded.ts'
import { plus } from '../kit/instant.ts'
import { SKEW_MS } from './ask.ts'
import { FETCH_TOKENS } from './effects/scan.ts'
import type { World } from './world.ts'

/** What a document does to its nodes; the others only read. */
const CHANGES: Readonly<Record<string, Work>> = {
  'Patchwave-Apply': 'apply',
  'Patchwave-LivePatch': 'apply',
  'Patchwave-Rollback': 'rollback',
}

type CommandFound = Extract<RunEvent, { type: 'CommandFound' }>

/** Cells that are asked side by side: each has quotas of its own. */
const CELLS_AT_ONCE = 16

/**
 * Commands that bear this run's id with a number that its journal never gave: a part of the journal was lost after it was acknowledged (a store
 * that failed over, or was restored). Asked once by each driver that takes a run from another, before its first fact.
 * Resolves to the facts that say so, oldest first. A cell that cannot be asked is passed over with a warning: nothing of it could be looked up later either.
 */
export async function unintended(world: World, state: RunState, signal: AbortSignal): Promise<readonly RunEvent[]> {
  const found: CommandFound[] = []
  for await (const some of mapBounded(state.cells, CELLS_AT_ONCE, (cell) => inCell(world, state, cell, signal))) found.push(...some)
  if (found.length === 0) return []
  const oldestFirst = found.sort((a, b) => a.n - b.n || (a.commandId < b.commandId ? -1 : 1))
  return [...(oldestFirst.some(({ work }) => work !== 'scan') ? rounds(state) : []), ...oldestFirst]
}

async function inCell(world: World, state: RunState, cell: string, signal: AbortSignal): Promise<CommandFound[]> {
  const found: CommandFound[] = []
  try {
    for await (const seen of world.commands.sweep(cellOf(cell), plus(state.at, -SKEW_MS), signal)) {
      const n = numberOf(state, seen)
      if (n > state.tokenCount && n < FETCH_TOKENS) found.push(foundAs(state, cell, n, seen))
    }
  } catch (error) {
    if (!(error instanceof PatchwaveError) || signal.aborted) throw error
    world.log.warn(`commands of ${cell} could not be listed: ${error.code}: ${error.message}`)
  }
  return found
}

/** The number in a token of this run; 0: it is somebody else's. */
function numberOf(state: RunState, { comment }: CommandSeen): number {
  const number = comment.startsWith(`${state.run}.`) ? comment.slice(state.run.length + 1) : ''
  return /^[1-9]\d{0,8}$/.test(number) ? Number(number) : 0
}

function foundAs(state: RunState, cell: string, n: number, seen: CommandSeen): CommandFound {
  const named = new Set(seen.nodes)
  const nodes = state.plan.nodes.flatMap(({ node }, position) => (named.has(node) ? [position] : []))
  const { commandId, requestedAt, expiresAfter, document = '' } = seen
  const foreign = document === 'AWS-RunPatchBaseline' ? state.plan.runbook.apply.with === 'patch-manager' : false
  const work = CHANGES[document] ?? (foreign ? 'apply' : 'scan')
  return { type: 'CommandFound', n, commandId, cell, work, document, nodes, requestedAt, expiresAfter }
}

/** Rounds in the making are given up: what was found takes places of theirs, and may have been their change. */
const rounds = (state: RunState): RunEvent[] =>
  [...state.batches.values()]
    .filter(({ running }) => running === null)
    .map(({ batch }) => ({ type: 'BatchDropped', batch, reason: 'found-without-intent' }))
