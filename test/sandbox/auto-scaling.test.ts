import {
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  EnterStandbyCommand,
  ExitStandbyCommand,
  paginateDescribeAutoScalingInstances,
} from '@aws-sdk/client-auto-scaling'
import { StopInstancesCommand } from '@aws-sdk/client-ec2'
import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { MINUTE, type Ms, plus, SECOND } from '../../src/kit/instant.ts'
import { type FleetFile, parseFleet } from '../../src/sandbox/fleet-file.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { ESTATE, estateClients } from './estate.ts'
import { front, nameOf } from './front.ts'

function stage(fleet: FleetFile = ESTATE) {
  const made = front({ fleet })
  const { scaling } = estateClients({ requestHandler: sandboxHandler(made.sandbox) })
  const group = async () => known((await scaling.send(new DescribeAutoScalingGroupsCommand({}))).AutoScalingGroups?.[0], 'a group')
  const states = async (): Promise<string[]> => ((await group()).Instances ?? []).map(({ LifecycleState }) => String(LifecycleState)).sort()
  const pass = (ms: Ms): Promise<void> => made.clock.run(() => made.clock.sleep(plus(made.clock.now(), ms)))
  const id = (index: number): string => known(made.sandbox.nodes()[index], 'a node').node
  const enter = (InstanceIds: string[], ShouldDecrementDesiredCapacity: boolean) =>
    scaling.send(new EnterStandbyCommand({ AutoScalingGroupName: 'web', InstanceIds, ShouldDecrementDesiredCapacity }))
  const exit = (InstanceIds: string[]) => scaling.send(new ExitStandbyCommand({ AutoScalingGroupName: 'web', InstanceIds }))
  return { ...made, scaling, group, states, pass, id, enter, exit }
}

const many = (count: number, more = ''): FleetFile =>
  parseFleet(
    `apiVersion: patchwave/v1\nkind: Fleet\ngroups: [{ account: staging, region: us-east-1, count: ${String(count)}, platform: debian, autoScaling: { name: web }${more} }]\n`,
    'many.yaml',
  )

describe('Auto Scaling groups on the wire', () => {
  it('are described whole', async () => {
    const { group, id, enter } = stage()
    expect(await group()).toMatchObject({ AutoScalingGroupName: 'web', MinSize: 1, MaxSize: 3, DesiredCapacity: 3 })
    const { Activities = [] } = await enter([id(0)], true)
    expect(Activities.map(({ StatusCode, AutoScalingGroupName }) => [StatusCode, AutoScalingGroupName])).toEqual([['InProgress', 'web']])
    expect((await group()).DesiredCapacity).toBe(2)
  })

  it('list their members in pages of 50', async () => {
    const { scaling } = stage(many(120))
    const pages: number[] = []
    for await (const page of paginateDescribeAutoScalingInstances({ client: scaling }, {}))
      pages.push(page.AutoScalingInstances?.length ?? 0)
    expect(pages).toEqual([50, 50, 20])
    const ids = Array.from({ length: 51 }, () => 'i-00000000000000000')
    expect(await nameOf(scaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: ids })))).toBe('ValidationError')
  })

  it('start others for those in standby where the capacity is to stay', async () => {
    const { sandbox, group, states, pass, id, enter, exit } = stage()
    const node = id(0)
    await enter([node], false)
    expect(await states()).toEqual(['EnteringStandby', 'InService', 'InService', 'Pending'])
    await pass(6 * MINUTE)
    expect([await states(), (await group()).DesiredCapacity]).toEqual([['InService', 'InService', 'InService', 'Standby'], 3])
    expect(await nameOf(exit([node]))).toBe('ValidationError') // Its maximum size is three.
    const fresh = sandbox.nodes().filter(({ targets }) => targets.some(({ group: name, state }) => name === 'web' && state === 'healthy'))
    expect(fresh).toHaveLength(3)
  })

  it('another one for the same node has another id', async () => {
    const { sandbox, pass, id, enter, exit } = stage(
      parseFleet(
        `apiVersion: patchwave/v1\nkind: Fleet\ngroups: [{ account: staging, region: us-east-1, count: 1, platform: debian, autoScaling: { name: web, max: 9 } }]\n`,
        'x',
      ),
    )
    const node = id(0)
    for (let n = 0; n < 3; n += 1) {
      await enter([node], false)
      await pass(2 * MINUTE)
      await exit([node])
      await pass(MINUTE)
    }
    const ids = sandbox.nodes().map((view) => view.node)
    expect([ids.length, new Set(ids).size]).toEqual([4, 4])
  })

  it('take more than twenty at once for a mistake', async () => {
    const { enter, id } = stage(many(30))
    expect(
      await nameOf(
        enter(
          Array.from({ length: 21 }, (_, index) => id(index)),
          true,
        ),
      ),
    ).toBe('ValidationError')
  })

  it('replace one that comes out of standby while it is stopped', async () => {
    const { clients, sandbox, states, pass, id, enter, exit } = stage()
    const node = id(0)
    await enter([node], true)
    await pass(6 * MINUTE)
    await clients().ec2.send(new StopInstancesCommand({ InstanceIds: [node] }))
    await pass(MINUTE)
    await exit([node])
    await pass(30 * SECOND)
    expect(await states()).toEqual(['InService', 'InService', 'InService'])
    await pass(3 * MINUTE)
    expect(sandbox.nodes().find((view) => view.node === node)?.state).toBe('terminated')
    expect(await states()).toEqual(['InService', 'InService', 'InService'])
  })

  it('begin with stopped nodes in standby', async () => {
    const { sandbox, states } = stage(many(40, ', stopped: 50%'))
    const stopped = sandbox.nodes().filter(({ state }) => state === 'stopped')
    expect(stopped.length).toBeGreaterThan(10)
    expect(stopped.every(({ autoScaling }) => autoScaling?.lifecycle === 'Standby')).toBe(true)
    expect((await states()).filter((state) => state === 'Standby')).toHaveLength(stopped.length)
  })
})
