import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readMissing } from '../../src/core/plan/classify.ts'
import { readResult } from '../../src/core/run/verdict.ts'
import { type Ended, lacking, LATER, listOf, Root, RUN } from './roots.ts'

const why = lacking('apt')
if (why !== '') console.warn(`SKIPPED: the reading verbs of the runner: ${why}`)

let root: Root
const ask = (document: string, n: number, more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  root.do(document, { Token: `${RUN}.${n}`, StartBefore: LATER, ...more })

describe.skipIf(why !== '')('the verbs that read', () => {
  beforeEach(async () => {
    root = await Root.open('apt')
  })
  afterEach(async () => {
    await root.close()
  })

  it('scan lists what is missing and what would come with it; what is cut off is fetched, and is the same', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `package-with-a-long-name-${String(i).padStart(3, '0')}`)
    await root.run(
      names
        .map(
          (name) =>
            `printf 'Package: ${name}\\nStatus: install ok installed\\nVersion: 1.0-1\\nArchitecture: all\\nMaintainer: t\\nDescription: d\\n\\n' >>/var/lib/dpkg/status; : >/var/lib/dpkg/info/${name}.list`,
        )
        .join('\n'),
    )
    await root.run(
      names
        .map(
          (name) =>
            `printf 'Package: ${name}\\nVersion: 1.0-2\\nArchitecture: all\\nFilename: ./x.deb\\nSize: 1\\nSHA256: ${'0'.repeat(64)}\\nDepends: extra\\nDescription: d\\n\\n' >>/repository/Packages`,
        )
        .join('\n') +
        `\nprintf 'Package: extra\\nVersion: 1:2\\nArchitecture: all\\nFilename: ./y.deb\\nSize: 1\\nSHA256: ${'0'.repeat(64)}\\nDescription: d\\n\\n' >>/repository/Packages
        cd /repository && apt-ftparchive -o APT::FTPArchive::Release::Suite=stable-security release . >/Release && mv /Release Release`,
    )
    const scanned = await ask('Patchwave-Scan', 1)
    expect(scanned).toMatchObject({ exit: 0, line: { verdict: 'scanned', reason: 'scanned', missing: 121, changed: 0 } })
    const rows = scanned.rest.split('\n').slice(0, -2)
    expect(rows).toHaveLength(121)
    expect(JSON.parse(rows[0] ?? '')).toEqual({
      name: 'extra', arch: 'all', version: '1:2', installed: '', classification: 'Security', severity: '', advisories: [], cves: [], releasedAt: null,
    }) // prettier-ignore
    expect(rows.every((row) => readMissing(JSON.parse(row), 'deb') !== undefined)).toBe(true)
    const text = rows.map((row) => `${row}\n`).join('')
    const digest = createHash('sha256').update(text).digest('hex')
    expect(JSON.parse(scanned.rest.split('\n').at(-2) ?? '')).toEqual({ end: true, count: 121, digest })
    expect(scanned.line['list']).toBe(digest)
    expect(text.length).toBeGreaterThan(16_500)

    const first = await ask('Patchwave-Fetch', 900_000_000, { Digest: digest })
    expect(first.line).toMatchObject({ verdict: 'scanned', missing: text.length - 16_500 })
    expect(first.stdout.length).toBeLessThan(24_000)
    const second = await ask('Patchwave-Fetch', 900_000_001, { Digest: digest, Offset: '16500' })
    expect(second.line).toMatchObject({ missing: 0 })
    expect(Buffer.concat([first, second].map(({ rest }) => Buffer.from(rest.trim(), 'base64'))).toString()).toBe(text)

    await root.run('echo more >>/repository/Packages')
    expect((await ask('Patchwave-Scan', 1)).stdout).toBe(scanned.stdout)
  })

  it('a deb that comes from no security archive is a bugfix; of none is a severity known', async () => {
    await root.publish({ name: 'foo', version: '1.0' })
    await root.index('stable-updates')
    await root.image('foo')
    await root.publish({ name: 'foo', version: '2.0' })
    await root.index('stable-updates')
    const row = { name: 'foo', arch: 'all', version: '2.0', installed: '1.0', severity: '', advisories: [], cves: [], releasedAt: null }
    expect(JSON.parse((await ask('Patchwave-Scan', 1)).rest.split('\n')[0] ?? '')).toEqual({ ...row, classification: 'Bugfix' })
    await root.index('stable-security')
    expect(JSON.parse((await ask('Patchwave-Scan', 2)).rest.split('\n')[0] ?? '')).toEqual({ ...row, classification: 'Security' })
    // What apt keeps back is missing, but no row.
    await root.publish({ name: 'foo', version: '3.0', fields: 'Depends: nowhere' })
    await root.index()
    await root.run(
      'rm /repository/foo_2.0*; cd /repository && apt-ftparchive packages . >Packages && apt-ftparchive release . >/Release && mv /Release Release',
    )
    const { line, rest, stderr } = await ask('Patchwave-Scan', 3)
    expect(line).toMatchObject({ verdict: 'scanned', missing: 1 })
    expect(JSON.parse(rest)).toMatchObject({ end: true, count: 0 })
    expect(stderr).toContain('nothing newer can be installed: foo')
  })

  it('fetch knows no text under another digest, nor one that was changed', async () => {
    const { line } = await ask('Patchwave-Verify', 1, listOf())
    const digest = String(line['after'])
    expect((await ask('Patchwave-Fetch', 2, { Digest: digest })).exit).toBe(0)
    expect(await ask('Patchwave-Fetch', 3, { Digest: '0'.repeat(64) })).toMatchObject({ exit: 64, line: { reason: 'bad-parameter' } })
    await root.write(`/var/lib/patchwave/lists/${digest}`, 'another text')
    expect(await ask('Patchwave-Fetch', 4, { Digest: digest })).toMatchObject({ exit: 64, line: { reason: 'bad-parameter' } })
  })

  it('check runs a script that only root can write, within its time', async () => {
    const check = (n: number, script: string): Promise<Ended> => ask('Patchwave-Check', n, { Script: script, Timeout: '1' })
    await root.write('/opt/good', '#!/bin/sh\necho fine; echo ran >>/count', '755')
    await root.write('/opt/bad', '#!/bin/sh\nexit 1', '755')
    await root.write('/opt/slow', '#!/bin/sh\nsleep 30', '755')
    await root.write('/opt/open', '#!/bin/sh\nexit 0', '777')
    expect(await check(1, '/opt/good')).toMatchObject({ exit: 0, line: { verdict: 'passed', reason: 'passed' }, rest: '' })
    expect(await check(1, '/opt/good')).toMatchObject({ exit: 0, line: { verdict: 'passed' } })
    expect((await root.run('grep -c . /count')).stdout.trim()).toBe('1')
    expect(await check(2, '/opt/bad')).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'check-failed' } })
    expect(await check(3, '/opt/slow')).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'timeout' } })
    expect(await check(4, '/opt/open')).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'check-failed' } })
    expect(await check(5, '/opt/none')).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'check-failed' } })
  })

  it('verify tells what stands below the list', async () => {
    await root.publish({ name: 'foo', version: '1.0' })
    await root.index()
    await root.image('foo')
    expect((await ask('Patchwave-Verify', 1, listOf('foo all 1.0', 'other all 9'))).line).toMatchObject({
      verdict: 'not-needed',
      reason: 'nothing-missing',
      missing: 0,
    })
    expect(await ask('Patchwave-Verify', 2, listOf('foo all 1.1'))).toMatchObject({
      exit: 70,
      line: { verdict: 'failed', reason: 'not-installed', missing: 1 },
    })
  })

  it('counts the processes that still run a file which was replaced', async () => {
    expect((await ask('Patchwave-Verify', 1, listOf())).line).toMatchObject({ stale: 0 })
    await root.run(
      'cp /bin/sleep /opt/sleeper; /opt/sleeper 60 >/dev/null 2>&1 & sleep 0.3; cp /bin/sleep /opt/new; mv /opt/new /opt/sleeper',
    )
    expect((await ask('Patchwave-Verify', 2, listOf())).line).toMatchObject({ stale: 1 })
  })

  it('live-patch status changes nothing, and where no systemd runs nothing is restarted', async () => {
    expect((await ask('Patchwave-LivePatch', 1)).line).toMatchObject({ verdict: 'passed', live: 0, covered: 0 })
    expect((await ask('Patchwave-LivePatch', 2, { Mode: 'enable' })).line).toMatchObject({
      verdict: 'skipped',
      reason: 'livepatch-unsupported',
      changed: 0,
    })
    expect((await ask('Patchwave-Restart', 3)).line).toMatchObject({ verdict: 'restarted', reason: 'nothing-stale' })
  })

  describe('parameters', () => {
    const QUOTE = String.raw`'; touch /broken; '`
    it.each([
      ['Patchwave-Apply', { Token: 'x' }],
      ['Patchwave-Apply', { Token: `${RUN}.1\n` }],
      ['Patchwave-Apply', { Token: `${RUN}.1$(touch /broken)` }],
      ['Patchwave-Apply', { StartBefore: '1e9' }],
      ['Patchwave-Apply', { Reboot: 'now' }],
      ['Patchwave-Apply', { List: 'Zm9v!' }],
      ['Patchwave-Apply', listOf('foo all 1.0; touch /broken')],
      ['Patchwave-Apply', listOf('--force all 1.0')],
      ['Patchwave-Apply', listOf('foo all $(touch /broken)')],
      ['Patchwave-Apply', listOf('foo all 1.0 more')],
      ['Patchwave-Apply', listOf('foo all 1.0\u0000')],
      ['Patchwave-Apply', { ...listOf(), List: 'A'.repeat(32_004) }],
      ['Patchwave-Verify', { ...listOf(), List: 'A'.repeat(2_000_000) }],
      ['Patchwave-Rollback', { Undo: '../../etc' }],
      ['Patchwave-Check', { Script: '/opt/../etc/x', Timeout: '1' }],
      ['Patchwave-Check', { Script: '/opt/x', Timeout: '0' }],
      ['Patchwave-Check', { Script: 'opt/x', Timeout: '1' }],
      ['Patchwave-Fetch', { Digest: '../lock' }],
      ['Patchwave-Fetch', { Digest: '0'.repeat(64), Offset: '08' }],
      ['Patchwave-Apply', { Kernel: 'remove' }],
      ['Patchwave-Apply', { ...listOf(), List: '=' }],
      ['Patchwave-Apply', { Token: '0190a1b2-c3d4-7e5f-8a6b-0123-56789ab.1' }],
      ['Patchwave-Apply', { Token: `${RUN}.1.1` }],
      ['Patchwave-Verify', { ...listOf(), Record: 'maybe' }],
      ['Patchwave-LivePatch', { Mode: 'disable' }],
    ])('%s refuses %o', async (document, given) => {
      const { exit, line } = await ask(document, 1, { ...(document === 'Patchwave-Apply' ? listOf() : {}), ...given })
      expect({ exit, line }).toMatchObject({ exit: 64, line: { pw: 1, verdict: 'failed', reason: 'bad-parameter' } })
      expect((await root.run('ls /broken /var/lib/patchwave/markers')).stdout.trim()).toBe('/var/lib/patchwave/markers:')
    })

    it('a list that is not what its digest says, is not sorted, or has a line twice', async () => {
      const text = (lines: string): Record<string, string> => ({
        List: Buffer.from(lines).toString('base64'),
        ListDigest: createHash('sha256').update(lines).digest('hex'),
      })
      expect(await ask('Patchwave-Apply', 1, { ...text('foo all 1\n'), ListDigest: '0'.repeat(64) })).toMatchObject({
        exit: 64,
        line: { verdict: 'failed', reason: 'list-digest' },
      })
      for (const lines of ['foo all 1\nbar all 1\n', 'foo all 1\nfoo all 1\n', 'foo all 1', '\n'])
        expect((await ask('Patchwave-Apply', 1, text(lines))).line).toMatchObject({ reason: 'bad-parameter' })
      expect((await ask('Patchwave-Apply', 1, text('bar all 1\nfoo all 1\n'))).line).toMatchObject({ verdict: 'not-needed' })
    })

    it('what a hostile sender puts into the environment past the patterns is refused all the same', async () => {
      const { stdout } = await root.run(
        `PATCHWAVE_TOKEN=${JSON.stringify(QUOTE)} PATCHWAVE_STARTBEFORE=1 sh /var/lib/patchwave/runner/* apply 2>&1; sh -c 'ls /broken' 2>&1`,
      )
      expect(stdout).not.toMatch(/^\/broken$/m)
    })
  })

  it('a node whose platform it does not know is left alone', async () => {
    await root.write('/etc/os-release', 'ID=plan9\n')
    expect(await ask('Patchwave-Apply', 1, listOf('foo all 1.0'))).toMatchObject({
      exit: 69,
      line: { verdict: 'failed', reason: 'no-runner', changed: 0 },
    })
  })

  it('the result line is what the engine reads', async () => {
    const { stdout, line } = await ask('Patchwave-Verify', 1, listOf())
    expect(readResult(stdout)).toMatchObject({
      token: `${RUN}.1`,
      verdict: 'not-needed',
      after: line['after'],
      kernel: line['kernel'],
      boot: line['boot'],
    })
    expect(stdout.split('\n')[0]?.length).toBeLessThan(2_400)
  })

  it('a runner on the node that is not what its name says is written anew', async () => {
    await ask('Patchwave-Verify', 1, listOf())
    await root.run('for f in /var/lib/patchwave/runner/*; do echo "touch /broken" >"$f"; done')
    expect((await ask('Patchwave-Verify', 2, listOf())).line).toMatchObject({ verdict: 'not-needed' })
    expect((await root.run('ls /broken')).exit).not.toBe(0)
  })
})
