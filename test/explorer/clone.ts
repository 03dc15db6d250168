import type { RunState } from '../../src/core/run/state.ts'
import type { Sim } from './sim.ts'
import type { World } from './world.ts'

/** Parts of a run's state that never change once made: shared by all copies. */
const SHARED: ReadonlySet<string> = new Set([
  'plan',
  'cells',
  'groupSet',
  'setMembers',
  'window',
  'phase',
  'cell',
  'wave',
  'subject',
  'before',
  'lines',
])

/** Maps and lists whose members are replaced, never changed. */
const SHALLOW: ReadonlySet<string> = new Set(['activities', 'batches', 'prepared', 'stored', 'dirty', 'reason', 'why'])

/** A copy that a move may change: the world is its own; the run is still the parent's, to be replaced before anything is told to it. */
export const cloneSim = (sim: Sim): Sim => ({ ...sim, world: cloneWorld(sim.world) })

/** A copy of a run's state. The plan is shared. */
export const cloneState = (state: RunState): RunState => members(state)

function members<T extends object>(value: T): T {
  const copy = { ...value } as Record<string, unknown>
  for (const key in copy) {
    const inner = copy[key]
    if (typeof inner === 'object' && inner !== null && !SHARED.has(key)) copy[key] = deep(inner, SHALLOW.has(key))
  }
  return copy as T
}

function deep(value: object, shallow: boolean): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Int32Array) return new Int32Array(value)
  if (ArrayBuffer.isView(value)) return (value as Uint32Array).slice()
  if (Array.isArray(value)) return shallow ? value.slice() : value.map(inner)
  if (value instanceof Set) return new Set(value)
  if (!(value instanceof Map)) return members(value)
  if (shallow || value.size === 0) return new Map(value)
  const copy = new Map<unknown, unknown>()
  for (const [key, one] of value) copy.set(key, inner(one))
  return copy
}

const inner = (value: unknown): unknown => (typeof value === 'object' && value !== null ? deep(value, false) : value)

function cloneWorld(world: World): World {
  return {
    nodes: world.nodes.map((node) => ({ ...node, scripts: new Map(node.scripts) })),
    copies: world.copies.map((copy) => ({ ...copy, parts: new Map(copy.parts) })),
    copyCount: world.copyCount,
    zombies: [...world.zombies],
    driven: world.driven,
    inbox: [...world.inbox],
    notes: world.notes,
    answered: world.answered,
    denied: world.denied,
    freeze: world.freeze,
    closing: world.closing,
    claims: [...world.claims],
    left: { ...world.left },
    running: new Set(world.running),
    rolledBack: world.rolledBack,
  }
}
