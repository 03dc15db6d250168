import { known } from '../../kit/assert.ts'
import { MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import { listDigest } from '../plan/list.ts'
import { events, nothing, wake, type Decision } from './decision.ts'
import { nextPlaces, startLimit } from './dispatch.ts'
import { listAt } from './evolve-isolation.ts'
import { needsRollback } from './evolve-waves.ts'
import { OUTCOMES, type RunEvent } from './event.ts'
import { judgement, nextTryMeasure } from './isolate-judge.ts'
import { searchStep, type SearchStep } from './isolate-search.ts'
import { ofUnits } from './isolate-units.ts'
import type { IsolatedList, Isolation } from './isolation.ts'
import { at, planned, STAGE, type RunState } from './state.ts'

/** A node is watched this long at most after a try: what breaks it has shown in the trial's own soak, and there are many tries. */
const TRY_SOAK_MAX_MS: Ms = 10 * MINUTE

/** How the run goes on beside the search: both are `next`'s. */
export type Ways = Readonly<{
  rollback: (waves: readonly number[], why: string) => Decision
  finish: (outcome: 'rolled-back' | 'failed', reason: string) => Decision
}>

/** After the rollback of a failed trial: the search begins, or there is a reason why it cannot; `undefined`: nobody asked for one. */
export function mayIsolate(state: RunState): { start: RunEvent } | { why: string } | undefined {
  const { plan, rollback } = state
  if (plan.act !== 'trial' || plan.runbook.test?.onFailure !== 'isolate' || state.isolation !== null || state.aborting !== null)
    return undefined
  if (rollback?.stopped === true) return { why: 'not isolated: the rollback was stopped' }
  const nodes = [...state.brokenBy].filter(([position]) => outcomeOf(state, position) === 'rolled-back')
  if (nodes.length === 0) return { why: 'not isolated: no node that could be restored shows a failure that patches cause' }
  const wave = state.waves.findIndex((one) => one.phase === 'failed')
  return { start: { type: 'IsolationStarted', wave, nodes: nodes.map(([node]) => node), reasons: nodes.map(([, reason]) => reason) } }
}

/** Round after round: parts of the lists are tried on nodes of the trial, judged, and rolled back. */
export function nextIsolation(state: RunState, ways: Ways, now: Instant): Decision {
  const isolation = known(state.isolation, 'the isolation')
  if (isolation.over !== null) return afterwards(state, isolation, ways)
  switch (isolation.stage) {
    case 'grouping':
      return nothing
    case 'choosing':
      return choose(state, isolation, ways, now)
    case 'trying':
      return nextPlaces(
        state,
        isolation.wave,
        { stop: now >= startLimit(state) ? 'cutoff' : null, failuresLeft: null, drained: { type: 'TriesDrained', round: isolation.round } },
        now,
      )
    case 'soaking':
      return judge(state, isolation, now)
  }
}

/** Nobody will know: what stayed is rolled back like the rest. */
function afterwards(state: RunState, isolation: Isolation, ways: Ways): Decision {
  const why = `isolation: ${isolation.over ?? ''}`
  if (nodesOf(state, isolation).some((position) => needsRollback(state, position))) return ways.rollback([isolation.wave], why)
  const failed = nodesOf(state, isolation).some((position) => outcomeOf(state, position) === 'rollback-failed')
  return ways.finish(failed ? 'failed' : 'rolled-back', why)
}

const nodesOf = (state: RunState, { wave }: Isolation): readonly number[] => known(state.plan.waves[wave], 'the wave').nodes

const outcomeOf = (state: RunState, position: number) => known(OUTCOMES[at(state.nodes.outcome, position)], 'the outcome')

function choose(state: RunState, isolation: Isolation, ways: Ways, now: Instant): Decision {
  if (state.openCommands.size > 0 || state.steps.size > 0 || state.returns.size > 0) return nothing
  const steps = isolation.lists.map((list) => (list.found === null && list.unitCount > 0 ? searchStep(searchOf(list)) : null))
  for (const [list, step] of steps.entries()) if (step?.kind === 'found') return events(found(state, isolation, list, step))
  if (nodesOf(state, isolation).some((position) => needsRollback(state, position)))
    return ways.rollback([isolation.wave], `isolation: round ${String(isolation.round)} is undone`)
  if (steps.every((step) => step === null)) return events({ type: 'IsolationEnded', solved: true, reason: solvedBy(isolation) })
  for (const step of steps) if (step?.kind === 'lost') return ended(LOST[step.why])
  if (now >= startLimit(state)) return ended('the window ended')
  if (state.paused) return wake(startLimit(state))
  if (isolation.round === 0) return control(state, isolation)
  return nextRound(state, isolation, steps)
}

const LOST: Readonly<Record<Extract<SearchStep, { kind: 'lost' }>['why'], string>> = {
  'not-reproducible': 'with the same patches the nodes did not break again',
  unclear: 'what the nodes said was not clear enough to blame a patch',
  'nothing-left': 'no patch would be left',
  'too-many-tries': 'too many tries were needed',
}

const ended = (reason: string): Decision => events({ type: 'IsolationEnded', solved: false, reason })

/** That a node was well says nothing which the whole list did not break either: what is left could still break the others. */
const searchOf = ({ unitCount, witnesses, tried, parts }: IsolatedList) => ({
  units: unitCount,
  broke: witnesses.size > 0,
  tried: witnesses.size === 0 ? tried : tried.filter(({ verdict, node }) => verdict !== 'good' || witnesses.has(node)),
  parts,
})

/** What the end of the run says of it. */
function solvedBy({ lists }: Isolation): string {
  const culprits = [...new Set(lists.flatMap(({ found }) => found?.culprits ?? []))]
  return culprits.length === 0 ? 'isolated: no patch is to blame' : `isolated: ${culprits.map(spoken).join(', ')}`
}

/** What the last line of a trial adds when patches were left out; `''`: none were. */
export function quarantinedText({ isolation }: RunState): string {
  const culprits = [...new Set(isolation?.lists.flatMap(({ found }) => found?.culprits ?? []) ?? [])]
  if (culprits.length === 0) return ''
  const more = culprits.length - NAMED_MAX
  return `; quarantined: ${culprits.slice(0, NAMED_MAX).map(spoken).join(', ')}${more > 0 ? `, and ${String(more)} more` : ''}`
}

/** Patches that are named in a line; the journal and the baseline have them all. */
const NAMED_MAX = 8

/** `openssl 1:3.0.8-1` of a list's line. */
export function spoken(line: string): string {
  const [name = '', , version = ''] = line.split(' ')
  return `${name} ${version}`
}

function found(state: RunState, isolation: Isolation, list: number, step: Extract<SearchStep, { kind: 'found' }>): RunEvent {
  const { lines, units } = listAt(isolation, list)
  const culprits = step.culprits.flatMap((set) => ofUnits(lines, units, set))
  const why = step.culprits.flatMap((set) => ofUnits(lines, units, set).map(() => evidence(state, isolation, list, set)))
  const kept = [...isolation.tries]
    .filter(([, one]) => one.list === list && one.keep && one.verdict === 'good')
    .map(([position]) => position)
  return { type: 'CulpritsFound', list, culprits, why, dependents: ofUnits(lines, units, step.dependents), nodes: kept }
}

/** What a set of culprits did, in words that outlive the journal: the smallest try that had all of it and broke. There is one: what broke only once is tried again. */
function evidence(state: RunState, isolation: Isolation, list: number, set: readonly number[]): string {
  const { lines, units, tried } = listAt(isolation, list)
  const broke = tried.filter((one) => one.verdict === 'bad' && set.every((unit) => one.units.includes(unit)))
  const least = known(broke.sort((a, b) => a.units.length - b.units.length)[0], 'a try that broke')
  const together = set.length > 1 ? `; only together: ${ofUnits(lines, units, set).map(spoken).join(', ')}` : ''
  const digest = digestOf(listAt(isolation, list), least.units)
  return `${least.why} on ${planned(state, least.node).node} in round ${String(least.round)} with the list ${digest.slice(0, DIGEST_SHOWN)}${together}`
}

/** Characters of a digest that tell lists apart for people. */
const DIGEST_SHOWN = 12

/** The first round installs nothing: a node that is ill without any patch tells nothing about patches. */
function control(state: RunState, isolation: Isolation): Decision {
  const nodes = [...isolation.listOf.keys()].filter((position) => isFree(state, isolation, position))
  if (nodes.length === 0) return ended(NO_NODE)
  return events(round(isolation, nodes.map((position) => ({ position, list: known(isolation.listOf.get(position), 'the list'), units: [], keep: false })))) // prettier-ignore
}

const NO_NODE = 'no node is left that was well without the patches and broke with them'

type Choice = Readonly<{ position: number; list: number; units: readonly number[]; keep: boolean }>

function nextRound(state: RunState, isolation: Isolation, steps: readonly (SearchStep | null)[]): Decision {
  const chosen: Choice[] = []
  for (const [list, step] of steps.entries()) {
    if (step?.kind !== 'try' && step?.kind !== 'keep') continue
    const free = [...isolation.listOf].flatMap(([position, of]) => (of === list && isFree(state, isolation, position) ? [position] : []))
    const { witnesses } = listAt(isolation, list)
    if (witnesses.size > 0 && !free.some((position) => witnesses.has(position))) return ended(NO_NODE)
    if (free.length === 0) return ended(NO_NODE)
    if (step.kind === 'keep') chosen.push(...free.map((position) => ({ position, list, units: step.set, keep: true })))
    else {
      // Where the whole broke nobody, nobody has to show that a part breaks as well.
      const shown = witnesses.size === 0 ? free : free.filter((position) => witnesses.has(position))
      chosen.push(...step.sets.slice(0, shown.length).map((units, index) => ({ position: known(shown[index], 'a node'), list, units, keep: false }))) // prettier-ignore
    }
  }
  return events(round(isolation, chosen.sort((a, b) => a.position - b.position))) // prettier-ignore
}

/** It can be tried with something: restored, or never reached, and not known to be ill without patches. */
function isFree(state: RunState, isolation: Isolation, position: number): boolean {
  if (isolation.out.has(position) || isolation.kept.has(position) || at(state.nodes.stage, position) !== STAGE.ended) return false
  const outcome = outcomeOf(state, position)
  if (outcome === 'skipped') return state.nodes.reason[position] === 'budget-spent'
  return outcome === 'rolled-back' || outcome === 'not-needed'
}

function round(isolation: Isolation, chosen: readonly Choice[]): RunEvent {
  return {
    type: 'TriesChosen',
    round: isolation.round + 1,
    nodes: chosen.map(({ position }) => position),
    lists: chosen.map(({ list }) => list),
    units: chosen.map(({ units }) => units),
    keep: chosen.map(({ keep }) => keep),
    digests: chosen.map(({ list, units }) => digestOf(listAt(isolation, list), units)),
  }
}

const digestOf = ({ lines, units }: IsolatedList, some: readonly number[]): string =>
  listDigest(
    ofUnits(lines, units, some).map((line) => {
      const [name = '', arch = '', version = ''] = line.split(' ')
      return { name, arch, version }
    }),
  )

/** Nodes that tell at once, and the others when they were watched long enough and their checks are clear. */
function judge(state: RunState, isolation: Isolation, now: Instant): Decision {
  const told = [...isolation.tries].flatMap(([position, trying]): RunEvent[] => {
    const judged = trying.verdict === null ? judgement(state, isolation, position) : undefined
    return judged ? [{ type: 'TryJudged', round: isolation.round, node: position, ...judged }] : []
  })
  if (told.length > 0) return events(...told)
  const { gate } = known(state.plan.waves[isolation.wave], 'the wave')
  const soakMs = isolation.round === 1 ? 0 : Math.min(gate.bakeMs, TRY_SOAK_MAX_MS)
  const from = plus(known(isolation.drainedAt, 'the drain'), soakMs)
  return now < from ? wake(from) : nextTryMeasure(state, isolation, now)
}
