import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseTrigger, TRIGGER_CHARACTERS_MAX } from '../../../src/core/runbook/trigger.ts'
import { TRIGGER_SCHEMA } from '../../../src/core/runbook/trigger-schema.ts'
import { compileSchema, plainDocument, validateDocument } from '../../../src/kit/document.ts'
import { InvalidDocument } from '../../../src/kit/error.ts'
import { resolve } from '../../../src/kit/schema.ts'

const TRIGGER = { apiVersion: 'patchwave/v1', kind: 'Trigger', id: 'CHG-4711', runbook: 'monthly', reason: 'CHG-4711', now: true }
const READ = { id: 'CHG-4711', runbook: 'monthly', reason: 'CHG-4711', inputs: {}, now: true }
const EVENT = {
  version: '0',
  id: 'e-1',
  'detail-type': 'Patch wanted',
  source: 'acme.change',
  account: '1',
  time: 't',
  region: 'r',
  resources: [],
}

const event = (detail: unknown): unknown => ({ ...EVENT, detail })
const notification = (message: unknown, Type = 'Notification'): unknown => ({ Type, MessageId: 'n-1', TopicArn: 'arn:x', Message: message })
const text = JSON.stringify

function mistakes(body: string): string[] {
  try {
    parseTrigger(body)
  } catch (error) {
    if (error instanceof InvalidDocument) return error.diagnostics.map(({ code, message, hint }) => `${code}: ${message} (${hint})`)
    throw error
  }
  return []
}

describe('a trigger is read', () => {
  it.each([
    ['bare', TRIGGER],
    ['from an EventBridge event', event(TRIGGER)],
    ['from an SNS notification', notification(text(TRIGGER))],
    ['from an EventBridge event that came through SNS', notification(text(event(TRIGGER)))],
  ])('%s', (_, value) => {
    expect(parseTrigger(text(value))).toEqual(READ)
  })

  it('with blanks and line ends around it, as people write files', () => {
    expect(parseTrigger(`\n${JSON.stringify(TRIGGER, null, '\t')}\r\n`)).toEqual(READ)
  })

  it('without `now`: at the next opening', () => {
    expect(parseTrigger(text({ ...TRIGGER, now: undefined })).now).toBe(false)
  })

  it.each([
    ['CVE-2026-12345', 'CVE-2026-12345'],
    ['', ''],
    ['ü 漢字 😀', 'ü 漢字 😀'],
    [3, '3'],
    [-7, '-7'],
    [9_007_199_254_740_991, '9007199254740991'],
    [false, 'false'],
  ])('with the input %j as text', (value, said) => {
    expect(parseTrigger(text({ ...TRIGGER, inputs: { x: value } })).inputs).toEqual({ x: said })
  })
})

describe('is refused', () => {
  it.each([
    ['a notification whose message is no JSON', notification('hello'), /trigger.syntax: it is not JSON/],
    ['a notification in a notification', notification(text(notification(text(TRIGGER)))), /unknown key "Type"/],
    [
      'a subscription to be confirmed',
      notification('You have chosen …', 'SubscriptionConfirmation'),
      /confirm the subscription of the queue/,
    ],
    ['an event without a trigger', event('text'), /must be/],
    ['an event in an event', event(event(TRIGGER)), /unknown key "detail"/],
    ['a status event of EC2', event({ 'instance-id': 'i-1', state: 'running' }), /"id" is missing/],
    ['a trigger as text', text(TRIGGER), /must be/],
    ['a number beyond what is exact', { ...TRIGGER, inputs: { x: 2 ** 53 } }, /must be at most 9007199254740991/],
    ['an input that is null', { ...TRIGGER, inputs: { x: null } }, /inputs.x must be a text/],
    ['a word that is nearly a key', { ...TRIGGER, rnubook: 'x' }, /unknown key "rnubook" \(.*runbook/],
  ])('%s', (_, value, reason) => {
    expect(mistakes(text(value)).join('\n')).toMatch(reason)
  })

  it('with every mistake at once', () => {
    expect(mistakes('{"kind":"Trigger","now":1}').map((each) => each.split(' ', 1)[0])).toEqual([
      'trigger.missing-key:',
      'trigger.missing-key:',
      'trigger.missing-key:',
      'trigger.missing-key:',
      'trigger.wrong-type:',
    ])
  })

  it('one character too many', () => {
    const padded = (length: number): string => text(TRIGGER).padEnd(length)
    expect(mistakes(padded(TRIGGER_CHARACTERS_MAX))).toEqual([])
    expect(mistakes(padded(TRIGGER_CHARACTERS_MAX + 1))).toEqual(['trigger.hostile: it has 65537 characters, more than 65536 (send less)'])
  })

  it('a key twice, wherever it stands and however it is spelled, but not in two maps', () => {
    expect(mistakes('{"a":[{"b":1},{"b":2}],"c":{"a":1}}').join()).not.toMatch(/stands twice/)
    for (const body of ['{"a":1,"a":2}', '{"a":{"b":1,"\\u0062":2}}', '[{"x":"}","x" : 2}]'])
      expect(mistakes(body).join(), body).toMatch(/stands twice/)
    expect(mistakes('{"x":"{\\"a\\":1,\\"a\\":2}"}').join()).not.toMatch(/stands twice/)
  })
})

describe('the schema', () => {
  const keys = Object.entries(TRIGGER_SCHEMA.properties ?? {}).map(([name, schema]) => [name, resolve(schema, TRIGGER_SCHEMA)] as const)

  it.each(keys)('describes %s, and its examples and default are valid', (name, schema) => {
    expect(schema.description).toMatch(/\.$/)
    if (schema.const === undefined) expect(schema.examples?.length).toBeGreaterThan(0)
    for (const value of [...(schema.examples ?? []), ...(schema.default === undefined ? [] : [schema.default])])
      expect(validateDocument(plainDocument(name, value), compileSchema(schema), { code: 'trigger.invalid' }).diagnostics).toEqual([])
  })

  it('is the one that is published', () => {
    expect(JSON.parse(readFileSync('schemas/trigger.schema.json', 'utf8'))).toEqual(TRIGGER_SCHEMA)
  })
})
