import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DAY, MINUTE } from '../../../src/kit/instant.ts'
import { classify, compareVersions, isCandidate, readMissing, readPatch } from '../../../src/core/plan/classify.ts'
import type { Patch } from '../../../src/core/plan/plan.ts'
import type { ApproveRule, PatchRule } from '../../../src/core/runbook/runbook.ts'
import { days, NOW, patch } from './fixture.ts'

const any: ApproveRule = { classification: null, severity: null, releasedForMs: null, cves: null, advisories: null, names: null }
const rules = (approve: Partial<ApproveRule>[], reject: string[] = []): PatchRule => ({
  approve: approve.map((rule) => ({ ...any, ...rule })),
  reject,
  reboot: 'never',
  kernel: 'install',
})

describe('what is approved', () => {
  // prettier-ignore
  it.each<[it: string, rules: PatchRule, approved: boolean]>([
    ['a rule without keys fits all',       rules([{}]), true],
    ['no rule fits nothing',               rules([]), false],
    ['classification',                     rules([{ classification: ['Security'] }]), true],
    ['another classification',             rules([{ classification: ['Bugfix'] }]), false],
    ['every key of a rule must fit',       rules([{ classification: ['Security'], severity: ['Critical'] }]), false],
    ['one rule of several is enough',      rules([{ severity: ['Critical'] }, { cves: ['CVE-2026-0001'] }]), true],
    ['in any case of letters',             rules([{ severity: ['important'] }]), true],
    ['an advisory',                        rules([{ advisories: ['ALAS2023-2026-001'] }]), true],
    ['a CVE that it does not mend',        rules([{ cves: ['CVE-2026-9999'] }]), false],
    ['a name by pattern',                  rules([{ names: ['open*'] }]), true],
    ['released long enough',               rules([{ releasedForMs: 10 * DAY }]), true],
    ['a minute too young',                 rules([{ releasedForMs: 10 * DAY + MINUTE }]), false],
    ['rejected by name',                   rules([{}], ['openssl']), false],
    ['rejected by pattern',                rules([{}], ['open*']), false],
    ['a pattern that does not fit',        rules([{}], ['open']), true],
    ['one of several classifications',     rules([{ classification: ['Bugfix', 'Security'] }]), true],
    ['one of several severities',          rules([{ severity: ['Critical', 'Important'] }]), true],
    ['one of several names',               rules([{ names: ['vim', 'open*'] }]), true],
    ['another name',                       rules([{ names: ['vim'] }]), false],
    ['rejected by one of several',         rules([{}], ['vim', 'openssl']), false],
  ])('%s', (_, rule, approved) => {
    expect(isCandidate(patch('openssl'), rule, NOW)).toBe(approved)
  })

  it('mends what one of its advisories, or of its CVEs, says', () => {
    const two = patch('openssl', '0:1-1', { cves: ['CVE-2026-0001', 'CVE-2026-0002'], advisories: ['ALAS-1', 'ALAS-2'] })
    const asked = [{ cves: ['CVE-2026-0002'] }, { advisories: ['ALAS-1'] }, { cves: ['CVE-2026-0003'] }]
    expect(asked.map((rule) => isCandidate(two, rules([rule]), NOW))).toEqual([true, true, false])
  })

  it('doubts a patch that does not say when it came out', () => {
    const undated = patch('openssl', '0:1-1', { releasedAt: null })
    expect([isCandidate(undated, rules([{ releasedForMs: DAY }]), NOW), isCandidate(undated, rules([{}]), NOW)]).toEqual([false, true])
  })
})

describe('the list of an image', () => {
  const exact = (found: readonly Patch[]) => found.map(({ name, arch, version }) => `${name} ${arch} ${version}`)

  it('has the newest version that any node may get, once', () => {
    const found = classify(
      [patch('zlib'), patch('openssl', '0:3.0.8-1.amzn2023.0.9'), patch('openssl', '0:3.0.8-1.amzn2023.0.12')],
      rules([{}]),
      NOW,
    )
    expect(exact(found)).toEqual(['openssl x86_64 0:3.0.8-1.amzn2023.0.12', 'zlib x86_64 0:1.0-1'])
  })

  it('takes the newest that is approved, not the newest there is', () => {
    const young = patch('openssl', '0:2-1', { releasedAt: days(-1) })
    expect(exact(classify([young, patch('openssl', '0:1-1')], rules([{ releasedForMs: 3 * DAY }]), NOW))).toEqual(['openssl x86_64 0:1-1'])
  })

  it('orders by the family', () => {
    const deb = (version: string) => patch('libc6', version, { family: 'deb', arch: 'amd64' })
    expect(exact(classify([deb('1.0~rc1'), deb('1.0'), deb('1.0-0')], rules([{}]), NOW))).toHaveLength(1)
    expect(exact(classify([deb('2.36-9+deb12u4'), deb('2.36-9+deb12u10')], rules([{}]), NOW))).toEqual(['libc6 amd64 2.36-9+deb12u10'])
  })

  it('keeps architectures apart', () => {
    expect(classify([patch('glibc'), patch('glibc', '0:1.0-1', { arch: 'i686' })], rules([{}]), NOW)).toHaveLength(2)
  })

  it('puts the attributes of one version together', () => {
    const [found] = classify(
      [patch('a', '0:1-1', { cves: ['CVE-2'], releasedAt: null }), patch('a', '0:1-1', { cves: ['CVE-1'] })],
      rules([{}]),
      NOW,
    )
    expect(found).toMatchObject({ cves: ['CVE-1', 'CVE-2'], releasedAt: days(-10) })
  })

  it('has of the newest version what is said of it, and nothing of an older one', () => {
    const older = patch('a', '0:1-1', { cves: ['CVE-1'], releasedAt: days(-20) })
    const newer = patch('a', '0:2-1', { cves: ['CVE-2'] })
    for (const rows of [
      [older, newer],
      [newer, older],
    ])
      expect(classify(rows, rules([{}]), NOW)).toEqual([newer])
  })

  it('puts together what nodes say of one version, and it came out when the first of them says', () => {
    const one = patch('a', '0:1-1', { cves: ['CVE-1'], advisories: ['ALAS-1'], classification: 'Bugfix', releasedAt: days(-10) })
    const two = patch('a', '0:1-1', { cves: ['CVE-1'], advisories: ['ALAS-2'], classification: 'Security', releasedAt: days(-20) })
    const both = { ...one, advisories: ['ALAS-1', 'ALAS-2'], releasedAt: days(-20) }
    for (const rows of [
      [one, two],
      [two, one],
    ])
      expect(classify(rows, rules([{}]), NOW)).toEqual([both])
    expect(classify([one, { ...two, releasedAt: null }], rules([{}]), NOW)).toMatchObject([{ releasedAt: days(-10) }])
  })

  it('compares versions as their family does', () => {
    // dpkg sorts the signs between numbers, rpm takes them all for the same.
    expect([compareVersions('deb', '1.0+1', '1.0.1'), compareVersions('rpm', '0:1.0+1-1', '0:1.0.1-1')]).toEqual([-1, 0])
  })

  it('is the same whatever order the rows come in', () => {
    const row = fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.constantFrom('0:1-1', '0:1.0-1', '0:2~rc1-1', '1:1-1'),
      fc.constantFrom('CVE-1', 'CVE-2'),
      fc.constantFrom(NOW, null),
    )
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), (rows) => {
        const patches = rows.map(([name, version, cve, releasedAt]) => patch(name, version, { cves: [cve], releasedAt }))
        expect(classify(patches.toReversed(), rules([{}]), NOW)).toEqual(classify(patches, rules([{}]), NOW))
      }),
    )
  })
})

describe('a row of a scan', () => {
  const good = {
    name: 'openssl',
    arch: 'x86_64',
    version: '1:3.0.8-1',
    installed: '1:3.0.7-1',
    classification: 'Security',
    severity: 'Important',
    advisories: ['ALAS-1'],
    cves: ['CVE-2026-1'],
    releasedAt: 1_767_225_600,
  }

  it('is read', () => {
    expect(readMissing(good, 'rpm')).toEqual({ ...good, family: 'rpm', releasedAt: 1_767_225_600_000 })
    expect(readMissing({ ...good, version: '3.0.8-1', releasedAt: null }, 'rpm')).toMatchObject({ version: '0:3.0.8-1', releasedAt: null })
    expect(readMissing({ name: 'bash', arch: 'amd64', version: '5.1', classification: '', severity: '' }, 'deb')).toMatchObject({
      version: '5.1',
      cves: [],
    })
  })

  // prettier-ignore
  it.each<[it: string, row: unknown]>([
    ['no object',                 'openssl'],
    ['null',                      null],
    ['a command in a name',       { ...good, name: 'a;reboot' }],
    ['an option as a name',       { ...good, name: '--allowerasing' }],
    ['a line end in a version',   { ...good, version: '1-1\nevil x86_64 1-1' }],
    ['a space in a version',      { ...good, version: '1 1' }],
    ['upper case in an arch',     { ...good, arch: 'X86' }],
    ['a number as a version',     { ...good, version: 1 }],
    ['a name beyond all bounds',  { ...good, name: 'a'.repeat(300) }],
    ['a reference as a severity', { ...good, severity: '{{ssm:/secret}}' }],
    ['a quote in a CVE',          { ...good, cves: ['CVE-1"'] }],
    ['CVEs that are no list',     { ...good, cves: 'CVE-1' }],
    ['a release before time',     { ...good, releasedAt: -1 }],
    ['a release as text',         { ...good, releasedAt: 'soon' }],
    ['nothing at all',            {}],
    ['a list as a name',          { ...good, name: ['openssl'] }],
    ['a list as an arch',         { ...good, arch: ['x86_64'] }],
    ['a number as what it is',    { ...good, classification: 7 }],
    ['a quote before a CVE',      { ...good, cves: ['"CVE-1'] }],
    ['a number as a CVE',         { ...good, cves: [7] }],
    ['a number as what is there', { ...good, installed: 7 }],
    ['a release as its digits',   { ...good, releasedAt: '1767225600' }],
    ['a release in milliseconds', { ...good, releasedAt: 1e11 }],
    ['more CVEs than anyone has', { ...good, cves: Array.from({ length: 2_001 }, () => 'CVE-1') }],
  ])('is refused: %s', (_, row) => {
    expect(readMissing(row, 'rpm')).toBeUndefined()
  })

  // prettier-ignore
  it.each<[version: string, is: string]>([
    ['3.0.8-1', '0:3.0.8-1'],  ['32:9.8-1', '32:9.8-1'],  ['x1:2-1', '0:x1:2-1'],
  ])('of version %s has the epoch of %s', (version, is) => {
    expect(readMissing({ ...good, version }, 'rpm')?.version).toBe(is)
  })

  it('has its attributes in order, once, and what it does not say is nothing', () => {
    const { installed: _, ...bare } = good
    const cves = ['CVE-2', 'CVE-1', 'CVE-2']
    expect(readMissing({ ...bare, cves, releasedAt: 0 }, 'rpm')).toMatchObject({ cves: ['CVE-1', 'CVE-2'], installed: '', releasedAt: 0 })
    expect(readMissing({ ...good, cves: Array.from({ length: 2_000 }, () => 'CVE-1') }, 'rpm')?.cves).toEqual(['CVE-1'])
  })

  it('never throws, whatever comes', () => {
    fc.assert(fc.property(fc.anything(), (value) => readMissing(value, 'rpm') === undefined && readPatch(value) === undefined))
  })

  it('of a patch that we wrote comes back as it was', () => {
    const undated = patch('sudo', '1.9-1', { family: 'deb', arch: 'amd64', releasedAt: null })
    for (const one of [patch('openssl'), undated]) expect(readPatch(JSON.parse(JSON.stringify(one)))).toEqual(one)
    expect(readPatch({ ...patch('openssl'), releasedAt: 'long ago' })).toMatchObject({ releasedAt: null })
    expect(readPatch({ ...patch('openssl'), family: 'exe' })).toBeUndefined()
  })
})
