import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Output, bodies, codeOf, create, handleOf, later, receive, remove, renew, send } from './queues.ts'

beforeEach(renew)

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
        renew()
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
