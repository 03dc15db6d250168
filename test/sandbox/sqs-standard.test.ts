import { beforeEach, describe, expect, it } from 'vitest'
import { type Instant, plus, SECOND } from '../../src/kit/instant.ts'
import { START, STAGING } from './front.ts'
import {
  type Output,
  bodies,
  call,
  caller,
  clock,
  codeOf,
  counts,
  create,
  handleOf,
  later,
  receive,
  remove,
  renew,
  send,
  urlOf,
} from './queues.ts'

beforeEach(renew)

describe('a standard queue', () => {
  beforeEach(() => create('q'))

  it('hides what it has handed out, until the timeout', async () => {
    await send('q', 'one')
    const [first] = await receive('q')
    expect(first?.Attributes).toMatchObject({ ApproximateReceiveCount: '1', SentTimestamp: String(START) })
    expect(await bodies('q')).toEqual([])
    expect(await counts('q')).toEqual([0, 1, 0])
    await later(30)
    const [second] = await receive('q')
    expect(second?.Attributes).toMatchObject({ ApproximateReceiveCount: '2', ApproximateFirstReceiveTimestamp: String(START) })
    expect(second?.ReceiptHandle).not.toBe(first?.ReceiptHandle)
  })

  it('deletes by the newest handle only, though an older one is accepted', async () => {
    await send('q', 'one')
    const [first] = await receive('q', { VisibilityTimeout: 1 })
    await later(1)
    const [second] = await receive('q')
    await remove('q', handleOf(first))
    expect(await counts('q')).toEqual([0, 1, 0])
    await remove('q', handleOf(second))
    expect(await counts('q')).toEqual([0, 0, 0])
    expect(await codeOf(remove('q', handleOf(second)))).toBe('no error')
    expect(await codeOf(remove('q', 'nonsense'))).toBe('ReceiptHandleIsInvalid')
  })

  it('changes visibility, within twelve hours of the receive', async () => {
    await send('q', 'one')
    const [message] = await receive('q')
    const change = (VisibilityTimeout: number): Promise<Output> =>
      call('ChangeMessageVisibility', { QueueUrl: urlOf('q'), ReceiptHandle: handleOf(message), VisibilityTimeout })
    await later(10)
    expect(await codeOf(change(43_200))).toBe('InvalidParameterValueException')
    expect(await codeOf(change(43_201))).toBe('InvalidParameterValueException')
    await change(43_190)
    await later(100)
    expect(await bodies('q')).toEqual([])
    await change(0)
    expect(await bodies('q')).toEqual(['one'])
    expect(await codeOf(change(5))).toBe('MessageNotInflight')
    await call('PurgeQueue', { QueueUrl: urlOf('q') })
    expect(await codeOf(change(5))).toBe('InvalidParameterValueException')
  })

  it('delays, by message or by queue', async () => {
    await create('slow', { DelaySeconds: '10' })
    await send('slow', 'later')
    await send('slow', 'now', { DelaySeconds: 0 })
    expect(await bodies('slow')).toEqual(['now'])
    expect(await counts('slow')).toEqual([0, 1, 1])
    await later(10)
    expect(await bodies('slow')).toEqual(['later'])
  })

  it('forgets after the retention', async () => {
    await create('brief', { MessageRetentionPeriod: '60' })
    await send('brief', 'x')
    await later(60)
    expect(await counts('brief')).toEqual([0, 0, 0])
    expect(await bodies('brief')).toEqual([])
  })

  it('gives up after so many receives: the message keeps its age and names where it came from', async () => {
    await create('dead')
    const policy = { deadLetterTargetArn: `arn:aws:sqs:us-east-1:${STAGING}:dead`, maxReceiveCount: 2 }
    await create('work', { RedrivePolicy: JSON.stringify(policy), VisibilityTimeout: '1' })
    await send('work', 'poison')
    for (let n = 0; n < 2; n += 1) {
      expect(await bodies('work')).toEqual(['poison'])
      await later(1)
    }
    expect(await bodies('work')).toEqual([])
    const [dead] = await receive('dead')
    expect(dead?.Attributes).toMatchObject({
      DeadLetterQueueSourceArn: `arn:aws:sqs:us-east-1:${STAGING}:work`,
      SentTimestamp: String(START),
    })
  })

  it('refuses a dead-letter queue of another kind or that forbids it', async () => {
    await create('f.fifo', { FifoQueue: 'true' })
    await create('closed', { RedriveAllowPolicy: '{"redrivePermission":"denyAll"}' })
    for (const target of ['f.fifo', 'closed']) {
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: `arn:aws:sqs:us-east-1:${STAGING}:${target}`, maxReceiveCount: 2 })
      expect(await codeOf(call('SetQueueAttributes', { QueueUrl: urlOf('q'), Attributes: { RedrivePolicy } }))).toBe(
        'InvalidParameterValueException',
      )
    }
  })

  it('holds 120,000 messages in flight: then a short poll is refused and a long one is silent', async () => {
    for (let n = 0; n < 120_000; n += 10) {
      await call('SendMessageBatch', {
        QueueUrl: urlOf('q'),
        Entries: Array.from({ length: 10 }, (_, id) => ({ Id: String(id), MessageBody: 'x' })),
      })
      await receive('q', { VisibilityTimeout: 3_600 })
    }
    await send('q', 'one more')
    expect(await codeOf(receive('q'))).toBe('OverLimit')
    expect(await bodies('q', { WaitTimeSeconds: 1 })).toEqual([])
  })

  // prettier-ignore
  it.each<[it: string, input: Output, code: string]>([
    ['a body',                        { MessageBody: '' },                                                    'MissingRequiredParameterException'],
    ['at most 1 MiB of it',           { MessageBody: 'x'.repeat(1_048_577) },                                 'InvalidParameterValueException'],
    ['exactly 1 MiB of it',           { MessageBody: 'x'.repeat(1_048_576) },                                 'no error'],
    ['bytes, not characters',         { MessageBody: 'é'.repeat(524_289) },                                   'InvalidParameterValueException'],
    ['attributes counted with it',    { MessageBody: 'x'.repeat(1_048_570), MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } } }, 'InvalidParameterValueException'],
    ['no control characters',         { MessageBody: 'a\u0000b' },                                            'InvalidMessageContents'],
    ['no lone surrogates',            { MessageBody: 'a\ud800b' },                                            'InvalidMessageContents'],
    ['a delay up to 900',             { MessageBody: 'x', DelaySeconds: 901 },                                'InvalidParameterValueException'],
    ['no deduplication id',           { MessageBody: 'x', MessageDeduplicationId: 'd' },                      'InvalidParameterValueException'],
    ['a group as a fair tenant',      { MessageBody: 'x', MessageGroupId: 'g' },                              'no error'],
    ['attributes of a known type',    { MessageBody: 'x', MessageAttributes: { a: { DataType: 'Date', StringValue: 'b' } } }, 'InvalidParameterValueException'],
    ['attributes with a value',       { MessageBody: 'x', MessageAttributes: { a: { DataType: 'String', StringValue: '' } } }, 'InvalidParameterValueException'],
    ['at most ten attributes',        { MessageBody: 'x', MessageAttributes: Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`a${String(n)}`, { DataType: 'String', StringValue: 'b' }])) }, 'InvalidParameterValueException'],
  ])('takes %s', async (_, input, code) => {
    expect(await codeOf(call('SendMessage', { QueueUrl: urlOf('q'), ...input }))).toBe(code)
  })

  it.each([
    [{ MaxNumberOfMessages: 0 }, { MaxNumberOfMessages: 11 }],
    [{ WaitTimeSeconds: -1 }, { WaitTimeSeconds: 21 }],
    [{ VisibilityTimeout: -1 }, { VisibilityTimeout: 43_201 }],
  ])('refuses to receive with %j or %j', async (low, high) => {
    expect(await codeOf(receive('q', low))).toBe('InvalidParameterValueException')
    expect(await codeOf(receive('q', high))).toBe('InvalidParameterValueException')
  })

  it('shows the message attributes that are asked for, by name or prefix', async () => {
    const value = { DataType: 'String', StringValue: 'v' }
    await send('q', 'x', { MessageAttributes: { 'a.one': value, 'a.two': value, b: value } })
    const asked = async (names: string[]): Promise<string[]> => {
      const { Messages } = await call('ReceiveMessage', { QueueUrl: urlOf('q'), MessageAttributeNames: names, VisibilityTimeout: 0 })
      return Object.keys((Messages as { MessageAttributes?: object }[])[0]?.MessageAttributes ?? {})
    }
    expect(await asked(['a.*'])).toEqual(['a.one', 'a.two'])
    expect(await asked(['b'])).toEqual(['b'])
    expect(await asked(['All'])).toEqual(['a.one', 'a.two', 'b'])
    expect(await asked([])).toEqual([])
  })
})

describe('long polling', () => {
  beforeEach(() => create('q'))

  it('waits in virtual time and comes back empty', async () => {
    const ended = await clock.run(async () => {
      expect(await bodies('q', { WaitTimeSeconds: 20 })).toEqual([])
      return clock.now()
    })
    expect(ended).toBe(plus(START, 20 * SECOND))
  })

  it('ends with the first message, at the moment it comes', async () => {
    const at = plus(START, 7 * SECOND)
    const came = await clock.run(async () => {
      const waiting = receive('q', { WaitTimeSeconds: 20 }).then((messages): [number, Instant] => [messages.length, clock.now()])
      await clock.sleep(at)
      await send('q', 'x')
      return await waiting
    })
    expect(came).toEqual([1, at])
  })

  it('ends when a hidden message comes back', async () => {
    await send('q', 'x')
    await receive('q', { VisibilityTimeout: 5 })
    const came = await clock.run(async () => [await bodies('q', { WaitTimeSeconds: 20 }), clock.now()])
    expect(came).toEqual([['x'], plus(START, 5 * SECOND)])
  })

  it('gives each message to one of those who wait', async () => {
    const got = await clock.run(async () => {
      const waiting = [1, 2, 3].map(() => bodies('q', { WaitTimeSeconds: 20, MaxNumberOfMessages: 1 }))
      await clock.sleep(plus(START, SECOND))
      await send('q', 'x')
      return await Promise.all(waiting)
    })
    expect(got.flat()).toEqual(['x'])
  })

  it('takes nothing once its caller has gone', async () => {
    const gone = new AbortController()
    const got = await clock.run(async () => {
      const waiting = call('ReceiveMessage', { QueueUrl: urlOf('q'), WaitTimeSeconds: 20 }, caller, gone.signal)
      await clock.sleep(plus(START, SECOND))
      gone.abort()
      expect(await waiting).toEqual({})
      await send('q', 'x')
      return await bodies('q')
    })
    expect(got).toEqual(['x'])
  })

  it('is what the queue says, when the call does not', async () => {
    await create('patient', { ReceiveMessageWaitTimeSeconds: '5' })
    const ended = await clock.run(async () => {
      await bodies('patient')
      return clock.now()
    })
    expect(ended).toBe(plus(START, 5 * SECOND))
  })
})
