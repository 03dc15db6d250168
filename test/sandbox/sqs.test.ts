import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import { beforeEach, describe, expect, it } from 'vitest'
import { md5 } from '../../src/kit/digest.ts'
import { attributesMd5 } from '../../src/sandbox/services/sqs-message.ts'
import { front, nameOf, START, STAGING } from './front.ts'
import { type Output, bodies, call, codeOf, create, foreign, later, renew, send, urlOf } from './queues.ts'

beforeEach(renew)

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
