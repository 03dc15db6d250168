import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { Outcome, RunEvent, StepName } from '../../src/core/run/event.ts'
import type { Fact } from '../../src/core/run/event.ts'
import type { RunEvidence } from './evidence.ts'

/** What follows a change, in order. Told here once more, beside the core's own table. */
const ORDER = ['verify', 'hook-after', 'hook-exit', 'in-service', 'rejoin', 'stop'] as const

/** What each step before a change owes the node afterwards. */
const OWES: ReadonlyMap<StepName, StepName> = new Map<StepName, StepName>([
  ['start', 'stop'],
  ['drain', 'rejoin'],
  ['standby', 'in-service'],
])

const WELL: ReadonlySet<Outcome> = new Set(['patched', 'not-needed', 'rolled-back'])

/** What the steps around its changes have done with one node. */
export type Around = {
  /** In a round whose first step was intended, or on its way back. */
  away: 'no' | 'round' | 'back'
  /** What has to be undone. */
  readonly owed: Set<StepName>
  /** What could not be undone. */
  readonly notBack: Set<StepName>
  /** Its change, of the round that it is in or was in last, came to an end; `late`: while it went back, and no hook has looked at it since; `root`: its root volume was replaced. */
  changed: 'no' | 'reported' | 'late' | 'root'
  /** The step of `ORDER` that it is at on its way back. */
  at: number
  /** It was stopped when it was taken. */
  started: boolean
}

export const nothingAround = (): Around => ({
  away: 'no',
  owed: new Set(),
  notBack: new Set(),
  changed: 'no',
  at: -1,
  started: false,
})

/** A step is about to prepare it. */
export function prepares(around: Around, plan: PlanContent, step: StepName): void {
  around.away = 'round'
  const owes = OWES.get(step)
  if (owes !== undefined) around.owed.add(owes)
  if (plan.runbook.hooks.exit !== null) around.owed.add('hook-exit')
  if (step === 'replace-root') around.changed = 'root'
}

/** Whether a step is still to come before the node is back, given its outcome. */
function isDue(around: Around, plan: PlanContent, outcome: Outcome, name: StepName): boolean {
  if (name === 'verify')
    return (around.changed === 'reported' || around.changed === 'late') && outcome === 'open' && plan.runbook.apply.with === 'patch-manager'
  if (name === 'hook-after') return around.changed !== 'no' && plan.runbook.hooks.after !== null && WELL.has(outcome)
  return around.owed.has(name)
}

/** Its change is over, or it left the round before: it goes back, or is back. */
export function turnsBack(around: Around, plan: PlanContent, outcome: Outcome): void {
  if (around.away === 'back') return
  around.at = -1
  around.away = ORDER.some((name) => isDue(around, plan, outcome, name)) ? 'back' : 'no'
}

/** A step on its way back is over. The outcome is what it has come to by then. */
export function stepsBack(around: Around, plan: PlanContent, outcome: Outcome, step: StepName): void {
  around.at = ORDER.findIndex((name) => name === step)
  if (step === 'hook-after' && around.changed === 'late') around.changed = 'reported'
  const missed = (name: StepName): boolean => name === 'verify' || (name === 'hook-after' && around.changed === 'late')
  const more = ORDER.some((name, index) => (index > around.at || (missed(name) && around.at > index)) && isDue(around, plan, outcome, name))
  around.away = more ? 'back' : 'no'
}

/** What the step was to undo is undone, or will never be. */
export function undoes(around: Around, step: StepName, done: boolean): void {
  if (done) around.notBack.delete(step)
  else if (around.owed.has(step)) around.notBack.add(step)
  around.owed.delete(step)
}

/** What begins to change nodes, or prepares them for it: from here on they are out of service. */
export type Beginning = Readonly<{ name: string; at: Fact['at']; nodes: readonly number[]; work: 'apply' | 'rollback' | 'scan' }>

/** Finds the beginnings in a run's facts, told one after the other. */
export class Beginnings {
  readonly #run: string
  readonly #works = new Map<number, Beginning['work']>()

  constructor({ run }: Pick<RunEvidence, 'run'>) {
    this.#run = run
  }

  /** The beginning that a fact is, if it is one. */
  of({ at, event }: Fact): Beginning | undefined {
    if (event.type === 'BatchChosen') this.#works.set(event.batch, event.work)
    if (event.type === 'CommandIntended') return { name: `${this.#run}.${String(event.n)}`, at, nodes: event.nodes, work: event.work }
    if (!preparesNodes(event)) return undefined
    const work = this.#works.get(event.batch) ?? 'apply'
    return { name: `${this.#run}: ${event.step} (step ${String(event.id)})`, at, nodes: event.nodes, work }
  }
}

export const preparesNodes = (event: RunEvent): event is Extract<RunEvent, { type: 'StepIntended' }> =>
  event.type === 'StepIntended' && event.batch > 0
