import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { nodeAt, tokenParts, type Checker, type Evidence, type RunEvidence } from './evidence.ts'
import { follow } from './follow.ts'
import type { Life } from './life.ts'

/**
 * I5, as the nodes saw it: whoever is told as skipped was changed by no command of the run, whoever is told as patched was changed by one, and the
 * run's own word fits its nodes and gates.
 */
export const toldTruly: Checker = function* (evidence) {
  for (const run of evidence.runs) {
    yield* ofTheRun(run)
    yield* ofTheNodes(run, evidence)
  }
}

function* ofTheRun(run: RunEvidence): Generator<string> {
  const followed = follow(run)
  const { finished, lives } = followed
  if (finished === null) return
  const failed = lives.filter(({ outcome }) => outcome === 'rollback-failed')
  if (finished.outcome === 'rolled-back' && failed.length > 0)
    yield `${run.run}: told as rolled back, but ${failed.map(({ planned }) => planned.node).join(', ')} was not restored`
  // A trial whose search has found what breaks has stored the rest.
  const searched = run.facts.some(({ event }) => event.type === 'IsolationEnded' && event.solved)
  if (finished.outcome !== 'succeeded' || searched) return
  const passed = new Set(run.facts.flatMap(({ event }) => (event.type === 'GateDecided' && event.verdict === 'pass' ? [event.wave] : [])))
  for (const [index, { name }] of run.plan.waves.entries())
    if (!passed.has(index)) yield `${run.run}: told as succeeded, but the gate of wave ${name} never passed`
}

function* ofTheNodes(run: RunEvidence, { ledger }: Evidence): Generator<string> {
  const end = run.facts.find(({ event }) => event.type === 'RunFinished')?.at
  if (ledger === undefined || end === undefined || run.plan.work === 'scan') return
  const applies = new Set(
    run.facts.flatMap(({ event }) =>
      (event.type === 'CommandIntended' || event.type === 'CommandFound') && event.work === 'apply' ? [event.n] : [],
    ),
  )
  const turned = turnedOn(run)
  const tried = run.facts.some(({ event }) => event.type === 'TriesChosen')
  const byNode = Map.groupBy(
    ledger.filter(({ token }) => tokenParts(token).run === run.run),
    ({ node }) => node,
  )
  const early = ({ startedAt }: LedgerRow): boolean => Date.parse(startedAt) < end
  for (const life of follow({ ...run, facts: run.facts.filter(({ at }) => at <= end) }).lives) {
    const changed = (byNode.get(life.planned.node) ?? []).filter(isChange)
    const by = (numbers: ReadonlySet<number>) => changed.filter(({ token }) => numbers.has(tokenParts(token).n))
    const untold = turned.get(life.position) ?? new Set<number>()
    const hidden = [...by(applies), ...(life.reason.startsWith('livepatch-') ? by(untold) : [])]
    // What is tried after a failed trial is undone, and the node told as it was before.
    if (life.outcome === 'skipped' && !tried && hidden.some(early))
      yield `${run.run}: ${nodeAt(run, life.position)} is told as skipped (${life.reason}), but ${hidden[0]?.token ?? ''} changed it`
    if (isPatched(life) && by(applies).length === 0)
      yield `${run.run}: ${nodeAt(run, life.position)} is told as patched, but no command of the run changed it`
  }
}

/** By node, the tokens that should have turned live patching on there and are not on record as having done so. */
function turnedOn(run: RunEvidence): ReadonlyMap<number, ReadonlySet<number>> {
  const tokens = new Map<number, number>()
  const turned = new Map<number, Set<number>>()
  for (const { event } of run.facts) {
    if (event.type === 'StepIntended' && event.step === 'live-patch') {
      tokens.set(event.id, event.n)
      for (const position of event.nodes) turned.set(position, (turned.get(position) ?? new Set()).add(event.n))
    } else if (event.type === 'StepEnded') {
      const n = tokens.get(event.id)
      for (const [index, position] of event.nodes.entries())
        if (n !== undefined && event.done[index] === true) turned.get(position)?.delete(n)
    }
  }
  return turned
}

const isPatched = ({ outcome, everTouched }: Life): boolean => outcome === 'patched' && everTouched

/** One that goes on may still change something. */
const isChange = ({ transaction }: LedgerRow): boolean => transaction !== null && (transaction.changed > 0 || transaction.endedAt === null)
