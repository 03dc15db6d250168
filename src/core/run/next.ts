import { known } from '../../kit/assert.ts'
import { instant, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { events, nothing, wake, type Decision } from './decision.ts'
import { nextDispatch, placesDue, soonest } from './dispatch.ts'
import type { Effect } from './effect.ts'
import { afterBefore, needsRollback } from './evolve-waves.ts'
import type { RunEvent, RunOutcome } from './event.ts'
import { finished } from './finish.ts'
import { freezeNow, heldByFreeze } from './freezing.ts'
import type { Opening } from './opening.ts'
import { ask, checksVerdict, nextGate, nextMeasure } from './gate.ts'
import { nextIsolation, quarantinedText } from './next-isolation.ts'
import { nextReturns } from './next-steps.ts'
import { neverSeen } from './patch-manager.ts'
import { countOf, nextRollback } from './rollback.ts'
import { approvalOf, at, spentInRun, type RunState } from './state.ts'
import { CHANGED } from './steps.ts'
import { goesOnInNextWindow } from './unfinished.ts'
import type { WaveState } from './parts.ts'

/** What follows from a state: facts to append (all at `now`), effects newly wanted, keys no longer wanted, and when to look again without news. */
export type Turn = Readonly<{ events: readonly RunEvent[]; effects: readonly Effect[]; dropped: readonly string[]; wakeAt: Instant | null }>

/**
 * The next decisions. Pure but for two caches inside the state (which nodes wait where; which effects were already named), neither of which
 * changes what any journal folds to. Call it again after its events are folded, until it decides nothing more.
 */
export function next(state: RunState, now: Instant): Turn {
  const decided = decide(state, now)
  if (decided.events.length > 0) return { events: decided.events, effects: [], dropped: [], wakeAt: null }
  return { events: [], ...changedEffects(state), wakeAt: decided.wakeAt }
}

function changedEffects(state: RunState): { effects: Effect[]; dropped: string[] } {
  const { dirty } = state
  state.dirty = []
  const effects: Effect[] = []
  const dropped: string[] = []
  for (const key of new Set(dirty)) {
    const effect = state.activities.get(key)
    if (effect === undefined) dropped.push(key)
    else effects.push(effect)
  }
  return { effects, dropped }
}

function decide(state: RunState, now: Instant): Decision {
  if (state.phase.name === 'finished' || state.driver === null) return nothing
  const [unsent] = state.unsent
  if (unsent !== undefined) return events(neverSeen(state, unsent))
  const expired = state.approvals.find((one) => one.state === 'asked' && now >= one.expires)
  if (expired) return events({ type: 'ApprovalExpired', subject: expired.subject })
  const returns = nextReturns(state, now)
  if (returns.events.length > 0) return returns
  const onward = onwardFrom(state, now)
  return { events: onward.events, wakeAt: soonest(onward.wakeAt, returns.wakeAt) }
}

function onwardFrom(state: RunState, now: Instant): Decision {
  if (state.aborting && state.phase.name !== 'rolling-back') return nextAbort(state, now)
  const drifted = state.lastDriftReason !== null && state.waves.every((wave) => wave.phase === 'queued')
  return drifted ? finish(state, 'stopped', `drift: ${state.lastDriftReason ?? ''}`) : inPhase(state, now)
}

function inPhase(state: RunState, now: Instant): Decision {
  switch (state.phase.name) {
    case 'requested':
    case 'awaiting-window':
      return nextOpening(state, now)
    case 'surveying':
    case 'classifying':
      return untilCutoff(state, now)
    case 'before':
      return preparing(state) ? nothing : nextBefore(state, now)
    case 'scanning':
      return preparing(state) ? nothing : nextScan(state, now)
    case 'waves':
      return nextWave(state, state.phase.wave, now)
    case 'storing':
      return nextStoring(state, now)
    case 'after':
      return nextAfter(state, now)
    case 'rolling-back':
      return nextRollback(state, state.phase, (waves, why) => nextRollbackStart(state, waves, why, now), now)
    case 'isolating':
      return nextIsolation(
        state,
        {
          rollback: (waves, why) => nextRollbackStart(state, waves, why, now),
          finish: (outcome, reason) => finish(state, outcome, reason),
        },
        now,
      )
    case 'finished':
      return nothing
  }
}

/** Some cell has neither its documents nor a refusal yet: reading commands would be refused there. */
const preparing = (state: RunState): boolean => state.prepared.size < state.cells.length

/** Nothing is touched before the plan is approved and the window is open. */
function nextOpening(state: RunState, now: Instant): Decision {
  const { approval } = state.plan
  const asked = approvalOf(state, { kind: 'plan' })
  if (approval !== null && asked === undefined)
    return events({
      type: 'ApprovalAsked',
      subject: { kind: 'plan' },
      group: approval.group,
      count: approval.count,
      expires: (now + approval.expiresMs) as Instant,
    })
  if (asked?.state === 'refused') return finish(state, 'stopped', 'rejected')
  if (asked?.state === 'expired') return finish(state, 'stopped', 'not-approved')
  const { window } = state
  if (window === null) return wake(asked?.state === 'asked' ? asked.expires : null)
  if (now < window.startAt) return wake(asked?.state === 'asked' ? soonest(asked.expires, window.startAt) : window.startAt)
  if (asked?.state === 'asked') return finish(state, 'stopped', 'not-approved')
  if (now > window.openBy || now >= window.lastStart) return missed(state, window, now)
  if (state.frost === null) return nothing
  const stale = staleBaseline(state, now)
  if (stale !== undefined) return finish(state, 'stopped', stale)
  return events({ type: 'WindowOpened', opens: window.opens, cutoff: window.cutoff, closes: window.closes })
}

/** Nobody was there in time. A run that goes on from window to window waits for the next one, any other one has lost its only one. */
function missed(state: RunState, window: Opening, now: Instant): Decision {
  // Commands of an earlier start may have been found: what they do is waited for.
  const closing = waitForClosing(state)
  if (closing) return closing
  const reason = now > window.openBy ? 'late' : 'over'
  const told: RunEvent = { type: 'WindowMissed', opens: window.opens, reason }
  const began = state.waves.some((wave) => wave.phase !== 'queued')
  if (began && state.plan.runbook.window?.unfinished === 'next-window') return events(told)
  return events(told, finished(state, 'stopped', 'window-missed'))
}

/** A baseline that was young enough when the plan was pinned, and is not any more. */
function staleBaseline(state: RunState, now: Instant): string | undefined {
  const { baseline } = state.plan.runbook
  if (baseline === 'none' || state.plan.work !== 'apply') return undefined
  const stale = state.plan.lists.find((list) => list.baseline !== null && now > list.baseline.storedAt + baseline.maxAgeMs)
  return stale && `baseline-too-old: ${stale.image} in ${stale.account}`
}

function nextBefore(state: RunState, now: Instant): Decision {
  const frozen = frozenUntilStart(state, now)
  if (frozen) return frozen
  const checks = runsChecks(state, 'before', lastStart(state), now)
  if (checks.pending) return checks.pending
  if (checks.why.length > 0) return finish(state, 'stopped', `before: ${checks.why.join(', ')}`)
  if (isStale(state, now))
    return events(ask(state, 'before', -1, state.plan.before, known(state.measure, 'the last round').round + 1, true))
  return afterBefore(state).name === 'scanning' ? nextScan(state, now) : nextWave(state, 0, now)
}

/** What held before a long pause, a freeze, or a time without a driver says nothing of now; twice what an agent's ping is old at most. */
const BEFORE_FRESH_MS: Ms = 10 * MINUTE

/** Whether something would start now that was looked at too long ago. */
const isStale = ({ measure, paused, window }: RunState, now: Instant): boolean =>
  !paused && now < known(window, 'the window').lastStart && now > plus(known(measure?.endedAt, 'the end of the checks'), BEFORE_FRESH_MS)

/** A check that stays unclear is measured at least so often before it counts against the run, also when the window has closed. */
const OWN_ROUNDS_MIN = 3

/** The run's own checks: still measuring, or done with what stands against it. What stays inconclusive until `until` counts against it. */
function runsChecks(
  state: RunState,
  purpose: 'before' | 'after',
  until: Instant,
  now: Instant,
): { pending?: Decision; why: readonly string[]; failed: boolean } {
  const asked = nextMeasure(state, purpose, -1, state.plan[purpose], now, now)
  if (state.measure?.purpose !== purpose || state.measure.endedAt === null) return { pending: asked ?? nothing, why: [], failed: false }
  const { verdict, why } = checksVerdict(state.measure)
  const early = now < until || (purpose === 'after' && state.measure.round < OWN_ROUNDS_MIN)
  if (verdict === 'inconclusive' && early)
    return {
      pending: asked?.events.length ? asked : wake(now < until ? soonest(asked?.wakeAt ?? null, until) : (asked?.wakeAt ?? null)),
      why,
      failed: false,
    }
  return { why, failed: verdict === 'fail' }
}

function nextScan(state: RunState, now: Instant): Decision {
  const cutoff = lastStart(state)
  if (state.scanAsked === null) {
    const frozen = frozenUntilStart(state, now)
    if (frozen) return frozen
    if (now >= cutoff) return finish(state, 'stopped', 'window-ended')
    return state.paused ? wake(cutoff) : events({ type: 'ScanAsked', n: state.tokenCount + 1, tokens: 1 })
  }
  if (state.scanLeft.size === 0) return events({ type: 'ScanFinished' })
  return now >= cutoff ? events({ type: 'NodesUnscanned', nodes: [...state.scanLeft], reason: 'cutoff' }) : wake(cutoff)
}

function nextWave(state: RunState, index: number, now: Instant): Decision {
  const wave = known(state.waves[index], 'the wave')
  const cutoff = lastStart(state)
  if (wave.phase === 'queued') {
    if (now >= cutoff) return pastCutoff(state, index, now)
    if (state.paused) return wake(cutoff)
    const frozen = heldByFreeze(state, now)
    if (frozen) return frozen.events.length > 0 ? frozen : wake(soonest(frozen.wakeAt, cutoff))
    return events({ type: 'WaveStarted', wave: index, name: wave.name })
  }
  if (wave.phase === 'running') return nextDispatch(state, index, now)
  if (wave.phase === 'drained' && wave.expired)
    return finish(state, 'stopped', `wave ${wave.name}: ${wave.held?.join(', ') ?? 'inconclusive'}`)
  if (wave.phase === 'drained') return nextGate(state, index, now)
  return wave.phase === 'failed' ? afterFailure(state, index, wave, now) : nothing
}

/** AWS is asked what there is to do. Where it refuses for good that never ends: when nothing may start any more, it is not waited for either. */
function untilCutoff(state: RunState, now: Instant): Decision {
  if (now < lastStart(state)) return wake(lastStart(state))
  const index = state.waves.findIndex((wave) => wave.phase !== 'passed')
  return placesDue(state, 'cutoff', now) ?? pastCutoff(state, index, now)
}

/** The window's cutoff has passed before all waves began. */
function pastCutoff(state: RunState, index: number, now: Instant): Decision {
  if (goesOnInNextWindow(state, now)) return events({ type: 'WindowEnded', cutoff: known(state.window, 'the window').cutoff })
  return finish(state, 'stopped', index === 0 ? whyNotBegun(state) : 'window-ended')
}

/** Whether it was a freeze that let nothing begin: one that held to the last. A driver that came too late has read none. */
const whyNotBegun = (state: RunState): string => (freezeNow(state, instant(lastStart(state) - 1)) === undefined ? 'window-ended' : 'frozen')

/** A gate failed: roll back, or end, as the runbook says. */
function afterFailure(state: RunState, index: number, wave: WaveState, now: Instant): Decision {
  const { rollback, work } = state.plan
  const why = `wave ${wave.name}: ${wave.why.join(', ')}`
  if (rollback.on !== 'gate-failed' || rollback.method === 'none' || work !== 'apply') return finish(state, 'failed', why)
  const waves = rollback.scope === 'run' ? Array.from({ length: index + 1 }, (_, back) => index - back) : [index]
  return nextRollbackStart(state, waves, why, now)
}

function nextRollbackStart(state: RunState, waves: readonly number[], why: string, now: Instant): Decision {
  if (state.inFlight > 0) return nothing // A late report may have sent a node on its way back.
  const outside = state.window?.opened !== true || now >= state.window.closes
  const asked = approvalOf(state, { kind: 'rollback' })
  if (outside && state.plan.rollback.outside === 'ask' && asked?.state !== 'given') {
    if (asked === undefined)
      return events({
        type: 'ApprovalAsked',
        subject: { kind: 'rollback' },
        group: '',
        count: 1,
        expires: (now + ROLLBACK_ASK_MS) as Instant,
      })
    return asked.state === 'asked'
      ? wake(asked.expires)
      : finish(state, 'failed', `${why}; the rollback outside the window was not allowed`)
  }
  return events({ type: 'RollbackStarted', waves, nodes: rollbackSize(state, waves), outside, why })
}

/** How long a person may take to allow a rollback outside the window: a day, because patched and failed nodes serve meanwhile. */
const ROLLBACK_ASK_MS = 24 * 60 * 60 * 1000

const rollbackSize = (state: RunState, waves: readonly number[]): number =>
  waves.reduce(
    (sum, wave) =>
      sum +
      known(state.plan.waves[wave], 'the wave').nodes.filter((position) =>
        state.isolation === null ? state.nodes.touched[position] === 1 : needsRollback(state, position),
      ).length,
    0,
  )

/** A wave that never began may have nodes that a command was found on, without its intent. */
const wasTouched = (state: RunState, index: number): boolean =>
  known(state.plan.waves[index], 'the wave').nodes.some((position) => state.nodes.touched[position] === 1)

/** Abort: what waits is given up, what runs ends; then back, if asked, or out. */
function nextAbort(state: RunState, now: Instant): Decision {
  const aborting = known(state.aborting, 'the abort')
  const drained = placesDue(state, 'aborted', now)
  if (drained) return drained
  const touched = state.waves.flatMap((wave, index) => (wave.startedAt !== null || wasTouched(state, index) ? [index] : [])).toReversed()
  const { work, rollback } = state.plan
  const reversible = work === 'apply' && rollback.method !== 'none' && rollback.on !== 'never'
  if (aborting.rollback && touched.length > 0 && reversible) return nextRollbackStart(state, touched, aborting.reason, now)
  return finish(state, 'aborted', aborting.reason)
}

function nextStoring(state: RunState, now: Instant): Decision {
  const { trial } = state.plan
  const { storing, unproven } = state
  const missing = unproven.length === 0 ? '' : `; no node proves ${unproven.join(', ')}`
  if (storing === 0) return finish(state, unproven.length > 0 ? 'failed' : 'succeeded', `there is no baseline to store${missing}`)
  if (state.stored.size < storing) return nothing
  const refused = [...state.stored.entries()].filter(([, one]) => 'refused' in one)
  if (refused.length > 0) return finish(state, 'failed', `baselines refused: ${refused.map(([key]) => key).join(', ')}`)
  if (state.baselinesApproved) return finish(state, 'succeeded', `baselines approved${quarantinedText(state)}${missing}`)
  const rule = trial?.approval ?? null
  const asked = approvalOf(state, { kind: 'baselines' })
  if (rule !== null && asked === undefined)
    return events({
      type: 'ApprovalAsked',
      subject: { kind: 'baselines' },
      group: rule.group,
      count: rule.count,
      expires: (now + rule.expiresMs) as Instant,
    })
  if (asked?.state === 'asked') return wake(asked.expires)
  if (asked?.state === 'refused') return finish(state, 'stopped', 'rejected')
  if (asked?.state === 'expired') return finish(state, 'stopped', 'not-approved')
  return nothing
}

function nextAfter(state: RunState, now: Instant): Decision {
  const closing = waitForClosing(state)
  if (closing) return closing
  if (state.plan.after.length > 0) {
    const checks = runsChecks(state, 'after', known(state.window, 'the window').closes, now)
    if (checks.pending) return checks.pending
    if (checks.why.length > 0) return finish(state, checks.failed ? 'failed' : 'stopped', `after: ${checks.why.join(', ')}`)
  }
  const late = state.nodes.reason.some((reason, position) => LATE.has(reason) && at(state.nodes.changed, position) === CHANGED.no)
  if (late) return finish(state, 'stopped', 'window-ended')
  if (state.plan.work === 'rollback') return undone(state)
  return finish(state, 'succeeded', 'all gates passed')
}

/** Reasons of nodes that the window left over. A node that was reached may say `held` of its packages. */
const LATE: ReadonlySet<string> = new Set(['cutoff', 'held'])

/** The end of a run that undoes another one: within its budget some nodes may have stayed changed. */
function undone(state: RunState): Decision {
  const failed = spentInRun(state) // A node that was gone after it had been restored as well.
  const restored = countOf(state, 'rolled-back')
  if (failed === 0) return finish(state, 'rolled-back', restored > 0 ? 'restored' : 'nothing is left to restore')
  return finish(state, 'failed', `rollback: ${String(restored)} restored, ${String(failed)} failed`)
}

const lastStart = (state: RunState): Instant => known(state.window, 'the window').lastStart

/** Before anything has begun: waits while a freeze holds, and gives up when nothing may start after it any more. */
function frozenUntilStart(state: RunState, now: Instant): Decision | undefined {
  const frozen = heldByFreeze(state, now)
  if (frozen === undefined || frozen.events.length > 0) return frozen
  return now >= lastStart(state) ? finish(state, 'stopped', whyNotBegun(state)) : wake(soonest(frozen.wakeAt, lastStart(state)))
}

const waitForClosing = (state: RunState): Decision | undefined =>
  state.openCommands.size > 0 || state.steps.size > 0 || state.returns.size > 0 ? nothing : undefined

/** Ends the run once no command is open any more. What still waits is given up first: who has failed and waits for another attempt has failed. */
function finish(state: RunState, outcome: RunOutcome, reason: string): Decision {
  return waitForClosing(state) ?? placesDue(state, 'not-reached', state.at) ?? events(finished(state, outcome, reason))
}
