import type { PinnedList } from '../../src/core/plan/plan.ts'
import { openRun } from '../../src/engine/open.ts'
import { known } from '../../src/kit/assert.ts'
import type { Stage } from '../scenarios/stage.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import type { CloudEvent, Evidence, Packages, RunEvidence, Service } from './evidence.ts'

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
    serviceBefore: services([...stage.before.values()]),
    serviceAfter: services(stage.sandbox.nodes()),
    claims: await stage.store.claims(),
    words: stage.words,
    frozen: stage.frozen,
    ...(bodies && { feedback: bodies.map((body) => JSON.parse(body) as CloudEvent) }),
  }
}

/** A target that is draining is out. */
function services(nodes: readonly NodeView[]): Map<string, Service> {
  const there = nodes.filter(({ state }) => state !== 'terminated' && state !== 'shutting-down')
  return new Map(
    there.map(({ node, state, targets, autoScaling }) => {
      const places = targets.flatMap((one) => (one.state === 'draining' ? [] : [`${one.group}:${String(one.port)}`]))
      const up = state === 'running' || state === 'pending'
      return [node, { up, targets: places.sort(), lifecycle: autoScaling?.lifecycle ?? null }]
    }),
  )
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
