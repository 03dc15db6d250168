import { describe, expect, it } from 'vitest'
import { makePlan, makeTrialPlan } from '../../../src/core/plan/make.ts'
import type { Plan } from '../../../src/core/plan/plan.ts'
import { HOUR, MINUTE } from '../../../src/kit/instant.ts'
import { count, image, input, node, nodes, patch, percent, PROD, rest, runbook, STAGING, staging, wave } from './fixture.ts'

const refusal = (make: () => unknown): unknown => {
  try {
    return make()
  } catch (error) {
    return error
  }
}
const refused = (code: string, message: string, hint: string) => expect.objectContaining({ code, message, more: { hint } })
const ids = ({ content }: Plan) => content.nodes.map((one) => one.node)
const limit = (sharePercent: number) => runbook({ limit: { nodes: null, sharePercent } })
const SHORT = { durationMs: 40 * MINUTE, cutoffMs: 0 }

describe('a refusal says what to do', () => {
  // prettier-ignore
  it.each<[it: string, make: () => Plan, code: string, message: string, hint: string]>([
    ['no node', () => makePlan(input({ fleet: [] })),
      'plan.empty', 'monthly selects no node', 'look at scope.match, and at what the config’s accounts can see'],
    ['no node to test', () => makeTrialPlan(input({ fleet: nodes(3) })),
      'plan.empty', 'monthly selects no node to test', 'look at test.match and whether its nodes are online'],
    ['too many nodes', () => makePlan(input({ runbook: runbook({ limit: { nodes: 1, sharePercent: 100 } }) })),
      'plan.limit', 'the plan touches 90 nodes, limit.nodes is 1', 'narrow the scope or raise limit.nodes'],
    ['too large a share', () => makePlan(input({ runbook: limit(50) })),
      'plan.limit', 'the plan touches 90 of 102 managed nodes, more than limit.share of 50%', 'narrow the scope, or say limit: { share: … } when so many are meant'],
    ['nothing to install in a trial', () => makeTrialPlan(input({ runbook: runbook({ patches: null }) })),
      'runbook.invalid', 'there is nothing to try: the trial needs test, patches and a baseline', 'add them, or run the rollout alone'],
  ])('%s', (_, make, code, message, hint) => {
    expect(refusal(make)).toEqual(refused(code, message, hint))
  })

  it('and a share is one of the nodes that are still there', () => {
    const [gone, ...others] = staging(4)
    const made = (state: 'running' | 'terminated') =>
      refusal(() => makePlan(input({ runbook: limit(60), fleet: [...(gone ? [{ ...gone, state }] : []), ...others, ...nodes(6)] })))
    expect(made('running')).toMatchObject({ headline: { total: 6 } })
    expect(made('terminated')).toMatchObject({ code: 'plan.limit' })
  })
})

describe('a rollout', () => {
  it('has its nodes by place and its lists by image, in whatever order they start', () => {
    const fleet = [
      ...['i-1', 'i-3', 'i-5'].map((id) => node(id, { ami: 'ami-b', zone: 'use1-az1' })),
      ...['i-2', 'i-4', 'i-6'].map((id) => node(id, { ami: 'ami-a', zone: 'use1-az0' })),
    ]
    const { content } = makePlan(input({ fleet }))
    expect(content.nodes.map((one) => one.node)).toEqual(['i-1', 'i-2', 'i-3', 'i-4', 'i-5', 'i-6'])
    expect(content.lists.map((list) => list.image)).toEqual(['ami-a', 'ami-b'])
    expect(content.nodes.map((one) => one.list)).toEqual([1, 0, 1, 0, 1, 0])
  })

  it('counts its budgets over those that it touches', () => {
    const down = nodes(4, { agent: 'lost' }, 'i-x')
    const budget = { failures: percent(50) }
    const { content } = makePlan(
      input({ fleet: [...nodes(4), ...down], runbook: runbook({ budget, rollback: { ...runbook().rollback, failures: percent(25) } }) }),
    )
    expect([content.nodes.length, content.budgetMax, content.rollback.failuresMax]).toEqual([8, 2, 1])
  })

  it('that only looks boots nothing, and has nothing to warn of', () => {
    const debs = nodes(3, { platform: 'ubuntu' })
    const { content, warnings } = makePlan(input({ runbook: runbook({ patches: null }), fleet: [...staging(3), ...debs] }))
    expect([content.work, content.reboot, warnings]).toEqual(['scan', 'never', []])
  })

  it('says first what its source remarked, then what is left out of it', () => {
    const { warnings } = makePlan(input({ fleet: [...staging(1), node('i-1')], remarks: ['seen by a scan'] }))
    expect(warnings).toEqual(['seen by a scan', 'wave broad has no node left to touch and is left out'])
  })

  it('where no list is left says what is untested, not that lists are', () => {
    const plan = makePlan(input({ baselines: new Map() }))
    expect(plan.warnings[0]).toBe('90 nodes skipped as untested: no approved baseline covers the image')
    expect(plan).not.toHaveProperty('zone')
  })

  it('counts the nodes with debs that no rule fits, but those that it leaves out for themselves', () => {
    const ubuntu = (more: object) => ({ platform: 'ubuntu', ...more })
    const debs = [
      node('i-1', ubuntu({})),
      node('i-2', ubuntu({ ami: 'ami-z' })),
      node('i-3', ubuntu({ state: 'stopped' })),
      node('i-4', ubuntu({ agent: 'lost' })),
    ]
    expect(makePlan(input({ fleet: debs })).warnings.at(-1)).toMatch(/^2 nodes with debs: no rule of patches.approve fits a deb/)
  })

  it('tells of missing debs that only lack what a rule asks for', () => {
    const any = { classification: null, severity: null, releasedForMs: null, cves: null, advisories: null, names: null }
    const approve = [
      { ...any, severity: ['Critical'] },
      { ...any, names: ['nginx'] },
    ]
    const patches = { approve, reject: [], reboot: 'never', kernel: 'install' } as const
    const deb = patch('sudo', '1-1', { family: 'deb', arch: 'amd64', severity: '' })
    const made = { runbook: runbook({ baseline: 'none', patches }), missing: new Map([['i-1', [deb]]]) }
    expect(makePlan(input({ fleet: [node('i-1', { platform: 'debian' })], ...made })).warnings).toContainEqual(
      expect.stringMatching(/^1 missing deb on 1 node left out/),
    )
  })

  it('of untested lists says so first', () => {
    const missing = new Map([['i-p0000', [patch('openssl')]]])
    const { warnings } = makePlan(input({ runbook: runbook({ baseline: 'none' }), missing, remarks: ['seen by a scan'] }))
    expect(warnings).toEqual(['UNTESTED: the lists come from what the nodes miss, no trial has installed them', 'seen by a scan'])
  })

  it('without a window in the runbook is only warned of when it does not fit its own', () => {
    const { fit, warnings, headline } = makePlan(input({ runbook: runbook({ window: null }), own: SHORT }))
    expect(fit).toMatchObject({ fits: false })
    expect(warnings).toEqual([`the forecast does not fit the window: ${fit?.why ?? ''}`])
    expect(headline.skipped).toEqual({})
  })

  it('is trimmed without any history too, and says that before all else', () => {
    const { window } = runbook()
    const waves = [wave('all', rest, { concurrency: count(5), gate: { bakeMs: 0 } })]
    const made = input({
      runbook: runbook({ window: window && { ...window, fit: 'trim' }, waves }),
      fleet: nodes(20),
      own: { durationMs: HOUR, cutoffMs: 0 },
      remarks: ['seen by a scan'],
    })
    const { fit, warnings, headline } = makePlan(made)
    expect(fit?.fits).toBe(true)
    expect(headline.skipped['trimmed']).toBeGreaterThan(0)
    expect(warnings).toEqual([
      expect.stringMatching(/^\d+ nodes left out \(trimmed\): the forecast does not fit the window: 95 of 100 runs/),
      'seen by a scan',
    ])
  })
})

describe('a trial', () => {
  const fleet = [...staging(4), ...nodes(4), ...nodes(2, { account: STAGING, tags: { Env: 'prod' } }, 'i-o')]

  it('has its nodes by place, in one wave that says nothing of failures', () => {
    const plan = makeTrialPlan(input({ fleet, runbook: limit(10) }))
    expect(ids(plan)).toEqual(['i-s0000', 'i-s0001', 'i-s0002', 'i-s0003'])
    expect(plan.content).toMatchObject({ act: 'trial', work: 'apply', before: [], after: [], lists: [] })
    expect(plan.content.waves).toMatchObject([{ name: 'trial', concurrency: 4, tighter: [], unrepresented: [], gate: { failuresMax: 0 } }])
    expect(plan.warnings).toEqual([])
  })

  it('is for every account with nodes of the image; for its own where nobody else has any', () => {
    const { content } = makeTrialPlan(
      input({ fleet: [...fleet, node('i-t', { account: STAGING, ami: 'ami-t', tags: { Env: 'staging' } })] }),
    )
    expect(content.trial?.lineages).toEqual([
      { image: 'ami-a', nodes: [0, 2], accounts: [STAGING, PROD] },
      { image: 'ami-b', nodes: [1, 3], accounts: [STAGING, PROD] },
      { image: 'ami-t', nodes: [4], accounts: [STAGING] },
    ])
  })

  it('counts images that nobody tests once, and not those of nodes that are never patched', () => {
    const odd = [
      node('mi-1', { hybrid: true, ami: '' }),
      node('i-win', { platform: 'other', ami: 'ami-w' }),
      node('i-y', { ami: 'ami-y' }),
      node('i-z', { ami: 'ami-z' }),
      node('i-z2', { ami: 'ami-z', agent: 'lost' }),
      node('i-far', { ami: 'ami-e', region: 'eu-west-1' }),
    ]
    const images = [image('ami-a'), image('ami-b'), image('ami-e', { region: 'eu-west-1', sourceAmi: 'ami-z', sourceRegion: 'us-east-1' })]
    const { warnings, content } = makeTrialPlan(input({ fleet: [...fleet, ...odd], images, remarks: ['seen by a scan'] }))
    expect(warnings).toEqual(['4 nodes of 2 images without a node to test: they will be skipped as untested', 'seen by a scan'])
    expect(content.nodes).toHaveLength(4)
  })

  it('says which limit does not hold for its nodes', () => {
    const disruption = [{ per: 'tag:Shard', atMost: count(1) }]
    expect(makeTrialPlan(input({ fleet, runbook: runbook({ disruption }) })).warnings).toEqual([
      '4 nodes without tag:Shard: the limit per tag:Shard does not hold for them',
    ])
  })
})
