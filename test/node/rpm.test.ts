import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, lacking, LATER, listOf, OTHER_RUN, Root, RUN } from './roots.ts'

const why = lacking('rpm')
if (why !== '') console.warn(`SKIPPED: the runner on a real dnf and rpm: ${why}`)

let root: Root
const token = (n: number, run = RUN): { Token: string; StartBefore: string } => ({ Token: `${run}.${n}`, StartBefore: LATER })
const apply = (n: number, lines: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  root.do('Patchwave-Apply', { ...token(n), ...listOf(...lines), ...more })
const rollback = (n: number): Promise<Ended> => root.do('Patchwave-Rollback', { ...token(n, OTHER_RUN), Undo: RUN })
const until = async (text: string): Promise<void> => {
  const { exit } = await root.run(`for i in $(seq 300); do if ${text}; then exit 0; fi; sleep 0.1; done; exit 1`)
  expect(exit, text).toBe(0)
}
const SLOW = { post: 'echo ran >>/ran; while [ ! -e /go ]; do sleep 0.1; done' }

/** foo 1.0 and bar 1:1.0 in the image; foo 2.0 and 3.0, bar 1:2.0 published. */
async function published(...more: readonly Parameters<Root['publish']>[0][]): Promise<void> {
  await root.publish({ name: 'foo', version: '1.0-1.amzn2023' })
  await root.publish({ name: 'bar', version: '1:1.0-1.amzn2023' })
  await root.index()
  await root.image('foo', 'bar')
  const taken = new Set(more.map(({ name, version }) => `${name} ${version}`))
  for (const version of ['2.0', '3.0'])
    if (!taken.has(`foo ${version}-1.amzn2023`)) await root.publish({ name: 'foo', version: `${version}-1.amzn2023` })
  await root.publish({ name: 'bar', version: '1:2.0-1.amzn2023' })
  for (const one of more) await root.publish(one)
  await root.index()
}
const FOO2 = 'foo noarch 0:2.0-1.amzn2023'
const BAR2 = 'bar noarch 1:2.0-1.amzn2023'
const [BEFORE, AFTER] = [
  ['bar 1:1.0-1.amzn2023', 'foo 0:1.0-1.amzn2023'],
  ['bar 1:2.0-1.amzn2023', 'foo 0:2.0-1.amzn2023'],
]

const ADVISORY = (id: string, type: string, severity: string, cves: readonly string[]): string => `
<update from="x" status="final" type="${type}" version="1"><id>${id}</id><title>t</title>${severity}<issued date="2026-10-01 00:00:00"/>
<updated date="2026-10-02 00:00:00"/><description>d</description>
<references>${cves.map((cve) => `<reference href="h" id="${cve}" type="cve" title="${cve}"/>`).join('')}</references>
<pkglist><collection short="s"><name>n</name><package name="foo" version="3.0" release="1.amzn2023" epoch="0" arch="noarch"><filename>f</filename></package>
</collection></pkglist></update>`
const UPDATEINFO = `<?xml version="1.0" encoding="UTF-8"?><updates>${ADVISORY('ALAS2023-2026-001', 'security', '<severity>Important</severity>', ['CVE-2026-1111', 'CVE-2026-1112'])}${ADVISORY('ALAS2023-2026-002', 'bugfix', '', [])}</updates>`

describe.skipIf(why !== '')('the runner on a real dnf and rpm', () => {
  beforeEach(async () => {
    root = await Root.open('rpm')
  })
  afterEach(async () => {
    await root.close()
  })

  it('installs exactly the list, though a newer version exists; the rollback restores; both repeat word for word', async () => {
    await published()
    const ended = await apply(1, [FOO2, BAR2])
    expect(ended).toMatchObject({ exit: 0, line: { verdict: 'patched', reason: 'installed', changed: 2, missing: 0 } })
    expect(await root.installed()).toEqual(AFTER)
    expect((await apply(1, [FOO2, BAR2])).stdout).toBe(ended.stdout)
    const undone = await rollback(1)
    expect(undone).toMatchObject({ exit: 0, line: { verdict: 'rolled-back', reason: 'restored', changed: 2, after: ended.line['before'] } })
    expect(await root.installed()).toEqual(BEFORE)
    expect((await rollback(1)).stdout).toBe(undone.stdout)
  })

  it.each([
    ['needs a package outside the list', 'Requires: baz'],
    ['needs another version than the listed one', 'Requires: bar >= 1:2.0'],
    ['makes a package obsolete', 'Obsoletes: bar'],
  ])('touches nothing when a package %s', async (_, fields) => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', fields }, { name: 'baz', version: '1.0-1' })
    expect(await apply(1, [FOO2])).toMatchObject({ exit: 0, line: { verdict: 'skipped', reason: 'untested-dependency', changed: 0 } })
    expect(await root.installed()).toEqual(BEFORE)
  })

  it('a new package comes along when it is needed and listed, and the rollback removes it', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', fields: 'Requires: baz' }, { name: 'baz', version: '1.0-1' })
    expect((await apply(1, [FOO2, 'baz noarch 0:1.0-1'])).line).toMatchObject({ verdict: 'patched', changed: 2 })
    expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', changed: 2 })
    expect(await root.installed()).toEqual(BEFORE)
  })

  it.each([
    ['noarch', 'x86_64'],
    ['x86_64', 'noarch'],
  ])('a package that goes from %s to %s is the same package, there and back', async (old, next) => {
    await root.publish({ name: 'foo', version: '1.0-1.amzn2023', arch: old })
    await root.index()
    await root.image('foo')
    await root.publish({ name: 'foo', version: '2.0-1.amzn2023', arch: next })
    await root.index()
    expect((await apply(1, [`foo ${next} 0:2.0-1.amzn2023`])).line).toMatchObject({ verdict: 'patched', missing: 0 })
    expect(await root.installed()).toEqual(['foo 0:2.0-1.amzn2023'])
    expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
    expect(await root.installed()).toEqual(['foo 0:1.0-1.amzn2023'])
  })

  it('leaves what is locked to a version, and counts it', async () => {
    await published()
    await root.write('/etc/dnf/plugins/versionlock.list', '# mine\nfoo-0:1.0-1.amzn2023.*\n')
    expect((await apply(1, [FOO2, BAR2])).line).toMatchObject({ verdict: 'patched', changed: 1, missing: 1, held: 1 })
  })

  it('a failing script: rpm takes the package for installed, the runner does not', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: { post: 'exit 3' } })
    expect(await apply(1, [FOO2])).toMatchObject({
      exit: 70,
      line: { verdict: 'failed', reason: 'scriptlet-failed', changed: 1, missing: 0 },
    })
    expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
    expect(await root.installed()).toEqual(BEFORE)
  })

  it.each(['write error: No space left on device', 'another copy is running', 'the key is not signed'])(
    'a failing script is told also where it said why: %s',
    async (cause) => {
      await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: { post: `echo '${cause}' >&2; exit 3` } })
      expect(await apply(1, [FOO2])).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'scriptlet-failed', changed: 1 } })
    },
  )

  it('a failing script of what is put back: rpm takes it for installed, the runner does not', async () => {
    await root.publish({ name: 'foo', version: '1.0-1.amzn2023', scripts: { post: '[ ! -e /bad ] || exit 3' } })
    await root.publish({ name: 'bar', version: '1:1.0-1.amzn2023' })
    await root.index()
    await root.image('foo', 'bar')
    await root.publish({ name: 'foo', version: '2.0-1.amzn2023', scripts: { postun: 'exit 4' } })
    await root.index()
    expect((await apply(1, [FOO2])).line).toMatchObject({ verdict: 'patched' })
    await root.run('touch /bad')
    expect(await rollback(1)).toMatchObject({ exit: 70, line: { verdict: 'rollback-failed', reason: 'scriptlet-failed', changed: 1 } })
    expect(await root.installed()).toEqual(BEFORE)
  })

  it('a failing script of what goes stands in no way', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: { postun: 'exit 4' } })
    expect((await apply(1, [FOO2])).line).toMatchObject({ verdict: 'patched' })
    expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
  })

  it('a failing script is not forgotten over a boot: there is none', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: { post: 'exit 3' } })
    expect(await apply(1, [FOO2], { Reboot: 'always' })).toMatchObject({
      exit: 70,
      line: { verdict: 'failed', reason: 'scriptlet-failed' },
    })
  })

  it('the lock of a tool that uses dnf as a library is left alone', async () => {
    await published()
    await root.run(`mkdir -p /var/lib/dnf; python3 -c 'import time; time.sleep(60)' >/dev/null 2>&1 & echo $! >/var/lib/dnf/rpmdb_lock.pid`)
    root.edit = Root.constants({ LOCK_WAIT: 2 })
    expect(await apply(1, [FOO2])).toMatchObject({ exit: 75, line: { verdict: 'failed', reason: 'lock-held', changed: 0 } })
    expect((await root.run('cat /var/lib/dnf/rpmdb_lock.pid')).exit).toBe(0)
  })

  it('a failing script before the files', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: { pre: 'exit 3' } })
    expect(await apply(1, [FOO2])).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'scriptlet-failed', missing: 1 } })
    expect(await root.installed()).toEqual(BEFORE)
  })

  it.each([
    ['unknown-version', 'true', 'foo noarch 0:2.5-1.amzn2023'],
    ['repository-unreachable', 'mv /repository /elsewhere; rm -rf /var/cache/dnf', FOO2],
    ['repository-unreachable', 'rm /repository/noarch/foo-2.0*', FOO2],
    ['checksum', 'f=/repository/noarch/foo-2.0-1.amzn2023.noarch.rpm; head -c -1 $f >/x; printf X >>/x; mv /x $f', FOO2],
    ['dependency', 'true', 'broken noarch 0:2.0-1'],
  ])('%s, and nothing is changed', async (reason, mischief, line) => {
    await root.publish({ name: 'broken', version: '1.0-1' })
    await published({ name: 'broken', version: '2.0-1', fields: 'Requires: nowhere' })
    await root.image('broken-1.0')
    await root.run(mischief)
    expect(await apply(1, [line])).toMatchObject({ exit: 70, line: { verdict: 'failed', reason, changed: 0, missing: 1 } })
    expect(await root.installed()).toEqual(['bar 1:1.0-1.amzn2023', 'broken 0:1.0-1', 'foo 0:1.0-1.amzn2023'])
  })

  it('a file of another package', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', files: { '/opt/bar/version': 'mine' } })
    expect(await apply(1, [FOO2])).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'dependency', changed: 0 } })
  })

  it('a version that is gone cannot be restored: nothing is done', async () => {
    await published()
    await apply(1, [FOO2, BAR2])
    await root.run('rm /repository/noarch/foo-1.0*')
    await root.index()
    expect(await rollback(1)).toMatchObject({ exit: 70, line: { verdict: 'rollback-failed', reason: 'version-unavailable', changed: 0 } })
    expect(await root.installed()).toEqual(AFTER)
  })

  it('the kill of its process group does not cut the transaction', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: SLOW })
    const parameters = { ...token(1), ...listOf(FOO2) }
    const child = await root.start('Patchwave-Apply', parameters)
    await until('[ -e /ran ]')
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    const again = root.do('Patchwave-Apply', parameters)
    await root.run('sleep 0.5; touch /go')
    expect((await again).line).toMatchObject({ verdict: 'patched', changed: 1 })
    expect((await root.run('grep -c . /ran')).stdout.trim()).toBe('1')
  })

  it('a loss of power in the transaction: both versions are registered, the repair leaves one, the rollback restores', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: SLOW })
    const parameters = { ...token(1), ...listOf(FOO2) }
    void root.start('Patchwave-Apply', parameters)
    await until('[ -e /ran ]')
    await root.powerLoss()
    expect((await root.installed()).filter((line) => line.startsWith('foo'))).toHaveLength(2)
    await root.run('touch /go')
    expect(await root.do('Patchwave-Apply', parameters)).toMatchObject({
      exit: 74,
      line: { verdict: 'failed', reason: 'interrupted', changed: 1 },
    })
    expect(await root.installed()).toEqual(['bar 1:1.0-1.amzn2023', 'foo 0:2.0-1.amzn2023'])
    expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
    expect(await root.installed()).toEqual(BEFORE)
  })

  it('what the package manager has done is on the disk before it is told', async () => {
    await published()
    await root.run(
      `mv /usr/bin/sync /usr/bin/whole-sync && printf '#!/bin/sh\\ncat /opt/foo/version >>/synced; echo "$@" >>/synced; exec whole-sync "$@"\\n' >/usr/bin/sync && chmod 755 /usr/bin/sync`,
    )
    await apply(1, [FOO2])
    const synced = root.read('/synced')
    const whole = synced.indexOf('2.0-1.amzn2023\n-f / /usr /var /boot\n')
    expect(whole).toBeGreaterThan(0)
    expect(synced.slice(whole)).toContain(`/markers/${RUN}.1.new.`)
  })

  it('what was cut off is not repaired while the package manager still works', async () => {
    await published({ name: 'foo', version: '2.0-1.amzn2023', scripts: SLOW })
    await root.run(
      `mkdir /usr/lib/whole && mv /usr/bin/rpm /usr/lib/whole/rpm && printf '#!/bin/sh\\ncase " $* " in *" -e "*|*--rebuilddb*) echo "$*" >>/meddled ;; esac\\nexec /usr/lib/whole/rpm "$@"\\n' >/usr/bin/rpm && chmod 755 /usr/bin/rpm`,
    )
    const parameters = { ...token(1), ...listOf(FOO2) }
    root.edit = Root.constants({ LOCK_WAIT: 1, LOCK_STEP: 1 })
    void root.start('Patchwave-Apply', parameters)
    await until('[ -e /ran ]')
    await root.run(`for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <"$p/cmdline") in *"/runner/"*) kill -9 "\${p#/proc/}" ;; esac; done`)
    const ended = await Promise.race([root.do('Patchwave-Apply', parameters), until('[ -e /meddled ]')])
    expect(ended).toMatchObject({ exit: 74, line: { verdict: 'failed', reason: 'interrupted' } })
    await root.run('touch /go')
    await until('[ "$(rpm -q foo | wc -l)" = 1 ]')
    expect(await apply(1, [FOO2])).toMatchObject({ exit: 74, line: { reason: 'interrupted', changed: 1 } })
    expect(await root.installed()).toEqual(['bar 1:1.0-1.amzn2023', 'foo 0:2.0-1.amzn2023'])
  })

  it('a kernel comes beside the old one and wants a boot; the rollback removes it', async () => {
    await root.publish({ name: 'kernel', version: '6.1.1-1.amzn2023' })
    await published()
    await root.image('kernel')
    await root.runs('6.1.1-1.amzn2023.noarch')
    await root.publish({ name: 'kernel', version: '6.1.2-1.amzn2023' })
    await root.index()
    expect((await apply(1, ['kernel noarch 0:6.1.2-1.amzn2023'], { Kernel: 'install' })).line).toMatchObject({
      verdict: 'patched',
      changed: 1,
      reboot: 'wanted',
      kernelnew: '6.1.2-1.amzn2023.noarch',
    })
    expect((await root.installed()).filter((line) => line.startsWith('kernel'))).toHaveLength(2)
    expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', changed: 1 })
    expect((await root.installed()).filter((line) => line.startsWith('kernel'))).toEqual(['kernel 0:6.1.1-1.amzn2023'])
  })

  it('a core package wants a boot, on the way there and on the way back', async () => {
    await root.publish({ name: 'systemd', version: '1.0-1' })
    await root.publish({ name: 'systemd', version: '2.0-1' })
    await root.index()
    await root.image('systemd-1.0')
    const there = { ...token(1), ...listOf('systemd noarch 0:2.0-1'), Reboot: 'if-needed' }
    const back = { ...token(1, OTHER_RUN), Undo: RUN, Reboot: 'if-needed' }
    for (const [document, parameters, verdict] of [['Patchwave-Apply', there, 'patched'], ['Patchwave-Rollback', back, 'rolled-back']] as const) {
      expect(await root.do(document, parameters)).toMatchObject({ exit: 194, stdout: '' })
      expect(await root.do(document, parameters)).toMatchObject({ exit: 194, stdout: '' })
      await root.boot()
      expect(await root.do(document, parameters)).toMatchObject({ exit: 0, line: { verdict, changed: 1, missing: 0 } })
    }
    expect(await root.installed()).toEqual(['systemd 0:1.0-1'])
  }) // prettier-ignore

  it('scans with advisories', async () => {
    await published({ name: 'foo', version: '3.0-1.amzn2023', fields: 'Requires: baz' }, { name: 'baz', version: '1.0-1' })
    await root.index('', UPDATEINFO)
    const { line, rest } = await root.do('Patchwave-Scan', token(1))
    expect(line).toMatchObject({ verdict: 'scanned', missing: 3 })
    const none = { classification: '', severity: '', advisories: [], cves: [], releasedAt: null }
    expect(
      rest
        .trim()
        .split('\n')
        .map((row) => JSON.parse(row) as unknown),
    ).toEqual([
      { name: 'bar', arch: 'noarch', version: '1:2.0-1.amzn2023', installed: '1:1.0-1.amzn2023', ...none },
      { name: 'baz', arch: 'noarch', version: '0:1.0-1', installed: '', ...none },
      {
        name: 'foo', arch: 'noarch', version: '0:3.0-1.amzn2023', installed: '0:1.0-1.amzn2023', classification: 'Security', severity: 'Important',
        advisories: ['ALAS2023-2026-001', 'ALAS2023-2026-002'], cves: ['CVE-2026-1111', 'CVE-2026-1112'], releasedAt: Date.UTC(2026, 9, 2) / 1000,
      },
      { end: true, count: 3, digest: line['list'] },
    ]) // prettier-ignore
  })

  it('a scan lists what can be had, and counts and names what cannot', async () => {
    await published({ name: 'foo', version: '3.0-1.amzn2023', fields: 'Requires: nowhere' }, { name: 'broken', version: '1.0-1' })
    await root.image('broken')
    await root.publish({ name: 'broken', version: '2.0-1', fields: 'Requires: nowhere' })
    await root.index('', UPDATEINFO)
    const { line, rest, stderr } = await root.do('Patchwave-Scan', token(1))
    expect(line).toMatchObject({ verdict: 'scanned', missing: 3 })
    // The newest foo cannot be had; the one before it can.
    expect(
      [...rest.matchAll(/"name":"(\w+)","arch":"noarch","version":"([^"]+)"/g)].map(([, name, version]) => `${name} ${version}`),
    ).toEqual(['bar 1:2.0-1.amzn2023', 'foo 0:2.0-1.amzn2023'])
    expect(stderr).toContain('nothing newer can be installed: broken noarch\n')
    expect((await apply(2, [FOO2, BAR2])).line).toMatchObject({ verdict: 'patched', changed: 2 })
    expect((await root.do('Patchwave-Scan', token(3))).line).toMatchObject({ verdict: 'scanned', missing: 2 })
  })

  it('a scan of a repository that does not answer fails; an apply goes on with what it has read before', async () => {
    await published()
    await root.run(
      'dnf --refresh makecache; mv /repository/repodata /elsewhere; sed -i s/^metadata_expire.*/metadata_expire=9999/ /etc/yum.repos.d/local.repo',
    )
    expect((await root.do('Patchwave-Scan', token(1))).line).toMatchObject({ verdict: 'failed', reason: 'repository-unreachable' })
    expect((await apply(2, [FOO2])).line).toMatchObject({ verdict: 'patched', changed: 1 })
    expect((await apply(3, ['foo noarch 0:9-1'])).line).toMatchObject({ verdict: 'failed', reason: 'repository-unreachable', changed: 0 })
  })
})
