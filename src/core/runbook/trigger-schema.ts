import type { JsonSchema } from '../../kit/schema.ts'
import { INPUT_CHARACTERS_MAX, INPUT_NAME_PATTERN } from './schema-inputs.ts'
import { PARTS } from './schema-parts.ts'

/** Text that ends in a record and on screens: no control characters, no halves of surrogate pairs, nothing that reorders what is shown. */
const PLAIN = '[^\\p{Cc}\\p{Cs}\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ufffd\\ufffe\\uffff]'

const name: JsonSchema = { ...PARTS['name'] }

/** A trigger message: its check and `schemas/trigger.schema.json` come from this value. */
export const TRIGGER_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:patchwave:v1:trigger',
  title: 'a trigger',
  description: 'An SQS message that asks for a run of a runbook.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'id', 'runbook', 'reason'],
  properties: {
    apiVersion: { description: 'Version of the language.', const: 'patchwave/v1' },
    kind: { description: 'What kind of message this is.', const: 'Trigger' },
    id: {
      title: '1 to 128 printable ASCII characters without blanks',
      description: 'Chosen by the sender. A second message with the same id starts nothing, however late it comes.',
      type: 'string',
      pattern: '^[!-~]{1,128}$',
      examples: ['CHG-4711'],
    },
    runbook: { ...name, description: 'Name of the runbook to run.' },
    reason: {
      title: '1 to 1,000 characters of plain text',
      description: 'Why, for the record.',
      type: 'string',
      pattern: `^${PLAIN}{1,1000}$`,
      examples: ['CHG-4711: monthly patches'],
    },
    inputs: {
      title: 'a map of input names to values',
      description: 'Values for the inputs that the runbook asks for. They are on record and never secret.',
      type: 'object',
      propertyNames: {
        title: 'a name of letters, digits, dashes and underscores that begins with a letter',
        type: 'string',
        pattern: INPUT_NAME_PATTERN,
        examples: ['cve'],
      },
      maxProperties: 50,
      additionalProperties: {
        title: `a text of at most ${String(INPUT_CHARACTERS_MAX)} plain characters, a whole number, or true or false`,
        type: ['string', 'integer', 'boolean'],
        pattern: `^${PLAIN}{0,${String(INPUT_CHARACTERS_MAX)}}$`,
        minimum: Number.MIN_SAFE_INTEGER,
        maximum: Number.MAX_SAFE_INTEGER,
        examples: ['CVE-2026-12345'],
      },
      default: {},
      examples: [{ cve: 'CVE-2026-12345' }],
    },
    now: {
      description: 'Whether to run at once, in a window of its own, instead of at the next opening.',
      type: 'boolean',
      default: false,
      examples: [true],
    },
  },
}
