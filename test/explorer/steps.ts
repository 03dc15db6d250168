import type { Outcome, RunEvent, StepName } from '../../src/core/run/event.ts'
import { stepOf } from '../../src/core/run/evolve-steps.ts'
import { needsToken } from '../../src/core/run/steps.ts'
import type { Step } from '../../src/core/run/parts.ts'
import { goneResult } from '../../src/engine/steps/trying.ts'
import { instant } from '../../src/kit/instant.ts'
import { isAsleep, nodeOf } from './hands.ts'
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
    const gone = lost.map((position): Ending => ({ outcome: 'open', ...goneResult(sim.live, step, position) }))
    return [free(`${step.name}: ${lost.join()} gone`, () => [ended(step, gone)])]
  }
  if (step.batch === 0) return putBack(sim, step)
  return step.name === 'replace-root' ? replaceRoot(sim, step) : takeOut(sim, step)
}

/** Of who runs already nothing is kept when the others are started. */
const thingOf = ({ world }: Sim, name: StepName, position: number): string =>
  name !== 'start' || nodeOf(world, position).asleep ? `${name} ${position}` : ''

function takeOut(sim: Sim, step: Step): Move[] {
  const { name, nodes, found, id } = step
  const finds: RunEvent[] =
    found.size > 0 ? [] : [{ type: 'StepFound', id, nodes, things: nodes.map((position) => thingOf(sim, name, position)) }]
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
    ...(name === 'live-patch' ? livePatch(step) : []),
    ...(name === 'hook-before' ? nodes.slice(0, 1).map((position) => fails(position, true)) : []),
  ]
}

/** A node that a late word finds stopped again hears nothing. */
function putBack({ world }: Sim, step: Step): Move[] {
  const { name, nodes } = step
  const fails = (position: number): Ending => {
    return { position, done: false, outcome: name === 'verify' ? 'unknown' : 'open', reason: 'step-failed' }
  }
  const asleep = needsToken(name) ? nodes.filter((position) => isAsleep(world, position)) : []
  if (asleep.length > 0) return [free(`${name}: ${asleep.join()} asleep`, () => [ended(step, asleep.map(fails))])]
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

/** The kernel is patched: all is well, or it was left half-way, or nobody knows. */
function livePatch(step: Step): Move[] {
  const ends = (rows: readonly Ending[]) => (): RunEvent[] => [ended(step, rows)]
  const installed = step.nodes.map((position): Ending => ({ position, ...DONE, reason: 'installed' }))
  const bad = (position: number, outcome: Outcome): Move =>
    fault(`live-patch: ${position} ${outcome}`, ends([{ position, done: false, outcome, reason: `livepatch-${outcome}` }]))
  return [
    free('live-patch: installed', ends(installed)),
    ...step.nodes.flatMap((position) => [bad(position, 'failed'), bad(position, 'unknown')]),
  ]
}

/** The node boots from its copy of before the change, with whatever worked on it gone; without one, or when EC2 cannot, it stays as it is. */
function replaceRoot({ world }: Sim, step: Step): Move[] {
  const { id, nodes, found } = step
  const left = nodes.filter((position) => nodeOf(world, position).before === null)
  const fails = (some: readonly number[], reason: string) => (): RunEvent[] => [
    ended(
      step,
      some.map((position): Ending => ({ position, done: false, outcome: 'rollback-failed', reason })),
    ),
  ]
  if (left.length > 0) return [free(`replace-root: no copy of ${left.join()}`, fails(left, 'no-snapshot'))]
  const finds: RunEvent[] = found.size > 0 ? [] : [{ type: 'StepFound', id, nodes, things: nodes.map((position) => `copy ${position}`) }]
  const restored = nodes.map((position): Ending => ({ position, done: true, outcome: 'rolled-back', reason: 'root-replaced' }))
  return [
    free(`replace-root ${nodes.join()}`, (sim) => {
      for (const position of nodes) restoreRoot(nodeOf(sim.world, position))
      return [...finds, ended(step, restored)]
    }),
    ...(found.size > 0 ? [] : [fault(`replace-root ${nodes.join()}: begins`, () => finds)]),
    ...nodes.map((position) => fault(`replace-root: fails on ${position}`, fails([position], 'root-not-replaced'))),
  ]
}

function restoreRoot(node: SimNode): void {
  for (const [token, script] of node.scripts) if (script === 'running') node.scripts.set(token, 'failed')
  node.version = node.before ?? node.version
  node.looked = false
  node.changedBy = 'us'
}

/** What a step does to a node; steps that are not here change nothing that the explorer looks at. */
const TAKES: Partial<Record<StepName, (node: SimNode) => void>> = {
  start: (node) => void (node.started = node.asleep),
  drain: (node) => void (node.drained = true),
  standby: (node) => void (node.standby = true),
  snapshot: (node) => void (node.before ??= node.version),
  'hook-before': (node) => void (node.quiet = true),
}

const BRINGS_BACK: Partial<Record<StepName, (node: SimNode) => void>> = {
  rejoin: (node) => void (node.drained = false),
  'hook-after': (node) => void (node.looked = true),
  'hook-exit': (node) => void (node.quiet = false),
  'in-service': (node) => void (node.standby = false),
  stop: (node) => void (node.started = false),
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
