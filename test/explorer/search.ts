import type { RunEvent } from '../../src/core/run/event.ts'
import { PRESENCE } from '../../src/core/run/gate.ts'
import { STAGE } from '../../src/core/run/state.ts'
import { measured } from '../core/run/telling.ts'
import { nodeOf } from './hands.ts'
import { fault, free, type EffectOf, type Move } from './moves.ts'
import type { Setup, Sim } from './sim.ts'

/** The lines of the trial's list, a unit each. */
export function groups({ culprits }: Setup): Move[] {
  const lines = culprits?.lines ?? []
  return [free('group', (): RunEvent[] => [{ type: 'PatchesGrouped', lines: [lines], units: [lines.map((_, unit) => unit)] }])]
}

/** A look at the nodes of a round: those that could be patched are well. */
export function tries({ live, world }: Sim, effect: EffectOf<'measure'>): Move[] {
  if (effect.check !== PRESENCE)
    return [free('try: pass', () => [measured(effect, 'pass')]), fault('try: inconclusive', () => [measured(effect, 'inconclusive')])]
  const lost = [...(live.isolation?.tries.keys() ?? [])].filter(
    (position) => live.nodes.touched[position] === 1 && live.nodes.stage[position] === STAGE.ended && !nodeOf(world, position).exists,
  )
  return [
    free('try: presence', () => [...(lost.length > 0 ? [{ type: 'NodesGone', nodes: lost } as const] : []), measured(effect, 'pass')]),
  ]
}
