import type { Runbook } from '../core/runbook/runbook.ts'
import { refuseFrozen } from '../engine/frozen.ts'
import type { World } from '../engine/world.ts'
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
export async function refuseUnlessBroken(world: World, { window }: Runbook, call: Call): Promise<void> {
  if (breaksFreeze(call) || (window !== null && !flagOf(call, 'now'))) return
  await refuseFrozen(world, window, call.app.io.signal)
}
