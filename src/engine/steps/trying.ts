import { PatchwaveError } from '../../kit/error.ts'
import type { NodeId } from '../../kit/ids.ts'
import { cellOf } from '../../kit/ids.ts'
import { earliest, latest, MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import { isGone, type NodeSeen } from '../../core/plan/fleet.ts'
import type { Step } from '../../core/run/parts.ts'
import { at, planned, type RunState } from '../../core/run/state.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { stepEnded, type StepResult } from './step.ts'

/** The first pause after a failure and between two looks; later ones are longer: most of what is waited for takes seconds or minutes. */
const PAUSE_MS: Ms = 5 * SECOND
const AGAIN_MS_MAX: Ms = MINUTE
/** Hundreds of steps may look at once, and each look is a call of a shared quota. */
const LOOK_MS_MAX: Ms = 30 * SECOND

/** What came of a call: its answer, or the failure that stays. */
export type Tried<T> = Readonly<{ ok: true; value: T } | { ok: false; error: PatchwaveError }>

/**
 * Until when a call is tried. `patient`: refusals are tried again too, for what brings a node back: a person may mend the role or the quota
 * meanwhile.
 */
export type Trying = Pick<Performing, 'world' | 'signal'> & Readonly<{ until: Instant; patient: boolean }>

/**
 * Does a call until it is answered, refused for good, or its time is over. What is unclear is done again, so the call must be one whose
 * repeat its port recognises.
 */
export async function tried<T>({ world, signal, until, patient }: Trying, work: () => Promise<T>): Promise<Tried<T>> {
  const { clock } = world
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(AGAIN_MS_MAX, 2 * pauseMs)) {
    try {
      return { ok: true, value: await work() }
    } catch (error) {
      if (!(error instanceof PatchwaveError) || signal.aborted) throw error
      world.log.warn(error.message)
      if ((!patient && !mayPass(error)) || plus(clock.now(), pauseMs) >= until) return { ok: false, error }
    }
    await clock.sleep(plus(clock.now(), pauseMs), signal)
    signal.throwIfAborted()
  }
}

/** Whether the same call may be answered later. So may one that stood still until AWS called its time wrong: that says nothing of what was asked for. */
export const mayPass = ({ retryable, code }: PatchwaveError): boolean => retryable || code === 'aws.unclear' || code === 'clock.skewed'

/**
 * The first look of a step before a change. Not ok: AWS refuses or does not answer in time, or (without an error) a driver comes when the step's
 * time is over; then nothing is begun.
 */
export async function lookFirst<T>(
  { world, signal }: Performing,
  step: Step,
  work: () => Promise<T>,
): Promise<Tried<T> | Readonly<{ ok: false; error?: never }>> {
  if (world.clock.now() >= step.until) return { ok: false }
  return tried({ world, signal, until: step.until, patient: false }, work)
}

/** A driver that comes late still waits so long for what has been begun: it may have ended meanwhile, or need only this push. */
const LATE_MS: Ms = 10 * MINUTE

/** One look at nodes that a step waits for: the results of those that are ready, or never will be. */
export type Look = (left: readonly number[]) => Promise<readonly StepResult[]>

/** Looks at these nodes again and again and tells each result once it is there; those that are left when the step's time is over are `late`. */
export async function* polled(
  { world, signal }: Performing,
  step: Step,
  nodes: readonly number[],
  look: Look,
  late: (position: number) => StepResult,
): Found {
  const { clock } = world
  const until = latest(step.until, plus(clock.now(), LATE_MS))
  let left = nodes
  for (let pauseMs = PAUSE_MS; left.length > 0; pauseMs = Math.min(LOOK_MS_MAX, 1.5 * pauseMs)) {
    const results = await look(left)
    if (results.length > 0) yield [stepEnded(step, results)]
    const over = new Set(results.map(({ position }) => position))
    left = left.filter((position) => !over.has(position))
    if (left.length === 0) return
    if (clock.now() >= until) {
      yield [stepEnded(step, left.map(late))]
      return
    }
    await clock.sleep(earliest(plus(clock.now(), pauseMs), until), signal)
    signal.throwIfAborted()
  }
}

/** What Auto Scaling and ELBv2 show may lag so far behind what they were asked for, also where the answer was lost. */
const LAGS_MS: Ms = MINUTE

/** Whether what is shown now is certainly younger than what the steps before this one have asked for. */
export const isSettled = ({ world }: Pick<Performing, 'world'>, step: Step): boolean => world.clock.now() >= plus(step.intendedAt, LAGS_MS)

/** A call that one node made AWS refuse. */
export type Refused = Readonly<{ node: NodeId; error: PatchwaveError }>

/** Failures that say nothing of single nodes: halving the call would only repeat them. */
const OF_THE_CALL: ReadonlySet<string> = new Set([
  'aws.throttled',
  'aws.unreachable',
  'aws.expired',
  'aws.denied',
  'aws.conflict',
  'aws.stale',
])

/** Does a call for these nodes. AWS takes all of them or none, so a refused call is halved until it is known which nodes it refuses. */
export async function eachWilling(
  { world, signal }: Pick<Performing, 'world' | 'signal'>,
  nodes: readonly NodeId[],
  act: (nodes: readonly NodeId[]) => Promise<void>,
): Promise<readonly Refused[]> {
  if (nodes.length === 0) return []
  try {
    await act(nodes)
    return []
  } catch (error) {
    if (!(error instanceof PatchwaveError) || signal.aborted) throw error
    world.log.warn(error.message)
    if (nodes.length === 1 || OF_THE_CALL.has(error.code)) return nodes.map((node) => ({ node, error }))
    const half = Math.ceil(nodes.length / 2)
    const first = await eachWilling({ world, signal }, nodes.slice(0, half), act)
    return [...first, ...(await eachWilling({ world, signal }, nodes.slice(half), act))]
  }
}

/** The ids of these nodes. */
export const idsOf = (state: RunState, positions: readonly number[]): NodeId[] => positions.map((position) => planned(state, position).node)

/** These nodes as they are now, by position; those that EC2 is done with are absent. At most 50. */
export async function lookAt(
  { world, state, signal }: Performing,
  step: Step,
  positions: readonly number[],
): Promise<Map<number, NodeSeen>> {
  const seen = await world.fleet.look(cellOf(step.cell), idsOf(state, positions), signal)
  const byId = new Map(seen.filter((node) => !isGone(node)).map((node) => [node.node, node]))
  return new Map(
    positions.flatMap((position): [number, NodeSeen][] => {
      const node = byId.get(planned(state, position).node)
      return node === undefined ? [] : [[position, node]]
    }),
  )
}

/** The end of a node that disappeared: nothing can be brought back. What was changed on it is lost, so it has failed; what was not, is skipped. */
export function goneResult(state: RunState, step: Step, position: number): StepResult {
  const result = { position, done: true, reason: 'gone' }
  if (step.batch !== 0) return { ...result, outcome: 'skipped' }
  if (at(state.nodes.touched, position) === 0) return result
  return { ...result, outcome: isUndone(state, position) ? 'rollback-failed' : 'failed' }
}

/** Whether the node's turn in a rollback has come. A late word brings back others meanwhile, which nobody restores. */
function isUndone({ phase, plan, nodes }: RunState, position: number): boolean {
  if (phase.name !== 'rolling-back') return plan.work === 'rollback'
  return phase.waves.slice(0, phase.at + 1).includes(at(nodes.wave, position))
}

/** The end of a node before its change: it is left as it is. */
export const skipped = (position: number, reason: string): StepResult => ({ position, done: false, outcome: 'skipped', reason })

/** The same, where a call was refused: that the role may not make it is said in a word of its own (`drain-denied`), for a person has to mend that. */
export const prevented = (step: Step, position: number, reason: string, error: PatchwaveError | undefined): StepResult =>
  skipped(position, error?.code === 'aws.denied' ? `${step.name}-denied` : reason)
