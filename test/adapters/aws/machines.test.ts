import { describe, expect, it } from 'vitest'
import { known } from '../../../src/kit/assert.ts'
import type { NodeId } from '../../../src/kit/ids.ts'
import { DAY, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import type { SnapshotSeen } from '../../../src/ports/machines.ts'
import { CONTROL, EstateStage, failureOf, FLEET, signal, STAGING } from './estate.ts'
import { all, control, wire } from './wire.ts'

const RUN = '0190a000-0000-7000-8000-000000000001'
const OTHER = '0190a000-0000-7000-8000-000000000002'
const deleteAfter = plus(FLEET.start, 7 * DAY)

const take = (stage: EstateStage, node: NodeId, run = RUN): Promise<readonly SnapshotSeen[]> =>
  stage.do((aws) => aws.machines.snapshot(STAGING, node, { run, deleteAfter }, signal))
const listed = (stage: EstateStage, of: Readonly<{ run?: string; nodes?: readonly NodeId[] }>): Promise<SnapshotSeen[]> =>
  stage.do((aws) => all(aws.machines.snapshots(STAGING, of, signal)))
const rootOf = (seen: readonly SnapshotSeen[]): string =>
  known(
    seen.find(({ root }) => root),
    'the root volume’s snapshot',
  ).snapshot

describe('power', () => {
  it('stops and starts with all that lies between; a repeat changes nothing', async () => {
    const stage = new EstateStage()
    const node = stage.id(6)
    const before = stage.view(node)
    const agent = async (): Promise<string | undefined> => (await stage.do((aws) => aws.fleet.look(STAGING, [node], signal)))[0]?.agent
    const stop = (): Promise<void> => stage.do((aws) => aws.machines.stop(STAGING, [node], signal))
    const start = (): Promise<void> => stage.do((aws) => aws.machines.start(STAGING, [node], signal))
    await start()
    expect(stage.view(node)).toMatchObject({ state: 'running', bootId: before.bootId })
    await stop()
    expect([stage.view(node).state, stage.view(node).agent, await agent()]).toEqual(['stopping', 'lost', 'none'])
    expect(await failureOf(start())).toBe('aws.conflict IncorrectInstanceState')
    await stage.pass(MINUTE)
    await stop()
    expect([stage.view(node).state, await agent()]).toEqual(['stopped', 'none'])
    await start()
    expect(stage.view(node).state).toBe('pending')
    await stage.pass(20 * SECOND)
    expect([stage.view(node).state, stage.view(node).agent]).toEqual(['running', 'lost'])
    await stage.pass(MINUTE)
    expect([stage.view(node).agent, await agent()]).toEqual(['online', 'online'])
    expect(stage.view(node).bootId).not.toBe(before.bootId)
    expect(stage.view(node).packages).toEqual(before.packages)
  })

  it('none of a call is done when one is not there', async () => {
    const stage = new EstateStage()
    const both = [stage.id(6), 'i-00000000000000000']
    expect(await failureOf(stage.do((aws) => aws.machines.stop(STAGING, both, signal)))).toBe('aws.missing InvalidInstanceID.NotFound')
    expect(stage.view(stage.id(6)).state).toBe('running')
    await stage.do((aws) => aws.machines.stop(STAGING, [], signal))
    await stage.do((aws) => aws.machines.start(STAGING, [], signal))
    expect(stage.calls('ec2.StartInstances')).toBe(0)
  })
})

describe('snapshots', () => {
  it('of all volumes, tagged so that they are found again', async () => {
    const stage = new EstateStage()
    const node = stage.id(0)
    const made = await take(stage, node)
    expect(made.map(({ root, state }) => [root, state])).toEqual([
      [true, 'pending'],
      [false, 'pending'],
    ])
    expect(made[0]).toMatchObject({ node, run: RUN, deleteAfter })
    await take(stage, stage.id(1))
    await take(stage, node, OTHER)
    await stage.pass(5 * MINUTE)
    expect(await listed(stage, { run: RUN, nodes: [node] })).toEqual(made.map((one) => ({ ...one, state: 'completed' })))
    expect(await listed(stage, { run: RUN })).toHaveLength(4)
    expect(await listed(stage, { nodes: [node] })).toHaveLength(4)
    expect(await listed(stage, { nodes: [] })).toEqual([])
    expect(await listed(stage, {})).toHaveLength(6)
    expect(await stage.do((aws) => all(aws.machines.snapshots(CONTROL, {}, signal)))).toEqual([])
  })

  it('are deleted once, however often it is asked for', async () => {
    const stage = new EstateStage()
    const [first] = await take(stage, stage.id(6))
    const id = known(first, 'a snapshot').snapshot
    const remove = (): Promise<void> => stage.do((aws) => aws.machines.deleteSnapshot(STAGING, id, signal))
    await remove()
    await remove()
    expect(await listed(stage, {})).toEqual([])
  })

  it('that may have been taken are looked up, not taken again', async () => {
    const stage = new EstateStage()
    stage.losing.add('CreateSnapshots')
    const taken = await take(stage, stage.id(0))
    expect(taken).toHaveLength(2)
    expect(await listed(stage, { run: RUN })).toEqual(taken)
    expect(stage.calls('ec2.CreateSnapshots')).toBe(1)
  })

  it('none is taken when its process stood still while it looked for the root volume: another driver has the node by then', async () => {
    const { aws, clock, names } = wire(async ({ name }) => {
      if (name === 'ec2.DescribeInstances') await clock.sleep(plus(clock.now(), 10 * MINUTE))
      return { xml: `<Answer>${name === 'ec2.DescribeInstances' ? '<reservationSet/>' : '<snapshotSet/>'}</Answer>` }
    })
    const asked = (): Promise<unknown> => aws.machines.snapshot(control, 'i-00000000000000000', { run: RUN, deleteAfter }, signal)
    await expect(clock.run(asked)).rejects.toMatchObject({ code: 'aws.stale' })
    expect(names()).toEqual(['ec2.DescribeInstances'])
  })
})

describe('replacing root volumes', () => {
  const settled = async (stage: EstateStage, node: NodeId) => {
    await stage.pass(10 * MINUTE)
    return stage.do((aws) => aws.machines.rootTasks(STAGING, [node], signal))
  }

  it('gives back the packages of the snapshot, and the node boots', async () => {
    const stage = new EstateStage()
    const node = stage.id(0)
    const before = stage.view(node)
    const root = rootOf(await take(stage, node))
    await stage.pass(5 * MINUTE)
    await stage.update(node)
    expect(stage.view(node).packages).not.toEqual(before.packages)
    const replace = () => stage.do((aws) => aws.machines.replaceRoot(STAGING, node, root, `${RUN}.1`, signal))
    const task = await replace()
    expect(task).toMatchObject({ node, state: 'pending', ended: false, succeeded: false })
    expect(await replace()).toEqual(task)
    await stage.pass(MINUTE)
    expect(stage.view(node).agent).toBe('lost')
    expect(await replace()).toMatchObject({ task: task.task, state: 'in-progress' })
    expect(await settled(stage, node)).toEqual([{ task: task.task, node, state: 'succeeded', ended: true, succeeded: true }])
    const after = stage.view(node)
    expect(after).toMatchObject({ packages: before.packages, ami: before.ami, agent: 'online', state: 'running' })
    expect(after.bootId).not.toBe(before.bootId)
  })

  it('again, from the same snapshot: the volume is another, the node is the same', async () => {
    const stage = new EstateStage()
    const node = stage.id(6)
    const root = rootOf(await take(stage, node))
    await stage.pass(5 * MINUTE)
    for (const token of ['a', 'b']) {
      await stage.do((aws) => aws.machines.replaceRoot(STAGING, node, root, token, signal))
      await settled(stage, node)
    }
    const tasks = await settled(stage, node)
    expect(tasks.map(({ state }) => state)).toEqual(['succeeded', 'succeeded'])
    expect(rootOf(await take(stage, node, OTHER))).not.toBe(root)
  })

  it.each<readonly [string, string, (stage: EstateStage, snapshots: readonly SnapshotSeen[]) => Promise<unknown>]>([
    ['a snapshot that is not there', 'aws.missing InvalidSnapshot.NotFound', (stage) => stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(0), 'snap-00000000000000000', 't', signal))],
    ['a snapshot of a data volume', 'aws.invalid InvalidParameterValue', (stage, [, data]) => stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(0), data?.snapshot ?? '', 't', signal))],
    ['a snapshot of another node', 'aws.invalid InvalidParameterValue', (stage, [root]) => stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(1), root?.snapshot ?? '', 't', signal))],
    ['the same token for another node', 'aws.conflict IdempotentParameterMismatch', async (stage, [root]) => {
      await stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(0), root?.snapshot ?? '', 't', signal))
      await stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(1), root?.snapshot ?? '', 't', signal))
    }],
    ['a second replacement while one goes on', 'aws.conflict IncorrectState', async (stage, [root]) => {
      await stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(0), root?.snapshot ?? '', 't', signal))
      await stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(0), root?.snapshot ?? '', 'u', signal))
    }],
    ['a node that is stopped', 'aws.conflict IncorrectInstanceState', async (stage, [root]) => {
      await stage.do((aws) => aws.machines.stop(STAGING, [stage.id(0)], signal))
      await stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(0), root?.snapshot ?? '', 't', signal))
    }],
  ])('refuses %s', async (_, failure, work) => {
    const stage = new EstateStage()
    const snapshots = await take(stage, stage.id(0))
    await stage.pass(5 * MINUTE)
    expect(await failureOf(work(stage, snapshots))).toBe(failure)
  }) // prettier-ignore

  it('refuses a snapshot that is not completed', async () => {
    const stage = new EstateStage()
    const root = rootOf(await take(stage, stage.id(0)))
    expect(await failureOf(stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(0), root, 't', signal)))).toBe(
      'aws.conflict IncorrectState',
    )
  })

  it('what may have been done is done again under the same token: one task', async () => {
    const stage = new EstateStage()
    const root = rootOf(await take(stage, stage.id(6)))
    await stage.pass(5 * MINUTE)
    stage.losing.add('CreateReplaceRootVolumeTask')
    await stage.do((aws) => aws.machines.replaceRoot(STAGING, stage.id(6), root, 't', signal))
    expect(stage.calls('ec2.CreateReplaceRootVolumeTask')).toBe(2)
    expect(await settled(stage, stage.id(6))).toHaveLength(1)
  })
})
