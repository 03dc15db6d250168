import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/kit/digest.ts'
import { instant } from '../../../src/kit/instant.ts'
import { baselineDigest, baselineKey, baselineOf, baselinePath, type Baseline } from '../../../src/core/plan/baseline.ts'
import {
  ADVANCED_BYTES,
  packBaseline,
  partsNamed,
  reusable,
  STANDARD_BYTES,
  unpackBaseline,
  type Packed,
} from '../../../src/core/plan/packing.ts'
import type { Patch } from '../../../src/core/plan/plan.ts'
import type { Quarantined } from '../../../src/core/plan/quarantine.ts'
import { NOW, patch } from './fixture.ts'

const provenance = {
  run: '01900000-0000-7000-8000-000000000001',
  plan: sha256('plan'),
  nodes: ['i-2', 'i-1'],
  checks: ['smoke', 'ping'],
  testedAt: NOW,
}
const baseline = (patches: readonly Patch[], nodes = provenance.nodes): Baseline =>
  baselineOf('222222222222', 'ami-a', patches, { ...provenance, nodes })
const many = (count: number, cves = 3) =>
  Array.from({ length: count }, (_, index) =>
    patch(`package-${String(index).padStart(5, '0')}`, `0:${String(index)}.4.2-1.amzn2023.0.${String(index % 9)}`, {
      cves: Array.from({ length: cves }, (__, n) => `CVE-2026-${String(index * 100 + n).padStart(5, '0')}`),
    }),
  )
const bytes = (text: string) => Buffer.byteLength(text)
const manifestOf = (packed: Packed) => packed.manifest(packed.parts.map((_, index) => index + 1))
const values = (packed: Packed) => new Map(packed.parts.map(({ suffix, value }) => [suffix, value]))
const back = (packed: Packed) => unpackBaseline(manifestOf(packed), values(packed))

describe('a baseline in parameters', () => {
  // prettier-ignore
  it.each<[it: string, patches: Patch[], largest: number]>([
    ['nothing approved',        [],                          STANDARD_BYTES],
    ['a few',                   many(5),                     STANDARD_BYTES],
    ['two hundred',             many(200),                   STANDARD_BYTES],
    ['a kernel with 900 CVEs',  many(1, 900),                STANDARD_BYTES],
    ['more than Standard holds', many(2_000),                ADVANCED_BYTES],
  ])('comes back as it was: %s', (_, patches, largest) => {
    const packed = packBaseline(baseline(patches))
    expect(back(packed)).toEqual(baseline(patches))
    for (const part of packed.parts) expect(bytes(part.value)).toBeLessThanOrEqual(largest)
    expect(bytes(packed.manifest(packed.parts.map(() => 99_999)))).toBeLessThanOrEqual(largest)
    expect(packed.parts.length).toBeGreaterThan(0)
  })

  it('comes back as it was, whatever it was', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/)
    const one = fc.record({
      name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9+._-]{0,255}$/),
      version: fc.stringMatching(/^[0-9A-Za-z.+~^_-]{1,250}$/),
      advisories: fc.array(word, { maxLength: 60 }),
      cves: fc.array(word, { maxLength: 60 }),
      releasedAt: fc.option(fc.integer({ min: 0, max: 4e12 }).map(instant)),
    })
    const nodes = fc.array(fc.stringMatching(/^m?i-[0-9a-f]{8,17}$/), { maxLength: 200 })
    fc.assert(
      fc.property(fc.uniqueArray(one, { maxLength: 30, selector: ({ name }) => name }), nodes, (some, tested) => {
        const exact = baseline(
          some.map(({ name, version, ...more }) => patch(name, `0:${version}`, more)),
          tested,
        )
        const packed = packBaseline(exact)
        expect(back(packed)).toEqual(exact)
        for (const part of packed.parts) expect(bytes(part.value)).toBeLessThanOrEqual(STANDARD_BYTES)
      }),
      { numRuns: 60 },
    )
  })

  it('says so when it fits no way', () => {
    expect(() => packBaseline(baseline(many(20_000)))).toThrow(expect.objectContaining({ code: 'aws.invalid' }))
  })

  it('is readable, and holds nothing that Parameter Store would resolve', () => {
    const packed = packBaseline(baseline(many(3)))
    expect(packed.parts[0]?.value.split('\n')[0]).toContain('"name":"package-00000"')
    expect([manifestOf(packed), ...values(packed).values()].join('')).not.toContain('{{')
    expect(packed.parts.map(({ suffix }) => suffix)).toEqual(['part-01'])
  })

  it('has one digest whatever order it was put together in', () => {
    expect(baselineDigest(baseline(many(9).toReversed(), ['i-1', 'i-2']))).toBe(baselineDigest(baseline(many(9))))
    const turned = { ...provenance, checks: provenance.checks.toReversed() }
    expect(baselineOf('222222222222', 'ami-a', [], turned)).toEqual(baseline([]))
  })

  it('has its quarantine in order, with no more of the evidence than a line holds', () => {
    const one = (name: string, why: string): Quarantined => ({ ...patch(name), as: 'breaks', why, run: provenance.run, at: NOW })
    const { quarantined, v } = baselineOf('222222222222', 'ami-a', [], provenance, [one('zlib', 'z'.repeat(401)), one('bash', 'b')])
    expect(v).toBe(2)
    expect(quarantined?.map(({ name, why }) => [name, why])).toEqual([
      ['bash', 'b'],
      ['zlib', 'z'.repeat(400)],
    ])
  })
})

describe('what was stored is verified', () => {
  const packed = packBaseline(baseline(many(60)))
  const changed = (suffix: string, change: (value: string) => string) =>
    new Map([...values(packed)].map(([key, value]) => [key, key === suffix ? change(value) : value]))

  // prettier-ignore
  it.each<[it: string, manifest: string, parts: ReadonlyMap<string, string>, error: string]>([
    ['a changed version',      manifestOf(packed), changed('part-02', (value) => value.replace('.4.2', '.4.3')), 'part-02 is not the one'],
    ['a cut part',             manifestOf(packed), changed('part-01', (value) => value.slice(0, -9)), 'part-01 is not the one'],
    ['a missing part',         manifestOf(packed), new Map(), 'part-01 is missing'],
    ['another digest',         manifestOf(packed).replace(packed.digest, sha256('other')), values(packed), 'do not make up the baseline'],
    ['another image',          manifestOf(packed).replace('ami-a', 'ami-b'), values(packed), 'do not make up the baseline'],
    ['no JSON',                'hello', values(packed), 'no JSON object'],
    ['a newer version',        '{"v":3}', values(packed), 'newer version'],
    ['a manifest without parts', manifestOf(packed).replace('"parts"', '"pieces"'), values(packed), 'damaged'],
  ])('%s', (_, manifest, parts, error) => {
    expect(unpackBaseline(manifest, parts)).toEqual({ error: expect.stringContaining(error) })
  })

  it('tells which versions to read', () => {
    expect(partsNamed(manifestOf(packed))).toEqual(packed.parts.map(({ suffix }, index) => ({ suffix, version: index + 1 })))
    expect(partsNamed('hello')).toEqual([])
  })
})

describe('writing again', () => {
  const before = packBaseline(baseline(many(200)))

  it('needs no part when nothing changed', () => {
    expect([...reusable(before, manifestOf(before))]).toEqual(before.parts.map(({ suffix }, index) => [suffix, index + 1]))
  })

  it('needs all without an older manifest', () => {
    expect([reusable(before, undefined).size, reusable(before, 'damaged').size]).toEqual([0, 0])
  })

  it('needs few when one patch changed', () => {
    const patches = many(200).map((one, index) => (index === 40 ? { ...one, version: '0:99-1' } : one))
    const after = packBaseline(baseline(patches))
    const kept = reusable(after, manifestOf(before)).size
    expect(kept).toBeGreaterThanOrEqual(Math.min(3, after.parts.length - 2))
    expect(kept).toBeLessThan(after.parts.length)
  })
})

describe('the path', () => {
  const names = { runbook: 'monthly', account: '222222222222', image: 'ami-a' }

  it('is filled in', () => {
    expect(baselinePath('/patchwave/{runbook}/{account}/{image}', names)).toBe('/patchwave/monthly/222222222222/ami-a')
  })

  // prettier-ignore
  it.each<[template: string]>([
    ['patchwave/{image}'],
    ['/patchwave/{image}/'],
    ['/patchwave//{image}'],
    ['/patch wave/{image}'],
    ['/aws/{image}'],
    ['/SSM-things/{image}'],
    ['/patchwave/{unknown}'],
    ['/a'.repeat(15)],
    [`/${'a'.repeat(900)}`],
  ])('is refused where Parameter Store would: %s', (template) => {
    const hint = 'write it like /patchwave/{runbook}/{account}/{image}'
    expect(() => baselinePath(template, names)).toThrow(expect.objectContaining({ code: 'runbook.invalid', more: { hint } }))
  })

  it.each([['/a'.repeat(14)], [`/${'a'.repeat(899)}`], ['/patchwave/aws/ssm'], ['/a_b.c-D/9']])('may be %s', (template) => {
    expect(baselinePath(template, names)).toBe(template)
  })

  it('is looked up by account and image', () => {
    expect(baselineKey('222222222222', 'ami-a')).toBe('222222222222/ami-a')
  })
})
