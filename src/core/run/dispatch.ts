import { known } from '../../kit/assert.ts'
import { earliest, instant, plus, SECOND, MINUTE, type Instant, type Ms } from '../../kit/instant.ts'
import type { RunEvent, Work } from './event.ts'
import { events, nothing, wake, type Decision } from './decision.ts'
import { at, cellAt, spent, spentInRun, STAGE, type RunState } from './state.ts'
import type { Batch } from './parts.ts'
import { heldByFreeze, nextFreeze } from './freezing.ts'
import { isUpBeyond } from './limits.ts'
import { nextBefore } from './next-steps.ts'
import { byPatchManager, PATCH_MANAGER_MS } from './patch-manager.ts'
import { isRefused, nextRefused } from './refused-cells.ts'
import { goesOnInNextWindow } from './unfinished.ts'
import { busyUntil, chooseRounds, COMMAND_NODES_MAX, inLanes, ROUND_MS } from './waiting.ts'

/** How long a node has to pick a command up. Agents that are online take seconds; ten minutes covers one that restarts. */
export const DELIVERY_MS: Ms = 10 * MINUTE

/** SSM's execution timeout of a changing command; the transaction outlives it, the script's report does not. */
export const EXECUTION_MS: Ms = 60 * MINUTE

/** SSM takes no delivery timeout under 30 s; the send itself needs the rest. */
export const START_MARGIN_MS: Ms = 45 * SECOND

/** What a re-read is worth. After this the nodes are looked at again before an intent. */
export const READ_FRESH_MS: Ms = 60 * SECOND

/** A running wave: give up what may not start any more, intend what was re-read, fill free places, or drain. */
export function nextDispatch(state: RunState, index: number, now: Instant): Decision {
  const { gate } = known(state.plan.waves[index], 'the wave')
  const failuresLeft = gate.hard ? gate.failuresMax + 1 - spent(known(state.waves[index], 'the wave')) : null
  return nextPlaces(state, index, { stop: stopReason(state, index, now), failuresLeft, drained: { type: 'WaveDrained', wave: index } }, now)
}

/** What is to be done with the waiting nodes of a wave. `failuresLeft` narrows the places; null: nothing does. */
export type Places = Readonly<{ stop: string | null; failuresLeft: number | null; drained: RunEvent }>

/** Waiting nodes get their places, or are given up for the reason to stop; when none waits and none is in flight, the last fact. */
export function nextPlaces(state: RunState, index: number, { stop, failuresLeft, drained }: Places, now: Instant): Decision {
  const drain = (): Decision => (idle(state) ? events(drained) : nothing)
  if (stop !== null) return placesDue(state, stop, now) ?? drain()
  if (state.paused) return dropBatches(state, 'paused') ?? (idle(state) ? drain() : wake(startLimit(state)))
  const refused = nextRefused(state, index, now)
  if (refused.events.length > 0) return refused
  const frozen = frozenStart(state, now)
  if (frozen) return idle(state) ? drain() : frozen
  const intent = nextIntent(state, state.plan.work, intentLimit(state, now), now)
  if (intent) return intent
  const chosen = choose(state, index, failuresLeft, now)
  if (chosen.events.length > 0) return chosen
  if (idle(state)) return drain()
  return withCutoff(wake(soonest(chosen.wakeAt, refused.wakeAt)), state, now)
}

/** A freeze holds, or is so near that nothing could begin before it: what waits goes on waiting. */
function frozenStart(state: RunState, now: Instant): Decision | undefined {
  const held = heldByFreeze(state, now)
  const near = held === undefined && now >= intentLimit(state, now)
  if (held === undefined && !near) return undefined
  if (held !== undefined && held.events.length > 0) return held
  return dropBatches(state, 'frozen') ?? wake(soonest(near ? nextFreeze(state, now) : (held?.wakeAt ?? null), startLimit(state)))
}

const withCutoff = (decision: Decision, state: RunState, now: Instant): Decision => wake(soonest(decision.wakeAt, intentLimit(state, now)))

export const soonest = (a: Instant | null, b: Instant | null): Instant | null => (a === null ? b : b === null ? a : earliest(a, b))

const idle = (state: RunState): boolean => state.waitingCount === 0 && state.inFlight === 0

/** Changes of a wave start before this instant. */
export const startLimit = (state: RunState): Instant => plus(known(state.window, 'the window').lastStart, -START_MARGIN_MS)

/** What starts now must have begun on its nodes before the next freeze. */
function intentLimit(state: RunState, now: Instant): Instant {
  const freeze = nextFreeze(state, now)
  return freeze === null ? startLimit(state) : earliest(startLimit(state), plus(freeze, -START_MARGIN_MS))
}

/** Why nothing more of this wave may start; null while it may. */
function stopReason(state: RunState, index: number, now: Instant): string | null {
  const wave = known(state.waves[index], 'the wave')
  if (wave.stopped !== null) return 'wave-stopped'
  if (spent(wave) > known(state.plan.waves[index], 'the wave').gate.failuresMax) return 'budget-spent'
  if (state.plan.budgetMax !== null && spentInRun(state) > state.plan.budgetMax) return 'budget-spent'
  if (now >= startLimit(state)) return 'cutoff'
  return null
}

/** Gives up batches and waiting nodes with this reason; `undefined` once there are none and nothing is in flight. */
export function placesDue(state: RunState, reason: string, now: Instant): Decision | undefined {
  const dropped = dropBatches(state, reason)
  if (dropped) return dropped
  if (state.waitingCount > 0) {
    if (reason === 'cutoff' && goesOnInNextWindow(state, now))
      return state.inFlight > 0 ? nothing : events({ type: 'WindowEnded', cutoff: known(state.window, 'the window').cutoff })
    return giveUp(state, reason)
  }
  return state.inFlight > 0 ? nothing : undefined
}

function giveUp(state: RunState, reason: string): Decision {
  const held = new Set(state.waiting.busy.map((one) => one.node))
  const waiting: number[] = []
  const refused: number[] = []
  const retrying: number[] = []
  for (let position = 0; position < state.nodes.count; position++) {
    if (at(state.nodes.stage, position) === STAGE.waiting)
      (reason === 'cutoff' && isRefused(state, cellAt(state, position)) ? refused : waiting).push(position)
    if (at(state.nodes.stage, position) === STAGE.retrying) retrying.push(position)
  }
  const groups: [number[], string][] = [
    [waiting.filter((position) => !held.has(position)), reason],
    [waiting.filter((position) => held.has(position)), reason === 'cutoff' ? 'held' : reason],
    [refused, 'cell-refused'],
    [retrying, reason],
  ]
  return events(
    ...groups.filter(([nodes]) => nodes.length > 0).map(([nodes, why]): RunEvent => ({ type: 'NodesSkipped', nodes, reason: why })),
  )
}

/** Gives up the rounds that are not in the middle of a step; `undefined`: there are none. */
export function dropBatches(state: RunState, reason: string): Decision | undefined {
  const idle = [...state.batches.values()].filter((one) => one.running === null)
  const drops = idle.map(({ batch }): RunEvent => ({ type: 'BatchDropped', batch, reason }))
  return drops.length > 0 ? events(...drops) : undefined
}

/** The oldest re-read batch becomes an intent, of its next step or of the change; one that was read too long ago is read again. */
export function nextIntent(state: RunState, work: Work, limit: Instant | null, now: Instant): Decision | undefined {
  for (const batch of state.batches.values()) {
    if (batch.readAt === null || batch.running !== null) continue
    if (now - batch.readAt > READ_FRESH_MS)
      return events(
        batch.step > 0 ? { type: 'BatchAged', batch: batch.batch } : { type: 'BatchDropped', batch: batch.batch, reason: 'stale' },
      )
    if (batch.step === 0 && batch.nodes.some((position) => isUpBeyond(state, position)))
      return events({ type: 'BatchDropped', batch: batch.batch, reason: 'disruption-held' })
    return events(nextBefore(state, batch, now) ?? intent(state, batch, work, limit, now))
  }
  return undefined
}

function intent(state: RunState, batch: Batch, work: Work, limit: Instant | null, now: Instant): RunEvent {
  const delivery = plus(now, DELIVERY_MS)
  const startBefore = limit === null ? delivery : earliest(delivery, plus(limit, START_MARGIN_MS))
  return {
    type: 'CommandIntended',
    n: state.tokenCount + 1,
    batch: batch.batch,
    work,
    nodes: batch.nodes,
    startBefore: wholeSecond(startBefore),
    notBefore: plus(startBefore, byPatchManager(state.plan, work) ? PATCH_MANAGER_MS : EXECUTION_MS),
  }
}

/** SSM and the script count in whole seconds. */
const wholeSecond = (at: Instant): Instant => instant(Math.floor(at / SECOND) * SECOND)

function choose(state: RunState, index: number, failuresLeft: number | null, now: Instant): Decision {
  const rule = known(state.plan.waves[index], 'the wave')
  const budget = failuresLeft ?? Number.POSITIVE_INFINITY
  const tighter = new Map(rule.tighter.map((one) => [one.group, one.atMost]))
  return fillPlaces(state, Math.min(rule.concurrency, budget), tighter, state.plan.work, now)
}

/** Fills free places in rounds. With nothing in flight and nothing that can be chosen, what waits is held for good. */
export function fillPlaces(state: RunState, concurrency: number, tighter: ReadonlyMap<number, number>, work: Work, now: Instant): Decision {
  const fresh = Math.max(0, concurrency - state.inFlight - state.suspects)
  const again = state.suspects > state.retrying ? state.suspects - state.retrying : 0
  if (fresh + again === 0 || state.waitingCount === 0) return nothing
  const { freedAt } = state.waiting
  const due = freedAt === null ? now : plus(freedAt, ROUND_MS)
  if (Math.min(fresh, inLanes(state)) < COMMAND_NODES_MAX && state.inFlight > 0 && now < due) return wake(due)
  const rounds = chooseRounds(state, { fresh, again }, work === 'scan' ? null : tighter, (cell) => state.prepared.get(cell) === true, now)
  if (rounds.length > 0)
    return events(
      ...rounds.map((round, index): RunEvent => ({
        type: 'BatchChosen',
        batch: state.batchCount + 1 + index,
        cell: round.cell,
        list: round.list,
        work,
        nodes: round.nodes,
      })),
    )
  return heldForGood(state)
}

function heldForGood(state: RunState): Decision {
  const busy = busyUntil(state)
  if (busy !== undefined) return wake(busy)
  const preparing = [...state.waiting.lanes.keys()].length > 0
  if (state.inFlight > 0 || state.retrying > 0 || preparing) return nothing
  const nodes = [...state.waiting.parked.values()].flat().filter((position) => at(state.nodes.stage, position) === STAGE.waiting)
  return nodes.length > 0 ? events({ type: 'NodesSkipped', nodes: [...new Set(nodes)], reason: 'disruption-held' }) : nothing
}
