import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { compile } from 'json-schema-to-typescript'
import { format, resolveConfig } from 'prettier'
import { CONFIG_MISTAKES } from '../src/config/load.ts'
import { CONFIG_SCHEMA } from '../src/config/schema.ts'
import { RUNBOOK_MISTAKES } from '../src/core/runbook/finding.ts'
import { RUNBOOK_SCHEMA } from '../src/core/runbook/schema.ts'
import { resolve, type JsonSchema } from '../src/kit/schema.ts'
import { referencePage } from './reference-page.ts'
import { templateSchema } from './template-schema.ts'

// Writes what is made from the schemas: types, schemas/*.schema.json, reference pages. With --check it writes nothing and ends with 1 when a
// file differs from what would be written.

const ROOT = new URL('../', import.meta.url)
const NOTE = '/* Made by scripts/gen-schemas.ts from schema.ts beside it. Do not edit: change the schema and run `npm run gen`. */'

/** Keywords whose value is a map of schemas, and those whose value is no schema at all. */
const MAPS = new Set(['properties', '$defs'])
const LITERAL = new Set(['default', 'enum', 'const', 'required', 'discriminator'])
/** Keywords that would only clutter the types; a `title` is a message here, not a type's name. */
const UNTYPED = new Set(['title', 'examples', '$id', '$schema', 'pattern', 'minItems', 'maxItems'])

type Output = Readonly<{ path: string; text: string }>

async function outputs(): Promise<readonly Output[]> {
  return [
    { path: 'schemas/runbook.schema.json', text: JSON.stringify(templateSchema(RUNBOOK_SCHEMA)) },
    { path: 'schemas/config.schema.json', text: JSON.stringify(CONFIG_SCHEMA) },
    { path: 'src/core/runbook/generated.ts', text: await types(RUNBOOK_SCHEMA, 'RunbookDocument') },
    { path: 'src/config/generated.ts', text: await types(CONFIG_SCHEMA, 'ConfigDocument') },
    { path: 'docs/reference/runbook.md', text: referencePage('The runbook language', RUNBOOK_SCHEMA, 'runbook', RUNBOOK_MISTAKES) },
    { path: 'docs/reference/config.md', text: referencePage('The config', CONFIG_SCHEMA, 'config', CONFIG_MISTAKES) },
  ]
}

/** Types of a document whose defaults are filled in: a key that has a default is always there. */
async function types(schema: JsonSchema, name: string): Promise<string> {
  const typed = filledSchema(schema, schema)
  return compile({ ...typed, title: name } as Parameters<typeof compile>[0], name, {
    additionalProperties: false,
    bannerComment: NOTE,
    format: false,
  })
}

function filledSchema(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (schema.$ref !== undefined) return { $ref: schema.$ref } // What stands beside it would make a type of its own for each place.
  const entries = Object.entries(schema).filter(([keyword]) => !UNTYPED.has(keyword))
  const copy = Object.fromEntries(entries.map(([keyword, value]: [string, unknown]) => [keyword, filledKeyword(keyword, value, root)]))
  const given = Object.entries(schema.properties ?? {}).filter(([, property]) => resolve(property, root).default !== undefined)
  const required = new Set([...(schema.required ?? []), ...given.map(([key]) => key)])
  return { ...copy, ...(schema.properties && { required: [...required] }) }
}

function filledKeyword(keyword: string, value: unknown, root: JsonSchema): unknown {
  if (LITERAL.has(keyword)) return value
  if (Array.isArray(value)) return value.map((each: unknown) => (isSchema(each) ? filledSchema(each, root) : each))
  if (!isSchema(value)) return value
  if (!MAPS.has(keyword)) return filledSchema(value, root)
  return Object.fromEntries(
    Object.entries(value).map(([key, each]: [string, unknown]) => [key, isSchema(each) ? filledSchema(each, root) : each]),
  )
}

async function formatted(path: string, text: string): Promise<string> {
  const file = new URL(path, ROOT).pathname
  return format(text, { ...(await resolveConfig(file)), filepath: file })
}

function current(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, ROOT), 'utf8')
  } catch {
    return undefined
  }
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const check = process.argv.includes('--check')
for (const { path, text } of await outputs()) {
  const made = await formatted(path, text)
  if (made === current(path)) continue
  console.error(`${check ? 'stale' : 'written'}: ${path}`)
  if (check) {
    process.exitCode = 1
    continue
  }
  mkdirSync(new URL('.', new URL(path, ROOT)), { recursive: true })
  writeFileSync(new URL(path, ROOT), made)
}
