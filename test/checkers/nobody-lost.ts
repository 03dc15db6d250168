import { OUTCOMES } from '../../src/core/run/event.ts'
import { findings, type Check } from './evidence.ts'
import { retell } from './story.ts'

/** I5: every planned node ends in exactly one outcome, with a reason, and the run's last entry counts them right. */
export const nobodyLost: Check = (evidence) => {
  const { found, say } = findings('I5')
  const last = evidence.facts.find(({ event }) => event.type === 'RunFinished')?.event
  if (last?.type !== 'RunFinished') return found
  const until = evidence.facts.findIndex(({ event }) => event.type === 'RunFinished') + 1
  const story = retell({ ...evidence, facts: evidence.facts.slice(0, until) })
  for (const node of story.nodes) {
    const name = evidence.plan.nodes[node.position]?.node ?? ''
    if (node.outcome === 'open') say(`${name} has no outcome`)
    if (node.reason === '') say(`${name} is ${node.outcome} without a reason`)
    if (node.flying !== null) say(`${name} was still in flight when the run ended`)
  }
  for (const outcome of OUTCOMES) {
    if (outcome === 'open') continue
    const counted = story.nodes.filter((node) => node.outcome === outcome).length
    if ((last.nodes[outcome] ?? 0) !== counted) say(`the run counts ${String(last.nodes[outcome] ?? 0)} ${outcome}, its journal ${String(counted)}`)
  }
  if (last.nodes['total'] !== story.nodes.length) say(`the run counts ${String(last.nodes['total'])} nodes, its plan ${String(story.nodes.length)}`)
  return found
}
