import { describe, expect, it } from 'vitest'
import { md5 } from '../../../src/kit/digest.ts'
import { control, messageJson, refusal, signal, wire, type Answer, type Asked } from './wire.ts'

const url = 'https://sqs.us-east-1.amazonaws.com/111111111111/patchwave-feedback.fifo'
const queue = 'patchwave-feedback.fifo'
const message = (n: number, body = `{"n":${String(n)}}`) => ({ body, group: 'run', deduplication: `run/${String(n)}` })
const messages = (count: number, body?: string) => Array.from({ length: count }, (_, i) => message(i, body))

type Entry = Readonly<{ Id: string; MessageBody?: string; ReceiptHandle: string }>
const entriesOf = ({ input }: Asked): Entry[] => input['Entries'] as Entry[]

/** SQS with the queue; `failing` are the entries of a batch that it does not take. */
const sqs =
  (failing: readonly string[] = [], SenderFault = false) =>
  (asked: Asked): Answer => {
    if (asked.name === 'sqs.GetQueueUrl') return { json: { QueueUrl: url } }
    const [bad, good] = [(id: string) => failing.includes(id), (id: string) => !failing.includes(id)]
    return {
      json: {
        Successful: entriesOf(asked).filter(({ Id }) => good(Id)).map(({ Id, MessageBody = '' }) => messageJson(Id, MessageBody)), // prettier-ignore
        Failed: entriesOf(asked).filter(({ Id }) => bad(Id)).map(({ Id }) => ({ Id, SenderFault, Code: 'Oops' })), // prettier-ignore
      },
    }
  }

describe('publishing', () => {
  it('sends in order with group and deduplication, and looks the URL up once', async () => {
    const { aws, clock, names, asked } = wire(sqs())
    await clock.run(async () => {
      expect(await aws.queue.publish(control, queue, messages(3), signal)).toBe(3)
      expect(await aws.queue.publish(control, queue, messages(1), signal)).toBe(1)
    })
    expect(names()).toEqual(['sqs.GetQueueUrl', 'sqs.SendMessageBatch', 'sqs.SendMessageBatch'])
    expect(asked[1]?.input['Entries']).toEqual(
      [0, 1, 2].map((n) => ({
        Id: String(n),
        MessageBody: `{"n":${String(n)}}`,
        MessageGroupId: 'run',
        MessageDeduplicationId: `run/${String(n)}`,
      })),
    )
  })

  it.each([
    ['0', 0],
    ['2', 2],
    ['9', 9],
  ])('counts only what stands before the first refused (%s)', async (id, count) => {
    const { aws, clock } = wire(sqs([id]))
    expect(await clock.run(() => aws.queue.publish(control, queue, messages(10), signal))).toBe(count)
  })

  it('is loud when the first one will never be taken', async () => {
    const { aws, clock } = wire(sqs(['0'], true))
    await expect(clock.run(() => aws.queue.publish(control, queue, messages(2), signal))).rejects.toMatchObject({ code: 'aws.invalid' })
  })

  it.each([
    ['what fits into 256 KiB', 'x'.repeat(100_000), 2],
    ['one that is larger by itself', 'x'.repeat(300_000), 1],
  ])('sends %s', async (_, body, count) => {
    const { aws, clock } = wire(sqs())
    expect(await clock.run(() => aws.queue.publish(control, queue, messages(4, body), signal))).toBe(count)
  })

  it('sends again after a failure of AWS: the deduplication makes it harmless', async () => {
    let times = 0
    const reply = sqs()
    const { aws, clock } = wire((asked) =>
      asked.name === 'sqs.SendMessageBatch' && ++times < 3 ? refusal('InternalFailure', '', 500) : reply(asked),
    )
    expect(await clock.run(() => aws.queue.publish(control, queue, messages(2), signal))).toBe(2)
    expect(times).toBe(3)
  })

  it('looks the URL up again when the queue is gone', async () => {
    let gone = true
    const reply = sqs()
    const { aws, clock, names } = wire((asked) => {
      if (asked.name !== 'sqs.SendMessageBatch' || !gone) return reply(asked)
      gone = false
      return refusal('com.amazonaws.sqs#QueueDoesNotExist')
    })
    await clock.run(async () => {
      await expect(aws.queue.publish(control, queue, messages(1), signal)).rejects.toMatchObject({ code: 'aws.missing' })
      expect(await aws.queue.publish(control, queue, messages(1), signal)).toBe(1)
    })
    expect(names().filter((name) => name === 'sqs.GetQueueUrl')).toHaveLength(2)
  })
})

describe('receiving', () => {
  it('polls long and mends what it reads', async () => {
    const body = 'a\0b'
    const { aws, clock, asked } = wire(({ name }) =>
      name === 'sqs.GetQueueUrl'
        ? { json: { QueueUrl: url } }
        : {
            json: {
              Messages: [
                {
                  MessageId: 'm',
                  ReceiptHandle: 'r',
                  Body: body,
                  MD5OfBody: md5(body),
                  Attributes: { ApproximateReceiveCount: '4', SenderId: 'AROA1:ci' },
                },
              ],
            },
          },
    )
    const got = await clock.run(() => aws.queue.receive(control, queue, 20, signal))
    expect(got).toEqual([{ id: 'm', body: 'a\uFFFDb', receipt: 'r', receives: 4, sender: 'AROA1:ci' }])
    expect(asked[1]?.input).toMatchObject({
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 20,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SenderId'],
    })
    expect(asked[1]?.input).not.toHaveProperty('VisibilityTimeout')
  })

  it('takes as many as wanted and hides them as long as wanted', async () => {
    const { aws, clock, asked } = wire(({ name }) => ({
      json:
        name === 'sqs.GetQueueUrl'
          ? { QueueUrl: url }
          : { Messages: [{ MessageId: 'm', ReceiptHandle: 'r', Body: 'b', MD5OfBody: md5('b') }] },
    }))
    const got = await clock.run(() => aws.queue.receive(control, queue, 5, signal, { atMost: 1, hideSeconds: 120 }))
    expect(got).toEqual([{ id: 'm', body: 'b', receipt: 'r', receives: 1, sender: null }])
    expect(asked[1]?.input).toMatchObject({ MaxNumberOfMessages: 1, VisibilityTimeout: 120, WaitTimeSeconds: 5 })
  })

  it('is empty when nothing came', async () => {
    const { aws, clock } = wire(({ name }) => ({ json: name === 'sqs.GetQueueUrl' ? { QueueUrl: url } : {} }))
    expect(await clock.run(() => aws.queue.receive(control, queue, 0, signal))).toEqual([])
  })
})

describe('sending one', () => {
  const one = { body: 'no', attributes: { reason: 'it is not JSON' }, group: 'refused', deduplication: 'm-1' }
  /** SQS that first answers with these refusals. */
  const refusing = (...refusals: Answer[]) => {
    return ({ name, input }: Asked): Answer => {
      if (name === 'sqs.GetQueueUrl') return { json: { QueueUrl: url } }
      return refusals.shift() ?? { json: messageJson('', String(input['MessageBody'])) }
    }
  }

  it.each([
    ['standard', 'patchwave-refused', {}],
    ['FIFO', 'patchwave-refused.fifo', { MessageGroupId: 'refused', MessageDeduplicationId: 'm-1' }],
  ])('to a %s queue', async (_, name, order) => {
    const { aws, clock, names, asked } = wire(refusing())
    await clock.run(() => aws.queue.send(control, name, one, signal))
    expect(names()).toEqual(['sqs.GetQueueUrl', 'sqs.SendMessage'])
    expect(asked[1]?.input).toEqual({
      QueueUrl: url,
      MessageBody: 'no',
      MessageAttributes: { reason: { DataType: 'String', StringValue: 'it is not JSON' } },
      ...order,
    })
  })

  it('again when the answer was lost: better twice than never', async () => {
    const { aws, clock, names } = wire(refusing(refusal('InternalFailure', '', 500)))
    await clock.run(() => aws.queue.send(control, queue, one, signal))
    expect(names().filter((name) => name === 'sqs.SendMessage')).toHaveLength(2)
  })

  it.each([
    ['com.amazonaws.sqs#InvalidMessageContents', 'aws.invalid'],
    ['com.amazonaws.sqs#QueueDoesNotExist', 'aws.missing'],
    ['com.amazonaws.sqs#KmsAccessDenied', 'aws.denied'],
  ])('is loud about %s', async (type, code) => {
    const { aws, clock } = wire(refusing(refusal(type)))
    await expect(clock.run(() => aws.queue.send(control, queue, one, signal))).rejects.toMatchObject({ code })
  })
})

describe('hiding longer', () => {
  const answering = (answer: Answer) => wire(({ name }) => (name === 'sqs.GetQueueUrl' ? { json: { QueueUrl: url } } : answer))

  it('asks for it by the receipt', async () => {
    const { aws, clock, asked } = answering({ json: {} })
    await clock.run(() => aws.queue.extend(control, queue, 'r-1', 90, signal))
    expect(asked[1]).toMatchObject({
      name: 'sqs.ChangeMessageVisibility',
      input: { QueueUrl: url, ReceiptHandle: 'r-1', VisibilityTimeout: 90 },
    })
  })

  it.each([
    ['com.amazonaws.sqs#MessageNotInflight', 400],
    ['com.amazonaws.sqs#ReceiptHandleIsInvalid', 404],
  ])('says when the receipt holds nothing any more (%s), and keeps the URL', async (type, status) => {
    const { aws, clock, names } = answering(refusal(type, '', status))
    await clock.run(async () => {
      for (let time = 0; time < 2; time++)
        await expect(aws.queue.extend(control, queue, 'r-1', 90, signal)).rejects.toMatchObject({ code: 'aws.invalid' })
    })
    expect(names().filter((name) => name === 'sqs.GetQueueUrl')).toHaveLength(1)
  })
})

describe('removing', () => {
  it.each([
    ['asks once more for what SQS could not do', false, [10, 2, 1]],
    ['leaves stale receipts', true, [10, 2]],
  ])('%s', async (_, fault, sizes) => {
    const { aws, clock, asked } = wire((one) => {
      const last = entriesOf({ ...one, input: { Entries: [], ...one.input } }).some(({ ReceiptHandle }) => ReceiptHandle === 'r11')
      return sqs(last ? ['1'] : [], fault)(one)
    })
    const receipts = Array.from({ length: 12 }, (__, i) => `r${String(i)}`)
    await clock.run(() => aws.queue.remove(control, queue, receipts, signal))
    const batches = asked.filter(({ name }) => name === 'sqs.DeleteMessageBatch')
    expect(batches.map((one) => entriesOf(one).length)).toEqual(sizes)
  })
})
