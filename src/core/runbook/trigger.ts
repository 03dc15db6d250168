import { compileSchema, plainDocument, validateDocument } from '../../kit/document.ts'
import { InvalidDocument, type Diagnostic } from '../../kit/error.ts'
import { isMap, readJson } from '../../kit/json.ts'
import { fillDefaults } from '../../kit/schema.ts'
import { TRIGGER_SCHEMA } from './trigger-schema.ts'

/** A message that asks for a run. `id` is its sender's: whatever comes under an id that has led to a run leads to that run. */
export type Trigger = Readonly<{
  id: string
  runbook: string
  reason: string
  /** As text; the runbook's own rules for its inputs are checked when the run is requested. */
  inputs: Readonly<Record<string, string>>
  /** At once, in a window of its own, instead of at the runbook's next opening. */
  now: boolean
}>

/** A trigger is a few hundred characters; this leaves room for long inputs inside two envelopes, and parses in a few milliseconds. */
export const TRIGGER_CHARACTERS_MAX = 65_536
/** Our own form nests two levels; an EventBridge event around it one more. */
const DEPTH_MAX = 16
/** Twice what any map of ours may hold: each key too many costs a sentence that names it. */
const KEYS_MAX = 100

/**
 * Reads a trigger from a message's body: bare, as `detail` of an EventBridge event, or as the `Message` of an SNS notification, which may
 * hold such an event.
 *
 * @throws InvalidDocument `trigger.invalid` with every mistake
 */
export function parseTrigger(body: string): Trigger {
  const document = plainDocument(NAME, ofEvent(ofNotification(json(body))))
  const { value, diagnostics } = validateDocument(document, SCHEMA, { code: 'trigger.invalid' })
  if (diagnostics.length > 0) throw new InvalidDocument('trigger.invalid', diagnostics)
  const { id, runbook, reason, inputs, now } = fillDefaults(TRIGGER_SCHEMA, value) as TriggerDocument // The schema has just passed it.
  return { id, runbook, reason, now, inputs: Object.fromEntries(Object.entries(inputs).map(([name, each]) => [name, String(each)])) }
}

type TriggerDocument = Omit<Trigger, 'inputs'> & Readonly<{ inputs: Readonly<Record<string, string | number | boolean>> }>

const SCHEMA = compileSchema(TRIGGER_SCHEMA)

/** How diagnostics name what they speak of: a message has no file. */
const NAME = 'message'

function json(text: string): unknown {
  const read = readJson(text, { charactersMax: TRIGGER_CHARACTERS_MAX, depthMax: DEPTH_MAX, keysMax: KEYS_MAX })
  if (read.ok) return read.value
  throw refusal(`trigger.${read.kind}`, read.message, read.hint)
}

/** What SNS delivered, if raw delivery is off: the envelope's `Type` says which kind of message it is. */
function ofNotification(value: unknown): unknown {
  if (!isMap(value) || typeof value['Type'] !== 'string' || typeof value['Message'] !== 'string') return value
  if (value['Type'] === 'Notification') return json(value['Message'])
  throw refusal('trigger.envelope', 'SNS sent something other than a notification', 'confirm the subscription of the queue at its topic')
}

/** What EventBridge delivered, if no input transformer was set. */
function ofEvent(value: unknown): unknown {
  const isEvent = isMap(value) && typeof value['detail-type'] === 'string' && typeof value['source'] === 'string' && 'detail' in value
  return isEvent ? value['detail'] : value
}

function refusal(code: string, message: string, hint: string): InvalidDocument {
  const diagnostic: Diagnostic = { file: NAME, line: 1, column: 1, code, message, hint }
  return new InvalidDocument('trigger.invalid', [diagnostic])
}
