import { describe, expect, it } from 'vitest'
import { callsOf } from '../../../src/core/plan/estimate.ts'
import { makePlan, makeTrialPlan } from '../../../src/core/plan/make.ts'
import { plan } from '../run/plan.ts'
import { count, input, node, nodes, rest, runbook, STAGING, staging, wave } from './fixture.ts'

describe('the worst case', () => {
  const worst = (more: Parameters<typeof runbook>[0]) => makePlan(input({ runbook: runbook(more) })).worstCase[0]
  const gate = { failures: count(2) }

  // prettier-ignore
  it.each<[it: string, more: Parameters<typeof runbook>[0], failures: number, out: number]>([
    ['n + concurrency',                  { waves: [wave('all', rest, { concurrency: count(9), gate })] }, 11, 11],
    ['n + 1 when hard',                  { waves: [wave('all', rest, { concurrency: count(9), gate: { ...gate, hard: true } })] }, 3, 3],
    ['never more than there are',        { waves: [wave('all', rest, { concurrency: count(500), gate })] }, 90, 90],
    ['the run’s budget holds too',       { waves: [wave('all', rest, { concurrency: count(9), gate })], budget: { failures: count(1) } }, 10, 10],
    ['hard is the wave’s own budget',    { waves: [wave('all', rest, { concurrency: count(9), gate: { failures: count(6), hard: true } })], budget: { failures: count(2) } }, 7, 7],
    ['hard, and the run’s comes first',  { waves: [wave('all', rest, { concurrency: count(3), gate: { failures: count(6), hard: true } })], budget: { failures: count(2) } }, 5, 5],
    ['one zone at a time: 30 of it',     { waves: [wave('all', rest, { concurrency: count(500) })], disruption: [{ per: 'availability-zone', oneAtATime: true }] }, 90, 30],
    ['one of each of 18 clusters',       { waves: [wave('all', rest, { concurrency: count(500) })], disruption: [{ per: 'tag:Cluster', atMost: count(1) }] }, 90, 18],
    ['this wave’s own limit',            { waves: [wave('all', rest, { concurrency: count(500), disruption: [{ per: 'availability-zone', atMost: count(4) }] })] }, 90, 12],
    ['the tightest of two limits',       { waves: [wave('all', rest, { concurrency: count(500) })], disruption: [{ per: 'tag:Cluster', atMost: count(1) }, { per: 'availability-zone', atMost: count(4) }] }, 90, 12],
  ])('%s', (_, more, failures, out) => {
    expect(worst(more)).toMatchObject({ worstFailures: failures, worstOutOfService: out })
  })

  it('counts nodes that no group holds, and none that nobody touches', () => {
    const fleet = [...nodes(10), node('i-1', { tags: {} }), node('i-2', { tags: {} }), node('i-3', { agent: 'lost' })]
    const waves = [wave('all', rest, { concurrency: count(500) })]
    const { worstCase } = makePlan(input({ fleet, runbook: runbook({ waves, disruption: [{ per: 'tag:Cluster', atMost: count(1) }] }) }))
    expect(worstCase).toEqual([{ wave: 'all', failuresMax: 0, worstFailures: 12, worstOutOfService: 4 }])
  })

  it('is one zone of each region, the largest, where zones take turns', () => {
    const zoned = (region: string, zone: string, many: number) => nodes(many, { region, zone, ami: 'ami-a' }, `i-${zone}-`)
    const fleet = [
      ...zoned('us-east-1', 'a', 2),
      ...zoned('us-east-1', 'b', 4),
      ...zoned('us-east-1', 'c', 1),
      ...zoned('eu-west-1', 'd', 3),
    ]
    const turns = {
      waves: [wave('all', rest, { concurrency: count(500) })],
      disruption: [{ per: 'availability-zone', oneAtATime: true as const }],
    }
    expect(makePlan(input({ fleet, runbook: runbook(turns) })).worstCase[0]?.worstOutOfService).toBe(7)
  })
})

describe('calls', () => {
  it('are one command for 50 nodes of a cell and a list', () => {
    const made = makePlan(
      input({ fleet: nodes(202), runbook: runbook({ waves: [wave('all', rest, { gate: { checks: ['smoke', 'ping'] } })] }) }),
    )
    // 101 nodes of either image are three commands each; the script check asks the same nodes once more.
    expect(made.calls).toEqual({
      'ec2.DescribeInstances': 7,
      'ssm.DescribeDocument': 1,
      'ssm.DescribeInstanceInformation': 7,
      'ssm.ListCommandInvocations': 24,
      'ssm.SendCommand': 12,
    })
  })

  it('are those of each cell, without nodes that nobody touches', () => {
    const far = node('i-far', { region: 'eu-west-1', ami: 'ami-a' })
    const { calls } = makePlan(input({ fleet: [...nodes(6, { ami: 'ami-a' }), ...nodes(60, { agent: 'lost' }, 'i-x'), far], images: [] }))
    // The canary is the node of the first cell, the rest is five of the other.
    expect(calls).toMatchObject({ 'ssm.SendCommand': 2, 'ssm.DescribeDocument': 2, 'ec2.DescribeInstances': 4 })
  })

  it('of checks are for scripts alone', () => {
    const checks = { web: { type: 'http', url: 'https://example.com', withinMs: 1, status: 200 } } as const
    const calls = (...names: readonly string[]) =>
      callsOf(plan({ waves: [{ nodes: 2, gate: { checks: names } }], checks }))['ssm.SendCommand']
    expect([calls(), calls('web'), calls('unheard of')]).toEqual([1, 1, 1])
  })

  it('of a trial are those of its scan too, and of storing a baseline for each account', () => {
    const own = nodes(2, { account: STAGING, tags: { Env: 'prod' } }, 'i-o')
    expect(makeTrialPlan(input({ fleet: [...staging(4), ...nodes(4), ...own] })).calls).toEqual({
      'ec2.DescribeInstances': 2,
      'ssm.DescribeDocument': 1,
      'ssm.DescribeInstanceInformation': 2,
      'ssm.LabelParameterVersion': 4,
      'ssm.ListCommandInvocations': 4,
      'ssm.PutParameter': 8,
      'ssm.SendCommand': 2,
    })
  })
})
