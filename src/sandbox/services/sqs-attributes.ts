import { type Ms, SECOND } from '../../kit/instant.ts'
import { ServiceError } from '../model.ts'
import { isRecord } from '../wire/message.ts'
import { badValue } from './sqs-errors.ts'

/** A queue's attributes as they were given, by name; standards are not filled in. */
export type Attributes = Readonly<Record<string, string>>

/** What the attributes mean. */
export type Settings = Readonly<{
  fifo: boolean
  contentDeduplication: boolean
  /** Deduplication ids count within their group only. */
  perGroup: boolean
  /** FIFO at 300 calls a second for each API; the per-group mode is not bounded here. */
  slow: boolean
  delayMs: Ms
  visibilityMs: Ms
  retentionMs: Ms
  waitMs: Ms
  messageBytesMax: number
  redrive: Readonly<{ arn: string; receivesMax: number }> | undefined
}>

type Range = Readonly<{ min: number; max: number; standard: number }>

/** Ranges and standards (SQS quotas). */
const NUMBERS: Readonly<Record<string, Range>> = {
  DelaySeconds: { min: 0, max: 900, standard: 0 },
  MaximumMessageSize: { min: 1_024, max: 1_048_576, standard: 1_048_576 },
  MessageRetentionPeriod: { min: 60, max: 1_209_600, standard: 345_600 },
  ReceiveMessageWaitTimeSeconds: { min: 0, max: 20, standard: 0 },
  VisibilityTimeout: { min: 0, max: 43_200, standard: 30 },
  KmsDataKeyReusePeriodSeconds: { min: 60, max: 86_400, standard: 300 },
}
const WORDS: Readonly<Record<string, readonly string[]>> = {
  FifoQueue: ['true'],
  ContentBasedDeduplication: ['true', 'false'],
  SqsManagedSseEnabled: ['true', 'false'],
  DeduplicationScope: ['messageGroup', 'queue'],
  FifoThroughputLimit: ['perQueue', 'perMessageGroupId'],
}
const FREE = ['Policy', 'RedrivePolicy', 'RedriveAllowPolicy', 'KmsMasterKeyId']
const FIFO_ONLY = ['FifoQueue', 'ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit']
const SHOWN_NUMBERS = ['DelaySeconds', 'MaximumMessageSize', 'MessageRetentionPeriod', 'ReceiveMessageWaitTimeSeconds', 'VisibilityTimeout']

const unknownName = (name: string): ServiceError => new ServiceError('InvalidAttributeName', `Unknown Attribute ${name}.`)
const badAttribute = (name: string, reason = ''): ServiceError =>
  new ServiceError('InvalidAttributeValue', `Invalid value for the parameter ${name}.${reason === '' ? '' : ` Reason: ${reason}`}`)

/** Refuses attributes that a queue of this kind cannot have. */
export function checkAttributes(attributes: Attributes, fifo: boolean): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (!fifo && FIFO_ONLY.includes(name)) throw unknownName(name)
    if (Object.hasOwn(NUMBERS, name)) checkNumber(name, value, NUMBERS[name])
    else if (Object.hasOwn(WORDS, name)) {
      if (WORDS[name]?.includes(value) !== true) throw badAttribute(name)
    } else if (!FREE.includes(name)) throw unknownName(name)
    else if (value !== '' && name !== 'KmsMasterKeyId') policyOf(name, value)
  }
}

function checkNumber(name: string, value: string, range: Range | undefined): void {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (range && !(number >= range.min && number <= range.max)) throw badAttribute(name)
}

function policyOf(name: string, value: string): Record<string, unknown> {
  try {
    const policy: unknown = JSON.parse(value)
    if (isRecord(policy)) return policy
  } catch {
    // Said below.
  }
  throw badAttribute(name)
}

/** Name and kind must agree: `.fifo` and `FifoQueue=true` belong together. */
export function checkQueueName(name: string, attributes: Attributes): void {
  const fifo = attributes['FifoQueue'] === 'true'
  if (fifo && !/^[A-Za-z0-9_-]{1,75}\.fifo$/.test(name)) {
    throw badValue(
      name,
      'QueueName',
      'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
    )
  }
  if (!fifo && !/^[A-Za-z0-9_-]{1,80}$/.test(name)) {
    throw badValue(name, 'QueueName', 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.')
  }
}

/** Reads the attributes; those left out have their standard. */
export function settingsOf(attributes: Attributes): Settings {
  const number = (name: string): number => Number(attributes[name] ?? NUMBERS[name]?.standard)
  const fifo = attributes['FifoQueue'] === 'true'
  return {
    fifo,
    contentDeduplication: attributes['ContentBasedDeduplication'] === 'true',
    perGroup: attributes['DeduplicationScope'] === 'messageGroup',
    slow: fifo && attributes['FifoThroughputLimit'] !== 'perMessageGroupId',
    delayMs: number('DelaySeconds') * SECOND,
    visibilityMs: number('VisibilityTimeout') * SECOND,
    retentionMs: number('MessageRetentionPeriod') * SECOND,
    waitMs: number('ReceiveMessageWaitTimeSeconds') * SECOND,
    messageBytesMax: number('MaximumMessageSize'),
    redrive: redriveOf(attributes['RedrivePolicy']),
  }
}

/** The dead-letter queue of a redrive policy; an empty policy takes it away. */
export function redriveOf(policy: string | undefined): Settings['redrive'] {
  if (policy === undefined || policy === '') return undefined
  const { deadLetterTargetArn: arn, maxReceiveCount: count } = policyOf('RedrivePolicy', policy)
  const receivesMax = Number(count)
  if (typeof arn !== 'string' || arn === '')
    throw badValue(policy, 'RedrivePolicy', 'Redrive policy does not contain mandatory attribute: deadLetterTargetArn.')
  if (!(Number.isInteger(receivesMax) && receivesMax >= 1 && receivesMax <= 1_000)) {
    throw badValue(
      policy,
      'RedrivePolicy',
      `Invalid value for maxReceiveCount: ${String(count)}, valid values are from 1 to 1000 both inclusive.`,
    )
  }
  return { arn, receivesMax }
}

/** Whether a dead-letter queue's own policy lets this source use it. */
export function allowsSource(attributes: Attributes, sourceArn: string): boolean {
  const text = attributes['RedriveAllowPolicy']
  if (text === undefined || text === '') return true
  const { redrivePermission: permission, sourceQueueArns: arns } = policyOf('RedriveAllowPolicy', text)
  if (permission === 'denyAll') return false
  return permission !== 'byQueue' || (Array.isArray(arns) && arns.includes(sourceArn))
}

/** The attributes as GetQueueAttributes shows them, standards included. */
export function shownAttributes(attributes: Attributes): Record<string, string> {
  const shown: Record<string, string> = { SqsManagedSseEnabled: attributes['KmsMasterKeyId'] ? 'false' : 'true' }
  for (const name of SHOWN_NUMBERS) shown[name] = String(NUMBERS[name]?.standard)
  if (attributes['FifoQueue'] === 'true') {
    Object.assign(shown, { ContentBasedDeduplication: 'false', DeduplicationScope: 'queue', FifoThroughputLimit: 'perQueue' })
  }
  for (const [name, value] of Object.entries(attributes)) if (value !== '') shown[name] = value
  return shown
}

const COUNTED = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed']
const READ_ONLY = [...COUNTED, 'CreatedTimestamp', 'LastModifiedTimestamp', 'QueueArn', 'All']

/** Refuses a name that GetQueueAttributes does not know. */
export function checkAttributeName(name: string): void {
  if (!Object.hasOwn(NUMBERS, name) && !Object.hasOwn(WORDS, name) && !FREE.includes(name) && !READ_ONLY.includes(name))
    throw unknownName(name)
}

/** The first attribute in which a second CreateQueue differs from the queue that is there. */
export function difference(have: Attributes, asked: Attributes): string | undefined {
  const shown = shownAttributes(have)
  return Object.entries(asked).find(([name, value]) => shown[name] !== value)?.[0]
}
