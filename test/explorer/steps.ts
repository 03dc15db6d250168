import type { Outcome, RunEvent, StepName } from '../../src/core/run/event.ts'
import { stepOf } from '../../src/core/run/evolve-steps.ts'
import type { Step } from '../../src/core/run/parts.ts'
import { instant } from '../../src/kit/instant.ts'
import { nodeOf } from './hands.ts'
import { fault, free, type Move } from './moves.ts'
import type { Sim } from './sim.ts'
import type { SimNode } from './world.ts'

/** How a node leaves a step: whether it did its work, and the outcome that it gives. */
type Ending = Readonly<{ position: number; done: boolean; outcome: Outcome; reason: string }>

const DONE = { done: true, outcome: 'open', reason: 'done' } as const

/** What may become of a step: done for all, begun and not over yet, failed for one of its nodes. Who is gone cannot be prepared or put back. */
export function stepAnswers(sim: Sim, id: number): Move[] {
  const step = stepOf(sim.live, id)
  const lost = step.nodes.filter((position) => !nodeOf(sim.world, position).exists)
  if (lost.length > 0) {
    const gone = lost.map((position): Ending => ({ position, done: false, outcome: step.batch === 0 ? 'open' : 'skipped', reason: 'gone' }))
    return [free(`${step.name}: ${lost.join()} gone`, () => [ended(step, gone)])]
  }
  return step.batch === 0 ? putBack(step) : takeOut(step)
}

function takeOut(step: Step): Move[] {
  const { name, nodes, found, id } = step
  const finds: RunEvent[] = found.size > 0 ? [] : [{ type: 'StepFound', id, nodes, things: nodes.map((position) => `${name} ${position}`) }]
  const take = ({ world }: Sim): void => {
    for (const position of nodes) TAKES[name]?.(nodeOf(world, position))
  }
  const all = nodes.map((position): Ending => ({ position, ...DONE }))
  const fails = (position: number, stop: boolean): Move =>
    fault(`${name}: fails on ${position}${stop ? ', and stops the wave' : ''}`, (sim) => {
      take(sim)
      return [...finds, ended(step, [{ position, done: false, outcome: stop ? 'failed' : 'skipped', reason: 'step-failed' }], stop)]
    })
  return [
    free(`${name} ${nodes.join()}`, (sim) => (take(sim), [...finds, ended(step, all)])),
    ...(found.size > 0 ? [] : [fault(`${name} ${nodes.join()}: begins`, (sim) => (take(sim), finds))]),
    ...nodes.map((position) => fails(position, false)),
    ...(name === 'hook-before' ? nodes.slice(0, 1).map((position) => fails(position, true)) : []),
  ]
}

function putBack(step: Step): Move[] {
  const { name, nodes } = step
  const fails = (position: number): Ending => {
    const outcome = name === 'verify' ? 'unknown' : name === 'hook-after' ? 'failed' : 'open'
    return { position, done: false, outcome, reason: 'step-failed' }
  }
  return [
    free(`${name} ${nodes.join()}`, ({ world }) => {
      for (const position of nodes) BRINGS_BACK[name]?.(nodeOf(world, position))
      return [
        ended(
          step,
          nodes.map((position): Ending => ({ position, ...(name === 'verify' ? proved(nodeOf(world, position)) : DONE) })),
        ),
      ]
    }),
    ...nodes.map((position) => fault(`${name}: fails on ${position}`, () => [ended(step, [fails(position)])])),
  ]
}

/** What a step does to a node; steps that are not here change nothing that the explorer looks at. */
const TAKES: Partial<Record<StepName, (node: SimNode) => void>> = {
  drain: (node) => void (node.drained = true),
  'hook-before': (node) => void (node.quiet = true),
}

const BRINGS_BACK: Partial<Record<StepName, (node: SimNode) => void>> = {
  rejoin: (node) => void (node.drained = false),
  'hook-exit': (node) => void (node.quiet = false),
}

/** What a verify reads. */
function proved({ version }: SimNode): Omit<Ending, 'position'> {
  if (version === 'broken') return { done: true, outcome: 'failed', reason: 'not-installed' }
  return { done: true, outcome: version === 'v1' ? 'patched' : 'not-needed', reason: 'read' }
}

const ended = ({ id }: Step, rows: readonly Ending[], stop = false): RunEvent => ({
  type: 'StepEnded',
  id,
  nodes: rows.map(({ position }) => position),
  done: rows.map(({ done }) => done),
  outcomes: rows.map(({ outcome }) => outcome),
  reasons: rows.map(({ reason }) => reason),
  changed: rows.map(() => 0),
  missing: rows.map(() => 0),
  ended: rows.map(() => instant(0)),
  stop,
})
