import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBase64, toBase64 } from '../../../src/kit/base64.ts'
import { globFits } from '../../../src/kit/glob.ts'
import { listDigest, listFits, listParameter, listText } from '../../../src/core/plan/list.ts'
import { patch } from './fixture.ts'

describe('the list text', () => {
  it('is a package a line, sorted by bytes', () => {
    const text = listText([patch('zlib', '0:1-1'), patch('a+b'), patch('a'), patch('B'), patch('a', '0:2-1')])
    expect(text).toBe('B x86_64 0:1.0-1\na x86_64 0:1.0-1\na x86_64 0:2-1\na+b x86_64 0:1.0-1\nzlib x86_64 0:1-1\n')
  })

  it('has a digest that anyone can compute', () => {
    // printf 'bash x86_64 0:5.2.15-1.amzn2023.0.2\n' | sha256sum
    expect(listDigest([patch('bash', '0:5.2.15-1.amzn2023.0.2')])).toBe('d1b711cc8602473109efaec411b9fb9a5eeb0ef501d5b61d2a31b398e6bd4576')
    expect(listDigest([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  it('does not depend on the order', () => {
    expect(listDigest([patch('a'), patch('b')])).toBe(listDigest([patch('b'), patch('a')]))
  })

  it('refuses what does not fit the grammar', () => {
    expect(() => listText([patch('a b')])).toThrow('is no package')
    expect(() => listText([patch('a', '1\n2')])).toThrow('is no package')
  })

  it('knows what a command can carry', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => patch(`package-number-${String(index).padStart(6, '0')}`))
    expect([listFits(many(600)), listFits(many(700))]).toEqual([true, false])
    expect(listParameter(many(600)).length).toBeLessThanOrEqual(32_000)
    expect(listParameter(many(700)).length).toBeGreaterThan(32_000)
  })
})

describe('base64', () => {
  it('is what everyone else writes', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => toBase64(text) === Buffer.from(text).toString('base64')))
  })

  it('is read back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) =>
        Buffer.from(bytes).equals(fromBase64(Buffer.from(bytes).toString('base64')) ?? Buffer.from('x')),
      ),
    )
    expect(['a', 'ab=c', '****', 'ab=='].map((text) => fromBase64(text) === undefined)).toEqual([true, true, true, false])
  })
})

describe('a pattern', () => {
  // prettier-ignore
  it.each<[pattern: string, text: string, fits: boolean]>([
    ['kernel-debug*', 'kernel-debuginfo', true],
    ['kernel-debug*', 'kernel', false],
    ['*ssl*',         'openssl-libs', true],
    ['a?c',           'abc', true],
    ['a?c',           'ac', false],
    ['a.c',           'abc', false],
    ['[a]',           'a', false],
    ['a(b',           'a(b', true],
    ['',              '', true],
    ['*',             'line\nend', true],
  ])('%s %s', (pattern, text, fits) => {
    expect(globFits(pattern, text)).toBe(fits)
  })

  it('does not explode', () => {
    expect(globFits('**********************a**********************b', 'a'.repeat(200))).toBe(false)
  })
})
