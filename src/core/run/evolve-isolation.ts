import { assert, known } from '../../kit/assert.ts'
import type { Instant } from '../../kit/instant.ts'
import { measureChains } from './chains.ts'
import { startStoring } from './evolve-waves.ts'
import { OUTCOMES, type RunEvent } from './event.ts'
import { patchesBroke } from './isolate-reasons.ts'
import { unitCount } from './isolate-units.ts'
import { isIsolating, type IsolatedList, type Isolation } from './isolation.ts'
import { move } from './moving.ts'
import { at, codeOf, STAGE, unwant, want, type RunState } from './state.ts'
import { clearWaiting, enqueue } from './waiting.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/**
 * Remembers what broke each node, before the rollback gives it another outcome: by its own report, or by the checks that failed the gate.
 * Part of `evolve`.
 */
export function rememberBroken(state: RunState, waves: readonly number[]): void {
  const [index] = waves
  if (index === undefined || state.isolation !== null || state.plan.runbook.test?.onFailure !== 'isolate' || state.plan.act !== 'trial')
    return
  const { measure } = known(state.waves[index], 'the wave')
  for (const position of known(state.plan.waves[index], 'the wave').nodes) {
    const failing = [...(measure?.failing ?? [])].flatMap(([check, nodes]) => (nodes.includes(position) ? [`${check}: fail`] : []))
    const reason = state.nodes.reason[position] ?? ''
    if (at(state.nodes.outcome, position) === codeOf('failed') && patchesBroke(reason)) state.brokenBy.set(position, reason)
    else if (failing.length > 0 && at(state.nodes.outcome, position) === codeOf('patched')) state.brokenBy.set(position, failing.join(', '))
  }
}

/** The trial is rolled back; its patches are grouped into units that cannot be separated. */
export function isolationStarted(state: RunState, event: Of<'IsolationStarted'>): void {
  const nodes = known(state.plan.waves[event.wave], 'the wave').nodes
  state.isolation = {
    wave: event.wave,
    stage: 'grouping',
    round: 0,
    measures: 0,
    measuresBefore: 0,
    lists: [],
    listOf: new Map(nodes.flatMap((position) => listEntry(state, position))),
    derived: [],
    tries: new Map(),
    drainedAt: null,
    out: new Map(),
    kept: new Set(),
    over: null,
  }
  searchGoesOn(state)
  want(state, { kind: 'group', key: 'group' })
}

/** Nodes will be changed again: what calendars say counts anew, which nobody asked for in the rollback. */
function searchGoesOn(state: RunState): void {
  state.rollback = null
  state.phase = { name: 'isolating' }
  if (state.frost !== null && state.frost.again !== null) want(state, { kind: 'almanac', key: 'almanac' })
}

const listEntry = (state: RunState, position: number): [number, number][] => {
  const list = at(state.nodes.list, position)
  return list < 0 ? [] : [[position, list]]
}

/** A round of a search that goes on is undone: the next one may begin. Part of `evolve`. */
export function rolledBack(state: RunState): void {
  if (isIsolating(state.isolation)) searchGoesOn(state)
}

const on = (state: RunState): Isolation => known(state.isolation, 'the isolation')

/** It is known what can be tried apart: the search may begin. */
export function patchesGrouped(state: RunState, event: Of<'PatchesGrouped'>): void {
  const isolation = on(state)
  unwant(state, 'group')
  event.lines.forEach((lines, list) => {
    const units = known(event.units[list], 'the units')
    const witnesses = new Map([...state.brokenBy].filter(([position]) => isolation.listOf.get(position) === list))
    const parts = Math.min(PARTS_MAX, Math.max(2, witnesses.size))
    isolation.lists.push({ lines, units, unitCount: unitCount(units), witnesses, parts, tried: [], found: null })
  })
  isolation.stage = 'choosing'
}

/** More parts at once would only make each too small to say much, where patches need one another. */
const PARTS_MAX = 8

/** The nodes of a round get what they are tried with, and wait for their places like any other. */
export function triesChosen(state: RunState, event: Of<'TriesChosen'>): void {
  const isolation = on(state)
  assert(event.round === isolation.round + 1, 'rounds are numbered without holes')
  Object.assign(isolation, { round: event.round, stage: 'trying', tries: new Map(), drainedAt: null })
  clearWaiting(state)
  const installing: number[] = []
  event.nodes.forEach((position, index) => {
    const units = known(event.units[index], 'the units')
    const list = known(event.lists[index], 'the list')
    const keep = known(event.keep[index], 'whether it stays')
    const outcome = known(OUTCOMES[at(state.nodes.outcome, position)], 'the outcome')
    const before = { outcome, reason: known(state.nodes.reason[position], 'the reason') }
    isolation.tries.set(position, { list, units, keep, before, refused: null, fails: new Map(), verdict: null })
    if (units.length === 0) return
    state.nodes.list[position] = known(state.lists, 'the lists').count + derive(isolation, list, units)
    reopen(state, position)
    installing.push(position)
  })
  const { tighter } = known(state.plan.waves[isolation.wave], 'the wave')
  measureChains(state, installing, new Map(tighter.map((one) => [one.group, one.atMost])))
  for (const position of installing) enqueue(state, position)
}

function derive(isolation: Isolation, base: number, units: readonly number[]): number {
  const key = units.join(' ')
  const found = isolation.derived.findIndex((one) => one.base === base && one.units.join(' ') === key)
  return found >= 0 ? found : isolation.derived.push({ base, units }) - 1
}

/** The node is as before the run: it begins anew. */
function reopen(state: RunState, position: number): void {
  const { nodes } = state
  const wave = known(state.waves[at(nodes.wave, position)], 'the wave')
  const before = at(nodes.outcome, position)
  wave.counts[before] = at(wave.counts, before) - 1
  wave.counts[0] = at(wave.counts, 0) + 1
  state.livePatched.delete(position)
  state.changedEarlier.delete(position)
  for (const values of [nodes.outcome, nodes.applied, nodes.touched, nodes.attempts, nodes.changed, nodes.endedSeconds])
    values[position] = 0
  nodes.reason[position] = ''
  move(state, position, STAGE.waiting)
}

/** None of the round's nodes waits or is in flight any more: they are watched now. */
export function triesDrained(state: RunState, now: Instant): void {
  const isolation = on(state)
  isolation.stage = 'soaking'
  isolation.drainedAt = now
  isolation.measuresBefore = isolation.measures
  state.measure = null
}

/** A measurement of the round's nodes counts for each of them. Part of `evolve`. */
export function tryMeasured(state: RunState, { check, failing }: Of<'CheckMeasured'>): void {
  for (const [position, { fails }] of on(state).tries) fails.set(check, failing.includes(position) ? (fails.get(check) ?? 0) + 1 : 0)
}

/** One node of the round is judged; after the last one the next round may be chosen. */
export function tryJudged(state: RunState, event: Of<'TryJudged'>): void {
  const isolation = on(state)
  const trying = known(isolation.tries.get(event.node), 'the try')
  trying.verdict = event.verdict
  if (trying.units.length === 0) {
    if (event.verdict !== 'good') isolation.out.set(event.node, event.why)
  } else {
    const list = listAt(isolation, trying.list)
    const { node, round, verdict, why } = event
    list.tried.push({ units: trying.units, verdict, kept: trying.keep, node, round, why })
    if (event.verdict === 'bad') list.witnesses.set(event.node, event.why)
  }
  if ([...isolation.tries.values()].every(({ verdict }) => verdict !== null)) isolation.stage = 'choosing'
}

/** What is known of one of the run's lists. */
export const listAt = (isolation: Isolation, list: number): IsolatedList => known(isolation.lists[list], `list ${String(list)}`)

/** The rest of this list stays on the nodes that were well with it. */
export function culpritsFound(state: RunState, event: Of<'CulpritsFound'>): void {
  const isolation = on(state)
  const { lines, units } = listAt(isolation, event.list)
  const gone = new Set([...event.culprits, ...event.dependents])
  const left = new Set(lines.flatMap((line, index) => (gone.has(line) ? [] : [known(units[index], 'the unit')])))
  const rest = [...left].sort((a, b) => a - b)
  const list = known(state.lists, 'the lists').count + derive(isolation, event.list, rest)
  const { culprits, why, dependents } = event
  listAt(isolation, event.list).found = { list, culprits, why, dependents }
  for (const position of event.nodes) isolation.kept.add(position)
}

/** All lists have come to an end: baselines are stored; or nobody will know, and what stayed is rolled back too. */
export function isolationEnded(state: RunState, { solved, reason }: Of<'IsolationEnded'>, now: Instant): void {
  const isolation = on(state)
  isolation.over = reason
  isolation.tries = new Map()
  if (!solved) return
  const wave = known(state.waves[isolation.wave], 'the wave')
  wave.phase = 'passed'
  wave.decidedAt = now
  wave.why = [reason]
  state.phase = startStoring(state)
}
