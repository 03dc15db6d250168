import { findings, type Check } from './evidence.ts'
import { retell } from './story.ts'

/** I12: what was taken out of service is back at the end, or named: as failed, unknown or not restored. */
export const putBack: Check = (evidence) => {
  const { found, say } = findings('I12')
  const story = retell(evidence)
  for (const name of evidence.outAtEnd ?? []) {
    const node = story.nodes.find(({ position }) => evidence.plan.nodes[position]?.node === name)
    const named = node !== undefined && ['failed', 'unknown', 'rollback-failed'].includes(node.outcome)
    if (!named && node?.down !== true) say(`${name} does not serve and is ${node?.outcome ?? 'not in the plan'}`)
  }
  return found
}
