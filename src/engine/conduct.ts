import { cellOf } from '../kit/ids.ts'
import { PatchwaveError } from '../kit/error.ts'
import { MINUTE, plus, SECOND } from '../kit/instant.ts'
import type { RunState } from '../core/run/state.ts'
import { drive, type DriveParts, type Ended } from './driver.ts'
import { Hints } from './hints.ts'
import { receiveEvents } from './intake.ts'
import type { Listener } from './journal.ts'
import { tellLeftovers } from './leftovers.ts'
import { Relay, relayFinished } from './relay.ts'
import type { World } from './world.ts'

/** How long the end of a run waits for the feedback queue. What is left is published when this store is driven next. */
const LAST_FEEDBACK_MS = 5 * MINUTE

/** Drives a run together with what belongs around it: status events in, feedback out. Resolves as `drive` does. */
export async function conduct(
  world: World,
  run: string,
  parts: Pick<DriveParts, 'listen' | 'leaveWhen' | 'signal'>,
): Promise<Ended | undefined> {
  const { listen, signal } = parts
  await refuseSkew(world, signal)
  const hints = new Hints()
  const publishing = new AbortController()
  const around = new AbortController()
  const stop = AbortSignal.any([signal, around.signal])
  const feeds: Promise<void>[] = [relayFinished(world, stop)]
  const relays: Relay[] = []
  const opened = (state: RunState): void => {
    feeds.push(...eventFeeds(world, state, hints, stop))
    const { feedback, runbook } = state.plan
    if (feedback !== null) relays.push(new Relay(world, run, runbook.name, feedback))
  }
  const heard: Listener = (state, fact, sealed) => {
    for (const relay of relays) relay.push(AbortSignal.any([signal, publishing.signal]))
    listen(state, fact, sealed)
  }
  feeds.push(tellLeftovers(world, stop))
  try {
    const ended = await drive(world, run, { ...parts, hints, opened, listen: heard })
    if (ended) await flushAll(world, relays, publishing, signal)
    return ended
  } finally {
    publishing.abort()
    around.abort()
    await Promise.allSettled(feeds)
  }
}

/** Windows and `startBefore` mean AWS's time. A host whose clock is further off than this dispatches nothing. */
const SKEW_MAX_MS = 30 * SECOND

async function refuseSkew(world: World, signal: AbortSignal): Promise<void> {
  const { awsNow } = await world.identity.caller(signal)
  const skewMs = awsNow === null ? 0 : Math.abs(awsNow - world.clock.now())
  if (skewMs > SKEW_MAX_MS)
    throw new PatchwaveError('clock.skewed', `this host's clock is ${String(Math.round(skewMs / SECOND))} s off AWS's`, {
      hint: 'set the clock (chrony, ntpd) and start again',
    })
}

function eventFeeds(world: World, state: RunState, hints: Hints, signal: AbortSignal): Promise<void>[] {
  const { eventsQueue } = world
  if (eventsQueue === null) return []
  const regions = new Set(state.cells.map((cell) => cellOf(cell).region))
  return [...regions].map((region) => receiveEvents(world, region, eventsQueue, hints, signal))
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
