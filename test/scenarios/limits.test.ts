import { describe, expect, it } from 'vitest'
import { fleet, group } from './documents.ts'
import { given } from './given.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'

const ONE_WAVE = (gate: string, concurrency = '100%'): string => `[{ name: all, take: rest, concurrency: ${concurrency}, gate: ${gate} }]`

describe('the failure budget', () => {
  const failing = (share: string): string => `seed: 8\npackages: [{ match: openssl, fails: install, share: ${share} }]`
  // Of these twelve nodes exactly four fail at 30%.
  const TWELVE = fleet([group('prod-us', 12)])

  it('of n passes with n failures', async () => {
    const then = await given(TWELVE)
      .faults(failing('30%'))
      .runbook({ waves: ONE_WAVE('{ failures: 4, bake: 0s }') })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 8, failed: 4 })
  })

  it('stops at n + 1', async () => {
    const then = await given(TWELVE)
      .faults(failing('30%'))
      .runbook({ waves: ONE_WAVE('{ failures: 3, bake: 0s }'), rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed', 'failures: 4 of at most 3')
    expect(then.all().filter(({ outcome }) => outcome === 'failed')).toHaveLength(4)
  })

  it('fails at most n + concurrency', async () => {
    const then = await given(TWELVE)
      .faults(failing('100%'))
      .runbook({ waves: ONE_WAVE('{ failures: 1, bake: 0s }', '3'), rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed', 'of at most 1').nodes({ failed: 4, skipped: 8 })
    expect(then.all().filter(({ reason }) => reason === 'budget-spent')).toHaveLength(8)
  })

  it('that is hard fails at most n + 1', async () => {
    const then = await given(TWELVE)
      .faults(failing('100%'))
      .runbook({ waves: ONE_WAVE('{ failures: 1, hard: true, bake: 0s }', '6'), rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed').nodes({ failed: 2, skipped: 10 })
  })

  it('of the whole run counts over waves', async () => {
    const gate = 'concurrency: 1, gate: { failures: 3, bake: 0s }'
    const waves = `[{ name: one, take: 4, ${gate} }, { name: two, take: 4, ${gate} }, { name: three, take: rest, ${gate} }]`
    const then = await given(TWELVE)
      .faults(failing('30%'))
      .runbook({ waves, budget: '{ failures: 1 }', rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed', /budget: 2 of at most 1 in the run/)
  })

  it('lets a node try again where the runbook says what for', async () => {
    const then = await given(fleet([group('prod-us', 3)]))
      .faults('packages: [{ match: openssl, fails: repository, share: 100% }]')
      .runbook({ waves: ONE_WAVE('{ failures: 0, bake: 0s }'), retry: '{ attempts: 2, on: [repository-unreachable] }' })
      .when()
      .at('NodesReported', {}, ({ stage }) => {
        stage.sandbox.setFaults(null)
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 3 })
    expect(then.facts('CommandIntended').length).toBeGreaterThan(1)
  })
})

describe('disruption limits', () => {
  const clusters = fleet([group('prod-us', 12, { clusterSize: 3 })])

  it('keep all but one node of a cluster in service', async () => {
    const then = await given(clusters).runbook({ disruption: '[{ per: "tag:Cluster", atMost: 1 }]' }).when().runs()
    then.ends('succeeded').nodes({ patched: 12 })
    expect(then.worstAtOnce('tag:Cluster')).toBe(1)
    expect(then.worstAtOnce('availability-zone')).toBeGreaterThan(1)
  })

  it('let as many be out as they say', async () => {
    const then = await given(clusters).runbook({ disruption: '[{ per: "tag:Cluster", atMost: 2 }]' }).when().runs()
    then.ends('succeeded')
    expect(then.worstAtOnce('tag:Cluster')).toBe(2)
  })

  it('take one zone at a time', async () => {
    const then = await given(clusters).runbook({ disruption: '[{ per: availability-zone, oneAtATime: true }]' }).when().runs()
    then.ends('succeeded').nodes({ patched: 12 })
    expect(zonesAtOnce(then.changes(), then.stage.sandbox.nodes())).toBe(1)
  })

  it('hold the neighbours of a node that failed', async () => {
    const then = await given(fleet([group('prod-us', 3, { clusterSize: 3 })]))
      .faults('packages: [{ match: openssl, fails: install, share: 100% }]')
      .runbook({
        disruption: '[{ per: "tag:Cluster", atMost: 1 }]',
        waves: ONE_WAVE('{ failures: 3, bake: 0s }'),
        rollback: '{ on: never }',
      })
      .when()
      .runs()
    then.nodes({ failed: 1, skipped: 2 })
    expect(then.all().flatMap(({ outcome, reason }) => (outcome === 'skipped' ? [reason] : []))).toEqual([
      'disruption-held',
      'disruption-held',
    ])
    then.untouched(then.all().filter(({ outcome }) => outcome === 'skipped'))
  })

  it('count a node that was down before', async () => {
    const then = await given(fleet([group('prod-us', 3, { clusterSize: 3 })]))
      .node(
        ([first]) => first,
        (seen) => ({ ...seen, state: 'stopped', agent: 'lost' }),
      )
      .runbook({ disruption: '[{ per: "tag:Cluster", atMost: 1 }]', waves: ONE_WAVE('{ bake: 0s, holdFor: 30m }') })
      .when()
      .runs()
    then.nodes({ skipped: 3 }).untouched(then.all())
    expect(
      then
        .all()
        .map(({ reason }) => reason)
        .sort(),
    ).toEqual(['disruption-held', 'disruption-held', 'stopped'])
  })

  it('hold in a rollback as well', async () => {
    const then = await given(clusters)
      .faults("packages: [{ match: 'openssl*', breaks: health, share: 100% }]")
      .runbook({ disruption: '[{ per: "tag:Cluster", atMost: 1 }]', waves: ONE_WAVE('{ bake: 5m, checks: [smoke] }') })
      .when()
      .runs()
    then.ends('rolled-back').nodes({ 'rolled-back': 12 }).versionsAreAsBefore()
    expect(then.worstAtOnce('tag:Cluster')).toBe(1)
  })
})

describe('two runs over the same nodes', () => {
  const CLUSTERS = fleet([group('prod-us', 8, { clusterSize: 2 })])
  const wave = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]'

  it('never have their hands on one node at once', async () => {
    const then = await given(CLUSTERS).runbook({ waves: wave }).runbook({ waves: wave }).when().runs()
    then.ends('succeeded', '', 0).ends('succeeded', '', 1)
    expect(then.facts('NodesBusy').length).toBeGreaterThan(0)
    expect(overlapping(then.changes(), ({ node }) => node)).toEqual([])
    expect(
      then.all(0).filter(({ outcome }) => outcome === 'patched').length + then.all(1).filter(({ outcome }) => outcome === 'patched').length,
    ).toBe(8)
  })

  it('share one disruption limit', async () => {
    const cluster = '[{ per: "tag:Cluster", atMost: 1 }]'
    const then = await given(CLUSTERS)
      .runbook({ waves: wave, disruption: cluster })
      .runbook({ waves: wave, disruption: cluster })
      .when()
      .runs()
    then.ends('succeeded', '', 0).ends('succeeded', '', 1)
    expect(then.worstAtOnce('tag:Cluster')).toBe(1)
  })

  it('take turns with zones together', async () => {
    const zones = '[{ per: availability-zone, oneAtATime: true }]'
    const then = await given(CLUSTERS).runbook({ waves: wave, disruption: zones }).runbook({ waves: wave, disruption: zones }).when().runs()
    then.ends('succeeded', '', 0).ends('succeeded', '', 1)
    expect(zonesAtOnce(then.changes(), then.stage.sandbox.nodes())).toBe(1)
  })
})

type Span = Readonly<{ node: string; startedAt: string; endedAt: string | null }>

const NEVER = '9999'

/** Pairs of changes that overlap in time on the same thing. */
function overlapping(changes: readonly Span[], of: (span: Span) => string): [Span, Span][] {
  return [...Map.groupBy(changes, of).values()].flatMap((spans) =>
    spans.flatMap((a, index) =>
      spans
        .slice(index + 1)
        .flatMap((b): [Span, Span][] => (a.startedAt < (b.endedAt ?? NEVER) && b.startedAt < (a.endedAt ?? NEVER) ? [[a, b]] : [])),
    ),
  )
}

/** The most zones that had changes in flight at one moment. */
function zonesAtOnce(changes: readonly Span[], nodes: readonly NodeView[]): number {
  const zones = new Map(nodes.map(({ node, zone }) => [node, zone]))
  return Math.max(
    ...changes.map(
      ({ startedAt }) =>
        new Set(
          changes.filter((one) => one.startedAt <= startedAt && startedAt < (one.endedAt ?? NEVER)).map(({ node }) => zones.get(node)),
        ).size,
    ),
  )
}
