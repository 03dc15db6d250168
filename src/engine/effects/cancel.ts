import { cellOf } from '../../kit/ids.ts'
import { commandOf, planned } from '../../core/run/state.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** Asks SSM to drop the invocations that have not started. What runs is left alone: it would be killed with its package manager. */
export async function* cancelCommand({ world, state, signal }: Performing, effect: EffectOf<'cancel'>): Found {
  const command = commandOf(state, effect.n)
  const cell = cellOf(command.cell)
  const cancelled: number[] = []
  for (const id of command.ids) {
    const idle = new Set<string>()
    for await (const one of world.commands.invocations(cell, id, signal))
      if (one.status === 'Pending' || one.status === 'Delayed') idle.add(one.node)
    const nodes = command.nodes.filter((position) => idle.has(planned(state, position).node))
    if (nodes.length === 0) continue
    await world.commands.cancel(
      cell,
      id,
      nodes.map((position) => planned(state, position).node),
      signal,
    )
    cancelled.push(...nodes)
  }
  yield [{ type: 'CancelDone', n: command.n, nodes: cancelled }]
}
