import { ServiceError } from '../model.ts'
import { isRecord, type WireResponse } from './message.ts'

/** SSM speaks JSON 1.1, SQS JSON 1.0 with the error codes of its older query protocol in a header. */
export type JsonService = 'ssm' | 'sqs'

const CONTENT_TYPE: Readonly<Record<JsonService, string>> = { ssm: 'application/x-amz-json-1.1', sqs: 'application/x-amz-json-1.0' }

/** A request's body as an operation's input; no body is an empty input. */
export function readJson(body: string): Record<string, unknown> {
  if (body === '') return {}
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw new ServiceError('SerializationException', 'The request body is not well-formed JSON.')
  }
  if (!isRecord(value)) throw new ServiceError('SerializationException', 'The request body must be a JSON object.')
  return value
}

/** The answer with this output; members that are `undefined` are left out. */
export const jsonAnswer = (service: JsonService, output: Record<string, unknown>, requestId: string): WireResponse => ({
  status: 200,
  headers: { 'content-type': CONTENT_TYPE[service], 'x-amzn-requestid': requestId },
  body: Buffer.from(JSON.stringify(output)),
})

/** The error as its service spells it. */
export function jsonError(service: JsonService, error: ServiceError, requestId: string): WireResponse {
  const { type, member, headers } = service === 'ssm' ? ssmSpelling(error) : sqsSpelling(error)
  const body = { __type: type, ...(member !== undefined && { [member]: error.message }), ...error.extra }
  return {
    status: error.status,
    headers: { 'content-type': CONTENT_TYPE[service], 'x-amzn-requestid': requestId, ...headers },
    body: Buffer.from(JSON.stringify(body)),
  }
}

type Spelling = Readonly<{ type: string; member: 'message' | 'Message' | undefined; headers: Readonly<Record<string, string>> }>

/** SSM's service model gives these shapes a lower-case `message` … */
const LOWER_CASE =
  /^(Parameter|Hierarchy|InvalidPolicy)|^(InvalidKeyId|InvalidAllowedPatternException|InvalidFilterOption|IncompatiblePolicyException|PoliciesLimitExceededException|UnsupportedParameterType|ValidationException|SerializationException|UnrecognizedClientException|ExpiredTokenException|MissingAuthenticationTokenException)$/
/** … these no member at all, and the others an upper-case `Message`. */
const SPEECHLESS = new Set([
  'DuplicateInstanceId',
  'InvalidCommandId',
  'InvalidFilterKey',
  'InvalidOutputFolder',
  'InvalidPluginName',
  'InvalidResourceId',
  'InvalidResourceType',
  'InvocationDoesNotExist',
])

const ssmSpelling = ({ code }: ServiceError): Spelling => ({
  type: code,
  member: SPEECHLESS.has(code) ? undefined : LOWER_CASE.test(code) ? 'message' : 'Message',
  headers: {},
})

/** Codes of the query protocol that differ from the shape's name (query-compatible trait of the SQS model). */
const QUERY_CODES: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  QueueNameExists: 'QueueAlreadyExists',
  QueueDeletedRecently: 'AWS.SimpleQueueService.QueueDeletedRecently',
  TooManyEntriesInBatchRequest: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
  EmptyBatchRequest: 'AWS.SimpleQueueService.EmptyBatchRequest',
  BatchEntryIdsNotDistinct: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
  BatchRequestTooLong: 'AWS.SimpleQueueService.BatchRequestTooLong',
  InvalidBatchEntryId: 'AWS.SimpleQueueService.InvalidBatchEntryId',
  MessageNotInflight: 'AWS.SimpleQueueService.MessageNotInflight',
  UnsupportedOperation: 'AWS.SimpleQueueService.UnsupportedOperation',
  PurgeQueueInProgress: 'AWS.SimpleQueueService.PurgeQueueInProgress',
  InvalidParameterValueException: 'InvalidParameterValue',
  MissingRequiredParameterException: 'MissingParameter',
  UnrecognizedClientException: 'InvalidClientTokenId',
  ExpiredTokenException: 'ExpiredToken',
  AccessDeniedException: 'AccessDenied',
}
/** What every service of that kind answers belongs to the framework, not to SQS's own model. */
const FRAMEWORK =
  /^(AccessDenied|ExpiredToken|InvalidParameterValue|MissingAuthenticationToken|MissingRequiredParameter|Serialization|UnknownOperation|UnrecognizedClient|Validation)Exception$|^InternalFailure$/

/** The code that the query protocol has for an error of SQS; batch entries show it too. */
export const queryCodeOf = (code: string): string => QUERY_CODES[code] ?? code

function sqsSpelling({ code, status }: ServiceError): Spelling {
  const fault = status >= 500 ? 'Receiver' : 'Sender'
  return {
    type: `${FRAMEWORK.test(code) ? 'com.amazon.coral.service' : 'com.amazonaws.sqs'}#${code}`,
    member: 'message',
    headers: { 'x-amzn-query-error': `${queryCodeOf(code)};${fault}` },
  }
}
