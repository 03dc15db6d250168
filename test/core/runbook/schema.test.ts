import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { CONFIG_SCHEMA } from '../../../src/config/schema.ts'
import { RUNBOOK_SCHEMA } from '../../../src/core/runbook/schema.ts'
import { compileSchema, plainDocument, validateDocument } from '../../../src/kit/document.ts'
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

it('what is made from the schemas is fresh', () => {
  expect(() => execFileSync(process.execPath, ['scripts/gen-schemas.ts', '--check'], { stdio: 'pipe' })).not.toThrow()
}, 60_000)
