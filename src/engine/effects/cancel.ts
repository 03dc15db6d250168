import { cellOf } from '../../kit/ids.ts'
import { plus, SECOND, type Ms } from '../../kit/instant.ts'
import { commandOf, planned } from '../../core/run/state.ts'
import { SETTLE_MS, shownOf } from '../ask.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** How soon it is looked again for what SSM does not show yet. */
const AGAIN_MS: Ms = 5 * SECOND

/**
 * Asks SSM to drop the invocations that have not started; what it does not show yet of a command that was just sent is waited for. What runs is left
 * alone: it would be killed with its package manager.
 */
export async function* cancelCommand({ world, state, signal }: Performing, effect: EffectOf<'cancel'>): Found {
  const command = commandOf(state, effect.n)
  const cell = cellOf(command.cell)
  const { clock } = world
  const settled = plus(clock.now(), SETTLE_MS)
  const nodeAt = (position: number): string => planned(state, position).node
  const cancelled = new Set<number>()
  while (!signal.aborted) {
    let hidden = false
    for (const id of command.ids) {
      const shown = await shownOf(world, { cell, commandId: id }, signal)
      if (command.nodes.some((position) => !shown.has(nodeAt(position)))) hidden = true
      const idle = command.nodes.filter((position) => IDLE.has(shown.get(nodeAt(position))?.status ?? ''))
      if (idle.length === 0) continue
      await world.commands.cancel(cell, id, idle.map(nodeAt), signal)
      for (const position of idle) cancelled.add(position)
    }
    if (!hidden || clock.now() >= settled) break
    await clock.sleep(plus(clock.now(), AGAIN_MS), signal)
  }
  yield [{ type: 'CancelDone', n: command.n, nodes: [...cancelled] }]
}

const IDLE: ReadonlySet<string> = new Set(['Pending', 'Delayed'])
