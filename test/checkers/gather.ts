import type { PinnedList } from '../../src/core/plan/plan.ts'
import { openRun } from '../../src/engine/open.ts'
import { known } from '../../src/kit/assert.ts'
import type { Stage } from '../scenarios/stage.ts'
import type { CloudEvent, Evidence, Packages, RunEvidence } from './evidence.ts'

/** All that a stage knows when a night is over. `bodies` are the feedback queue's messages in the order of receiving. */
export async function gather(stage: Stage, more: Pick<Evidence, 'calm' | 'powerLosses'>, bodies?: readonly string[]): Promise<Evidence> {
  const runs: RunEvidence[] = []
  for (const run of await stage.runs()) runs.push(await gatherRun(stage, run))
  return {
    ...more,
    runs,
    ledger: stage.sandbox.ledger(),
    nodesBefore: new Map([...stage.before].map(([node, { packages }]) => [node, packages])),
    nodesAfter: new Map(stage.sandbox.nodes().map(({ node, packages }): [string, Packages] => [node, packages])),
    claims: await stage.store.claims(),
    ...(bodies && { feedback: bodies.map((body) => JSON.parse(body) as CloudEvent) }),
  }
}

async function gatherRun(stage: Stage, run: string): Promise<RunEvidence> {
  const { state, plan } = await openRun(stage.store, run)
  const text = state.lists && known(await stage.store.blob(state.lists.digest), 'the lists')
  return {
    run,
    plan: state.plan,
    facts: await stage.facts(run),
    entries: await stage.entries(run),
    ...(text !== null && { lists: JSON.parse(text) as readonly PinnedList[] }),
    worstCase: plan.worstCase,
  }
}
