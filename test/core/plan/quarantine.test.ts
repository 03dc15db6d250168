import { describe, expect, it } from 'vitest'
import { baselineDigest, baselineOf, type Baseline } from '../../../src/core/plan/baseline.ts'
import { packBaseline, unpackBaseline } from '../../../src/core/plan/packing.ts'
import { readHeader } from '../../../src/core/plan/packing-read.ts'
import { pin } from '../../../src/core/plan/pin.ts'
import { admitted, distinct, inForce, type Quarantined } from '../../../src/core/plan/quarantine.ts'
import { lineages } from '../../../src/core/plan/lineage.ts'
import { sha256 } from '../../../src/kit/digest.ts'
import { node, NOW, patch, runbook, stored } from './fixture.ts'

const RUN = '01900000-0000-7000-8000-000000000001'
const OTHER = '01900000-0000-7000-8000-000000000002'

/** `name version`, with `needs` before it when it is no culprit, and `@` when another trial found it. */
function quarantined(text: string): Quarantined {
  const [name = '', version = '', ...more] = text.split(' ')
  const as = more.includes('needs') ? 'needs' : 'breaks'
  return { family: 'rpm', name, arch: 'x86_64', version, as, why: 'smoke: fail on i-1', run: more.includes('@') ? OTHER : RUN, at: NOW }
}

const candidates = (...texts: readonly string[]) =>
  texts.map((text) => {
    const [name = '', version = ''] = text.split(' ')
    return patch(name, version)
  })

describe('a quarantine', () => {
  // prettier-ignore
  it.each<[why: string, quarantine: string[], found: string[], counts: string[]]>([
    ['counts for the same version',                         ['openssl 0:1-1'],                           ['openssl 0:1-1'],                 ['openssl 0:1-1']],
    ['counts when only an older one is there',              ['openssl 0:2-1'],                           ['openssl 0:1-1'],                 ['openssl 0:2-1']],
    ['ends with a newer version',                           ['openssl 0:1-9'],                           ['openssl 0:1-10'],                []],
    ['counts while the package is no candidate',            ['openssl 0:1-1'],                           ['pam 0:1-1'],                     ['openssl 0:1-1']],
    ['of what needs a culprit counts as long as that does', ['openssl 0:1-1', 'curl 0:1-1 needs'],       ['openssl 0:1-1', 'curl 0:1-1'],   ['openssl 0:1-1', 'curl 0:1-1']],
    ['of what needs a culprit ends with it',                ['openssl 0:1-1', 'curl 0:1-1 needs'],       ['openssl 0:1-2', 'curl 0:1-1'],   []],
    ['of another culprit goes on',                          ['openssl 0:1-1', 'pam 0:1-1'],              ['openssl 0:1-2', 'pam 0:1-1'],    ['pam 0:1-1']],
    ['of what needs a culprit ends by its own newer version, alone', ['openssl 0:1-1', 'curl 0:1-1 needs', 'wget 0:1-1 needs'], ['curl 0:1-2'], ['openssl 0:1-1', 'wget 0:1-1']],
    ['of another trial is not concerned',                   ['openssl 0:1-1', 'curl 0:1-1 needs @', 'pam 0:1-1 @'], ['openssl 0:1-2'],      ['curl 0:1-1', 'pam 0:1-1']],
  ])('%s', (_, quarantine, found, counts) => {
    expect(inForce(quarantine.map(quarantined), candidates(...found)).map(({ name, version }) => `${name} ${version}`)).toEqual(counts)
  })

  it('keeps out exactly its version, of its architecture', () => {
    const list = [...candidates('openssl 0:1-1', 'pam 0:1-1'), patch('openssl', '0:1-1', { arch: 'i686' })]
    const { patches, left } = admitted(list, [quarantined('openssl 0:1-1'), quarantined('pam 0:2-1')])
    expect(patches.map(({ name, arch }) => `${name} ${arch}`)).toEqual(['pam x86_64', 'openssl i686'])
    expect(left.map(({ name, arch }) => `${name} ${arch}`)).toEqual(['openssl x86_64'])
  })

  it('stands once for each version; the first evidence stays', () => {
    const twice = [quarantined('pam 0:1-1'), { ...quarantined('pam 0:1-1'), why: 'later' }]
    expect(distinct(twice)).toEqual([quarantined('pam 0:1-1')])
  })
})

const provenance = { run: RUN, plan: sha256('plan'), nodes: ['i-1'], checks: ['smoke'], testedAt: NOW }
const baseline = (...quarantine: readonly string[]): Baseline =>
  baselineOf('222222222222', 'ami-a', candidates('pam 0:1-1', 'sudo 0:1-1'), provenance, quarantine.map(quarantined))

const repacked = (one: Baseline) => {
  const packed = packBaseline(one)
  return unpackBaseline(packed.manifest(packed.parts.map(() => 1)), new Map(packed.parts.map(({ suffix, value }) => [suffix, value])))
}

describe('a baseline with a quarantine', () => {
  it('comes back as it was, and its manifest says how many there are', () => {
    const one = baseline('openssl 0:1-1', 'curl 0:1-1 needs')
    expect(one.v).toBe(2)
    expect(repacked(one)).toEqual(one)
    const packed = packBaseline(one)
    expect(readHeader(packed.manifest(packed.parts.map(() => 1)))).toMatchObject({ quarantined: 2 })
  })

  it('is written as before when there is none: whoever reads version 1 reads it', () => {
    const packed = packBaseline(baseline())
    expect(JSON.parse(packed.manifest([1]))).toMatchObject({ v: 1 })
    expect(packed.parts.some(({ value }) => value.includes('quarantined'))).toBe(false)
    expect(repacked(baseline())).toEqual(baseline())
    expect(baselineDigest(baseline())).not.toBe(baselineDigest(baseline('openssl 0:1-1')))
  })

  it('does not verify once somebody has taken an entry out', () => {
    const packed = packBaseline(baseline('openssl 0:1-1'))
    const less = new Map(
      packed.parts.map(({ suffix, value }) => [
        suffix,
        value
          .split('\n')
          .filter((line) => !line.includes('quarantined'))
          .join('\n'),
      ]),
    )
    expect(unpackBaseline(packed.manifest(packed.parts.map(() => 1)), less)).toMatchObject({ error: expect.stringContaining('part-01') })
  })

  // prettier-ignore
  it.each<[what: string, entry: object]>([
    ['a name that is none',       { name: 'a b' }],
    ['a family that is none',     { family: 'exe' }],
    ['a kind that is none',       { as: 'bores' }],
    ['no evidence',               { why: 7 }],
    ['no instant',                { at: 'now' }],
  ])('is refused with %s', (_, entry) => {
    const packed = packBaseline(baseline('openssl 0:1-1'))
    const [first] = packed.parts
    const value = `${first?.value ?? ''}\n${JSON.stringify({ quarantined: { ...quarantined('openssl 0:1-1'), ...entry } })}`
    const manifest = packed.manifest([1]).replace(first?.digest.slice(0, 32) ?? '', sha256(value).slice(0, 32))
    expect(unpackBaseline(manifest, new Map([['part-01', value]]))).toEqual({ error: 'part-01 has a record that cannot be read' })
  })

  it('is named by the plan that pins it', () => {
    const [key, plain] = stored('222222222222', 'ami-a', candidates('pam 0:1-1'))
    const { lists } = pin(runbook({ baseline: { path: '/p', maxAgeMs: 1e12, approval: null } }), [node('i-p1', { ami: 'ami-a' })], {
      baselines: new Map([[key, { ...plain, baseline: baseline('openssl 0:1-1') }]]),
      missing: new Map(),
      lineages: lineages([], null),
      now: NOW,
    })
    expect(lists[0]?.quarantined?.map(({ name }) => name)).toEqual(['openssl'])
  })
})
