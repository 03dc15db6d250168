import { known } from '../kit/assert.ts'
import type { Instant } from '../kit/instant.ts'
import { at, commandOf, planned, STAGE, type RunState } from '../core/run/state.ts'
import type { Claim } from '../ports/store.ts'

/** The hands that a journal proves to be on nodes: its open changes whose nodes have not spoken. What the index lost is put back from here. */
export function provenClaims(state: RunState): Claim[] {
  return [...fromSteps(state), ...fromCommands(state)]
}

/** Nodes that are being prepared for a change, or brought back from one. */
function fromSteps(state: RunState): Claim[] {
  const claims: Claim[] = []
  const add = (position: number, since: Instant, notBefore: Instant): void => {
    const node = planned(state, position)
    const groups = node.groups.map((group) => known(state.plan.groups[group], 'the group').key)
    claims.push({ node: node.node, run: state.run, groups, hand: true, since, notBefore })
  }
  for (const step of state.steps.values())
    for (const position of state.batches.get(step.batch)?.nodes ?? step.nodes) add(position, step.intendedAt, step.until)
  for (const line of state.returns.values()) for (const position of line.nodes) add(position, line.since, line.since)
  for (const batch of state.batches.values())
    if (batch.step > 0 && batch.running === null) for (const position of batch.nodes) add(position, state.at, state.at)
  return claims
}

function fromCommands(state: RunState): Claim[] {
  return [...state.openCommands].flatMap((n) => {
    const command = commandOf(state, n)
    if (command.work === 'scan') return []
    return command.nodes
      .filter(
        (position) =>
          at(state.nodes.command, position) === n &&
          (at(state.nodes.stage, position) === STAGE.flying || at(state.nodes.endedSeconds, position) === 0),
      )
      .map((position): Claim => {
        const node = planned(state, position)
        const groups = node.groups.map((group) => known(state.plan.groups[group], 'the group').key)
        return { node: node.node, run: state.run, groups, hand: true, since: command.intendedAt, notBefore: command.notBefore }
      })
  })
}
