import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, lacking, LATER, listOf, OTHER_RUN, type Publication, Root, RUN } from './roots.ts'

const why = lacking('rpm')
if (why !== '') console.warn(`SKIPPED: live patches on a real dnf and rpm: ${why}`)

let root: Root
const token = (n: number, run = RUN): { Token: string; StartBefore: string } => ({ Token: `${run}.${n}`, StartBefore: LATER })
const apply = (n: number, lines: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  root.do('Patchwave-Apply', { ...token(n), ...listOf(...lines), ...more })
const LIVE = { Kernel: 'live-patch' }
const enable = (n: number): Promise<Ended> => root.do('Patchwave-LivePatch', { ...token(n), Mode: 'enable' })
const kernels = async (): Promise<readonly string[]> => (await root.installed()).filter((line) => line.startsWith('kernel'))

const RUNNING = '6.1.134-150.224'
const OWN = `kernel-livepatch-${RUNNING}`
const OTHER = 'kernel-livepatch-6.1.140-154.222'
const KERNEL2 = 'kernel noarch 0:6.1.140-154.222.amzn2023'
const FOO2 = 'foo noarch 0:2.0-1.amzn2023'
const live = (name: string, release: number): string => `${name} noarch 0:1.0-${String(release)}.amzn2023`
/** What the kernel shows of a module, as a package's script would bring it about. */
const LOADED = (module: string): string => `mkdir -p /sys/kernel/livepatch/${module}; echo 1 >/sys/kernel/livepatch/${module}/enabled`
const livePatch = (name: string, release: number, post = '', modules: readonly string[] = []): Publication => ({
  name,
  version: `1.0-${String(release)}.amzn2023`,
  files: Object.fromEntries(modules.map((module) => [`/usr/lib/kpatch/${RUNNING}/${module}.ko.xz`, 'code'])),
  ...(post === '' ? {} : { scripts: { post } }),
})

/**
 * Stands for AWS's plugin of dnf: knows `auto` and `support`, and once it is turned on adds the newest live patch to every transaction.
 * No single quotes: it goes through a shell.
 */
const PLUGIN = `
import dnf, dnf.cli
CONF = "/etc/dnf/plugins/kernel-livepatch.conf"
def own():
    return "kernel-livepatch-" + open("/proc/sys/kernel/osrelease").read().split(".amzn")[0]
class LiveCommand(dnf.cli.Command):
    aliases = ("kernel-livepatch",)
    summary = "made for a test"
    @staticmethod
    def set_argparser(parser):
        parser.add_argument("action")
    def configure(self):
        demands = self.cli.demands
        demands.root_user = True
        if self.opts.action == "auto":
            demands.resolving = demands.sack_activation = demands.available_repos = True
    def run(self):
        if self.opts.action == "auto":
            open("/count", "a").write("auto\\n")
            self.base.install(own())
            open(CONF, "w").write("[main]\\nenabled = 1\\nautoupdate = True\\n")
        else:
            print("The current version of the Linux kernel you are running will no longer receive live patches after 2027-01-31.")
class LivePlugin(dnf.Plugin):
    name = "kernel-livepatch"
    def __init__(self, base, cli):
        super().__init__(base, cli)
        self.busy = False
        if cli is not None:
            cli.register_command(LiveCommand)
    def resolved(self):
        if self.busy or not len(self.base.transaction) or "autoupdate = True" not in open(CONF).read():
            return
        self.busy = True
        self.base.install(own())
        self.base.resolve()
        self.busy = False
`

/** systemctl, as far as it knows one service. */
const SYSTEMCTL = `#!/bin/sh
case "$*" in
  'is-enabled --quiet kpatch.service' | 'is-active --quiet kpatch.service') [ -e /kpatch-on ] ;;
  'enable --now kpatch.service') [ ! -e /no-systemd ] && rpm -q kpatch-runtime && : >/kpatch-on ;;
  *) exit 1 ;;
esac`

/** A node that runs the first kernel; a second one, live patches of both and an ordinary package are published. */
async function published(...more: readonly Publication[]): Promise<void> {
  await root.runs(`${RUNNING}.amzn2023.noarch`)
  await root.write('/usr/bin/systemctl', SYSTEMCTL, '755')
  await root.run('echo pluginpath=/opt/plugins >>/etc/dnf/dnf.conf')
  await root.publish({ name: 'kernel', version: `${RUNNING}.amzn2023` })
  await root.publish({ name: 'foo', version: '1.0-1.amzn2023' })
  await root.index()
  await root.image('kernel', 'foo')
  await root.publish({ name: 'kernel', version: '6.1.140-154.222.amzn2023' })
  await root.publish({ name: 'foo', version: '2.0-1.amzn2023' })
  await root.publish({
    name: 'kpatch-dnf',
    version: '1.0-1',
    files: { '/opt/plugins/kpatch.py': PLUGIN, '/etc/dnf/plugins/kernel-livepatch.conf': '[main]\nenabled = 1\nautoupdate = False' },
  })
  await root.publish({ name: 'kpatch-runtime', version: '0.9-1' })
  await root.publish(livePatch(OWN, 0))
  await root.publish(livePatch(OWN, 1, LOADED('livepatch_CVE_2026_1'), ['livepatch-CVE-2026-1']))
  await root.publish(livePatch(OTHER, 1, 'exit 1', ['livepatch-other']))
  for (const one of more) await root.publish(one)
  await root.index()
}

describe.skipIf(why !== '')('the kernel, on a real dnf and rpm', () => {
  beforeEach(async () => {
    root = await Root.open('rpm')
  })
  afterEach(async () => {
    await root.close()
  })

  it('is left alone and counted, unless it is asked for; a new one that waits is told', async () => {
    await published()
    expect((await apply(1, [FOO2, KERNEL2])).line).toMatchObject({ verdict: 'patched', changed: 1, missing: 1, held: 1 })
    const again = await apply(2, [FOO2, KERNEL2], LIVE)
    expect(again.line).toMatchObject({ verdict: 'skipped', reason: 'held', changed: 0, missing: 1, held: 1, live: 0 })
    expect(again.line).not.toHaveProperty('kernelnew')
    expect(await kernels()).toEqual([`kernel 0:${RUNNING}.amzn2023`])
    const installed = await apply(3, [FOO2, KERNEL2], { Kernel: 'install' })
    expect(installed.line).toMatchObject({ verdict: 'patched', changed: 1, reboot: 'wanted', kernelnew: '6.1.140-154.222.amzn2023.noarch' })
    expect(installed.line).not.toHaveProperty('held')
    await root.runs('6.1.140-154.222.amzn2023.noarch')
    expect((await apply(4, [KERNEL2], { Kernel: 'install' })).line).not.toHaveProperty('kernelnew')
  })

  it('a package that cannot do without a kernel which is held', async () => {
    await published({ name: 'foo', version: '3.0-1.amzn2023', fields: 'Requires: kernel >= 6.1.140' })
    expect(await apply(1, ['foo noarch 0:3.0-1.amzn2023', KERNEL2])).toMatchObject({
      exit: 70,
      line: { verdict: 'failed', reason: 'dependency', changed: 0 },
    })
    expect(await root.installed()).toContain('foo 0:1.0-1.amzn2023')
  })

  it('what bears its name but is not the kernel is an ordinary package, and the rollback puts it back', async () => {
    await published({ name: 'kernel-tools', version: '6.1.134-1' }, { name: 'kernel-tools', version: '6.1.140-1' })
    await root.image('kernel-tools-6.1.134')
    expect((await apply(1, ['kernel-tools noarch 0:6.1.140-1'])).line).toMatchObject({ verdict: 'patched', changed: 1 })
    const undone = await root.do('Patchwave-Rollback', { ...token(1, OTHER_RUN), Undo: RUN })
    expect(undone.line).toMatchObject({ verdict: 'rolled-back', reason: 'restored' })
    expect(await root.installed()).toContain('kernel-tools 0:6.1.134-1')
  })

  it('a live patch of the running kernel is installed, also where none was, and proved; one of another kernel is left out and counted', async () => {
    await published()
    const list = [FOO2, live(OWN, 1), live(OTHER, 1)]
    const ended = await apply(1, list, LIVE)
    expect(ended.line).toMatchObject({ verdict: 'patched', changed: 2, missing: 0, otherkernel: 1, live: 1, covered: 0 })
    expect(ended.line).not.toHaveProperty('held')
    expect(await kernels()).toEqual([`kernel 0:${RUNNING}.amzn2023`, `${OWN} 0:1.0-1.amzn2023`])
    expect((await apply(2, list, LIVE)).line).toMatchObject({ verdict: 'not-needed', live: 1, otherkernel: 1 })

    await root.run('echo 0 >/sys/kernel/livepatch/livepatch_CVE_2026_1/enabled')
    expect(await apply(3, list, LIVE)).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'livepatch-not-loaded', live: 0 } })
    expect((await apply(4, list)).line).toMatchObject({ verdict: 'not-needed' })

    const undone = await root.do('Patchwave-Rollback', { ...token(1, OTHER_RUN), Undo: RUN })
    expect(undone.line).toMatchObject({ verdict: 'rolled-back', reason: 'restored', changed: 2 })
    expect(await kernels()).toEqual([`kernel 0:${RUNNING}.amzn2023`])
  })

  it.each([
    ['nothing of it', 'true', 'livepatch-not-loaded'],
    ['it, but not enabled', LOADED('livepatch_two').replace('echo 1', 'echo 0'), 'livepatch-not-loaded'],
    [
      'it in transition, for ever',
      `${LOADED('livepatch_two')}; echo 1 >/sys/kernel/livepatch/livepatch_two/transition`,
      'livepatch-not-loaded',
    ],
    [
      'it in transition, for a while',
      `${LOADED('livepatch_two')}; cd /sys/kernel/livepatch/livepatch_two; echo 1 >transition; (sleep 1; echo 0 >transition) >/dev/null 2>&1 &`,
      'installed',
    ],
  ])('installed, and the kernel shows %s', async (_, post, reason) => {
    await published(livePatch(OWN, 2, post, ['livepatch-two']))
    root.edit = Root.constants({ LIVE_WAIT: 3 })
    expect((await apply(1, [live(OWN, 2)], LIVE)).line).toMatchObject({ changed: 1, reason })
  })

  it('is turned on by the steps of the guide, once; what it adds is not added to a list; the coverage is told', async () => {
    await published(livePatch(OWN, 2, LOADED('livepatch_two'), ['livepatch-two']))
    expect((await root.do('Patchwave-LivePatch', token(1))).line).toMatchObject({ verdict: 'passed', live: 0, covered: 0 })
    const on = await enable(2)
    expect(on.line).toMatchObject({ verdict: 'patched', reason: 'installed', changed: 3, live: 1, covered: Date.UTC(2027, 0, 31) / 1000 })
    expect(await root.installed()).toEqual(
      expect.arrayContaining([`${OWN} 0:1.0-2.amzn2023`, 'kpatch-dnf 0:1.0-1', 'kpatch-runtime 0:0.9-1']),
    )
    expect((await enable(2)).stdout).toBe(on.stdout)
    expect((await enable(3)).line).toMatchObject({ verdict: 'not-needed', reason: 'nothing-missing', changed: 0 })
    expect((await root.run('grep -c . /count; ls /kpatch-on')).stdout).toBe('1\n/kpatch-on\n')

    await root.run(`D='dnf -y --disableplugin=kpatch'; $D remove ${OWN} && $D install ${OWN}-1.0-0.amzn2023`)
    expect((await apply(4, [FOO2])).line).toMatchObject({ verdict: 'patched', changed: 1, covered: Date.UTC(2027, 0, 31) / 1000 })
    expect(await root.installed()).toContain(`${OWN} 0:1.0-0.amzn2023`)
    await root.runs('6.1.140-154.222.amzn2023.noarch')
    expect((await apply(5, [FOO2])).line).toMatchObject({ covered: 0 })
    expect((await enable(6)).line).toMatchObject({ verdict: 'patched', changed: 1, covered: Date.UTC(2027, 0, 31) / 1000 })
    expect(await root.installed()).toContain(`${OTHER} 0:1.0-1.amzn2023`)
  })

  it('is not on as long as its service is not; what lacks is done the next time', async () => {
    await published()
    await root.write('/no-systemd', '')
    expect(await enable(1)).toMatchObject({ exit: 70, line: { verdict: 'failed', reason: 'service-failed' } })
    await root.run('rm /no-systemd')
    expect((await enable(2)).line).toMatchObject({ verdict: 'patched', changed: 0 })
  })

  it.each([
    ['Amazon Linux 2 with a kernel that gets none', 'ID=amzn\nVERSION_ID=2', '5.15.1-1.amzn2.x86_64'],
    ['Amazon Linux 2 with a kernel too old', 'ID=amzn\nVERSION_ID=2', '4.14.165-130.184.amzn2.x86_64'],
    ['a distribution of others', 'ID=rhel\nVERSION_ID=9', '5.14.0-1.el9.x86_64'],
  ])('there are none for %s', async (_, release, kernel) => {
    await root.write('/usr/bin/yum', '#!/bin/sh\nexit 1', '755')
    await root.write('/etc/os-release', release)
    await root.runs(kernel)
    expect(await enable(1)).toMatchObject({ exit: 0, line: { verdict: 'skipped', reason: 'livepatch-unsupported', changed: 0, kernel } })
  })

  it('is turned on in Amazon Linux 2 by its own steps', async () => {
    await root.write('/usr/bin/systemctl', SYSTEMCTL, '755')
    await root.publish({ name: 'binutils', version: '2-1' })
    await root.publish({ name: 'kpatch-runtime', version: '0.9-1' })
    await root.publish({ name: 'yum-plugin-kernel-livepatch', version: '1-1' })
    await root.index()
    await root.write('/etc/os-release', 'ID="amzn"\nVERSION_ID="2"\nID_LIKE="centos rhel fedora"')
    await root.runs('4.14.165-131.185.amzn2.x86_64')
    await root.write('/usr/bin/amazon-linux-extras', '#!/bin/sh\necho "extras $*" >>/said', '755')
    await root.write(
      '/usr/bin/yum',
      `#!/bin/sh
case "$*" in
  *kernel-livepatch\\ enable) echo enabled >>/said; mkdir -p /etc/yum/pluginconf.d; echo enabled=1 >/etc/yum/pluginconf.d/kernel-livepatch.conf ;;
  *kernel-livepatch\\ supported) echo 'The current version of the Linux kernel you are running will no longer receive live patches after 2026-12-24.' ;;
  *) exec dnf "$@" ;;
esac`,
      '755',
    )
    expect((await enable(1)).line).toMatchObject({ verdict: 'patched', changed: 3, covered: Date.UTC(2026, 11, 24) / 1000 })
    expect((await root.run('cat /said')).stdout).toBe('enabled\nextras enable livepatch\n')
    expect((await enable(2)).line).toMatchObject({ verdict: 'not-needed', changed: 0 })
  })

  it('a scan shows the kernel only when it is asked for, and its newest live patch though none is installed', async () => {
    await published(livePatch(OWN, 2))
    await root.index('', ADVISORY)
    const scan = async (n: number, Kernel: string): Promise<readonly [Ended['line'], readonly unknown[]]> => {
      const { line, rest } = await root.do('Patchwave-Scan', { ...token(n), Kernel })
      const rows = rest.trim().split('\n').slice(0, -1)
      return [line, rows.map((row) => JSON.parse(row) as { name: string }).map(({ name }) => name)]
    }
    expect(await scan(1, 'hold')).toMatchObject([{ missing: 2, held: 1, live: 0 }, ['foo']])
    expect(await scan(2, 'install')).toMatchObject([{ missing: 2 }, ['foo', 'kernel']])
    expect(await scan(3, 'live-patch')).toMatchObject([{ missing: 3, held: 1 }, ['foo', OWN]])
    await root.image(`${OWN}-1.0-0.amzn2023`)
    const { rest } = await root.do('Patchwave-Scan', { ...token(4), ...LIVE })
    expect(JSON.parse(rest.split('\n')[1] ?? '')).toEqual({
      name: OWN, arch: 'noarch', version: '0:1.0-2.amzn2023', installed: '0:1.0-0.amzn2023', classification: 'Security', severity: 'Critical',
      advisories: ['ALAS2023LIVEPATCH-2026-001'], cves: ['CVE-2026-7777'], releasedAt: Date.UTC(2026, 9, 2) / 1000,
    }) // prettier-ignore
  })
})

const ADVISORY = `<?xml version="1.0" encoding="UTF-8"?><updates><update from="x" status="final" type="security" version="1"><id>ALAS2023LIVEPATCH-2026-001</id><title>t</title>
<severity>Critical</severity><issued date="2026-10-01 00:00:00"/><updated date="2026-10-02 00:00:00"/><description>d</description>
<references><reference href="h" id="CVE-2026-7777" type="cve" title="CVE-2026-7777"/></references>
<pkglist><collection short="s"><name>n</name><package name="${OWN}" version="1.0" release="2.amzn2023" epoch="0" arch="noarch"><filename>f</filename></package>
</collection></pkglist></update></updates>`
