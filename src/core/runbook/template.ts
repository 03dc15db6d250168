import { resolve, type JsonSchema } from '../../kit/schema.ts'
import { suggestion } from '../../kit/suggest.ts'
import type { Finding } from './finding.ts'
import { INPUT_NAME_PATTERN } from './schema-inputs.ts'
import { RUNBOOK_SCHEMA } from './schema.ts'

/** A document with the values of its inputs in it. */
export type Filled = Readonly<{
  value: unknown
  references: readonly Reference[]
  /** Pointers of the texts in which a reference stands that has no value: the text is still as it was written. */
  open: ReadonlySet<string>
}>

/** `${…}` in a text. `name` is null when it is no reference to an input, `read` is false at a place where none is read. */
export type Reference = Readonly<{ pointer: string; part: 'key' | 'value'; text: string; name: string | null; read: boolean }>

type Value = string | number | boolean

/** What says how the document is read, or what it is known by, does not change with its inputs. */
const FIXED = new Set(['/apiVersion', '/kind', '/extends', '/metadata/name', '/inputs'])

/** `$${` writes `${`; everything else that begins with `${` has to be a reference. */
const TOKEN = /\$\$\{|\$\{[^{}]*\}?/g
const REFERENCE = new RegExp(`^\\$\\{inputs\\.(${INPUT_NAME_PATTERN.slice(1, -1)})\\}$`)
/** In texts that are not read at all only what is clearly meant as a reference counts: a `${` there is just a text. */
const MEANT = /\$\{inputs\.([^{}]*)\}/

const child = (pointer: string, key: string): string => `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`

/** Writes the values into every text of a document. A text that is a reference and nothing else becomes the value itself, with its type. */
export function fillTemplate(root: unknown, valueOf: (name: string) => Value | undefined): Filled {
  const references: Reference[] = []
  const open = new Set<string>()
  const walk = (value: unknown, pointer: string): unknown => {
    if (FIXED.has(pointer)) return unread(value, pointer)
    if (typeof value === 'string') return fill(value, pointer)
    if (Array.isArray(value)) return value.map((item, index) => walk(item, `${pointer}/${String(index)}`))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]: [string, unknown]) => [key, walk(inner, keyed(pointer, key))]))
  }
  const keyed = (pointer: string, key: string): string => {
    const at = child(pointer, key)
    misplaced(key, at, 'key')
    return at
  }
  const unread = (value: unknown, pointer: string): unknown => {
    if (typeof value === 'string') misplaced(value, pointer, 'value')
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) unread(inner, child(pointer, key))
    return value
  }
  const misplaced = (text: string, pointer: string, part: 'key' | 'value'): void => {
    const found = MEANT.exec(text)
    if (found) references.push({ pointer, part, text: found[0], name: found[1] ?? null, read: false })
  }
  const fill = (text: string, pointer: string): Value => {
    if (!text.includes('${')) return text
    const name = REFERENCE.exec(text)?.[1]
    const whole = name === undefined ? undefined : valueOf(name)
    const filled = text.replace(TOKEN, (token) => (token === '$${' ? '${' : one(token, pointer)))
    return open.has(pointer) ? text : (whole ?? filled)
  }
  const one = (token: string, pointer: string): string => {
    const name = REFERENCE.exec(token)?.[1] ?? null
    references.push({ pointer, part: 'value', text: token, name, read: true })
    const value = name === null ? undefined : valueOf(name)
    if (value === undefined) open.add(pointer)
    return String(value ?? token)
  }
  return { value: walk(root, ''), references, open }
}

/** Every reference means an input, and every input is meant by one. */
export function templateFindings({ references }: Filled, names: readonly string[]): readonly Finding[] {
  const used = new Set(references.map(({ name }) => name))
  const unused = names
    .filter((name) => !used.has(name))
    .map((name): Finding => {
      const hint = `write \${inputs.${name}} where its value belongs, or remove it`
      return { pointer: `/inputs/${name}`, part: 'key', kind: 'unused-input', message: `nothing refers to the input "${name}"`, hint }
    })
  return [...references.flatMap((reference) => referenceFinding(reference, names)), ...unused]
}

function referenceFinding({ pointer, part, text, name, read }: Reference, names: readonly string[]): readonly Finding[] {
  const at = { pointer, part }
  if (!read) {
    const where = part === 'key' ? 'keys' : 'this place'
    return [{ ...at, kind: 'misplaced-reference', message: `${where} cannot refer to an input`, hint: 'write it out' }]
  }
  if (name === null) {
    const near = suggestion(text.replace(/^\$\{(inputs?[.:])?|\}$/g, '').trim(), names)
    const hint =
      names.length === 0
        ? 'write $${ if a plain ${ is meant'
        : `${near.replace(/"(.*)"/, '"${inputs.$1}"')} Write $\${ if a plain \${ is meant`
    return [{ ...at, kind: 'misplaced-reference', message: `${text} is no reference to an input`, hint }]
  }
  if (names.includes(name)) return []
  const hint = names.length === 0 ? 'declare it under `inputs`' : suggestion(name, names)
  return [{ ...at, kind: 'unknown-name', message: `there is no input "${name}" under \`inputs\``, hint }]
}

/** The document with an example from the schema in the place of each open text, so that it can be looked at as a runbook. */
export function withExamples(root: unknown, open: ReadonlySet<string>): unknown {
  if (open.size === 0) return root
  const walk = (value: unknown, schema: JsonSchema, pointer: string): unknown => {
    const here = resolve(schema, RUNBOOK_SCHEMA)
    if (open.has(pointer)) return structuredClone(here.examples?.[0] ?? here.enum?.[0] ?? here.const ?? value)
    if (Array.isArray(value)) return value.map((item, index) => walk(item, here.items ?? {}, `${pointer}/${String(index)}`))
    if (typeof value !== 'object' || value === null) return value
    const properties = propertiesOf(here, value)
    const others = typeof here.additionalProperties === 'object' ? here.additionalProperties : {}
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]: [string, unknown]) => [key, walk(inner, properties[key] ?? others, child(pointer, key))]),
    )
  }
  return walk(root, RUNBOOK_SCHEMA, '')
}

function propertiesOf({ properties, discriminator, oneOf }: JsonSchema, value: object): Readonly<Record<string, JsonSchema>> {
  const tag = discriminator?.propertyName
  if (tag === undefined) return properties ?? {}
  const named: unknown = Object.entries(value).find(([key]) => key === tag)?.[1]
  return oneOf?.find((branch) => branch.properties?.[tag]?.const === named)?.properties ?? {}
}
