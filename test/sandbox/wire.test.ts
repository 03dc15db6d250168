import fc from 'fast-check'
import { XMLParser } from 'fast-xml-parser'
import { describe, expect, it } from 'vitest'
import { userKey } from '../../src/sandbox/callers.ts'
import { ServiceError } from '../../src/sandbox/model.ts'
import { readForm } from '../../src/sandbox/wire/form.ts'
import { flag, inputOf, list, optional, structure, text, whole } from '../../src/sandbox/wire/input.ts'
import { jsonError } from '../../src/sandbox/wire/json.ts'
import { BODY_BYTES_MAX, type WireRequest, type WireResponse } from '../../src/sandbox/wire/message.ts'
import { queryError } from '../../src/sandbox/wire/query.ts'
import { xmlOf } from '../../src/sandbox/wire/xml.ts'
import { front, STAGING } from './front.ts'

const scope = (service: string, key = userKey(STAGING, 'operator')): string =>
  `AWS4-HMAC-SHA256 Credential=${key}/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=00`

const ssm = (operation: string, body: string, headers: Record<string, string | undefined> = {}): WireRequest => ({
  method: 'POST',
  path: '/',
  headers: {
    'x-amz-target': `AmazonSSM.${operation}`,
    'content-type': 'application/x-amz-json-1.1',
    authorization: scope('ssm'),
    ...headers,
  },
  body,
})
const sqs = (operation: string, body: string): WireRequest => ({
  ...ssm('', body, { 'x-amz-target': `AmazonSQS.${operation}`, authorization: scope('sqs') }),
})
const form = (body: string, service = 'ec2'): WireRequest => ({
  method: 'POST',
  path: '/',
  headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', authorization: scope(service) },
  body,
})
const said = ({ body }: WireResponse): string => Buffer.from(body).toString('utf8')

describe('the front door', () => {
  const { sandbox } = front()

  // prettier-ignore
  it.each<[it: string, request: WireRequest, status: number, says: string]>([
    ['refuses JSON that is not well-formed',     ssm('GetParameter', '{"Name":'),                        400, 'SerializationException'],
    ['refuses a body that is no object',         ssm('GetParameter', '[1]'),                             400, 'SerializationException'],
    ['refuses a member of another type',         ssm('GetParameter', '{"Name":7}'),                      400, 'SerializationException'],
    ['names a missing member',                   ssm('GetParameter', '{}'),                              400, "Value null at 'name' failed to satisfy constraint"],
    ['reads no body as no input',                ssm('DescribeParameters', ''),                          200, '"Parameters":[]'],
    ['refuses an operation that it lacks',       ssm('StartSession', '{}'),                              400, 'UnknownOperationException'],
    ['does not take a built-in for an operation', ssm('constructor', '{}'),                              400, 'UnknownOperationException'],
    ['refuses a target of another service',      ssm('', '{}', { 'x-amz-target': 'DynamoDB.GetItem' }),  400, 'UnknownOperationException'],
    ['does not take a built-in for a service',   ssm('', '{}', { 'x-amz-target': 'constructor.x' }),     400, 'UnknownOperationException'],
    ['refuses a request without target or form', { ...ssm('', ''), headers: { authorization: scope('ssm') } }, 400, 'UnknownOperationException'],
    ['refuses an oversized body',                ssm('GetParameter', ' '.repeat(BODY_BYTES_MAX + 1)),    413, 'RequestEntityTooLargeException'],
    ['refuses an unsigned request',              ssm('GetParameter', '{}', { authorization: undefined }), 400, 'MissingAuthenticationTokenException'],
    ['refuses an unknown account',               ssm('GetParameter', '{}', { authorization: scope('ssm', userKey('123123123123', 'x')) }), 400, 'UnrecognizedClientException'],
    ['refuses a key of no form',                 ssm('GetParameter', '{}', { authorization: scope('ssm', 'AKIAIOSFODNN7EXAMPLE') }), 400, 'UnrecognizedClientException'],
    ['says SQS errors in the older words too',   sqs('GetQueueUrl', '{"QueueName":"none"}'),             400, 'com.amazonaws.sqs#QueueDoesNotExist'],
    ['refuses an action that EC2 lacks',         form('Action=TerminateInstances&Version=2016-11-15'),   400, '<Code>InvalidAction</Code>'],
    ['refuses a form of another version',        form('Action=DescribeInstances&Version=2009-01-01'),    400, '<Code>InvalidAction</Code>'],
    ['refuses a form that is nested too deeply', form('Action=DescribeInstances&Version=2016-11-15&a.b.c.d.e.f.g.h.i=1'), 400, 'MalformedQueryString'],
    ['refuses an oversized form',                form('a'.repeat(BODY_BYTES_MAX + 1)),                   413, 'RequestEntityTooLargeException'],
    ['says EC2 has not been told who calls',     { ...form('Action=DescribeInstances&Version=2016-11-15'), headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 401, 'AuthFailure'],
    ['answers STS in its own envelope',          form('Action=AssumeRole&Version=2011-06-15', 'sts'),    400, '<ErrorResponse'],
  ])('%s', async (_, request, status, says) => {
    const answer = await sandbox.dispatch(request)
    expect(said(answer)).toContain(says)
    expect(answer.status).toBe(status)
  })

  it('never sends a date, and always a request id', async () => {
    const { headers } = await sandbox.dispatch(ssm('GetParameter', '{"Name":"x"}'))
    expect(Object.keys(headers)).toEqual(['content-type', 'x-amzn-requestid'])
  })

  it('survives whatever is sent to whatever operation', async () => {
    const operations = [
      'GetParameter',
      'PutParameter',
      'CreateDocument',
      'LabelParameterVersion',
      'GetParametersByPath',
      'SendCommand',
      'ListCommands',
    ]
    const queueOperations = [
      'CreateQueue',
      'SendMessage',
      'SendMessageBatch',
      'ReceiveMessage',
      'DeleteMessageBatch',
      'SetQueueAttributes',
      'ListQueues',
    ]
    const names = [
      'Name',
      'Value',
      'Type',
      'Names',
      'Path',
      'Labels',
      'QueueUrl',
      'QueueName',
      'Attributes',
      'Entries',
      'MessageBody',
      'InstanceIds',
      'Filters',
      'NextToken',
      '__proto__',
    ]
    const input = fc.dictionary(fc.constantFrom(...names), fc.jsonValue())
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...operations), fc.constantFrom(...queueOperations), input, async (one, other, value) => {
        const body = JSON.stringify(value)
        for (const request of [ssm(one, body), sqs(other, body)]) {
          const { status } = await sandbox.dispatch(request)
          expect([200, 400, 403, 404]).toContain(status)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('survives whatever form is sent to EC2', async () => {
    const names = [
      'InstanceId',
      'InstanceId.1',
      'Filter.1.Name',
      'Filter.1.Value.1',
      'Filter',
      'Filter.1',
      'MaxResults',
      'NextToken',
      'Owner.1.x',
      '__proto__.1',
    ]
    const pairs = fc.array(fc.tuple(fc.constantFrom(...names), fc.string()))
    const action = fc.constantFrom('DescribeInstances', 'DescribeInstanceStatus', 'DescribeImages')
    await fc.assert(
      fc.asyncProperty(action, pairs, async (name, fields) => {
        const body = new URLSearchParams([['Action', name], ['Version', '2016-11-15'], ...fields]).toString()
        expect([200, 400, 503]).toContain((await sandbox.dispatch(form(body))).status)
      }),
      { numRuns: 200 },
    )
  })
})

describe('an input', () => {
  const read = inputOf({
    Name: text({ min: 1, max: 3, pattern: /^[a-z]*$/ }),
    Kind: optional(text({ oneOf: ['a', 'b'] })),
    Count: optional(whole({ min: 1, max: 10 })),
    On: optional(flag()),
    Items: optional(list(structure({ Key: text() }), { min: 1, max: 2 })),
  })

  // prettier-ignore
  it.each<[input: Record<string, unknown>, code: string, says: RegExp]>([
    [{},                                  'ValidationException',    /^1 validation error detected: Value null at 'name'/],
    [{ Name: 'abcd', Count: 0 },          'ValidationException',    /^2 validation errors detected: .*'abcd' at 'name'.*; Value '0' at 'count'/],
    [{ Name: 'A' },                       'ValidationException',    /regular expression pattern/],
    [{ Name: 'a', Kind: 'c' },            'ValidationException',    /enum value set: \[a, b\]/],
    [{ Name: 'a', Items: [] },            'ValidationException',    /length greater than or equal to 1/],
    [{ Name: 'a', Items: [{}, {}, {}] },  'ValidationException',    /^4 validation errors/],
    [{ Name: 'a', Count: 1.5 },           'SerializationException', /Count must be an integer/],
    [{ Name: 'a', On: 'true' },           'SerializationException', /On must be a boolean/],
    [{ Name: 'a', Items: {} },            'SerializationException', /Items must be a list/],
  ])('%j is refused', (input, code, says) => {
    expect(() => read(input)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(says) as string }))
  })

  it('keeps what fits and drops what is unknown', () => {
    expect(read({ Name: 'a', Other: 1, Items: [{ Key: 'k' }] })).toEqual({
      Name: 'a',
      Kind: undefined,
      Count: undefined,
      On: undefined,
      Items: [{ Key: 'k' }],
    })
  })
})

describe('a form', () => {
  // prettier-ignore
  it.each<[body: string, tree: unknown]>([
    ['A=1&B=x%20y',                                         { A: '1', B: 'x y' }],
    ['Id.2=b&Id.1=a&Id.10=c',                               { Id: ['a', 'b', 'c'] }],
    ['F.1.Name=n&F.1.Value.1=v&F.1.Value.2=w&F.2.Name=m',   { F: [{ Name: 'n', Value: ['v', 'w'] }, { Name: 'm' }] }],
    ['Spec.Tag.Key=k',                                      { Spec: { Tag: { Key: 'k' } } }],
    ['',                                                    {}],
  ])('%s', (body, tree) => {
    expect(readForm(body)).toEqual(tree)
  })
})

describe('XML', () => {
  it('carries text unchanged that XML can carry', () => {
    const parser = new XMLParser({
      ignoreAttributes: true,
      parseTagValue: false,
      trimValues: false,
      processEntities: true,
      htmlEntities: true,
    })
    const carried = fc.string({ unit: 'binary' }).filter((value) => /^[\t\n\x20-\ud7ff\ue000-\ufffd]*$/u.test(value))
    fc.assert(
      fc.property(carried, (value) => {
        const parsed = parser.parse(`<r><a>${xmlOf(value)}</a></r>`) as { r: { a?: string } }
        expect(parsed.r.a ?? '').toBe(value)
      }),
    )
  })

  // prettier-ignore
  it.each<[value: Parameters<typeof xmlOf>[0], xml: string]>([
    ['a & b < c > "d" \'e\'',             'a &amp; b &lt; c &gt; &quot;d&quot; &apos;e&apos;'],
    ['nul \u0000 and \ud800 alone',       'nul \ufffd and \ufffd alone'],
    [{ a: undefined, b: true, c: 7 },     '<b>true</b><c>7</c>'],
    [{ set: [{ k: 'x' }, 'y'], none: [] }, '<set><item><k>x</k></item><item>y</item></set><none></none>'],
  ])('%j', (value, xml) => {
    expect(xmlOf(value)).toBe(xml)
  })
})

describe('an error', () => {
  // prettier-ignore
  it.each<[code: string, member: string | undefined]>([
    ['ParameterNotFound',        'message'],
    ['HierarchyTypeMismatchException', 'message'],
    ['InvalidKeyId',             'message'],
    ['InvalidInstanceId',        'Message'],
    ['ThrottlingException',      'Message'],
    ['TooManyUpdates',           'Message'],
    ['DuplicateInstanceId',      undefined],
    ['InvocationDoesNotExist',   undefined],
  ])('of SSM, %s, has its sentence under %s', (code, member) => {
    const body = JSON.parse(said(jsonError('ssm', new ServiceError(code, 'why', 400, { More: 1 }), 'id'))) as object
    expect(body).toEqual({ __type: code, ...(member !== undefined && { [member]: 'why' }), More: 1 })
  })

  // prettier-ignore
  it.each<[code: string, status: number, header: string]>([
    ['QueueDoesNotExist',              400, 'AWS.SimpleQueueService.NonExistentQueue;Sender'],
    ['QueueNameExists',                400, 'QueueAlreadyExists;Sender'],
    ['ReceiptHandleIsInvalid',         404, 'ReceiptHandleIsInvalid;Sender'],
    ['InvalidParameterValueException', 400, 'InvalidParameterValue;Sender'],
    ['InternalFailure',                500, 'InternalFailure;Receiver'],
  ])('of SQS, %s, has its older code beside it', (code, status, header) => {
    expect(jsonError('sqs', new ServiceError(code, 'why', status), 'id').headers['x-amzn-query-error']).toBe(header)
  })

  it('of EC2 is escaped', () => {
    expect(said(queryError('ec2', new ServiceError('X', '<&>'), 'id'))).toContain('<Message>&lt;&amp;&gt;</Message>')
  })
})
