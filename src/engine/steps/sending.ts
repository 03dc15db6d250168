import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf } from '../../kit/ids.ts'
import { earliest, latest, MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { awaitsFreezes, freezeNow, nextFreeze } from '../../core/run/freezing.ts'
import type { Step } from '../../core/run/parts.ts'
import { planned, type RunState } from '../../core/run/state.ts'
import { neverRan } from '../../core/run/verdict.ts'
import type { CommandOrder } from '../../ports/commands.ts'
import { asking, type Answer, type Part, type Question } from '../ask.ts'
import type { Found, Performing } from '../effects/perform.ts'
import { stepEnded, type StepResult } from './step.ts'
import { goneResult, lookAt, mayPass } from './trying.ts'

/** How long a node has to pick a step's command up, and how long its answer may take beyond its work. */
const DELIVERY_MS: Ms = 10 * MINUTE
const READ_MS: Ms = 5 * MINUTE

/** After a failure that may pass, the step goes on from what the journal says. */
const AGAIN_MS: Ms = 30 * SECOND

/** Until when a step that sends a command is waited for, and when it must have begun on its nodes. */
export type StepTime = Readonly<{ until: Instant; startBefore: Instant }>

/**
 * A step before a forward change begins within what the change itself must begin in. One that brings nodes back is given its whole time also by a
 * driver that comes late.
 */
export function timeOf({ world, state }: Performing, step: Step, worksMs: Ms): StepTime {
  const now = world.clock.now()
  const until = step.batch === 0 ? latest(step.until, plus(now, DELIVERY_MS + worksMs + READ_MS)) : step.until
  const startBefore = plus(until, -(worksMs + READ_MS))
  return {
    until,
    startBefore: isForward(state, step) ? earliest(startBefore, changesEnd(state, now)) : startBefore,
  }
}

/** Whether it stands before a forward change. */
const isForward = ({ batches }: RunState, { batch }: Step): boolean => batches.get(batch)?.work === 'apply'

/** Whether what stands before a forward change may still begin: a person may have aborted the run since, or a freeze have come. */
export const mayBegin = ({ world, state }: Performing, step: Step): boolean =>
  !isForward(state, step) || world.clock.now() < changesEnd(state, world.clock.now())

/** How often a step looks whether the calendars have been read. */
const CALENDARS_MS: Ms = 5 * SECOND

/** A driver that takes a step up knows nothing of freezes until it has read them: before a forward change it waits for that as long as the step lasts. */
export async function calendarsRead({ world, state, signal }: Performing, step: Step): Promise<void> {
  const { clock } = world
  while (isForward(state, step) && awaitsFreezes(state) && clock.now() < step.until && !signal.aborted)
    await clock.sleep(plus(clock.now(), CALENDARS_MS), signal)
}

/** An abort, and a freeze that holds already, ends all starting: the step was meant to begin before it. */
function changesEnd(state: RunState, now: Instant): Instant {
  if (state.aborting !== null || awaitsFreezes(state) || freezeNow(state, now) !== undefined) return now
  const { lastStart } = known(state.window, 'the window')
  const freeze = nextFreeze(state, now)
  return freeze === null ? lastStart : earliest(lastStart, freeze)
}

/** What became of a node, and whether its wave goes on. */
export type Told = StepResult & Readonly<{ stop?: boolean }>

/** The same with how it is known. `silent`: nothing was heard of the node. `idle`: nothing of what was sent can have run there. */
export type Heard = Told & Readonly<{ silent?: boolean; idle?: boolean }>

/** The facts that end a step for these nodes. Nodes that are gone are told as such where nothing was heard of them. */
export async function toldOf(performing: Performing, step: Step, results: readonly Heard[]): Promise<readonly RunEvent[]> {
  const silent = results.filter((one) => one.silent === true).map(({ position }) => position)
  const gone = new Set(silent.length === 0 ? [] : await goneOf(performing, step, silent))
  const told = results.map(({ silent: _, idle = false, ...one }): Told => {
    if (!gone.has(one.position)) return one
    const result = goneResult(performing.state, step, one.position)
    if (idle) return result
    // What may have run on it may be why it is gone.
    const lost = step.batch !== 0 && (one.outcome === 'unknown' || one.outcome === 'failed')
    return { ...result, ...(lost && { outcome: 'failed' as const }), ...(one.stop === true && { stop: true }) }
  })
  const [goOn, stop] = [told.filter((one) => one.stop !== true), told.filter((one) => one.stop === true)]
  return [...(goOn.length > 0 ? [stepEnded(step, goOn)] : []), ...(stop.length > 0 ? [stepEnded(step, stop, true)] : [])]
}

/** Those of these nodes that EC2 is done with; none when it cannot be asked. */
async function goneOf(performing: Performing, step: Step, positions: readonly number[]): Promise<readonly number[]> {
  try {
    const seen = await lookAt(performing, step, positions)
    return positions.filter((position) => !seen.has(position))
  } catch (error) {
    if (!(error instanceof PatchwaveError)) throw error
    return []
  }
}

/**
 * Does a step's work anew after each failure that may pass, until its time is over or AWS refuses for good; then `giveUp` ends it. `toTheEnd`: also
 * what AWS refuses is waited for, because what was sent works on and whoever has the hand on the node must keep it meanwhile.
 */
export async function* patiently(
  { world, signal }: Performing,
  step: Step,
  until: Instant,
  work: () => Found,
  giveUp: () => Promise<readonly RunEvent[]>,
  toTheEnd = false,
): Found {
  const { clock, log } = world
  while (!signal.aborted) {
    try {
      yield* work()
      return
    } catch (error) {
      if (!(error instanceof PatchwaveError) || signal.aborted) throw error
      log.warn(`${step.name}: ${error.code}: ${error.message}`)
      if ((!toTheEnd && !mayPass(error)) || clock.now() >= until) {
        yield await giveUp()
        return
      }
    }
    await clock.sleep(plus(clock.now(), AGAIN_MS), signal)
  }
}

/** What a step sends in one of our own documents, and what an answer amounts to. `changes`: it may change packages. */
export type Sending = Readonly<{
  document: string
  /** How long the document may work once it has begun. */
  worksMs: Ms
  parts: (positions: readonly number[]) => Promise<readonly Part[]>
  judge: (position: number, answer: Answer) => Told
  changes?: boolean
}>

/** What was not sent to the node at all. */
const UNSENT: ReadonlySet<string> = new Set(['refused', 'unsent'])

/** Sends one of our own documents to the step's nodes and ends the step for each as it answers. The token makes every repeat harmless. */
export async function* sendOwn(performing: Performing, step: Step, sending: Sending): Found {
  const { world, state, signal } = performing
  await calendarsRead(performing, step)
  const time = timeOf(performing, step, sending.worksMs)
  const cell = cellOf(step.cell)
  const question: Question = {
    token: tokenOf(state.run, step.n),
    document: pinned(state, sending.document),
    askedAt: step.intendedAt,
    ...time,
    mayBegin: () => mayBegin(performing, step),
    executionSeconds: Math.ceil((sending.worksMs + DELIVERY_MS) / SECOND),
  }
  const judged = (answers: readonly Answer[]): Promise<readonly RunEvent[]> => {
    const byNode = new Map(answers.map((answer) => [answer.node, answer]))
    const results = step.nodes.flatMap((position) => {
      const answer = byNode.get(planned(state, position).node)
      if (answer === undefined) return []
      const { line, status } = answer
      return [{ ...sending.judge(position, answer), silent: line === undefined, idle: UNSENT.has(status) || neverRan(status) }]
    })
    return toldOf(performing, step, results)
  }
  const work = async function* (): Found {
    const parts = await sending.parts(step.nodes)
    for await (const answers of asking(world, cell, question, parts, signal)) if (!signal.aborted) yield await judged(answers)
  }
  const silent = (position: number): Answer => ({
    node: planned(state, position).node,
    cell,
    commandId: null,
    line: undefined,
    status: 'unheard',
  })
  yield* patiently(performing, step, time.until, work, () => judged(step.nodes.map(silent)), sending.changes)
}

/** A document of ours, with the hash that the plan pins. */
export const pinned = (state: RunState, name: string): CommandOrder['document'] => ({
  name,
  hash: known(state.plan.documents[name], `the hash of ${name}`),
})
