import { describe, expect, it } from 'vitest'
import { MINUTE, SECOND } from '../../src/kit/instant.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { fleet, group } from './documents.ts'
import { given } from './given.ts'
import type { Stage } from './stage.ts'
import type { Then } from './then.ts'

const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 1m } }]'
const WEB = { name: 'web', port: 8080, drainMs: 90 * SECOND }

/** Every node serves as it did before anything began. */
function serves(then: Then): void {
  for (const view of then.stage.sandbox.nodes()) {
    expect(
      view.targets.map(({ state }) => state),
      view.node,
    ).toEqual(view.targets.map(() => 'healthy'))
    expect([undefined, 'InService'], view.node).toContain(view.autoScaling?.lifecycle)
    expect(view.state, view.node).toBe(then.stage.before.get(view.node)?.state)
  }
}

/** What was seen of the nodes of each command just before it was sent. */
function atIntents(): Readonly<{ seen: NodeView[]; watch: (stage: Stage, ids: readonly string[]) => void }> {
  const seen: NodeView[] = []
  return { seen, watch: ({ sandbox }, ids) => seen.push(...sandbox.nodes().filter(({ node }) => ids.includes(node))) }
}

describe('a node behind load balancers', () => {
  it('is out of its target groups while it is changed, and back in them afterwards', async () => {
    const intents = atIntents()
    const then = await given(fleet([group('prod-us', 4, { targetGroups: [WEB, { name: 'admin', port: 9000, drainMs: 30 * SECOND }] })]))
      .runbook({ waves: ALL, drain: '{ targetGroups: auto }' })
      .when()
      .each('CommandIntended', ({ fact: { event }, node, stage }) => {
        if (event.type === 'CommandIntended') intents.watch(stage, event.nodes.map(node))
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 4 })
    expect(intents.seen.map(({ targets }) => targets)).toEqual([[], [], [], []])
    serves(then)
    expect(then.stage.sandbox.nodes().map(({ targets }) => targets.length)).toEqual([2, 2, 2, 2])
  })

  it('is one of many, and all of them come back', async () => {
    const then = await given(fleet([group('prod-us', 60, { targetGroups: [WEB], autoScaling: { name: 'web', min: 0, max: null } })]))
      .runbook({ waves: ALL, drain: '{}' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 60 })
    expect(then.stage.sandbox.nodes()).toHaveLength(60)
    serves(then)
  })

  it('is not waited for longer than the runbook says', async () => {
    const then = await given(fleet([group('prod-us', 2, { targetGroups: [{ ...WEB, drainMs: 50 * MINUTE }] })]))
      .runbook({ waves: ALL, drain: '{ wait: 60s }' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 2 })
    const [found] = then.facts('StepFound')
    const [sent] = then.facts('CommandIntended')
    expect((sent?.at ?? 0) - (found?.at ?? 0)).toBeGreaterThanOrEqual(MINUTE)
    expect((sent?.at ?? 0) - (found?.at ?? 0)).toBeLessThan(3 * MINUTE)
    serves(then)
  })
})

describe('a target that does not come back', () => {
  const sick = "packages: [{ match: 'openssl*', breaks: health, share: 100% }]"

  it('makes its node failed; rolled back, it serves again', async () => {
    const then = await given(fleet([group('prod-us', 3, { targetGroups: [WEB] })]))
      .faults(sick)
      .runbook({ drain: '{}' })
      .when()
      .runs()
    then.ends('rolled-back').versionsAreAsBefore()
    expect(then.wave('canary')).toMatchObject([{ outcome: 'rolled-back' }])
    expect(then.facts('StepEnded').filter(({ done }) => done.includes(false))).toMatchObject([{ reasons: ['not-rejoined'] }])
    expect(then.state().notBack.size).toBe(0)
    serves(then)
  })

  it('is named where nothing is rolled back', async () => {
    const then = await given(fleet([group('prod-us', 3, { targetGroups: [WEB] })]))
      .faults(sick)
      .runbook({ drain: '{}', rollback: '{ on: never }' })
      .when()
      .runs()
    const [canary] = then.wave('canary')
    then.ends('failed', `not back: ${canary?.node ?? ''} (rejoin)`).nodes({ failed: 1, skipped: 2 })
    expect(canary?.reason).toBe('not-rejoined')
  })
})

describe('members of an Auto Scaling group', () => {
  const members = (min: number) => fleet([group('prod-us', 4, { targetGroups: [WEB], autoScaling: { name: 'web', min, max: null } })])

  it('stand by while they are changed, and nobody is started in their place', async () => {
    const intents = atIntents()
    const then = await given(members(0))
      .runbook({ waves: ALL, drain: '{}' })
      .when()
      .each('CommandIntended', ({ fact: { event }, node, stage }) => {
        if (event.type === 'CommandIntended') intents.watch(stage, event.nodes.map(node))
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 4 })
    expect(intents.seen.map(({ autoScaling }) => autoScaling?.lifecycle)).toEqual(['Standby', 'Standby', 'Standby', 'Standby'])
    expect(then.stage.sandbox.nodes()).toHaveLength(4)
    serves(then)
  })

  it('that the group cannot spare are left alone, and serve', async () => {
    const then = await given(members(2))
      .runbook({ waves: '[{ name: all, take: rest, concurrency: 100%, gate: { failures: 4, bake: 1m } }]', drain: '{}' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 2, skipped: 2 })
    const left = then.all().filter(({ outcome }) => outcome === 'skipped')
    expect(left.map(({ reason }) => reason)).toEqual(['standby-refused', 'standby-refused'])
    then.untouched(left)
    serves(then)
  })

  it('reboot without being replaced', async () => {
    const then = await given(members(0))
      .faults('replace: { share: 100%, after: 1m }')
      .runbook({ waves: ALL, drain: '{}', patches: '{ approve: [{ severity: [Critical, Important] }], reboot: always }' })
      .when()
      .runs()
    then.ends('succeeded').nodes({ patched: 4 })
    expect(then.stage.sandbox.nodes().filter(({ state }) => state === 'running')).toHaveLength(4)
    serves(then)
  })
})

describe('a node that disappears while it comes back', () => {
  it('has failed, and nothing waits for it', async () => {
    const then = await given(fleet([group('prod-us', 3, { targetGroups: [WEB] })]))
      .faults("packages: [{ match: 'openssl*', breaks: health, share: 100% }]\nreplace: { share: 100%, after: 2m }")
      .runbook({ drain: '{}', rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed').nodes({ failed: 1, skipped: 2 })
    expect(then.wave('canary')).toMatchObject([{ outcome: 'failed', reason: 'gone' }])
    expect(then.state().notBack.size).toBe(0)
    expect((then.facts('WaveDrained')[0]?.at ?? 0) - (then.facts('NodesReported')[0]?.at ?? 0)).toBeLessThan(5 * MINUTE)
  })
})
