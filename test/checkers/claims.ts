import { iso } from '../../src/kit/instant.ts'
import { tokenParts, type Checker } from './evidence.ts'
import { follow } from './follow.ts'

/**
 * I1, as claims keep it: a claim is let go when its node has spoken, when its command has closed or was proved never sent, and when it is wholly back, not before;
 * no package transaction of a run begins on a node that the run does not hold.
 */
export const claimsHeld: Checker = function* ({ runs, claimChanges, ledger = [] }) {
  if (claimChanges === undefined) return
  for (const run of runs) {
    const { hands, stays } = follow(run)
    for (const { at, node, change } of claimChanges.filter((one) => one.run === run.run)) {
      if (change !== 'released') continue
      for (const hand of hands)
        if (hand.node === node && hand.from < at && at < hand.to)
          yield `${node}: let go at ${iso(at)}, while ${run.run}.${String(hand.n)} might still be at work`
      for (const stay of stays.all)
        if (stay.node === node && stay.from < at && at < stay.to)
          yield `${node}: let go at ${iso(at)}, while ${run.run} prepares it or brings it back`
    }
    for (const { node, token, transaction } of ledger) {
      if (transaction === null || tokenParts(token).run !== run.run) continue
      const last = claimChanges.findLast((one) => one.node === node && one.at <= Date.parse(transaction.startedAt))
      if (last?.change !== 'taken' || last.run !== run.run) yield `${node}: the transaction of ${token} began without a claim`
    }
  }
}
