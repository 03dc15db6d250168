import { canonicalJson } from '../../core/audit/seal.ts'
import { known } from '../../kit/assert.ts'
import { sha256 } from '../../kit/digest.ts'
import { classify, readMissing, type MissingPatch } from '../../core/plan/classify.ts'
import { familyOf } from '../../core/plan/fleet.ts'
import { listDigest } from '../../core/plan/list.ts'
import type { PinnedList } from '../../core/plan/plan.ts'
import { planned } from '../../core/run/state.ts'
import type { Found, Performing } from './perform.ts'

/** Turns what the trial's nodes miss into the lists to test: one for each image lineage, exact versions. */
export async function* classifyScan(performing: Performing): Found {
  const { world, state } = performing
  const rules = known(state.plan.runbook.patches, 'the patch rules')
  const lists: PinnedList[] = []
  const nodes: number[] = []
  const of: number[] = []
  for (const lineage of known(state.plan.trial, 'the trial').lineages) {
    const rows: MissingPatch[] = []
    for (const position of lineage.nodes) rows.push(...(await rowsOf(performing, position)))
    const patches = classify(rows, rules, world.clock.now())
    const list =
      lists.push({
        account: planned(state, known(lineage.nodes[0], 'a trial node')).account,
        image: lineage.image,
        baseline: null,
        patches,
        digest: listDigest(patches),
      }) - 1
    for (const position of lineage.nodes) {
      nodes.push(position)
      of.push(list)
    }
  }
  const text = canonicalJson(lists)
  const digest = sha256(text)
  await world.clock.hold(() => world.store.putBlob(digest, text))
  yield [{ type: 'ListsPinned', lists: digest, count: lists.length, patches: lists.map((list) => list.patches.length), nodes, of }]
}

/** What one node misses; rows that do not fit the grammar are dropped and told, for they come from outside. */
async function rowsOf({ world, state }: Performing, position: number): Promise<MissingPatch[]> {
  const digest = state.nodes.scanned.get(position)
  const family = familyOf(planned(state, position).platform)
  if (digest === undefined || family === undefined) return []
  const text = known(await world.clock.hold(() => world.store.blob(digest)), `the scan ${digest}`)
  const rows: MissingPatch[] = []
  for (const line of text.split('\n').filter(Boolean)) {
    const row = readMissing(parsed(line), family)
    if (row) rows.push(row)
    else world.log.warn(`${planned(state, position).node}: a row of its scan is not readable and was dropped`)
  }
  return rows
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
