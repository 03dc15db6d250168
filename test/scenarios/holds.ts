import { verifyChain } from '../../src/core/audit/verify.ts'
import { OUTCOMES } from '../../src/core/run/event.ts'
import { openRun } from '../../src/engine/open.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import type { Stage } from './stage.ts'

/** What does not hold on a stage; empty when all does. */
export async function faultsFound(stage: Stage): Promise<string[]> {
  const found: string[] = []
  for (const run of await stage.runs()) {
    found.push(...verifyChain(run, await stage.entries(run)).breaks.map(({ detail }) => `I9 ${run}: ${detail}`))
    const { state } = await openRun(stage.store, run)
    if (state.phase.name !== 'finished') continue
    state.plan.nodes.forEach(({ node }, position) => {
      if (OUTCOMES[state.nodes.outcome[position] ?? 0] === 'open' || state.nodes.reason[position] === '') found.push(`I5 ${node} has no outcome or no reason`)
    })
  }
  return [...found, ...onNodes(stage.sandbox.ledger())]
}

function onNodes(ledger: readonly LedgerRow[]): string[] {
  const found: string[] = []
  const transactions = ledger.filter(({ transaction }) => transaction !== null)
  for (const [key, rows] of Map.groupBy(transactions, ({ node, token }) => `${node} ${token}`)) if (rows.length > 1) found.push(`I8 ${key}: ${String(rows.length)} transactions`)
  return found
}
