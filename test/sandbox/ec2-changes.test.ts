import {
  CreateReplaceRootVolumeTaskCommand,
  CreateSnapshotsCommand,
  DeleteSnapshotCommand,
  DescribeInstancesCommand,
  DescribeReplaceRootVolumeTasksCommand,
  DescribeSnapshotsCommand,
  type EC2Client,
  type Instance,
  paginateDescribeSnapshots,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2'
import { describe, expect, it } from 'vitest'
import { known } from '../../src/kit/assert.ts'
import { MINUTE, type Ms, plus } from '../../src/kit/instant.ts'
import { ESTATE } from './estate.ts'
import { CONTROL, front, nameOf } from './front.ts'

function stage() {
  const made = front({ fleet: ESTATE })
  const { ec2 } = made.clients()
  const pass = (ms: Ms): Promise<void> => made.clock.run(() => made.clock.sleep(plus(made.clock.now(), ms)))
  const id = (index: number): string => known(made.sandbox.nodes()[index], 'a node').node
  const instance = async (index: number): Promise<Instance> =>
    known((await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id(index)] }))).Reservations?.[0]?.Instances?.[0], 'an instance')
  const snapshot = async (index: number, more: object = {}) =>
    (await ec2.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: id(index), ...more } }))).Snapshots ?? []
  return { ...made, ec2, pass, id, instance, snapshot }
}
type Stage = ReturnType<typeof stage>

const volumesOf = ({ BlockDeviceMappings = [] }: Instance): (string | undefined)[] => BlockDeviceMappings.map(({ Ebs }) => Ebs?.VolumeId)

describe('volumes and snapshots', () => {
  it('an instance shows its volumes, the root by its device', async () => {
    const { instance } = stage()
    const { BlockDeviceMappings = [], RootDeviceName } = await instance(0)
    expect(BlockDeviceMappings.map(({ DeviceName, Ebs }) => [DeviceName, Ebs?.DeleteOnTermination])).toEqual([
      ['/dev/xvda', true],
      ['/dev/sdf', false],
      ['/dev/sdg', false],
    ])
    expect(RootDeviceName).toBe('/dev/xvda')
    expect(new Set(volumesOf(await instance(0))).size).toBe(3)
    expect(volumesOf(await instance(3))).toHaveLength(1)
  })

  it('snapshots are of those volumes, but for the excluded ones', async () => {
    const { instance, snapshot } = stage()
    const volumes = volumesOf(await instance(0))
    expect((await snapshot(0)).map(({ VolumeId }) => VolumeId)).toEqual(volumes)
    expect((await snapshot(0, { ExcludeBootVolume: true })).map(({ VolumeId }) => VolumeId)).toEqual(volumes.slice(1))
    expect((await snapshot(0, { ExcludeDataVolumeIds: [volumes[1]] })).map(({ VolumeId }) => VolumeId)).toEqual([volumes[0], volumes[2]])
  })

  it('are listed in pages and by filters', async () => {
    const { ec2, snapshot, pass } = stage()
    for (let n = 0; n < 4; n += 1) await snapshot(0)
    await pass(5 * MINUTE)
    const last = await snapshot(3)
    const pages: number[] = []
    for await (const page of paginateDescribeSnapshots({ client: ec2, pageSize: 5 }, { OwnerIds: ['self'] }))
      pages.push(page.Snapshots?.length ?? 0)
    expect(pages).toEqual([5, 5, 3])
    const states = async (status: string): Promise<number> =>
      (await ec2.send(new DescribeSnapshotsCommand({ Filters: [{ Name: 'status', Values: [status] }] }))).Snapshots?.length ?? 0
    expect([await states('completed'), await states('pending')]).toEqual([12, 1])
    const Filters = [{ Name: 'volume-id', Values: [String(last[0]?.VolumeId)] }]
    expect((await ec2.send(new DescribeSnapshotsCommand({ Filters }))).Snapshots).toMatchObject([{ State: 'pending', VolumeSize: 8 }])
  })

  it('belong to one account', async () => {
    const { clients, snapshot } = stage()
    const [made] = await snapshot(0)
    const { ec2 } = clients({ account: CONTROL })
    expect((await ec2.send(new DescribeSnapshotsCommand({ MaxResults: 5 }))).Snapshots).toEqual([])
    expect(await nameOf(ec2.send(new DeleteSnapshotCommand({ SnapshotId: made?.SnapshotId })))).toBe('InvalidSnapshot.NotFound')
  })

  const tag = (Key: string, Value = 'x') => ({ ResourceType: 'snapshot' as const, Tags: [{ Key, Value }] })
  it.each<readonly [string, string, (stage: Stage) => Promise<unknown>]>([
    ['an instance that is not there', 'InvalidInstanceID.NotFound', ({ ec2 }) => ec2.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: 'i-00000000000000000' } }))],
    ['a reserved tag', 'InvalidParameterValue', ({ ec2, id }) => ec2.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: id(0) }, TagSpecifications: [tag('aws:x')] }))],
    ['a tag that is too long', 'InvalidParameterValue', ({ ec2, id }) => ec2.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: id(0) }, TagSpecifications: [tag('k', 'v'.repeat(257))] }))],
    ['tags for something else', 'InvalidParameterValue', ({ ec2, id }) => ec2.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: id(0) }, TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'k', Value: 'v' }] }] }))],
    ['a page of four', 'InvalidParameterValue', ({ ec2 }) => ec2.send(new DescribeSnapshotsCommand({ MaxResults: 4 }))],
    ['a filter that is none', 'InvalidParameterValue', ({ ec2 }) => ec2.send(new DescribeSnapshotsCommand({ Filters: [{ Name: 'colour', Values: ['red'] }] }))],
    ['an id that is none', 'InvalidSnapshotID.Malformed', ({ ec2 }) => ec2.send(new DeleteSnapshotCommand({ SnapshotId: 'snap-x' }))],
    ['an id that is not there', 'InvalidSnapshot.NotFound', ({ ec2 }) => ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: ['snap-00000000'] }))],
    ['a dry run', 'DryRunOperation', ({ ec2, id }) => ec2.send(new CreateSnapshotsCommand({ DryRun: true, InstanceSpecification: { InstanceId: id(0) } }))],
  ])('refuse %s', async (_, name, work) => {
    expect(await nameOf(work(stage()))).toBe(name)
  }) // prettier-ignore
})

describe('power', () => {
  it('tells the state before and after', async () => {
    const { ec2, id, pass, instance } = stage()
    const stop = await ec2.send(new StopInstancesCommand({ InstanceIds: [id(3)] }))
    expect(stop.StoppingInstances).toMatchObject([
      { InstanceId: id(3), PreviousState: { Name: 'running', Code: 16 }, CurrentState: { Name: 'stopping', Code: 64 } },
    ])
    await pass(MINUTE)
    const { LaunchTime } = await instance(3)
    const start = await ec2.send(new StartInstancesCommand({ InstanceIds: [id(3)] }))
    expect(start.StartingInstances).toMatchObject([{ PreviousState: { Name: 'stopped' }, CurrentState: { Name: 'pending', Code: 0 } }])
    await pass(MINUTE)
    expect(Number((await instance(3)).LaunchTime)).toBeGreaterThan(Number(LaunchTime))
  })

  it('refuses what is not there, and what is between two states', async () => {
    const { ec2, id } = stage()
    expect(await nameOf(ec2.send(new StopInstancesCommand({ InstanceIds: [] })))).toBe('MissingParameter')
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id(3)] }))
    expect(await nameOf(ec2.send(new StartInstancesCommand({ InstanceIds: [id(3)] })))).toBe('IncorrectInstanceState')
    expect(await nameOf(ec2.send(new StopInstancesCommand({ InstanceIds: ['i-00000000000000000'] })))).toBe('InvalidInstanceID.NotFound')
  })

  it('has EC2’s bucket for what changes', async () => {
    const { ec2, id } = stage()
    const names = await Promise.all(Array.from({ length: 51 }, () => nameOf(ec2.send(new StartInstancesCommand({ InstanceIds: [id(3)] })))))
    expect(names.filter((name) => name === 'RequestLimitExceeded')).toHaveLength(1)
  })
})

describe('replacing a root volume', () => {
  const task = async (ec2: EC2Client, id: string) =>
    (await ec2.send(new DescribeReplaceRootVolumeTasksCommand({ Filters: [{ Name: 'instance-id', Values: [id] }] })))
      .ReplaceRootVolumeTasks?.[0]

  it('gives another volume at the same device, and the same image', async () => {
    const { ec2, id, pass, instance, snapshot } = stage()
    const before = await instance(3)
    const [root] = await snapshot(3)
    await pass(5 * MINUTE)
    await ec2.send(new CreateReplaceRootVolumeTaskCommand({ InstanceId: id(3), SnapshotId: root?.SnapshotId }))
    expect((await task(ec2, id(3)))?.CompleteTime).toBeUndefined()
    await pass(5 * MINUTE)
    expect(await task(ec2, id(3))).toMatchObject({
      TaskState: 'succeeded',
      SnapshotId: root?.SnapshotId,
      CompleteTime: expect.any(String) as string,
    })
    const after = await instance(3)
    expect(after.ImageId).toBe(before.ImageId)
    expect(volumesOf(after)).not.toEqual(volumesOf(before))
    expect((await snapshot(3)).map(({ VolumeId }) => VolumeId)).toEqual(volumesOf(after))
  })

  it('fails when the node is stopped before it begins', async () => {
    const { ec2, id, pass, snapshot } = stage()
    const [root] = await snapshot(3)
    await pass(5 * MINUTE)
    await ec2.send(new CreateReplaceRootVolumeTaskCommand({ InstanceId: id(3), SnapshotId: root?.SnapshotId }))
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id(3)] }))
    await pass(MINUTE)
    expect(await task(ec2, id(3))).toMatchObject({ TaskState: 'failed' })
  })

  it('a node that is stopped in the middle comes back from the new volume when it is started', async () => {
    const { ec2, id, pass, snapshot, sandbox } = stage()
    const [root] = await snapshot(3)
    await pass(5 * MINUTE)
    await ec2.send(new CreateReplaceRootVolumeTaskCommand({ InstanceId: id(3), SnapshotId: root?.SnapshotId }))
    await pass(MINUTE)
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id(3)] }))
    await pass(10 * MINUTE)
    expect(await task(ec2, id(3))).toMatchObject({ TaskState: 'in-progress' })
    await ec2.send(new StartInstancesCommand({ InstanceIds: [id(3)] }))
    await pass(5 * MINUTE)
    expect(await task(ec2, id(3))).toMatchObject({ TaskState: 'succeeded' })
    expect(sandbox.nodes()[3]).toMatchObject({ state: 'running', agent: 'online' })
  })

  it('wants a snapshot', async () => {
    const { ec2, id } = stage()
    expect(await nameOf(ec2.send(new CreateReplaceRootVolumeTaskCommand({ InstanceId: id(3) })))).toBe('UnsupportedOperation')
  })
})
