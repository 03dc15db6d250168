import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Alias, type Node, type YAMLError } from 'yaml'
import { type Diagnostic, type ErrorCode, InvalidDocument, type Position } from './error.ts'
import { explain, type JsonSchema } from './schema.ts'

/** A person's file is a few hundred lines. At this size the slowest hostile file still parses in about three seconds. */
export const DOCUMENT_BYTES_MAX = 256 * 1024
/** Our deepest schema nests nine levels; far below what would overflow the stack. */
export const DOCUMENT_DEPTH_MAX = 32
/** Values after aliases are written out: a full-size file has fewer, an alias bomb has billions. */
export const DOCUMENT_VALUES_MAX = 50_000
/** More mistakes than anybody mends in one go; the rest are counted. */
export const DIAGNOSTICS_MAX = 100

/** A well-formed document: plain JSON values, and where each of them stands. Pointers are JSON pointers (`/waves/0/name`). */
export type ParsedDocument = Readonly<{
  file: string
  value: unknown
  /** Where the value (or its key) starts; the nearest place around it when the document has no such pointer. */
  placeOf: (pointer: string, part?: 'key' | 'value') => Position
  /** Whether the document itself has this pointer. */
  has: (pointer: string) => boolean
}>

/** A schema, compiled once, at its first use. */
export type CompiledSchema = Readonly<{ source: JsonSchema; validator: () => ValidateFunction }>

/**
 * One YAML document with positions. Anchors are written out within limits; merge keys, tags, duplicate keys, several documents in a file and
 * text that is not well-formed UTF-8 are refused.
 *
 * @throws InvalidDocument `document.syntax` or `document.hostile`, with every mistake
 */
export function parseYamlDocument(bytes: Uint8Array | string, file: string): ParsedDocument {
  const text = decode(bytes, file)
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error', // 'silent' would also hide that a second document follows
    schema: 'core',
    resolveKnownTags: false, // `!!binary` and its like would make values that are not JSON
    stringKeys: true,
    uniqueKeys: false, // Its own check is quadratic; `Reader` has one that is not.
  })
  const reader = new Reader(file, lines)
  const troubles = [...document.errors, ...document.warnings]
  if (troubles.length > 0) throw reader.refusal(troubles)
  const value = reader.read(document)
  return parsed(file, value, reader.places)
}

/** Prepares a JSON Schema (2020-12) for `validateDocument`. A schema that ajv's strict mode refuses is a bug, found at the first use. */
export function compileSchema(source: JsonSchema): CompiledSchema {
  let validator: ValidateFunction | undefined
  return { source, validator: () => (validator ??= newAjv().compile(source)) }
}

/**
 * Checks the shape. `value` is the document's, unchanged; `diagnostics` are all mistakes in the order of the file, none when it fits. Their codes
 * start with the noun of `code` (`fleet.invalid` gives `fleet.unknown-key`, …; the words are `SCHEMA_MISTAKES` of kit/schema.ts).
 */
export function validateDocument(
  document: ParsedDocument,
  schema: CompiledSchema,
  options: Readonly<{ code: ErrorCode }>,
): Readonly<{ value: unknown; diagnostics: readonly Diagnostic[] }> {
  const validator = schema.validator()
  if (validator(document.value)) return { value: document.value, diagnostics: [] }
  const noun = options.code.slice(0, options.code.indexOf('.'))
  const explained = (validator.errors ?? []).map((error) => explain(error, schema.source))
  const misfits = new Set(explained.filter(({ kind }) => kind === 'wrong-type').map(({ pointer }) => pointer))
  const diagnostics = explained
    .filter(({ kind, pointer }) => kind === 'wrong-type' || !misfits.has(pointer)) // A text that is no number is not too small as well.
    .map(({ pointer, part, kind, message, hint }) => ({ ...document.placeOf(pointer, part), code: `${noun}.${kind}`, message, hint }))
  return { value: document.value, diagnostics: inOrder(diagnostics) }
}

/** Each place and message once, in the order of the file, at most `DIAGNOSTICS_MAX`; the last one counts what was left out. */
export function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Map(diagnostics.map((each) => [`${each.file}:${String(each.line)}:${String(each.column)}:${each.message}`, each]))
  const sorted = [...seen.values()].sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1))
  const next = sorted[DIAGNOSTICS_MAX - 1]
  if (sorted.length <= DIAGNOSTICS_MAX || !next) return sorted
  const left = sorted.length - DIAGNOSTICS_MAX + 1
  return [...sorted.slice(0, DIAGNOSTICS_MAX - 1), { ...next, message: `${next.message} (and ${String(left - 1)} more mistakes)` }]
}

/**
 * `own` laid over `base`: maps merge, everything else is replaced. Each value keeps the place of the document that it came from, so that a
 * mistake is shown in the file in which it stands.
 */
export function mergeDocuments(base: ParsedDocument, own: ParsedDocument): ParsedDocument {
  const source = (pointer: string): ParsedDocument => (own.has(pointer) || !base.has(pointer) ? own : base)
  return {
    file: own.file,
    value: merged(base.value, own.value),
    placeOf: (pointer, part) => source(pointer).placeOf(pointer, part),
    has: (pointer) => own.has(pointer) || base.has(pointer),
  }
}

/** A document that stands in no YAML file, such as settings from the environment. Every place in it is `1:1` of `name`. */
export function plainDocument(name: string, value: unknown): ParsedDocument {
  const places = new Map<string, Place>()
  const walk = (each: unknown, pointer: string): void => {
    places.set(pointer, { key: START, value: START })
    if (typeof each === 'object' && each !== null) for (const [key, inner] of Object.entries(each)) walk(inner, child(pointer, key))
  }
  walk(value, '')
  return parsed(name, value, places)
}

type Spot = Readonly<{ line: number; column: number }>
type Place = Readonly<{ key: Spot; value: Spot }>
const START: Spot = { line: 1, column: 1 }

const child = (pointer: string, key: string | number): string => `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`

function parsed(file: string, value: unknown, places: ReadonlyMap<string, Place>): ParsedDocument {
  const placeOf = (pointer: string, part: 'key' | 'value' = 'value'): Position => {
    for (let at = pointer; ; at = at.slice(0, at.lastIndexOf('/'))) {
      const place = places.get(at)
      if (place) return { file, ...place[at === pointer ? part : 'key'] }
      if (at === '') return { file, ...START }
    }
  }
  return { file, value, placeOf, has: (pointer) => places.has(pointer) }
}

function merged(base: unknown, own: unknown): unknown {
  if (!isRecord(base) || !isRecord(own)) return own
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(own)) result[key] = Object.hasOwn(base, key) ? merged(base[key], value) : value
  return result
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const newAjv = (): Ajv2020 => new Ajv2020({ strict: true, allErrors: true, discriminator: true, allowUnionTypes: true, verbose: true })

/** What YAML allows and no person writes: it would end in a terminal, a shell or a journal. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/

function decode(bytes: Uint8Array | string, file: string): string {
  const size = bytes.length
  if (size > DOCUMENT_BYTES_MAX) {
    const limit = `${String(DOCUMENT_BYTES_MAX / 1024)} KiB`
    throw hostile(
      { file, ...START },
      `the file has ${String(size)} bytes, more than ${limit}`,
      `split it, or share parts through a base file`,
    )
  }
  const text = typeof bytes === 'string' ? bytes.replace(/^\ufeff/, '') : decodeUtf8(bytes, file)
  const control = CONTROL.exec(text)
  if (control) throw hostile(spotIn(text, control.index, file), `the file has a control character (${codePoint(control[0])})`, 'remove it')
  if (!text.isWellFormed()) throw hostile({ file, ...START }, 'the text is not well-formed Unicode', 'save the file as UTF-8')
  return text
}

function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw hostile({ file, ...START }, 'the file is not UTF-8', 'save the file as UTF-8')
  }
}

function spotIn(text: string, offset: number, file: string): Position {
  const before = text.slice(0, offset)
  return { file, line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

const codePoint = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`

const hostile = (at: Position, message: string, hint: string): InvalidDocument =>
  new InvalidDocument('document.hostile', [{ ...at, code: 'document.hostile', message, hint }])

/** What to do about what the YAML library complains of, by its code; `says` where the library's own words would not help. */
const SYNTAX: Readonly<Record<string, Readonly<{ says?: string; hint: string }>>> = {
  TAB_AS_INDENT: { hint: 'indent with spaces' },
  BAD_INDENT: { hint: 'align it with its neighbours' },
  MISSING_CHAR: { hint: 'close the quote or bracket, or put a space after the colon' },
  MULTIPLE_DOCS: { says: 'a second document starts here', hint: 'keep one document a file: remove `---` and what follows it' },
  NON_STRING_KEY: { says: 'a key must be plain text', hint: 'write a word before the colon' },
  TAG_RESOLVE_FAILED: { says: 'tags are not read', hint: 'remove the tag: values are plain text, numbers, lists and maps' },
}

/** Turns YAML nodes into plain values and remembers where each stood. */
class Reader {
  readonly places = new Map<string, Place>()
  readonly #file: string
  readonly #lines: LineCounter
  readonly #targets = new Map<Alias, Node>()
  readonly #mistakes: Diagnostic[] = []
  #values = 0

  constructor(file: string, lines: LineCounter) {
    this.#file = file
    this.#lines = lines
  }

  read(document: Document): unknown {
    const version = document.directives?.yaml
    if (version?.explicit === true && version.version !== '1.2') this.#mistake(0, 'only YAML 1.2 is read', 'remove the %YAML line')
    if (document.contents) this.#bind(document.contents, new Map(), 0)
    const value = this.#value(document.contents, '', START, new Set())
    if (this.#mistakes.length > 0) throw new InvalidDocument('document.syntax', inOrder(this.#mistakes))
    return value
  }

  refusal(troubles: readonly YAMLError[]): InvalidDocument {
    const exhausted = troubles.find((each) => each.code === 'RESOURCE_EXHAUSTION')
    if (exhausted) return this.#tooDeep(exhausted.pos[0])
    for (const { code, message, pos } of troubles) {
      const known = SYNTAX[code]
      this.#mistake(pos[0], known?.says ?? message, known?.hint ?? 'check the indentation, quotes and brackets')
    }
    return new InvalidDocument('document.syntax', inOrder(this.#mistakes))
  }

  /** Notes what each alias stands for, in the order of the file: an anchor may be written again. */
  #bind(node: unknown, anchors: Map<string, Node>, depth: number): void {
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target) this.#targets.set(node, target)
      return
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return
    if (depth > DOCUMENT_DEPTH_MAX) throw this.#tooDeep(node.range?.[0] ?? 0)
    if (node.anchor !== undefined) anchors.set(node.anchor, node)
    if (isMap(node)) for (const { value } of node.items) this.#bind(value, anchors, depth + 1)
    if (isSeq(node)) for (const item of node.items) this.#bind(item, anchors, depth + 1)
  }

  #value(node: unknown, pointer: string, key: Spot, open: Set<Node>): unknown {
    if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return this.#place(pointer, key, key, null)
    const spot = this.#spot(node.range?.[0] ?? 0)
    if (++this.#values > DOCUMENT_VALUES_MAX || open.size > DOCUMENT_DEPTH_MAX) {
      throw hostile({ file: this.#file, ...spot }, 'the document expands without bound', 'write less, or do without anchors')
    }
    if (isAlias(node)) return this.#alias(node, pointer, key, open)
    if (isScalar(node)) return this.#place(pointer, key, spot, this.#scalar(node.value, node.range?.[0] ?? 0))
    this.#place(pointer, key, spot, null)
    open.add(node)
    const value = isMap(node)
      ? this.#map(node.items, pointer, open)
      : node.items.map((item, index) => this.#value(item, child(pointer, index), this.#spotOf(item, spot), open))
    open.delete(node)
    return value
  }

  #map(items: readonly Readonly<{ key: unknown; value?: unknown }>[], pointer: string, open: Set<Node>): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    for (const { key, value } of items) {
      const name = isScalar(key) ? String(key.value) : ''
      const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0
      if (name === '<<') this.#mistake(offset, 'merge keys (`<<`) are not read', 'write the keys out')
      else if (name === '__proto__') this.#mistake(offset, 'the key "__proto__" is not allowed', 'choose another name')
      else if (Object.hasOwn(result, name)) this.#mistake(offset, `the key "${name}" is written twice`, 'keep one of the two')
      else result[name] = this.#value(value, child(pointer, name), this.#spot(offset), open)
    }
    return result
  }

  #alias(alias: Alias, pointer: string, key: Spot, open: Set<Node>): unknown {
    const offset = alias.range?.[0] ?? 0
    const target = this.#targets.get(alias)
    if (!target) {
      this.#mistake(
        offset,
        `no anchor "${alias.source}" stands before this`,
        `quote the value if a plain text is meant: "*${alias.source}"`,
      )
      return null
    }
    if (open.has(target)) throw hostile({ file: this.#file, ...this.#spot(offset) }, 'the document contains itself', 'remove the alias')
    return this.#value(target, pointer, key, open)
  }

  #scalar(value: unknown, offset: number): unknown {
    if (typeof value !== 'string') return value
    const control = CONTROL.exec(value)
    if (control)
      throw hostile({ file: this.#file, ...this.#spot(offset) }, `the text has a control character (${codePoint(control[0])})`, 'remove it')
    if (!value.isWellFormed())
      throw hostile({ file: this.#file, ...this.#spot(offset) }, 'the text is not well-formed Unicode', 'remove the escape')
    return value
  }

  #place<T>(pointer: string, key: Spot, value: Spot, result: T): T {
    this.places.set(pointer, { key, value })
    return result
  }

  #spot(offset: number): Spot {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  #spotOf(node: unknown, otherwise: Spot): Spot {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined
    return range ? this.#spot(range[0]) : otherwise
  }

  #mistake(offset: number, message: string, hint: string): void {
    this.#mistakes.push({ file: this.#file, ...this.#spot(offset), code: 'document.syntax', message, hint })
  }

  #tooDeep(offset: number): InvalidDocument {
    const message = `the document nests deeper than ${String(DOCUMENT_DEPTH_MAX)} levels`
    return hostile({ file: this.#file, ...this.#spot(offset) }, message, 'flatten it')
  }
}
