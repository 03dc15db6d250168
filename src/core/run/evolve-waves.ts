import { assert, known } from '../../kit/assert.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Effect } from './effect.ts'
import { rememberBroken, tryMeasured } from './evolve-isolation.ts'
import type { RunEvent, Verdict } from './event.ts'
import { isIsolating } from './isolation.ts'
import { addOutside } from './limits.ts'
import { move } from './moving.ts'
import { askRefused } from './refused-cells.ts'
import { end, isUnchanged, recount } from './standing.ts'
import { approvalOf, at, codeOf, STAGE, unwant, want, type Phase, type RunState } from './state.ts'
import type { Measure, WaveState } from './parts.ts'
import { measureChains } from './chains.ts'
import { clearWaiting, enqueue, unparkAll } from './waiting.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

export const waveOf = (state: RunState, index: number): WaveState => known(state.waves[index], `wave ${String(index)}`)

/** Nodes that the plan leaves out have their outcome from the start. */
export function planPinned(state: RunState): void {
  state.plan.nodes.forEach((node, position) => {
    if (node.skip !== null) end(state, position, 'skipped', node.skip)
  })
  if (state.plan.approval === null || !opensAtOnce(state)) wantWindow(state)
}

/** A run by hand opens a window of its own; an approved plan waits for the approval, not the window for people. */
const opensAtOnce = (state: RunState): boolean => state.atOnce || state.plan.runbook.window === null

export function wantWindow(state: RunState): void {
  want(state, { kind: 'window', key: 'window', after: state.at })
}

/** The plan is approved: a run by hand may open now. */
export function planApproved(state: RunState): void {
  if (opensAtOnce(state) && state.window === null && !state.activities.has('window')) wantWindow(state)
}

export function windowOpened(state: RunState): void {
  if (state.window) state.window = { ...state.window, opened: true }
  state.phase = { name: 'surveying' }
  want(state, { kind: 'survey', key: 'survey' })
  for (const [cell, answer] of state.prepared) if (answer !== true) state.prepared.delete(cell)
  state.refusals.clear()
  for (const cell of state.cells) if (state.prepared.get(cell) !== true) want(state, { kind: 'prepare', key: `prepare:${cell}`, cell })
}

/** Who is down counts as out before anything begins. */
export function fleetRead(state: RunState, event: Of<'FleetRead'>): void {
  unwant(state, 'survey')
  const down = new Set(event.down)
  for (let position = 0; position < state.nodes.count; position++) {
    state.nodes.down[position] = down.has(position) ? 1 : 0
    recount(state, position)
  }
  resetOutside(state)
  for (const group of event.outside) addOutside(state, group)
  unparkAll(state)
  state.appeared = event.appeared
  state.lastDriftReason = event.drift
  if (state.phase.name === 'surveying') state.phase = afterSurvey(state)
}

function resetOutside(state: RunState): void {
  state.groupOutside.fill(0)
  state.setMembers.forEach((members, set) => {
    state.setActive[set] = members.filter((group) => at(state.groupOut, group) > 0).length
  })
}

function afterSurvey(state: RunState): Phase {
  const firstOpen = state.waves.findIndex((wave) => wave.phase !== 'passed')
  const began = state.waves.some((wave) => wave.phase !== 'queued')
  if (began) return { name: 'waves', wave: firstOpen }
  if (state.plan.before.length > 0) return { name: 'before' }
  return afterBefore(state)
}

/** Where a run goes when nothing stands before its work any more. */
export const afterBefore = (state: RunState): Phase =>
  state.plan.trial !== null && state.plan.work === 'apply' ? { name: 'scanning' } : { name: 'waves', wave: 0 }

export function scanAsked(state: RunState, n: number, tokens: number): void {
  assert(n === state.tokenCount + 1, 'tokens are numbered without holes')
  state.tokenCount += tokens
  state.scanAsked = n
  state.phase = { name: 'scanning' }
  for (let position = 0; position < state.nodes.count; position++)
    if (at(state.nodes.stage, position) !== STAGE.ended) state.scanLeft.add(position)
  want(state, { kind: 'scan', key: 'scan', n })
}

export function nodesScanned(state: RunState, event: Of<'NodesScanned'>): void {
  event.nodes.forEach((position, index) => {
    state.scanLeft.delete(position)
    state.nodes.scanned.set(position, known(event.lists[index], 'the list'))
    state.nodes.missing[position] = known(event.missing[index], 'missing')
  })
}

export function nodesUnscanned(state: RunState, event: Of<'NodesUnscanned'>): void {
  for (const position of event.nodes) {
    state.scanLeft.delete(position)
    // One on which a change was found that the journal does not know says for itself how it ended.
    if (at(state.nodes.stage, position) === STAGE.idle) end(state, position, 'skipped', event.reason)
  }
}

/** Classified: each node of the trial gets the list of its image. */
export function listsPinned(state: RunState, event: Of<'ListsPinned'>): void {
  unwant(state, 'classify')
  state.lists = { digest: event.lists, count: event.count }
  event.nodes.forEach((position, index) => {
    state.nodes.list[position] = known(event.of[index], 'the list')
  })
  state.phase = { name: 'waves', wave: 0 }
}

export function measureAsked(state: RunState, event: Of<'MeasureAsked'>, now: Instant): void {
  assert(event.tokens === 0 || event.n === state.tokenCount + 1, 'tokens are numbered without holes')
  state.tokenCount += event.tokens
  const before = measureOf(state, event.purpose, event.wave)
  const measure: Measure = {
    purpose: event.purpose,
    wave: event.wave,
    round: event.round,
    askedAt: now,
    last: event.last,
    n: event.n,
    checks: new Map(event.checks.map((check) => [check, null])),
    failures: new Map(before?.failures),
    failing: new Map(),
    unclear: new Map(),
    endedAt: null,
  }
  if (event.purpose === 'gate') waveOf(state, event.wave).measure = measure
  else state.measure = measure
  if (event.purpose === 'try' && state.isolation) state.isolation.measures = event.round
  let n = event.n
  for (const check of event.checks) {
    want(state, { kind: 'measure', key: measureKey(event, check), purpose: event.purpose, wave: event.wave, round: event.round, check, n })
    n += 1
  }
}

const measureKey = (event: Readonly<{ purpose: string; wave: number; round: number }>, check: string): string =>
  `measure:${event.purpose}:${String(event.wave)}:${String(event.round)}:${check}`

export function checkMeasured(state: RunState, event: Of<'CheckMeasured'>, now: Instant): void {
  unwant(state, measureKey(event, event.check))
  const measure = measureOf(state, event.purpose, event.wave)
  if (measure?.round !== event.round) return
  measure.checks.set(event.check, event.verdict)
  measure.failing.set(event.check, event.failing)
  measure.unclear.set(event.check, event.unclear ?? [])
  if (event.purpose === 'try') tryMeasured(state, event)
  measure.failures.set(event.check, event.verdict === 'fail' ? (measure.failures.get(event.check) ?? 0) + 1 : 0)
  if ([...measure.checks.values()].every((verdict: Verdict | null) => verdict !== null)) measure.endedAt = now
}

/** The newest measurement of a purpose. */
export const measureOf = (state: RunState, purpose: Measure['purpose'], wave: number): Measure | null =>
  purpose === 'gate' ? waveOf(state, wave).measure : state.measure?.purpose === purpose ? state.measure : null

export function waveStarted(state: RunState, index: number, now: Instant): void {
  const wave = waveOf(state, index)
  wave.phase = 'running'
  wave.startedAt = now
  state.phase = { name: 'waves', wave: index }
  clearWaiting(state)
  const { nodes, tighter } = known(state.plan.waves[index], 'the wave')
  const waiting = nodes.filter((position) => at(state.nodes.stage, position) === STAGE.idle)
  measureChains(state, waiting, new Map(tighter.map((one) => [one.group, one.atMost])))
  for (const position of waiting) {
    move(state, position, STAGE.waiting)
    enqueue(state, position)
  }
}

export function waveDrained(state: RunState, index: number, now: Instant): void {
  const wave = waveOf(state, index)
  assert(state.waitingCount === 0 && state.inFlight === 0, 'a wave drains when none of its nodes waits or flies')
  wave.phase = 'drained'
  wave.drainedAt = now
}

export function gateHeld(state: RunState, index: number, why: readonly string[], now: Instant): void {
  const wave = waveOf(state, index)
  wave.held = why
  wave.heldSince = now
}

/** Held for too long. What it waits for at the end may be something else than at first. */
export function gateExpired(state: RunState, index: number, why: readonly string[]): void {
  const wave = waveOf(state, index)
  wave.expired = true
  wave.held = why
}

export function gateDecided(state: RunState, event: Of<'GateDecided'>, now: Instant): void {
  const wave = waveOf(state, event.wave)
  wave.phase = event.verdict === 'pass' ? 'passed' : 'failed'
  wave.decidedAt = now
  wave.why = event.why
  wave.held = null
  const { measure } = wave
  if (measure !== null) for (const check of measure.checks.keys()) unwant(state, measureKey({ ...measure, purpose: 'gate' }, check))
  if (event.verdict === 'pass' && state.phase.name === 'waves') state.phase = afterWave(state, event.wave)
}

function afterWave(state: RunState, index: number): Phase {
  if (index + 1 < state.waves.length) return { name: 'waves', wave: index + 1 }
  return startStoring(state)
}

/** A trial's baselines are stored now, those of images that a node proved; a rollout has nothing more to do. */
export function startStoring(state: RunState): Phase {
  const { trial } = state.plan
  if (trial === null || state.plan.work !== 'apply') return { name: 'after' }
  const proved = (positions: readonly number[]): boolean => positions.some((position) => PROOF.has(at(state.nodes.outcome, position)))
  state.unproven = trial.lineages.filter(({ nodes }) => !proved(nodes)).map(({ image }) => image)
  trial.lineages.forEach((lineage, index) => {
    if (!proved(lineage.nodes)) return
    state.storing += lineage.accounts.length
    for (const account of lineage.accounts)
      want(state, { kind: 'store', key: `store:${lineage.image}@${account}`, lineage: index, account })
  })
  return { name: 'storing' }
}

const PROOF: ReadonlySet<number> = new Set([codeOf('patched'), codeOf('not-needed')])

/** Stored and, where a rule asks for it, approved by people: the baselines get their label. */
export function approveBaselines(state: RunState): void {
  const { trial } = state.plan
  if (trial === null || state.phase.name !== 'storing') return
  const complete = state.stored.size === state.storing && [...state.stored.values()].every((one) => !('refused' in one))
  const given = trial.approval === null || approvalOf(state, { kind: 'baselines' })?.state === 'given'
  if (complete && given) want(state, { kind: 'approve-baselines', key: 'approve-baselines' })
}

/** Newest wave first; inside a wave those that are out of service first, then in reverse order. */
export function rollbackStarted(state: RunState, event: Of<'RollbackStarted'>): void {
  rememberBroken(state, event.waves)
  if (state.aborting && isIsolating(state.isolation)) state.isolation.over = 'aborted'
  state.phase = {
    name: 'rolling-back',
    waves: event.waves,
    at: 0,
    after: state.aborting && state.rollbackAsked === null ? 'aborted' : 'rolled-back',
  }
  state.rollback = null
  for (const { key, kind } of [...state.activities.values()])
    if (!LASTING.has(kind) && !(kind === 'almanac' && maySearch(state))) unwant(state, key)
  askRefused(state)
  loadRollback(state)
}

/** After this rollback parts of its lists may be tried, which a freeze holds like any other change. */
const maySearch = ({ plan }: RunState): boolean => plan.act === 'trial' && plan.runbook.test?.onFailure === 'isolate'

/** What goes on when a rollback begins: commands, and cells that they need. Nobody asks any more what the way forward was waiting for. */
const LASTING: ReadonlySet<Effect['kind']> = new Set(['prepare', 'send', 'find', 'watch', 'cancel', 'step'])

export function rollbackAdvanced(state: RunState): void {
  assert(state.phase.name === 'rolling-back', 'only a rollback advances')
  state.phase = { ...state.phase, at: state.phase.at + 1 }
  loadRollback(state)
}

function loadRollback(state: RunState): void {
  if (state.phase.name !== 'rolling-back') return
  clearWaiting(state)
  state.heldSince.clear()
  const index = state.phase.waves[state.phase.at]
  if (index === undefined) return
  const nodes = known(state.plan.waves[index], 'the wave')
    .nodes.filter((position) => needsRollback(state, position))
    .toReversed()
  for (const position of nodes) {
    const open = state.openCommands.has(at(state.nodes.command, position))
    move(state, position, open ? STAGE.retrying : STAGE.waiting)
    if (!open) enqueue(state, position, at(state.nodes.out, position) === 1)
  }
}

/** Touched, and ended in a way that may have changed it. */
export function needsRollback(state: RunState, position: number): boolean {
  const outcome = at(state.nodes.outcome, position)
  const needed = outcome !== codeOf('not-needed') || state.changedEarlier.has(position)
  const ended = CHANGING.has(outcome) && needed
  if (staysForNow(state, position)) return false
  return at(state.nodes.touched, position) === 1 && ended && state.nodes.reason[position] !== 'gone' && !isUnchanged(state, position)
}

/** It keeps what a search that goes on has found to be good. One that is given up has found nothing. */
const staysForNow = ({ isolation, aborting, phase }: RunState, position: number): boolean =>
  isIsolating(isolation) && aborting === null && phase.name !== 'finished' && isolation.kept.has(position)

const CHANGING: ReadonlySet<number> = new Set([codeOf('patched'), codeOf('not-needed'), codeOf('failed'), codeOf('unknown')])

/** Every planned node has an outcome now: those that were never reached are skipped. */
export function runFinished(state: RunState, event: Of<'RunFinished'>): void {
  for (let position = 0; position < state.nodes.count; position++) {
    if (at(state.nodes.outcome, position) !== 0) continue
    end(state, position, 'skipped', 'not-reached')
  }
  state.phase = { name: 'finished', outcome: event.outcome, reason: event.reason }
  for (const key of [...state.activities.keys()]) unwant(state, key)
}
