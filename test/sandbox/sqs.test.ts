import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { md5 } from '../../src/kit/digest.ts'
import { type Instant, plus, SECOND } from '../../src/kit/instant.ts'
import { idsFrom } from '../../src/sandbox/ids.ts'
import { type Caller, ServiceError } from '../../src/sandbox/model.ts'
import { type Sqs, sqs } from '../../src/sandbox/services/sqs.ts'
import { attributesMd5 } from '../../src/sandbox/services/sqs-message.ts'
import { front, nameOf, START, STAGING } from './front.ts'

type Output = Record<string, unknown>
type Message = Readonly<{ MessageId: string; Body: string; ReceiptHandle: string; Attributes: Record<string, string> }>

const caller: Caller = { account: STAGING, region: 'us-east-1', arn: 'arn:x', accessKey: `AKIA${STAGING}OPERATOR` }
const foreign: Caller = { ...caller, account: '222222222222' }
const urlOf = (name: string): string => `https://sqs.us-east-1.amazonaws.com/${STAGING}/${name}`

let clock: VirtualClock
let embedded: Sqs

beforeEach(() => {
  clock = new VirtualClock(START)
  embedded = sqs({
    clock,
    ids: idsFrom(1, 'test'),
    urlOf: (cell, name) => `https://sqs.${cell.region}.amazonaws.com/${cell.account}/${name}`,
  })
})

const call = async (operation: string, input: Output, who = caller, signal?: AbortSignal): Promise<Output> => {
  const work = embedded.service[operation]
  if (!work) throw new Error(`no ${operation}`)
  return await work(input, who, signal)
}
const create = (QueueName: string, Attributes: Record<string, string> = {}): Promise<Output> =>
  call('CreateQueue', { QueueName, Attributes })
const send = (queue: string, MessageBody: string, more: Output = {}): Promise<Output> =>
  call('SendMessage', { QueueUrl: urlOf(queue), MessageBody, ...more })
const receive = async (queue: string, more: Output = {}): Promise<readonly Message[]> => {
  const output = await call('ReceiveMessage', { QueueUrl: urlOf(queue), MaxNumberOfMessages: 10, AttributeNames: ['All'], ...more })
  return (output['Messages'] ?? []) as Message[]
}
const bodies = async (queue: string, more: Output = {}): Promise<string[]> => (await receive(queue, more)).map(({ Body }) => Body)
const remove = (queue: string, ReceiptHandle: string): Promise<Output> => call('DeleteMessage', { QueueUrl: urlOf(queue), ReceiptHandle })
const counts = async (queue: string): Promise<number[]> => {
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl: urlOf(queue), AttributeNames: ['All'] })
  const all = Attributes as Record<string, string>
  return ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed'].map((name) =>
    Number(all[name]),
  )
}
const later = (seconds: number): Promise<void> => clock.run(() => clock.sleep(plus(clock.now(), seconds * SECOND)))
const handleOf = (message: Message | undefined): string => message?.ReceiptHandle ?? 'none'

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => {
      if (error instanceof ServiceError) return error.code
      throw error
    },
  )

describe('queues', () => {
  it('are created once: the same again is the same queue, another is refused', async () => {
    expect(await create('q', { DelaySeconds: '1' })).toEqual({ QueueUrl: urlOf('q') })
    expect(await create('q', { DelaySeconds: '1' })).toEqual({ QueueUrl: urlOf('q') })
    expect(await create('q')).toEqual({ QueueUrl: urlOf('q') })
    await expect(create('q', { DelaySeconds: '2' })).rejects.toThrow('different value for attribute DelaySeconds')
  })

  // prettier-ignore
  it.each<[it: string, name: string, attributes: Record<string, string>, code: string]>([
    ['80 characters are enough',           'n'.repeat(80),          {},                                   'no error'],
    ['81 are not',                         'n'.repeat(81),          {},                                   'InvalidParameterValueException'],
    ['a name has no dots',                 'a.b',                   {},                                   'InvalidParameterValueException'],
    ['.fifo needs the attribute',          'a.fifo',                {},                                   'InvalidParameterValueException'],
    ['the attribute needs .fifo',          'a',                     { FifoQueue: 'true' },                'InvalidParameterValueException'],
    ['both agree',                         'a.fifo',                { FifoQueue: 'true' },                'no error'],
    ['a standard queue is not FifoQueue=false', 'a',                { FifoQueue: 'false' },               'InvalidAttributeName'],
    ['attributes are known',               'a',                     { Colour: 'red' },                    'InvalidAttributeName'],
    ['attributes have ranges',             'a',                     { VisibilityTimeout: '43201' },       'InvalidAttributeValue'],
    ['attributes are numbers',             'a',                     { DelaySeconds: 'soon' },             'InvalidAttributeValue'],
    ['a redrive needs its target',         'a',                     { RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:none","maxReceiveCount":3}' }, 'InvalidParameterValueException'],
    ['a redrive has a count',              'a',                     { RedrivePolicy: '{"deadLetterTargetArn":"x"}' }, 'InvalidParameterValueException'],
    ['a redrive is JSON',                  'a',                     { RedrivePolicy: '{' },               'InvalidAttributeValue'],
  ])('%s', async (_, name, attributes, code) => {
    expect(await codeOf(create(name, attributes))).toBe(code)
  })

  it('are listed by prefix and page, in the caller’s cell', async () => {
    for (const name of ['b2', 'a', 'b1']) await create(name)
    expect(await call('ListQueues', {})).toEqual({ QueueUrls: ['a', 'b1', 'b2'].map(urlOf) })
    expect(await call('ListQueues', { QueueNamePrefix: 'x' })).toEqual({})
    const first = await call('ListQueues', { QueueNamePrefix: 'b', MaxResults: 1 })
    expect(await call('ListQueues', { QueueNamePrefix: 'b', MaxResults: 1, NextToken: first['NextToken'] })).toEqual({
      QueueUrls: [urlOf('b2')],
    })
    expect(await call('ListQueues', {}, foreign)).toEqual({})
  })

  it('are closed to other accounts, unless they have a policy', async () => {
    await create('q')
    const sending = (): Promise<Output> => call('SendMessage', { QueueUrl: urlOf('q'), MessageBody: 'x' }, foreign)
    expect(await codeOf(sending())).toBe('AccessDeniedException')
    await call('SetQueueAttributes', { QueueUrl: urlOf('q'), Attributes: { Policy: '{"Statement":[]}' } })
    expect(await codeOf(sending())).toBe('no error')
  })

  it('cannot be made again within 60 seconds of their end', async () => {
    await create('q')
    await call('DeleteQueue', { QueueUrl: urlOf('q') })
    expect(await codeOf(send('q', 'x'))).toBe('QueueDoesNotExist')
    await later(59)
    expect(await codeOf(create('q'))).toBe('QueueDeletedRecently')
    await later(1)
    expect(await codeOf(create('q'))).toBe('no error')
  })

  it('are purged at most once in 60 seconds', async () => {
    await create('q')
    await send('q', 'x')
    await call('PurgeQueue', { QueueUrl: urlOf('q') })
    expect(await bodies('q')).toEqual([])
    expect(await codeOf(call('PurgeQueue', { QueueUrl: urlOf('q') }))).toBe('PurgeQueueInProgress')
    await later(60)
    expect(await codeOf(call('PurgeQueue', { QueueUrl: urlOf('q') }))).toBe('no error')
  })

  it('show their attributes, standards included', async () => {
    await create('f.fifo', { FifoQueue: 'true', VisibilityTimeout: '60' })
    const { Attributes } = await call('GetQueueAttributes', { QueueUrl: urlOf('f.fifo'), AttributeNames: ['All'] })
    expect(Attributes).toMatchObject({
      QueueArn: `arn:aws:sqs:us-east-1:${STAGING}:f.fifo`,
      VisibilityTimeout: '60',
      MessageRetentionPeriod: '345600',
      MaximumMessageSize: '1048576',
      FifoQueue: 'true',
      ContentBasedDeduplication: 'false',
      CreatedTimestamp: String(START / 1_000),
    })
    expect(await codeOf(call('GetQueueAttributes', { QueueUrl: urlOf('f.fifo'), AttributeNames: ['Colour'] }))).toBe('InvalidAttributeName')
    expect(await codeOf(call('SetQueueAttributes', { QueueUrl: urlOf('f.fifo'), Attributes: { FifoQueue: 'false' } }))).toBe(
      'InvalidAttributeValue',
    )
  })
})

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

describe('a FIFO queue', () => {
  const sendTo = (group: string, body: string, id = body, queue = 'f.fifo'): Promise<Output> =>
    send(queue, body, { MessageGroupId: group, MessageDeduplicationId: id })

  beforeEach(() => create('f.fifo', { FifoQueue: 'true' }))

  it('keeps the order of a group, and holds it back while its first is hidden', async () => {
    for (const body of ['a1', 'a2', 'a3']) await sendTo('a', body)
    await sendTo('b', 'b1')
    expect(await bodies('f.fifo', { MaxNumberOfMessages: 1 })).toEqual(['a1'])
    expect(await bodies('f.fifo')).toEqual(['b1'])
    expect(await bodies('f.fifo')).toEqual([])
    await later(30)
    expect(await bodies('f.fifo')).toEqual(['a1', 'a2', 'a3', 'b1'])
  })

  it('goes on with a group when its first is deleted', async () => {
    await sendTo('a', 'a1')
    await sendTo('a', 'a2')
    const [first] = await receive('f.fifo', { MaxNumberOfMessages: 1 })
    await remove('f.fifo', handleOf(first))
    expect(await bodies('f.fifo')).toEqual(['a2'])
  })

  it('takes a repeat within five minutes for the first, and later for a new one', async () => {
    const first = await sendTo('a', 'one', 'd')
    expect(await sendTo('b', 'other', 'd')).toMatchObject({ MessageId: first['MessageId'], SequenceNumber: first['SequenceNumber'] })
    const [message] = await receive('f.fifo')
    await remove('f.fifo', handleOf(message))
    await later(299)
    await sendTo('a', 'one', 'd')
    expect(await bodies('f.fifo')).toEqual([])
    await later(1)
    const second = await sendTo('a', 'one', 'd')
    expect(await bodies('f.fifo')).toEqual(['one'])
    expect(BigInt(String(second['SequenceNumber'])) > BigInt(String(first['SequenceNumber']))).toBe(true)
  })

  it('tells repeats by the body, when it is told to', async () => {
    await create('c.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    for (const body of ['x', 'x', 'y']) await send('c.fifo', body, { MessageGroupId: 'g' })
    expect(await bodies('c.fifo')).toEqual(['x', 'y'])
  })

  it('tells repeats within their group, when it is told to', async () => {
    await create('s.fifo', { FifoQueue: 'true', DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' })
    await sendTo('a', 'a', 'd', 's.fifo')
    await sendTo('b', 'b', 'd', 's.fifo')
    expect(await bodies('s.fifo')).toEqual(['a', 'b'])
  })

  // prettier-ignore
  it.each<[it: string, input: Output, code: string]>([
    ['a group',                   { MessageDeduplicationId: 'd' },                                             'MissingRequiredParameterException'],
    ['a deduplication id',        { MessageGroupId: 'g' },                                                     'InvalidParameterValueException'],
    ['ids without spaces',        { MessageGroupId: 'g g', MessageDeduplicationId: 'd' },                      'InvalidParameterValueException'],
    ['ids of 128 characters',     { MessageGroupId: 'g', MessageDeduplicationId: 'd'.repeat(129) },            'InvalidParameterValueException'],
    ['no delay of a message',     { MessageGroupId: 'g', MessageDeduplicationId: 'd', DelaySeconds: 1 },       'InvalidParameterValueException'],
    ['a run and its number',      { MessageGroupId: '0190a-7', MessageDeduplicationId: '0190a-7/12' },         'no error'],
  ])('wants %s', async (_, input, code) => {
    expect(await codeOf(send('f.fifo', 'x', input))).toBe(code)
  })

  it('lets a handle die with its visibility timeout', async () => {
    await sendTo('a', 'a1')
    const [message] = await receive('f.fifo', { VisibilityTimeout: 5 })
    await later(5)
    await expect(remove('f.fifo', handleOf(message))).rejects.toThrow('The receipt handle has expired')
  })

  it('takes 300 calls a second', async () => {
    const sendOne = (n: number): Promise<string> => codeOf(sendTo('a', String(n)))
    const codes = await Promise.all(Array.from({ length: 301 }, (_, n) => sendOne(n)))
    expect(codes.filter((code) => code === 'RequestThrottled')).toHaveLength(1)
    await later(1)
    expect(await sendOne(301)).toBe('no error')
  })

  it('gives each group out in its order, whatever is received, deleted and lost on the way', async () => {
    const step = fc.record({
      group: fc.constantFrom('a', 'b', 'c'),
      act: fc.constantFrom('send', 'send', 'receive', 'forget'),
      count: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        clock = new VirtualClock(START)
        embedded = sqs({ clock, ids: idsFrom(1, 'test'), urlOf: (_, name) => urlOf(name) })
        await create('p.fifo', { FifoQueue: 'true' })
        const done: Record<string, number[]> = { a: [], b: [], c: [] }
        let n = 0
        const drain = async (count: number, forget: boolean): Promise<number> => {
          const messages = await receive('p.fifo', { MaxNumberOfMessages: count, VisibilityTimeout: 5 })
          for (const { Body, ReceiptHandle, Attributes } of messages) {
            if (forget) continue
            done[String(Attributes['MessageGroupId'])]?.push(Number(Body))
            await remove('p.fifo', ReceiptHandle)
          }
          return messages.length
        }
        for (const { group, act, count } of steps) {
          if (act === 'send') await sendTo(group, String((n += 1)), undefined, 'p.fifo')
          else await drain(count, act === 'forget')
        }
        await later(5)
        while ((await drain(10, false)) > 0);
        for (const bodiesOf of Object.values(done)) expect(bodiesOf).toEqual(bodiesOf.toSorted((x, y) => x - y))
        expect(Object.values(done).flat()).toHaveLength(n)
      }),
      { numRuns: 60 },
    )
  })
})

describe('batches', () => {
  beforeEach(() => create('q'))
  const batch = (Entries: Output[]): Promise<Output> => call('SendMessageBatch', { QueueUrl: urlOf('q'), Entries })
  const entries = (count: number, body = 'x'): Output[] => Array.from({ length: count }, (_, n) => ({ Id: String(n), MessageBody: body }))

  it('succeed by entry: one bad one does not stop the rest', async () => {
    const { Successful, Failed } = await batch([...entries(2), { Id: 'bad', MessageBody: 'a\u0001' }])
    expect(Successful).toMatchObject([{ Id: '0', MD5OfMessageBody: md5('x') }, { Id: '1' }])
    expect(Failed).toMatchObject([{ Id: 'bad', SenderFault: true, Code: 'InvalidMessageContents' }])
    expect(await bodies('q')).toEqual(['x', 'x'])
  })

  // prettier-ignore
  it.each<[it: string, entries: () => Output[], code: string]>([
    ['an entry',              () => [],                                                            'EmptyBatchRequest'],
    ['ten entries',           () => entries(10),                                                   'no error'],
    ['not eleven',            () => entries(11),                                                   'TooManyEntriesInBatchRequest'],
    ['distinct ids',          () => [...entries(1), ...entries(1)],                                'BatchEntryIdsNotDistinct'],
    ['ids of plain letters',  () => [{ Id: 'a:b', MessageBody: 'x' }],                             'InvalidBatchEntryId'],
    ['1 MiB in all',          () => entries(2, 'x'.repeat(524_289)),                               'BatchRequestTooLong'],
  ])('have %s', async (_, given, code) => {
    expect(await codeOf(batch(given()))).toBe(code)
  })
})

it('makes the checksum of attributes that clients expect', () => {
  const values = { timestamp: { DataType: 'Number', StringValue: '1493147359900' } }
  expect(attributesMd5(values)).toBe('235c5c510d26fb653d073faed50ae77c') // As SQS answered for this attribute.
})

describe('over the SDK', () => {
  it('passes its checksums, and takes batches, receives and deletes', async () => {
    const { sqs: client } = front().clients()
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'f.fifo', Attributes: { FifoQueue: 'true' } }))
    const Entries = ['ä', '<&>', '\t€'].map((MessageBody, n) => ({
      Id: String(n),
      MessageBody,
      MessageGroupId: 'g',
      MessageDeduplicationId: String(n),
    }))
    expect((await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))).Successful).toHaveLength(3)
    await client.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'b',
        MessageGroupId: 'h',
        MessageDeduplicationId: 'h',
        MessageAttributes: { raw: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) } },
      }),
    )
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
    )
    expect(Messages.map(({ Body }) => Body)).toEqual(['ä', '<&>', '\t€', 'b'])
    expect(Messages[3]?.MessageAttributes?.['raw']?.BinaryValue).toEqual(new Uint8Array([0, 255]))
    await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: Messages[3]?.ReceiptHandle, VisibilityTimeout: 0 }))
    const gone = Messages.slice(0, 3).map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle }))
    expect((await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: gone }))).Failed).toBeUndefined()
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }))
    expect(Attributes).toEqual({ ApproximateNumberOfMessages: '1' })
    const bad = new SendMessageCommand({ QueueUrl: `${QueueUrl ?? ''}x`, MessageBody: 'x' })
    await expect(client.send(bad)).rejects.toMatchObject({ name: 'QueueDoesNotExist', Code: 'AWS.SimpleQueueService.NonExistentQueue' })
    expect(await nameOf(client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 11 })))).toBe('InvalidParameterValue')
  })
})
