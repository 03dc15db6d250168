import type { EventType, RunEvent } from '../../src/core/run/event.ts'
import { commandOf, STAGE, type RunState } from '../../src/core/run/state.ts'
import { known } from '../../src/kit/assert.ts'
import type { Instant } from '../../src/kit/instant.ts'
import { lockOf, worksUntil, type Order, type Rules, type World } from './world.ts'

/**
 * Claims and the count of intents as a fact leaves them, by the rules of the journal's writer: `state` is as it was before the fact. `alone`: the claims
 * are kept here and not by a store of two runs.
 */
export function handsAfter(world: World, state: RunState, event: RunEvent, alone: boolean): void {
  if (event.type === 'CommandIntended' && event.work === 'apply') for (const position of event.nodes) nodeOf(world, position).intents += 1
  if (event.type === 'CommandRefused') takenBack(world, state, event.n)
  if (event.type === 'FreezeBroken' && world.freeze !== null) world.freeze = { ...world.freeze, broken: true }
  if (alone) claimed(world, state, event)
}

function claimed(world: World, state: RunState, event: RunEvent): void {
  switch (event.type) {
    case 'CommandIntended':
      for (const position of event.nodes) world.claims[position] = 'ours'
      return
    case 'StepIntended':
      if (event.batch > 0) for (const position of event.nodes) world.claims[position] = 'ours'
      return
    case 'CommandRefused':
      return refused(world, state, event.n)
    case 'CommandClosed':
      for (const position of commandOf(state, event.n).nodes) {
        const { command, stage, endedSeconds } = state.nodes
        if (command[position] !== event.n || ON_THE_WAY.includes(stage[position] ?? 0)) continue
        if (endedSeconds[position] === 0 || stage[position] === STAGE.retrying) world.claims[position] = 'free'
      }
      return
    default:
  }
}

/** Stages of a node that is prepared, changed or brought back. */
export const ON_THE_WAY: readonly number[] = [STAGE.chosen, STAGE.flying, STAGE.returning]

/** The same once a fact was folded: who spoke and has nothing to bring back is let go, and who left its round or came back. */
export function handsBack(world: World, state: RunState, event: RunEvent, rules: Rules): void {
  const { nodes } = state
  if (event.type === 'CommandFound')
    for (const position of event.nodes) if (nodes.command[position] === event.n) world.claims[position] = 'ours'
  if (event.type === 'NodesReported')
    event.nodes.forEach((position, index) => {
      if (nodes.command[position] !== event.n || nodes.stage[position] === STAGE.returning) return
      if ((event.ended[index] ?? 0) !== 0 || rules.freesSilent) world.claims[position] = 'free'
    })
  if (!LEAVES.has(event.type)) return
  world.claims.forEach((claim, position) => {
    const silent = nodes.endedSeconds[position] === 0 && state.openCommands.has(nodes.command[position] ?? 0)
    if (claim === 'ours' && !ON_THE_WAY.includes(nodes.stage[position] ?? 0) && !silent) world.claims[position] = 'free'
  })
}

/** Facts with which nodes may leave a round or their way back. */
const LEAVES: ReadonlySet<EventType> = new Set<EventType>(['StepEnded', 'BatchDropped', 'BatchRead', 'NodesBusy'])

/** As the core judges it: only a refusal that proves that nothing was sent takes the intent back. */
function refused(world: World, state: RunState, n: number): void {
  if (!proves(state, n)) return
  for (const position of commandOf(state, n).nodes) if (state.nodes.taken[position] === 0) world.claims[position] = 'free'
}

function takenBack(world: World, state: RunState, n: number): void {
  const { work, nodes } = commandOf(state, n)
  if (work === 'apply' && proves(state, n)) for (const position of nodes) nodeOf(world, position).intents -= 1
}

const proves = (state: RunState, n: number): boolean => !commandOf(state, n).doubtful || state.unsent.has(n)

/** Whether it is stopped. */
export const isAsleep = (world: World, position: number): boolean => nodeOf(world, position).asleep && !nodeOf(world, position).started

export const nodeOf = (world: World, position: number) => known(world.nodes[position], `node ${String(position)}`)

/** Whether a command of this run works on the node, or could still begin to. */
export function mayWork(world: World, position: number, now: Instant): boolean {
  const node = nodeOf(world, position)
  if (!node.exists) return false
  const lock = lockOf(node)
  if (lock !== undefined && world.copies.some((copy) => copy.token === lock && copy.parts.has(position) && now < worksUntil(copy)))
    return true
  const startable = ({ startBefore }: Order, token: number): boolean => !node.scripts.has(token) && now < startBefore
  if (world.zombies.some((order) => order.nodes.includes(position) && startable(order, order.n))) return true
  return world.copies.some((copy) => copy.parts.get(position) === 'pending' && startable(copy, copy.token))
}
