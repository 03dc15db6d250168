import type { PinnedList } from '../../src/core/plan/plan.ts'
import { findings, type Check, type Evidence } from './evidence.ts'
import { retell } from './story.ts'
import { equal } from './undo.ts'

/** I7: what a run installs on a node is a subset of the list that its plan pins for it; what it never touched, it never changes. */
export const testedOnly: Check = (evidence) => {
  const { found, say } = findings('I7')
  const { versions, plan } = evidence
  if (versions === undefined || plan.work === 'rollback') return found
  for (const node of retell(evidence).nodes) {
    const name = plan.nodes[node.position]?.node ?? ''
    const before = versions.before[name] ?? {}
    const after = versions.after[name] ?? {}
    if (node.attempts.length === 0 && !equal(before, after)) say(`${name} was never touched and has other versions`)
    const list = new Map(listOf(evidence, node.position)?.patches.map((patch) => [`${patch.name}.${patch.arch}`, patch.version]))
    for (const [key, version] of Object.entries(after)) {
      if (before[key] === version) continue
      if (before[key] === undefined) say(`${name} has ${key}, which was not installed before`)
      else if (list.get(key) !== version) say(`${name} has ${key} ${version}; its list says ${list.get(key) ?? 'nothing'}`)
    }
  }
  return found
}

function listOf({ plan, facts, lists = [] }: Evidence, position: number): PinnedList | undefined {
  const pinned = facts.findLast(({ event }) => event.type === 'ListsPinned')?.event
  if (pinned?.type !== 'ListsPinned') return plan.lists[plan.nodes[position]?.list ?? -1]
  return lists[pinned.of[pinned.nodes.indexOf(position)] ?? -1]
}
