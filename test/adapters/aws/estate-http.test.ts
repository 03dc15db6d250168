import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAws, type Aws } from '../../../src/adapters/aws/aws.ts'
import { silentLog } from '../../../src/adapters/system/log.ts'
import { seededRandom } from '../../../src/adapters/system/random.ts'
import { systemClock } from '../../../src/adapters/system/system-clock.ts'
import { known } from '../../../src/kit/assert.ts'
import { DAY, plus } from '../../../src/kit/instant.ts'
import { userKey } from '../../../src/sandbox/callers.ts'
import { serveSandbox, type ServedSandbox } from '../../../src/sandbox/http.ts'
import { CONTROL, FLEET, signal, STAGING } from './estate.ts'
import { all } from './wire.ts'

let served: ServedSandbox
let aws: Aws
const credentials = { accessKeyId: userKey(CONTROL.account, 'operator'), secretAccessKey: 'x' }
beforeAll(async () => {
  served = await serveSandbox({ fleet: FLEET })
  aws = createAws({
    clock: systemClock,
    random: seededRandom(7),
    regionHome: CONTROL.region,
    control: CONTROL,
    accounts: [{ id: STAGING.account, role: `arn:aws:iam::${STAGING.account}:role/Patchwave`, externalId: null }],
    endpoint: served.endpoint,
    credentials,
    sessionName: 'estate',
    log: silentLog,
  })
})
afterAll(async () => {
  aws.close()
  await served.close()
})

const id = (index: number): string => known(served.sandbox.nodes()[index], 'a node').node

describe('over the network', () => {
  it('target groups', async () => {
    const targets = await aws.balancers.targetsOf(STAGING, [id(6)], signal)
    expect(targets).toMatchObject([{ node: id(6), port: 8080, state: 'healthy' }])
    await aws.balancers.deregister(STAGING, targets, signal)
    expect(await aws.balancers.health(STAGING, targets, signal)).toMatchObject([{ state: 'draining' }])
    await aws.balancers.register(STAGING, targets, signal)
    expect(await aws.balancers.health(STAGING, targets, signal)).toMatchObject([{ state: 'initial' }])
    expect([
      ...(
        await aws.balancers.drainSeconds(
          STAGING,
          targets.map(({ group }) => group),
          signal,
        )
      ).values(),
    ]).toEqual([120])
  })

  it('Auto Scaling', async () => {
    await aws.scaling.enterStandby(STAGING, 'web', [id(0)], signal)
    expect(await aws.scaling.membersOf(STAGING, [id(0), id(6)], signal)).toEqual([
      { node: id(0), group: 'web', lifecycle: 'EnteringStandby' },
    ])
  })

  it('power, snapshots and root volumes', async () => {
    const run = '0190a000-0000-7000-8000-000000000001'
    const taken = await aws.machines.snapshot(STAGING, id(1), { run, deleteAfter: plus(systemClock.now(), DAY) }, signal)
    expect(taken.map(({ root }) => root)).toEqual([true, false])
    expect(await all(aws.machines.snapshots(STAGING, { run }, signal))).toEqual(taken)
    await aws.machines.deleteSnapshot(STAGING, known(taken[1], 'the second').snapshot, signal)
    expect(await all(aws.machines.snapshots(STAGING, { run }, signal))).toHaveLength(1)
    expect(await aws.machines.rootTasks(STAGING, [id(1)], signal)).toEqual([])
    await aws.machines.stop(STAGING, [id(7)], signal)
    expect(served.sandbox.nodes()[7]?.state).toBe('stopping')
  })

  it('objects, the bucket in the path', async () => {
    await aws.objects.put(STAGING, 'lists', 'a/b.yaml', 'x: ä\n', signal)
    const s3 = new S3Client({ region: 'us-east-1', credentials, endpoint: served.endpoint, forcePathStyle: true })
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'lists', Key: 'a/b.yaml' }))
    expect(await Body?.transformToString()).toBe('x: ä\n')
  })

  it('are shown to observers', async () => {
    const nodes: unknown = await (await fetch(`${served.endpoint}/_sandbox/nodes`)).json()
    expect(nodes).toContainEqual(
      expect.objectContaining({ node: id(0), autoScaling: { group: 'web', lifecycle: 'EnteringStandby' }, state: 'running' }),
    )
    const calls: unknown = await (await fetch(`${served.endpoint}/_sandbox/calls`)).json()
    expect(calls).toContainEqual({ ...STAGING, call: 's3.PutObject', count: 1, throttled: 0, failed: 0 })
  })
})
