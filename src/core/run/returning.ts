import { known } from '../../kit/assert.ts'
import { move } from './moving.ts'
import { AFTER, stepAfter, stepOnward } from './steps.ts'
import { cellAt, STAGE, type RunState } from './state.ts'

/** Begins to bring a node back after its change, or after what was prepared for one. False: there is nothing to bring back. Part of `evolve`. */
export function beginReturn(state: RunState, position: number): boolean {
  const next = stepAfter(state, position)
  if (next === null) return false
  move(state, position, STAGE.returning)
  line(state, position, next)
  return true
}

/** Puts a node that comes back into the line for its next step. False: it is back. Part of `evolve`. */
export function goOn(state: RunState, position: number): boolean {
  const next = stepOnward(state, position)
  if (next === null) return false
  line(state, position, next)
  return true
}

function line(state: RunState, position: number, step: number): void {
  state.nodes.after[position] = step
  const cell = cellAt(state, position)
  const name = known(AFTER[step], 'the step')
  const key = `${cell}|${name}`
  const lane = state.returns.get(key)
  if (lane === undefined) state.returns.set(key, { cell, step: name, nodes: [position], since: state.at })
  else lane.nodes.push(position)
}
