import type { JsonSchema } from '../src/kit/schema.ts'

/** A reference to an input of the runbook, anywhere in a text. */
const REFERENCE = '\\$\\{inputs\\.'

/** Keys at the top of a runbook whose texts are never filled in. */
const FIXED = new Set(['apiVersion', 'kind', 'extends', 'inputs'])

type Published = Readonly<Record<string, unknown>>

/**
 * The runbook's schema as editors get it: where a value may be given through an input, `${inputs.name}` fits too. The engine itself fills the
 * values in first and then checks the strict schema.
 */
export function templateSchema(schema: JsonSchema): Published {
  const properties = Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, FIXED.has(key) ? inner : loosened(inner)] as const)
  return { ...schema, properties: Object.fromEntries(properties), $defs: mapped(schema.$defs ?? {}) }
}

const mapped = (schemas: Readonly<Record<string, JsonSchema>>): Published =>
  Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, loosened(schema)]))

function loosened(schema: JsonSchema): Published {
  if (schema.enum !== undefined || schema.const !== undefined || isBare(schema)) return eitherOf(schema)
  const tag = schema.discriminator?.propertyName
  return {
    ...schema,
    ...(schema.pattern !== undefined && { pattern: `(${schema.pattern})|${REFERENCE}` }),
    ...(schema.properties && { properties: mapped(schema.properties) }),
    ...(schema.items && { items: loosened(schema.items) }),
    ...(typeof schema.additionalProperties === 'object' && { additionalProperties: loosened(schema.additionalProperties) }),
    ...(schema.oneOf && { oneOf: schema.oneOf.map((branch) => branchOf(branch, tag)) }),
  }
}

/** A number or a boolean: no text fits it. */
const isBare = ({ type }: JsonSchema): boolean => type === 'integer' || type === 'boolean'

function eitherOf(schema: JsonSchema): Published {
  const { title, description, default: initial, examples, ...rest } = schema
  const said = Object.entries({ title, description, default: initial, examples }).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(said), anyOf: [rest, { type: 'string', pattern: REFERENCE }] }
}

/** What tells the branches apart stays as it is: an editor could not choose otherwise. */
function branchOf(branch: JsonSchema, tag: string | undefined): Published {
  const loose = loosened(branch)
  const strict = tag === undefined ? undefined : branch.properties?.[tag]
  return tag === undefined || strict === undefined ? loose : { ...loose, properties: { ...mapped(branch.properties ?? {}), [tag]: strict } }
}
