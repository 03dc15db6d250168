import { HOUR, MINUTE } from '../../../src/kit/instant.ts'
import type { PlanSpec } from './plan.ts'

/** What a person is asked for in a random plan. */
export const APPROVAL = { group: 'leads', count: 2, expiresMs: 8 * 60 * MINUTE }

/** Every node is of one image. */
export function trialOf(waves: PlanSpec['waves'], approved: boolean): NonNullable<PlanSpec['trial']> {
  const count = waves.reduce((sum, { nodes }) => sum + (typeof nodes === 'number' ? nodes : nodes.length), 0)
  return {
    lineages: [{ image: 'ami-1', nodes: Array.from({ length: count }, (_, position) => position), accounts: ['111122223333'] }],
    path: '/p',
    approval: approved ? APPROVAL : null,
  }
}

/** A trial that looks for the patches that break it. As in every trial, all of its nodes may be in change at once. */
export function isolated(plan: PlanSpec, approved: boolean): PlanSpec {
  const test = { match: EVERYTHING, leadMs: HOUR, perAmi: 2, soakMs: 0, checks: ['smoke'], onFailure: 'isolate' } as const
  const checks = { smoke: { type: 'agent-ping' } } as const
  const rollback = { on: 'gate-failed', scope: 'wave', method: 'packages', outside: 'allow', failures: { kind: 'count', count: 1 }, failuresMax: 1 } as const // prettier-ignore
  const waves = plan.waves.map((wave) => ({ ...wave, concurrency: 100 }))
  return {
    ...plan,
    waves,
    act: 'trial',
    trial: trialOf(plan.waves, approved),
    before: [],
    after: [],
    approval: null,
    rollback,
    checks,
    test,
  }
}

const EVERYTHING = { platform: null, tags: {}, images: null, nodes: null, accounts: null, regions: null }
/** Patches of such a trial's list, each a unit. */
export const UNITS = [0, 1, 2, 3, 4, 5]
/** Their lines. */
export const LINES = UNITS.map((unit) => `package-${String(unit)} noarch 0:1-1`)
