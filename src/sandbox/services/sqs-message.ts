import { md5 } from '../../kit/digest.ts'
import { ServiceError } from '../model.ts'
import { mapOf, optional, type Read, structure, text, whole } from '../wire/input.ts'
import type { Settings } from './sqs-attributes.ts'
import { badParameters, badValue, missingParameter } from './sqs-errors.ts'

const VALUE = structure({ StringValue: optional(text()), BinaryValue: optional(text()), DataType: text() })

/** The members that SendMessage and an entry of SendMessageBatch share. */
export const MESSAGE = {
  MessageBody: optional(text()),
  DelaySeconds: optional(whole()),
  MessageAttributes: optional(mapOf(VALUE)),
  MessageSystemAttributes: optional(mapOf(VALUE)),
  MessageDeduplicationId: optional(text()),
  MessageGroupId: optional(text()),
}

export type MessageInput = Read<typeof MESSAGE>
export type AttributeValue = Readonly<{ StringValue?: string | undefined; BinaryValue?: string | undefined; DataType: string }>
export type AttributeValues = Readonly<Record<string, AttributeValue>>

const ATTRIBUTES_MAX = 10
const ATTRIBUTE_NAME_CHARACTERS_MAX = 256
const DELAY_SECONDS_MAX = 900
/** Alphanumeric and punctuation, 1 to 128 of them: deduplication and group ids. */
const ID = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

/** Refuses what concerns order: group and deduplication ids. In a batch it refuses the whole batch. */
export function checkOrder(input: MessageInput, settings: Settings): void {
  const { MessageGroupId: group, MessageDeduplicationId: id } = input
  if (group !== undefined && !ID.test(group)) throw badValue(group, 'MessageGroupId', idRule('MessageGroupId'))
  if (id !== undefined && !ID.test(id)) throw badValue(id, 'MessageDeduplicationId', idRule('MessageDeduplicationId'))
  if (!settings.fifo) {
    if (id !== undefined)
      throw badValue(id, 'MessageDeduplicationId', 'The request include parameter that is not valid for this queue type.')
    return
  }
  if (group === undefined) throw missingParameter('MessageGroupId')
  if (id === undefined && !settings.contentDeduplication) {
    throw badParameters('The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly')
  }
}

/** Refuses what concerns the message itself: body, size, delay, attributes. In a batch it refuses its entry. */
export function checkMessage(input: MessageInput, settings: Settings): string {
  const { MessageBody: body, DelaySeconds: delay } = input
  if (body === undefined || body === '') throw missingParameter('MessageBody')
  const wrong = FORBIDDEN.exec(body)
  if (wrong || !body.isWellFormed()) {
    const shown = wrong ? (wrong[0].codePointAt(0) ?? 0).toString(16) : 'surrogate'
    throw new ServiceError(
      'InvalidMessageContents',
      `Invalid binary character '#x${shown}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`,
    )
  }
  if (delay !== undefined && (delay < 0 || delay > DELAY_SECONDS_MAX)) {
    throw badValue(delay, 'DelaySeconds', `DelaySeconds must be >= 0 and <= ${String(DELAY_SECONDS_MAX)}.`)
  }
  if (settings.fifo && delay !== undefined && delay !== 0) {
    throw badValue(delay, 'DelaySeconds', 'The request include parameter that is not valid for this queue type.')
  }
  checkAttributeValues(input.MessageAttributes ?? {})
  if (sizeOf(input) > settings.messageBytesMax) {
    throw badParameters(
      `One or more parameters are invalid. Reason: Message must be shorter than ${String(settings.messageBytesMax)} bytes.`,
    )
  }
  return body
}

const idRule = (name: string): string => `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`

function checkAttributeValues(values: AttributeValues): void {
  const names = Object.keys(values)
  if (names.length > ATTRIBUTES_MAX)
    throw badParameters(`Number of message attributes [${String(names.length)}] exceeds the allowed maximum [${String(ATTRIBUTES_MAX)}].`)
  for (const [name, { DataType: type, StringValue, BinaryValue }] of Object.entries(values)) {
    const kind = type.split('.')[0] ?? ''
    if (!/^[A-Za-z0-9_.-]+$/.test(name) || name.length > ATTRIBUTE_NAME_CHARACTERS_MAX || /^(aws|amazon)\./i.test(name)) {
      throw badParameters(`Message (user) attribute name '${name.slice(0, 300)}' is invalid.`)
    }
    if (!['String', 'Number', 'Binary'].includes(kind))
      throw badParameters(
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      )
    const value = kind === 'Binary' ? BinaryValue : StringValue
    if (value === undefined || value === '')
      throw badParameters(`Message (user) attribute '${name}' must contain a non-empty value of type '${kind}'.`)
    if (kind === 'Number' && Number.isNaN(Number(value)))
      throw badParameters(`Can't cast the value of message (user) attribute '${name}' to a number.`)
  }
}

/** Bytes that count against a message's limit: body, and name, type and value of each attribute. */
export function sizeOf({ MessageBody: body = '', MessageAttributes: values = {} }: MessageInput): number {
  let size = Buffer.byteLength(body)
  for (const [name, value] of Object.entries(values))
    size += Buffer.byteLength(name) + Buffer.byteLength(value.DataType) + bytesOf(value).length
  return size
}

const bytesOf = ({ BinaryValue, StringValue }: AttributeValue): Buffer =>
  BinaryValue === undefined ? Buffer.from(StringValue ?? '') : Buffer.from(BinaryValue, 'base64')

/** The checksum of message attributes, which clients verify (developer guide, "Calculating the MD5 message digest for message attributes"). */
export function attributesMd5(values: AttributeValues): string | undefined {
  const names = Object.keys(values).sort()
  if (names.length === 0) return undefined
  const parts = names.flatMap((name) => {
    const value = values[name]
    if (!value) return []
    const transport = Buffer.from([value.BinaryValue === undefined ? 1 : 2])
    return [...sized(Buffer.from(name)), ...sized(Buffer.from(value.DataType)), transport, ...sized(bytesOf(value))]
  })
  return md5(Buffer.concat(parts))
}

function sized(bytes: Buffer): readonly Buffer[] {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return [length, bytes]
}
