import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, lacking, LATER, listOf, OTHER_RUN, Root, RUN } from './roots.ts'

const why = lacking('apt')
if (why !== '') console.warn(`SKIPPED: the runner on a real apt and dpkg: ${why}`)

let root: Root
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const token = (n: number, run = RUN): { Token: string; StartBefore: string } => ({ Token: `${run}.${n}`, StartBefore: LATER })
const apply = (n: number, lines: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  root.do('Patchwave-Apply', { ...token(n), ...listOf(...lines), ...more })
const rollback = (n: number, more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  root.do('Patchwave-Rollback', { ...token(n, OTHER_RUN), Undo: RUN, ...more })
const out = async (text: string): Promise<string> => (await root.run(text)).stdout.trim()
/** Waits until a command inside succeeds. */
const until = async (text: string): Promise<void> => {
  const { exit } = await root.run(`for i in $(seq 300); do if ${text}; then exit 0; fi; sleep 0.1; done; exit 1`)
  expect(exit, text).toBe(0)
}
const FAILING = { postinst: 'echo no >&2; exit 3' }
/** A script that works until a file allows it to end, and counts how often it began. */
const SLOW = { postinst: 'echo ran >>/ran; while [ ! -e /go ]; do sleep 0.1; done' }

/** foo and bar at 1.0 in the image; foo 2.0 and 3.0, bar 2.0 published. */
async function published(...more: readonly Parameters<Root['publish']>[0][]): Promise<void> {
  await root.publish({ name: 'foo', version: '1.0' })
  await root.publish({ name: 'bar', version: '1:1.0', arch: 'amd64' })
  await root.index()
  await root.image('foo=1.0', 'bar=1:1.0')
  const taken = new Set(more.map(({ name, version }) => `${name} ${version}`))
  for (const version of ['2.0', '3.0']) if (!taken.has(`foo ${version}`)) await root.publish({ name: 'foo', version })
  if (!taken.has('bar 1:2.0')) await root.publish({ name: 'bar', version: '1:2.0', arch: 'amd64' })
  for (const one of more) await root.publish(one)
  await root.index()
}

describe.skipIf(why !== '')('the runner on a real apt and dpkg', () => {
  beforeEach(async () => {
    root = await Root.open('apt')
  })
  afterEach(async () => {
    await root.close()
  })

  describe('apply', () => {
    it('installs exactly the list, though newer versions exist, and repeats its answer word for word', async () => {
      await published()
      const before = sha256('bar amd64 1:1.0\nfoo all 1.0\n')
      const after = sha256('bar amd64 1:2.0\nfoo all 2.0\n')
      const ended = await apply(1, ['bar amd64 1:2.0', 'foo all 2.0'])
      expect(ended).toMatchObject({ exit: 0, rest: '' })
      expect(ended.line).toMatchObject({
        pw: 1,
        token: `${RUN}.1`,
        verdict: 'patched',
        reason: 'installed',
        changed: 2,
        missing: 0,
        before,
        after,
      })
      expect(await root.installed()).toEqual(['bar 1:2.0', 'foo 2.0'])
      expect((await apply(1, ['bar amd64 1:2.0', 'foo all 2.0'])).stdout).toBe(ended.stdout)
      expect(await out('grep -c ^Commandline /var/log/apt/history.log')).toBe('2')
      expect(await out(`cat /var/lib/patchwave/lists/${before}`)).toBe('bar amd64 1:1.0\nfoo all 1.0')
    })

    it('adds nothing that was not there, leaves what is newer, and says when nothing is missing', async () => {
      await published()
      await root.image('foo=3.0')
      const ended = await apply(1, ['absent all 1.0', 'bar amd64 1:1.0', 'foo all 2.0'])
      expect(ended).toMatchObject({ exit: 0, line: { verdict: 'not-needed', reason: 'nothing-missing', changed: 0, missing: 0 } })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 3.0'])
    })

    it.each([
      ['a package outside the list', 'Depends: baz', ['foo all 2.0']],
      ['another version than the listed one', 'Depends: bar (>= 1:2.0)', ['foo all 2.0']],
      ['a removal', 'Conflicts: bar', ['foo all 2.0']],
    ])('touches nothing when it would need %s', async (_, fields, lines) => {
      await published({ name: 'foo', version: '2.0', fields }, { name: 'baz', version: '1.0' })
      expect(await apply(1, lines)).toMatchObject({
        exit: 0,
        line: { verdict: 'skipped', reason: 'untested-dependency', changed: 0, missing: 1 },
      })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 1.0'])
    })

    it('a new package comes along when it is needed and listed, and the rollback removes it', async () => {
      await published({ name: 'foo', version: '2.0', fields: 'Depends: baz' }, { name: 'baz', version: '1.0' })
      expect((await apply(1, ['baz all 1.0', 'foo all 2.0'])).line).toMatchObject({ verdict: 'patched', changed: 2 })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'baz 1.0', 'foo 2.0'])
      expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored', changed: 2 })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 1.0'])
    })

    it.each([
      ['all', 'amd64'],
      ['amd64', 'all'],
    ])('a package that goes from %s to %s is the same package, there and back', async (old, next) => {
      await root.publish({ name: 'foo', version: '1.0', arch: old })
      await root.index()
      await root.image('foo')
      await root.publish({ name: 'foo', version: '2.0', arch: next })
      await root.index()
      expect((await apply(1, [`foo ${next} 2.0`])).line).toMatchObject({ verdict: 'patched', missing: 0 })
      expect(await root.installed()).toEqual(['foo 2.0'])
      expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
      expect(await root.installed()).toEqual(['foo 1.0'])
    })

    it('leaves what the administrator holds, and counts it', async () => {
      await published()
      await root.run('apt-mark hold foo')
      expect((await apply(1, ['bar amd64 1:2.0', 'foo all 2.0'])).line).toMatchObject({
        verdict: 'patched',
        changed: 1,
        missing: 1,
        held: 1,
      })
      expect((await apply(2, ['foo all 2.0'])).line).toMatchObject({ verdict: 'skipped', reason: 'held', missing: 1, held: 1 })
      expect(await root.installed()).toEqual(['bar 1:2.0', 'foo 1.0'])
    })

    it('a package script sees nothing of what the command carried', async () => {
      await published({ name: 'foo', version: '2.0', scripts: { postinst: 'env | grep ^PATCHWAVE >/seen; true' } })
      expect((await apply(1, ['foo all 2.0'])).line).toMatchObject({ verdict: 'patched' })
      expect(await out('cat /seen')).toBe('')
    })

    it('installs its own agent last, in a command of its own', async () => {
      await root.publish({ name: 'amazon-ssm-agent', version: '1.0' })
      await published()
      await root.image('amazon-ssm-agent=1.0')
      await root.publish({ name: 'amazon-ssm-agent', version: '2.0' })
      await root.index()
      expect((await apply(1, ['amazon-ssm-agent all 2.0', 'foo all 2.0'])).line).toMatchObject({ verdict: 'patched', changed: 2 })
      const commands = (await out('grep ^Upgrade: /var/log/apt/history.log')).split('\n')
      expect(commands).toHaveLength(2)
      expect(commands[0]).toContain('foo')
      expect(commands[1]).toContain('amazon-ssm-agent')
    })
  })

  describe('what can go wrong, by what the package manager says', () => {
    it('a failing script: scriptlet-failed, and the rollback restores', async () => {
      await published({ name: 'foo', version: '2.0', scripts: FAILING })
      expect(await apply(1, ['bar amd64 1:2.0', 'foo all 2.0'])).toMatchObject({
        exit: 70,
        line: { verdict: 'failed', reason: 'scriptlet-failed', missing: 1 },
      })
      expect(await out('dpkg --audit')).toContain('foo')
      expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 1.0'])
      expect(await out('dpkg --audit')).toBe('')
    })

    it('an unknown version', async () => {
      await published()
      expect(await apply(1, ['bar amd64 1:2.0', 'foo all 2.5'])).toMatchObject({
        exit: 70,
        line: { reason: 'unknown-version', changed: 0 },
      })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 1.0'])
    })

    it('a repository that is gone', async () => {
      await published()
      await root.run('mv /repository /elsewhere; rm -rf /var/lib/apt/lists/*')
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 70, line: { reason: 'repository-unreachable', changed: 0 } })
    })

    it('a package that is not in the repository that names it', async () => {
      await published()
      await root.run('rm /repository/foo_2.0_all.deb')
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 70, line: { reason: 'repository-unreachable', changed: 0 } })
    })

    it('a package that is not what its checksum says: nothing is installed', async () => {
      await published()
      await root.run('cd /repository && head -c -1 foo_2.0_all.deb >x && printf X >>x && mv x foo_2.0_all.deb')
      expect(await apply(1, ['bar amd64 1:2.0', 'foo all 2.0'])).toMatchObject({ exit: 70, line: { reason: 'checksum', changed: 0 } })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 1.0'])
    })

    it('no room for what it brings', async () => {
      await published({ name: 'foo', version: '2.0', size: 2_000_000_000 })
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 70, line: { reason: 'disk-full', changed: 0 } })
    })

    it('a disk that is full already, for the marker or for the runner itself', async () => {
      await published()
      const full = 'head -c 2G /dev/zero >/fill'
      await root.run(full)
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'disk-full', changed: 0 } })
      await root.run('rm /fill')
      await root.do('Patchwave-Verify', { ...token(3), ...listOf() })
      await root.run(full)
      expect(await apply(2, ['foo all 2.0'])).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'disk-full', changed: 0 } })
      await root.run('rm /fill')
      expect((await apply(2, ['foo all 2.0'])).line).toMatchObject({ verdict: 'patched', changed: 1 })
    })

    it.each([22, 30])('no room for its own texts is no answer of the packages: %i pages', async (pages) => {
      await published()
      await root.run(`mount -o remount,size=${String(pages * 4)}k /run`)
      expect((await apply(1, ['foo all 2.0'])).line).toMatchObject({ verdict: 'patched', changed: 1 })
      await root.run('for folder in /run /tmp; do mount -o remount,size=1m "$folder"; done')
      const ended = await apply(2, ['foo all 2.0'])
      expect(ended.exit).toBe(70)
      expect(ended.stdout).toBe('')
    })

    it('a run whose transaction changed nothing does not stand in the way of undoing the one before', async () => {
      await published({ name: 'bar', version: '1:3.0', arch: 'amd64', files: { '/opt/foo/version': 'mine' } })
      expect((await apply(1, ['foo all 2.0'])).line).toMatchObject({ verdict: 'patched' })
      const later = { ...token(1, OTHER_RUN), ...listOf('bar amd64 1:3.0') }
      expect((await root.do('Patchwave-Apply', later)).line).toMatchObject({ verdict: 'failed', reason: 'dependency', changed: 0 })
      expect((await root.do('Patchwave-Rollback', { ...token(2), Undo: RUN })).line).toMatchObject({
        verdict: 'rolled-back',
        reason: 'restored',
      })
    })

    it('a run that failed before its transaction is undone, though an earlier run has changed the node', async () => {
      await published()
      await apply(1, ['foo all 2.0'])
      const later = { ...token(1, OTHER_RUN), ...listOf('foo all 2.5') }
      expect((await root.do('Patchwave-Apply', later)).line).toMatchObject({ verdict: 'failed', reason: 'unknown-version' })
      expect((await rollback(2, { Undo: OTHER_RUN })).line).toMatchObject({ verdict: 'rolled-back', reason: 'nothing-changed' })
      await root.image('foo=3.0')
      expect((await rollback(3, { Undo: OTHER_RUN })).line).toMatchObject({ verdict: 'rollback-failed', reason: 'changed-since' })
      expect(await root.installed()).toContain('foo 3.0')
    })

    it('a package that was half-configured before the run is not removed with it', async () => {
      await published({ name: 'bad', version: '1.0', scripts: { postinst: '[ -e /go ]' } })
      await root.run('apt-get update; apt-get install -y bad')
      expect((await apply(1, ['bad all 1.0', 'foo all 2.0'])).line).toMatchObject({ reason: 'package-database', changed: 0 })
      await root.run('touch /go')
      await rollback(1)
      expect(await root.installed()).toEqual(['bad 1.0', 'bar 1:1.0', 'foo 1.0'])
    })

    it('a listing of the packages that breaks off is no listing', async () => {
      await published()
      await root.run(
        'cd /usr/bin && mv dpkg-query whole-query && printf \'#!/bin/sh\\nwhole-query "$@" | head -n 1\\nexit 2\\n\' >dpkg-query && chmod 755 dpkg-query',
      )
      expect((await apply(1, ['foo all 2.0'])).line).toMatchObject({ verdict: 'failed', reason: 'package-database' })
    })

    it('a file of another package', async () => {
      await published({ name: 'foo', version: '2.0', files: { '/opt/bar/version': 'mine' } })
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 70, line: { reason: 'dependency', missing: 1 } })
      expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back' })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 1.0'])
    })

    it('a package database that was broken before', async () => {
      await published({ name: 'bad', version: '1.0', scripts: FAILING })
      await root.run('apt-get update; apt-get install -y bad')
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 70, line: { reason: 'package-database', changed: 0 } })
      expect(await root.installed()).toContain('foo 1.0')
    })

    it('another hand on the package database: waits for it, and gives up in the end without having changed anything', async () => {
      await published({ name: 'slow', version: '1.0', scripts: SLOW })
      await root.run('apt-get update; apt-get install -y slow >/dev/null 2>&1 &')
      await until('[ -e /ran ]')
      root.edit = Root.constants({ LOCK_WAIT: 2 })
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 75, line: { verdict: 'failed', reason: 'lock-held', changed: 0 } })
      root.edit = (script) => script
      const waiting = apply(2, ['foo all 2.0'])
      await until(`grep -q started /var/lib/patchwave/markers/${RUN}.2`)
      await root.run('touch /go')
      expect((await waiting).line).toMatchObject({ verdict: 'patched', changed: 1 })
    })
  })

  describe('markers', () => {
    it('a script that begins too late does nothing and leaves no marker', async () => {
      await published()
      expect(await apply(1, ['foo all 2.0'], { StartBefore: '1' })).toMatchObject({
        exit: 0,
        line: { verdict: 'skipped', reason: 'too-late' },
      })
      expect((await apply(1, ['foo all 2.0'])).line).toMatchObject({ verdict: 'patched' })
    })

    it('the kill of its process group does not cut the transaction; a second copy waits and tells the same', async () => {
      await published({ name: 'foo', version: '2.0', scripts: SLOW })
      const parameters = { ...token(1), ...listOf('foo all 2.0') }
      const child = await root.start('Patchwave-Apply', parameters)
      await until('[ -e /ran ]')
      process.kill(-(child.pid ?? 0), 'SIGKILL')
      const again = root.do('Patchwave-Apply', parameters)
      const third = root.do('Patchwave-Apply', parameters)
      await root.run('sleep 0.5; touch /go')
      expect((await again).line).toMatchObject({ verdict: 'patched', changed: 1 })
      expect((await third).stdout).toBe((await again).stdout)
      expect(await out('grep -c . /ran')).toBe('1')
    })

    it('a loss of power in the transaction: installs nothing, repairs, says so; the rollback restores', async () => {
      await published({ name: 'foo', version: '2.0', scripts: SLOW })
      const parameters = { ...token(1), ...listOf('bar amd64 1:2.0', 'foo all 2.0') }
      void root.start('Patchwave-Apply', parameters)
      await until('[ -e /ran ]')
      await root.powerLoss()
      expect(await out('dpkg --audit')).not.toBe('')
      await root.run('touch /go')
      expect(await root.do('Patchwave-Apply', parameters)).toMatchObject({
        exit: 74,
        line: { verdict: 'failed', reason: 'interrupted', changed: 2 },
      })
      expect(await out('dpkg --audit')).toBe('')
      expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
      expect(await root.installed()).toEqual(['bar 1:1.0', 'foo 1.0'])
    })

    it('boots when the node wants it and the parameter allows it, and goes on at the read-back', async () => {
      await published({ name: 'foo', version: '2.0', scripts: { postinst: 'touch /run/reboot-required' } })
      const parameters = { ...token(1), ...listOf('foo all 2.0'), Reboot: 'if-needed' }
      expect(await root.do('Patchwave-Apply', parameters)).toMatchObject({ exit: 194, stdout: '' })
      expect(await root.do('Patchwave-Apply', parameters)).toMatchObject({ exit: 194, stdout: '' })
      await root.run('rm /run/reboot-required')
      await root.boot()
      const ended = await root.do('Patchwave-Apply', parameters)
      expect(ended).toMatchObject({ exit: 0, line: { verdict: 'patched', changed: 1, reboot: 'no' } })
      expect(ended.line['boot']).not.toBe('11111111-1111-4111-8111-111111111111')
    })

    it('always boots, also when nothing was changed, and only once', async () => {
      await published()
      const parameters = { ...token(1), ...listOf('foo all 1.0'), Reboot: 'always' }
      expect(await root.do('Patchwave-Apply', parameters)).toMatchObject({ exit: 194, stdout: '' })
      await root.boot()
      expect(await root.do('Patchwave-Apply', parameters)).toMatchObject({ exit: 0, line: { verdict: 'not-needed', changed: 0 } })
    })

    it.each([
      ['if-needed', 'touch /run/reboot-required', 194],
      ['if-needed', 'true', 0],
      ['always', 'true', 194],
      ['never', 'touch /run/reboot-required', 0],
    ])('a rollback with %s, where the old package says %s', async (Reboot, script, exit) => {
      await root.publish({ name: 'foo', version: '1.0', scripts: { postinst: script } })
      await root.publish({ name: 'foo', version: '2.0' })
      await root.index()
      await root.image('foo=1.0')
      await root.run('rm -f /run/reboot-required')
      await apply(1, ['foo all 2.0'])
      const first = await rollback(1, { Reboot })
      expect(first.exit).toBe(exit)
      if (exit === 194) {
        expect(first.stdout).toBe('')
        expect((await rollback(1, { Reboot })).exit).toBe(194)
        await root.run('rm -f /run/reboot-required')
        await root.boot()
      }
      expect(await rollback(1, { Reboot })).toMatchObject({ exit: 0, line: { verdict: 'rolled-back', reason: 'restored', changed: 1 } })
      expect(await root.installed()).toEqual(['foo 1.0'])
    })

    it('without leave it only tells that a boot is wanted', async () => {
      await published({ name: 'foo', version: '2.0', scripts: { postinst: 'touch /run/reboot-required' } })
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 0, line: { verdict: 'patched', reboot: 'wanted' } })
    })

    it('nobody begins between a script that asks for the boot and the boot', async () => {
      await published()
      const other = { ...token(1, OTHER_RUN), ...listOf('foo all 3.0') }
      expect(await apply(1, ['foo all 2.0'], { Reboot: 'always' })).toMatchObject({ exit: 194 })
      root.edit = Root.constants({ LOCK_WAIT: 2, LOCK_STEP: 1 })
      expect((await root.do('Patchwave-Apply', other)).line).toMatchObject({ verdict: 'failed', reason: 'lock-held', changed: 0 })
      expect(await root.installed()).toContain('foo 2.0')
      await root.boot()
      expect((await root.do('Patchwave-Apply', other)).line).toMatchObject({ verdict: 'patched', changed: 1 })
      expect((await apply(1, ['foo all 2.0'], { Reboot: 'always' })).line).toMatchObject({ verdict: 'patched', changed: 1 })
    })

    it('after the boot it waits for another hand on the package database', async () => {
      await published({ name: 'slow', version: '1.0', scripts: SLOW })
      expect(await apply(1, ['foo all 2.0'], { Reboot: 'always' })).toMatchObject({ exit: 194 })
      await root.boot()
      await root.run('apt-get update; apt-get install -y slow >/dev/null 2>&1 &')
      await until('[ -e /ran ]')
      const ended = apply(1, ['foo all 2.0'], { Reboot: 'always' })
      await root.run('sleep 3; touch /go')
      expect((await ended).line).toMatchObject({ verdict: 'patched', reason: 'installed', changed: 1 })
    })

    it('a read-back that dies each time is not begun for ever', async () => {
      await published()
      expect(await apply(1, ['foo all 2.0'], { Reboot: 'always' })).toMatchObject({ exit: 194 })
      await root.boot()
      await root.run('cd /var/lib/patchwave && mount --bind markers markers && mount -o remount,bind,ro markers')
      expect(await apply(1, ['foo all 2.0'], { Reboot: 'always' })).toMatchObject({ exit: 74, line: { reason: 'interrupted' } })
    })

    it('what was cut off does not say that nothing was changed because another token has the lock', async () => {
      await published()
      await apply(2, ['bar amd64 1:2.0'])
      await root.run(`cd /var/lib/patchwave && echo started >markers/${RUN}.1 && flock lock sleep 5 >/dev/null 2>&1 &`)
      await until('! flock -n /var/lib/patchwave/lock true')
      root.edit = Root.constants({ LOCK_WAIT: 2, LOCK_STEP: 1 })
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 74, line: { verdict: 'failed', reason: 'interrupted' } })
    })

    it('of a token that has begun, a copy that cannot read the node does not say that nothing was done', async () => {
      await published({ name: 'foo', version: '2.0', scripts: SLOW })
      const parameters = { ...token(1), ...listOf('foo all 2.0') }
      const first = root.do('Patchwave-Apply', parameters)
      await until('[ -e /ran ]')
      await root.run('mv /etc/os-release /etc/elsewhere; : >/etc/os-release')
      const copy = await root.do('Patchwave-Apply', parameters)
      expect(copy).toMatchObject({ exit: 70, stdout: '' })
      await root.run('mv /etc/elsewhere /etc/os-release; touch /go')
      const { line, stdout } = await first
      expect(line).toMatchObject({ verdict: 'patched' })
      await root.run(': >/etc/os-release')
      expect((await root.do('Patchwave-Apply', parameters)).stdout).toBe(stdout)
    })

    it('a marker that cannot be read is one', async () => {
      await published()
      await root.run(`mkdir -p /var/lib/patchwave/markers; : >/var/lib/patchwave/markers/${RUN}.1`)
      expect(await apply(1, ['foo all 2.0'])).toMatchObject({ exit: 74, line: { verdict: 'failed', reason: 'interrupted' } })
      expect(await root.installed()).toContain('foo 1.0')
    })

    it('what is used does not grow old: the runner, and the text that a new before-record names', async () => {
      await published()
      const text = sha256('bar amd64 1:1.0\nfoo all 1.0\n')
      await apply(1, ['foo all 1.0'])
      await root.run('cd /var/lib/patchwave && touch -d "89 days ago" lists/* runner/* && rm -f pruned')
      await root.do('Patchwave-Apply', { ...token(1, OTHER_RUN), ...listOf('foo all 2.0') })
      expect(await out(`cd /var/lib/patchwave && find lists/${text} runner/* -mtime -1 | wc -l`)).toBe('2')
    })

    it('two tokens work one after the other', async () => {
      await published()
      const [one, two] = await Promise.all([apply(1, ['foo all 2.0']), apply(2, ['foo all 3.0'])])
      expect([one.line['verdict'], two.line['verdict']]).toContain('patched')
      expect(await root.installed()).toContain('foo 3.0')
      const all = sha256('bar amd64 1:1.0\nfoo all 1.0\n')
      expect([one.line['before'], two.line['before']]).toEqual([all, all])
    })

    it('what a package starts does not hold the lock', async () => {
      await published({ name: 'foo', version: '2.0', scripts: { postinst: 'sleep 60 >/dev/null 2>&1 &' } })
      expect((await apply(1, ['foo all 2.0'])).line).toMatchObject({ verdict: 'patched' })
      expect((await apply(2, ['bar amd64 1:2.0'])).line).toMatchObject({ verdict: 'patched' })
    })
  })

  describe('rollback', () => {
    it('restores an exact older version, though it was not the newest before, and only what the run touched', async () => {
      await published()
      await root.image('foo=2.0')
      await apply(1, ['foo all 3.0'])
      await root.image('bar=1:2.0')
      expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored', changed: 1 })
      expect(await root.installed()).toEqual(['bar 1:2.0', 'foo 2.0'])
      expect((await rollback(2)).line).toMatchObject({ verdict: 'rolled-back', reason: 'nothing-changed' })
    })

    it('a version that no repository has any more was put aside before, with the configuration as it stood', async () => {
      const files = {
        '/etc/foo.conf': 'from the package',
        '/opt/foo/bin/tool': 'old',
        '/linked/foo': 'through a link of the node',
        '/DEBIAN/conffiles': '/etc/foo.conf',
      }
      await root.run('mkdir /real; ln -s real /linked')
      await root.publish({ name: 'layout', version: '1.0', files: { '/linked/kept': 'by another package' } })
      await root.publish({ name: 'foo', version: '1.0', files, scripts: { postinst: 'echo "$1" >>/scripts' } })
      await root.index()
      await root.image('layout', 'foo=1.0')
      await root.run('echo mine >/etc/foo.conf; chmod 750 /opt/foo/bin; rm /repository/foo_1.0*')
      await root.publish({ name: 'foo', version: '2.0' })
      await root.index()
      expect((await apply(1, ['foo all 2.0'])).line).toMatchObject({ verdict: 'patched' })
      expect(await out('ls /opt/foo/bin/tool 2>&1')).toContain('No such file')
      expect((await rollback(1)).line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
      expect(await root.installed()).toEqual(['foo 1.0', 'layout 1.0'])
      expect(
        await out('readlink /linked; cat /opt/foo/bin/tool /etc/foo.conf /real/foo; stat -c %a /opt/foo/bin; tail -n 1 /scripts'),
      ).toBe('real\nold\nmine\nthrough a link of the node\n750\nconfigure')
    })

    it('is left alone when the old version is nowhere', async () => {
      await published()
      await apply(1, ['foo all 2.0'])
      await root.run('rm -rf /repository/foo_1.0* /var/lib/patchwave/undo')
      await root.index()
      expect(await rollback(1)).toMatchObject({
        exit: 70,
        line: { verdict: 'rollback-failed', reason: 'version-unavailable', changed: 0, missing: 1 },
      })
      expect(await root.installed()).toContain('foo 2.0')
    })

    it('is left alone when another run has changed the node since, or nobody has', async () => {
      await published()
      await apply(1, ['foo all 2.0'])
      await root.do('Patchwave-Apply', { ...token(1, OTHER_RUN), ...listOf('bar amd64 1:2.0') })
      expect(await root.do('Patchwave-Rollback', { ...token(2), Undo: RUN })).toMatchObject({
        exit: 70,
        line: { verdict: 'rollback-failed', reason: 'changed-since' },
      })
      await root.do('Patchwave-Apply', { ...token(4), ...listOf('foo all 2.5') })
      const never = '0190a1b2-c3d4-7e5f-8a6b-0123456789ff'
      expect((await rollback(3, { Undo: never })).line).toMatchObject({ verdict: 'rollback-failed', reason: 'no-before-record' })
      expect(await root.installed()).toEqual(['bar 1:2.0', 'foo 2.0'])
    })
  })
})
