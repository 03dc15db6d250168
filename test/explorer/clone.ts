import type { RunState } from '../../src/core/run/state.ts'
import type { Sim } from './sim.ts'
import type { World } from './world.ts'

/** Parts of a run's state that never change once made: shared by all copies. */
const SHARED: ReadonlySet<string> = new Set(['plan', 'cells', 'groupSet', 'setMembers', 'window', 'phase'])

/** Maps and lists whose members are replaced, never changed. */
const SHALLOW: ReadonlySet<string> = new Set(['activities', 'batches', 'prepared', 'stored', 'dirty', 'reason', 'why'])

/** A copy of everything that a move may change. */
export function cloneSim(sim: Sim): Sim {
  return { live: cloneState(sim.live), folded: cloneState(sim.folded), now: sim.now, wakeAt: sim.wakeAt, world: cloneWorld(sim.world) }
}

/** A copy of a run's state. The plan is shared. */
export const cloneState = (state: RunState): RunState => members(state)

function members<T extends object>(value: T): T {
  const copy: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) copy[key] = SHARED.has(key) ? inner : deep(inner, SHALLOW.has(key))
  return copy as T
}

function deep(value: unknown, shallow: boolean): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return (value as Uint8Array).slice()
  if (Array.isArray(value)) return shallow || typeof value[0] !== 'object' ? value.slice() : value.map((inner: unknown) => deep(inner, false))
  if (value instanceof Set) return new Set(value)
  if (!(value instanceof Map)) return members(value)
  if (shallow) return new Map(value)
  const copy = new Map<unknown, unknown>()
  for (const [key, inner] of value) copy.set(key, deep(inner, false))
  return copy
}

function cloneWorld(world: World): World {
  return {
    nodes: world.nodes.map((node) => ({ ...node, scripts: new Map(node.scripts) })),
    copies: world.copies.map((copy) => ({ ...copy, parts: new Map(copy.parts) })),
    copyCount: world.copyCount,
    zombies: [...world.zombies],
    claims: [...world.claims],
    left: { ...world.left },
    running: new Set(world.running),
    rolledBack: world.rolledBack,
  }
}
