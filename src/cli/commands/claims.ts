import { isoSeconds } from '../../kit/instant.ts'
import { logByHand } from '../../engine/by-hand.ts'
import type { Claim } from '../../ports/store.ts'
import type { Session } from '../app.ts'
import { argOf, REASON, textOf, using, type CommandSpec } from '../call.ts'
import { EXIT, usage } from '../exit.ts'
import { findRun } from '../find-run.ts'
import { table } from '../render/text.ts'

/** Which run's hand is on which node. */
export const claims: CommandSpec = {
  path: 'claims list',
  isDefault: true,
  summary: 'which run’s hand is on which node',
  options: [{ flags: '--run <run>', means: 'of this run only' }],
  example: 'claims',
  output: 'document',
  run: (call) =>
    using(call.app.openStore(call.common, 'refuse'), async ({ store }) => {
      const run = textOf(call, 'run')
      const row = run === undefined ? undefined : await findRun(store, run)
      const found = await store.claims(row === undefined ? {} : { run: row.run })
      const { io } = call.app
      if (call.common.json) io.out(JSON.stringify({ claims: found.map(claimShape) }))
      else if (found.length === 0) io.out(row === undefined ? 'no node is claimed' : `run ${row.run} claims no node`)
      else for (const line of table([['node', 'run', 'hand', 'since', 'not before', 'groups'], ...found.map(claimRow)])) io.out(line)
      return EXIT.done
    }),
}

/** Takes a claim away, for somebody who knows better than the journal. */
export const claimsRelease: CommandSpec = {
  path: 'claims release',
  arguments: '<node>',
  summary: 'take a run’s hand off a node; only when it is certain that nothing runs on it any more',
  options: [
    REASON,
    { flags: '--run <run>', means: 'the claim of this run; without it, the hand. A claim that is out only goes with it alone' },
  ],
  example: "claims release i-0123456789abcdef0 --reason 'terminated by hand'",
  output: 'document',
  run: (call) =>
    using(call.app.openSession(call.common), async (session) => {
      const { store } = session.world
      const node = argOf(call, 0, 'the node')
      const named = textOf(call, 'run')
      const row = named === undefined ? null : await findRun(store, named)
      const chosen = claimMeant(node, await store.claims({ node }), row && row.run)
      const released = chosen && (await release(session, chosen, textOf(call, 'reason') ?? ''))
      const left = await store.claims({ node })
      const { io } = call.app
      if (call.common.json) io.out(JSON.stringify({ node, released: released ? claimShape(released) : null }))
      else io.out(releasedText(node, row && row.run, released, left))
      return EXIT.done
    }),
}

/** Who takes it away, and why, is on record first: a hand that is gone without a trace could not be told from one that was lost. */
async function release({ world, actor }: Session, claim: Claim, reason: string): Promise<Claim | undefined> {
  const person = await actor()
  await logByHand(world, { type: 'ClaimReleaseAsked', claim, reason }, person)
  const released = await world.store.releaseClaim(claim.node, claim.run)
  if (released !== undefined) await logByHand(world, { type: 'ClaimReleased', claim: released }, person)
  return released
}

/**
 * The claim that is to go: the named run's, else the hand. Asked again after a lost answer it takes no other one: a claim that only counts in its
 * groups goes when its run is named. @throws `usage.invalid` when there are such claims alone and none is named
 */
export function claimMeant(node: string, claims: readonly Claim[], run: string | null): Claim | undefined {
  const found = claims.find((one) => (run === null ? one.hand : one.run === run))
  if (found !== undefined || run !== null || claims.length === 0) return found
  throw usage(
    `no run has its hand on ${node}; it only counts as out of service for ${claims.map((one) => `run ${one.run}`).join(', ')}`,
    'say which one’s claim is to go: --run RUN',
  )
}

function releasedText(node: string, run: string | null, released: Claim | undefined, left: readonly Claim[]): string {
  const counted = left.map((one) => (one.hand ? `run ${one.run} has its hand on it` : `it counts as out of service for run ${one.run}`))
  const rest = counted.length === 0 ? '' : `; ${counted.join('; ')}`
  if (released === undefined) return `${node} was not claimed${run === null ? '' : ` by run ${run}`}${rest}`
  const since = `run ${released.run} had it since ${isoSeconds(released.since)}`
  if (!released.hand) return `${node} does not count for run ${released.run} any more${rest}`
  return `${node} is ${left.some(({ hand }) => hand) ? 'not free' : 'free'}; ${since}${rest}`
}

/** A claim in JSON. */
export const claimShape = ({ node, run, groups, hand, since, notBefore }: Claim) => ({
  node,
  run,
  hand,
  groups,
  since: isoSeconds(since),
  notBefore: isoSeconds(notBefore),
})

const claimRow = ({ node, run, groups, hand, since, notBefore }: Claim): string[] => [
  node,
  run,
  hand ? 'yes' : 'out only',
  isoSeconds(since),
  isoSeconds(notBefore),
  groups.join(', '),
]
