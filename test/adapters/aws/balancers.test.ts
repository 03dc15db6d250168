import { describe, expect, it } from 'vitest'
import { known } from '../../../src/kit/assert.ts'
import { MINUTE, SECOND } from '../../../src/kit/instant.ts'
import type { Target, TargetSeen } from '../../../src/ports/balancers.ts'
import { faultsOf } from '../../sandbox/nodes/scene.ts'
import { apiFaults, EstateStage, failureOf, signal, STAGING } from './estate.ts'

const short = (seen: readonly TargetSeen[]): string[] =>
  seen.map(({ group, port, state, reason }) => `${group.split('/')[1] ?? ''}:${String(port)} ${state} ${reason}`.trim())

const targetsOf = (stage: EstateStage, ...nodes: number[]): Promise<readonly TargetSeen[]> =>
  stage.do((aws) =>
    aws.balancers.targetsOf(
      STAGING,
      nodes.map((index) => stage.id(index)),
      signal,
    ),
  )

const health = async (stage: EstateStage, targets: readonly Target[]): Promise<string[]> =>
  short(await stage.do((aws) => aws.balancers.health(STAGING, targets, signal)))

describe('target groups', () => {
  it('tells where nodes stand, in all groups of the cell', async () => {
    const stage = new EstateStage()
    expect(short(await targetsOf(stage, 0))).toEqual(['admin:80 healthy', 'web:8080 healthy'])
    expect(short(await targetsOf(stage, 6))).toEqual(['web:8080 healthy'])
    expect(await targetsOf(stage)).toEqual([])
    const all = await targetsOf(stage, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    expect([all.length, new Set(all.map(({ group }) => group)).size]).toEqual([16, 2])
  })

  it('knows how long each group drains; a group that is gone is absent', async () => {
    const stage = new EstateStage()
    const groups = [...new Set((await targetsOf(stage, 0)).map(({ group }) => group))]
    const gone = `${known(groups[0], 'a group').slice(0, -4)}0000`
    const seconds = await stage.do((aws) => aws.balancers.drainSeconds(STAGING, [...groups, gone], signal))
    expect(Object.fromEntries([...seconds].map(([arn, drain]) => [arn.split('/')[1], drain]))).toEqual({ web: 120, admin: 30 })
  })

  it('drains for as long as the group says, and says so; a repeat does not begin anew', async () => {
    const stage = new EstateStage()
    const targets = await targetsOf(stage, 6)
    const deregister = (): Promise<void> => stage.do((aws) => aws.balancers.deregister(STAGING, targets, signal))
    await deregister()
    expect(await health(stage, targets)).toEqual(['web:8080 draining Target.DeregistrationInProgress'])
    expect(short(await targetsOf(stage, 6))).toEqual(['web:8080 draining Target.DeregistrationInProgress'])
    await stage.pass(90 * SECOND)
    await deregister()
    await stage.pass(29 * SECOND)
    expect(await health(stage, targets)).toEqual(['web:8080 draining Target.DeregistrationInProgress'])
    await stage.pass(2 * SECOND)
    expect(await health(stage, targets)).toEqual(['web:8080 absent Target.NotRegistered'])
    expect(await targetsOf(stage, 6)).toEqual([])
    await deregister()
    expect(await health(stage, targets)).toEqual(['web:8080 absent Target.NotRegistered'])
  })

  it('comes back by registering: initial, then healthy; a repeat does not begin anew', async () => {
    const stage = new EstateStage()
    const targets = await targetsOf(stage, 6)
    const register = (): Promise<void> => stage.do((aws) => aws.balancers.register(STAGING, targets, signal))
    await stage.do((aws) => aws.balancers.deregister(STAGING, targets, signal))
    await stage.pass(3 * MINUTE)
    await register()
    expect(await health(stage, targets)).toEqual(['web:8080 initial Elb.RegistrationInProgress'])
    await stage.pass(20 * SECOND)
    await register()
    expect(await health(stage, targets)).toEqual(['web:8080 initial Elb.InitialHealthChecking'])
    await stage.pass(11 * SECOND)
    expect(await health(stage, targets)).toEqual(['web:8080 healthy'])
  })

  it('is asked for soon or not at all: what was kept from leaving for half a minute does not leave any more', async () => {
    const stage = new EstateStage()
    const targets = await targetsOf(stage, 6)
    stage.sandbox.setFaults(apiFaults('throttled: 100%'))
    expect(await failureOf(stage.do((aws) => aws.balancers.register(STAGING, targets, signal)))).toBe('aws.stale undefined')
    expect(await failureOf(stage.do((aws) => aws.balancers.health(STAGING, targets, signal)))).toMatch(/^aws\.throttled/)
  })

  it('registering ends a draining that goes on', async () => {
    const stage = new EstateStage()
    const targets = await targetsOf(stage, 6)
    await stage.do((aws) => aws.balancers.deregister(STAGING, targets, signal))
    await stage.do((aws) => aws.balancers.register(STAGING, targets, signal))
    await stage.pass(5 * MINUTE)
    expect(await health(stage, targets)).toEqual(['web:8080 healthy'])
  })

  it('a stopped node is unused, and cannot be registered', async () => {
    const stage = new EstateStage()
    const targets = await targetsOf(stage, 6)
    await stage.do((aws) => aws.machines.stop(STAGING, [stage.id(6)], signal))
    expect(await health(stage, targets)).toEqual(['web:8080 unused Target.InvalidState'])
    expect(await failureOf(stage.do((aws) => aws.balancers.register(STAGING, targets, signal)))).toBe('aws.invalid InvalidTargetException')
    await stage.pass(MINUTE)
    await stage.do((aws) => aws.machines.start(STAGING, [stage.id(6)], signal))
    await stage.pass(30 * SECOND)
    expect(await health(stage, targets)).toEqual(['web:8080 unhealthy Target.Timeout'])
    await stage.pass(2 * MINUTE)
    expect(await health(stage, targets)).toEqual(['web:8080 healthy'])
  })

  it('a broken application is unhealthy', async () => {
    const stage = new EstateStage(faultsOf('packages: [{ match: sudo, breaks: health }]'))
    const targets = await targetsOf(stage, 0)
    await stage.update(stage.id(0))
    expect(await health(stage, targets)).toEqual([
      'admin:80 unhealthy Target.ResponseCodeMismatch',
      'web:8080 unhealthy Target.ResponseCodeMismatch',
    ])
  })

  it('a target of which nothing is known is absent, whatever else is asked for', async () => {
    const stage = new EstateStage()
    const [target] = await targetsOf(stage, 6)
    const { group, ...place } = known(target, 'a target')
    const strange = [
      { group, ...place, node: 'i-00000000000000000' },
      { group, ...place, port: 1 },
      { ...place, group: `${group.slice(0, -4)}0000` },
      { group, ...place },
    ]
    expect((await stage.do((aws) => aws.balancers.health(STAGING, strange, signal))).map(({ state }) => state)).toEqual([
      'absent',
      'absent',
      'absent',
      'healthy',
    ])
    const lost = strange.slice(2, 3)
    await stage.do((aws) => aws.balancers.deregister(STAGING, lost, signal))
    expect(await failureOf(stage.do((aws) => aws.balancers.register(STAGING, lost, signal)))).toBe(
      'aws.missing TargetGroupNotFoundException',
    )
  })

  it('throttled calls are made again within the quota', async () => {
    const stage = new EstateStage(apiFaults('throttled: 30%'))
    expect(short(await targetsOf(stage, 6))).toEqual(['web:8080 healthy'])
  })

  it('what may have been done is done again', async () => {
    const stage = new EstateStage(apiFaults('failedAfterEffect: 40%'))
    const targets = await targetsOf(stage, 6)
    await stage.do((aws) => aws.balancers.deregister(STAGING, targets, signal))
    await stage.pass(3 * MINUTE)
    expect(await health(stage, targets)).toEqual(['web:8080 absent Target.NotRegistered'])
    await stage.do((aws) => aws.balancers.register(STAGING, targets, signal))
    await stage.pass(MINUTE)
    expect(await health(stage, targets)).toEqual(['web:8080 healthy'])
  })
})
