import { Bug } from '../../kit/assert.ts'
import { PatchwaveError, type ErrorCode } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { clean } from './text.ts'

/**
 * How a call may be repeated. `read`: changes nothing. `repeatable`: a second one does no harm. `careful`: repeated only when nothing was done.
 * `once`: never repeated here; whoever asked decides.
 */
export type Kind = 'read' | 'repeatable' | 'careful' | 'once'

/** Which call failed, for the message and `detail`. `call` is `ssm.SendCommand` and the like. */
export type Where = Readonly<{ cell: Cell; call: string; kind: Kind }>

/** The messages of AWS are for people and may be very long (encoded authorization failures). */
const MESSAGE_CHARACTERS_MAX = 300

/** The SDK's own list (standard retry mode), and SQS's names for the same. */
const THROTTLED = [
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
  'KmsThrottled',
  'OverLimit',
]
const DENIED = [
  'AccessDenied',
  'AccessDeniedException',
  'AuthFailure',
  'CredentialsProviderError',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidAccessKeyId',
  'AllAccessDisabled',
  'KmsAccessDenied',
  'KmsOptInRequired',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'NotAuthorized',
  'OptInRequired',
  'RegionDisabledException',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'UnauthorizedOperation',
  'UnrecognizedClientException',
]
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired']
const SKEWED = ['RequestInTheFuture', 'RequestTimeTooSkewed']
const MISSING = [
  'DoesNotExistException',
  'InvalidAMIID.NotFound',
  'InvalidAMIID.Unavailable',
  'InvalidCommandId',
  'InvalidDocument',
  'InvalidDocumentVersion',
  'InvalidInstanceID.NotFound',
  'InvalidSnapshot.NotFound',
  'InvocationDoesNotExist',
  'ParameterNotFound',
  'NoSuchBucket',
  'NoSuchKey',
  'ParameterVersionNotFound',
  'QueueDoesNotExist',
  'ResourceNotFoundException',
  'TargetGroupNotFound',
  'TargetGroupNotFoundException',
]
const CONFLICT = [
  'DocumentAlreadyExists',
  'DuplicateDocumentContent',
  'DuplicateDocumentVersionName',
  'IdempotentParameterMismatch',
  'IncorrectInstanceState',
  'IncorrectState',
  'InvalidSnapshot.InUse',
  'ParameterAlreadyExists',
  'ResourceContention',
  'ResourceContentionFault',
  'ScalingActivityInProgress',
  'ScalingActivityInProgressFault',
  'TooManyUpdates',
]

const CODE_OF = new Map<string, ErrorCode>([
  ...THROTTLED.map((name) => [name, 'aws.throttled'] as const),
  ...DENIED.map((name) => [name, 'aws.denied'] as const),
  ...EXPIRED.map((name) => [name, 'aws.expired'] as const),
  ...SKEWED.map((name) => [name, 'clock.skewed'] as const),
  ...MISSING.map((name) => [name, 'aws.missing'] as const),
  ...CONFLICT.map((name) => [name, 'aws.conflict'] as const),
])

const HINTS: Partial<Record<ErrorCode, string>> = {
  'aws.throttled': 'try again later, or ask AWS for a higher quota',
  'aws.unclear': 'look up what was done before doing it again',
  'aws.unreachable': 'check the network, the region and AWS_ENDPOINT_URL, then try again',
  'aws.denied': 'compare the role with what `patchwave iam` prints',
  'aws.expired': 'sign in again',
  'aws.missing': 'check the name, the account and the region',
  'aws.invalid': 'read what AWS says of the request',
  'aws.conflict': 'read the newest state and try again',
  'clock.skewed': 'set this host’s clock (NTP)',
}

/**
 * A request that never left this host: name look-up, connecting, TLS. A network that goes away may say the same of a connection that stood, when the
 * request had left: then the system call tells.
 */
const NOT_SENT = /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS)/
const NODE_IDS = /\b(?:i-(?:[0-9a-f]{17}|[0-9a-f]{8})|mi-[0-9a-f]{17})\b/g

/** What the SDK threw, as ours. A `PatchwaveError` stays as it is; a bug of ours is thrown on, so that it stays loud. */
export function translate(error: unknown, where: Where): PatchwaveError {
  if (error instanceof PatchwaveError) return error
  if (isOurBug(error)) throw error
  return describe(factsOf(error), codeOf(factsOf(error), where.kind), where, error)
}

/** Whether it is a failure of ours with one of these codes. */
export const failedAs = (error: unknown, ...codes: readonly ErrorCode[]): error is PatchwaveError =>
  error instanceof PatchwaveError && codes.includes(error.code)

/** Whether AWS called it by one of these names (`InvocationDoesNotExist`). */
export const namedAs = (error: unknown, ...names: readonly string[]): error is PatchwaveError =>
  error instanceof PatchwaveError && names.includes(String(error.more.detail?.['error'] ?? ''))

/** AWS's own message, uncut and as it came: to look for ids in, never to show. */
export const saidInFull = (error: PatchwaveError): string => (error.more.cause instanceof Error ? error.more.cause.message : error.message)

type Facts = Readonly<{
  name: string
  message: string
  status: number | undefined
  requestId: string | undefined
  network: string | undefined
  connecting: boolean
  /** It broke while a standing connection was written to or read from. */
  connected: boolean
}>

function codeOf(facts: Facts, kind: Kind): ErrorCode {
  const { name, status } = facts
  const known = CODE_OF.get(name)
  if (name === 'InvalidSignatureException' && /signature (not yet current|expired)/i.test(facts.message)) return 'clock.skewed'
  if (known !== undefined) return known
  if (status === 429) return 'aws.throttled'
  if (status !== undefined && status >= 400 && status < 500) return codeOfRefusal(facts, status)
  if (status === undefined && neverSent(facts)) return 'aws.unreachable'
  // Here it may have been done: the request was written, and the answer is 5xx, broken or missing. A read did nothing either way.
  return kind === 'read' ? 'aws.unreachable' : 'aws.unclear'
}

function codeOfRefusal({ name }: Facts, status: number): ErrorCode {
  if (name === 'RequestTimeout') return 'aws.unreachable'
  if (/NotFound(Exception)?$/.test(name) || (status === 404 && name !== 'ReceiptHandleIsInvalid')) return 'aws.missing'
  return status === 401 ? 'aws.denied' : 'aws.invalid'
}

const neverSent = ({ connecting, connected, network }: Facts): boolean =>
  connecting || (!connected && network !== undefined && NOT_SENT.test(network))

function describe(facts: Facts, code: ErrorCode, where: Where, cause: unknown): PatchwaveError {
  const nodes = facts.name === 'InvalidInstanceId' ? [...new Set(facts.message.match(NODE_IDS) ?? [])] : []
  const said = clean(facts.message, MESSAGE_CHARACTERS_MAX)
  return new PatchwaveError(code, `${where.call} in ${cellKey(where.cell)}: ${facts.name}${said === '' ? '' : `: ${said}`}`, {
    hint: HINTS[code] ?? 'try again',
    cause,
    detail: {
      cell: cellKey(where.cell),
      call: where.call,
      error: facts.name,
      ...(facts.requestId !== undefined && { requestId: facts.requestId }),
      ...(nodes.length > 0 && { nodes: nodes.join(',') }),
    },
  })
}

function factsOf(error: unknown): Facts {
  if (!(error instanceof Error)) return { ...NO_FACTS, message: String(error) }
  const metadata = field(error, '$metadata')
  const status = field(metadata, 'httpStatusCode')
  const requestId = field(metadata, 'requestId')
  const network = field(error, 'code')
  const broken = field(error, '$response') !== undefined && field(error, '$fault') === undefined
  return {
    name: error.name === 'Error' && typeof network === 'string' ? network : error.name,
    message: error.message,
    // An answer that cannot be read carries the status of its envelope (200); what counts is that it is no answer.
    status: typeof status === 'number' && !broken ? status : undefined,
    requestId: typeof requestId === 'string' ? requestId : undefined,
    network: typeof network === 'string' ? network : undefined,
    connecting:
      ['connect', 'getaddrinfo'].includes(String(field(error, 'syscall'))) || error.message.includes('did not establish a connection'),
    connected: ['read', 'write'].includes(String(field(error, 'syscall'))),
  }
}

const NO_FACTS: Facts = {
  name: 'Error',
  message: '',
  status: undefined,
  requestId: undefined,
  network: undefined,
  connecting: false,
  connected: false,
}

/** Our own mistakes, and JavaScript's for them; those that stem from an answer (`$response`) are AWS's. */
function isOurBug(error: unknown): boolean {
  if (error instanceof Bug) return true
  return (
    (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) &&
    field(error, '$response') === undefined
  )
}

const field = (of: unknown, key: string): unknown => (typeof of === 'object' && of !== null ? Reflect.get(of, key) : undefined)
