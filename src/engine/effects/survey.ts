import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, cellOf } from '../../kit/ids.ts'
import { drift, driftReason, outsideDown } from '../../core/plan/drift.ts'
import { isGone, type NodeSeen } from '../../core/plan/fleet.ts'
import { lineages } from '../../core/plan/lineage.ts'
import { inScope, type Names } from '../../core/plan/select.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { isDown } from '../../core/run/reread.ts'
import { cellsOf, imagesOf } from '../census.ts'
import { namesOf } from '../names.ts'
import { mayPass } from '../steps/trying.ts'
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
  for (const node of await besides({ world, state, signal })) if (!seen.has(node.node)) seen.set(node.node, node)
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
  const names = await namesNow({ world, state, signal }, [...seen.values()], refused)
  const appeared = state.plan.act === 'trial' ? 0 : strangers.filter((node) => inScope(state.plan.runbook.scope, node, names)).length
  const nodes = [...seen.values()]
  // Of a cell that could not be read nothing is known; what the others show forbids all the same.
  const readable = { ...state.plan, nodes: state.plan.nodes.filter(({ account, region }) => !refused.has(`${account}/${region}`)) }
  const why = state.plan.act === 'rollout' ? driftReason(drift(readable, nodes, names)) : null
  yield [...events, { type: 'FleetRead', down, gone, outside, appeared, drift: why }]
}

/**
 * Nodes of the scope's cells in which none was planned: those that are down count in zones and regions as any other, and new ones are drift. One of
 * these cells that refuses is not asked again; while one cannot be read nothing begins only where a limit spans cells.
 */
async function besides({ world, state, signal }: Asking): Promise<NodeSeen[]> {
  const { act, work, groups } = state.plan
  const spans = groups.some(({ key }) => !key.startsWith('tag:'))
  if (!spans && (act === 'trial' || work === 'rollback')) return []
  const others = cellsOf(world, state.plan.runbook)
    .map(cellKey)
    .filter((key) => !state.cells.includes(key))
  const nodes: NodeSeen[] = []
  const read = async (key: string): Promise<readonly NodeSeen[]> => {
    try {
      return (await readCell({ world, signal }, key)).nodes
    } catch (error) {
      if (spans || signal.aborted || !(error instanceof PatchwaveError)) throw error
      return []
    }
  }
  for await (const found of mapBounded(others, CELLS_AT_ONCE, read)) nodes.push(...found)
  return nodes
}

/** Image lineages are read anew only where the runbook names images: without them what it excludes by its lineage would look like a new node. */
async function namesNow({ world, state, signal }: Asking, nodes: readonly NodeSeen[], refused: ReadonlySet<string>): Promise<Names> {
  const { scope, test, waves } = state.plan.runbook
  const matches = [scope.match, scope.exclude, test?.match ?? null, ...waves.map(({ take }) => (take.kind === 'match' ? take.match : null))]
  if (!matches.some((match) => match !== null && match.images !== null)) return namesOf(world)
  const cells = state.cells.filter((key) => !refused.has(key)).map(cellOf)
  try {
    return { ...namesOf(world), lineages: lineages(await imagesOf(world, cells, nodes, signal), world.imageLineageTag) }
  } catch (error) {
    if (!(error instanceof PatchwaveError) || mayPass(error)) throw error
    return namesOf(world)
  }
}

type Asking = Pick<Performing, 'world' | 'state' | 'signal'>

async function readCell({ world, signal }: Pick<Performing, 'world' | 'signal'>, key: string) {
  const nodes: NodeSeen[] = []
  try {
    for await (const node of world.fleet.census(cellOf(key), signal)) nodes.push(node)
    return { key, nodes, refused: null }
  } catch (error) {
    if (!(error instanceof PatchwaveError) || mayPass(error)) throw error
    return { key, nodes: [], refused: { code: error.code, message: error.message } }
  }
}
