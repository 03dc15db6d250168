import { cellOf } from '../kit/ids.ts'
import { PatchwaveError } from '../kit/error.ts'
import { MINUTE, plus } from '../kit/instant.ts'
import type { RunState } from '../core/run/state.ts'
import { drive, isCutOff, type DriveParts, type Ended } from './driver.ts'
import { Hints } from './hints.ts'
import { receiveEvents } from './intake.ts'
import type { Listener } from './journal.ts'
import { tellLeftovers } from './leftovers.ts'
import { Relay } from './relay.ts'
import { refuseSkew } from './skew.ts'
import type { World } from './world.ts'

/**
 * How long the end of a run, or its rest, waits for the feedback queue: whoever is asked something must hear of it before nobody drives the run.
 * What is left is published when this store, or the run, is driven next.
 */
const LAST_FEEDBACK_MS = 5 * MINUTE

/** Who listens, when to leave, and whose ears for status events are used. */
export type ConductParts = Pick<DriveParts, 'listen' | 'leaveWhen' | 'signal'> &
  Readonly<{
    /** Status events of several runs come through the same queues: who drives several shares them. Absent: this run's own. */
    events?: Readonly<{ hints: Hints; listenIn: (regions: Iterable<string>) => void }>
  }>

/** Drives a run together with what belongs around it: status events in, feedback out. Resolves as `drive` does. */
export async function conduct(world: World, run: string, parts: ConductParts): Promise<Ended | undefined> {
  const { listen, leaveWhen, signal } = parts
  try {
    await refuseSkew(world, signal)
  } catch (error) {
    if (!isCutOff(error, signal)) throw error
    return undefined
  }
  const hints = parts.events?.hints ?? new Hints()
  const publishing = new AbortController()
  const around = new AbortController()
  const stop = AbortSignal.any([signal, around.signal])
  const feeds: Promise<void>[] = []
  const relays: Relay[] = []
  // A store that fails is met by the driver as well, which says so; what only stands beside it must not end the process first.
  const beside = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => {
      if (!(error instanceof PatchwaveError)) throw error
      world.log.warn(`beside run ${run}: ${error.code}: ${error.message}`)
    })
  const opened = (state: RunState): void => {
    const regions = new Set(state.cells.map((cell) => cellOf(cell).region))
    if (parts.events) parts.events.listenIn(regions)
    else feeds.push(...eventFeeds(world, regions, hints, stop).map(beside))
    const { feedback, runbook } = state.plan
    if (feedback !== null) relays.push(new Relay(world, run, runbook.name, feedback))
  }
  const heard: Listener = (state, fact, sealed) => {
    for (const relay of relays) relay.push(AbortSignal.any([signal, publishing.signal]))
    listen(state, fact, sealed)
  }
  const mayLeave: typeof leaveWhen = (state, wakeAt) => {
    const told = relays.every(({ isDone }) => isDone) || world.clock.now() >= plus(state.at, LAST_FEEDBACK_MS)
    return told && leaveWhen?.(state, wakeAt) === true
  }
  if (!parts.events) feeds.push(beside(tellLeftovers(world, stop)))
  try {
    const ended = await drive(world, run, { ...parts, hints, opened, listen: heard, leaveWhen: mayLeave })
    if (ended) await flushAll(world, relays, publishing, signal)
    return ended
  } finally {
    publishing.abort()
    around.abort()
    await Promise.allSettled(feeds)
  }
}

/** Receives the status events of these regions until `signal`, where there is a queue of them. */
export function eventFeeds(world: World, regions: Iterable<string>, hints: Hints, signal: AbortSignal): Promise<void>[] {
  const { events } = world
  return events === null ? [] : [...regions].map((region) => receiveEvents(world, { region, ...events }, hints, signal))
}

async function flushAll(world: World, relays: readonly Relay[], publishing: AbortController, signal: AbortSignal): Promise<void> {
  const done = new AbortController()
  const patience = world.clock.sleep(plus(world.clock.now(), LAST_FEEDBACK_MS), AbortSignal.any([signal, done.signal])).then(() => {
    publishing.abort()
  })
  await Promise.all(relays.map((relay) => relay.flush(AbortSignal.any([signal, publishing.signal]))))
  done.abort()
  await patience
}
