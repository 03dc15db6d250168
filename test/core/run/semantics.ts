import type { RunState } from '../../../src/core/run/state.ts'

/** What a state means: all of it but the plan and its two caches (who waits in which lane; which effects were named already). */
export function semantics(state: RunState): unknown {
  const { plan, nodes, waiting, dirty, waves, ...rest } = state
  void plan
  void waiting
  void dirty
  return plain({ ...rest, nodes: { ...nodes }, waves })
}

function plain(value: unknown): unknown {
  if (value instanceof Map)
    return [...value].map(([key, inner]) => [key, plain(inner)]).sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
  if (value instanceof Set) return [...value].map(plain).sort()
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  return value
}
