import { PatchwaveError } from '../kit/error.ts'
import { SECOND } from '../kit/instant.ts'
import type { World } from './world.ts'

/** Windows and `startBefore` mean AWS's time. A host whose clock is further off than this dispatches nothing. */
const SKEW_MAX_MS = 30 * SECOND

/** @throws `clock.skewed`, and what asking AWS throws */
export async function refuseSkew(world: Pick<World, 'clock' | 'identity'>, signal: AbortSignal): Promise<void> {
  const { awsNow } = await world.identity.caller(signal)
  const skewMs = awsNow === null ? 0 : Math.abs(awsNow - world.clock.now())
  if (skewMs > SKEW_MAX_MS)
    throw new PatchwaveError('clock.skewed', `this host's clock is ${String(Math.round(skewMs / SECOND))} s off AWS's`, {
      hint: 'set the clock (chrony, ntpd) and start again',
    })
}
