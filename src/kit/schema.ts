import { suggest, suggestion } from './suggest.ts'

/** As much of JSON Schema 2020-12 as our schemas use. */
export type JsonSchema = Readonly<{
  $id?: string
  $schema?: string
  $ref?: string
  $defs?: Readonly<Record<string, JsonSchema>>
  /** A noun phrase with its article, for messages: "a duration". */
  title?: string
  description?: string
  default?: unknown
  examples?: readonly unknown[]
  type?: string | readonly string[]
  const?: unknown
  enum?: readonly unknown[]
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  properties?: Readonly<Record<string, JsonSchema>>
  patternProperties?: Readonly<Record<string, JsonSchema>>
  propertyNames?: JsonSchema
  additionalProperties?: boolean | JsonSchema
  required?: readonly string[]
  minProperties?: number
  maxProperties?: number
  items?: JsonSchema
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
  discriminator?: Readonly<{ propertyName: string }>
  oneOf?: readonly JsonSchema[]
}>

/** The second word of a diagnostic's code (`runbook.unknown-key`) and what it says. */
export const SCHEMA_MISTAKES = {
  'unknown-key': 'the key is not part of the language here',
  'missing-key': 'a key that must be there is not',
  'wrong-type': 'the value is of another kind: text for a list, a number for text, …',
  'unknown-value': 'the value is none of those that the key knows',
  malformed: 'the text does not have the form that the key asks for',
  'out-of-range': 'the number, the text or the list is too small or too large',
  repeated: 'a list names the same thing twice',
} as const satisfies Record<string, string>

/** What is wrong, where, and what to do. */
export type Explanation = Readonly<{
  pointer: string
  part: 'key' | 'value'
  kind: keyof typeof SCHEMA_MISTAKES
  message: string
  hint: string
}>

/** The part of ajv's error object that is read here (ajv with `verbose`). */
export type SchemaError = Readonly<{
  keyword: string
  instancePath: string
  params: Readonly<Record<string, unknown>>
  parentSchema?: unknown
  data?: unknown
  propertyName?: string
  message?: string
}>

/** One schema error in words a runbook's author understands. `root` is the whole schema: it knows where a misplaced key belongs. */
export function explain(error: SchemaError, root: JsonSchema): Explanation {
  const schema: JsonSchema = isSchema(error.parentSchema) ? error.parentSchema : {}
  const explanation = (EXPLAINERS[error.keyword] ?? explainOther)(error, schema, root)
  return { pointer: error.instancePath, part: 'value', ...explanation }
}

/** The schema's defaults written into a copy of a valid value: what is absent and has a default is there afterwards. */
export function fillDefaults(schema: JsonSchema, value: unknown, root: JsonSchema = schema): unknown {
  const here = resolve(schema, root)
  if (Array.isArray(value)) return here.items ? value.map((item) => fillDefaults(here.items ?? {}, item, root)) : value
  if (!isRecord(value)) return value
  const shape = branchFor(here, value, root)
  const filled: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) {
    const inner =
      shape.properties?.[key] ?? patternFor(shape, key) ?? (isSchema(shape.additionalProperties) ? shape.additionalProperties : {})
    filled[key] = fillDefaults(inner, each, root)
  }
  for (const [key, property] of Object.entries(shape.properties ?? {})) {
    const initial = defaultOf(property, root)
    if (!Object.hasOwn(value, key) && initial !== undefined) filled[key] = fillDefaults(property, initial, root)
  }
  return filled
}

/** A schema with its `$ref` followed; what stands beside the `$ref` wins. */
export function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (schema.$ref === undefined) return schema
  const target = root.$defs?.[schema.$ref.replace('#/$defs/', '')] ?? {}
  const { $ref: _, ...beside } = schema
  return { ...resolve(target, root), ...beside }
}

/** A pointer as people say it: `/waves/0/gate` is `waves[0].gate`. */
export const spoken = (pointer: string): string =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '')

type Explainer = (error: SchemaError, schema: JsonSchema, root: JsonSchema) => Omit<Explanation, 'pointer' | 'part'> & Partial<Explanation>

const EXPLAINERS: Readonly<Record<string, Explainer>> = {
  additionalProperties: explainUnknownKey,
  required: explainMissingKey,
  type: explainType,
  enum: explainChoice,
  const: explainChoice,
  pattern: explainForm,
  discriminator: explainTag,
  propertyNames: explainKeyName,
  uniqueItems: (error) => ({ kind: 'repeated', message: `${nameOf(error)} names the same thing twice`, hint: 'keep one of the two' }),
}

/** A bound in words, for each keyword that has one. */
const BOUNDS: Readonly<Record<string, (limit: string) => string>> = {
  minimum: (limit) => `must be at least ${limit}`,
  maximum: (limit) => `must be at most ${limit}`,
  minLength: (limit) => `must have at least ${limit} character${limit === '1' ? '' : 's'}`,
  maxLength: (limit) => `must have at most ${limit} characters`,
  minItems: (limit) => `must list at least ${limit}`,
  maxItems: (limit) => `must list at most ${limit}`,
  minProperties: (limit) => `must have at least ${limit} key${limit === '1' ? '' : 's'}`,
  maxProperties: (limit) => `must have at most ${limit} keys`,
}

function explainUnknownKey(error: SchemaError, schema: JsonSchema, root: JsonSchema): ReturnType<Explainer> {
  const key = String(error.params['additionalProperty'])
  const keys = Object.keys(schema.properties ?? {})
  const here = spoken(error.instancePath).replace(/\[\d+\]/g, '[]')
  const homes = homesOf(key, root)
  const below = homes.filter((home) => home.startsWith(`${here}.`))
  const likely = below.length > 0 ? below : suggest(key, keys) === undefined ? homes : []
  const hint = likely.length > 0 ? `it belongs in ${likely.slice(0, 3).join(' or ')}` : suggestion(key, keys)
  const where = error.instancePath === '' ? '' : ` in ${spoken(error.instancePath)}`
  return { kind: 'unknown-key', pointer: pointerTo(error, key), part: 'key', message: `unknown key "${key}"${where}`, hint }
}

function explainMissingKey(error: SchemaError, schema: JsonSchema, root: JsonSchema): ReturnType<Explainer> {
  const key = String(error.params['missingProperty'])
  const property = resolve(schema.properties?.[key] ?? {}, root)
  const where = error.instancePath === '' ? 'the document' : spoken(error.instancePath)
  return { kind: 'missing-key', part: 'key', message: `"${key}" is missing in ${where}`, hint: `add it: ${exampleOf(key, property)}` }
}

function explainType(error: SchemaError, schema: JsonSchema): ReturnType<Explainer> {
  const kinds = [schema.type ?? []].flat().map((kind) => KINDS[kind] ?? kind)
  const wanted = schema.title ?? kinds.join(' or ')
  const wantsText = [schema.type].flat().includes('string')
  const quotable = wantsText && (typeof error.data === 'number' || typeof error.data === 'boolean')
  const hint = quotable ? `quote it: "${String(error.data)}"` : hintOf(schema)
  return { kind: 'wrong-type', message: `${nameOf(error)} must be ${wanted}, not ${kindOf(error.data)}`, hint }
}

function explainChoice(error: SchemaError, schema: JsonSchema): ReturnType<Explainer> {
  const choices = (schema.enum ?? [schema.const]).map(String)
  const message = `${nameOf(error)} cannot be ${shown(error.data)}`
  return { kind: 'unknown-value', message, hint: suggestion(String(error.data), choices) }
}

function explainForm(error: SchemaError, schema: JsonSchema): ReturnType<Explainer> {
  if (error.propertyName !== undefined) return explainKeyName(error, schema)
  const message = `${nameOf(error)}: ${shown(error.data)} is not ${schema.title ?? 'of the right form'}`
  return { kind: 'malformed', message, hint: hintOf(schema) }
}

function explainTag(error: SchemaError, schema: JsonSchema): ReturnType<Explainer> {
  const tag = String(error.params['tag'])
  const choices = (schema.oneOf ?? []).map((branch) => String(branch.properties?.[tag]?.const))
  const found = isRecord(error.data) ? error.data[tag] : undefined
  if (found === undefined) {
    return {
      kind: 'missing-key',
      part: 'key',
      message: `"${tag}" is missing in ${nameOf(error)}`,
      hint: `choose from ${choices.join(', ')}`,
    }
  }
  const message = `${spoken(pointerTo(error, tag))} cannot be ${shown(found)}`
  return {
    kind: 'unknown-value',
    pointer: pointerTo(error, tag),
    message,
    hint: suggestion(typeof found === 'string' ? found : JSON.stringify(found ?? null), choices),
  }
}

function explainKeyName(error: SchemaError, schema: JsonSchema): ReturnType<Explainer> {
  const key = String(error.propertyName ?? error.params['propertyName'])
  const title = (schema.propertyNames ?? schema).title ?? 'a key of the right form'
  return {
    kind: 'malformed',
    pointer: pointerTo(error, key),
    part: 'key',
    message: `the key ${shown(key)} is not ${title}`,
    hint: hintOf(schema.propertyNames ?? schema),
  }
}

function explainOther(error: SchemaError, schema: JsonSchema): ReturnType<Explainer> {
  const bound = BOUNDS[error.keyword]
  const limit = String(error.params['limit'])
  if (bound) return { kind: 'out-of-range', message: `${nameOf(error)} ${bound(limit)}`, hint: hintOf(schema) }
  return { kind: 'malformed', message: `${nameOf(error)} ${error.message ?? 'does not fit'}`, hint: hintOf(schema) }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  null: 'empty',
}

const kindOf = (value: unknown): string =>
  value === null || value === undefined
    ? 'empty'
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'a map'
        : typeof value === 'string'
          ? `the text ${shown(value)}`
          : JSON.stringify(value ?? null)

/** A value in a message: enough of it to be recognised. */
const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

const nameOf = (error: SchemaError): string => (error.instancePath === '' ? 'the document' : spoken(error.instancePath))

const pointerTo = (error: SchemaError, key: string): string => `${error.instancePath}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`

function hintOf(schema: JsonSchema): string {
  const [example] = schema.examples ?? []
  if (example !== undefined) return `write it like ${plain(example)}`
  return schema.description ?? 'see the schema of this file'
}

function exampleOf(key: string, schema: JsonSchema): string {
  const example = schema.examples?.[0] ?? schema.const ?? schema.enum?.[0]
  return example === undefined ? `\`${key}:\` (${schema.description ?? 'see the schema'})` : `\`${key}: ${plain(example)}\``
}

/** An example as a person writes it in YAML's flow style. */
export function plain(example: unknown): string {
  if (typeof example === 'string') return PLAIN_TEXT.test(example) ? example : JSON.stringify(example)
  if (Array.isArray(example)) return `[${example.map(plain).join(', ')}]`
  if (!isRecord(example)) return JSON.stringify(example)
  const pairs = Object.entries(example).map(([key, value]) => `${plain(key)}: ${plain(value)}`)
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
}

/** Text that YAML reads as text wherever it stands, also between brackets. */
const PLAIN_TEXT = /^(?!(true|false|null)$)[A-Za-z/][A-Za-z0-9 ()/_.+-]*$|^[0-9]+(ms|s|m|h|d|%)$|^CVE-[0-9-]+$/

/** Where in the language a key of this name stands, as spoken paths: `waves[].gate`. */
function homesOf(key: string, root: JsonSchema): readonly string[] {
  const homes: string[] = []
  const walk = (schema: JsonSchema, path: string, depth: number): void => {
    const here = resolve(schema, root)
    if (depth > 6) return
    if (here.properties && Object.hasOwn(here.properties, key)) homes.push(path === '' ? 'the top of the file' : path)
    for (const [name, inner] of Object.entries(here.properties ?? {})) walk(inner, path === '' ? name : `${path}.${name}`, depth + 1)
    if (here.items) walk(here.items, `${path}[]`, depth + 1)
  }
  walk(root, '', 0)
  return homes
}

function branchFor(schema: JsonSchema, value: Readonly<Record<string, unknown>>, root: JsonSchema): JsonSchema {
  const tag = schema.discriminator?.propertyName
  if (tag === undefined) return schema
  const branches = (schema.oneOf ?? []).map((branch) => resolve(branch, root))
  return branches.find((branch) => branch.properties?.[tag]?.const === value[tag]) ?? schema
}

function patternFor(schema: JsonSchema, key: string): JsonSchema | undefined {
  return Object.entries(schema.patternProperties ?? {}).find(([pattern]) => new RegExp(pattern).test(key))?.[1]
}

const defaultOf = (schema: JsonSchema, root: JsonSchema): unknown => structuredClone(resolve(schema, root).default)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const isSchema = (value: unknown): value is JsonSchema => isRecord(value)
