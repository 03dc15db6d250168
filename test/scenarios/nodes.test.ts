import { describe, expect, it } from 'vitest'
import { MINUTE } from '../../src/kit/instant.ts'
import type { NodeSeen } from '../../src/core/plan/fleet.ts'
import type { Disguise } from './stage.ts'
import { fleet, group } from './documents.ts'
import { given, type Given } from './given.ts'
import type { Moment } from './when.ts'
import type { Then } from './then.ts'

const SIX = fleet([group('prod-us', 6)])
const EVIDENCE = { waves: '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 5m, checks: [agents] } }]' }

/** What becomes of the first node of the wave between the plan and the intent. */
const meanwhile = (scene: Given, disguise: Disguise): Promise<Then> =>
  scene
    .when()
    .at('WaveStarted', {}, ({ stage, node }) => {
      stage.disguises.set(node(0), disguise)
    })
    .runs()

describe('a node that has changed since the plan', () => {
  it.each<[what: string, disguise: (seen: NodeSeen) => NodeSeen | undefined, reason: string]>([
    ['bears the hold tag', (seen) => ({ ...seen, tags: { ...seen.tags, 'patchwave:hold': 'true' } }), 'excluded'],
    ['is stopped', (seen) => ({ ...seen, state: 'stopped', agent: 'lost' }), 'stopped'],
    ['is terminated', (seen) => ({ ...seen, state: 'terminated', agent: 'none' }), 'gone'],
    ['is not listed any more', () => undefined, 'gone'],
    ['does not answer', (seen) => ({ ...seen, agent: 'lost' }), 'offline'],
    ['runs another image', (seen) => ({ ...seen, ami: 'ami-0123456789abcdef0' }), 'another-image'],
  ])('and %s is left alone, with the reason', async (_, disguise, reason) => {
    const then = await meanwhile(given(SIX).runbook(EVIDENCE), disguise)
    then.ends('succeeded').nodes({ patched: 5, skipped: 1 })
    expect(then.all()[0]).toMatchObject({ outcome: 'skipped', reason })
    then.untouched(then.all().slice(0, 1))
  })

  it('in its cluster is left alone', async () => {
    const moved: Disguise = (seen) => ({ ...seen, tags: { ...seen.tags, Cluster: 'another' } })
    const then = await meanwhile(
      given(fleet([group('prod-us', 6, { clusterSize: 3 })])).runbook({ ...EVIDENCE, disruption: '[{ per: "tag:Cluster", atMost: 3 }]' }),
      moved,
    )
    expect(then.ends('succeeded').all()[0]).toMatchObject({ outcome: 'skipped', reason: 'another-group' })
  })

  it('and came after the plan is counted, not patched', async () => {
    const nodes = fleet([group('prod-us', 5)])
    const hidden: { node: string } = { node: '' }
    const scene = given(nodes).runbook(EVIDENCE).when()
    hidden.node = scene.stage.sandbox.nodes()[4]?.node ?? ''
    scene.stage.disguises.set(hidden.node, () => undefined)
    const then = await scene
      .at('RunRequested', {}, () => undefined)
      .at('WindowChosen', {}, ({ stage }) => {
        stage.disguises.delete(hidden.node)
      })
      .runs()
    then.ends('succeeded').nodes({ patched: 4 })
    expect(then.facts('FleetRead')).toMatchObject([{ appeared: 1 }])
    expect(then.changes().some(({ node }) => node === hidden.node)).toBe(false)
  })
})

describe('a node that disappears after it was touched', () => {
  const gone = ({ stage, fact, node }: Moment): void => {
    if (fact.event.type === 'NodesReported') for (const position of fact.event.nodes) stage.disguises.set(node(position), () => undefined)
  }

  it('has failed, whatever it said before', async () => {
    const then = await given(SIX)
      .runbook({ waves: '[{ name: canary, take: 1, gate: { bake: 10m } }, { name: broad, take: rest }]' })
      .when()
      .at('NodesReported', {}, gone)
      .runs()
    then.ends('rolled-back')
    expect(then.wave('canary')).toMatchObject([{ outcome: 'failed', reason: 'gone' }])
    then.untouched(then.wave('broad'))
  })

  it('was replaced by its group: the gate does not take the healthy successor for evidence', async () => {
    const then = await given(SIX)
      .faults("packages: [{ match: 'openssl*', breaks: health, share: 100% }]\nreplace: { share: 100%, after: 2m }")
      .runbook({ waves: '[{ name: canary, take: 1, gate: { bake: 30m, checks: [reachable] } }, { name: broad, take: rest }]' })
      .when()
      .runs()
    expect(then.wave('canary')).toMatchObject([{ outcome: 'failed', reason: 'gone' }])
    expect(then.state().phase).toMatchObject({ outcome: 'rolled-back' })
    then.untouched(then.wave('broad'))
  })
})

describe('agents', () => {
  it.each<[what: string, faults: string]>([
    ['that re-run a script after a restart', 'agents: { rerun: 100% }'],
    ['that are upgraded under the script', 'agents: { upgradeInCommand: 100% }'],
    ['that pick commands up late', 'agents: { lag: { share: 100%, by: 90s } }'],
    ['that are slow', 'agents: { slow: 50% }'],
    ['whose output is poisoned behind the result', 'output: { poison: 100% }'],
  ])('%s are patched once', async (_, faults) => {
    const then = await given(SIX).faults(faults).runbook(EVIDENCE).when().runs()
    then.ends('succeeded').nodes({ patched: 6 })
    expect(then.changes().filter(({ transaction }) => transaction !== null)).toHaveLength(6)
  })

  it('that die in a command leave their nodes unknown', async () => {
    const then = await given(SIX)
      .faults('agents: { dieInCommand: 100% }')
      .runbook({ ...EVIDENCE, rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed').nodes({ unknown: 6 })
  })

  it('that lose power in a command report that they were cut off, and are not patched twice', async () => {
    const then = await given(SIX)
      .faults('agents: { crash: 100% }')
      .runbook({ ...EVIDENCE, rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed')
    expect(then.all().filter(({ outcome }) => outcome === 'patched')).toEqual([])
    expect(then.all().some(({ reason }) => reason === 'interrupted')).toBe(true)
  })

  it('whose words are no result are unknown, never patched', async () => {
    const then = await given(SIX)
      .faults('output: { garbled: 100% }')
      .runbook({ ...EVIDENCE, rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed').nodes({ unknown: 6 })
    expect(then.all().every(({ reason }) => reason === 'unreadable')).toBe(true)
  })

  it('that boot twelve hours later are waited for no longer than their command lives', async () => {
    const then = await given(SIX)
      .faults('agents: { lateBoot: 100% }')
      .runbook({ ...EVIDENCE, rollback: '{ on: never }' })
      .when()
      .runs()
    then.ends('failed')
    const finished = then.facts('RunFinished')[0]?.at ?? 0
    expect(finished - (then.facts('CommandIntended')[0]?.at ?? 0)).toBeLessThan(3 * 60 * MINUTE)
  })
})

describe('status events', () => {
  it.each<[what: string, faults: string]>([
    ['that are all lost', 'events: { lost: 100% }'],
    ['that all come twice', 'events: { doubled: 100% }'],
    ['that come late and in any order', 'events: { late: { share: 100%, by: 30m } }'],
  ])('%s change no outcome', async (_, faults) => {
    const then = await given(SIX).faults(faults).runbook(EVIDENCE).when().runs()
    then.ends('succeeded').nodes({ patched: 6 })
  })

  it('are not needed at all', async () => {
    const then = await given(SIX).runbook(EVIDENCE).withoutEvents().when().runs()
    then.ends('succeeded').nodes({ patched: 6 })
    expect(then.stage.sandbox.calls().filter(({ call }) => call === 'sqs.ReceiveMessage')).toEqual([])
  })
})

describe('an API that', () => {
  it.each<[does: string, faults: string]>([
    ['throttles a third of all calls', 'api: { throttled: 33% }'],
    ['fails after it has done what was asked', 'seed: 3\napi: { failedAfterEffect: 20% }'],
    ['takes its time', 'api: { latency: { median: 2s, p95: 9s } }'],
    ['fails after the effect and lists commands late', 'seed: 9\napi: { failedAfterEffect: 20% }\nlistCommands: { lag: 60s }'],
  ])('%s patches every node once', async (_, faults) => {
    const then = await given(SIX).faults(faults).runbook(EVIDENCE).when().runs()
    then.ends('succeeded').nodes({ patched: 6 })
    expect(then.changes().filter(({ transaction }) => transaction !== null)).toHaveLength(6)
  })
})
