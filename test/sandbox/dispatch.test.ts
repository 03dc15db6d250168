import { DescribeInstancesCommand } from '@aws-sdk/client-ec2'
import { GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { GetParameterCommand, GetParameterHistoryCommand, GetParametersCommand, PutParameterCommand } from '@aws-sdk/client-ssm'
import { describe, expect, it } from 'vitest'
import { plus, SECOND } from '../../src/kit/instant.ts'
import type { Exchange } from '../../src/sandbox/calls.ts'
import { NO_FAULTS, parseFaults } from '../../src/sandbox/faults.ts'
import { CONTROL, type Front, front, nameOf, START, STAGING } from './front.ts'

const faults = (api: string): ReturnType<typeof parseFaults> =>
  parseFaults(`apiVersion: patchwave/v1\nkind: Faults\napi: ${api}\n`, 'faults.yaml')
const put = (n: number): PutParameterCommand => new PutParameterCommand({ Name: `/p/${String(n)}`, Value: 'v', Type: 'String' })
const times = <T>(count: number, work: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => work(n))
const later = ({ clock }: Front, seconds: number): Promise<void> => clock.run(() => clock.sleep(plus(clock.now(), seconds * SECOND)))
const tally = async (names: Promise<string>[]): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const name of await Promise.all(names)) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

describe('quotas', () => {
  it('let three PutParameter a second through in each cell', async () => {
    const world = front()
    const { ssm } = world.clients()
    expect(await tally(times(5, (n) => nameOf(ssm.send(put(n)))))).toEqual({ 'no error': 3, ThrottlingException: 2 })
    expect(await nameOf(world.clients({ region: 'eu-central-1' }).ssm.send(put(9)))).toBe('no error')
    expect(await nameOf(ssm.send(new GetParameterHistoryCommand({ Name: '/p/0' })))).toBe('no error')
    await later(world, 1)
    expect(await tally(times(5, (n) => nameOf(ssm.send(put(10 + n)))))).toEqual({ 'no error': 3, ThrottlingException: 2 })
  })

  it('count the three gets of parameters together: 40 a second', async () => {
    const { ssm } = front().clients()
    const gets = times(41, (n) =>
      nameOf(n % 2 === 0 ? ssm.send(new GetParametersCommand({ Names: ['/p'] })) : ssm.send(new GetParameterCommand({ Name: '/p' }))),
    )
    expect(await tally(gets)).toEqual({ 'no error': 20, ParameterNotFound: 20, ThrottlingException: 1 })
  })

  it('give EC2 a bucket of 100, and one of 50 for calls that ask for everything', async () => {
    const world = front()
    const { ec2 } = world.clients()
    expect(await tally(times(51, () => nameOf(ec2.send(new DescribeInstancesCommand({})))))).toEqual({
      'no error': 50,
      RequestLimitExceeded: 1,
    })
    const paged = new DescribeInstancesCommand({ MaxResults: 5 })
    expect(await tally(times(101, () => nameOf(ec2.send(paged))))).toEqual({ 'no error': 100, RequestLimitExceeded: 1 })
    await later(world, 1)
    expect(await tally(times(21, () => nameOf(ec2.send(paged))))).toEqual({ 'no error': 20, RequestLimitExceeded: 1 })
  })

  it('are counted where they are met', async () => {
    const world = front()
    const { ssm } = world.clients()
    await Promise.all(times(4, (n) => nameOf(ssm.send(put(n)))))
    await nameOf(ssm.send(new GetParameterCommand({ Name: '/none' })))
    expect(world.sandbox.calls()).toEqual([
      { account: STAGING, region: 'us-east-1', call: 'ssm.GetParameter', count: 1, throttled: 0, failed: 1 },
      { account: STAGING, region: 'us-east-1', call: 'ssm.PutParameter', count: 4, throttled: 1, failed: 0 },
    ])
  })
})

describe('faults of the API', () => {
  it('throttle before anything is done', async () => {
    const world = front({ faults: faults('{ throttled: 100% }') })
    const { ssm } = world.clients()
    expect(await nameOf(ssm.send(put(1)))).toBe('ThrottlingException')
    world.sandbox.setFaults(null)
    expect(await nameOf(ssm.send(new GetParameterCommand({ Name: '/p/1' })))).toBe('ParameterNotFound')
  })

  it('fail after the effect: by an answer of 500, or by a broken connection', async () => {
    const world = front({ faults: faults('{ failedAfterEffect: 100% }') })
    const { ssm } = world.clients()
    const ends = new Set<string>()
    for (let n = 0; n < 12; n += 1) {
      await later(world, 1)
      ends.add(await ssm.send(put(n)).then(String, (error: unknown) => endOf(error)))
    }
    expect([...ends].sort()).toEqual(['InternalServerError 500', 'TimeoutError ECONNRESET'])
    world.sandbox.setFaults(NO_FAULTS)
    for (let n = 0; n < 12; n += 1) expect(await nameOf(ssm.send(new GetParameterCommand({ Name: `/p/${String(n)}` })))).toBe('no error')
  })

  it('take the time that they say, on the clock, and none when they say none', async () => {
    const slow = front({ faults: faults('{ latency: { median: 40ms, p95: 200ms } }') })
    const { ssm } = slow.clients()
    const took: number[] = []
    await slow.clock.run(async () => {
      for (let n = 0; n < 400; n += 1) {
        const before = slow.clock.now()
        await nameOf(ssm.send(new GetParameterCommand({ Name: '/p' })))
        took.push(slow.clock.now() - before)
      }
    })
    took.sort((a, b) => a - b)
    expect(took[200]).toBeGreaterThan(30)
    expect(took[200]).toBeLessThan(55)
    expect(took[380]).toBeGreaterThan(130)
    expect(took[380]).toBeLessThan(320)
    const calm = front()
    await nameOf(calm.clients().ssm.send(new GetParameterCommand({ Name: '/p' })))
    expect(calm.clock.now()).toBe(START)
  })

  it('are the same from the same seed', async () => {
    const night = async (seed: number): Promise<string[]> => {
      const world = front({ faults: { ...faults('{ throttled: 20%, failedAfterEffect: 20% }'), seed } })
      const { ssm } = world.clients()
      const names: string[] = []
      for (let n = 0; n < 20; n += 1) names.push(await nameOf(ssm.send(new GetParameterCommand({ Name: '/p' }))))
      return names
    }
    expect(await night(1)).toEqual(await night(1))
    expect(await night(1)).not.toEqual(await night(2))
  })
})

describe('a caller that goes', () => {
  it('ends a long poll at once', async () => {
    const world = front()
    const { sqs } = world.clients({ account: CONTROL })
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'patchwave-events' }))
    const gone = new AbortController()
    const ended = await world.clock.run(async () => {
      const poll = nameOf(sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), { abortSignal: gone.signal }))
      await world.clock.sleep(plus(START, SECOND))
      gone.abort()
      return [await poll, world.clock.now()]
    })
    expect(ended).toEqual(['AbortError', plus(START, SECOND)])
  })

  it('has done nothing when it goes before the effect', async () => {
    const world = front({ faults: faults('{ latency: { median: 1s, p95: 1s } }') })
    const { ssm } = world.clients()
    const gone = new AbortController()
    await world.clock.run(async () => {
      const writing = nameOf(ssm.send(put(1), { abortSignal: gone.signal }))
      await world.clock.sleep(plus(START, 100))
      gone.abort()
      expect(await writing).toBe('AbortError')
    })
    world.sandbox.setFaults(null)
    expect(await nameOf(ssm.send(new GetParameterCommand({ Name: '/p/1' })))).toBe('ParameterNotFound')
  })
})

it('records exchanges as they are on the wire', async () => {
  const seen: Exchange[] = []
  const { ssm } = front({ record: (exchange) => seen.push(exchange) }).clients()
  await ssm.send(put(1))
  await nameOf(ssm.send(put(1)))
  expect(seen).toMatchObject([
    {
      service: 'ssm',
      operation: 'PutParameter',
      status: 200,
      request: { Name: '/p/1', Value: 'v', Type: 'String' },
      response: { Version: 1, Tier: 'Standard' },
    },
    { service: 'ssm', operation: 'PutParameter', status: 400, response: { __type: 'ParameterAlreadyExists' } },
  ])
})

/** Name, and status or code, of what the SDK threw. */
function endOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { $metadata, code } = error as { $metadata?: { httpStatusCode?: number }; code?: string }
  return `${error.name} ${String($metadata?.httpStatusCode ?? code)}`
}
