import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/kit/digest.ts'
import { baselineDigest, baselineOf, type Baseline } from '../../../src/core/plan/baseline.ts'
import { ADVANCED_BYTES, packBaseline, STANDARD_BYTES, unpackBaseline, type Packed } from '../../../src/core/plan/packing.ts'
import type { Patch } from '../../../src/core/plan/plan.ts'
import { NOW, patch } from './fixture.ts'

const provenance = { run: 'run-1', plan: sha256('plan'), nodes: ['i-1'], checks: ['ping'], testedAt: NOW }
const baseline = (patches: readonly Patch[], more: Partial<typeof provenance> = {}, image = 'ami-a'): Baseline =>
  baselineOf('222222222222', image, patches, { ...provenance, ...more })
const some = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    patch(`package-${String(index).padStart(4, '0')}`, '0:1-1', { cves: [`CVE-${String(index)}`] }),
  )
const bytes = (text: string) => Buffer.byteLength(text)
const manifestOf = (packed: Packed) => packed.manifest(packed.parts.map((_, index) => index + 1))
const values = (packed: Packed) => new Map(packed.parts.map(({ suffix, value }) => [suffix, value]))
/** A baseline of one patch whose line, followed by that of its trial, has so many bytes more than without. */
const filled = (filler: number, more: Partial<typeof provenance> = {}) =>
  packBaseline(baseline([patch('openssl', '0:1-1', { classification: 'x'.repeat(filler) })], more))

describe('the parts of a baseline', () => {
  it('are cut only where the next line does not fit, or where a part is half full and the line says so', () => {
    const { parts } = packBaseline(baseline(some(120)))
    expect(parts.length).toBeGreaterThan(5)
    for (const [at, { value }] of parts.entries()) {
      const lines = value.split('\n')
      const next = parts[at + 1]?.value.split('\n')[0]
      const mayCut = (line: string, before: number) => before > STANDARD_BYTES / 2 && sha256(line).startsWith('0')
      if (next !== undefined)
        expect(bytes(value) + 1 + bytes(next) > STANDARD_BYTES || mayCut(next, bytes(value)), `part ${String(at)}`).toBe(true)
      for (const [place, line] of lines.entries())
        if (place > 0) expect(mayCut(line, bytes(lines.slice(0, place).join('\n'))), line).toBe(false)
    }
  })

  it('are as large as a Standard value, to the byte', () => {
    const [one] = filled(0).parts
    const room = STANDARD_BYTES - bytes(one?.value ?? '')
    expect(filled(room).parts.map(({ value }) => bytes(value))).toEqual([STANDARD_BYTES])
    expect(filled(room + 1).parts).toHaveLength(2)
  })

  it('are half full only beyond the half', () => {
    const run = runWith((line) => sha256(line).startsWith('0'))
    const line = bytes(filled(0, { run }).parts[0]?.value.split('\n')[0] ?? '')
    expect(filled(STANDARD_BYTES / 2 - line, { run }).parts).toHaveLength(1)
    expect(filled(STANDARD_BYTES / 2 - line + 1, { run }).parts).toHaveLength(2)
  })

  it('hold lists in records that fit beside each other', () => {
    const records = (length: number) => {
      const cves = [...Array.from({ length: 13 }, (_, index) => `${String(index).padStart(2, '0')}${'c'.repeat(95)}`), 'z'.repeat(length)]
      const packed = packBaseline(baseline([patch('openssl', '0:1-1', { cves, advisories: [] })]))
      expect(unpackBaseline(manifestOf(packed), values(packed))).toEqual(baseline([patch('openssl', '0:1-1', { cves, advisories: [] })]))
      return packed.parts.flatMap(({ value }) => value.split('\n')).filter((line) => line.includes('"patch"')).length
    }
    // Thirteen words of 97 letters, each with two quotes and a comma, leave 100 of the 1,400 characters.
    expect([records(97), records(98)]).toEqual([1, 2])
  })

  it('hold nothing twice, and what has no names still has its record', () => {
    const bare = baseline([patch('openssl', '0:1-1', { cves: [], advisories: [] })], { nodes: [], checks: [] })
    const packed = packBaseline(bare)
    expect(packed.parts[0]?.value.split('\n').map((line) => Object.keys(JSON.parse(line) as object))).toEqual([['patch'], ['tested']])
    expect(unpackBaseline(manifestOf(packed), values(packed))).toEqual(bare)
    const both = packBaseline(baseline(some(2), { nodes: ['i-1', 'i-2'], checks: ['a', 'b'] }))
    expect(both.parts[0]?.value.match(/"i-1"|"a"|"CVE-1"/g)).toHaveLength(3)
  })

  it('are Advanced only when the manifest does not fit a Standard value, whatever versions the parts come to have', () => {
    const parts = (image: string) => packBaseline(baseline(some(60), {}, image)).parts
    const manifest = (packed: Packed) => bytes(packed.manifest(packed.parts.map(() => 999_999)))
    const room = STANDARD_BYTES - manifest(packBaseline(baseline(some(60), {}, '')))
    expect(Math.max(...parts('x'.repeat(room)).map(({ value }) => bytes(value)))).toBeLessThanOrEqual(STANDARD_BYTES)
    const advanced = parts('x'.repeat(room + 1)).map(({ value }) => bytes(value))
    expect(Math.max(...advanced)).toBeGreaterThan(STANDARD_BYTES)
    expect(Math.max(...advanced)).toBeLessThanOrEqual(ADVANCED_BYTES)
  })

  it('are refused when not even an Advanced value holds their manifest', () => {
    expect(() => packBaseline(baseline(some(3), {}, 'x'.repeat(ADVANCED_BYTES)))).toThrow(
      expect.objectContaining({
        code: 'aws.invalid',
        message: expect.stringContaining('too large for Parameter Store') as string,
        more: { hint: 'narrow patches.approve', detail: { patches: 3 } },
      }),
    )
  })
})

/** The first run whose provenance line fits. */
function runWith(fits: (line: string) => boolean): string {
  for (let number = 0; ; number += 1) {
    const run = `run-${String(number)}`
    const line = filled(0, { run }).parts.at(-1)?.value.split('\n').at(-1) ?? ''
    if (fits(line)) return run
  }
}

describe('a manifest', () => {
  it('names how much there is, and of a quarantine only where there is one', () => {
    const packed = packBaseline(baseline(some(40)))
    expect(JSON.parse(manifestOf(packed))).toEqual({
      v: 1,
      account: '222222222222',
      image: 'ami-a',
      digest: packed.digest,
      patches: 40,
      run: 'run-1',
      testedAt: NOW,
      parts: packed.parts.map(({ digest }, index) => [index + 1, digest.slice(0, 32)]),
    })
    expect(packed.digest).toBe(baselineDigest(baseline(some(40))))
  })
})

describe('what was stored', () => {
  it('comes back with every node, check, CVE and advisory of all its records', () => {
    const names = (prefix: string) => Array.from({ length: 120 }, (_, index) => `${prefix}-${String(index).padStart(20, '0')}`)
    const one = baseline([patch('kernel', '0:1-1', { cves: names('CVE'), advisories: names('ALAS') })], {
      nodes: names('i'),
      checks: names('check'),
    })
    const packed = packBaseline(one)
    expect(unpackBaseline(manifestOf(packed), values(packed))).toEqual(one)
  })
})
