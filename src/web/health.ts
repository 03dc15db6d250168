import type { ServiceView } from '../engine/service-view.ts'
import { cellKey } from '../kit/ids.ts'
import { iso, MINUTE, type Instant, type Ms } from '../kit/instant.ts'
import type { Throttle } from '../ports/world.ts'
import type { Page } from './page.ts'

/** The scheduler looks for due work every few seconds; silent for this long, it hangs. At half, one slow call of AWS would get it restarted. */
const BEAT_MS_MAX: Ms = MINUTE

/** Whether the service does its work: 200 while its last beat is younger than a minute, before the first beat and after that 503. */
export function healthPage(view: ServiceView, now: Instant): Page {
  // A beat from the future proves nothing either: the clock was set back.
  const ok = view.beatAt !== null && Math.abs(now - view.beatAt) < BEAT_MS_MAX
  const body = {
    ok,
    driver: view.driver,
    startedAt: iso(view.startedAt),
    beatAt: view.beatAt === null ? null : iso(view.beatAt),
    driving: view.driving.length,
    runbooks: view.runbooks.length,
    events: view.events,
    quota: view.throttle && quotaOf(view.throttle),
    problems: [...view.troubles, ...view.runbooks.flatMap(({ file, problem }) => (problem === null ? [] : [`${file}: ${problem}`]))],
  }
  return { status: ok ? 200 : 503, body }
}

const quotaOf = ({ cell, call, count, perSecond, at }: Throttle): Readonly<Record<string, string | number>> => ({
  cell: cellKey(cell),
  call,
  throttles: count,
  perSecond: Math.round(perSecond * 10) / 10,
  at: iso(at),
})
