import { plus } from '../../kit/instant.ts'
import { nextOpenings, zoneDataOf } from '../../core/plan/calendar.ts'
import { NOW_WINDOW } from '../../core/runbook/runbook.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** Says when the run may change nodes: its runbook's next opening, or from now on for a trial and for a run by hand. */
export async function* chooseWindow({ world, state }: Performing, effect: EffectOf<'window'>): Found {
  const now = world.clock.now()
  const { window, test } = state.plan.runbook
  const zoneData = zoneDataOf(process.versions['tz'])
  if (state.plan.act === 'rollout' && window !== null && !state.atOnce) {
    const after = effect.after > now ? effect.after : now
    const [opening] = nextOpenings(window, plus(after, -1), 1)
    if (opening !== undefined) yield [{ type: 'WindowChosen', ...opening, zoneData }]
    else yield [{ type: 'AbortAsked', reason: 'the schedule has no more openings', rollback: false }]
    return
  }
  const durationMs =
    state.plan.act === 'trial' ? Math.max(test?.leadMs ?? 0, NOW_WINDOW.durationMs) : (window?.durationMs ?? NOW_WINDOW.durationMs)
  const cutoffMs = state.plan.act === 'trial' ? NOW_WINDOW.cutoffMs : (window?.cutoffMs ?? NOW_WINDOW.cutoffMs)
  const closes = plus(now, durationMs)
  yield [{ type: 'WindowChosen', opens: now, cutoff: plus(closes, -cutoffMs), closes, zoneData }]
}
