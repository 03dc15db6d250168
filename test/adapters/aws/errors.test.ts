import { describe, expect, it } from 'vitest'
import { failedAs, namedAs, translate, type Kind } from '../../../src/adapters/aws/errors.ts'
import { Bug } from '../../../src/kit/assert.ts'
import { PatchwaveError, type ErrorCode } from '../../../src/kit/error.ts'
import { control } from './wire.ts'

const where = (kind: Kind) => ({ cell: control, call: 'ssm.SendCommand', kind })

/** What the SDK throws for an answer of AWS. */
const answered = (name: string, status: number, message = 'said'): Error =>
  Object.assign(new Error(message), {
    name,
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status, requestId: 'req-9' },
  })
/** What Node throws for a connection. */
const broken = (code: string, syscall?: string): Error =>
  Object.assign(new Error(code), { code, ...(syscall !== undefined && { syscall }) })
const timeout = (message: string): Error => Object.assign(new Error(message), { name: 'TimeoutError' })
/** An answer whose body is cut. */
const garbled = Object.assign(new SyntaxError('Unexpected end'), { $response: {}, $metadata: { httpStatusCode: 200 } })

// prettier-ignore
const table: readonly (readonly [string, Error, ErrorCode, ErrorCode])[] = [
  // what                          error                                              of an effect       of a read
  ['SSM throttle',                 answered('ThrottlingException', 400),              'aws.throttled',   'aws.throttled'],
  ['EC2 throttle, although 503',   answered('RequestLimitExceeded', 503),             'aws.throttled',   'aws.throttled'],
  ['query services’ throttle',     answered('Throttling', 400),                       'aws.throttled',   'aws.throttled'],
  ['any 429',                      answered('Busy', 429),                             'aws.throttled',   'aws.throttled'],
  ['AWS failed',                   answered('InternalServerError', 500),              'aws.unclear',     'aws.unreachable'],
  ['bad gateway',                  answered('UnknownError', 502),                     'aws.unclear',     'aws.unreachable'],
  ['unavailable',                  answered('ServiceUnavailable', 503),               'aws.unclear',     'aws.unreachable'],
  ['connection reset',             broken('ECONNRESET', 'read'),                      'aws.unclear',     'aws.unreachable'],
  ['broken pipe',                  broken('EPIPE', 'write'),                          'aws.unclear',     'aws.unreachable'],
  ['no answer in time',            timeout('a request has exceeded 60000 ms'),        'aws.unclear',     'aws.unreachable'],
  ['answer cut off',               garbled,                                           'aws.unclear',     'aws.unreachable'],
  ['given up by us',               Object.assign(new Error('x'), { name: 'AbortError' }), 'aws.unclear', 'aws.unreachable'],
  ['no such host',                 broken('ENOTFOUND', 'getaddrinfo'),                'aws.unreachable', 'aws.unreachable'],
  ['refused connection',           broken('ECONNREFUSED', 'connect'),                 'aws.unreachable', 'aws.unreachable'],
  ['host lost while it connects',  broken('EHOSTUNREACH', 'connect'),                 'aws.unreachable', 'aws.unreachable'],
  ['host lost while it answers',   broken('EHOSTUNREACH', 'read'),                    'aws.unclear',     'aws.unreachable'],
  ['connecting takes too long',    broken('ETIMEDOUT', 'connect'),                    'aws.unreachable', 'aws.unreachable'],
  ['no connection in time',        timeout('the request socket did not establish a connection with the server'), 'aws.unreachable', 'aws.unreachable'],
  ['a stranger’s certificate',     broken('SELF_SIGNED_CERT_IN_CHAIN'),               'aws.unreachable', 'aws.unreachable'],
  ['role may not',                 answered('AccessDeniedException', 400),            'aws.denied',      'aws.denied'],
  ['EC2: role may not',            answered('UnauthorizedOperation', 403),            'aws.denied',      'aws.denied'],
  ['unknown key',                  answered('UnrecognizedClientException', 400),      'aws.denied',      'aws.denied'],
  ['no credentials at all',        Object.assign(new Error('x'), { name: 'CredentialsProviderError' }), 'aws.denied', 'aws.denied'],
  ['session over',                 answered('ExpiredTokenException', 400),            'aws.expired',     'aws.expired'],
  ['session over, older name',     answered('ExpiredToken', 403),                     'aws.expired',     'aws.expired'],
  ['signature too old',            answered('InvalidSignatureException', 400, 'Signature expired: 1 is now earlier than 2'), 'clock.skewed', 'clock.skewed'],
  ['signature wrong',              answered('InvalidSignatureException', 400),        'aws.denied',      'aws.denied'],
  ['no such parameter',            answered('ParameterNotFound', 400),                'aws.missing',     'aws.missing'],
  ['no such instance',             answered('InvalidInstanceID.NotFound', 400),       'aws.missing',     'aws.missing'],
  ['no such thing, any service',   answered('VolumeNotFoundException', 400),          'aws.missing',     'aws.missing'],
  ['no such queue',                answered('QueueDoesNotExist', 400),                'aws.missing',     'aws.missing'],
  ['two writers',                  answered('TooManyUpdates', 400),                   'aws.conflict',    'aws.conflict'],
  ['was there before',             answered('ParameterAlreadyExists', 400),           'aws.conflict',    'aws.conflict'],
  ['bad node',                     answered('InvalidInstanceId', 400),                'aws.invalid',     'aws.invalid'],
  ['bad input',                    answered('ValidationException', 400),              'aws.invalid',     'aws.invalid'],
  ['old receipt',                  answered('ReceiptHandleIsInvalid', 404),           'aws.invalid',     'aws.invalid'],
]

describe('what the SDK throws', () => {
  it.each(table)('%s', (_, error, effect, read) => {
    expect(translate(error, where('once')).code).toBe(effect)
    expect(translate(error, where('repeatable')).code).toBe(effect)
    expect(translate(error, where('careful')).code).toBe(effect)
    expect(translate(error, where('read')).code).toBe(read)
  })

  it('names the cell, the call, the request and AWS’s own word', () => {
    const known = translate(answered('ValidationException', 400, 'too long'), where('once'))
    expect(known.message).toBe('ssm.SendCommand in 111111111111/us-east-1: ValidationException: too long')
    expect(known.more.detail).toEqual({
      cell: '111111111111/us-east-1',
      call: 'ssm.SendCommand',
      error: 'ValidationException',
      requestId: 'req-9',
    })
    expect(known.more.hint).not.toBe('')
  })

  it('lists the nodes that InvalidInstanceId names, each once', () => {
    const said = 'Instances [[i-0123456789abcdef0, i-12345678, mi-0123456789abcdef0, i-12345678]] not in a valid state for account 1'
    const known = translate(answered('InvalidInstanceId', 400, said), where('once'))
    expect(known.more.detail?.['nodes']).toBe('i-0123456789abcdef0,i-12345678,mi-0123456789abcdef0')
  })

  it('bounds and mends what AWS says', () => {
    const known = translate(answered('AccessDeniedException', 400, `\0\ud800${'x'.repeat(5_000)}`), where('read'))
    expect(known.message.length).toBeLessThan(400)
    expect(known.message.isWellFormed()).toBe(true)
    expect(known.message).not.toContain('\0')
  })

  it('leaves ours as they are', () => {
    const ours = new PatchwaveError('aws.invalid', 'too late', { hint: 'wait' })
    expect(translate(ours, where('once'))).toBe(ours)
  })

  it.each([new Bug('ours'), new TypeError('undefined is not a function')])('lets a bug through: %s', (bug) => {
    expect(() => translate(bug, where('once'))).toThrow(bug)
  })

  it('is asked by code and by AWS’s name', () => {
    const known = translate(answered('InvocationDoesNotExist', 400), where('read'))
    expect(failedAs(known, 'aws.denied', 'aws.missing')).toBe(true)
    expect(failedAs(known, 'aws.denied')).toBe(false)
    expect(namedAs(known, 'InvocationDoesNotExist')).toBe(true)
    expect(namedAs(new Error('x'), 'x')).toBe(false)
  })
})
