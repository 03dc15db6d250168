import { listDigest } from '../../../src/core/plan/list.ts'
import type { Outcome } from '../../../src/core/run/event.ts'
import type { IsolatedList, Isolation, Trying } from '../../../src/core/run/isolation.ts'
import { codeOf, STAGE, type RunState } from '../../../src/core/run/state.ts'
import type { PlanSpec } from './plan.ts'
import { Telling } from './telling.ts'
import { isolated } from './walk-trial.ts'

/** The plan of `searching`. */
export const SPEC: PlanSpec = { waves: [{ nodes: 1 }, { nodes: 4 }] }

/** A trial whose second wave, of the nodes 1 to 4, is searched; all of them were restored. */
export function searching(more: Partial<Isolation> = {}, spec: PlanSpec = SPEC): { state: RunState; isolation: Isolation } {
  const told = new Telling(isolated(spec, false))
  told.open()
  const { state } = told
  const isolation: Isolation = {
    wave: 1,
    stage: 'choosing',
    round: 1,
    measures: 0,
    measuresBefore: 0,
    lists: [list()],
    listOf: new Map([1, 2, 3, 4].map((node) => [node, 0])),
    derived: [],
    tries: new Map(),
    drainedAt: null,
    out: new Map(),
    kept: new Set(),
    over: null,
    ...more,
  }
  state.isolation = isolation
  for (const node of [1, 2, 3, 4]) stands(state, node, 'rolled-back')
  return { state, isolation }
}

/** The node has ended like this. */
export function stands(state: RunState, node: number, outcome: Outcome, reason = ''): void {
  state.nodes.stage[node] = STAGE.ended
  state.nodes.outcome[node] = codeOf(outcome)
  state.nodes.reason[node] = reason
}

/** The line of a list's patch. */
export const lineOf = (unit: number): string => `package-${String(unit)} noarch 0:1-1`
/** The digest of a list of these patches. */
export const digestOf = (...units: readonly number[]): string =>
  listDigest(units.map((unit) => ({ name: `package-${String(unit)}`, arch: 'noarch', version: '0:1-1' })))

/** A list of patches that can each be tried apart, which broke these nodes. */
export const list = (count = 2, witnesses: readonly number[] = [1, 2], more: Partial<IsolatedList> = {}): IsolatedList => ({
  lines: Array.from({ length: count }, (_, unit) => lineOf(unit)),
  units: Array.from({ length: count }, (_, unit) => unit),
  unitCount: count,
  witnesses: new Map(witnesses.map((node) => [node, 'scriptlet-failed'])),
  parts: 2,
  tried: [],
  found: null,
  ...more,
})

/** A try of nothing but the first patch, unless it says otherwise. */
export const trying = (more: Partial<Trying> = {}): Trying => ({
  list: 0,
  units: [0],
  keep: false,
  before: { outcome: 'rolled-back', reason: '' },
  refused: null,
  fails: new Map(),
  verdict: null,
  ...more,
})
