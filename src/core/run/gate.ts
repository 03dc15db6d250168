import { known } from '../../kit/assert.ts'
import { earliest, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { TRIMMED } from '../plan/trim.ts'
import type { RunEvent } from './event.ts'
import { measureOf } from './evolve-waves.ts'
import { events, nothing, wake, type Decision } from './decision.ts'
import { approvalOf, at, codeOf, spent, spentInRun, type RunState } from './state.ts'
import type { Measure, WaveState } from './parts.ts'

/** Checks are measured again this often at most; a bake of ten minutes sees several rounds, an hour's about twelve. */
const ROUND_MAX_MS: Ms = 5 * MINUTE
const ROUND_MIN_MS: Ms = MINUTE

/** One failing measurement may be a blip; the second in a row is a verdict. */
export const FAILURES_IN_A_ROW = 2

/** The check that every gate makes by itself: the nodes that were touched still exist. */
export const PRESENCE = 'presence'

/** How long an inconclusive gate holds at the least, also when the window has closed: three measurements. */
const HOLD_MIN_MS: Ms = 15 * MINUTE

/** A drained wave: budget, evidence, bake and checks, a person; worst verdict first. */
export function nextGate(state: RunState, index: number, now: Instant): Decision {
  const wave = known(state.waves[index], 'the wave')
  const over = overBudget(state, index, wave)
  if (over !== null) return decided(index, 'fail', [over])
  if (wave.stopped !== null) return decided(index, 'fail', [wave.stopped])
  const person = personsWord(state, index, wave)
  if (person?.verdict === 'fail') return events(person)
  // A late word has sent a node on its way back: what follows there may still count against it, whoever lets the gate pass.
  if (state.steps.size > 0 || state.returns.size > 0) return nothing
  if (person) return events(person)
  const proof = lacksEvidence(state, index, wave)
  if (provesNothing(state, index, wave)) return hold(state, index, wave, proof, undefined, now)
  const rule = known(state.plan.waves[index], 'the wave').gate
  const drainedAt = known(wave.drainedAt, 'the drain')
  const asked = nextMeasure(state, 'gate', index, rule.checks, drainedAt, plus(drainedAt, rule.bakeMs), now)
  if (wave.measure === null) return known(asked, 'the first round')
  const checks = checksVerdict(wave.measure)
  if (checks.verdict === 'fail') return decided(index, 'fail', checks.why)
  const baked = wave.measure.last && wave.measure.endedAt !== null
  if (asked && !baked) return asked
  const why = [...checks.why, ...proof]
  if (why.length > 0) return hold(state, index, wave, why, asked, now)
  return asked?.events.length ? asked : approved(state, index, wave, now)
}

type Verdict = Extract<RunEvent, { type: 'GateDecided' }>

const verdict = (wave: number, word: Verdict['verdict'], why: readonly string[]): Verdict => ({
  type: 'GateDecided',
  wave,
  verdict: word,
  why,
})

const decided = (...said: Parameters<typeof verdict>): Decision => events(verdict(...said))

/** `failures: n` passes with n; at n + 1 the gate has failed. */
function overBudget(state: RunState, index: number, wave: WaveState): string | null {
  const { failuresMax } = known(state.plan.waves[index], 'the wave').gate
  if (spent(wave) > failuresMax) return `failures: ${String(spent(wave))} of at most ${String(failuresMax)}`
  const { budgetMax } = state.plan
  if (budgetMax !== null && spentInRun(state) > budgetMax)
    return `budget: ${String(spentInRun(state))} of at most ${String(budgetMax)} in the run`
  return null
}

/** A decided gate needs no more checks. */
function personsWord(state: RunState, index: number, wave: WaveState): Verdict | undefined {
  const asked = approvalOf(state, { kind: 'gate', wave: wave.name })
  if (asked?.state === 'refused') return verdict(index, 'fail', [`rejected by ${asked.refusedBy ?? 'a person'}`])
  if (wave.held !== null && asked?.state === 'given') return verdict(index, 'pass', [`approved by ${asked.by.join(', ')}`])
  return undefined
}

/** A wave that patched nothing proves nothing, unless no node needed anything. */
function lacksEvidence(state: RunState, index: number, wave: WaveState): string[] {
  const plan = known(state.plan.waves[index], 'the wave')
  if (provesNothing(state, index, wave)) return ['no evidence: no node was patched']
  const good = goodOf(wave)
  const notNeeded = at(wave.counts, codeOf('not-needed'))
  const percent = plan.gate.evidencePercent ?? 0
  const share = ((good + notNeeded) * 100) / sizeOf(state, index)
  return share < percent ? [`evidence: ${share.toFixed(1)}% of the wave, ${String(percent)}% wanted`] : []
}

const goodOf = (wave: WaveState): number => at(wave.counts, codeOf('patched')) + at(wave.counts, codeOf('rolled-back'))

/** There is nothing to bake and no one to ask. An undoing proves as much where nobody is left to be restored. */
function provesNothing(state: RunState, index: number, wave: WaveState): boolean {
  if (state.plan.work === 'rollback' && spent(wave) === 0) return false
  const read = at(wave.counts, codeOf('not-needed'))
  if (goodOf(wave) > 0 || (state.plan.work === 'scan' && read > 0)) return false
  return read < sizeOf(state, index)
}

/** Nodes of the wave but those that the plan left out for the window's sake, of which some are from waves that were left out wholly. */
const sizeOf = (state: RunState, index: number): number =>
  known(state.plan.waves[index], 'the wave').nodes.filter((position) => state.plan.nodes[position]?.skip !== TRIMMED).length

function approved(state: RunState, index: number, wave: WaveState, now: Instant): Decision {
  const rule = known(state.plan.waves[index], 'the wave').gate.approval
  const why = passedBecause(state, index, wave)
  if (rule === null) return decided(index, 'pass', why)
  const subject = { kind: 'gate', wave: wave.name } as const
  const asked = approvalOf(state, subject)
  if (asked === undefined)
    return events({ type: 'ApprovalAsked', subject, group: rule.group, count: rule.count, expires: plus(now, rule.expiresMs) })
  if (asked.state === 'given') return decided(index, 'pass', [...why, `approved by ${asked.by.join(', ')}`])
  if (asked.state === 'asked') return wake(asked.expires)
  return hold(state, index, wave, ['approval: expired'], undefined, now)
}

function passedBecause(state: RunState, index: number, wave: WaveState): string[] {
  const { failuresMax } = known(state.plan.waves[index], 'the wave').gate
  const checks = [...known(wave.measure, 'the last round').checks.keys()].map((check) => `${check}: pass`)
  return [`failures: ${String(spent(wave))} of at most ${String(failuresMax)}`, ...checks]
}

/** Inconclusive holds: nothing starts, nothing is rolled back, until someone decides, a later round is clear, or time is up. */
function hold(
  state: RunState,
  index: number,
  wave: WaveState,
  why: readonly string[],
  asked: Decision | undefined,
  now: Instant,
): Decision {
  if (wave.heldSince === null) return events({ type: 'GateHeld', wave: index, why })
  const until = holdsUntil(state, index, wave.heldSince)
  if (now < until) return asked?.events.length ? asked : wake(asked?.wakeAt ? earliest(asked.wakeAt, until) : until)
  if (state.openCommands.size > 0) return nothing
  return events(stopHeld(state, wave, why))
}

/** When a gate that has held since then is given up, unless someone has decided. */
export function holdsUntil(state: RunState, index: number, since: Instant): Instant {
  const rule = known(state.plan.waves[index], 'the wave').gate
  if (rule.holdForMs !== null) return plus(since, rule.holdForMs)
  return Math.max(known(state.window, 'the window').closes, plus(since, HOLD_MIN_MS)) as Instant
}

const stopHeld = (state: RunState, wave: WaveState, why: readonly string[]): RunEvent => ({
  type: 'GateExpired',
  wave: state.waves.indexOf(wave),
  why,
})

/** What a finished round of checks says: fail beats inconclusive beats pass. A single failure counts as inconclusive until it repeats. */
export function checksVerdict(measure: Measure): { verdict: 'pass' | 'fail' | 'inconclusive'; why: string[] } {
  const failing: string[] = []
  const unclear: string[] = []
  for (const [check, verdict] of measure.checks) {
    if ((measure.failures.get(check) ?? 0) >= FAILURES_IN_A_ROW) failing.push(`${check}: fail`)
    else if (verdict !== 'pass') unclear.push(`${check}: ${verdict ?? 'not measured yet'}`)
  }
  if (failing.length > 0) return { verdict: 'fail', why: failing }
  return unclear.length > 0 ? { verdict: 'inconclusive', why: unclear } : { verdict: 'pass', why: [] }
}

/**
 * The next round of checks, if one is due: every few minutes while the wave bakes, then until it is clear.
 * `undefined` when the last round is in and clear.
 */
export function nextMeasure(
  state: RunState,
  purpose: Measure['purpose'],
  wave: number,
  checks: readonly string[],
  from: Instant,
  bakedAt: Instant,
  now: Instant = bakedAt,
): Decision | undefined {
  const before = measureOf(state, purpose, wave)
  if (checks.length === 0 && now < bakedAt) return wake(bakedAt)
  if (before === null) return events(ask(state, purpose, wave, checks, 1, now >= bakedAt))
  if (before.endedAt === null) return nothing
  if (before.last && checksVerdict(before).verdict === 'pass') return undefined
  const blip = [...before.checks.values()].includes('fail')
  const rhythm = roundMs(bakedAt - from)
  const wanted = plus(before.endedAt, blip || before.last ? ROUND_MIN_MS : rhythm)
  const due = before.last || blip ? wanted : earliest(wanted, bakedAt)
  return now >= due ? events(ask(state, purpose, wave, checks, before.round + 1, now >= bakedAt)) : wake(due)
}

const roundMs = (bakeMs: Ms): Ms => Math.min(ROUND_MAX_MS, Math.max(ROUND_MIN_MS, Math.floor(bakeMs / 6)))

/** A round of checks. The last rounds of a gate also look whether the touched nodes still exist; before, one look in the end says as much. */
export function ask(
  state: RunState,
  purpose: Measure['purpose'],
  wave: number,
  named: readonly string[],
  round: number,
  last: boolean,
): RunEvent {
  const checks = purpose === 'gate' && last ? [PRESENCE, ...named] : named
  return { type: 'MeasureAsked', purpose, wave, round, checks, n: state.tokenCount + 1, tokens: checks.length, last }
}
