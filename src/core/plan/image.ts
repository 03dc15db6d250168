import { known } from '../../kit/assert.ts'
import type { CheckKind } from './durations.ts'
import type { PlanContent } from './plan.ts'

/** The image lineage of each node by position, as far as the plan tells; else its AMI. */
export function imagesOf({ nodes, lists, trial }: PlanContent): readonly string[] {
  const tested = new Map<number, string>()
  for (const { image, nodes: positions } of trial?.lineages ?? []) for (const position of positions) tested.set(position, image)
  return nodes.map(({ list, ami }, position) =>
    list === null ? (tested.get(position) ?? ami) : known(lists[list], `list ${String(list)}`).image,
  )
}

/** The slowest kind among these checks. */
export function checkKindOf({ checks }: Pick<PlanContent, 'checks'>, names: readonly string[]): CheckKind {
  if (names.length === 0) return 'none'
  return names.some((name) => checks[name]?.type === 'script') ? 'scripts' : 'looks'
}
