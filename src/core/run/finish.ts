import { OUTCOMES, type RunEvent, type RunOutcome } from './event.ts'
import type { RunState } from './state.ts'

/** The entry that ends a run: every node is counted once; those never reached count as skipped. */
export function finished(state: RunState, outcome: RunOutcome, reason: string): RunEvent {
  const missing = notBackText(state)
  return { type: 'RunFinished', outcome, reason: missing === '' ? reason : `${reason}; ${missing}`, nodes: tally(state, true) }
}

/** Nodes that are named in one sentence; the rest is counted. */
const NAMED_MAX = 10

/** Nodes that could not be brought back wholly, and the steps that did not succeed; `''`: there is none. */
function notBackText({ plan, notBack }: RunState): string {
  if (notBack.size === 0) return ''
  const named = [...notBack].slice(0, NAMED_MAX).map(([position, steps]) => `${plan.nodes[position]?.node ?? ''} (${steps.join(', ')})`)
  const more = notBack.size - named.length
  return `not back: ${named.join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`
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
