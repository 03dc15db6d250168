import { canonicalJson } from '../../core/audit/seal.ts'
import { known } from '../../kit/assert.ts'
import { sha256 } from '../../kit/digest.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { classify, readMissing, type MissingPatch } from '../../core/plan/classify.ts'
import { familyOf } from '../../core/plan/fleet.ts'
import { baselinePath } from '../../core/plan/baseline.ts'
import { bytewise, listDigest, listLine } from '../../core/plan/list.ts'
import { admitted, distinct, inForce, type Quarantined } from '../../core/plan/quarantine.ts'
import type { PinnedList } from '../../core/plan/plan.ts'
import { planned } from '../../core/run/state.ts'
import { APPROVED, readBaseline } from '../shelf.ts'
import type { Found, Performing } from './perform.ts'

/** Turns what the trial's nodes miss into the lists to test: one for each image lineage, exact versions. */
export async function* classifyScan(performing: Performing): Found {
  const { world, state } = performing
  const rules = known(state.plan.runbook.patches, 'the patch rules')
  const lists: PinnedList[] = []
  const nodes: number[] = []
  const of: number[] = []
  const out: string[] = []
  for (const lineage of known(state.plan.trial, 'the trial').lineages) {
    const rows: MissingPatch[] = []
    for (const position of lineage.nodes) rows.push(...(await rowsOf(performing, position)))
    const candidates = classify(rows, rules, world.clock.now())
    const quarantined = inForce(await quarantinedBefore(performing, lineage), candidates)
    const { patches, left } = admitted(candidates, quarantined)
    out.push(...left.map(listLine))
    const list =
      lists.push({
        account: planned(state, known(lineage.nodes[0], 'a trial node')).account,
        image: lineage.image,
        baseline: null,
        patches,
        digest: listDigest(patches),
        ...(quarantined.length > 0 && { quarantined }),
      }) - 1
    for (const position of lineage.nodes) {
      nodes.push(position)
      of.push(list)
    }
  }
  const text = canonicalJson(lists)
  const digest = sha256(text)
  await world.clock.hold(() => world.store.putBlob(digest, text))
  const told = out.length > 0 ? { quarantined: [...new Set(out)].sort(bytewise) } : {}
  yield [{ type: 'ListsPinned', lists: digest, count: lists.length, patches: lists.map((list) => list.patches.length), nodes, of, ...told }]
}

type Lineage = NonNullable<Performing['state']['plan']['trial']>['lineages'][number]

/**
 * What the approved baselines of this image, or where none is approved the newest ones, have quarantined. Going back to a version without it takes a patch
 * out of quarantine. A baseline that cannot be read has no word: this trial is what replaces it.
 */
async function quarantinedBefore({ world, state, signal }: Performing, { image, accounts }: Lineage): Promise<readonly Quarantined[]> {
  const found: Quarantined[] = []
  for (const account of accounts) {
    const path = baselinePath(known(state.plan.trial, 'the trial').path, { runbook: state.plan.runbook.name, account, image })
    try {
      const stored = (await readBaseline(world, path, APPROVED, signal)) ?? (await readBaseline(world, path, null, signal))
      found.push(...(stored?.baseline.quarantined ?? []))
    } catch (error) {
      if (!(error instanceof PatchwaveError) || error.code !== 'plan.invalid') throw error
      world.log.warn(`${error.message}: what it quarantined is not known`)
    }
  }
  return distinct(found)
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
