import { known } from '../../kit/assert.ts'
import type { WaveRule } from '../runbook/runbook.ts'
import { roundedDown } from './amount.ts'
import type { PlanContent, PlannedNode, PlannedWave } from './plan.ts'

/** Why a node is left out that would not fit the window. */
export const TRIMMED = 'trimmed'

/** Nodes that waves touch. */
export const touchedIn = (content: PlanContent): number => content.nodes.filter(({ skip }) => skip === null).length

/**
 * The plan without its last `count` nodes: those that would start last, from the last wave backwards. A wave keeps as many places
 * as it was planned with, its budget counts anew over what is left; a wave that has lost all its nodes is left out, and the last one that is left lists them as skipped.
 */
export function trimmed(content: PlanContent, count: number): PlanContent {
  const out = lastNodes(content, count)
  const listed = content.nodes.map((node, position): PlannedNode => (out.has(position) ? { ...node, list: null, skip: TRIMMED } : node))
  const { nodes, lists } = withoutUnused(listed, content.lists)
  const touched = nodes.filter(({ skip }) => skip === null).length
  return {
    ...content,
    nodes,
    lists,
    waves: wavesLeft(content, nodes),
    budgetMax: content.runbook.budget === null ? null : roundedDown(content.runbook.budget.failures, touched),
    rollback: { ...content.rollback, failuresMax: roundedDown(content.runbook.rollback.failures, touched) },
  }
}

function lastNodes({ nodes, waves }: PlanContent, count: number): ReadonlySet<number> {
  const order = waves.flatMap((wave) => wave.nodes.filter((position) => nodes[position]?.skip === null))
  return new Set(order.slice(Math.max(0, order.length - count)))
}

/** Lists that only trimmed nodes had are no part of the plan any more. */
function withoutUnused(nodes: readonly PlannedNode[], lists: PlanContent['lists']): Pick<PlanContent, 'nodes' | 'lists'> {
  const used = [...new Set(nodes.flatMap(({ list }) => list ?? []))].sort((a, b) => a - b)
  const places = new Map(used.map((list, place) => [list, place]))
  return {
    nodes: nodes.map((node) => (node.list === null ? node : { ...node, list: known(places.get(node.list), 'a list') })),
    lists: used.map((list) => known(lists[list], 'a list')),
  }
}

function wavesLeft({ waves, runbook }: PlanContent, nodes: readonly PlannedNode[]): PlannedWave[] {
  const left: PlannedWave[] = []
  let homeless: number[] = []
  for (const wave of waves) {
    const touched = wave.nodes.filter((position) => nodes[position]?.skip === null)
    if (touched.length === 0) homeless = [...homeless, ...wave.nodes]
    else left.push(smaller(wave, touched, nodes, runbook.waves))
  }
  const last = left.at(-1)
  return last === undefined ? left : [...left.slice(0, -1), { ...last, nodes: [...last.nodes, ...homeless] }]
}

/** The wave with what is left of it in front. */
function smaller(wave: PlannedWave, touched: readonly number[], nodes: readonly PlannedNode[], rules: readonly WaveRule[]): PlannedWave {
  const skipped = wave.nodes.filter((position) => nodes[position]?.skip !== null)
  const rule = known(
    rules.find(({ name }) => name === wave.name),
    `the rule of wave ${wave.name}`,
  )
  return {
    ...wave,
    nodes: [...touched, ...skipped],
    concurrency: Math.min(touched.length, wave.concurrency),
    gate: { ...wave.gate, failuresMax: roundedDown(rule.gate.failures, touched.length) },
  }
}

/**
 * The fewest of `most` nodes to leave out so that the rest `fits`, or null when even then it does not. More nodes left out never take longer,
 * but for chance: what was found is made sure of by `surely`, and a little more is left out until it agrees.
 */
export function fewest(most: number, fits: (count: number) => boolean, surely: (count: number) => boolean): number | null {
  let [low, high] = [0, most]
  while (high - low > Math.max(1, Math.floor(most / FINEST))) {
    const middle = (low + high) >> 1
    if (fits(middle)) high = middle
    else low = middle
  }
  const step = Math.max(1, Math.ceil(most / FINEST))
  for (let count = high; count < most; count += step) if (surely(count)) return count
  return surely(most) ? most : null
}

/** What is left out is found to the hundredth of the plan: finer than any forecast. */
const FINEST = 100
