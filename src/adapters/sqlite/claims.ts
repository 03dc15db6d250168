import { judge, type Ask, type Claimed, type Judgement } from '../../core/run/turns.ts'
import type { NodeId, RunId } from '../../kit/ids.ts'
import { instant, type Instant } from '../../kit/instant.ts'
import type { Append, Claim } from '../../ports/store.ts'
import type { Database, Row } from './database.ts'
import { freshTickets, useTickets } from './tickets.ts'

type Wanted = NonNullable<Append['claim']>

/** Which wanted nodes the run may not have now, and where it waits for them. Inside a transaction. */
export function judgeClaim(database: Database, run: RunId, wanted: Wanted): Judgement {
  const ask: Ask = { run, nodes: wanted.nodes, limits: wanted.limits }
  return judge(ask, claimedIn(database, ask, wanted.at), freshTickets(database, ask, wanted.at))
}

function claimedIn(database: Database, ask: Ask, at: Instant): Claimed {
  const hands = handsOn(database, ask)
  return {
    hands: (node) => hands.get(node) ?? [],
    inGroup(group, run, without, kind) {
      const isAll = kind === 'all'
      if (isAll && without.length === 0) return countIn(database.get(IN_GROUP, group, run))
      const except = JSON.stringify(without)
      return countIn(isAll ? database.get(OTHERS_IN_GROUP, group, run, except) : database.get(STUCK_IN_GROUP, group, run, except, at))
    },
    beside(set, group, run, kind) {
      const row = kind === 'all' ? database.get(BESIDE, set, group, run) : database.get(STUCK_BESIDE, set, group, run, at)
      return row !== undefined
    },
  }
}

const countIn = (row: Row | undefined): number => Number(row?.['n'])

const IN_GROUP = 'SELECT count(DISTINCT node) AS n FROM claim_groups WHERE key = ? AND run <> ?'
const OTHERS_IN_GROUP = `${IN_GROUP} AND node NOT IN (SELECT value FROM json_each(?))`
const STUCK_IN_GROUP = `
  SELECT count(DISTINCT node) AS n FROM claim_groups JOIN claims USING (node, run)
  WHERE key = ? AND run <> ? AND node NOT IN (SELECT value FROM json_each(?)) AND (hand = 0 OR not_before < ?)`
const BESIDE = 'SELECT 1 FROM group_sets JOIN claim_groups USING (key) WHERE in_set = ? AND key <> ? AND run <> ? LIMIT 1'
const STUCK_BESIDE = `
  SELECT 1 FROM group_sets JOIN claim_groups USING (key) JOIN claims USING (node, run)
  WHERE in_set = ? AND key <> ? AND run <> ? AND (hand = 0 OR not_before < ?) LIMIT 1`

function handsOn(database: Database, { nodes }: Ask): Map<NodeId, RunId[]> {
  const rows = database.all(
    'SELECT node, run FROM claims WHERE hand = 1 AND node IN (SELECT value FROM json_each(?))',
    JSON.stringify(nodes.map(({ node }) => node)),
  )
  const found = new Map<NodeId, RunId[]>()
  for (const row of rows) found.set(String(row['node']), [...(found.get(String(row['node'])) ?? []), String(row['run'])])
  return found
}

/** Takes the claims; one that this run has already is renewed. The caller has judged them in the same transaction. */
export function takeClaims(database: Database, run: RunId, wanted: Wanted, since: Instant): void {
  keepSets(database, wanted.limits)
  for (const { node, groups } of wanted.nodes) {
    deleteClaim(database, node, run)
    insertClaim(database, { node, run, groups, hand: true, since, notBefore: wanted.notBefore })
  }
  useTickets(database, { run, nodes: wanted.nodes, limits: wanted.limits })
}

/** Which groups take turns within a set. */
export function keepSets(database: Database, groups: readonly Readonly<{ key: string; set: string | null }>[]): void {
  for (const { key, set } of groups) {
    if (set !== null)
      database.run(
        'INSERT INTO group_sets (key, in_set) VALUES (?, ?) ON CONFLICT DO UPDATE SET in_set = excluded.in_set WHERE in_set <> excluded.in_set',
        key,
        set,
      )
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

/** Adds a claim that a journal proves, without its hand where another run has the node by now: a person has let it go meanwhile. */
export function restoreClaim(database: Database, claim: Claim): void {
  const others = database.get('SELECT 1 FROM claims WHERE node = ? AND run <> ? AND hand = 1 LIMIT 1', claim.node, claim.run)
  insertClaim(database, { ...claim, hand: claim.hand && others === undefined })
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
