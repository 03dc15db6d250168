import type { Outcome } from './event.ts'
import { setOut } from './limits.ts'
import { at, codeOf, isSuspect, STAGE, type RunState, type Stage } from './state.ts'
import { unpark } from './waiting.ts'

/** Moves a node to another stage and keeps the run's counters true. Part of `evolve`. */
export function move(state: RunState, position: number, to: Stage): void {
  count(state, position, -1)
  state.nodes.stage[position] = to
  count(state, position, 1)
}

function count(state: RunState, position: number, by: 1 | -1): void {
  const stage = at(state.nodes.stage, position)
  if (stage === STAGE.chosen || stage === STAGE.flying) state.inFlight += by
  if (stage === STAGE.waiting || stage === STAGE.retrying) state.waitingCount += by
  if (stage === STAGE.retrying) state.retrying += by
  if (isSuspect(state, position)) state.suspects += by
}

/** Gives a node its outcome and moves the wave's counters. Part of `evolve`. */
export function end(state: RunState, position: number, outcome: Outcome, reason: string): void {
  const before = at(state.nodes.outcome, position)
  const code = codeOf(outcome)
  move(state, position, STAGE.ended)
  state.nodes.outcome[position] = code
  state.nodes.reason[position] = reason
  if (outcome !== 'rolled-back' && outcome !== 'rollback-failed') state.nodes.applied[position] = code
  const wave = state.waves[at(state.nodes.wave, position)]
  if (wave === undefined) return
  wave.counts[before] = at(wave.counts, before) - 1
  wave.counts[code] = at(wave.counts, code) + 1
}

/** Gives up a node without a report of this attempt: one that an earlier attempt left failed has failed; else it was not touched. */
export function giveUp(state: RunState, position: number, reason: string): void {
  if (at(state.nodes.touched, position) === 0) end(state, position, 'skipped', reason)
  else end(state, position, 'failed', reason === 'gone' ? reason : (state.nodes.reason[position] ?? '') || reason)
}

/** Counts a node as out of service or as serving, as its state says; nodes that waited for its groups may go. Part of `evolve`. */
export function recount(state: RunState, position: number): void {
  unpark(state, setOut(state, position, isOut(state, position)))
}

/**
 * Out of service from the choice until the node is read back. Failed and unknown nodes stay out until they are restored, and so does what
 * failed and waits for another attempt. Nodes that were down before are out anyway. Reading commands put nothing out of service.
 */
function isOut(state: RunState, position: number): boolean {
  if (at(state.nodes.down, position) === 1) return true
  if (state.plan.work === 'scan') return false
  const stage = at(state.nodes.stage, position)
  if (stage === STAGE.chosen || stage === STAGE.flying || isSuspect(state, position)) return true
  return at(state.nodes.touched, position) === 1 && isBad(state, position)
}

function isBad(state: RunState, position: number): boolean {
  const outcome = at(state.nodes.outcome, position)
  if (outcome !== codeOf('rollback-failed')) return outcome === codeOf('failed') || outcome === codeOf('unknown')
  const last = state.commands.get(at(state.nodes.command, position))
  const attempted = last?.work === 'rollback' && last.phase !== 'refused'
  const applied = at(state.nodes.applied, position)
  return attempted || applied === codeOf('failed') || applied === codeOf('unknown')
}
