import { PatchwaveError } from '../../kit/error.ts'
import { globFits } from '../../kit/glob.ts'
import type { Match, Runbook, Scope } from '../runbook/runbook.ts'
import { familyOf, isGone, type Accounts, type NodeSeen } from './fleet.ts'
import { lineageOf, type Lineages } from './lineage.ts'
import { bytewise } from './list.ts'

/** What selection needs to know beside the node itself. */
export type Names = Readonly<{ accounts: Accounts; lineages: Lineages }>

/** Whether every key of the match fits the node. Tag values are patterns with `*` and `?`; images are AMI ids or lineages; accounts are names or ids. */
export function matches(match: Match, node: NodeSeen, names: Names): boolean {
  return (
    (match.platform === null || match.platform.some((platform) => platform === node.platform)) &&
    (match.nodes?.includes(node.node) ?? true) &&
    (match.regions?.includes(node.region) ?? true) &&
    (match.images === null || match.images.includes(node.ami) || match.images.includes(lineageOf(names.lineages, node.region, node.ami))) &&
    (match.accounts === null || idsOf(match.accounts, names.accounts).has(node.account)) &&
    Object.entries(match.tags).every(([key, patterns]) => tagFits(node, key, patterns))
  )
}

function tagFits(node: NodeSeen, key: string, patterns: readonly string[]): boolean {
  const value = Object.hasOwn(node.tags, key) ? node.tags[key] : undefined
  return value !== undefined && patterns.some((pattern) => globFits(pattern, value))
}

/**
 * The id of an account that a runbook names.
 * @throws `config.invalid` when the config does not know it
 */
export function accountId(name: string, accounts: Accounts): string {
  if (/^\d{12}$/.test(name)) return name
  const id = Object.hasOwn(accounts, name) ? accounts[name] : undefined
  if (id === undefined)
    throw new PatchwaveError('config.invalid', `the account "${name}" is not in the config`, {
      hint: 'add it under accounts with its id and role',
    })
  return id
}

const seen = new WeakMap<readonly string[], Readonly<{ accounts: Accounts; ids: ReadonlySet<string> }>>()

/** The ids behind a runbook's names: a scope may name a hundred accounts, and every node of the fleet is asked about. */
function idsOf(named: readonly string[], accounts: Accounts): ReadonlySet<string> {
  const known = seen.get(named)
  if (known?.accounts === accounts) return known.ids
  const ids = new Set(named.map((name) => accountId(name, accounts)))
  seen.set(named, { accounts, ids })
  return ids
}

/** Whether the runbook may touch the node at all. Nodes that EC2 is done with are nobody's. */
export function inScope(scope: Scope, node: NodeSeen, names: Names): boolean {
  return (
    !isGone(node) &&
    idsOf(scope.accounts, names.accounts).has(node.account) &&
    scope.regions.includes(node.region) &&
    matches(scope.match, node, names) &&
    !(scope.exclude !== null && matches(scope.exclude, node, names))
  )
}

/** The order of nodes everywhere in a plan: account, region, node. */
export const byPlace = (a: NodeSeen, b: NodeSeen): number =>
  bytewise(a.account, b.account) || bytewise(a.region, b.region) || bytewise(a.node, b.node)

/** Nodes that a rollout covers: in scope, and not kept for the trial unless a wave names them. Sorted; each once. */
export function rolloutNodes(runbook: Runbook, fleet: readonly NodeSeen[], names: Names): NodeSeen[] {
  const named = runbook.waves.flatMap(({ take }) => (take.kind === 'match' ? [take.match] : []))
  const { test } = runbook
  return scoped(runbook, fleet, names).filter(
    (node) => test === null || !matches(test.match, node, names) || named.some((match) => matches(match, node, names)),
  )
}

/** Nodes in scope that the trial may use, whatever their state. Sorted; each once. */
export function testNodes(runbook: Runbook, fleet: readonly NodeSeen[], names: Names): NodeSeen[] {
  const { test } = runbook
  return test === null ? [] : scoped(runbook, fleet, names).filter((node) => matches(test.match, node, names))
}

function scoped(runbook: Runbook, fleet: readonly NodeSeen[], names: Names): NodeSeen[] {
  const unique = new Map(fleet.map((node) => [node.node, node]))
  return [...unique.values()].filter((node) => inScope(runbook.scope, node, names)).sort(byPlace)
}

/** Whether it does not run, but may be started. */
export const isStopped = ({ state }: Pick<NodeSeen, 'state'>): boolean => state === 'stopped' || state === 'stopping'

/** Whether a runbook starts nodes that are stopped. */
export const startsNodes = ({ patches, power }: Pick<Runbook, 'patches' | 'power'>): boolean =>
  patches !== null && power.stopped === 'start-and-restore'

/**
 * Why a node cannot be touched now, whatever its baseline; null when it can. With `starts`, one that is stopped can. SSM does not tell the
 * platform of a stopped node: where nothing else does, it counts as stopped, not as unsupported, and is not started.
 */
export function hindrance(node: NodeSeen, starts = false): 'hybrid' | 'unsupported-platform' | 'stopped' | 'offline' | null {
  if (node.hybrid) return 'hybrid'
  const supported = familyOf(node.platform) !== undefined
  if (isStopped(node)) return supported && starts ? null : supported || node.platform === 'other' ? 'stopped' : 'unsupported-platform'
  if (!supported) return 'unsupported-platform'
  return node.state === 'running' && node.agent === 'online' ? null : 'offline'
}

/**
 * The nodes that are tested: of each image lineage at most `perAmi` that can be touched, spread over zones. The same nodes give the same
 * choice. Lineages without any such node are absent.
 */
export function trialNodes(nodes: readonly NodeSeen[], perAmi: number, known: Lineages): Map<string, NodeSeen[]> {
  const byLineage = Map.groupBy(
    nodes.filter((node) => hindrance(node) === null),
    (node) => lineageOf(known, node.region, node.ami),
  )
  const entries = [...byLineage].sort(([a], [b]) => bytewise(a, b))
  return new Map(entries.map(([lineage, members]) => [lineage, overZones(members, perAmi).sort(byPlace)]))
}

/** Takes from each zone in turn. */
function overZones(nodes: readonly NodeSeen[], count: number): NodeSeen[] {
  const zones = [...Map.groupBy([...nodes].sort(byPlace), (node) => node.zone)]
    .sort(([a], [b]) => bytewise(a, b))
    .map(([, members]) => members)
  const chosen: NodeSeen[] = []
  for (let round = 0; chosen.length < Math.min(count, nodes.length); round += 1) {
    for (const zone of zones) {
      const node = zone[round]
      if (node !== undefined && chosen.length < count) chosen.push(node)
    }
  }
  return chosen
}
