import type { Group } from '../../src/core/plan/plan.ts'
import { findings, type Check, type Evidence } from './evidence.ts'
import { retellAll, type Story } from './story.ts'

/** I2: no disruption limit is exceeded at any instant, counted over all runs. */
export const disruption: Check = (evidence) => [...inJournals(evidence), ...onNodes(evidence)]

/** Each intent that takes a node out leaves every one of its groups within its limit, and its set with one group at a time. */
function inJournals(evidence: Evidence) {
  const { found, say } = findings('I2')
  const runs = [evidence, ...(evidence.others ?? [])]
  retellAll(runs, (stories, run, { event }) => {
    const story = stories[run]
    if (event.type !== 'CommandIntended' || event.work === 'scan' || story === undefined) return
    const names = `command ${String(event.n)} of run ${runs[run]?.run ?? ''}`
    for (const position of [...new Set(event.nodes.filter((one) => isNew(story, one, event.n)).flatMap((one) => story.plan.nodes[one]?.groups ?? []))]) {
      const group = story.plan.groups[position]
      if (group === undefined) continue
      const limit = Math.min(group.atMost, ...tighter(story, event.nodes, position))
      const out = outIn(stories, group.key)
      if (out > limit) say(`${names}: ${String(out)} of ${group.key} are out, at most ${String(limit)} may be`)
      for (const other of othersOfSet(stories, story, group)) say(`${names}: ${group.key} and ${other} are out at the same time, but take turns (${group.set ?? ''})`)
    }
  })
  return found
}

/** Whether this command is what takes the node out. One that was out before adds nothing. */
function isNew(story: Story, position: number, n: number): boolean {
  const node = story.node(position)
  const before = node.attempts.filter((attempt) => attempt.n !== n).at(-1)
  return !node.down && !['failed', 'unknown', 'rollback-failed'].includes(before?.outcome ?? '')
}

function tighter(story: Story, nodes: readonly number[], group: number): number[] {
  const waves = new Set(nodes.map((position) => story.waveOf[position] ?? -1))
  return [...waves].flatMap((wave) => (story.plan.waves[wave]?.tighter ?? []).filter((one) => one.group === group).map((one) => one.atMost))
}

/** Nodes of a group that are out, each once, over all runs; those outside the plans by the largest count that a run saw. */
function outIn(stories: readonly Story[], key: string): number {
  const nodes = new Set<string>()
  let outside = 0
  for (const story of stories) {
    if (story.phase === 'finished') continue
    const index = story.plan.groups.findIndex((group) => group.key === key)
    if (index < 0) continue
    outside = Math.max(outside, story.outside.filter((group) => group === index).length)
    for (const node of story.nodes) if (story.isOut(node) && story.plan.nodes[node.position]?.groups.includes(index)) nodes.add(story.plan.nodes[node.position]?.node ?? '')
  }
  return nodes.size + outside
}

function othersOfSet(stories: readonly Story[], story: Story, group: Group): string[] {
  if (group.set === null) return []
  const keys = story.plan.groups.filter((other) => other.set === group.set && other.key !== group.key).map((other) => other.key)
  return keys.filter((key) => outIn(stories, key) > 0)
}

/** As the nodes counted it themselves when a changing script began. */
function onNodes({ plan, ledger = [] }: Evidence) {
  const { found, say } = findings('I2')
  for (const { node, token, startedAt, inFlightInGroup } of ledger) {
    for (const [shown, count] of Object.entries(inFlightInGroup)) {
      const limits = plan.nodes.find((one) => one.node === node)?.groups.flatMap((group) => limitOf(plan.groups[group], shown)) ?? []
      if (limits.length > 0 && count > Math.min(...limits)) say(`${node}: ${String(count)} of ${shown} were being changed when ${token} began at ${startedAt}`)
    }
  }
  return found
}

const limitOf = (group: Group | undefined, shown: string): number[] => (group !== undefined && group.key.split('@')[0] === shown ? [group.atMost] : [])
