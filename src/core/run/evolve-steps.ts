import { assert, known } from '../../kit/assert.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Outcome, RunEvent, StepName } from './event.ts'
import { isFoundMeanwhile, UNINTENDED } from './evolve-found.ts'
import { move } from './moving.ts'
import type { Step } from './parts.ts'
import { goOn } from './returning.ts'
import { end, giveUp, recount } from './standing.ts'
import { AFTER, bitOf, CHANGED, stepsBefore, TAKEN } from './steps.ts'
import { at, codeOf, STAGE, unwant, want, type RunState } from './state.ts'
import { enqueue, placesFreed } from './waiting.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** The promise before the step. What it may take out of service counts as taken from here on, whatever becomes of it. */
export function stepIntended(state: RunState, event: Of<'StepIntended'>, now: Instant): void {
  assert(event.id === state.stepCount + 1, 'steps are numbered without holes')
  assert(event.n === 0 || event.n === state.tokenCount + 1, 'tokens are numbered without holes')
  state.stepCount = event.id
  if (event.n > 0) state.tokenCount = event.n
  const { id, step: name, cell, batch, nodes, n, until } = event
  state.steps.set(id, { id, name, cell, batch, nodes, n, intendedAt: now, until, found: new Map() })
  if (batch === 0) leaveLine(state, event, now)
  else prepare(state, event)
  want(state, { kind: 'step', key: stepKey(id), id })
}

/** Key of a step's effect. */
export const stepKey = (id: number): string => `step:${String(id)}`

function leaveLine(state: RunState, { cell, step, nodes }: Of<'StepIntended'>, now: Instant): void {
  const key = `${cell}|${step}`
  const lane = known(state.returns.get(key), `the line for ${key}`)
  const gone = new Set(nodes)
  const left = lane.nodes.filter((position) => !gone.has(position))
  if (left.length === 0) state.returns.delete(key)
  else state.returns.set(key, { ...lane, nodes: left, since: now })
}

function prepare(state: RunState, { id, step, batch, nodes }: Of<'StepIntended'>): void {
  const round = known(state.batches.get(batch), `batch ${String(batch)}`)
  state.batches.set(batch, { ...round, running: id })
  const exit = state.plan.runbook.hooks.exit === null ? 0 : TAKEN.exit
  for (const position of nodes) {
    state.heldSince.delete(position)
    state.nodes.taken[position] = at(state.nodes.taken, position) | bitOf(step) | exit
    if (step === 'replace-root') state.nodes.changed[position] = CHANGED.rootReplaced
  }
}

/** What is about to be taken out of service is on record before it is. */
export function stepFound(state: RunState, event: Of<'StepFound'>): void {
  const step = stepOf(state, event.id)
  event.nodes.forEach((position, index) => {
    const thing = known(event.things[index], 'the thing')
    step.found.set(position, thing)
    if (step.batch !== 0) state.things.set(thingKey(position, step.name), thing)
  })
}

/** Key in `state.things`. */
export const thingKey = (position: number, name: string): string => `${String(position)}:${name}`

/** The step is over for these nodes: they go on, or have an outcome. */
export function stepEnded(state: RunState, event: Of<'StepEnded'>, now: Instant): void {
  const step = stepOf(state, event.id)
  const over = new Set(event.nodes)
  step.nodes = step.nodes.filter((position) => !over.has(position))
  event.nodes.forEach((position, index) => {
    if (event.stop) stopWave(state, position, event.reasons[index] ?? step.name)
    const missing = known(event.missing[index], 'missing')
    const ended = known(event.ended[index], 'ended')
    if (step.name === 'verify') state.nodes.missing[position] = missing
    if (ended > 0 && !isSilent(state, position)) state.nodes.endedSeconds[position] = Math.floor(ended / 1000)
    const outcome = known(event.outcomes[index], 'the outcome')
    const reason = known(event.reasons[index], 'the reason')
    if (step.name === 'live-patch' && (reason === INSTALLED || outcome === 'failed' || outcome === 'unknown'))
      state.livePatched.add(position)
    // Its agent has answered since its boot.
    if (step.name === 'replace-root' && outcome === 'rolled-back') state.nodes.down[position] = 0
    if (step.batch !== 0) leaveRound(state, step.batch, position, outcome, reason)
    else comeBack(state, step, position, { done: known(event.done[index], 'done'), outcome, reason })
    recount(state, position)
  })
  if (step.nodes.length === 0) stepOver(state, step)
  placesFreed(state, now)
}

/** What a node says that had something to change for its live patches (documents/PROTOCOL.md). */
const INSTALLED = 'installed'

/** Its own word on an open command is still out: what a step hears of it says nothing of that. */
const isSilent = (state: RunState, position: number): boolean =>
  at(state.nodes.endedSeconds, position) === 0 && state.openCommands.has(at(state.nodes.command, position))

function stepOver(state: RunState, step: Step): void {
  state.steps.delete(step.id)
  unwant(state, stepKey(step.id))
  const round = state.batches.get(step.batch)
  if (round) state.batches.set(step.batch, { ...round, running: null, step: stepsBefore(state.plan, round.work).indexOf(step.name) + 1 })
}

/** `open`: the node stays in its round and goes on to the next step, unless it may have been changed meanwhile. */
function leaveRound(state: RunState, batch: number, position: number, outcome: Outcome, reason: string): void {
  const round = known(state.batches.get(batch), `batch ${String(batch)}`)
  const isFound = isFoundMeanwhile(state, position, round.work)
  if (outcome === 'open' && !isFound) return
  const nodes = round.nodes.filter((one) => one !== position)
  if (nodes.length === 0) state.batches.delete(batch)
  else state.batches.set(batch, { ...round, nodes })
  if (isFound) end(state, position, 'unknown', UNINTENDED)
  else if (round.work === 'rollback' && outcome !== 'rolled-back') end(state, position, 'rollback-failed', reason)
  else if (outcome === 'skipped') giveUp(state, position, reason)
  else end(state, position, outcome, reason)
}

type Result = Readonly<{ done: boolean; outcome: Outcome; reason: string }>

function comeBack(state: RunState, step: Step, position: number, { done, outcome, reason }: Result): void {
  const bit = bitOf(step.name)
  state.nodes.taken[position] = at(state.nodes.taken, position) & ~bit
  if (step.name === 'hook-after' && at(state.nodes.changed, position) === CHANGED.reportedLate)
    state.nodes.changed[position] = CHANGED.reported
  if (done) isBack(state, position, step.name)
  else if (bit !== 0) state.notBack.set(position, [...new Set(state.notBack.get(position)).add(step.name)])
  if (outcome !== 'open') end(state, position, outcome, reason)
  else if (!done) worsen(state, position, reason)
  assert(AFTER.indexOf(step.name as (typeof AFTER)[number]) === at(state.nodes.after, position), 'the step that was due')
  if (!goOn(state, position)) arrive(state, position)
}

/** What the step was to bring back is back. A node that was started for the change is down again. */
function isBack(state: RunState, position: number, name: StepName): void {
  const key = thingKey(position, BEFORE_OF.get(name) ?? '')
  if (name === 'stop' && (state.things.get(key) ?? '') !== '') state.nodes.down[position] = 1
  state.things.delete(key)
  const left = (state.notBack.get(position) ?? []).filter((one) => one !== name)
  if (left.length > 0) state.notBack.set(position, left)
  else state.notBack.delete(position)
}

/** The step that took out what this one brings back. */
const BEFORE_OF: ReadonlyMap<string, string> = new Map([
  ['in-service', 'standby'],
  ['rejoin', 'drain'],
  ['stop', 'start'],
])

/** A node that is not wholly back is not well, whatever its change came to. */
function worsen(state: RunState, position: number, reason: string): void {
  const outcome = at(state.nodes.outcome, position)
  if (outcome === codeOf('rolled-back') || (outcome === 0 && state.plan.work === 'rollback'))
    end(state, position, 'rollback-failed', reason)
  else if (outcome !== codeOf('rollback-failed') && outcome !== codeOf('unknown')) end(state, position, 'failed', reason)
}

/** Back: it has its outcome, or waits for another attempt, before those whose turn has not come yet. */
function arrive(state: RunState, position: number): void {
  if (at(state.nodes.outcome, position) !== 0 && !isOldOutcome(state, position)) return move(state, position, STAGE.ended)
  const open = state.openCommands.has(at(state.nodes.command, position))
  move(state, position, open ? STAGE.retrying : STAGE.waiting)
  if (!open) enqueue(state, position, true)
}

/** In the rollback of its wave a node carries the outcome of its apply until it gets one of the rollback. */
function isOldOutcome(state: RunState, position: number): boolean {
  const { phase } = state
  if (phase.name !== 'rolling-back' || at(state.nodes.wave, position) !== phase.waves[phase.at]) return false
  const outcome = at(state.nodes.outcome, position)
  return outcome !== codeOf('rolled-back') && outcome !== codeOf('rollback-failed')
}

function stopWave(state: RunState, position: number, reason: string): void {
  const wave = state.waves[at(state.nodes.wave, position)]
  if (wave !== undefined) wave.stopped ??= reason
}

/** The round was looked at too long ago: its nodes are read once more before they are changed. */
export function batchAged(state: RunState, number: number): void {
  const batch = known(state.batches.get(number), `batch ${String(number)}`)
  state.batches.set(number, { ...batch, readAt: null })
  const { cell, work, nodes } = batch
  want(state, { kind: 'read', key: `read:${String(number)}`, batch: number, cell, work, nodes, stopped: false })
}

/** The step of this number. */
export const stepOf = (state: RunState, id: number): Step => known(state.steps.get(id), `step ${String(id)}`)
