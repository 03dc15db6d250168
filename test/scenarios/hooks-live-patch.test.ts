import { describe, expect, it } from 'vitest'
import { MINUTE } from '../../src/kit/instant.ts'
import { fleet, group, runbook } from './documents.ts'
import { given } from './given.ts'
import { done, killedOnce, withSends } from './sends.ts'
import { Stage } from './stage.ts'
import type { Then } from './then.ts'

const LIVE = '{ approve: [{ classification: [Security], severity: [Critical, Important] }], reboot: never, kernel: live-patch }'
const WAVES = '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 100%, bake: 0s } }]'
const MIXED = fleet([group('prod-us', 3), group('prod-us', 2, { platform: 'ubuntu', lineage: 'ubuntu' })])

const ranOn = (then: Then, node: string): string[] =>
  then.stage.sandbox
    .ledger()
    .filter((row) => row.node === node && row.document !== 'Patchwave-Check')
    .map(({ document, verdict }) => `${document.replace('Patchwave-', '')} ${String(verdict)}`)

describe('a runbook that patches the running kernel', () => {
  it('turns live patching on before the change, on Amazon Linux alone, and leaves kernels as they are', async () => {
    const then = await given(MIXED).runbook({ patches: LIVE, waves: WAVES }).when().runs()
    then.ends('succeeded').nodes({ patched: 3, 'not-needed': 2 })
    const platforms = new Map(then.state().plan.nodes.map(({ node, platform }) => [node, platform]))
    for (const { node } of then.all())
      expect(ranOn(then, node)).toEqual(platforms.get(node) === 'ubuntu' ? ['Apply not-needed'] : ['LivePatch patched', 'Apply patched'])
    for (const view of then.stage.sandbox.nodes()) {
      const before = then.stage.before.get(view.node)?.packages ?? {}
      const kernels = Object.keys(view.packages).filter((key) => /^(kernel\.|linux-image)/.test(key))
      expect(kernels.map((key) => view.packages[key])).toEqual(kernels.map((key) => before[key]))
    }
    expect(Object.keys(then.state().plan.documents)).toContain('Patchwave-LivePatch')
  })

  it('turns it on once: the next run finds it on', async () => {
    const when = given(MIXED).runbook({ patches: LIVE, waves: WAVES }).when()
    await when.runs()
    const then = await when.runs()
    const [node = ''] = then
      .state()
      .plan.nodes.filter(({ platform }) => platform !== 'ubuntu')
      .map(({ node }) => node)
    expect(ranOn(then, node)).toEqual(['LivePatch patched', 'Apply patched', 'LivePatch not-needed', 'Apply not-needed'])
  })

  it('goes on from what the nodes answered when its driver dies meanwhile', async () => {
    const stage = new Stage({ fleet: MIXED })
    const strikes = (event: { type: string; step?: string }): boolean => event.type === 'StepIntended' && event.step === 'live-patch'
    const then = await killedOnce(stage, runbook('dies', { patches: LIVE, waves: WAVES }), { strikes, side: 'after', laterMs: 5 * MINUTE })
    then.ends('succeeded').nodes({ patched: 3, 'not-needed': 2 })
    const switched = stage.sandbox
      .ledger()
      .filter(({ document, transaction }) => document === 'Patchwave-LivePatch' && transaction !== null)
    expect(switched).toHaveLength(3)
  })

  it('leaves a node alone that cannot be told to turn it on', async () => {
    const stage = new Stage({ fleet: MIXED })
    const process = withSends(await stage.start(), ({ document }) => (document.name === 'Patchwave-LivePatch' ? 'unsent' : 'answered'))
    const then = await done(stage, process, runbook('deaf', { patches: LIVE, waves: WAVES }))
    then.nodes({ 'not-needed': 2, skipped: 3 })
    expect(new Set(then.all().map(({ reason }) => reason))).toEqual(new Set(['nothing-missing', 'livepatch-unsent']))
    then.untouched(then.all().filter(({ outcome }) => outcome === 'skipped'))
  })

  it('does not know a node that goes on with it after its time, counts it, and takes no other one of its cluster', async () => {
    const slow = fleet([group('prod-us', 3, { clusterSize: 3 })], { commandTime: { medianMs: 150 * MINUTE, p95Ms: 151 * MINUTE } })
    const disruption = '[{ per: "tag:Cluster", atMost: 1 }]'
    const then = await given(slow).runbook({ patches: LIVE, waves: WAVES, disruption }).when().runs()
    const reasons = Map.groupBy(then.all(), ({ outcome, reason }) => `${outcome}: ${reason}`)
    expect(new Map([...reasons].map(([reason, nodes]) => [reason, nodes.length]))).toEqual(
      new Map([['unknown: livepatch-unknown', 1], ['skipped: disruption-held', 2]]), // prettier-ignore
    )
    const [unknown = ''] = (reasons.get('unknown: livepatch-unknown') ?? []).map(({ node }) => node)
    expect(
      then.stage.sandbox
        .ledger()
        .filter(({ document }) => document !== 'Patchwave-Check')
        .map(({ node }) => node),
    ).toEqual([unknown])
  })

  it('turns it on inside the window only', async () => {
    const window = '{ schedule: "cron(0 3 ? * * *)", duration: 2h, cutoff: 1h }'
    const then = await given(MIXED).runbook({ patches: LIVE, waves: WAVES, window }).when().runs()
    then.ends('succeeded').nodes({ patched: 3, 'not-needed': 2 })
    const rows = then.stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-LivePatch')
    expect(rows.every(({ startedAt }) => startedAt >= '2026-01-01T03:00' && startedAt < '2026-01-01T04:00')).toBe(true)
    expect(rows).toHaveLength(3)
  })
})
