import { parseToken } from '../../src/kit/ids.ts'
import { CHANGES, findings, type Check } from './evidence.ts'
import { retell } from './story.ts'

/** I8: on one node a run's package transaction starts at most once per journalled attempt, whatever crashes where, whatever is sent twice. */
export const once: Check = (evidence) => {
  const { found, say } = findings('I8')
  const { commands } = retell(evidence)
  const seen = new Map<string, number>()
  for (const { node, token, document, transaction } of evidence.ledger ?? []) {
    const parsed = parseToken(token)
    if (parsed?.run !== evidence.run || !CHANGES.has(document) || transaction === null) continue
    const intent = commands.get(parsed.n)
    const position = evidence.plan.nodes.findIndex((one) => one.node === node)
    if (intent?.nodes.includes(position) !== true) say(`${node}: a transaction of ${token}, which no intent names for it`)
    const times = (seen.get(`${node} ${token}`) ?? 0) + 1
    seen.set(`${node} ${token}`, times)
    if (times === 2) say(`${node}: the transaction of ${token} began more than once`)
  }
  return [...found, ...attempts(evidence)]
}

/** A second token for a node whose first may be at work would be a second attempt that nobody wanted. */
const attempts: Check = (evidence) => {
  const { found, say } = findings('I8')
  const numbers = evidence.facts.flatMap(({ event }) => (event.type === 'CommandIntended' ? [event.n] : []))
  numbers.forEach((n, index) => {
    if (numbers.indexOf(n) !== index) say(`command ${String(n)} was intended twice`)
  })
  return found
}
