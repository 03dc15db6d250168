import { known } from '../kit/assert.ts'
import { listDigest } from '../core/plan/list.ts'
import type { PinnedList } from '../core/plan/plan.ts'
import { listAt } from '../core/run/evolve-isolation.ts'
import { ofUnits } from '../core/run/isolate-units.ts'
import type { RunState } from '../core/run/state.ts'
import type { World } from './world.ts'

const cache = new WeakMap<RunState, readonly PinnedList[]>()

/**
 * The lists that a run installs: the plan's, or those that the trial's classification pinned (a blob, named by digest in the journal). After them the
 * parts of them that an isolation has tried, which follow from the journal.
 */
export async function listsOf(world: World, state: RunState): Promise<readonly PinnedList[]> {
  const whole = await wholeLists(world, state)
  const derived = state.isolation?.derived ?? []
  return derived.length === 0 ? whole : [...whole, ...derived.map(({ base, units }) => part(state, whole, base, units))]
}

async function wholeLists(world: World, state: RunState): Promise<readonly PinnedList[]> {
  const ready = cache.get(state)
  if (ready) return ready
  if (state.lists === null) return state.plan.lists
  const { digest } = state.lists
  const text = known(await world.clock.hold(() => world.store.blob(digest)), `the lists ${digest}`)
  const lists = JSON.parse(text) as readonly PinnedList[]
  cache.set(state, lists)
  return lists
}

function part(state: RunState, whole: readonly PinnedList[], base: number, units: readonly number[]): PinnedList {
  const list = known(whole[base], `list ${String(base)}`)
  const patches = ofUnits(list.patches, listAt(known(state.isolation, 'the isolation'), base).units, units)
  return { ...list, patches, digest: listDigest(patches) }
}
