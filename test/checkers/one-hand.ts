import { parseToken } from '../../src/kit/ids.ts'
import { CHANGES, findings, type Check, type Evidence } from './evidence.ts'
import { retell, retellAll, type Story } from './story.ts'

/** I1: a node has at most one changing command in flight, across all runs of the store. */
export const oneHand: Check = (evidence) => [...oneIntent(evidence), ...oneTransaction(evidence), ...claimsHold(evidence)]

/** In the journals: no intent names a node whose last changing command may still be at work. */
function oneIntent(evidence: Evidence) {
  const { found, say } = findings('I1')
  const runs = [evidence, ...(evidence.others ?? [])]
  retellAll(runs, (stories, run, { event }) => {
    if (event.type !== 'CommandIntended' || event.work === 'scan') return
    for (const position of event.nodes) {
      const id = runs[run]?.plan.nodes[position]?.node
      stories.forEach((story, index) => {
        const busy = handsOf(story, story.plan.nodes.findIndex((node) => node.node === id)).filter((n) => index !== run || n !== event.n)
        for (const n of busy) say(`${id ?? ''}: command ${String(event.n)} of run ${runs[run]?.run ?? ''} was intended while command ${String(n)} of run ${runs[index]?.run ?? ''} was open`)
      })
    }
  })
  return found
}

/** Changing commands that may still be at work on a node: neither did it speak, nor has the command closed. */
function handsOf(story: Story, position: number): number[] {
  const node = story.nodes[position]
  return (node?.attempts ?? []).filter((attempt) => attempt.work !== 'scan' && !attempt.over && !attempt.spoke).map((attempt) => attempt.n)
}

/** On the nodes: no two package transactions of one node overlap. */
function oneTransaction({ ledger = [] }: Evidence) {
  const { found, say } = findings('I1')
  for (const rows of Map.groupBy(ledger.filter((row) => CHANGES.has(row.document) && row.transaction !== null), (row) => row.node).values()) {
    const spans = rows.flatMap(({ node, token, transaction }) => (transaction === null ? [] : [{ node, token, from: transaction.startedAt, to: transaction.endedAt ?? '9999' }]))
    spans.sort((a, b) => (a.from < b.from ? -1 : 1))
    spans.forEach((span, index) => {
      const next = spans[index + 1]
      if (next !== undefined && next.from < span.to) say(`${span.node}: transactions of ${span.token} and ${next.token} overlap at ${next.from}`)
    })
  }
  return found
}

/** A claim is let go only when its node spoke for itself, its command has closed or was never sent; and no transaction of ours runs without one. */
function claimsHold(evidence: Evidence) {
  const { found, say } = findings('I1')
  const { claims, ledger = [], run, plan } = evidence
  if (claims === undefined) return found
  for (const change of claims.filter((one) => one.run === run && one.change === 'released')) {
    const story = retell({ ...evidence, facts: evidence.facts.filter((fact) => fact.at <= change.at) })
    const hands = handsOf(story, plan.nodes.findIndex((node) => node.node === change.node))
    if (hands.length > 0) say(`${change.node}: its claim was let go while command ${hands.join(', ')} might still be at work`)
  }
  for (const { node, token, transaction } of ledger) {
    if (transaction === null || parseToken(token)?.run !== run) continue
    const start = Date.parse(transaction.startedAt)
    const last = claims.findLast((one) => one.node === node && one.at <= start)
    if (last?.change !== 'taken') say(`${node}: the transaction of ${token} began without a claim`)
  }
  return found
}
