import type { Checker, RunEvidence } from './evidence.ts'
import { follow, type Following } from './follow.ts'
import type { Life } from './life.ts'
import { Beginnings } from './steps.ts'
import type { Outcome } from '../../src/core/run/event.ts'

/** I11, as it is kept: a gate passes with n failures and not with one more; beyond n nothing more starts; no more are in flight than places. */
export const budgetKept: Checker = function* ({ runs }) {
  for (const run of runs) {
    const found: string[] = []
    const beginnings = new Beginnings(run)
    let trying = false
    follow(run, (now, fact) => {
      const { event } = fact
      const beginning = beginnings.of(fact)
      trying ||= event.type === 'TriesChosen'
      // Nodes are broken on purpose while it is looked for the patches that break them.
      if (beginning && beginning.work === run.plan.work && !trying) found.push(...startsWithin(now, beginning.name, beginning.nodes))
      if (event.type === 'GateDecided') found.push(...decidesBy(now, event.wave, event.verdict, event.why))
    })
    yield* found
  }
}

function* startsWithin(now: Following, name: string, nodes: readonly number[]): Generator<string> {
  const { plan } = now.evidence
  for (const [index, wave] of plan.waves.entries()) {
    if (!wave.nodes.some((position) => nodes.includes(position))) continue
    const { failuresMax, hard } = wave.gate
    if (spentIn(now, index) > failuresMax)
      yield `${name}: intended when ${String(spentIn(now, index))} nodes of ${wave.name} had failed, at most ${String(failuresMax)}`
    const flying = atStake(now, index)
    if (flying.length > wave.concurrency)
      yield `${name}: ${String(flying.length)} nodes of ${wave.name} in flight, at most ${String(wave.concurrency)}`
    const worst = spentIn(now, index) + flying.filter(({ outcome }) => !BAD.has(outcome)).length
    if (hard && worst > failuresMax + 1)
      yield `${name}: ${String(worst)} nodes of ${wave.name} may fail now, at most ${String(failuresMax + 1)}`
  }
  const all = plan.waves.reduce((sum, _, index) => sum + spentIn(now, index), 0)
  if (plan.budgetMax !== null && all > plan.budgetMax)
    yield `${name}: intended when ${String(all)} nodes of the run had failed, at most ${String(plan.budgetMax)}`
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

const BAD: ReadonlySet<Outcome> = new Set(['failed', 'unknown', 'rollback-failed'])

const spentIn = (now: Following, index: number): number => livesIn(now, index).filter(({ outcome }) => BAD.has(outcome)).length

/** In flight, prepared, on its way back, or failed and waiting for another attempt: each may still be a failure. */
const atStake = (now: Following, index: number): Life[] =>
  livesIn(now, index).filter((life) => life.flying || life.around.away !== 'no' || (life.touched && life.outcome === 'open'))
