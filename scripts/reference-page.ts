import { DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, DOCUMENT_VALUES_MAX } from '../src/kit/document.ts'
import { plain, resolve, SCHEMA_MISTAKES, type JsonSchema } from '../src/kit/schema.ts'

/** A Markdown page that explains every key of a schema: one table for each map. `noun` starts the diagnostics' codes. */
export function referencePage(title: string, root: JsonSchema, noun: string, more: Readonly<Record<string, string>>): string {
  const tables = [...mapsOf(root)].map(([path, schema]) => table(path, schema, root))
  const mistakes = Object.entries({ ...SCHEMA_MISTAKES, ...more }).map(([kind, means]) => `| \`${noun}.${kind}\` | ${means} |`)
  return [
    `# ${title}`,
    `<!-- Made by scripts/gen-schemas.ts. Do not edit: change the schema and run \`npm run gen\`. -->`,
    root.description ?? '',
    `Durations are \`90s\`, \`30m\`, \`6h\`, \`7d\`; shares are \`10%\`. Keys that are not listed here are mistakes.`,
    LIMITS,
    ...tables,
    `## Diagnostics`,
    `| code | means |\n|---|---|\n${mistakes.join('\n')}`,
    '',
  ].join('\n\n')
}

const LIMITS = `A file has at most ${String(DOCUMENT_BYTES_MAX / 1024)} KiB of UTF-8, nests at most ${String(DOCUMENT_DEPTH_MAX)} levels and holds at most ${DOCUMENT_VALUES_MAX.toLocaleString('en')} values once its anchors are written out. It is one document of YAML 1.2 without tags and merge keys; no key stands twice.`

/** Every map of the language with its spoken path, in reading order; parts that are used in several places appear once, at the end. */
function mapsOf(root: JsonSchema): Map<string, JsonSchema> {
  const maps = new Map<string, JsonSchema>()
  const parts = new Map<string, JsonSchema>()
  const walk = (schema: JsonSchema, path: string): void => {
    const part = schema.$ref?.replace('#/$defs/', '')
    if (part !== undefined) return shared(part)
    if (schema.properties) maps.set(path, schema)
    for (const [key, inner] of Object.entries(schema.properties ?? {})) walk(inner, path === '' ? key : `${path}.${key}`)
    if (schema.items) walk(schema.items, `${path}[]`)
    if (typeof schema.additionalProperties === 'object') walk(schema.additionalProperties, `${path}.<name>`)
    for (const branch of schema.oneOf ?? []) maps.set(`${path} of type ${branch.title ?? ''}`, branch)
  }
  const shared = (part: string): void => {
    const target = root.$defs?.[part]
    if (!target || parts.has(part)) return
    if (target.properties) parts.set(part, target)
    for (const branch of target.oneOf ?? []) parts.set(`${part} of type ${branch.title ?? ''}`, branch)
    for (const inner of Object.values(target.properties ?? {})) walk(inner, part)
    if (target.items) walk(target.items, `${part}[]`)
  }
  walk(root, '')
  return new Map([...maps, ...parts])
}

function table(path: string, schema: JsonSchema, root: JsonSchema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, property]) =>
    row(key, property, schema.required?.includes(key) === true, root),
  )
  const intro = path === '' || schema.description === undefined ? [] : [schema.description]
  return [
    `## ${path === '' ? 'The top of the file' : path}`,
    ...intro,
    `| key | value | default | meaning | example |\n|---|---|---|---|---|\n${rows.join('\n')}`,
  ].join('\n\n')
}

function row(key: string, property: JsonSchema, required: boolean, root: JsonSchema): string {
  const whole = resolve(property, root)
  const [example] = whole.examples ?? []
  const initial = required ? 'required' : whole.default === undefined ? '' : code(plain(whole.default))
  const cells = [code(key), kind(property, whole), initial, whole.description ?? '', example === undefined ? '' : code(plain(example))]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function kind(property: JsonSchema, whole: JsonSchema): string {
  if (whole.const !== undefined) return code(plain(whole.const))
  if (whole.enum) return whole.enum.map((each) => code(String(each))).join(', ')
  const words = whole.items?.enum
  if (words) return `list of ${words.map((each) => code(String(each))).join(', ')}`
  const part = property.$ref?.replace('#/$defs/', '')
  if (part !== undefined && whole.properties) return `[${part}](#${part.toLowerCase()})`
  if (whole.title !== undefined) return whole.title
  const names: Readonly<Record<string, string>> = { string: 'text', integer: 'whole number', boolean: '`true` or `false`', object: 'map' }
  return [whole.type ?? []]
    .flat()
    .map((each) => names[each] ?? each)
    .join(' or ')
}

const code = (text: string): string => `\`${text}\``
