import { assert, known, never } from '../../kit/assert.ts'
import { latest } from '../../kit/instant.ts'
import * as commands from './evolve-commands.ts'
import { commandFound } from './evolve-found.ts'
import * as isolations from './evolve-isolation.ts'
import * as steps from './evolve-steps.ts'
import * as cells from './refused-cells.ts'
import * as waves from './evolve-waves.ts'
import * as openings from './evolve-window.ts'
import { brokenKey } from './freezing.ts'
import type { Fact } from './event.ts'
import { approvalOf, unwant, want, type RunState } from './state.ts'
import { windowBegins, windowEnds } from './unfinished.ts'

/**
 * Folds one fact into the state, in place, and returns it. O(nodes that the fact names). A fact that does not fit the state is a bug and
 * asserts; what the outside says never is: it arrives as an event that always fits.
 */
export function evolve(state: RunState, fact: Fact): RunState {
  assert(fact.at >= state.at, `time goes back at ${fact.event.type}`)
  state.at = latest(state.at, fact.at)
  apply(state, fact)
  return state
}

/** Folds a journal from its beginning. */
export const fold = (state: RunState, facts: Iterable<Fact>): RunState => {
  for (const fact of facts) evolve(state, fact)
  return state
}

function apply(state: RunState, fact: Fact): void {
  const { event, at: now } = fact
  switch (event.type) {
    case 'RunRequested':
      state.requestedBy = fact.actor
      state.undoes = event.undoes
      state.atOnce = event.now
      state.opening = event.opening
      state.requestedAt = now
      state.reason = event.reason
      state.breakFreeze = event.breakFreeze
      return
    case 'PlanPinned':
      state.planDigest = event.plan
      return waves.planPinned(state)
    case 'ApprovalAsked':
      state.approvals.push({
        subject: event.subject,
        group: event.group,
        count: event.count,
        expires: event.expires,
        by: [],
        state: 'asked',
      })
      return
    case 'ApprovalGiven': {
      const asked = known(approvalOf(state, event.subject), 'the approval')
      if (!asked.by.includes(event.by)) asked.by.push(event.by)
      if (asked.by.length >= asked.count) asked.state = 'given'
      waves.approveBaselines(state)
      if (event.subject.kind === 'plan' && asked.state === 'given') waves.planApproved(state)
      return
    }
    case 'ApprovalRefused':
      Object.assign(known(approvalOf(state, event.subject), 'the approval'), { state: 'refused', refusedBy: event.by })
      return
    case 'ApprovalExpired':
      known(approvalOf(state, event.subject), 'the approval').state = 'expired'
      return
    case 'DriverTook':
      return driverTook(state, event.driver, event.epoch)
    case 'WindowChosen':
      return openings.windowChosen(state, event)
    case 'WindowNarrowed':
      return openings.windowNarrowed(state, event)
    case 'WindowMissed':
      return openings.windowLeft(state, now)
    case 'FreezesRead':
      return openings.freezesRead(state, event)
    case 'FreezeBroken':
      state.broken.add(brokenKey(event))
      return
    case 'WindowOpened':
      windowBegins(state)
      return waves.windowOpened(state)
    case 'WindowEnded':
      windowEnds(state, now)
      return openings.windowLeft(state, now)
    case 'FleetRead':
      return waves.fleetRead(state, event)
    case 'CellPrepared':
      return cells.cellPrepared(state, event.cell)
    case 'CellRefused':
      return cells.cellRefused(state, event.cell, event.code, now)
    case 'ScanAsked':
      return waves.scanAsked(state, event.n, event.tokens)
    case 'NodesScanned':
      return waves.nodesScanned(state, event)
    case 'NodesUnscanned':
      return waves.nodesUnscanned(state, event)
    case 'ScanFinished':
      unwant(state, 'scan')
      state.phase = { name: 'classifying' }
      want(state, { kind: 'classify', key: 'classify' })
      return
    case 'ListsPinned':
      return waves.listsPinned(state, event)
    case 'MeasureAsked':
      return waves.measureAsked(state, event, now)
    case 'CheckMeasured':
      return waves.checkMeasured(state, event, now)
    case 'WaveStarted':
      return waves.waveStarted(state, event.wave, now)
    case 'BatchChosen':
      return commands.batchChosen(state, event)
    case 'BatchRead':
      return commands.batchRead(state, event, now)
    case 'BatchDropped':
      return commands.batchDropped(state, event.batch, now)
    case 'NodesBusy':
      return commands.nodesBusy(state, event, now)
    case 'BatchAged':
      return steps.batchAged(state, event.batch)
    case 'StepIntended':
      return steps.stepIntended(state, event, now)
    case 'StepFound':
      return steps.stepFound(state, event)
    case 'StepEnded':
      return steps.stepEnded(state, event, now)
    case 'CommandIntended':
      return commands.intended(state, event, now)
    case 'CommandSent':
      return commands.sent(state, event)
    case 'CommandFound':
      return commandFound(state, event)
    case 'CommandRefused':
      return commands.refused(state, event, now)
    case 'CommandUnclear':
      return commands.unclear(state, event.n)
    case 'CommandMissed':
      return commands.missed(state, event.n, now)
    case 'NodesReported':
      return commands.reported(state, event, now)
    case 'NodesGone':
      return commands.gone(state, event.nodes)
    case 'CommandClosed':
      return commands.closed(state, event.n, now)
    case 'NodesSkipped':
      return commands.skipped(state, event)
    case 'CancelAsked':
      commands.cancelAsked(state, event.n)
      return
    case 'CancelDone':
      unwant(state, `cancel:${String(event.n)}`)
      return
    case 'WaveDrained':
      return waves.waveDrained(state, event.wave, now)
    case 'GateHeld':
      return waves.gateHeld(state, event.wave, event.why, now)
    case 'GateExpired':
      return waves.gateExpired(state, event.wave, event.why)
    case 'GateDecided':
      return waves.gateDecided(state, event, now)
    case 'RollbackStarted':
      return waves.rollbackStarted(state, event)
    case 'RollbackAdvanced':
      return waves.rollbackAdvanced(state)
    case 'RollbackFinished':
      state.rollback = { restored: event.restored, failed: event.failed, stopped: event.stopped }
      return isolations.rolledBack(state)
    case 'IsolationStarted':
      return isolations.isolationStarted(state, event)
    case 'PatchesGrouped':
      return isolations.patchesGrouped(state, event)
    case 'TriesChosen':
      return isolations.triesChosen(state, event)
    case 'TriesDrained':
      return isolations.triesDrained(state, now)
    case 'TryJudged':
      return isolations.tryJudged(state, event)
    case 'CulpritsFound':
      return isolations.culpritsFound(state, event)
    case 'IsolationEnded':
      return isolations.isolationEnded(state, event, now)
    case 'BaselineStored':
      unwant(state, `store:${event.image}@${event.account}`)
      state.stored.set(`${event.image}@${event.account}`, { path: event.path, version: event.version, digest: event.digest })
      waves.approveBaselines(state)
      return
    case 'BaselineRefused':
      for (const key of [`store:${event.image}@${event.account}`, 'approve-baselines']) unwant(state, key)
      state.stored.set(`${event.image}@${event.account}`, { refused: event.code })
      return
    case 'BaselinesApproved':
      unwant(state, 'approve-baselines')
      state.baselinesApproved = true
      return
    case 'Paused':
      state.paused = true
      return
    case 'Resumed':
      state.paused = false
      return
    case 'AbortAsked':
      return abortAsked(state, { rollback: event.rollback, reason: event.reason })
    case 'RollbackAsked':
      state.rollbackAsked = event.reason
      return abortAsked(state, { rollback: true, reason: event.reason })
    case 'SteeringRefused':
    case 'MessageUnread':
      return
    case 'RunFinished':
      return waves.runFinished(state, event)
    default:
      return never(event)
  }
}

/** A new driver knows nothing of its predecessor's calls: every intent without an outcome is looked up, every effect starts anew. */
function driverTook(state: RunState, driver: string, epoch: number): void {
  state.driver = driver
  state.epoch = epoch
  for (const n of state.openCommands) {
    const command = known(state.commands.get(n), 'the command')
    if (command.phase === 'intended') commands.unclear(state, n)
  }
  state.dirty = [...state.activities.keys()]
}

/** Also ends a pause: who asks for an end, or for the way back, does not want to wait for it. */
function abortAsked(state: RunState, aborting: NonNullable<RunState['aborting']>): void {
  state.aborting = aborting
  state.paused = false
  for (const n of state.openCommands) {
    const command = known(state.commands.get(n), 'the command')
    if (command.work === 'apply') commands.cancelAsked(state, n)
  }
}
