import { known } from '../kit/assert.ts'
import { at, commandOf, planned, STAGE, type RunState } from '../core/run/state.ts'
import type { Claim } from '../ports/store.ts'

/** The hands that a journal proves to be on nodes: its open changes whose nodes have not spoken. What the index lost is put back from here. */
export function provenClaims(state: RunState): Claim[] {
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
