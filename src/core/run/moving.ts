import { at, isSuspect, STAGE, type RunState, type Stage } from './state.ts'

/** Moves a node to another stage and keeps the run's counters true. Part of `evolve`. */
export function move(state: RunState, position: number, to: Stage): void {
  count(state, position, -1)
  state.nodes.stage[position] = to
  count(state, position, 1)
}

function count(state: RunState, position: number, by: 1 | -1): void {
  const stage = at(state.nodes.stage, position)
  if (stage === STAGE.chosen || stage === STAGE.flying || stage === STAGE.returning) state.inFlight += by
  if (stage === STAGE.waiting || stage === STAGE.retrying) state.waitingCount += by
  if (stage === STAGE.retrying) state.retrying += by
  if (isSuspect(state, position)) state.suspects += by
}
