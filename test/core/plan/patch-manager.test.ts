import { describe, expect, it } from 'vitest'
import { debNodeRemarks, debPatchRemarks } from '../../../src/core/plan/deb-rules.ts'
import { isCandidate, readMissing } from '../../../src/core/plan/classify.ts'
import {
  isLacking,
  patchManagerRemarks,
  readPatchRow,
  type PatchDataSeen,
  type PatchManagerRead,
  type PatchSeen,
} from '../../../src/core/plan/patch-manager.ts'
import type { Patch } from '../../../src/core/plan/plan.ts'
import type { ApproveRule, PatchRule } from '../../../src/core/runbook/runbook.ts'
import { DAY, HOUR, instant } from '../../../src/kit/instant.ts'
import { NOW, patch } from './fixture.ts'

const row = (title: string, kbId: string, more: Partial<PatchSeen> = {}): PatchSeen => ({
  title,
  kbId,
  classification: 'Security',
  severity: 'Important',
  state: 'Missing',
  cves: [],
  ...more,
})
const any: ApproveRule = { classification: null, severity: null, releasedForMs: null, cves: null, advisories: null, names: null }
const rules = (...approve: Partial<ApproveRule>[]): PatchRule => ({
  approve: approve.map((rule) => ({ ...any, ...rule })),
  reject: [],
  reboot: 'never',
  kernel: 'install',
})

describe('a row of Patch Manager', () => {
  // prettier-ignore
  it.each<[family: Patch['family'], title: string, kbId: string, is: string | null, why?: string]>([
    ['rpm', 'openssl.x86_64:1:3.0.8-1.amzn2023.0.18',    'openssl.x86_64',     'openssl x86_64 1:3.0.8-1.amzn2023.0.18'],
    ['rpm', 'kpatch-runtime.noarch:0:0.8.0-4.amzn2',     'kpatch-runtime.noarch', 'kpatch-runtime noarch 0:0.8.0-4.amzn2'],
    ['rpm', 'sudo.x86_64:1.9.15-1.p5.amzn2023.0.3',      'sudo.x86_64',        'sudo x86_64 0:1.9.15-1.p5.amzn2023.0.3', 'no epoch is epoch 0'],
    ['rpm', 'sudo.x86_64:(none):1.9.15-1.amzn2023',      'sudo.x86_64',        'sudo x86_64 0:1.9.15-1.amzn2023',        'as rpm prints no epoch'],
    ['rpm', 'openssl-libs-1:3.0.8-1.amzn2023.x86_64',    'openssl-libs.x86_64', 'openssl-libs x86_64 1:3.0.8-1.amzn2023'],
    ['rpm', 'openssl.x86_64:1:3.0.8-1.amzn2023',         'openssl',            'openssl x86_64 1:3.0.8-1.amzn2023',      'an id without its architecture'],
    ['rpm', 'openssl.x86_64:1:3.0.8-1.amzn2023',         '',                   'openssl x86_64 1:3.0.8-1.amzn2023',      'no id'],
    ['rpm', '',                                          'openssl.x86_64:1:3.0.8-1.amzn2023', 'openssl x86_64 1:3.0.8-1.amzn2023', 'the id has it all'],
    ['rpm', 'openssl',                                   'openssl.x86_64:1:3.0.8-1.amzn2023', 'openssl x86_64 1:3.0.8-1.amzn2023'],
    ['rpm', ' openssl.x86_64:1:3.0.8-1.amzn2023 ',       'openssl.x86_64',     'openssl x86_64 1:3.0.8-1.amzn2023'],
    ['rpm', 'python3.9.x86_64:0:3.9.16-1.amzn2023',      'python3.9.x86_64',   'python3.9 x86_64 0:3.9.16-1.amzn2023'],
    ['rpm', 'kernel-livepatch-6.1.134-150.224.x86_64:0:1.0-1.amzn2023', 'kernel-livepatch-6.1.134-150.224.x86_64', 'kernel-livepatch-6.1.134-150.224 x86_64 0:1.0-1.amzn2023'],
    ['deb', 'bind9-libs.amd64:1:9.16.1-0ubuntu2.9',      'bind9-libs.amd64',   'bind9-libs amd64 1:9.16.1-0ubuntu2.9'],
    ['deb', 'libc6.amd64:2.36-9+deb12u10',               'libc6.amd64',        'libc6 amd64 2.36-9+deb12u10',            'debs have no epoch 0'],
    ['deb', 'tzdata.all:2025b-0+deb12u1',                'tzdata.all',         'tzdata all 2025b-0+deb12u1'],
    ['rpm', 'openssl.x86_64:1:3.0.8',                    'openssl.x86_64',     null, 'no release'],
    ['rpm', 'openssl.x86_64:1:3.0.*-1',                  'openssl.x86_64',     null, 'a wildcard'],
    ['rpm', 'openssl',                                   'openssl.x86_64',     null, 'no version'],
    ['rpm', '',                                          'openssl.x86_64',     null],
    ['rpm', '',                                          '',                   null],
    ['rpm', 'openssl.x86_64:1:3.0.8-1',                  'curl.x86_64',        null, 'title and id name two packages'],
    ['rpm', 'openssl.x86_64:1:3.0.8-1',                  'openssl.aarch64',    null, 'two architectures'],
    ['rpm', 'openssl.x86_64:1:3.0.8-1',                  'openssl.x86_64:1:3.0.8-2', null, 'two versions'],
    ['rpm', 'python3.9:0:3.9.16-1',                      'python3.9',          null, '9 is no architecture'],
    ['rpm', '2019-01 Security Update for Adobe Flash Player (KB4480979)', 'KB4480979', null, 'Windows'],
    ['rpm', 'openssl.x86_64:1:3.0.8-1;reboot',           'openssl.x86_64',     null, 'shell text'],
    ['deb', 'libc6.amd64:2.36-9 +deb12u10',              'libc6.amd64',        null],
    ['rpm', 'openssl.x86_64:1:3.0.8-1.amzn2023',         ' openssl.x86_64\n', 'openssl x86_64 1:3.0.8-1.amzn2023'],
    ['rpm', 'openssl.x86_64:1:3.0.8-1',                  'openssl.x86_64:1:3.0.8-1', 'openssl x86_64 1:3.0.8-1',           'both have it all'],
    ['rpm', 'bind.x86_64:32:9.8.2-0.62',                 'bind.x86_64',        'bind x86_64 32:9.8.2-0.62'],
    ['deb', 'adduser.all:3.134',                         'adduser.all',        'adduser all 3.134',                      'debs of Debian itself have no release'],
    ['rpm', 'a.noarch.x86_64:0:1-1',                     'a.noarch:0:1-1',     null, 'two packages, one named like the other’s id'],
    ['rpm', 'nssutil-3:1-2.x86_64',                      'openssl.x86_64',     null, 'another name before the version'],
    ['rpm', 'openssl-1:3.0.8-1.noarch',                  'openssl.x86_64',     null, 'another architecture after it'],
    ['rpm', 'sudo.x86_64:1(none):1.9-1',                 'sudo.x86_64',        null, 'no epoch within an epoch'],
    ['rpm', 'openssl.x86_64:x:1-1',                      'openssl.x86_64',     null, 'a word as an epoch'],
    ['rpm', 'openssl.x86_64:1-1-2',                      'openssl.x86_64',     null, 'two releases'],
  ])('%s %s, %s', (family, title, kbId, is) => {
    const read = readPatchRow(row(title, kbId), family)
    expect(read === undefined ? null : `${read.name} ${read.arch} ${read.version}`).toBe(is)
  })

  // prettier-ignore
  it.each<[state: string, lacking: boolean | undefined]>([
    ['Missing', true], ['MISSING', true], ['Failed', true], ['FAILED', true],
    ['Installed', false], ['INSTALLED_OTHER', false], ['InstalledPendingReboot', false], ['INSTALLED_REJECTED', false], ['NOT_APPLICABLE', false],
    ['AvailableSecurityUpdate', false],
    ['', undefined], ['Superseded', undefined],
  ])('in state %s is lacking: %s', (state, lacking) => {
    expect(isLacking(row('', '', { state }))).toBe(lacking)
  })

  it('has its CVEs one by one, whatever parts them', () => {
    const read = readPatchRow(row('a.x86_64:0:1-1', 'a.x86_64', { cves: ['CVE-2026-0001,CVE-2026-0002', ' CVE-2026-0003 '] }), 'rpm')
    expect(read?.cves).toEqual(['CVE-2026-0001', 'CVE-2026-0002', 'CVE-2026-0003'])
    expect(read).toMatchObject({ classification: 'Security', severity: 'Important', releasedAt: null, advisories: [], installed: '' })
  })

  // prettier-ignore
  it.each<[said: string, is: string]>([
    ['Important', 'Important'],  [' Important ', 'Important'],  ['MODERATE', 'Medium'],  ['Moderately', 'Moderately'],  ['Quite moderate', 'Quite moderate'],
    ['unspecified', ''],         ['Unspecified yet', 'Unspecified yet'],                 ['Left unspecified', 'Left unspecified'],
  ])('as %j is %j', (severity, is) => {
    const read = readPatchRow(row('a.x86_64:0:1-1', 'a.x86_64', { severity, classification: ' Security ' }), 'rpm')
    expect(read).toMatchObject({ severity: is, classification: 'Security' })
  })

  // prettier-ignore
  it.each<[said: string, family: Patch['family'], wanted: string, fits: boolean]>([
    ['Moderate',    'rpm', 'Medium',    true],
    ['Medium',      'rpm', 'Medium',    true],
    ['Unspecified', 'rpm', 'None',      true],
    ['',            'rpm', 'None',      true],
    ['',            'rpm', 'Important', false],
    ['Important',   'rpm', 'Important', true],
    ['Important',   'deb', 'Important', false], // A deb's priority, which is in the same words.
    ['',            'deb', 'None',      false],
  ])('said to be %j of %s fits %s: %s', (severity, family, wanted, fits) => {
    const title = family === 'rpm' ? 'a.x86_64:0:1-1' : 'a.amd64:1-1'
    const read = readPatchRow(row(title, title.split(':')[0] ?? '', { severity }), family)
    expect(read && isCandidate(read, rules({ severity: [wanted] }), NOW)).toBe(fits)
  })

  it('and a scan that says Moderate fits Medium too', () => {
    const scanned = readMissing({ name: 'a', arch: 'x86_64', version: '0:1-1', classification: 'Security', severity: 'Moderate' }, 'rpm')
    expect(scanned && isCandidate(scanned, rules({ severity: ['Medium'] }), NOW)).toBe(true)
  })
})

describe('what is said of Patch Manager’s data', () => {
  const data = (node: string, more: Partial<PatchDataSeen> = {}): PatchDataSeen => ({
    node,
    patchGroup: '',
    baselineId: 'pb-0a',
    snapshotId: '',
    operation: 'Scan',
    endedAt: NOW,
    missing: 1,
    failed: 0,
    ...more,
  })
  const place = { account: '222222222222', region: 'us-east-1', platform: 'amazon-linux-2023' }
  const read = (seen: readonly PatchDataSeen[], more: Partial<PatchManagerRead> = {}): PatchManagerRead => ({
    nodes: seen.map(({ node }) => ({ node, ...place })),
    data: new Map(seen.map((one) => [one.node, one])),
    unreadable: { rows: 0, nodes: 0, example: '' },
    at: NOW,
    ...more,
  })

  it('is nothing when all is well', () => {
    expect(patchManagerRemarks(read([data('i-1'), data('i-2', { endedAt: instant(NOW - DAY) })]))).toEqual([])
  })

  it('counts nodes without data, old data and rows that cannot be read', () => {
    const old = read([data('i-1', { endedAt: instant(NOW - DAY - HOUR) }), data('i-2', { endedAt: null })], {
      unreadable: { rows: 3, nodes: 2, example: 'openssl' },
    })
    const unscanned = { ...old, nodes: [...old.nodes, { node: 'i-3', ...place }] }
    expect(patchManagerRemarks(unscanned)).toEqual([
      '1 node without Patch Manager data: never scanned, nothing is known to be missing on it',
      '2 nodes last scanned by Patch Manager more than a day ago: what they miss may have changed',
      '3 rows of Patch Manager on 2 nodes left out: no exact version can be read from them (one is “openssl”)',
    ])
  })

  it('calls data old after a day and half an hour, and when nobody told how old they are', () => {
    const half = DAY / 48
    expect(patchManagerRemarks(read([data('i-1', { endedAt: instant(NOW - DAY - half) })]))).toEqual([])
    expect(patchManagerRemarks(read([data('i-1', { endedAt: instant(NOW - DAY - half - 1) })]))).toEqual([
      '1 node last scanned by Patch Manager more than a day ago: what it misses may have changed',
    ])
    expect(patchManagerRemarks(read([data('i-1', { endedAt: null })], { at: instant(0) }))).toHaveLength(1)
  })

  // prettier-ignore
  it.each<[rows: number, example: string, says: string]>([
    [1, '',              '1 row of Patch Manager on 1 node left out: no exact version can be read from it'],
    [2, '',              '2 rows of Patch Manager on 1 node left out: no exact version can be read from them'],
    [1, 'x'.repeat(81),  `1 row of Patch Manager on 1 node left out: no exact version can be read from it (one is “${'x'.repeat(80)}”)`],
  ])('tells of %i rows that cannot be read, with no more of one than a line holds', (rows, example, says) => {
    expect(patchManagerRemarks(read([data('i-1')], { unreadable: { rows, nodes: 1, example } }))).toEqual([says])
  })

  it('takes the baseline of most for the right one, and goes by place and name', () => {
    const some = (ids: readonly string[], prefix: string) =>
      ids.map((baselineId, index) => data(`${prefix}${String(index)}`, { baselineId }))
    const near = read(some(['pb-c', 'pb-b', 'pb-a', 'pb-b'], 'i-'))
    const far = read(some(['pb-b', 'pb-a'], 'i-f'))
    const both = {
      ...near,
      nodes: [...near.nodes, ...far.nodes.map((one) => ({ ...one, region: 'eu-west-1' }))],
      data: new Map([...near.data, ...far.data]),
    }
    expect(patchManagerRemarks(both).map((line) => line.slice(0, line.indexOf(' as the rest')))).toEqual([
      '1 node of 222222222222/eu-west-1 (amazon-linux-2023) last judged by patch baseline pb-b, not pb-a',
      '2 nodes of 222222222222/us-east-1 (amazon-linux-2023) last judged by patch baseline pb-a, pb-c, not pb-b',
    ])
  })

  it('names a baseline that has overwritten the data of some, within one patch group', () => {
    const mixed = [data('i-1'), data('i-2'), data('i-3', { baselineId: 'pb-0b' }), data('i-4', { baselineId: 'pb-0c', patchGroup: 'web' })]
    expect(patchManagerRemarks(read(mixed))).toEqual([
      '1 node of 222222222222/us-east-1 (amazon-linux-2023) last judged by patch baseline pb-0b, not pb-0a as the rest: a scan by another one has overwritten the data',
    ])
  })
})

describe('rules that no deb fits', () => {
  const debs = [{ platform: 'ubuntu' }, { platform: 'debian' }, { platform: 'amazon-linux-2023' }]

  it('are told with the count of nodes when every rule asks for what debs do not carry', () => {
    expect(debNodeRemarks(rules({ severity: ['Critical'] }, { cves: ['CVE-2026-0001'], releasedForMs: DAY }), debs)).toEqual([
      '2 nodes with debs: no rule of patches.approve fits a deb, for debs carry no severity, cves, releasedFor; approve them by classification or names',
    ])
  })

  it.each([
    ['one rule asks for nothing of it', rules({ severity: ['Critical'] }, { classification: ['Security'] }), debs],
    ['there are no debs', rules({ severity: ['Critical'] }), [{ platform: 'amazon-linux-2' }]],
    ['nothing is installed', null, debs],
  ])('are not told when %s', (_, rule, nodes) => {
    expect(debNodeRemarks(rule, nodes)).toEqual([])
  })

  it('are told with the count of patches when another rule takes some debs', () => {
    const deb = (name: string): Patch =>
      patch(name, '1-1', { family: 'deb', arch: 'amd64', severity: '', cves: [], advisories: [], releasedAt: null })
    const missing = [[deb('nginx'), deb('sudo')], [deb('sudo')], [patch('sudo')]]
    const rule = rules({ names: ['nginx'] }, { classification: ['Security'], severity: ['Important'] })
    expect(debPatchRemarks(rule, missing, NOW)).toEqual([
      '1 missing deb on 2 nodes left out: the rules that would fit ask for severity, which debs do not carry',
    ])
    expect(debPatchRemarks(rules({ classification: ['Security'] }), missing, NOW)).toEqual([])
    // Where every rule asks for it, the remark on the nodes says more.
    expect(debPatchRemarks(rules({ severity: ['Important'] }), missing, NOW)).toEqual([])
    // An rpm that is not severe enough was judged by what it says.
    expect(debPatchRemarks(rules({ names: ['nginx'] }, { severity: ['Critical'] }), [[patch('sudo')]], NOW)).toEqual([])
  })
})
