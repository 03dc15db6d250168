import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { NodeId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { PatchRule, Runbook } from '../runbook/runbook.ts'
import { baselineKey, type StoredBaseline } from './baseline.ts'
import { classify, isRejected } from './classify.ts'
import type { NodeSeen } from './fleet.ts'
import { lineageOf, type Lineages } from './lineage.ts'
import { bytewise, byLine, listDigest, listFits } from './list.ts'
import type { Patch, PinnedList } from './plan.ts'
import { hindrance, startsNodes } from './select.ts'

/** What pinning draws from. `missing` is only read for `baseline: none`. */
export type Sources = Readonly<{
  baselines: ReadonlyMap<string, StoredBaseline>
  missing: ReadonlyMap<NodeId, readonly Patch[]>
  lineages: Lineages
  now: Instant
}>

/** What each node gets, or why it gets nothing. `stale` names images whose baseline is older than `maxAge`. */
export type Pinning = Readonly<{
  lists: readonly PinnedList[]
  of: (node: NodeSeen) => Readonly<{ list: number | null; skip: string | null }>
  stale: readonly string[]
}>

/** Pins the exact list of every (account, image lineage): from its approved baseline, from what its nodes miss, or none for a scan. */
export function pin(runbook: Runbook, nodes: readonly NodeSeen[], sources: Sources): Pinning {
  const { patches, baseline } = runbook
  if (patches === null) return { lists: [], of: (node) => ({ list: null, skip: hindrance(node) }), stale: [] }
  const lists = baseline === 'none' ? untestedLists(nodes, patches, sources) : testedLists(nodes, patches, baseline.maxAgeMs, sources)
  for (const list of lists.found) refuseOversize(list)
  const positions = new Map(lists.found.map((list, position) => [baselineKey(list.account, list.image), position]))
  const of = (node: NodeSeen): Readonly<{ list: number | null; skip: string | null }> => {
    const hindered = hindrance(node, startsNodes(runbook))
    if (hindered === 'hybrid' || hindered === 'unsupported-platform') return { list: null, skip: hindered }
    const list = positions.get(keyOf(node, sources.lineages))
    // A missing test concerns the whole image and leads the headline, so it goes before a node's own trouble.
    if (list === undefined) return { list: null, skip: 'untested' }
    return hindered === null ? { list, skip: null } : { list: null, skip: hindered }
  }
  return { lists: lists.found, of, stale: lists.stale }
}

const keyOf = (node: NodeSeen, lineages: Lineages): string => baselineKey(node.account, lineageOf(lineages, node.region, node.ami))

/** Nodes that could ever be patched, by account and lineage, in the order of the keys. */
function byImage(nodes: readonly NodeSeen[], lineages: Lineages): [string, NodeSeen[]][] {
  const able = nodes.filter((node) => !node.hybrid && hindrance(node) !== 'unsupported-platform')
  return [...Map.groupBy(able, (node) => keyOf(node, lineages))].sort(([a], [b]) => bytewise(a, b))
}

function testedLists(nodes: readonly NodeSeen[], rules: PatchRule, maxAgeMs: number, { baselines, lineages, now }: Sources) {
  const found: PinnedList[] = []
  const stale: string[] = []
  for (const [key] of byImage(nodes, lineages)) {
    const stored = baselines.get(key)
    if (stored === undefined) continue
    if (stored.storedAt + maxAgeMs < now) stale.push(key)
    else found.push(testedList(stored, rules))
  }
  return { found, stale }
}

/** What `reject` names today is left out even of a baseline that was approved with it: less than what was tested is still tested. */
function testedList({ baseline, path, version, digest, storedAt }: StoredBaseline, rules: PatchRule): PinnedList {
  const patches = baseline.patches.filter((patch) => !isRejected(patch, rules)).sort(byLine)
  return {
    account: baseline.account,
    image: baseline.image,
    baseline: { path, version, digest, storedAt },
    patches,
    digest: listDigest(patches),
    ...(baseline.quarantined && { quarantined: baseline.quarantined }),
  }
}

function untestedLists(nodes: readonly NodeSeen[], rules: PatchRule, { missing, lineages, now }: Sources) {
  const found = byImage(nodes, lineages).map(([, members]): PinnedList => {
    const first = known(members[0], 'a node of the image')
    const rows = members.flatMap((node) => missing.get(node.node) ?? [])
    const patches = classify(rows, rules, now)
    return {
      account: first.account,
      image: lineageOf(lineages, first.region, first.ami),
      baseline: null,
      patches,
      digest: listDigest(patches),
    }
  })
  return { found, stale: [] }
}

function refuseOversize({ account, image, patches }: PinnedList): void {
  if (listFits(patches)) return
  throw new PatchwaveError(
    'plan.limit',
    `the list of ${account}/${image} with ${String(patches.length)} patches is larger than a command can carry`,
    {
      hint: 'narrow patches.approve, or patch in two runs',
    },
  )
}
