import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CONFIG_SCHEMA } from '../../../src/config/schema.ts'
import { RUNBOOK_SCHEMA } from '../../../src/core/runbook/schema.ts'
import { compileSchema, parseYamlDocument, plainDocument, validateDocument } from '../../../src/kit/document.ts'
import { resolve, type JsonSchema } from '../../../src/kit/schema.ts'

type Key = readonly [path: string, schema: JsonSchema]

function keysOf(schema: JsonSchema, root: JsonSchema, path: string): readonly Key[] {
  if (schema.$ref !== undefined) return []
  const own = Object.entries(schema.properties ?? {}).map(([name, property]): Key => [`${path}.${name}`, property])
  const inner = own.flatMap(([name, property]) => keysOf(property, root, name))
  const items = schema.items ? keysOf(schema.items, root, `${path}[]`) : []
  const named = typeof schema.additionalProperties === 'object' ? keysOf(schema.additionalProperties, root, `${path}.*`) : []
  const branches = (schema.oneOf ?? []).flatMap((branch) => keysOf(branch, root, `${path}(${branch.title ?? ''})`))
  const parts = Object.entries(schema.$defs ?? {}).flatMap(([name, part]) => [
    [`#${name}`, part] as const,
    ...keysOf(part, root, `#${name}`),
  ])
  return [...own, ...inner, ...items, ...named, ...branches, ...parts]
}

const roots: readonly (readonly [string, JsonSchema])[] = [
  ['runbook', RUNBOOK_SCHEMA],
  ['config', CONFIG_SCHEMA],
]
const keys = roots.flatMap(([name, root]) => keysOf(root, root, name).map(([path, schema]) => [path, schema, root] as const))

describe('each key of the schemas', () => {
  it.each(keys)('%s is described, and its default and examples are valid', (path, schema, root) => {
    const whole = resolve(schema, root)
    if (!path.startsWith('#')) expect(whole.description, 'a description').toMatch(/\.$/)
    if (whole.const === undefined) expect(whole.examples?.length ?? 0, 'an example').toBeGreaterThan(0)
    const { $id: _, ...defs } = { ...schema, $defs: root.$defs ?? {} }
    const compiled = compileSchema(defs)
    for (const value of [...(whole.examples ?? []), ...(whole.default === undefined ? [] : [whole.default])]) {
      expect(validateDocument(plainDocument(path, value), compiled, { code: 'runbook.invalid' }).diagnostics).toEqual([])
    }
  })
})

it('closes every map: an unknown key is a mistake everywhere', () => {
  const open = keys.filter(([, schema]) => schema.properties && schema.additionalProperties !== false).map(([path]) => path)
  expect(open).toEqual([])
})

describe('the schema that editors get', () => {
  const source: unknown = JSON.parse(readFileSync('schemas/runbook.schema.json', 'utf8'))
  const compiled = compileSchema(source as JsonSchema)
  const HEAD = 'apiVersion: patchwave/v1\nkind: Runbook\nmetadata: { name: a }\nscope: { accounts: [staging], regions: [us-east-1] }\n'
  const fits = (text: string) =>
    validateDocument(parseYamlDocument(text, 'a.yaml'), compiled, { code: 'runbook.invalid' }).diagnostics.length === 0

  // prettier-ignore
  it.each<[what: string, fits: boolean, text: string]>([
    ['a reference for a count',    true,  'waves: [{ name: a, take: "${inputs.n}", gate: { hard: "${inputs.h}", failures: "${inputs.n}%" } }]'],
    ['one for a word',             true,  'waves: [{ name: a, take: rest }]\nrollback: { on: "${inputs.on}" }'],
    ['one for a number of people', true,  'waves: [{ name: a, take: rest }]\napproval: { group: a, count: "${inputs.n}" }'],
    ['one in a check',             true,  'waves: [{ name: a, take: rest }]\nchecks: { a: { type: http, url: "https://a", status: "${inputs.s}" } }'],
    ['another text for a number',  false, 'waves: [{ name: a, take: rest }]\napproval: { group: a, count: two }'],
    ['another word',               false, 'waves: [{ name: a, take: rest }]\nrollback: { on: sometimes }'],
    ['a reference to a variable',  false, 'waves: [{ name: a, take: rest }]\ndrift: "${HOME}"'],
    ['one for the kind of check',  false, 'waves: [{ name: a, take: rest }]\nchecks: { a: { type: "${inputs.t}" } }'],
    ['one that declares itself',   false, 'waves: [{ name: a, take: rest }]\ninputs: { a: { type: "${inputs.t}" } }'],
    ['an unknown key',             false, 'waves: [{ name: a, take: rest, tkae: 1 }]'],
  ])('%s: %s', (_, expected, text) => {
    expect(fits(`${HEAD}${text}\n`)).toBe(expected)
  })
})

it('what is made from the schemas is fresh', () => {
  expect(() => execFileSync(process.execPath, ['scripts/gen-schemas.ts', '--check'], { stdio: 'pipe' })).not.toThrow()
}, 60_000)
