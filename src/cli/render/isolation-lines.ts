import type { Fact } from '../../core/run/event.ts'
import { spoken } from '../../core/run/next-isolation.ts'
import type { RunState } from '../../core/run/state.ts'
import { counted, plain } from './text.ts'

/** What a fact of a search for culprits means, in a line; `undefined` for facts that are none. Pure. */
export function isolationLine(state: RunState, event: Fact['event']): string | undefined {
  switch (event.type) {
    case 'IsolationStarted':
      return `isolation started: ${counted(event.nodes.length, 'node')} broke (${[...new Set(event.reasons)].map(plain).join('; ')})`
    case 'TriesChosen':
      return event.units.every((units) => units.length === 0)
        ? `round ${String(event.round)}: ${counted(event.nodes.length, 'node')} measured without any patch`
        : `round ${String(event.round)}: ${counted(new Set(event.digests).size, 'part')} of the lists on ${counted(event.nodes.length, 'node')}`
    case 'TryJudged':
      return `round ${String(event.round)}: ${state.plan.nodes[event.node]?.node ?? ''} ${event.verdict} (${plain(event.why)})`
    case 'CulpritsFound':
      return event.culprits.length === 0
        ? `no patch of ${image(state, event.list)} is to blame`
        : `culprits of ${image(state, event.list)}: ${patches(event.culprits)}${event.dependents.length > 0 ? `; cannot be installed without: ${patches(event.dependents)}` : ''}`
    case 'IsolationEnded':
      return event.solved ? plain(event.reason) : `isolation ended: ${plain(event.reason)}`
    default:
      return undefined
  }
}

/** What a classification says of quarantined versions; `''`: there were none. */
export const leftOut = (lines: readonly string[]): string => (lines.length === 0 ? '' : `; quarantined, left out: ${patches(lines)}`)

/** Patches that are named in a line. */
const NAMED_MAX = 6

function patches(lines: readonly string[]): string {
  const named = lines.slice(0, NAMED_MAX).map((line) => plain(spoken(line)))
  return `${named.join(', ')}${lines.length > NAMED_MAX ? `, and ${String(lines.length - NAMED_MAX)} more` : ''}`
}

const image = (state: RunState, list: number): string => plain(state.plan.trial?.lineages[list]?.image ?? 'the list')
