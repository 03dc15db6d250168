import { DescribeImagesCommand } from '@aws-sdk/client-ec2'
import { GetQueueAttributesCommand, ListQueuesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { CreateDocumentCommand, DescribeInstanceInformationCommand, SendCommandCommand } from '@aws-sdk/client-ssm'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { describe, expect, it } from 'vitest'
import { HOUR, plus } from '../../src/kit/instant.ts'
import { speedClock } from '../../src/sandbox/speed-clock.ts'
import { CONTROL, type Front, front, START, STAGING } from './front.ts'

const CONTENT = JSON.stringify({
  schemaVersion: '2.2',
  parameters: { Token: { type: 'String' }, StartBefore: { type: 'String' }, executionTimeout: { type: 'String', default: '3600' } },
  mainSteps: [{ action: 'aws:runShellScript', name: 'patchwave', inputs: { runCommand: ['true'] } }],
})
const eventsQueue = (region: string): string => `https://sqs.${region}.amazonaws.com/${CONTROL}/patchwave-events`

/** Scans three nodes of staging and lets an hour pass. */
async function scan({ clients, clock }: Front): Promise<string[]> {
  const { ssm } = clients()
  await ssm.send(new CreateDocumentCommand({ Name: 'Patchwave-Scan', Content: CONTENT, DocumentType: 'Command' }))
  const { InstanceInformationList: list = [] } = await ssm.send(new DescribeInstanceInformationCommand({ MaxResults: 5 }))
  const InstanceIds = list.slice(0, 3).map(({ InstanceId }) => InstanceId ?? '')
  const Parameters = { Token: ['01942f00-0000-7000-8000-000000000000.1'], StartBefore: [String(plus(START, HOUR) / 1_000)] }
  await ssm.send(new SendCommandCommand({ DocumentName: 'Patchwave-Scan', InstanceIds, Parameters, Comment: 'c' }))
  await clock.run(() => clock.sleep(plus(clock.now(), HOUR)))
  return InstanceIds
}

describe('the sandbox', () => {
  it('has its queues: for events in each Region, for feedback at home', async () => {
    const { clients } = front()
    const queuesIn = async (region: string): Promise<string[]> => {
      const { QueueUrls = [] } = await clients({ account: CONTROL, region }).sqs.send(new ListQueuesCommand({}))
      return QueueUrls.map((url) => url.slice(url.lastIndexOf('/') + 1))
    }
    expect(await queuesIn('us-east-1')).toEqual(['patchwave-events', 'patchwave-events-dlq', 'patchwave-feedback.fifo'])
    expect(await queuesIn('eu-central-1')).toEqual(['patchwave-events', 'patchwave-events-dlq'])
    const asked = new GetQueueAttributesCommand({ QueueUrl: eventsQueue('us-east-1'), AttributeNames: ['RedrivePolicy'] })
    const { Attributes } = await clients({ account: CONTROL }).sqs.send(asked)
    expect(Attributes?.['RedrivePolicy']).toContain(`arn:aws:sqs:us-east-1:${CONTROL}:patchwave-events-dlq`)
  })

  it('forwards status events to the control account’s queue of that Region', async () => {
    const world = front()
    const nodes = await scan(world)
    const { sqs } = world.clients({ account: CONTROL })
    const events: { region: string; account: string; detail: Record<string, string> }[] = []
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: eventsQueue('us-east-1'), MaxNumberOfMessages: 10, VisibilityTimeout: 3_600 }),
      )
      if (Messages.length === 0) break
      events.push(...Messages.map(({ Body }) => JSON.parse(Body ?? '') as (typeof events)[number]))
    }
    const ended = events.filter(
      ({ detail }) => detail['instance-id'] !== undefined && detail['status'] !== 'InProgress' && detail['status'] !== 'Pending',
    )
    expect(ended.map(({ detail }) => detail['instance-id']).sort()).toEqual([...nodes].sort())
    expect(events.every(({ account, region }) => account === STAGING && region === 'us-east-1')).toBe(true)
    expect(
      world.sandbox
        .ledger()
        .map(({ node }) => node)
        .sort(),
    ).toEqual([...nodes].sort())
  })

  it('plays the same night twice', async () => {
    const night = async (): Promise<string> => {
      const world = front()
      await scan(world)
      return JSON.stringify([world.sandbox.ledger(), world.sandbox.nodes(), world.sandbox.calls()])
    }
    expect(await night()).toBe(await night())
  })

  it('knows its people by their keys', async () => {
    const { clients, sandbox } = front()
    for (const { arn, env } of sandbox.identities()) {
      const credentials = { accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '' }
      expect((await clients({ credentials }).sts.send(new GetCallerIdentityCommand({}))).Arn).toBe(arn)
    }
    expect(sandbox.identities().map(({ arn }) => arn)).toContain(`arn:aws:iam::${CONTROL}:user/alice`)
  })

  it('forgets everything at a reset, what still runs too', async () => {
    const world = front()
    await scan(world)
    world.sandbox.reset()
    expect([world.sandbox.ledger(), world.sandbox.calls(), world.sandbox.nodes().length]).toEqual([[], [], 14])
    const { ec2 } = world.clients({ region: 'eu-central-1', account: '333333333333' })
    expect((await ec2.send(new DescribeImagesCommand({}))).Images?.length).toBeGreaterThan(0)
  })
})

describe('the speed clock', () => {
  it('sleeps by its own time, wakes when told, and takes a sleep of years', async () => {
    const clock = speedClock(START, 10_000)
    const began = performance.now()
    await clock.sleep(plus(START, 500_000))
    expect(performance.now() - began).toBeGreaterThan(45)
    expect(clock.now()).toBeGreaterThanOrEqual(plus(START, 500_000))
    const stop = new AbortController()
    const years = clock.sleep(plus(START, 1e15), stop.signal)
    const ended = await Promise.race([years.then(() => 'ended'), new Promise((resolve) => setTimeout(resolve, 30, 'asleep'))])
    expect(ended).toBe('asleep')
    stop.abort()
    await years
    await clock.sleep(START)
  })
})
