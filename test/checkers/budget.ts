import type { Checker, RunEvidence } from './evidence.ts'
import { follow, type Following } from './follow.ts'

/** I11, as it is kept: a gate passes with n failures and not with one more; beyond n nothing more starts; no more are in flight than places. */
export const budgetKept: Checker = function* ({ runs }) {
  for (const run of runs) {
    const found: string[] = []
    follow(run, (now, { event }) => {
      if (event.type === 'CommandIntended' && event.work === run.plan.work) found.push(...startsWithin(now, event.n, event.nodes))
      if (event.type === 'GateDecided') found.push(...decidesBy(now, event.wave, event.verdict, event.why))
    })
    yield* found
  }
}

function* startsWithin(now: Following, n: number, nodes: readonly number[]): Generator<string> {
  const { plan, run } = now.evidence
  for (const [index, wave] of plan.waves.entries()) {
    if (!wave.nodes.some((position) => nodes.includes(position))) continue
    const { failuresMax, hard } = wave.gate
    const places = hard ? Math.min(wave.concurrency, failuresMax + 1 - spentIn(now, index)) : wave.concurrency
    if (spentIn(now, index) > failuresMax)
      yield `${run}.${String(n)}: intended when ${String(spentIn(now, index))} nodes of ${wave.name} had failed, at most ${String(failuresMax)}`
    if (atStake(now, index) > places)
      yield `${run}.${String(n)}: ${String(atStake(now, index))} nodes of ${wave.name} in flight, at most ${String(places)}`
  }
  const all = plan.waves.reduce((sum, _, index) => sum + spentIn(now, index), 0)
  if (plan.budgetMax !== null && all > plan.budgetMax)
    yield `${run}.${String(n)}: intended when ${String(all)} nodes of the run had failed, at most ${String(plan.budgetMax)}`
}

function* decidesBy(now: Following, index: number, verdict: 'pass' | 'fail', why: readonly string[]): Generator<string> {
  const { plan, run } = now.evidence
  const { name = '', gate } = plan.waves[index] ?? {}
  const spent = spentIn(now, index)
  const most = gate?.failuresMax ?? 0
  if (verdict === 'pass' && spent > most)
    yield `${run}: the gate of wave ${name} passed with ${String(spent)} failures, at most ${String(most)}`
  if (verdict === 'fail' && spent <= most && why.some((one) => one.startsWith('failures:')))
    yield `${run}: the gate of wave ${name} failed with ${String(spent)} failures of at most ${String(most)}`
}

const livesIn = (now: Following, index: number) => planOf(now.evidence, index).nodes.map((position) => now.life(position))

function planOf({ plan }: RunEvidence, index: number) {
  const wave = plan.waves[index]
  if (wave === undefined) throw new Error(`the plan has no wave ${String(index)}`)
  return wave
}

const spentIn = (now: Following, index: number): number =>
  livesIn(now, index).filter(({ outcome }) => outcome === 'failed' || outcome === 'unknown' || outcome === 'rollback-failed').length

/** In flight, or failed and waiting for another attempt: each may still be a failure. */
const atStake = (now: Following, index: number): number =>
  livesIn(now, index).filter((life) => life.flying || (life.touched && life.outcome === 'open')).length
