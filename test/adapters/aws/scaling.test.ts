import { describe, expect, it } from 'vitest'
import { MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { parseFleet } from '../../../src/sandbox/fleet-file.ts'
import { faultsOf } from '../../sandbox/nodes/scene.ts'
import { apiFaults, EstateStage, failureOf, signal, STAGING } from './estate.ts'
import { callerXml, control, wire } from './wire.ts'

const lifecycles = async (stage: EstateStage, ...nodes: number[]): Promise<string[]> => {
  const ids = nodes.map((index) => stage.id(index))
  const members = await stage.do((aws) => aws.scaling.membersOf(STAGING, ids, signal))
  return ids.map((id) => members.find(({ node }) => node === id)).map((one) => (one ? `${one.group} ${one.lifecycle}` : 'none'))
}

const enter = (stage: EstateStage, ...nodes: number[]): Promise<void> =>
  stage.do((aws) =>
    aws.scaling.enterStandby(
      STAGING,
      'web',
      nodes.map((index) => stage.id(index)),
      signal,
    ),
  )
const exit = (stage: EstateStage, ...nodes: number[]): Promise<void> =>
  stage.do((aws) =>
    aws.scaling.exitStandby(
      STAGING,
      'web',
      nodes.map((index) => stage.id(index)),
      signal,
    ),
  )

describe('Auto Scaling', () => {
  it('tells the groups of nodes; those of none, and those that nobody knows, are absent', async () => {
    const stage = new EstateStage()
    expect(await lifecycles(stage, 0, 6)).toEqual(['web InService', 'none'])
    const strangers = Array.from({ length: 120 }, (_, index) => `i-${String(index).padStart(17, '0')}`)
    const seen = await stage.do((aws) => aws.scaling.membersOf(STAGING, [...strangers, stage.id(1)], signal))
    expect(seen).toEqual([{ node: stage.id(1), group: 'web', lifecycle: 'InService' }])
    expect(await stage.do((aws) => aws.scaling.membersOf(STAGING, [], signal))).toEqual([])
  })

  it('standby takes as long as the targets drain, and out of the groups with it; the way back puts it in again', async () => {
    const stage = new EstateStage()
    await enter(stage, 0)
    expect(stage.view(stage.id(0))).toMatchObject({
      autoScaling: { group: 'web', lifecycle: 'EnteringStandby' },
      targets: [
        { group: 'web', port: 8080, state: 'draining' },
        { group: 'admin', port: 80, state: 'draining' },
      ],
    })
    await stage.pass(119 * SECOND)
    expect(await lifecycles(stage, 0)).toEqual(['web EnteringStandby'])
    await stage.pass(2 * SECOND)
    expect(await lifecycles(stage, 0)).toEqual(['web Standby'])
    expect(stage.view(stage.id(0)).targets).toEqual([])
    await exit(stage, 0)
    expect(await lifecycles(stage, 0)).toEqual(['web Pending'])
    await stage.pass(30 * SECOND)
    expect(await lifecycles(stage, 0)).toEqual(['web InService'])
    await stage.pass(MINUTE)
    expect(stage.view(stage.id(0)).targets.map(({ state }) => state)).toEqual(['healthy', 'healthy'])
  })

  it('refuses what would put a group below its minimum, and does none of it', async () => {
    const stage = new EstateStage()
    expect(await failureOf(enter(stage, 0, 1, 2))).toBe('aws.invalid ValidationError')
    expect(await lifecycles(stage, 0, 1, 2)).toEqual(['web InService', 'web InService', 'web InService'])
    await enter(stage, 0, 1)
    expect(await failureOf(enter(stage, 2))).toBe('aws.invalid ValidationError')
  })

  it.each<readonly [string, (stage: EstateStage) => Promise<void>]>([
    ['one that is on its way to standby', async (stage) => { await enter(stage, 0); await enter(stage, 0) }],
    ['one that is in service, out of standby', (stage) => exit(stage, 0)],
    ['one of no group', (stage) => enter(stage, 6)],
    ['a group that is not there', (stage) => stage.do((aws) => aws.scaling.enterStandby(STAGING, 'none', [stage.id(0)], signal))],
  ])('refuses %s', async (_, work) => {
    expect(await failureOf(work(new EstateStage()))).toBe('aws.invalid ValidationError')
  }) // prettier-ignore

  it('moves more than twenty in several calls', async () => {
    const many = parseFleet(
      'apiVersion: patchwave/v1\nkind: Fleet\ngroups: [{ account: staging, region: us-east-1, count: 45, platform: debian, autoScaling: { name: web } }]\n',
      'many.yaml',
    )
    const stage = new EstateStage(null, many)
    await enter(stage, ...Array(45).keys())
    await stage.pass(MINUTE)
    expect(new Set(await lifecycles(stage, ...Array(45).keys()))).toEqual(new Set(['web Standby']))
    expect(stage.calls('autoscaling.EnterStandby')).toBe(3)
  })

  it('asks for none of the rest when its process stood still after the first twenty: another driver has them by then', async () => {
    const nodes = Array.from({ length: 45 }, (_, index) => `i-${String(index).padStart(17, '0')}`)
    const xml = '<EnterStandbyResponse><EnterStandbyResult><Activities/></EnterStandbyResult></EnterStandbyResponse>'
    const { aws, clock, names } = wire(async ({ name }) => {
      if (name !== 'autoscaling.EnterStandby') return { xml: callerXml(control.account) }
      await clock.sleep(plus(clock.now(), 10 * MINUTE))
      return { xml }
    })
    const asked = (): Promise<void> => aws.scaling.enterStandby(control, 'web', nodes, signal)
    await expect(clock.run(asked)).rejects.toMatchObject({ code: 'aws.stale' })
    expect(names().filter((name) => name === 'autoscaling.EnterStandby')).toHaveLength(1)
  })

  it('what may have been done is looked up, not done again', async () => {
    const stage = new EstateStage()
    stage.losing.add('EnterStandby').add('ExitStandby')
    await enter(stage, 0)
    expect(await lifecycles(stage, 0)).toEqual(['web EnteringStandby'])
    await stage.pass(3 * MINUTE)
    await exit(stage, 0)
    expect(await lifecycles(stage, 0)).toEqual(['web Pending'])
    expect([stage.calls('autoscaling.EnterStandby'), stage.calls('autoscaling.ExitStandby')]).toEqual([1, 1])
  })

  it('what cannot be looked up stays unclear, and nothing is done twice', async () => {
    const stage = new EstateStage()
    await lifecycles(stage, 0) // The role's credentials are there.
    stage.sandbox.setFaults(apiFaults('failedAfterEffect: 100%'))
    expect(await failureOf(enter(stage, 0))).toMatch(/^aws\.(unclear|unreachable) /)
    expect(stage.calls('autoscaling.EnterStandby')).toBe(1)
  })

  it('replaces a member that is stopped in service, and spares one that is stopped in standby', async () => {
    const stage = new EstateStage()
    const [kept, lost] = [stage.id(0), stage.id(1)]
    await enter(stage, 0)
    await stage.pass(3 * MINUTE)
    await stage.do((aws) => aws.machines.stop(STAGING, [kept, lost], signal))
    await stage.pass(5 * MINUTE)
    expect([stage.view(kept).state, stage.view(lost).state]).toEqual(['stopped', 'terminated'])
    const members = stage.sandbox.nodes().filter(({ autoScaling }) => autoScaling?.lifecycle === 'InService')
    expect(members).toHaveLength(5)
    expect(members.every(({ targets }) => targets.every(({ state }) => state === 'healthy'))).toBe(true)
  })

  it('replaces a sick member in service; one in standby is spared until it is back', async () => {
    const stage = new EstateStage(faultsOf('packages: [{ match: sudo, breaks: health }]\nreplace: { share: 100%, after: 5m }'))
    const [kept, lost] = [stage.id(0), stage.id(1)]
    await enter(stage, 0)
    await stage.pass(3 * MINUTE)
    for (const node of [kept, lost]) await stage.update(node)
    expect([stage.view(kept).health, stage.view(kept).state, stage.view(lost).state]).toEqual(['broken', 'running', 'terminated'])
    await stage.do((aws) => aws.scaling.exitStandby(STAGING, 'web', [kept], signal))
    await stage.pass(10 * MINUTE)
    expect(stage.view(kept).state).toBe('terminated')
  })

  it('a group that is launching refuses standby for now', async () => {
    const stage = new EstateStage()
    await stage.do((aws) => aws.machines.stop(STAGING, [stage.id(1)], signal))
    await stage.pass(65 * SECOND)
    expect(await failureOf(enter(stage, 0))).toBe('aws.conflict ScalingActivityInProgressFault')
    await stage.pass(MINUTE)
    expect(await failureOf(enter(stage, 0))).toBe('none')
  })
})
