import { known } from '../kit/assert.ts'
import type { PinnedList } from '../core/plan/plan.ts'
import type { RunState } from '../core/run/state.ts'
import type { World } from './world.ts'

const cache = new WeakMap<RunState, readonly PinnedList[]>()

/** The lists that a run installs: the plan's, or those that the trial's classification pinned (a blob, named by digest in the journal). */
export async function listsOf(world: World, state: RunState): Promise<readonly PinnedList[]> {
  const ready = cache.get(state)
  if (ready) return ready
  if (state.lists === null) return state.plan.lists
  const { digest } = state.lists
  const text = known(await world.clock.hold(() => world.store.blob(digest)), `the lists ${digest}`)
  const lists = JSON.parse(text) as readonly PinnedList[]
  cache.set(state, lists)
  return lists
}
