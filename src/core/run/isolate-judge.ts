import { known } from '../../kit/assert.ts'
import { MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { events, nothing, wake, type Decision } from './decision.ts'
import { FAILURES_IN_A_ROW, PRESENCE } from './gate.ts'
import { saysOfSet } from './isolate-reasons.ts'
import type { TryVerdict } from './isolate-search.ts'
import type { Isolation, Trying } from './isolation.ts'
import type { Measure } from './parts.ts'
import { at, codeOf, type RunState } from './state.ts'

/** Measurements of a round are this far apart. */
const TRY_ROUND_MS: Ms = MINUTE

/** So often the nodes of a round are measured before what is still unclear stays so: agents ping every five minutes, so two pings fall into it. */
const TRY_MEASURES_MAX = 12

/** The trial's checks that look at single nodes; an address that answers for all of them cannot tell. */
export function checksOfNodes({ plan }: RunState, { wave }: Isolation): readonly string[] {
  const { checks } = known(plan.waves[wave], 'the wave').gate
  return checks.filter((name) => NODE_CHECKS.has(plan.checks[name]?.type ?? ''))
}

const NODE_CHECKS: ReadonlySet<string> = new Set(['agent-ping', 'instance-status', 'script'])

/** Nodes of the round whose checks are looked at: what was installed on them is installed. Who was left alone has the outcome of an earlier try. */
export const isMeasured = (state: RunState, position: number, { units, refused }: Pick<Trying, 'units' | 'refused'>): boolean => {
  if (refused !== null) return false
  const outcome = at(state.nodes.outcome, position)
  return units.length === 0 ? outcome !== codeOf('failed') : outcome === codeOf('patched') || outcome === codeOf('not-needed')
}

/** What the try of a node comes to; `undefined`: that is not known yet. */
export function judgement(
  state: RunState,
  isolation: Isolation,
  position: number,
): Readonly<{ verdict: TryVerdict; why: string }> | undefined {
  const trying = known(isolation.tries.get(position), 'the try')
  if (!isMeasured(state, position, trying)) {
    const reason = trying.refused ?? state.nodes.reason[position] ?? ''
    const outcome = at(state.nodes.outcome, position)
    if (trying.refused === null && outcome !== codeOf('failed')) return { verdict: 'unclear', why: reason || 'unclear' }
    const whole = isolation.lists[trying.list]?.witnesses.values() ?? []
    return { verdict: saysOfSet(reason, whole), why: reason }
  }
  return byChecks(state, isolation, position, trying)
}

function byChecks(
  state: RunState,
  isolation: Isolation,
  position: number,
  { fails }: Trying,
): Readonly<{ verdict: TryVerdict; why: string }> | undefined {
  const { measure } = state
  if (measure?.purpose !== 'try' || measure.endedAt === null) return undefined
  const failing = [...fails].filter(([check, times]) => check !== PRESENCE && times >= FAILURES_IN_A_ROW)
  if (failing.length > 0) return { verdict: 'bad', why: failing.map(([check]) => `${check}: fail`).join(', ') }
  const doubtful = [...measure.checks.keys()].filter((check) => (fails.get(check) ?? 0) > 0 || isUnclear(measure, check, position))
  const checks = checksOfNodes(state, isolation)
  if (doubtful.length === 0) return { verdict: 'good', why: checks.length > 0 ? `${checks.join(', ')}: pass` : 'installed' }
  const rounds = measure.round - isolation.measuresBefore
  return rounds < TRY_MEASURES_MAX ? undefined : { verdict: 'unclear', why: `${doubtful.join(', ')}: inconclusive` }
}

/** A check that names nobody and is not clear is clear for nobody. */
function isUnclear({ checks, unclear }: Measure, check: string, position: number): boolean {
  const named = unclear.get(check) ?? []
  return named.includes(position) || (named.length === 0 && checks.get(check) === 'inconclusive')
}

/** The next measurement of the round's nodes, until each of them is judged. */
export function nextTryMeasure(state: RunState, isolation: Isolation, now: Instant): Decision {
  const before = state.measure?.purpose === 'try' ? state.measure : null
  if (before !== null && before.endedAt === null) return nothing
  const due = before?.endedAt ? plus(before.endedAt, TRY_ROUND_MS) : now
  if (now < due) return wake(due)
  const checks = [PRESENCE, ...checksOfNodes(state, isolation)]
  return events({
    type: 'MeasureAsked',
    purpose: 'try',
    wave: isolation.wave,
    round: isolation.measures + 1,
    checks,
    n: state.tokenCount + 1,
    tokens: checks.length,
    last: true,
  })
}
