import { PatchwaveError } from '../../kit/error.ts'
import { cellOf } from '../../kit/ids.ts'
import { drift, driftReason, outsideDown } from '../../core/plan/drift.ts'
import { isGone, type NodeSeen } from '../../core/plan/fleet.ts'
import { inScope } from '../../core/plan/select.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { isDown } from '../../core/run/reread.ts'
import { namesOf } from '../names.ts'
import type { Found, Performing } from './perform.ts'
import { mapBounded } from '../../kit/bounded.ts'

/** Cells read side by side. */
const CELLS_AT_ONCE = 16

/** Reads the whole fleet once more before anything is touched: who is down, who is gone, what the plan does not know. */
export async function* surveyFleet({ world, state, signal }: Performing): Found {
  const seen = new Map<string, NodeSeen>()
  const events: RunEvent[] = []
  for await (const cell of mapBounded(state.cells, CELLS_AT_ONCE, (key) => readCell({ world, signal }, key))) {
    for (const node of cell.nodes) seen.set(node.node, node)
    if (cell.refused) events.push({ type: 'CellRefused', cell: cell.key, ...cell.refused })
  }
  const refused = new Set(events.flatMap((event) => (event.type === 'CellRefused' ? [event.cell] : [])))
  const down: number[] = []
  const gone: number[] = []
  const ours = new Set<string>()
  state.plan.nodes.forEach((node, position) => {
    ours.add(node.node)
    const now = seen.get(node.node)
    if (refused.has(`${node.account}/${node.region}`)) return
    if (now === undefined || isGone(now)) gone.push(position)
    else if (isDown(now)) down.push(position)
  })
  const strangers = [...seen.values()].filter((node) => !ours.has(node.node) && !isGone(node))
  const outside = outsideDown(state.plan, [...seen.values()])
  const names = namesOf(world)
  const appeared = state.plan.act === 'trial' ? 0 : strangers.filter((node) => inScope(state.plan.runbook.scope, node, names)).length
  const nodes = [...seen.values()]
  const why = state.plan.act === 'rollout' && refused.size === 0 ? driftReason(drift(state.plan, nodes, names)) : null
  yield [...events, { type: 'FleetRead', down, gone, outside, appeared, drift: why }]
}

async function readCell({ world, signal }: Pick<Performing, 'world' | 'signal'>, key: string) {
  const nodes: NodeSeen[] = []
  try {
    for await (const node of world.fleet.census(cellOf(key), signal)) nodes.push(node)
    return { key, nodes, refused: null }
  } catch (error) {
    if (!(error instanceof PatchwaveError) || error.retryable) throw error
    return { key, nodes: [], refused: { code: error.code, message: error.message } }
  }
}
