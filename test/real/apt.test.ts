import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plus } from '../../src/kit/instant.ts'
import { rootsHost } from '../../src/sandbox/real/host.ts'
import type { RealRoots } from '../../src/sandbox/real/roots.ts'
import { HEALTH_SCRIPT, isInstalled, SAMPLES, versionText } from '../../src/sandbox/real/samples.ts'
import { clock, names, realRoots, shell, skipped } from './real.ts'

const why = await skipped('apt')
const FIRST = Object.fromEntries(SAMPLES.filter(isInstalled).map(({ name, versions }) => [name, versionText(versions[0]!, 'deb')]))

describe.skipIf(why !== null)('apt on real nodes', () => {
  let roots: RealRoots

  beforeAll(async () => {
    roots = await realRoots('apt')
    await roots.add(['one', 'two', 'three', ...names('each', 12)], { image: 'apt' })
  })
  afterAll(() => roots.stop())

  /** Versions and states of the samples, as the node's own database has them. */
  async function installed(node: string): Promise<Record<string, string>> {
    const { stdout } = await shell(
      roots,
      node,
      `dpkg-query -W -f '\${Package} \${db:Status-Status} \${Version}\\n' 'sample-*' amazon-ssm-agent`,
    )
    const rows = stdout.trim().split('\n').map((line) => line.split(' ')) // prettier-ignore
    return Object.fromEntries(rows.map(([name, state, version]) => [name, state === 'installed' ? version : `${state} ${version}`]))
  }
  const install = (node: string, name: string, version = '1.1-1') =>
    shell(roots, node, `apt-get -q -y --allow-downgrades install ${name}=${version}`)

  it('nodes begin with the first version of every sample', async () => {
    expect(await installed('one')).toEqual(FIRST)
    expect(Object.keys(FIRST).length).toBeGreaterThan(15)
  })

  it('twelve nodes install at once, each what it was told, and neither the others nor the machine notice', async () => {
    const wanted = ['sample-good', 'sample-library', 'sample-config', 'sample-wants-reboot']
    const nodes = names('each', 12)
    const nameFor = (index: number) => wanted[index % wanted.length]!
    const ended = await Promise.all(nodes.map((node, index) => install(node, nameFor(index))))
    expect(ended.map(({ exit }) => exit)).toEqual(nodes.map(() => 0))
    for (const [index, node] of nodes.entries()) expect(await installed(node)).toEqual({ ...FIRST, [nameFor(index)]: '1.1-1' })
    expect(await installed('two')).toEqual(FIRST)
    expect(existsSync('/usr/share/sample-good')).toBe(false)
    expect(existsSync('/run/reboot-required')).toBe(false)
    expect(await shell(roots, 'each-3', 'cat /run/reboot-required.pkgs')).toMatchObject({ stdout: 'sample-wants-reboot\n' })
  })

  it('an exact version, not the newest; and back again', async () => {
    expect(await install('one', 'sample-good', '1.0.5-2')).toMatchObject({ exit: 0 })
    expect((await installed('one'))['sample-good']).toBe('1.0.5-2')
    expect(await install('one', 'sample-good', '1.0-1')).toMatchObject({ exit: 0 })
    expect(await install('one', 'sample-epoch', '1:2.0-1')).toMatchObject({ exit: 0 })
    expect(await installed('one')).toEqual({ ...FIRST, 'sample-epoch': '1:2.0-1' })
  })

  it('security has a pocket of its own', async () => {
    const { stdout } = await shell(roots, 'one', 'apt-cache policy sample-good')
    expect(stdout).toMatch(/1\.1-1 500\n\s+500 file:\/srv\/samples samples-security\/main/)
    expect(stdout).toMatch(/1\.0\.5-2 500\n\s+500 file:\/srv\/samples samples\/main/)
  })

  it('a version that breaks the application installs, and its health script tells', async () => {
    expect(await shell(roots, 'two', HEALTH_SCRIPT)).toMatchObject({ exit: 0 })
    expect(await install('two', 'sample-breaks-health')).toMatchObject({ exit: 0 })
    expect(await shell(roots, 'two', HEALTH_SCRIPT)).toMatchObject({ exit: 1 })
    expect(await install('two', 'sample-breaks-health', '1.0-1')).toMatchObject({ exit: 0 })
    expect(await shell(roots, 'two', HEALTH_SCRIPT)).toMatchObject({ exit: 0 })
  })

  it('a failing preinst leaves the old version, a failing postinst a half-configured one, which goes back by hand', async () => {
    expect((await install('two', 'sample-failing-preinst')).exit).toBe(100)
    expect((await installed('two'))['sample-failing-preinst']).toBe('1.0-1')
    expect((await install('two', 'sample-failing-postinst')).exit).toBe(100)
    expect((await installed('two'))['sample-failing-postinst']).toBe('half-configured 1.1-1')
    expect(await install('two', 'sample-failing-postinst', '1.0-1')).toMatchObject({ exit: 0 })
    expect(await installed('two')).toEqual(FIRST)
  })

  it.each([
    ['sample-conflicting', 'has to remove another package', /REMOVED:\s+sample-good/],
    ['sample-dependency', 'has to add a package', /NEW packages will be installed:\s+sample-newcomer/],
    ['sample-needs-newer', 'has to touch another package', /will be upgraded:\s+sample-library sample-needs-newer/],
  ])('%s %s', async (name, _, says) => {
    const { exit, stdout } = await shell(roots, 'three', `apt-get -q -y -s install ${name}=1.1-1`)
    expect(exit).toBe(0)
    expect(stdout).toMatch(says)
  })

  it.each([
    ['sample-unmet', '1.1-1', /unmet dependencies/],
    ['sample-corrupt', '1.1-1', /Hash Sum mismatch/],
    ['sample-good', '9.9-9', /Version '9.9-9' for 'sample-good' was not found/],
  ])('%s=%s is refused and nothing is changed', async (name, version, says) => {
    const { exit, stdout, stderr } = await install('three', name, version)
    expect(exit).toBe(100)
    expect(stdout + stderr).toMatch(says)
    expect(await installed('three')).toEqual(FIRST)
  })

  it('what the repository has forgotten cannot come back', async () => {
    expect(await install('three', 'sample-forgotten')).toMatchObject({ exit: 0 })
    expect((await install('three', 'sample-forgotten', '1.0-1')).stderr).toContain("Version '1.0-1' for 'sample-forgotten' was not found")
  })

  it('a full disk ends the transaction, on that node alone', async () => {
    await roots.add(['full'], { image: 'apt', diskBytes: 20 * 2 ** 20 })
    await roots.add(['roomy'], { image: 'apt' })
    const [full, roomy] = await Promise.all([install('full', 'sample-huge'), install('roomy', 'sample-huge')])
    expect(full.exit).toBe(100)
    expect(full.stdout + full.stderr).toContain('No space left on device')
    expect((await installed('full'))['sample-huge']).toBe('1.0-1')
    expect(roomy.exit).toBe(0)
    expect((await installed('roomy'))['sample-huge']).toBe('1.1-1')
  })

  it('the package lock keeps a second transaction out until the first has ended', async () => {
    await roots.add(['locked'], { image: 'apt' })
    await shell(roots, 'locked', 'echo 1.5 >/etc/sample-slow')
    const slow = install('locked', 'sample-slow')
    await clock.sleep(plus(clock.now(), 900))
    const refused = await shell(roots, 'locked', 'apt-get -q -y -o DPkg::Lock::Timeout=0 install sample-good=1.1-1')
    expect(refused).toMatchObject({ exit: 100 })
    expect(refused.stderr).toContain('Could not get lock')
    const patient = await shell(roots, 'locked', 'apt-get -q -y -o DPkg::Lock::Timeout=60 install sample-good=1.1-1')
    expect(patient).toMatchObject({ exit: 0 })
    expect(await slow).toMatchObject({ exit: 0 })
    expect(await installed('locked')).toEqual({ ...FIRST, 'sample-slow': '1.1-1', 'sample-good': '1.1-1' })
  })

  it('a power cut in the middle of a transaction leaves what dpkg can mend', async () => {
    await roots.add(['cut'], { image: 'apt' })
    const begun = install('cut', 'sample-slow')
    for (let state = ''; !state.startsWith('half-configured');) state = (await installed('cut'))['sample-slow'] ?? ''
    await roots.reboot('cut')
    expect(await begun).toMatchObject({ ended: 'power-lost' })
    expect((await installed('cut'))['sample-slow']).toBe('half-configured 1.1-1')
    expect(await shell(roots, 'cut', 'echo 0 >/etc/sample-slow; dpkg --configure --pending')).toMatchObject({ exit: 0 })
    expect(await installed('cut')).toEqual({ ...FIRST, 'sample-slow': '1.1-1' })
  })

  it('shows its packages, kernel and boot', async () => {
    const facts = await rootsHost(roots, () => 'apt').facts('three')
    expect(facts.packages.get('sample-good.all')).toBe('1.0-1')
    expect(facts.packages.get('sample-epoch.all')).toBe('1:2.0~rc1-1')
    expect(facts.packages.has('sample-newcomer.all')).toBe(false)
    expect(facts).toMatchObject({ bootId: roots.bootId('three'), kernel: (await shell(roots, 'three', 'uname -r')).stdout.trim() })
  })
})
