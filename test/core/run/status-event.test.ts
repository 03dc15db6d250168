import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readStatusEvent, type StatusEvent } from '../../../src/core/run/status-event.ts'

const COMMAND = '7f7a7a3b-9d2c-4c55-9c6a-1d2e3f4a5b6c'
const NODE = 'i-0123456789abcdef0'
const bridge = (detail: unknown): unknown => ({
  version: '0',
  'detail-type': 'EC2 Command Invocation Status-change Notification',
  source: 'aws.ssm',
  detail,
})
const kebab = { 'command-id': COMMAND, 'document-name': 'Patchwave-Apply', 'instance-id': NODE, status: 'Success' }
const camel = { commandId: COMMAND, documentName: 'Patchwave-Apply', instanceId: NODE, status: 'Failed', eventTime: 'x' }
const sns = (inner: unknown): unknown => ({
  Type: 'Notification',
  TopicArn: 'arn',
  Message: typeof inner === 'string' ? inner : JSON.stringify(inner),
})
const ended = (status: string): StatusEvent => ({ kind: 'ended', command: COMMAND, node: NODE, status })

describe('what a message of the events queue says', () => {
  // prettier-ignore
  it.each<[what: string, message: unknown, expected: StatusEvent | 'unreadable']>([
    ['an event of EventBridge',                bridge(kebab),                                       ended('Success')],
    ['a notification of SSM',                  camel,                                               ended('Failed')],
    ['the one in an SNS envelope',             sns(bridge(kebab)),                                  ended('Success')],
    ['the other in an SNS envelope',           sns(camel),                                          ended('Failed')],
    ['a hybrid node',                          camel && { ...camel, instanceId: 'mi-0123456789abcdef0' }, { ...ended('Failed'), node: 'mi-0123456789abcdef0' } as StatusEvent],
    ['a node that only begins',                bridge({ ...kebab, status: 'InProgress' }),          { kind: 'other' }],
    ['a whole command',                        bridge({ ...kebab, 'instance-id': undefined }),      { kind: 'other' }],
    ['a whole command of SSM',                 { ...camel, instanceId: undefined, instanceIds: [] }, { kind: 'other' }],
    ['an event about something else',          bridge({ operation: 'Update', name: '/x' }),         { kind: 'other' }],
    ['a status that is no text',               bridge({ ...kebab, status: 5 }),                     'unreadable'],
    ['a command id with a path in it',         bridge({ ...kebab, 'command-id': '../../etc' }),     'unreadable'],
    ['a node id with a shell in it',           bridge({ ...kebab, 'instance-id': 'i-1;reboot' }),   'unreadable'],
    ['no detail',                              { 'detail-type': 'x' },                              'unreadable'],
    ['an envelope around nothing',             sns('hello'),                                        'unreadable'],
    ['an envelope around an envelope',         sns(sns(camel)),                                     'unreadable'],
    ['a list',                                 [bridge(kebab)],                                     'unreadable'],
    ['a number',                               7,                                                   'unreadable'],
    ['an envelope around a list of texts',     { ...(sns('') as object), Message: [JSON.stringify(camel)] }, 'unreadable'],
    ['an event without its type',              { detail: kebab },                                   ended('Success')],
    ['a command id that is a list',            bridge({ ...kebab, 'command-id': [COMMAND] }),       'unreadable'],
    ['a command id with something before it',  bridge({ ...kebab, 'command-id': `x${COMMAND}` }),   'unreadable'],
    ['a command id with something behind it',  bridge({ ...kebab, 'command-id': `${COMMAND}x` }),   'unreadable'],
    ['a node id that is a list',               bridge({ ...kebab, 'instance-id': [NODE] }),         'unreadable'],
    ['a node id with something before it',     bridge({ ...kebab, 'instance-id': `x${NODE}` }),     'unreadable'],
    ['a node id with something behind it',     bridge({ ...kebab, 'instance-id': `${NODE}x` }),     'unreadable'],
    ['an object of nobody',                    { hello: 'world' },                                  'unreadable'],
  ])('%s', (_, message, expected) => {
    const read = readStatusEvent(JSON.stringify(message))
    if (expected === 'unreadable') expect(read).toMatchObject({ kind: 'unreadable', why: expect.stringMatching(/^(it|its|the) /) as string })
    else expect(read).toEqual(expected)
  })

  it.each([
    [{ 'detail-type': 'x' }, 'the event has no detail'],
    [{ hello: 'world' }, 'it is neither an EventBridge event nor a notification of SSM'],
  ])('%j is told as what it is', (message, why) => {
    expect(readStatusEvent(JSON.stringify(message))).toEqual({ kind: 'unreadable', why })
  })

  it('an event may be as long as the longest that is read', () => {
    const body = JSON.stringify(camel)
    expect(readStatusEvent(body + ' '.repeat(300_000 - body.length)).kind).toBe('ended')
    expect(readStatusEvent(body + ' '.repeat(300_001 - body.length)).kind).toBe('unreadable')
  })

  it('text that is not JSON, or far too long, is unreadable', () => {
    expect(readStatusEvent('{')).toEqual({ kind: 'unreadable', why: 'it is not JSON' })
    expect(readStatusEvent(JSON.stringify(bridge({ ...kebab, more: 'x'.repeat(300_000) })))).toEqual({
      kind: 'unreadable',
      why: 'it is too long for an event',
    })
  })

  it('whatever comes, it answers', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.jsonValue().map((value) => JSON.stringify(bridge(value))),
        ),
        (body) => {
          expect(['ended', 'other', 'unreadable']).toContain(readStatusEvent(body).kind)
        },
      ),
    )
  })
})
