import { describe, expect, it } from 'vitest'
import { fleet, group, TESTED } from '../scenarios/documents.ts'
import { given, type Given } from '../scenarios/given.ts'
import { checkAll } from './all.ts'
import { gather } from './gather.ts'
import type { Service } from './evidence.ts'
import { HOUR, MINUTE, plus } from '../../src/kit/instant.ts'

const SIX = fleet([group('prod-us', 6)])
const BREAKS = "packages: [{ match: 'openssl*', breaks: health, share: 100% }]"

/** Nodes behind a balancer, members of an Auto Scaling group, one of four stopped. */
const SERVING = fleet([
  group('prod-us', 3, { targetGroups: [{ name: 'web', port: 80, drainMs: MINUTE }], autoScaling: { name: 'web', min: 0, max: null } }),
  group('prod-us', 1, { stopped: 1 }),
])
const AROUND = {
  hooks:
    '{ beforeNode: { script: /opt/app/bin/quiesce }, afterNode: { script: /opt/app/bin/warm }, onExit: { script: /opt/app/bin/open } }',
  drain: '{ targetGroups: auto, autoScaling: standby }',
  power: '{ stopped: start-and-restore }',
  backup: '{ method: snapshot }',
}

/** Real runs against the sandbox: what they leave behind is honest, and not empty. */
const NIGHTS: readonly (readonly [name: string, given: () => Given])[] = [
  ['a calm rollout', () => given(SIX).runbook()],
  ['a trial and its rollout', () => given(fleet([group('staging', 3), group('prod-us', 4)])).runbook(TESTED)],
  ['a gate that fails, and the way back', () => given(SIX).runbook({ rollback: '{ scope: run }' }).faults(BREAKS)],
  ['steps around each change', () => given(SERVING).runbook(AROUND)],
  [
    'steps around each change, and the way back by root volume',
    () =>
      given(SERVING)
        .runbook({ ...AROUND, rollback: '{ scope: run, method: root-volume }' })
        .faults(BREAKS),
  ],
  ['two runbooks over the same nodes', () => given(SIX).runbook().runbook()],
]

describe('evidence of a stage', () => {
  it.each(NIGHTS)('after %s leaves nothing to say', async (_, night) => {
    const { stage } = await night().when().everybodyApproves().runs()
    const evidence = await gather(stage, { calm: true })
    expect(evidence.runs.length).toBeGreaterThan(0)
    expect(evidence.ledger?.some(({ transaction }) => transaction !== null)).toBe(true)
    expect(checkAll(evidence)).toEqual([])
  })

  // prettier-ignore
  it.each<[what: string, left: Partial<Service>, said: RegExp]>([
    ['out of its target group', { targets: [] },             /^I12 put back: .*left out of .*web.*:80/],
    ['in standby',              { lifecycle: 'Standby' },    /^I12 put back: .*left Standby/],
    ['stopped',                 { up: false },               /^I12 put back: .*left stopped/],
  ])('shows a node that was left %s', async (_, left, said) => {
    const { stage } = await given(SERVING).runbook(AROUND).when().runs()
    const evidence = await gather(stage, { calm: true })
    const [node = '', service] = [...(evidence.serviceAfter ?? [])].find(([, { targets }]) => targets.length > 0) ?? []
    const changed = new Map(evidence.serviceAfter)
    if (service) changed.set(node, { ...service, ...left })
    expect(checkAll({ ...evidence, serviceAfter: changed })).toEqual([expect.stringMatching(said)])
  })

  it('shows a rollout that was planned before its baselines were approved', async () => {
    const { stage } = await given(fleet([group('staging', 3), group('prod-us', 4)]))
      .runbook(TESTED)
      .when()
      .everybodyApproves()
      .runs()
    const evidence = await gather(stage, { calm: true })
    const late = evidence.runs.map((run) => ({
      ...run,
      entries: [],
      facts: run.facts.map((fact) => (fact.event.type === 'BaselinesApproved' ? { ...fact, at: plus(fact.at, HOUR) } : fact)),
    }))
    const said = checkAll({ ...evidence, runs: late }).filter((line) => line.includes('before it was approved'))
    expect(said).toEqual([expect.stringMatching(/^I4 order: .* pinned \/patchwave\/.*:1 before it was approved/)])
  })

  it('shows a node that was changed behind the run’s back', async () => {
    const { stage } = await given(SIX).runbook().when().runs()
    const evidence = await gather(stage, { calm: true })
    const [node = '', packages = {}] = [...(evidence.nodesAfter ?? [])][0] ?? []
    const changed = { ...evidence, nodesAfter: new Map(evidence.nodesAfter).set(node, { ...packages, 'intruder.x86_64': '1' }) }
    expect(checkAll(changed)).toEqual([expect.stringMatching(/^I7 tested only: .*intruder/)])
  })
})
