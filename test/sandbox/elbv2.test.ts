import {
  DeregisterTargetsCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { describe, expect, it } from 'vitest'
import { MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { known } from '../../src/kit/assert.ts'
import { parseFaults } from '../../src/sandbox/faults.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { ESTATE, estateClients } from './estate.ts'
import { CONTROL, front, nameOf } from './front.ts'

function stage(fleet = ESTATE) {
  const made = front({ fleet })
  const { elb } = estateClients({ requestHandler: sandboxHandler(made.sandbox) })
  const arnOf = async (name: string): Promise<string> =>
    known((await elb.send(new DescribeTargetGroupsCommand({ Names: [name] }))).TargetGroups?.[0]?.TargetGroupArn, name)
  const health = async (TargetGroupArn: string, ...Targets: { Id: string; Port?: number }[]): Promise<string[]> => {
    const { TargetHealthDescriptions = [] } = await elb.send(
      new DescribeTargetHealthCommand({ TargetGroupArn, ...(Targets.length > 0 && { Targets }) }),
    )
    return TargetHealthDescriptions.map(({ Target, TargetHealth }) =>
      [Target?.Port, TargetHealth?.State, TargetHealth?.Reason].filter((word) => word !== undefined).join(' '),
    )
  }
  const pass = (ms: number): Promise<void> => made.clock.run(() => made.clock.sleep(plus(made.clock.now(), ms)))
  const id = (index: number): string => known(made.sandbox.nodes()[index], 'a node').node
  return { ...made, elb, arnOf, health, pass, id }
}

describe('target groups on the wire', () => {
  it('are described whole', async () => {
    const { elb } = stage()
    const { TargetGroups = [] } = await elb.send(new DescribeTargetGroupsCommand({}))
    expect(
      TargetGroups.map(({ TargetGroupName, Port, TargetType, LoadBalancerArns }) => [
        TargetGroupName,
        Port,
        TargetType,
        LoadBalancerArns?.length,
      ]),
    ).toEqual([
      ['web', 8080, 'instance', 1],
      ['admin', 81, 'instance', 1],
    ])
    expect(TargetGroups[0]?.TargetGroupArn).toMatch(/^arn:aws:elasticloadbalancing:us-east-1:111111111111:targetgroup\/web\/[0-9a-f]{16}$/)
    const { Attributes = [] } = await elb.send(
      new DescribeTargetGroupAttributesCommand({ TargetGroupArn: TargetGroups[1]?.TargetGroupArn }),
    )
    expect(Attributes).toContainEqual({ Key: 'deregistration_delay.timeout_seconds', Value: '300' })
  })

  it('come in pages', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `{ name: g${String(index)} }`).join(', ')
    const fleet = parseFleet(
      `apiVersion: patchwave/v1\nkind: Fleet\ngroups: [{ account: staging, region: us-east-1, count: 1, platform: debian, targetGroups: [${names}] }]\n`,
      'x',
    )
    const { elb } = stage(fleet)
    const seen: (string | undefined)[][] = []
    let Marker: string | undefined
    do {
      const page = await elb.send(new DescribeTargetGroupsCommand({ PageSize: 3, ...(Marker !== undefined && { Marker }) }))
      seen.push((page.TargetGroups ?? []).map(({ TargetGroupName }) => TargetGroupName))
      Marker = page.NextMarker
    } while (Marker !== undefined)
    expect(seen).toEqual([['g0', 'g1', 'g2'], ['g3', 'g4', 'g5'], ['g6']])
  })

  it('belong to one account and Region', async () => {
    const { sandbox, arnOf } = stage()
    const other = estateClients({ requestHandler: sandboxHandler(sandbox) }, CONTROL).elb
    expect((await other.send(new DescribeTargetGroupsCommand({}))).TargetGroups).toEqual([])
    expect(await nameOf(other.send(new DescribeTargetHealthCommand({ TargetGroupArn: await arnOf('web') })))).toBe(
      'TargetGroupNotFoundException',
    )
  })

  it.each<readonly [string, string, (at: ReturnType<typeof stage>) => Promise<unknown>]>([
    ['a group that is not there', 'TargetGroupNotFoundException', ({ elb }) => elb.send(new DescribeTargetGroupsCommand({ Names: ['none'] }))],
    ['names and ARNs at once', 'ValidationError', ({ elb }) => elb.send(new DescribeTargetGroupsCommand({ Names: ['web'], TargetGroupArns: ['x'] }))],
    ['pages that are too long', 'ValidationError', ({ elb }) => elb.send(new DescribeTargetGroupsCommand({ PageSize: 401 }))],
    ['an instance that is not there', 'InvalidTargetException', async ({ elb, arnOf }) => elb.send(new RegisterTargetsCommand({ TargetGroupArn: await arnOf('web'), Targets: [{ Id: 'i-00000000000000000' }] }))],
    ['no target at all', 'ValidationError', async ({ elb, arnOf }) => elb.send(new RegisterTargetsCommand({ TargetGroupArn: await arnOf('web'), Targets: [] }))],
    ['a port that is none', 'ValidationError', async ({ elb, arnOf, id }) => elb.send(new RegisterTargetsCommand({ TargetGroupArn: await arnOf('web'), Targets: [{ Id: id(3), Port: 70_000 }] }))],
  ])('refuse %s', async (_, name, work) => {
    expect(await nameOf(work(stage()))).toBe(name)
  }) // prettier-ignore

  it('take a target under the group’s port where none is named', async () => {
    const { elb, arnOf, health, id, pass } = stage()
    const arn = await arnOf('web')
    expect(await health(arn, { Id: id(3) })).toEqual(['8080 unused Target.NotRegistered'])
    await elb.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id: id(3) }, { Id: id(3), Port: 9090 }] }))
    await pass(MINUTE)
    expect(await health(arn, { Id: id(3) }, { Id: id(3), Port: 9090 })).toEqual(['8080 healthy', '9090 healthy'])
    await elb.send(new DeregisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id: id(3) }] }))
    expect(await health(arn)).toEqual([
      '8080 healthy',
      '8080 healthy',
      '8080 healthy',
      '8080 draining Target.DeregistrationInProgress',
      '9090 healthy',
    ])
    await pass(2 * MINUTE + SECOND)
    expect(await health(arn)).toHaveLength(4)
  })

  it('see a zone that is dark, and that it is back', async () => {
    const { sandbox, arnOf, health, id, pass } = stage()
    const arn = await arnOf('web')
    const { zone } = known(sandbox.nodes()[0], 'a node')
    sandbox.setFaults(parseFaults(`apiVersion: patchwave/v1\nkind: Faults\nzones: [{ zone: ${zone}, dark: { for: 10m } }]\n`, 'f'))
    expect(await health(arn, { Id: id(0) })).toEqual(['8080 unhealthy Target.Timeout'])
    await pass(10 * MINUTE + SECOND)
    expect(await health(arn, { Id: id(0) })).toEqual(['8080 unhealthy Target.FailedHealthChecks'])
    await pass(MINUTE)
    expect(await health(arn, { Id: id(0) })).toEqual(['8080 healthy'])
  })

  it('throttle as EC2 does', async () => {
    const { elb } = stage()
    const names = await Promise.all(Array.from({ length: 101 }, () => nameOf(elb.send(new DescribeTargetGroupsCommand({})))))
    expect(names.filter((name) => name === 'Throttling' || name === 'ThrottlingException')).toHaveLength(1)
  })
})
