import { describe, expect, it } from 'vitest'
import {
  compileSchema,
  DIAGNOSTICS_MAX,
  DOCUMENT_BYTES_MAX,
  mergeDocuments,
  parseYamlDocument,
  plainDocument,
  validateDocument,
} from '../../src/kit/document.ts'
import { InvalidDocument, type Diagnostic } from '../../src/kit/error.ts'
import { fillDefaults, type JsonSchema } from '../../src/kit/schema.ts'

function refusal(text: string | Uint8Array): readonly Diagnostic[] {
  try {
    parseYamlDocument(text, 'a.yaml')
    return []
  } catch (error) {
    if (error instanceof InvalidDocument) return error.diagnostics
    throw error
  }
}

const brief = ({ line, column, code }: Diagnostic): string => `${String(line)}:${String(column)} ${code}`

const LETTERS = 'abcdefghijklmnop'.split('')
const BOMB = LETTERS.map(
  (letter, at) =>
    `${letter}: &${letter} [${Array(9)
      .fill(at === 0 ? 'x' : `*${LETTERS[at - 1] ?? ''}`)
      .join(', ')}]`,
).join('\n')

describe('hostile and broken YAML is refused in its place', () => {
  // prettier-ignore
  it.each<[what: string, text: string | Uint8Array, first: string]>([
    ['a NUL',                    'a: b\nc: \0',                               '2:4 document.hostile'],
    ['an escaped NUL',           'a: b\nc: "\\0"',                            '2:4 document.hostile'],
    ['an escape sequence',       'a: "\\e[2J"',                               '1:4 document.hostile'],
    ['a lone surrogate',         'a: \ud800',                                 '1:1 document.hostile'],
    ['an escaped lone surrogate', 'a: "\\ud800"',                             '1:4 document.hostile'],
    ['Latin-1',                  Uint8Array.of(0x61, 0x3a, 0x20, 0xe9),       '1:1 document.hostile'],
    ['UTF-16',                   Uint8Array.of(0xff, 0xfe, 0x61, 0x00),       '1:1 document.hostile'],
    ['an overlong encoding',     Uint8Array.of(0x61, 0x3a, 0x20, 0xc0, 0x80), '1:1 document.hostile'],
    ['a huge file',              'a'.repeat(DOCUMENT_BYTES_MAX + 1),          '1:1 document.hostile'],
    ['deep lists',               '['.repeat(100_000),                         '1:\\d+ document.hostile'], // where the stack ends differs
    ['deep lists that close',    '['.repeat(40) + ']'.repeat(40),             '1:34 document.hostile'],
    ['deep maps',                '{a: '.repeat(50) + '}'.repeat(50),          '1:133 document.hostile'],
    ['deep items',               '- '.repeat(50) + 'x',                       '1:67 document.hostile'],
    ['an alias bomb',            BOMB,                                        '1:26 document.hostile'],
    ['a document in itself',     'a: &a [*a]',                                '1:8 document.hostile'],
    ['a merge key',              'a: &a { b: c }\nd: { <<: *a }',             '2:6 document.syntax'],
    ['a function',               'a: !!js/function "x"',                      '1:4 document.syntax'],
    ['a binary',                 'a: !!binary aGk=',                          '1:4 document.syntax'],
    ['a private tag',            'a: !secret x',                              '1:4 document.syntax'],
    ['a key twice',              'a: 1\nb: 2\na: 3',                          '3:1 document.syntax'],
    ['a key twice in a flow',    'a: { b: 1, b: 2 }',                         '1:12 document.syntax'],
    ['a prototype',              '__proto__: { a: b }',                       '1:1 document.syntax'],
    ['a list for a key',         '? [a]\n: b',                                '1:3 document.syntax'],
    ['a tab',                    'a:\n\tb: c',                                '2:1 document.syntax'],
    ['two documents',            'a: 1\n---\nb: 2',                           '2:1 document.syntax'],
    ['YAML 1.1',                 '%YAML 1.1\n---\non: yes',                   '1:1 document.syntax'],
    ['a list left open',         'a: [b',                                     '1:6 document.syntax'],
    ['a quote left open',        'a: "b',                                     '1:6 document.syntax'],
    ['an unknown anchor',        'a: *b',                                     '1:4 document.syntax'],
    ['an anchor that comes later', 'a: *b\nc: &b d',                          '1:4 document.syntax'],
  ])('%s', (_, text, first) => {
    expect(refusal(text).map(brief)[0]).toMatch(new RegExp(`^${first}$`))
  })

  it('quickly, whatever the file', () => {
    const most = DOCUMENT_BYTES_MAX
    const keys = Array.from({ length: 20_000 }, (_, at) => `k${String(at)}: 1`).join('\n')
    const files = ['['.repeat(most), '? '.repeat(most / 2), keys]
    const started = performance.now()
    for (const file of files) refusal(file)
    expect(performance.now() - started).toBeLessThan(30_000) // About two seconds on a small machine.
  }, 60_000)

  it('with all mistakes, but no more than anybody reads', () => {
    expect(refusal('a: 1\na: 2\nb: *c\nd: !x y\n').length).toBeGreaterThanOrEqual(1)
    expect(refusal('a: 1\na: 2\nb: *c\n').map(brief)).toEqual(['2:1 document.syntax', '3:4 document.syntax'])
    const many = refusal('a: ]\n'.repeat(1_000))
    expect(many).toHaveLength(DIAGNOSTICS_MAX)
    expect(many.at(-1)?.message).toMatch(/and \d+ more/)
  })
})

describe('what is read', () => {
  // prettier-ignore
  it.each<[text: string, value: unknown]>([
    ['a: on\nb: yes\nc: 1e3',            { a: 'on', b: 'yes', c: 1000 }],
    ['a: 012\nb: "012"',                 { a: 12, b: '012' }],
    ['a: &x { b: 1 }\nc: *x',            { a: { b: 1 }, c: { b: 1 } }],
    ['a: &x 1\nb: *x\nc: &x 2\nd: *x',   { a: 1, b: 1, c: 2, d: 2 }],
    ['1: a\ntrue: b\nnull: c',           { 1: 'a', true: 'b', null: 'c' }],
    ['constructor: a',                   { constructor: 'a' }],
    ['a: "\\U0001F600 ü"',               { a: '😀 ü' }],
    ['\ufeffa: 1',                       { a: 1 }],
    ['',                                 null],
    ['a: 2026-01-01T00:00:00Z',          { a: '2026-01-01T00:00:00Z' }],
  ])('%j', (text, value) => {
    expect(parseYamlDocument(text, 'a.yaml').value).toEqual(value)
    expect(parseYamlDocument(new TextEncoder().encode(text), 'a.yaml').value).toEqual(value)
  })

  it('knows where keys and values stand', () => {
    const document = parseYamlDocument('a:\n  - b: 1\n    "c/d": &x { e: f }\n  - *x\n', 'a.yaml')
    const at = (pointer: string, part?: 'key' | 'value') => {
      const { line, column } = document.placeOf(pointer, part)
      return `${String(line)}:${String(column)}`
    }
    expect(at('/a/0/b', 'key')).toBe('2:5')
    expect(at('/a/0/b')).toBe('2:8')
    expect(at('/a/0/c~1d', 'key')).toBe('3:5')
    expect(at('/a/0/c~1d/e')).toBe('3:20')
    expect(at('/a/1', 'key')).toBe('4:5')
    expect(at('/a/1/e'), 'where the anchor says it').toBe('3:20')
    expect(at('/a/0/none'), 'the nearest around it').toBe('2:5')
    expect(at('/nothing')).toBe('1:1')
  })
})

const SCHEMA: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['items'],
  properties: {
    items: {
      type: 'array',
      items: {
        type: 'object',
        discriminator: { propertyName: 'type' },
        oneOf: [
          {
            type: 'object',
            additionalProperties: false,
            required: ['type'],
            properties: { type: { const: 'one' }, size: { type: 'integer', default: 4 } },
          },
          {
            type: 'object',
            additionalProperties: false,
            required: ['type', 'name'],
            properties: { type: { const: 'two' }, name: { type: 'string' } },
          },
        ],
      },
    },
    more: { type: 'object', additionalProperties: false, default: {}, properties: { deep: { type: 'string', default: 'x' } } },
  },
}

describe('validation', () => {
  const compiled = compileSchema(SCHEMA)
  const check = (text: string) => validateDocument(parseYamlDocument(text, 'a.yaml'), compiled, { code: 'fleet.invalid' }).diagnostics

  it('names the kind of document in the code', () => {
    expect(check('items: []\nmroe: {}').map(brief)).toEqual(['2:1 fleet.unknown-key'])
  })

  it('tells one or two mistakes of a wrong tagged item, not one for each alternative', () => {
    expect(check('items: [{ type: tow, name: 5 }]').map(brief)).toEqual(['1:17 fleet.unknown-value'])
    expect(check('items: [{ type: two, name: 5, size: 1 }]').map(brief)).toEqual(['1:28 fleet.wrong-type', '1:31 fleet.unknown-key'])
  })

  it('fills in defaults, also inside maps that are absent and tagged items, and changes nothing', () => {
    const value = { items: [{ type: 'one' }, { type: 'two', name: 'a' }] }
    const filled = fillDefaults(SCHEMA, value)
    expect(filled).toEqual({
      items: [
        { type: 'one', size: 4 },
        { type: 'two', name: 'a' },
      ],
      more: { deep: 'x' },
    })
    expect(value).toEqual({ items: [{ type: 'one' }, { type: 'two', name: 'a' }] })
  })

  it('refuses a schema that is wrong in itself', () => {
    expect(() =>
      validateDocument(plainDocument('a', 1), compileSchema({ tpye: 'string' } as JsonSchema), { code: 'fleet.invalid' }),
    ).toThrow(/strict mode/)
  })
})

describe('merging', () => {
  const base = parseYamlDocument('a: { b: 1, c: [1, 2] }\nd: 2\n', 'base.yaml')
  const own = parseYamlDocument('\na: { c: [3] }\n', 'own.yaml')
  const merged = mergeDocuments(base, own)

  it('lays maps over maps and replaces the rest', () => {
    expect(merged.value).toEqual({ a: { b: 1, c: [3] }, d: 2 })
    expect(base.value).toEqual({ a: { b: 1, c: [1, 2] }, d: 2 })
  })

  it('keeps the place of what it took', () => {
    expect(merged.placeOf('/a/b')).toEqual({ file: 'base.yaml', line: 1, column: 9 })
    expect(merged.placeOf('/a/c/0')).toEqual({ file: 'own.yaml', line: 2, column: 10 })
  })
})
