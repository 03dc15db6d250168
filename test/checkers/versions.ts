import type { PinnedList } from '../../src/core/plan/plan.ts'
import { each, nodeAt, wavesOf, type Checker, type Evidence, type Packages, type RunEvidence } from './evidence.ts'
import { follow, type Following } from './follow.ts'
import { Beginnings } from './steps.ts'

/** I6: a rollback names only touched nodes, newest wave first, and restores what the node had before the run first touched it. */
export const undo: Checker = function* (evidence) {
  const followed = new Map(evidence.runs.map((run) => [run.run, follow(run)]))
  for (const run of evidence.runs) {
    yield* onlyTouched(run)
    yield* newestFirst(run)
    yield* undoesAnother(run, evidence, followed)
    yield* sameDigest(run)
  }
  yield* samePackages(evidence, followed)
}

function* onlyTouched(run: RunEvidence): Generator<string> {
  if (run.plan.work === 'rollback') return
  const found: string[] = []
  const touched = new Set<number>()
  const beginnings = new Beginnings(run)
  follow(run, (now, fact) => {
    const { event } = fact
    const beginning = beginnings.of(fact)
    if (beginning?.work === 'rollback') {
      for (const position of beginning.nodes)
        if (!touched.has(position)) found.push(`${beginning.name}: ${nodeAt(run, position)} is rolled back and was never touched`)
    }
    if ((event.type === 'CommandIntended' || event.type === 'CommandFound') && event.work === 'apply')
      for (const position of event.nodes) touched.add(position)
    if (event.type === 'CommandRefused' || event.type === 'NodesReported')
      for (const position of touched) if (!now.life(position).touched) touched.delete(position)
  })
  yield* found
}

function* newestFirst(run: RunEvidence): Generator<string> {
  if (run.plan.work === 'rollback') return
  const waves = wavesOf(run.plan)
  let scope: ReadonlySet<number> = new Set()
  let lowest = Infinity
  const beginnings = new Beginnings(run)
  for (const fact of run.facts) {
    const { event } = fact
    if (event.type === 'RollbackStarted') {
      scope = new Set(event.waves)
      lowest = Infinity
      if (event.waves.some((wave, index) => index > 0 && wave >= (event.waves[index - 1] ?? Infinity)))
        yield `${run.run}: the rollback's waves are ${event.waves.join(', ')}, not newest first`
    }
    const beginning = beginnings.of(fact)
    if (beginning?.work !== 'rollback') continue
    for (const position of beginning.nodes) {
      const wave = waves.get(position) ?? -1
      if (!scope.has(wave)) yield `${beginning.name}: ${nodeAt(run, position)} of wave ${String(wave)} does not belong to this rollback`
      if (wave > lowest) yield `${beginning.name}: wave ${String(wave)} is rolled back after wave ${String(lowest)}`
      lowest = Math.min(lowest, wave)
    }
  }
}

/** A run that undoes another one: only nodes that this one touched, its newest wave first. */
function* undoesAnother(run: RunEvidence, { runs }: Evidence, followed: ReadonlyMap<string, Following>): Generator<string> {
  const undone = runs.find((one) => one.run === run.plan.undoes)
  if (run.plan.work !== 'rollback' || undone === undefined) return
  const touched = new Set(
    (followed.get(undone.run)?.lives ?? []).flatMap(({ planned, everTouched }) => (everTouched ? [planned.node] : [])),
  )
  const waves = new Map(undone.plan.waves.flatMap(({ nodes }, wave) => nodes.map((position) => [nodeAt(undone, position), wave] as const)))
  const beginnings = new Beginnings(run)
  let lowest = Infinity
  for (const fact of run.facts) {
    for (const node of beginnings.of(fact)?.nodes.map((position) => nodeAt(run, position)) ?? []) {
      const wave = waves.get(node) ?? -1
      if (!touched.has(node)) yield `${run.run}: ${node} is rolled back and was never touched by ${undone.run}`
      if (wave > lowest) yield `${run.run}: wave ${String(wave)} is rolled back after wave ${String(lowest)}`
      lowest = Math.min(lowest, wave)
    }
  }
}

/** By the nodes' own words: the digest in the end is the one before the first change. */
function* sameDigest(run: RunEvidence): Generator<string> {
  const first = new Map<number, string>()
  for (const { nodes, before, after, outcomes, reasons } of each(run, 'NodesReported')) {
    for (const [index, position] of nodes.entries()) {
      const was = before[index] ?? ''
      if (was !== '' && !first.has(position)) first.set(position, was)
      const wanted = first.get(position)
      const restored = run.plan.work !== 'rollback' && outcomes[index] === 'rolled-back' && reasons[index] === 'restored'
      if (restored && wanted !== undefined && (after[index] ?? '') !== wanted)
        yield `${run.run}: ${nodeAt(run, position)} was rolled back to another package set than it had`
    }
  }
}

/** By the nodes themselves, where no other run had a hand in it. */
function* samePackages({ runs, nodesBefore, nodesAfter }: Evidence, followed: ReadonlyMap<string, Following>): Generator<string> {
  if (!nodesBefore || !nodesAfter) return
  const hands = touchers(followed)
  for (const run of runs) {
    const own = new Set([run.run, run.plan.undoes ?? run.run])
    for (const { planned, outcome } of followed.get(run.run)?.lives ?? []) {
      const [before, after] = [nodesBefore.get(planned.node), nodesAfter.get(planned.node)]
      const alone = [...(hands.get(planned.node) ?? [])].every((one) => own.has(one))
      if (outcome !== 'rolled-back' || !alone || !before || !after) continue
      for (const [key, from, to] of differences(before, after))
        if (!runs.some((one) => mayBring(one, key)))
          yield `${run.run}: ${planned.node} was rolled back, but ${key} is at ${to ?? 'nothing'}, not ${from ?? 'nothing'}`
    }
  }
}

function touchers(followed: ReadonlyMap<string, Following>): Map<string, Set<string>> {
  const hands = new Map<string, Set<string>>()
  for (const [run, { lives }] of followed) {
    for (const { planned, everTouched } of lives)
      if (everTouched) hands.set(planned.node, (hands.get(planned.node) ?? new Set<string>()).add(run))
  }
  return hands
}

function* differences(before: Packages, after: Packages): Generator<readonly [string, string | undefined, string | undefined]> {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
    if (before[key] !== after[key]) yield [key, before[key], after[key]]
}

/** What turning live patching on brings along and leaves, tested or not; it is on record as a step. */
const mayBring = ({ plan }: RunEvidence, key: string): boolean => plan.runbook.patches?.kernel === 'live-patch' && ENABLERS.test(key)

const ENABLERS = /^(kpatch-dnf|kpatch-runtime|yum-plugin-kernel-livepatch|kernel-livepatch-[^ ]+)\.[a-z0-9_]+$/

/** I7: what a node has now and had not before stands, at that version, in a list that a run pinned for that very node. */
export const testedOnly: Checker = function* ({ runs, nodesBefore, nodesAfter }) {
  if (!nodesBefore || !nodesAfter) return
  const allowed = new Map<string, Set<string>>()
  const unknown = new Set<string>()
  for (const run of runs)
    for (const { planned, position, everTouched } of follow(run).lives) {
      if (!everTouched || run.plan.work === 'rollback') continue
      const list = listOf(run, position)
      if (list === undefined) unknown.add(planned.node)
      for (const { name, arch, version } of list?.patches ?? [])
        allowed.set(planned.node, (allowed.get(planned.node) ?? new Set<string>()).add(`${name}.${arch} ${version}`))
    }
  for (const [node, after] of nodesAfter) {
    const before = nodesBefore.get(node)
    if (before === undefined || unknown.has(node)) continue
    for (const [key, from, to] of differences(before, after)) {
      if (to === undefined) yield `${node}: ${key} ${from ?? ''} is gone`
      else if (!allowed.get(node)?.has(`${key} ${to}`) && !runs.some((run) => mayBring(run, key)))
        yield `${node}: ${key} is at ${to}, which stands in no list for it`
    }
  }
}

/** The list that a node of this run gets; `undefined` when the evidence does not have it. */
function listOf(run: RunEvidence, position: number): PinnedList | undefined {
  const pinned = [...each(run, 'ListsPinned')].at(-1)
  if (pinned === undefined) return run.plan.lists[run.plan.nodes[position]?.list ?? -1]
  const index = pinned.nodes.indexOf(position)
  return run.lists?.[(index < 0 ? run.plan.nodes[position]?.list : pinned.of[index]) ?? -1]
}
