import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Sealed } from '../../../src/core/audit/entry.ts'
import { openEntry, parseEntry, readEntry } from '../../../src/core/audit/open.ts'
import { seal, type Unsealed } from '../../../src/core/audit/seal.ts'
import { Bug } from '../../../src/kit/assert.ts'
import { CHAIN, ENGINE, NIGHT, RUN, START } from './chain.ts'

const plain: Unsealed = { run: RUN, at: START, actor: ENGINE, type: 'WaveStarted', data: { wave: 0, name: 'canary' } }

/** The same fact with other data. */
const withData = (data: Unsealed['data']): Unsealed => ({ ...plain, data })

/** An entry as somebody else would have sealed it. */
function forged(fields: Readonly<Record<string, unknown>>): Sealed {
  const raw = { actor: ENGINE, at: '2026-03-08T22:00:00.000Z', data: {}, prev: null, run: RUN, seq: 1, type: 'X', v: 1, ...fields }
  const text = JSON.stringify(raw)
  return { run: RUN, seq: 1, at: START, type: 'X', text, hash: createHash('sha256').update(text).digest('hex') }
}

describe('sealing', () => {
  it('gives the bytes and the hash that anyone can recompute', () => {
    const sealed = seal(null, plain)
    expect(sealed.text).toBe(
      `{"actor":{"id":"driver-1","kind":"engine"},"at":"2026-03-08T22:00:00.000Z","data":{"name":"canary","wave":0},"prev":null,"run":"${RUN}","seq":1,"type":"WaveStarted","v":1}`,
    )
    expect(sealed.hash).toBe('3979cc3e6e8dfbb353097d5028ea1513007b0e351c374532f5dc2998ac11f34b') // As `sha256sum` says.
    expect(sealed).toMatchObject({ run: RUN, seq: 1, at: START, type: 'WaveStarted' })
  })

  it('numbers entries without holes and chains each to the one before', () => {
    expect(CHAIN.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(CHAIN.map((sealed) => readEntry(sealed).prev)).toEqual([null, ...CHAIN.slice(0, -1).map(({ hash }) => hash)])
  })

  it.each<[what: string, data: Unsealed['data'], text: string]>([
    [
      'keys sorted by UTF-16 units',
      { '\u20ac': 1, '\r': 2, '1': 3, '\ud83d\ude00': 4, '\ufb33': 5 },
      '{"\\r":2,"1":3,"\u20ac":1,"\ud83d\ude00":4,"\ufb33":5}',
    ],
    [
      'numbers as ECMAScript writes them',
      { a: 1e21, b: 0.000001, c: 1e-7, d: -0, e: Number('333333333.33333329') },
      '{"a":1e+21,"b":0.000001,"c":1e-7,"d":0,"e":333333333.3333333}',
    ],
    ['control characters escaped', { a: '\0\b\u001f"\\/' }, '{"a":"\\u0000\\b\\u001f\\"\\\\/"}'],
    ['what is undefined left out', { a: undefined, b: null }, '{"b":null}'],
    ['lone surrogates mended', { 'k\ud800': ['a\udc00', { deep: '\ud800' }] }, '{"k\ufffd":["a\ufffd",{"deep":"\ufffd"}]}'],
  ])('writes %s', (_, data, text) => {
    const sealed = seal(null, withData(data))
    expect(sealed.text).toContain(`"data":${text},"prev"`)
    expect(openEntry(sealed, null).data).toEqual(JSON.parse(text))
  })

  it('takes what JSON cannot hold for a bug', () => {
    expect(() => seal(null, withData({ share: NaN }))).toThrow(Bug)
    const loop: Record<string, unknown> = {}
    loop['loop'] = loop
    expect(() => seal(null, withData(loop))).toThrow()
  })

  it('gives back whatever was sealed', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ noUnicodeString: false })), (data) => {
        const sealed = seal(null, withData(data))
        expect(sealed.text.isWellFormed()).toBe(true)
        expect(openEntry(sealed, null).data).toEqual(JSON.parse(JSON.stringify(data)))
      }),
    )
  })
})

describe('opening', () => {
  it('reads every entry of a chain as it was said', () => {
    let last: Sealed | null = null
    for (const [index, sealed] of CHAIN.entries()) {
      const { run, at, actor, type, data } = openEntry(sealed, last)
      expect({ run, at, actor, type, data }).toEqual(NIGHT[index])
      last = sealed
    }
  })

  const [first, second, third] = CHAIN
  it.each<[why: string, sealed: Sealed | undefined, previous: Sealed | undefined | null]>([
    ['a changed text', first && { ...first, text: first.text.replace('Patch', 'Catch') }, null],
    ['a changed hash', first && { ...first, hash: '0'.repeat(64) }, null],
    ['a skipped entry', third, first],
    ['an entry that comes again', first, first],
    ['another entry before it', second, first && { ...first, hash: '0'.repeat(64) }],
    ['a first entry in the middle', first, second],
    ['another run beside it', first && { ...first, run: `${RUN.slice(0, -1)}2` }, null],
    ['another number beside it', first && { ...first, seq: 2 }, null],
    ['another time beside it', first && ({ ...first, at: START + 1 } as Sealed), null],
    ['another type beside it', first && { ...first, type: 'RunFinished' }, null],
    ['no JSON', forgedText('nonsense'), null],
    ['a list', forgedText('[1]'), null],
    ['no version', forged({ v: undefined }), null],
    ['version 0', forged({ v: 0 }), null],
    ['an actor of no kind', forged({ actor: { kind: 'root', id: 'x' } }), null],
    ['data that is no object', forged({ data: [1] }), null],
    ['a time that is none', forged({ at: 'yesterday' }), null],
    ['a link that is none', forged({ prev: 7 }), null],
  ])('refuses %s', (_, sealed, previous) => {
    expect(() => sealed && openEntry(sealed, previous ?? null)).toThrow(
      expect.objectContaining({ code: 'journal.broken', exit: 1 }) as Error,
    )
  })

  it('gives a journal of a newer version back', () => {
    expect(() => openEntry(forged({ v: 2, data: 'whatever it will be' }), null)).toThrow(
      expect.objectContaining({ code: 'journal.newer', exit: 2 }) as Error,
    )
  })

  it('brings older entries up to date, one version after the other', () => {
    const steps = {
      1: (raw: Readonly<Record<string, unknown>>) => ({ ...raw, v: 2, data: { ...(raw['data'] as object), two: true } }),
      2: (raw: Readonly<Record<string, unknown>>) => ({ ...raw, v: 3, data: { ...(raw['data'] as object), three: true } }),
    }
    expect(parseEntry(forged({ data: { one: true } }), steps, 3)).toMatchObject({ v: 3, data: { one: true, two: true, three: true } })
    expect(parseEntry(forged({ v: 2, data: {} }), steps, 3)).toMatchObject({ v: 3, data: { three: true } })
    expect(parseEntry(forged({}), { 1: steps[1] }, 3)).toBe('there is no way from version 2 to 3')
  })
})

function forgedText(text: string): Sealed {
  return { run: RUN, seq: 1, at: START, type: 'X', text, hash: createHash('sha256').update(text).digest('hex') }
}
