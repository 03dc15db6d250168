import { plus, type Instant } from '../../kit/instant.ts'
import { events, wake, type Decision } from './decision.ts'
import type { RunEvent, StepName } from './event.ts'
import type { Batch } from './parts.ts'
import { needsToken, stepBefore, stepUntil } from './steps.ts'
import type { RunState } from './state.ts'
import { COMMAND_NODES_MAX, ROUND_MS } from './waiting.ts'

/** Nodes that come back go on to their next step: at any time, in a pause and in a freeze too, for it makes them serve again. */
export function nextReturns(state: RunState, now: Instant): Decision {
  let due: Instant | null = null
  for (const { cell, step, nodes, since } of state.returns.values()) {
    const at = plus(since, ROUND_MS)
    if (now >= at || nodes.length >= COMMAND_NODES_MAX) return events(intent(state, step, cell, 0, nodes.slice(0, COMMAND_NODES_MAX), now))
    if (due === null || at < due) due = at
  }
  return wake(due)
}

/** The next step before the change of a round that was just read; `undefined`: the change itself is next. */
export function nextBefore(state: RunState, batch: Batch, now: Instant): RunEvent | undefined {
  const name = stepBefore(state, batch)
  return name === null ? undefined : intent(state, name, batch.cell, batch.batch, batch.nodes, now)
}

function intent(state: RunState, step: StepName, cell: string, batch: number, nodes: readonly number[], now: Instant): RunEvent {
  return {
    type: 'StepIntended',
    id: state.stepCount + 1,
    step,
    cell,
    batch,
    nodes,
    n: needsToken(step) ? state.tokenCount + 1 : 0,
    until: stepUntil(state.plan, step, now),
  }
}
