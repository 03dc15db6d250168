import { describe, expect, it } from 'vitest'
import type { Patch } from '../../../src/core/plan/plan.ts'
import { patchesBroke, saysOfSet } from '../../../src/core/run/isolate-reasons.ts'
import { ofUnits, unitsOf } from '../../../src/core/run/isolate-units.ts'

/** `name version advisory…`. */
function patch(text: string, family: Patch['family'] = 'rpm'): Patch {
  const [name = '', version = '', ...advisories] = text.split(' ')
  return { family, name, arch: 'x86_64', version, advisories, cves: [], classification: '', severity: '', releasedAt: null }
}

describe('what is not separated', () => {
  // prettier-ignore
  it.each<[why: string, patches: string[], units: number[]]>([
    ['what one advisory brings',                  ['openssl 0:1 A-1', 'pam 0:2 A-2', 'openssl-libs 0:1 A-1'],  [0, 1, 0]],
    ['what advisories tie together in a chain',   ['a 0:1 A-1', 'b 0:2 A-1 A-2', 'c 0:3 A-2', 'd 0:4 A-3'],    [0, 0, 0, 1]],
    ['debs of one version, without advisories',   ['libssl3 3.0.2-1', 'curl 8.5-1', 'openssl 3.0.2-1'],        [0, 1, 0]],
    ['not what only happens to be the same version, where advisories say more', ['a 0:1 A-1', 'b 0:1 A-2'],   [0, 1]],
    ['nothing',                                   [],                                                          []],
  ])('%s', (_, patches, units) => {
    expect(unitsOf(patches.map((text) => patch(text)))).toEqual(units)
  })

  it('the two architectures of a package', () => {
    expect(unitsOf([patch('glibc 0:1 A-1'), { ...patch('glibc 0:1 A-2'), arch: 'i686' }, patch('pam 0:2')])).toEqual([0, 0, 1])
  })

  it('is picked by unit', () => {
    expect(ofUnits(['a', 'b', 'c'], [0, 1, 0], [0])).toEqual(['a', 'c'])
    expect(ofUnits(['a', 'b', 'c'], [0, 1, 0], [])).toEqual([])
  })
})

describe('what a node says', () => {
  // prettier-ignore
  it.each<[reason: string, whole: string[], verdict: string]>([
    ['untested-dependency',    ['smoke: fail'],      'refused'],
    ['scriptlet-failed',       ['smoke: fail'],      'bad'],
    ['checksum',               ['smoke: fail'],      'bad'],
    ['dependency',             ['smoke: fail'],      'refused'],
    ['dependency',             ['dependency'],       'bad'],
    ['lock-held',              ['scriptlet-failed'], 'unclear'],
    ['repository-unreachable', ['scriptlet-failed'], 'unclear'],
    ['disk-full',              ['scriptlet-failed'], 'unclear'],
    ['hook-failed',            ['scriptlet-failed'], 'unclear'],
    ['gone',                   ['scriptlet-failed'], 'unclear'],
    ['delivery-timed-out',     ['scriptlet-failed'], 'unclear'],
  ])('%s of a part, when the whole failed by %s, is %s', (reason, whole, verdict) => {
    expect(saysOfSet(reason, whole)).toBe(verdict)
  })

  it('blames no patch for what a busy node says', () => {
    expect(['lock-held', 'interrupted', 'bad-parameter', 'no-runner', ''].filter(patchesBroke)).toEqual([])
  })
})
