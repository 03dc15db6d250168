import type { ServiceView } from '../engine/service-view.ts'
import { iso, type Instant } from '../kit/instant.ts'
import type { Page } from './page.ts'

/** What will be started next, what is being driven, and the runbooks as they are held, with what is wrong with them. */
export function schedulePage(view: ServiceView, now: Instant): Page {
  const next = view.next.map(({ runbook, act, due, opens, against }) => ({ runbook, act, due: iso(due), opens: iso(opens), against }))
  const runbooks = view.runbooks.map(({ file, name, digest, problem }) => ({ file, name, digest, problem }))
  return { status: 200, body: { at: iso(now), next, driving: view.driving, runbooks } }
}
