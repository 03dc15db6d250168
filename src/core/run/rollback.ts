import { known } from '../../kit/assert.ts'
import { HOUR, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { needsRollback } from './evolve-waves.ts'
import { dropBatches, fillPlaces, nextIntent, placesDue, soonest } from './dispatch.ts'
import { finished } from './finish.ts'
import { mayIsolate } from './next-isolation.ts'
import { nextRefused } from './refused-cells.ts'
import { events, nothing, wake, type Decision } from './decision.ts'
import { at, codeOf, STAGE, type Phase, type RunState } from './state.ts'

type RollingBack = Extract<Phase, { name: 'rolling-back' }>

/** How a rollback of these waves begins: `next`'s. */
export type RollbackStart = (waves: readonly number[], why: string) => Decision

/** Wave after wave, newest first, within concurrency and disruption limits; too many failures stop it and call a person. */
export function nextRollback(state: RunState, phase: RollingBack, start: RollbackStart, now: Instant): Decision {
  if (state.rollback !== null)
    return (state.rollback.stopped ? undefined : restOfRun(state, phase, start)) ?? ended(state, phase, state.rollback)
  const failed = countOf(state, 'rollback-failed')
  // In a search, who cannot be restored leaves it, and the others go on.
  if (state.isolation === null && failed > state.plan.rollback.failuresMax)
    return placesDue(state, 'rollback-stopped', now) ?? rolledBack(state, true)
  if (state.aborting?.rollback === false) return placesDue(state, 'aborted', now) ?? rolledBack(state, true)
  const index = phase.waves[phase.at]
  if (index === undefined) return restOfRun(state, phase, start) ?? rolledBack(state, false)
  if (state.paused) return dropBatches(state, 'paused') ?? nothing
  const held = heldTooLong(state, now)
  if (held) return held
  if (state.waitingCount === 0 && state.inFlight === 0) return events({ type: 'RollbackAdvanced', wave: index })
  const refused = nextRefused(state, index, now)
  if (refused.events.length > 0) return refused
  const intent = nextIntent(state, 'rollback', null, now)
  if (intent) return intent
  const rule = known(state.plan.waves[index], 'the wave')
  const tighter = new Map(rule.tighter.map((one) => [one.group, one.atMost]))
  const chosen = fillPlaces(state, rule.concurrency, tighter, 'rollback', now)
  return chosen.events.length > 0 ? chosen : wake(soonest(chosen.wakeAt, refused.wakeAt))
}

/** Who asks for the way back while a failed gate's wave is rolled back means the whole run: the other waves follow. A search has a way back of its own. */
function restOfRun(state: RunState, { waves }: RollingBack, start: RollbackStart): Decision | undefined {
  const { aborting, isolation, plan } = state
  if (aborting?.rollback !== true || isolation !== null) return undefined
  const rest = plan.waves
    .flatMap(({ nodes }, index) => (!waves.includes(index) && nodes.some((position) => needsRollback(state, position)) ? [index] : []))
    .toReversed()
  return rest.length > 0 ? start(rest, aborting.reason) : undefined
}

/** No command of another run lasts this long; what still holds our nodes then is not going to let go. */
const HELD_MAX_MS: Ms = 3 * HOUR

/** A rollback has no window that would end its waiting for another run's hand. Who was refused a while ago is tried once more first. */
function heldTooLong(state: RunState, now: Instant): Decision | undefined {
  const { heldSince, waiting } = state
  const isHeld = (node: number): boolean =>
    now >= plus(heldSince.get(node) ?? now, HELD_MAX_MS) && at(state.nodes.stage, node) === STAGE.waiting
  const nodes = [...new Set(waiting.busy.flatMap(({ node, until }) => (now < until && isHeld(node) ? [node] : [])))]
  return nodes.length > 0 ? events({ type: 'NodesSkipped', nodes, reason: 'held' }) : undefined
}

function rolledBack(state: RunState, stopped: boolean): Decision {
  return events({ type: 'RollbackFinished', restored: countOf(state, 'rolled-back'), failed: countOf(state, 'rollback-failed'), stopped })
}

function ended(state: RunState, phase: RollingBack, result: NonNullable<RunState['rollback']>): Decision {
  if (state.openCommands.size > 0 || state.inFlight > 0) return nothing
  const isolating = mayIsolate(state)
  if (isolating && 'start' in isolating) return events(isolating.start)
  const clean = result.failed === 0 && !result.stopped
  const searched = isolating?.why ?? (state.isolation?.over ? `isolation: ${state.isolation.over}` : '')
  const restored = clean
    ? `rolled back ${String(result.restored)} nodes`
    : `rollback: ${String(result.restored)} restored, ${String(result.failed)} failed`
  const reason = searched === '' ? restored : `${restored}; ${searched}`
  const aborted = phase.after === 'aborted' || state.aborting?.rollback === false
  return events(finished(state, clean ? phase.after : aborted ? 'aborted' : 'failed', reason))
}

/** Nodes of all waves that were restored, or could not be. */
export const countOf = (state: RunState, outcome: 'rolled-back' | 'rollback-failed'): number =>
  state.waves.reduce((sum, wave) => sum + at(wave.counts, codeOf(outcome)), 0)
