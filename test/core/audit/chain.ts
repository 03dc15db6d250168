import type { Entry, Sealed } from '../../../src/core/audit/entry.ts'
import { sealAll, type Unsealed } from '../../../src/core/audit/seal.ts'
import { canonicalDigest } from '../../../src/core/plan/canonical.ts'
import type { Plan, PlanContent } from '../../../src/core/plan/plan.ts'
import { planText } from '../../../src/core/plan/plan-file.ts'
import { instant, plus } from '../../../src/kit/instant.ts'
import { plan as contentOf } from '../run/plan.ts'

export const RUN = '01900000-0000-7000-8000-000000000001'
export const START = instant(Date.UTC(2026, 2, 8, 22))
export const PERSON: Entry['actor'] = { kind: 'cli', id: 'arn:aws:sts::111122223333:assumed-role/Ops/ana' }
export const ENGINE: Entry['actor'] = { kind: 'engine', id: 'driver-1' }

/** The plan in the form that the first version wrote. */
function asFirstWritten(today: PlanContent): PlanContent {
  const { inputs: _, window, ...runbook } = today.runbook
  if (window === null || 'native' in window.times) throw new Error('the fixture has a schedule of its own')
  const { schedule, timezone, durationMs, cutoffMs } = window.times
  const { unfinished, onGap, onOverlap } = window
  const old: unknown = {
    ...today,
    runbook: { ...runbook, window: { schedule, timezone, durationMs, cutoffMs, unfinished, onGap, onOverlap } },
  }
  return old as PlanContent // What it says was its type then.
}

const content = asFirstWritten(contentOf({ waves: [{ nodes: 2 }, { nodes: [{ account: '444455556666', region: 'eu-west-1' }, {}] }] }))

/** A plan of four nodes: the third in another account and region. */
export const PLAN: Plan = {
  digest: canonicalDigest(content),
  content,
  madeAt: START,
  headline: { total: 4, waves: 2, planned: 4, skipped: {} },
  worstCase: [],
  windows: [],
  forecast: { lowMs: 0, highMs: 0, basis: 'none' } as Plan['forecast'], // As the first version wrote it.
  calls: {},
  irreversible: [],
  warnings: [],
}
export const PLAN_PART = { digest: PLAN.digest, text: planText(PLAN) }

const at = (minutes: number) => plus(START, minutes * 60_000)
const said = (minutes: number, type: string, data: Entry['data'], actor = ENGINE): Unsealed => ({
  run: RUN,
  at: at(minutes),
  actor,
  type,
  data,
})

/** A short night, each entry as it would be written. */
export const NIGHT: readonly Unsealed[] = [
  said(0, 'RunRequested', { runbook: 'monthly', reason: 'Patch Tuesday' }, PERSON),
  said(0, 'PlanPinned', { plan: PLAN.digest, nodes: 4, waves: ['wave-1', 'wave-2'] }, PERSON),
  said(1, 'WaveStarted', { wave: 0, name: 'wave-1' }),
  said(2, 'CommandIntended', { n: 1, batch: 1, work: 'apply', nodes: [0, 1] }),
  said(2, 'CommandSent', { n: 1, commandId: 'c-1' }),
  said(9, 'NodesReported', { n: 1, nodes: [1], outcomes: ['failed'], reasons: ['disk-full'] }),
  said(10, 'NodesSkipped', { nodes: [1, 2], reason: 'aborted' }),
  said(11, 'CellRefused', { cell: '444455556666/eu-west-1', code: 'aws.denied' }),
  said(12, 'RunFinished', { outcome: 'failed', nodes: { patched: 1, failed: 1 } }),
]

export const CHAIN: readonly Sealed[] = sealAll(null, NIGHT)
