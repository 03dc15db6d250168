import { OUTCOMES, type RunEvent, type RunOutcome } from './event.ts'
import { at, codeOf, planned, type RunState } from './state.ts'

/** The entry that ends a run: every node is counted once; those never reached count as skipped. */
export function finished(state: RunState, outcome: RunOutcome, reason: string): RunEvent {
  const missing = notBackText(state)
  return { type: 'RunFinished', outcome, reason: missing === '' ? reason : `${reason}; ${missing}`, nodes: tally(state, true) }
}

/** Nodes that are named in one sentence; the rest is counted. */
const NAMED_MAX = 10

/** Nodes that could not be brought back wholly, and the steps that did not succeed; `''`: there is none. */
function notBackText(state: RunState): string {
  const { notBack } = state
  if (notBack.size === 0) return ''
  const named = [...notBack].slice(0, NAMED_MAX).map(([position, steps]) => `${planned(state, position).node} (${steps.join(', ')})`)
  const more = notBack.size - named.length
  return `not back: ${named.join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`
}

/** Nodes by outcome, `total` included. With `ended`, open nodes count as skipped. O(fleet): for ends and reports. */
export function tally(state: RunState, ended: boolean): Record<string, number> {
  const counts = new Array<number>(OUTCOMES.length).fill(0)
  for (const code of state.nodes.outcome) counts[code] = at(counts, code) + 1
  const nodes: Record<string, number> = { total: state.nodes.count }
  OUTCOMES.forEach((outcome, code) => {
    if (outcome !== 'open') nodes[outcome] = at(counts, code)
  })
  if (ended) nodes['skipped'] = at(counts, codeOf('skipped')) + at(counts, codeOf('open'))
  else nodes['open'] = at(counts, codeOf('open'))
  return nodes
}
