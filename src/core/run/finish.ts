import { OUTCOMES, type RunEvent, type RunOutcome } from './event.ts'
import type { RunState } from './state.ts'

/** The entry that ends a run: every node is counted once; those never reached count as skipped. */
export function finished(state: RunState, outcome: RunOutcome, reason: string): RunEvent {
  return { type: 'RunFinished', outcome, reason, nodes: tally(state, true) }
}

/** Nodes by outcome, `total` included. With `ended`, open nodes count as skipped. O(fleet): for ends and reports. */
export function tally(state: RunState, ended: boolean): Record<string, number> {
  const counts = new Array<number>(OUTCOMES.length).fill(0)
  for (const code of state.nodes.outcome) counts[code] = (counts[code] ?? 0) + 1
  const nodes: Record<string, number> = { total: state.nodes.count }
  OUTCOMES.forEach((outcome, code) => {
    if (outcome !== 'open') nodes[outcome] = counts[code] ?? 0
  })
  if (ended) nodes['skipped'] = (nodes['skipped'] ?? 0) + (counts[0] ?? 0)
  else nodes['open'] = counts[0] ?? 0
  return nodes
}
