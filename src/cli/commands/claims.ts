import { isoSeconds } from '../../kit/instant.ts'
import type { Claim } from '../../ports/store.ts'
import { argOf, REASON, textOf, using, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
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
    using(call.app.openStore(call.common), async ({ store }) => {
      const run = textOf(call, 'run')
      const found = await store.claims(run === undefined ? {} : { run })
      const { io } = call.app
      if (call.common.json) io.out(JSON.stringify({ claims: found.map(claimShape) }))
      else if (found.length === 0) io.out('no node is claimed')
      else for (const line of table([['node', 'run', 'hand', 'since', 'not before', 'groups'], ...found.map(claimRow)])) io.out(line)
      return EXIT.done
    }),
}

/** Takes a claim away, for somebody who knows better than the journal. */
export const claimsRelease: CommandSpec = {
  path: 'claims release',
  arguments: '<node>',
  summary: 'take a run’s hand off a node; only when it is certain that nothing runs on it any more',
  options: [REASON],
  example: "claims release i-0123456789abcdef0 --reason 'terminated by hand'",
  output: 'document',
  run: (call) =>
    using(call.app.openStore(call.common), async ({ store }) => {
      const node = argOf(call, 0, 'the node')
      const released = await store.releaseClaim(node)
      const { io } = call.app
      if (call.common.json) io.out(JSON.stringify({ node, released: released ? claimShape(released) : null }))
      else io.out(released ? `${node} is free; run ${released.run} had it since ${isoSeconds(released.since)}` : `${node} was not claimed`)
      return EXIT.done
    }),
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
