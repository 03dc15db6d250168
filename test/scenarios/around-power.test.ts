import { describe, expect, it } from 'vitest'
import { SECOND } from '../../src/kit/instant.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { fleet, group } from './documents.ts'
import { given } from './given.ts'
import type { Then } from './then.ts'

const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 1m, checks: [agents, smoke] } }]'
const HALF = fleet([group('prod-us', 8, { stopped: 0.5 })])
const off = (views: Iterable<NodeView>): string[] =>
  [...views]
    .filter(({ state }) => state !== 'running')
    .map(({ node }) => node)
    .sort()
const offBefore = (then: Then): string[] => off(then.stage.before.values())

describe('nodes that are stopped', () => {
  it('are left alone, unless the runbook says more', async () => {
    const then = await given(HALF).runbook({ waves: ALL }).when().runs()
    const stopped = offBefore(then)
    expect(stopped.length).toBeGreaterThan(0)
    then.ends('succeeded')
    expect(
      then
        .all()
        .filter(({ reason }) => reason === 'stopped')
        .map(({ node }) => node)
        .sort(),
    ).toEqual(stopped)
    expect(off(then.stage.sandbox.nodes())).toEqual(stopped)
  })

  it('are started, patched and stopped again', async () => {
    const then = await given(HALF).runbook({ waves: ALL, power: '{ stopped: start-and-restore }' }).when().runs()
    then.ends('succeeded').nodes({ patched: 8 }).versionsAreNew(then.all())
    expect(off(then.stage.sandbox.nodes())).toEqual(offBefore(then))
  })

  it('are started again for their rollback', async () => {
    const then = await given(HALF)
      .faults("packages: [{ match: 'openssl*', breaks: health, share: 100% }]")
      // A stopped node boots with what was installed, and a kernel that runs cannot be taken back.
      .runbook({
        waves: ALL,
        power: '{ stopped: start-and-restore }',
        patches: '{ approve: [{ severity: [Critical, Important] }], kernel: hold, reboot: never }',
      })
      .when()
      .runs()
    then.ends('rolled-back').nodes({ 'rolled-back': 8 }).versionsAreAsBefore()
    expect(off(then.stage.sandbox.nodes())).toEqual(offBefore(then))
  })

  it('go last: a canary is one that runs', async () => {
    const then = await given(HALF).runbook({ power: '{ stopped: start-and-restore }' }).when().runs()
    const stopped = new Set(offBefore(then))
    expect(then.wave('canary').filter(({ node }) => stopped.has(node))).toEqual([])
    expect(then.facts('CheckMeasured').filter(({ verdict }) => verdict === 'fail')).toEqual([])
  })

  it('count as out of service all the time', async () => {
    const clusters = fleet([group('prod-us', 6, { clusterSize: 3, stopped: 0.34 })])
    const then = await given(clusters)
      .runbook({ waves: ALL, power: '{ stopped: start-and-restore }', disruption: '[{ per: "tag:Cluster", atMost: 1 }]' })
      .when()
      .runs()
    const stopped = new Set(offBefore(then))
    const clusterOf = (node: string): string => then.stage.before.get(node)?.tags['Cluster'] ?? ''
    const out = Map.groupBy(stopped, clusterOf)
    for (const { node, outcome, reason } of then.all()) {
      const before = out.get(clusterOf(node))?.length ?? 0
      const held = before > (stopped.has(node) ? 1 : 0)
      expect([node, outcome, reason]).toEqual([node, held ? 'skipped' : 'patched', held ? 'disruption-held' : 'installed'])
    }
  })

  it('whose agent does not come are skipped, and stopped again', async () => {
    const then = await given(HALF)
      .node(
        (nodes) => nodes.find(({ state }) => state === 'stopped'),
        (seen) => ({ ...seen, agent: 'lost' }),
      )
      .runbook({ waves: ALL, power: '{ stopped: start-and-restore }' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 7, skipped: 1 })
    expect(then.all().find(({ outcome }) => outcome === 'skipped')?.reason).toBe('not-started')
    expect(off(then.stage.sandbox.nodes())).toEqual(offBefore(then))
  })

  it('are left running, and named, while nobody knows whether their change has ended', async () => {
    const then = await given(HALF)
      .faults('agents: { offline: 100% }')
      .runbook({ waves: ALL, power: '{ stopped: start-and-restore }', rollback: '{ on: never }' })
      .when()
      .runs()
    expect([...then.state().notBack].map(([position, missing]) => [then.all()[position]?.node, missing]).sort()).toEqual(
      offBefore(then).map((node) => [node, ['stop']]),
    )
    expect(off(then.stage.sandbox.nodes())).toEqual([])
  })
})

describe('a member in standby that is stopped', () => {
  it('is started, and stands by as before', async () => {
    const then = await given(
      fleet([
        group('prod-us', 4, {
          stopped: 0.5,
          autoScaling: { name: 'web', min: 0, max: null },
          targetGroups: [{ name: 'web', port: 80, drainMs: 30 * SECOND }],
        }),
      ]),
    )
      .runbook({ waves: ALL, power: '{ stopped: start-and-restore }', drain: '{}' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 4 })
    const lifecycles = (views: Iterable<NodeView>) => [...views].map(({ node, autoScaling }) => [node, autoScaling?.lifecycle])
    expect(lifecycles(then.stage.sandbox.nodes())).toEqual(lifecycles(then.stage.before.values()))
    expect(off(then.stage.sandbox.nodes())).toEqual(offBefore(then))
  })
})
