import type { JsonSchema } from '../../kit/schema.ts'
import { object } from './schema-parts.ts'

/** Characters of a value: one line that a person can read on an approval. */
export const INPUT_CHARACTERS_MAX = 256

/** Names of inputs; `${inputs.<name>}` refers to one. */
export const INPUT_NAME_PATTERN = '^[A-Za-z][A-Za-z0-9_-]{0,62}$'

const SAFE = Number.MAX_SAFE_INTEGER

const input = object({
  title: 'an input',
  description:
    'A value that is asked for when the runbook is started. It is on record and part of the plan’s digest, so it is never secret.',
  properties: {
    type: {
      description: 'What it is: one line of text, a whole number, or `true` or `false`.',
      enum: ['string', 'integer', 'boolean'],
      default: 'string',
      examples: ['string'],
    },
    description: { description: 'What is asked for, for people.', type: 'string', minLength: 1, maxLength: 200, examples: ['Which CVE'] },
    pattern: {
      title: 'a regular expression',
      description: 'A text must match it as a whole. JavaScript’s grammar, without references, look-around and `\\b`.',
      type: 'string',
      minLength: 1,
      maxLength: 256,
      examples: ['^CVE-\\d{4}-\\d{4,}$'],
    },
    values: {
      title: 'a list of texts or whole numbers',
      description: 'The only values that may be given.',
      type: 'array',
      items: {
        title: 'a text or a whole number',
        type: ['string', 'integer'],
        maxLength: INPUT_CHARACTERS_MAX,
        examples: ['blue', 'green'],
      },
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      examples: [['blue', 'green']],
    },
    minimum: { description: 'The least whole number.', type: 'integer', minimum: -SAFE, maximum: SAFE, examples: [1] },
    maximum: { description: 'The greatest whole number.', type: 'integer', minimum: -SAFE, maximum: SAFE, examples: [100] },
    required: {
      description: 'Whether it must be given. Left out: it must, unless there is a default; with one it need not.',
      type: 'boolean',
      examples: [true],
    },
    default: {
      title: 'a text, a whole number, or true or false',
      description: 'The value when none is given.',
      type: ['string', 'integer', 'boolean'],
      maxLength: INPUT_CHARACTERS_MAX,
      minimum: -SAFE,
      maximum: SAFE,
      examples: ['blue', 5],
    },
  },
  examples: [{ type: 'string', pattern: '^CVE-\\d{4}-\\d{4,}$', description: 'Which CVE', required: true }],
})

/** What the runbook asks for at the trigger. */
export const inputs: JsonSchema = {
  title: 'a map of names to inputs',
  description:
    'What is asked for when the runbook is started. `${inputs.<name>}` stands for the value in any text below; `$${` writes `${`.',
  type: 'object',
  maxProperties: 20,
  propertyNames: {
    title: 'a name of letters, digits, dashes and underscores that begins with a letter',
    type: 'string',
    pattern: INPUT_NAME_PATTERN,
    examples: ['cve'],
  },
  additionalProperties: input,
  default: {},
  examples: [{ cve: { pattern: '^CVE-\\d{4}-\\d{4,}$', description: 'Which CVE' } }],
}
