import { describe, expect, it } from 'vitest'
import { fenced } from '../../src/engine/fenced.ts'
import { MINUTE, plus, SECOND } from '../../src/kit/instant.ts'
import { Stage } from '../scenarios/stage.ts'
import { fleet, group } from '../scenarios/documents.ts'

const CELL = { account: '222222222222', region: 'us-east-1' }
const ORDER = {
  cell: CELL,
  token: '01900000-0000-7000-8000-000000000001.1',
  nodes: ['i-00000000000000001'],
  parameters: {},
  executionSeconds: 60,
}
const SIGNAL = new AbortController().signal

describe('the world of a driver’s steps', () => {
  it.each([
    [31, true],
    [30, false],
    [0, false],
    [-600, false],
  ])('asks for changes with %i s of the lease left: %s; looks are free', async (leftSeconds, asks) => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 1)]) })
    const asked: string[] = []
    const { world } = await stage.start({ calls: { before: (operation) => void asked.push(operation) } })
    const mine = fenced(world, () => plus(stage.clock.now(), leftSeconds * SECOND))
    const [node = ''] = stage.sandbox.nodes().map((view) => view.node)
    const code = (work: () => Promise<unknown>): Promise<string> =>
      stage.run(() =>
        work().then(
          () => 'done',
          (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
        ),
      )
    const groupArn = 'arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/none/0123456789abcdef'
    const targets = [{ group: groupArn, node, port: 80 }]
    const changes = [
      () => mine.balancers.deregister(CELL, targets, SIGNAL),
      () => mine.balancers.register(CELL, targets, SIGNAL),
      () => mine.scaling.enterStandby(CELL, 'none', [node], SIGNAL),
      () => mine.scaling.exitStandby(CELL, 'none', [node], SIGNAL),
      () => mine.machines.start(CELL, [node], SIGNAL),
      () => mine.machines.stop(CELL, [node], SIGNAL),
      () =>
        mine.commands.send(
          { ...ORDER, document: { name: 'Acme-Quiesce', hash: null }, startBefore: plus(stage.clock.now(), MINUTE) },
          SIGNAL,
        ),
    ]
    const ends: string[] = []
    for (const change of changes) ends.push(await code(change))
    expect(ends.map((end) => end !== 'aws.stale')).toEqual(changes.map(() => asks))
    expect(asked.some((operation) => /^(De)?[Rr]egister|Standby|Instances$/.test(operation))).toBe(asks)
    const own = { ...ORDER, document: { name: 'Patchwave-Hook', hash: 'ab'.repeat(32) }, startBefore: plus(stage.clock.now(), MINUTE) }
    expect(await code(() => mine.commands.send(own, SIGNAL)), 'ours is known by its token').not.toBe('aws.stale')
    await code(() => mine.balancers.targetsOf(CELL, [node], SIGNAL))
    expect(asked).toContain('DescribeTargetGroups')
  })
})
