import { tokenOf } from '../../src/kit/ids.ts'
import { findings, type Check } from './evidence.ts'

/** I14: no package transaction is ever cut by us: not by a cancel, not by a timeout, not by an end. A power failure is not ours. */
export const noCut: Check = (evidence) => {
  const { found, say } = findings('I14')
  const { ledger = [], facts, plan, run } = evidence
  for (const { node, token, transaction } of ledger) {
    if (transaction?.cut != null && transaction.cut !== 'power') say(`${node}: the transaction of ${token} was cut (${transaction.cut})`)
  }
  for (const { at, event } of facts) {
    if (event.type !== 'CancelDone') continue
    for (const position of event.nodes) {
      const rows = ledger.filter((row) => row.token === tokenOf(run, event.n) && row.node === plan.nodes[position]?.node)
      for (const { node, token, transaction } of rows) {
        if (transaction !== null && Date.parse(transaction.startedAt) < at && (transaction.endedAt === null || Date.parse(transaction.endedAt) > at)) say(`${node}: ${token} was cancelled in the midst of its transaction`)
      }
    }
  }
  return found
}
