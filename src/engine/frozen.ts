import { freezeAt } from '../core/plan/freeze.ts'
import type { WindowRule } from '../core/runbook/runbook.ts'
import { PatchwaveError } from '../kit/error.ts'
import { isoSeconds, plus } from '../kit/instant.ts'
import { freezesOf } from './almanac.ts'
import type { World } from './world.ts'

/** Refuses what would begin now, in a freeze. What waits for its window waits for the end of a freeze too. @throws `freeze.holds` */
export async function refuseFrozen(world: World, window: WindowRule | null, signal: AbortSignal): Promise<void> {
  const now = world.clock.now()
  const freeze = freezeAt(await freezesOf(world, window, now, plus(now, 1), signal), now)
  if (freeze === undefined) return
  throw new PatchwaveError('freeze.holds', `a freeze holds until ${isoSeconds(freeze.to)}: ${freeze.why} (${freeze.source})`, {
    hint: 'wait for its end, or say --break-freeze --reason "…"',
  })
}
