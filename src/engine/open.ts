import { PatchwaveError } from '../kit/error.ts'
import { openEntry } from '../core/audit/open.ts'
import { readPlan } from '../core/plan/make.ts'
import type { Plan } from '../core/plan/plan.ts'
import { fromData } from '../core/run/codec.ts'
import type { Fact } from '../core/run/event.ts'
import { evolve } from '../core/run/evolve.ts'
import { initial, type RunState } from '../core/run/state.ts'
import type { Sealed, Store } from '../ports/store.ts'

/**
 * Reads a run back from its journal: verified entry by entry, folded from the first one.
 * @throws `run.unknown`, `journal.broken`, `journal.newer`
 */
export async function openRun(store: Store, run: string): Promise<{ state: RunState; plan: Plan; last: Sealed }> {
  let state: RunState | undefined
  let plan: Plan | undefined
  let last: Sealed | undefined
  const early: Fact[] = []
  for await (const sealed of store.read(run)) {
    const entry = openEntry(sealed, last ?? null)
    const fact: Fact = { at: entry.at, actor: entry.actor, event: fromData(entry.type, entry.data) }
    last = sealed
    if (state !== undefined) {
      evolve(state, fact)
      continue
    }
    early.push(fact)
    if (fact.event.type !== 'PlanPinned') continue
    plan = await pinnedPlan(store, fact.event.plan)
    state = initial(run, plan.content)
    for (const one of early) evolve(state, one)
  }
  if (state === undefined || plan === undefined || last === undefined)
    throw new PatchwaveError('run.unknown', `there is no run ${run}`, { hint: 'list them with `patchwave status --all`' })
  return { state, plan, last }
}

/** The plan that a run pinned, by its digest; it is verified against it. */
export async function pinnedPlan(store: Store, digest: string): Promise<Plan> {
  const text = await store.plan(digest)
  if (text === undefined)
    throw new PatchwaveError('journal.broken', `the plan ${digest} is not in the store`, {
      hint: 'restore the store from a copy that has it',
    })
  return readPlan(text)
}
