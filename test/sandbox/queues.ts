import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { plus, SECOND } from '../../src/kit/instant.ts'
import { idsFrom } from '../../src/sandbox/ids.ts'
import { type Caller, ServiceError } from '../../src/sandbox/model.ts'
import { type Sqs, sqs } from '../../src/sandbox/services/sqs.ts'
import { START, STAGING } from './front.ts'

export type Output = Record<string, unknown>
export type Message = Readonly<{ MessageId: string; Body: string; ReceiptHandle: string; Attributes: Record<string, string> }>

export const caller: Caller = { account: STAGING, region: 'us-east-1', arn: 'arn:x', accessKey: `AKIA${STAGING}OPERATOR` }
export const foreign: Caller = { ...caller, account: '222222222222' }
export const urlOf = (name: string): string => `https://sqs.us-east-1.amazonaws.com/${STAGING}/${name}`

/** The clock of the queues below. */
export let clock = new VirtualClock(START)
let embedded = fresh()

/** No queues, and the clock at its start. */
export function renew(): void {
  clock = new VirtualClock(START)
  embedded = fresh()
}

function fresh(): Sqs {
  return sqs({
    clock,
    ids: idsFrom(1, 'test'),
    urlOf: (cell, name) => `https://sqs.${cell.region}.amazonaws.com/${cell.account}/${name}`,
  })
}

export const call = async (operation: string, input: Output, who = caller, signal?: AbortSignal): Promise<Output> => {
  const work = embedded.service[operation]
  if (!work) throw new Error(`no ${operation}`)
  return await work(input, who, signal)
}
export const create = (QueueName: string, Attributes: Record<string, string> = {}): Promise<Output> =>
  call('CreateQueue', { QueueName, Attributes })
export const send = (queue: string, MessageBody: string, more: Output = {}): Promise<Output> =>
  call('SendMessage', { QueueUrl: urlOf(queue), MessageBody, ...more })
export const receive = async (queue: string, more: Output = {}): Promise<readonly Message[]> => {
  const output = await call('ReceiveMessage', { QueueUrl: urlOf(queue), MaxNumberOfMessages: 10, AttributeNames: ['All'], ...more })
  return (output['Messages'] ?? []) as Message[]
}
export const bodies = async (queue: string, more: Output = {}): Promise<string[]> => (await receive(queue, more)).map(({ Body }) => Body)
export const remove = (queue: string, ReceiptHandle: string): Promise<Output> =>
  call('DeleteMessage', { QueueUrl: urlOf(queue), ReceiptHandle })
export const counts = async (queue: string): Promise<number[]> => {
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl: urlOf(queue), AttributeNames: ['All'] })
  const all = Attributes as Record<string, string>
  return ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed'].map((name) =>
    Number(all[name]),
  )
}
export const later = (seconds: number): Promise<void> => clock.run(() => clock.sleep(plus(clock.now(), seconds * SECOND)))
export const handleOf = (message: Message | undefined): string => message?.ReceiptHandle ?? 'none'

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => {
      if (error instanceof ServiceError) return error.code
      throw error
    },
  )
