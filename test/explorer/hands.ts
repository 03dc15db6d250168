import type { RunEvent } from '../../src/core/run/event.ts'
import { commandOf, STAGE, type RunState } from '../../src/core/run/state.ts'
import { known } from '../../src/kit/assert.ts'
import type { Instant } from '../../src/kit/instant.ts'
import { lockOf, type Rules, type World } from './world.ts'

/** Claims and the count of intents as a fact leaves them, by the rules of the journal's writer: `state` is as it was before the fact. */
export function handsAfter(world: World, state: RunState, event: RunEvent, rules: Rules): void {
  switch (event.type) {
    case 'CommandIntended':
      for (const position of event.nodes) {
        world.claims[position] = 'ours'
        if (event.work === 'apply') nodeOf(world, position).intents += 1
      }
      return
    case 'CommandRefused':
      return refused(world, state, event.n)
    case 'NodesReported':
      return event.nodes.forEach((position, index) => {
        if (state.nodes.command[position] !== event.n) return
        if ((event.ended[index] ?? 0) !== 0 || rules.freesSilent) world.claims[position] = 'free'
      })
    case 'CommandClosed':
      for (const position of commandOf(state, event.n).nodes) {
        const { command, stage, endedSeconds } = state.nodes
        if (command[position] !== event.n || stage[position] === STAGE.flying) continue
        if (endedSeconds[position] === 0 || stage[position] === STAGE.retrying) world.claims[position] = 'free'
      }
      return
    default:
  }
}

/** As the core judges it: only a refusal that proves that nothing was sent takes the intent back. */
function refused(world: World, state: RunState, n: number): void {
  const command = commandOf(state, n)
  const proves = !command.doubtful || state.unsent.has(n)
  for (const position of command.nodes) {
    if (proves) world.claims[position] = 'free'
    if (proves && command.work === 'apply') nodeOf(world, position).intents -= 1
  }
}

export const nodeOf = (world: World, position: number) => known(world.nodes[position], `node ${String(position)}`)

/** Whether a command of this run works on the node, or could still begin to. */
export function mayWork(world: World, state: RunState, position: number, now: Instant): boolean {
  const node = nodeOf(world, position)
  if (!node.exists) return false
  const lock = lockOf(node)
  if (lock !== undefined && world.copies.some((copy) => copy.token === lock && copy.parts.has(position) && now < copy.expiresAfter))
    return true
  const startable = (n: number, token: number): boolean => !node.scripts.has(token) && now < commandOf(state, n).startBefore
  if (world.zombies.some((n) => commandOf(state, n).nodes.includes(position) && startable(n, n))) return true
  return world.copies.some((copy) => copy.parts.get(position) === 'pending' && startable(copy.n, copy.token))
}
