import { known } from '../../kit/assert.ts'
import { cellOf } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { NodeSeen } from '../../core/plan/fleet.ts'
import { thingKey } from '../../core/run/evolve-steps.ts'
import { isDown } from '../../core/run/reread.ts'
import type { Step } from '../../core/run/parts.ts'
import { at, codeOf, planned, type RunState } from '../../core/run/state.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { stepEnded, type StepResult } from './step.ts'
import { eachWilling, goneResult, idsOf, lookAt, lookFirst, mayPass, polled, prevented, skipped, tried } from './trying.ts'

/** What `StepFound` keeps of a node that did not run. */
const STOPPED = 'stopped'

/** Starts the nodes that do not run and waits for their agents. Those that do not come are skipped (`not-started`). */
export async function* start(performing: Performing, step: Step): Found {
  const { state } = performing
  const fresh = step.nodes.filter((position) => !step.found.has(position))
  if (fresh.length > 0) {
    const seen = await lookFirst(performing, step, () => lookAt(performing, step, fresh))
    if (!seen.ok) {
      yield [stepEnded(step, step.nodes.map((position) => prevented(step, position, 'not-started', seen.error)))] // prettier-ignore
      return
    }
    const thingOf = (position: number): string => (isOff(seen.value.get(position)) || wasStopped(state, position) ? STOPPED : '')
    yield [{ type: 'StepFound', id: step.id, nodes: fresh, things: fresh.map(thingOf) }]
  }
  yield* polled(performing, step, step.nodes, (left) => started(performing, step, left), notStarted)
}

const notStarted = (position: number): StepResult => skipped(position, 'not-started')

const isOff = (seen: NodeSeen | undefined): boolean => seen?.state === 'stopped' || seen?.state === 'stopping'

const wasStopped = (state: RunState, position: number): boolean => state.things.get(thingKey(position, 'start')) === STOPPED

async function started(performing: Performing, step: Step, left: readonly number[]): Promise<readonly StepResult[]> {
  const { world, state, signal } = performing
  const seen = await tried({ world, signal, until: step.until, patient: false }, () => lookAt(performing, step, left))
  if (!seen.ok) return left.map((position) => prevented(step, position, 'not-started', seen.error))
  const ours = left.filter((position) => known(step.found.get(position), 'what was found') === STOPPED)
  const off = idsOf(
    state,
    ours.filter((position) => seen.value.get(position)?.state === 'stopped'),
  )
  const refused = await eachWilling(performing, off, (nodes) => world.machines.start(cellOf(step.cell), nodes, signal))
  const never = new Map(refused.map(({ node, error }) => [node, error] as const).filter(([, error]) => !mayPass(error)))
  return left.flatMap((position): StepResult[] => {
    const now = seen.value.get(position)
    if (now === undefined) return [goneResult(state, step, position)]
    if (never.has(now.node)) return [prevented(step, position, 'not-started', never.get(now.node))]
    if (isOff(now) && !ours.includes(position)) return [skipped(position, 'stopped')] // Somebody has stopped it since it was looked at.
    return isBack(now, ours.includes(position) ? step.intendedAt : null) ? [{ position, done: true, reason: 'started' }] : []
  })
}

/** Whether the node runs and its agent answers. After a boot only a ping `since` then counts: SSM shows the last one for minutes. */
export const isBack = (now: NodeSeen, since: Instant | null): boolean =>
  !isDown(now) && (since === null || (now.lastPing !== null && now.lastPing >= since))

/**
 * Stops the nodes that this run has started. One on which a change may still be at work, ours or another's, is left running, and named: stopping
 * it could cut a package transaction.
 */
export async function* stop(performing: Performing, step: Step): Found {
  yield* polled(performing, step, step.nodes, (left) => stopped(performing, step, left), notStopped)
}

/** Its last command ended without a word of the node, or with the word that somebody else is at work on its packages: a job of the boot, or our own change. */
function mayStillChange({ nodes }: RunState, position: number): boolean {
  const outcome = at(nodes.outcome, position)
  if (outcome === codeOf('unknown') || nodes.reason[position]?.endsWith('lock-held') === true) return true
  return outcome === codeOf('rollback-failed') && at(nodes.command, position) > 0 && at(nodes.endedSeconds, position) === 0
}

const notStopped = (position: number): StepResult => ({ position, done: false, reason: 'not-stopped' })

const isStopped = (position: number): StepResult => ({ position, done: true, reason: 'stopped' })

async function stopped(performing: Performing, step: Step, left: readonly number[]): Promise<readonly StepResult[]> {
  const { world, state, signal } = performing
  const results = left.filter((position) => !wasStopped(state, position)).map(isStopped)
  const ours = left.filter((position) => wasStopped(state, position))
  const unsure = ours.filter((position) => mayStillChange(state, position))
  const sure = ours.filter((position) => !unsure.includes(position))
  if (sure.length === 0) return [...results, ...unsure.map(notStopped)]
  const seen = await tried({ world, signal, until: step.until, patient: true }, () => lookAt(performing, step, sure))
  if (!seen.ok) return [...results, ...unsure.map(notStopped)]
  const on = sure.filter((position) => ['running', 'pending'].includes(seen.value.get(position)?.state ?? ''))
  await eachWilling(
    performing,
    on.map((position) => planned(state, position).node),
    (nodes) => world.machines.stop(cellOf(step.cell), nodes, signal),
  )
  const ended = sure.flatMap((position): StepResult[] => {
    const now = seen.value.get(position)
    if (now === undefined) return [goneResult(state, step, position)]
    return now.state === 'stopped' ? [isStopped(position)] : []
  })
  return [...results, ...unsure.map(notStopped), ...ended]
}
