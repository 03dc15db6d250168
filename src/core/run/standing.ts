import type { Outcome } from './event.ts'
import { setOut } from './limits.ts'
import { move } from './moving.ts'
import { beginReturn } from './returning.ts'
import { CHANGED } from './steps.ts'
import { at, codeOf, isSuspect, STAGE, type RunState } from './state.ts'
import { unpark } from './waiting.ts'

/**
 * Gives a node its outcome and moves the wave's counters. What was taken out of service for it is brought back before it counts as ended; the
 * outcome counts at once. Part of `evolve`.
 */
export function end(state: RunState, position: number, outcome: Outcome, reason: string): void {
  const trying = outcome === 'skipped' ? state.isolation?.tries.get(position) : undefined
  if (trying === undefined) return endAs(state, position, outcome, reason)
  // Nothing was installed: it is what it was before this try.
  trying.refused = reason
  endAs(state, position, trying.before.outcome, trying.before.reason)
}

function endAs(state: RunState, position: number, outcome: Outcome, reason: string): void {
  const before = at(state.nodes.outcome, position)
  const code = codeOf(outcome)
  const returning = at(state.nodes.stage, position) === STAGE.returning
  if (!returning) move(state, position, STAGE.ended)
  state.nodes.outcome[position] = code
  state.nodes.reason[position] = reason
  if (outcome !== 'rolled-back' && outcome !== 'rollback-failed') state.nodes.applied[position] = code
  const wave = state.waves[at(state.nodes.wave, position)]
  if (wave !== undefined) {
    wave.counts[before] = at(wave.counts, before) - 1
    wave.counts[code] = at(wave.counts, code) + 1
  }
  if (!returning) beginReturn(state, position)
}

/**
 * Gives up a node without a report of this attempt: one that an earlier attempt left failed has failed, and so has one that is lost after its kernel
 * was patched; else it was not touched.
 */
export function giveUp(state: RunState, position: number, reason: string): void {
  if (at(state.nodes.touched, position) === 0) end(state, position, isLost(state, position, reason) ? 'failed' : 'skipped', reason)
  else end(state, position, 'failed', reason === 'gone' ? reason : (state.nodes.reason[position] ?? '') || reason)
}

/**
 * Whether a node has failed with its own word that nothing was changed: it waited for a lock in vain. It has no before-record either
 * (documents/PROTOCOL.md): its rollback could only fail, and might so stop that of others. In a search it has one, from before.
 */
export function isUnchanged(state: RunState, position: number): boolean {
  const { nodes, plan, isolation, livePatched, commands } = state
  if (plan.rollback.method !== 'packages' || isolation !== null) return false
  if (at(nodes.outcome, position) !== codeOf('failed') || nodes.reason[position] !== LOCK_HELD) return false
  const told = at(nodes.endedSeconds, position) !== 0 && commands.get(at(nodes.command, position))?.doubtful === false
  const onlyOne = at(nodes.attempts, position) === 1 || plan.retry?.on.every((reason) => UNCHANGED.has(reason)) === true
  return told && onlyOne && !livePatched.has(position)
}

const LOCK_HELD = 'lock-held'

/** Reasons that promise that nothing was changed, of attempts that were followed by another one. */
const UNCHANGED: ReadonlySet<string> = new Set([LOCK_HELD, 'repository-unreachable'])

/** Whether a node that is given up for this reason is gone or silent since its kernel was patched, which may be why. */
export const isLost = (state: RunState, position: number, reason: string): boolean => LOST.has(reason) && state.livePatched.has(position)

const LOST: ReadonlySet<string> = new Set(['gone', 'offline', 'refused-by-ssm'])

/** Counts a node as out of service or as serving, as its state says; nodes that waited for its groups may go. Part of `evolve`. */
export function recount(state: RunState, position: number): void {
  unpark(state, setOut(state, position, isOut(state, position)))
}

/**
 * Out of service from the choice until the node is read back. Failed and unknown nodes stay out until they are restored, also those that were not
 * touched but on which a step may still be at work; and so does what failed and waits for another attempt, and what could not be brought back wholly. Nodes that were down before are out anyway. Reading commands put nothing out of service.
 */
function isOut(state: RunState, position: number): boolean {
  if (at(state.nodes.down, position) === 1) return true
  if (state.plan.work === 'scan') return false
  const stage = at(state.nodes.stage, position)
  if (stage === STAGE.chosen || stage === STAGE.flying || stage === STAGE.returning || isSuspect(state, position)) return true
  if (state.notBack.has(position) || at(state.nodes.outcome, position) === codeOf('unknown')) return true
  return isAffected(state, position) && isBad(state, position)
}

/** Whether nothing has been sent to the node yet that changes it, its kernel included: what earlier windows recorded of it may be weeks old. */
export const isFresh = ({ nodes, livePatched }: RunState, position: number): boolean =>
  at(nodes.touched, position) === 0 && !livePatched.has(position)

/** By a change, by its live patch, or by what followed a change that found nothing to do: a hook that fails then has found the node unwell. */
const isAffected = (state: RunState, position: number): boolean =>
  !isFresh(state, position) || at(state.nodes.changed, position) !== CHANGED.no

function isBad(state: RunState, position: number): boolean {
  const outcome = at(state.nodes.outcome, position)
  if (outcome !== codeOf('rollback-failed')) return outcome === codeOf('failed') || outcome === codeOf('unknown')
  const last = state.commands.get(at(state.nodes.command, position))
  const attempted = (last?.work === 'rollback' && last.phase !== 'refused') || at(state.nodes.changed, position) === CHANGED.rootReplaced
  const applied = at(state.nodes.applied, position)
  return attempted || applied === codeOf('failed') || applied === codeOf('unknown')
}
