import { parseToken } from '../../src/kit/ids.ts'
import { iso, type Instant } from '../../src/kit/instant.ts'
import { findings, type Check, type Evidence } from './evidence.ts'
import { retell } from './story.ts'

/** I3: no change begins outside its window or after its cutoff, except a rollback, which is on record as such; nor on the node after `startBefore`. */
export const window: Check = (evidence) => [...intents(evidence), ...starts(evidence)]

type Open = Readonly<{ opens: Instant; cutoff: Instant; closes: Instant }>

function intents({ plan, facts }: Evidence) {
  const { found, say } = findings('I3')
  let open: Open | null = null
  let rollback: Readonly<{ outside: boolean }> | null = null
  for (const { at, event } of facts) {
    if (event.type === 'WindowOpened') open = event
    if (event.type === 'WindowEnded') open = null
    if (event.type === 'RollbackStarted') {
      rollback = event
      if (!event.outside && (open === null || at >= open.closes)) say(`the rollback of ${iso(at)} ran outside the window and does not say so`)
    }
    if (event.type !== 'CommandIntended' || event.work === 'scan') continue
    const name = `command ${String(event.n)} of ${iso(at)}`
    if (event.work === 'rollback' && plan.work !== 'rollback') {
      if (rollback === null) say(`${name} rolls back although no rollback was started`)
      continue
    }
    if (open === null) say(`${name} was intended while no window was open`)
    else if (at < open.opens || at >= open.cutoff) say(`${name} was intended outside its window (${iso(open.opens)} to ${iso(open.cutoff)})`)
    else if (event.startBefore > open.cutoff) say(`${name} may start until ${iso(event.startBefore)}, after the cutoff`)
  }
  return found
}

/** The node's own clock is the sandbox's: both are the clock of the run. */
function starts(evidence: Evidence) {
  const { found, say } = findings('I3')
  const { commands } = retell(evidence)
  for (const { node, token, transaction } of evidence.ledger ?? []) {
    const parsed = parseToken(token)
    if (parsed?.run !== evidence.run || transaction === null) continue
    const limit = commands.get(parsed.n)?.startBefore
    if (limit !== undefined && Date.parse(transaction.startedAt) >= limit) say(`${node}: the transaction of ${token} began at ${transaction.startedAt}, not before ${iso(limit)}`)
  }
  return found
}
