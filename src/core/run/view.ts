import { latest, type Instant } from '../../kit/instant.ts'
import { OUTCOMES, type Outcome, type Subject } from './event.ts'
import { tally } from './finish.ts'
import { freezeNow } from './freezing.ts'
import { holdsUntil } from './gate.ts'
import { isIsolating } from './isolation.ts'
import type { Approval } from './parts.ts'
import { at, planned, STAGE, type RunState } from './state.ts'

/** What a person is told of a run. Counts add up: outcomes + open = total. */
export type RunView = Readonly<{
  run: string
  runbook: string
  act: 'trial' | 'rollout'
  /** `finished` runs say how: `succeeded`, `failed`, …; others: `waiting-for-window`, `running`, `held`, `paused`, … */
  state: string
  reason: string
  wave: string | null
  nodes: Readonly<Record<string, number>>
  inFlight: number
  /** Of those in flight, nodes whose change is over and that are being brought back into service. */
  returning: number
  /** Nodes that could not be brought back wholly, and the steps that did not succeed. */
  notBack: readonly Readonly<{ node: string; steps: readonly string[] }>[]
  /** Why nodes did not go well, grouped: the commonest reason of each outcome first. */
  causes: readonly Cause[]
  window: Readonly<{ opens: Instant; cutoff: Instant; closes: Instant }> | null
  /** What a person is asked for, if anything. */
  waitsFor: string | null
  waves: readonly WaveView[]
}>

/** So many nodes ended so, for this reason. */
export type Cause = Readonly<{ outcome: Outcome; reason: string; nodes: number }>

export type WaveView = Readonly<{
  name: string
  state: string
  nodes: Readonly<Record<Outcome, number>>
  /** Of those that are open. Who is on its way back may have its outcome already. */
  inFlight: number
  total: number
  checks: Readonly<Record<string, string>>
  why: readonly string[]
}>

/**
 * The run as it stands at this instant: a freeze begins and ends without an entry. Absent: when its last entry was made. O(fleet): for people, not for
 * the loop.
 */
export function viewOf(state: RunState, seenAt: Instant = state.at): RunView {
  const { phase } = state
  const now = latest(seenAt, state.at)
  const wave = phase.name === 'waves' ? (state.waves[phase.wave]?.name ?? null) : null
  return {
    run: state.run,
    runbook: state.plan.runbook.name,
    act: state.plan.act,
    state: stateWord(state, now),
    reason: phase.name === 'finished' ? phase.reason : (state.aborting?.reason ?? ''),
    wave,
    nodes: tally(state, phase.name === 'finished'),
    inFlight: state.inFlight,
    returning: returningIn(state),
    notBack: [...state.notBack].map(([position, steps]) => ({ node: planned(state, position).node, steps })),
    causes: causesOf(state),
    window: state.window === null ? null : { opens: state.window.opens, cutoff: state.window.cutoff, closes: state.window.closes },
    waitsFor: waitsFor(state, now),
    waves: state.waves.map((one, index) => waveView(state, index, one)),
  }
}

/** Outcomes of which a person wants to know why, worst first. */
const EXPLAINED: readonly Outcome[] = ['rollback-failed', 'failed', 'unknown', 'skipped']

/** Failed, unknown and skipped nodes by their reasons. O(fleet). */
export function causesOf({ nodes }: RunState): readonly Cause[] {
  const counts = EXPLAINED.map((outcome) => ({ code: OUTCOMES.indexOf(outcome), outcome, reasons: new Map<string, number>() }))
  const byCode = new Map(counts.map((one) => [one.code, one.reasons]))
  nodes.outcome.forEach((code, position) => {
    const reason = nodes.reason[position] ?? ''
    const reasons = byCode.get(code)
    reasons?.set(reason, (reasons.get(reason) ?? 0) + 1)
  })
  return counts.flatMap(({ outcome, reasons }) =>
    [...reasons]
      .sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
      .map(([reason, count]) => ({ outcome, reason, nodes: count })),
  )
}

function returningIn({ nodes }: RunState): number {
  let returning = 0
  for (const stage of nodes.stage) if (stage === STAGE.returning) returning += 1
  return returning
}

/** Phases in which something would start. */
const STARTING: ReadonlySet<string> = new Set(['before', 'scanning', 'waves', 'isolating'])

function stateWord(state: RunState, now: Instant): string {
  const { phase } = state
  if (phase.name === 'finished') return phase.outcome
  if (state.aborting !== null && phase.name !== 'rolling-back') return 'aborting'
  const asked = questions(state, now)
  if (asked.some((one) => now < one.expires)) return 'waiting-for-approval'
  if (asked.length > 0) return 'approval-expired'
  if (state.paused) return 'paused'
  if (phase.name === 'requested' || phase.name === 'awaiting-window') return 'waiting-for-window'
  if (phase.name === 'rolling-back') return isIsolating(state.isolation) ? 'isolating' : 'rolling-back'
  if (state.waves.some((wave) => wave.held !== null)) return heldGate(state, now) === undefined ? 'hold-expired' : 'held'
  if (STARTING.has(phase.name) && freezeNow(state, now) !== undefined) return 'frozen'
  return phase.name === 'waves' ? 'running' : phase.name
}

/** Questions that nobody has answered. One that has expired stays among them until somebody drives the run and puts that on record. */
const questions = (state: RunState, now: Instant): readonly Approval[] =>
  state.approvals.filter((one) => one.state === 'asked' && isAwaited(state, one.subject, now))

/** Whether an answer to a question about this still changes anything: it is not decided or over, nor is the run on its way back or out. */
export function isAwaited(state: RunState, subject: Subject, now: Instant = state.at): boolean {
  const { phase, aborting, waves } = state
  if (phase.name === 'finished') return false
  // Beyond the waves that are rolled back already somebody may have asked for the others.
  if (phase.name === 'rolling-back') return subject.kind === 'rollback' && aborting?.rollback === true
  if (subject.kind === 'rollback') return aborting?.rollback !== false
  if (aborting !== null) return false
  if (subject.kind === 'freeze') return freezeNow(state, now) !== undefined
  return subject.kind !== 'gate' || waves.some((wave) => wave.name === subject.wave && wave.decidedAt === null && !wave.expired)
}

/** The wave whose gate holds and still may be decided: not one that has been held for its time, which a driver is about to give up. */
function heldGate(state: RunState, now: Instant): RunState['waves'][number] | undefined {
  return state.waves.find(({ name, held, heldSince }, index) => {
    if (held === null || !isAwaited(state, { kind: 'gate', wave: name }, now)) return false
    return heldSince === null || state.window === null || now < holdsUntil(state, index, heldSince)
  })
}

/** What nobody but a person can give now. */
export function waitsFor(state: RunState, now: Instant = state.at): string | null {
  const asked = questions(state, now).find((one) => now < one.expires)
  if (asked)
    return `approval of ${asked.subject.kind === 'gate' ? `gate ${asked.subject.wave}` : asked.subject.kind}: ${String(asked.by.length)} of ${String(asked.count)}${asked.group === '' ? '' : ` from ${asked.group}`}`
  const held = heldGate(state, now)
  return held ? `a decision on gate ${held.name}: ${held.held?.join(', ') ?? ''}` : null
}

function waveView(state: RunState, index: number, wave: RunState['waves'][number]): WaveView {
  const nodes = Object.fromEntries(OUTCOMES.map((outcome, code) => [outcome, at(wave.counts, code)])) as Record<Outcome, number>
  const checks = Object.fromEntries([...(wave.measure?.checks ?? [])].map(([check, verdict]) => [check, verdict ?? 'measuring']))
  const word = wave.phase === 'drained' ? (wave.held === null ? 'baking' : 'held') : wave.phase
  const planned = state.plan.waves[index]?.nodes ?? []
  const inFlight = flyingIn(state, planned)
  return { name: wave.name, state: word, nodes, inFlight, total: planned.length, checks, why: wave.held ?? wave.why }
}

function flyingIn({ nodes }: RunState, positions: readonly number[]): number {
  let flying = 0
  for (const position of positions) {
    const stage = at(nodes.stage, position)
    const isOpen = at(nodes.outcome, position) === 0
    if (isOpen && (stage === STAGE.chosen || stage === STAGE.flying || stage === STAGE.returning)) flying += 1
  }
  return flying
}
