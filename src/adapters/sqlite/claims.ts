import type { NodeId, RunId } from '../../kit/ids.ts'
import { instant, type Instant } from '../../kit/instant.ts'
import type { Append, Claim, GroupLimit } from '../../ports/store.ts'
import type { Database, Row } from './database.ts'

type Wanted = NonNullable<Append['claim']>

/** Wanted nodes that another run's hand is on, or that stand in a group which is full; empty when all may be claimed. */
export function busyNodes(database: Database, run: RunId, wanted: Wanted): NodeId[] {
  const mine = JSON.stringify(wanted.nodes.map(({ node }) => node))
  const full = new Set(wanted.limits.filter((limit) => isFull(database, run, limit, mine)).map((limit) => limit.key))
  return wanted.nodes
    .filter(({ node, groups }) => isHeld(database, run, node) || groups.some((group) => full.has(group)))
    .map(({ node }) => node)
}

const isHeld = (database: Database, run: RunId, node: NodeId): boolean =>
  database.get('SELECT 1 FROM claims WHERE node = ? AND run <> ? AND hand = 1', node, run) !== undefined

/** Nodes that are wanted now are in `ours` already: one that another run left out of service is not counted twice. */
function isFull(database: Database, run: RunId, limit: GroupLimit, mine: string): boolean {
  const others = database.get(
    'SELECT count(DISTINCT node) AS n FROM claim_groups WHERE key = ? AND run <> ? AND node NOT IN (SELECT value FROM json_each(?))',
    limit.key,
    run,
    mine,
  )
  if (Number(others?.['n']) + limit.ours > limit.atMost) return true
  return limit.set !== null && othersInSet(database, run, limit.key, limit.set)
}

const othersInSet = (database: Database, run: RunId, key: string, set: string): boolean =>
  database.get(
    'SELECT 1 FROM group_sets JOIN claim_groups USING (key) WHERE in_set = ? AND key <> ? AND run <> ? LIMIT 1',
    set,
    key,
    run,
  ) !== undefined

/** Takes the claims; one that this run has already is renewed. The caller has asked `busyNodes` in the same transaction. */
export function takeClaims(database: Database, run: RunId, wanted: Wanted, since: Instant): void {
  for (const { key, set } of wanted.limits) {
    if (set !== null)
      database.run(
        'INSERT INTO group_sets (key, in_set) VALUES (?, ?) ON CONFLICT DO UPDATE SET in_set = excluded.in_set WHERE in_set <> excluded.in_set',
        key,
        set,
      )
  }
  for (const { node, groups } of wanted.nodes) {
    deleteClaim(database, node, run)
    insertClaim(database, { node, run, groups, hand: true, since, notBefore: wanted.notBefore })
  }
}

/** Adds a claim unless the run has one on this node. */
export function insertClaim(database: Database, claim: Claim): void {
  const { node, run, groups, hand, since, notBefore } = claim
  const added = database.run(
    'INSERT OR IGNORE INTO claims (node, run, hand, since, not_before) VALUES (?, ?, ?, ?, ?)',
    node,
    run,
    hand ? 1 : 0,
    since,
    notBefore,
  )
  if (added === 0) return
  for (const key of groups) database.run('INSERT OR IGNORE INTO claim_groups (key, node, run) VALUES (?, ?, ?)', key, node, run)
}

/** Takes this run's hand off nodes; those that stay out of service keep counting in their groups. */
export function releaseClaims(database: Database, run: RunId, release: NonNullable<Append['release']>): void {
  for (const { node, out } of release) {
    if (out) database.run('UPDATE claims SET hand = 0 WHERE node = ? AND run = ?', node, run)
    else deleteClaim(database, node, run)
  }
}

/** A finished run counts in no group any more; hands that are still on nodes stay. */
export function endClaims(database: Database, run: RunId): void {
  database.run('DELETE FROM claims WHERE run = ? AND hand = 0', run)
}

export function deleteClaim(database: Database, node: NodeId, run: RunId): void {
  database.run('DELETE FROM claims WHERE node = ? AND run = ?', node, run)
}

/** Claims by run or node, oldest first. */
export function listClaims(database: Database, filter: Readonly<{ run?: RunId; node?: NodeId }>): Claim[] {
  const { run, node } = filter
  const terms = [...(run === undefined ? [] : ['run = ?']), ...(node === undefined ? [] : ['node = ?'])]
  const rows = database.all(
    `SELECT *, (SELECT json_group_array(key ORDER BY key) FROM claim_groups AS g WHERE g.node = claims.node AND g.run = claims.run) AS keys
     FROM claims ${terms.length > 0 ? `WHERE ${terms.join(' AND ')}` : ''} ORDER BY since, node, run`,
    ...[run, node].filter((value) => value !== undefined),
  )
  return rows.map(claimOf)
}

function claimOf(row: Row): Claim {
  const keys: unknown = JSON.parse(String(row['keys']))
  return {
    node: String(row['node']),
    run: String(row['run']),
    groups: Array.isArray(keys) ? keys.map(String) : [],
    hand: row['hand'] === 1,
    since: instant(Number(row['since'])),
    notBefore: instant(Number(row['not_before'])),
  }
}
