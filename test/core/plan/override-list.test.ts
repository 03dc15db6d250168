import { describe, expect, it } from 'vitest'
import { overrideList } from '../../../src/core/plan/override-list.ts'
import type { Patch } from '../../../src/core/plan/plan.ts'
import { objectOf } from '../../../src/sandbox/nodes/objects.ts'
import { names, readOverrideList } from '../../../src/sandbox/nodes/override-entries.ts'

describe('override lists', () => {
  const patch = (family: Patch['family'], name: string, arch: string, version: string) => ({ family, name, arch, version })
  const rpms = [
    patch('rpm', 'openssl-libs', 'x86_64', '1:3.0.8-1.amzn2023.0.18'),
    patch('rpm', 'openssl', 'x86_64', '1:3.0.8-1.amzn2023.0.18'),
    patch('rpm', 'gtk+', 'noarch', '0:1.0~rc1^git1-1'),
  ]
  const debs = [patch('deb', 'libstdc++6', 'amd64', '12.2.0-14+deb12u1'), patch('deb', 'bind9-libs', 'amd64', '1:9.16.1-0ubuntu2.9')]

  it('are written sorted, each package once, pinned to its version', () => {
    expect(overrideList([...rpms, ...rpms])).toBe(`patches:
  - id: 'gtk+.noarch'
    title: 'gtk+.noarch:0:1.0~rc1^git1-1'
  - id: 'openssl.x86_64'
    title: 'openssl.x86_64:1:3.0.8-1.amzn2023.0.18'
  - id: 'openssl-libs.x86_64'
    title: 'openssl-libs.x86_64:1:3.0.8-1.amzn2023.0.18'
`)
    expect(overrideList(debs)).toContain("    title: 'bind9-libs.amd64:1:9.16.1-0ubuntu2.9'\n")
  })

  it.each([
    ['rpm', rpms],
    ['deb', debs],
  ] as const)('of %s are read back as the same set, and name nothing else', (_, patches) => {
    const entries = readOverrideList(overrideList(patches)) ?? []
    expect(entries).toHaveLength(patches.length)
    for (const { name, arch, version } of patches) {
      const named = (other: string): number =>
        entries.filter((entry) => names(entry, { key: `${name}.${arch}`, name, version: other })).length
      expect([named(version), named(`${version}1`), named(version.replace(/^\d+:/, '7:'))]).toEqual([1, 0, /^\d+:/.test(version) ? 0 : 1])
    }
  })

  it('are never empty, and rpms have an epoch', () => {
    expect(() => overrideList([])).toThrow('at least one')
    for (const version of ['1-1', 'a1:1-1']) expect(() => overrideList([patch('rpm', 'a', 'x86_64', version)])).toThrow('epoch')
    expect(overrideList([patch('rpm', 'a', 'x86_64', '32:1-1')])).toContain("title: 'a.x86_64:32:1-1'")
  })

  // prettier-ignore
  it.each<[id: string, title: string | null, key: string, version: string, fits: boolean]>([
    ['kernel.x86_64',   null,                              'kernel.x86_64',   '0:1-1',                         true],
    ['bind*.x86_64',    '32:9.8.2-0.62.rc1.57.amzn1',      'bind-libs.x86_64', '32:9.8.2-0.62.rc1.57.amzn1',    true],
    ['glibc*',          null,                              'glibc-common.x86_64', '0:2.34-1',                  true],
    ['dhclient*',       '*12:4.1.1-53.P1.28.amzn1',        'dhclient.x86_64', '12:4.1.1-53.P1.28.amzn1',       true],
    ['curl.x86_64',     '*.el7',                           'curl.x86_64',     '0:7.29.0-59.el7',               true],
    ['grub2.x86_64',    'grub2.x86_64:1:*-0.81.0.1.el7',   'grub2.x86_64',    '1:2.02-0.81.0.1.el7',           true],
    ['apparmor.amd64',  '2.10.95-0ubuntu2.9',              'apparmor.amd64',  '2.10.95-0ubuntu2.9',            true],
    ['binutils',        '*0:2.26.1-9.12.1',                'binutils.x86_64', '0:2.26.1-9.12.1',               true],
    ['kernel.x86_64',   null,                              'kernel.aarch64',  '0:1-1',                         false],
    ['curl',            null,                              'curl-minimal.x86_64', '0:1-1',                     false],
    ['curl.x86_64',     '*.el7',                           'curl.x86_64',     '0:7.29.0-59.el8',               false],
    ['a.b',             null,                              'axb',             '0:1-1',                         false],
  ])('have %s, %j for %s %s: %s', (id, title, key, version, fits) => {
    expect(names({ id, title }, { key, name: key.slice(0, key.lastIndexOf('.')), version })).toBe(fits)
  })

  it.each([['not: a list'], ['patches: [{ title: x }]'], ['patches: ['], ['']])('are not made of %j', (text) => {
    expect(readOverrideList(text)).toBeUndefined()
  })

  // prettier-ignore
  it.each([
    ['s3://bucket/lists/one.yaml',                                'bucket', 'lists/one.yaml'],
    ['https://s3.us-east-1.amazonaws.com/bucket/lists/one.yaml',  'bucket', 'lists/one.yaml'],
    ['https://s3.amazonaws.com/bucket/one.yaml',                  'bucket', 'one.yaml'],
    ['https://bucket.s3.eu-west-1.amazonaws.com/one.yaml?X-Amz-Signature=1', 'bucket', 'one.yaml'],
    ['https://bucket.s3.amazonaws.com/one.yaml',                  'bucket', 'one.yaml'],
  ])('stand at %s', (url, bucket, key) => {
    expect(objectOf(url)).toEqual({ bucket, key })
  })
})
