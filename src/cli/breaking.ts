import { freezeAt } from '../core/plan/freeze.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import { freezesOf } from '../engine/almanac.ts'
import type { World } from '../engine/world.ts'
import { PatchwaveError } from '../kit/error.ts'
import { isoSeconds, plus } from '../kit/instant.ts'
import { flagOf, textOf, type Call, type OptionSpec } from './call.ts'
import { usage } from './exit.ts'

/** The option that lets a run begin in a freeze. */
export const BREAK_FREEZE: OptionSpec = { flags: '--break-freeze', means: 'begin although a freeze holds; wants --reason' }

/** Whether the run may break freezes. @throws `usage.invalid` without a reason */
export function breaksFreeze(call: Call): boolean {
  if (!flagOf(call, 'breakFreeze')) return false
  if ((textOf(call, 'reason') ?? '').trim() === '')
    throw usage('--break-freeze wants a reason', 'say --reason "why it cannot wait": it is on record')
  return true
}

/** Refuses a run that would begin now, in a freeze. One that waits for its window waits for the end of a freeze too. @throws `freeze.holds` */
export async function refuseFrozen(world: World, { window }: Runbook, call: Call): Promise<void> {
  if (breaksFreeze(call) || (window !== null && !flagOf(call, 'now'))) return
  const now = world.clock.now()
  const freeze = freezeAt(await freezesOf(world, window, now, plus(now, 1), call.app.io.signal), now)
  if (freeze === undefined) return
  throw new PatchwaveError('freeze.holds', `a freeze holds until ${isoSeconds(freeze.to)}: ${freeze.why} (${freeze.source})`, {
    hint: 'wait for its end, or say --break-freeze --reason "…"',
  })
}
