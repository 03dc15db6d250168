import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rootsHost } from '../../src/sandbox/real/host.ts'
import type { RealRoots } from '../../src/sandbox/real/roots.ts'
import { isInstalled, SAMPLES } from '../../src/sandbox/real/samples.ts'
import { realRoots, shell, skipped } from './real.ts'

const why = await skipped('dnf')

describe.skipIf(why !== null)('dnf on real nodes', () => {
  let roots: RealRoots

  beforeAll(async () => {
    roots = await realRoots('dnf')
    await roots.add(['one', 'two'], { image: 'dnf' })
  })
  afterAll(() => roots.stop())

  const version = async (node: string, name: string) =>
    (await shell(roots, node, `rpm -q --qf '%{EPOCHNUM}:%{VERSION}-%{RELEASE}' ${name}`)).stdout
  const dnf = (node: string, words: string) => shell(roots, node, `dnf -q -y ${words}`)

  it('nodes are an Amazon Linux with the first version of every sample', async () => {
    const facts = await rootsHost(roots, () => 'dnf').facts('one')
    expect(facts.packages.size).toBe(SAMPLES.filter(isInstalled).length + 1)
    expect(facts.packages.get('sample-good.noarch')).toBe('0:1.0-1')
    expect(facts.packages.get('sample-epoch.noarch')).toBe('1:2.0~rc1-1')
    expect(await shell(roots, 'one', '. /etc/os-release; echo "$ID $VERSION_ID"; command -v dpkg')).toMatchObject({ stdout: 'amzn 2023\n' })
  })

  it('advisories tell kind, severity and CVEs', async () => {
    const { stdout } = await dnf('one', 'updateinfo list --with-cve')
    expect(stdout).toMatch(/CVE-2099-\d+ +Critical\/Sec\. +sample-library-1\.1-1\.(x86_64|aarch64)/)
    expect(stdout).toMatch(/CVE-2099-\d+ +Moderate\/Sec\. +sample-epoch-1:2\.0-1\.noarch/)
    expect((await dnf('one', 'updateinfo list --bugfix')).stdout).toMatch(/^SAMPLE-2026-\d+ bugfix +sample-good-1\.0\.5-2\.noarch$/m)
  })

  it('an exact version, not the newest; and back again', async () => {
    expect(await dnf('one', 'upgrade sample-good-0:1.0.5-2.noarch')).toMatchObject({ exit: 0 })
    expect(await version('one', 'sample-good')).toBe('0:1.0.5-2')
    expect(await dnf('one', 'downgrade sample-good-0:1.0-1.noarch')).toMatchObject({ exit: 0 })
    expect(await version('one', 'sample-good')).toBe('0:1.0-1')
    expect(await version('two', 'sample-good')).toBe('0:1.0-1')
  })

  it('a failing pre leaves the old version; a failing post does not fail the transaction, but is said', async () => {
    expect((await dnf('one', 'upgrade sample-failing-preinst')).exit).toBe(1)
    expect(await version('one', 'sample-failing-preinst')).toBe('0:1.0-1')
    const post = await dnf('one', 'upgrade sample-failing-postinst')
    expect(post).toMatchObject({ exit: 0 })
    expect(post.stdout + post.stderr).toContain('Error in POSTIN scriptlet in rpm package sample-failing-postinst')
    expect(await version('one', 'sample-failing-postinst')).toBe('0:1.1-1')
  })

  it.each([
    ['sample-conflicting', /conflicts with sample-good/],
    ['sample-unmet', /nothing provides sample-nowhere/],
    ['sample-corrupt', /incorrect checksum/],
  ])('%s is refused', async (name, says) => {
    const { exit, stdout, stderr } = await dnf('two', `upgrade ${name}`)
    expect(exit).toBe(1)
    expect(stdout + stderr).toMatch(says)
    expect(await version('two', name)).toBe('0:1.0-1')
  })

  it('what the repository has forgotten cannot come back', async () => {
    expect(await dnf('two', 'upgrade sample-forgotten')).toMatchObject({ exit: 0 })
    await dnf('two', 'downgrade sample-forgotten-0:1.0-1.noarch')
    expect(await version('two', 'sample-forgotten')).toBe('0:1.1-1')
  })

  it('a full disk ends the transaction', async () => {
    await roots.add(['full'], { image: 'dnf', diskBytes: 20 * 2 ** 20 })
    const { exit, stdout, stderr } = await dnf('full', 'upgrade sample-huge')
    expect(exit).toBe(1)
    expect(stdout + stderr).toMatch(/No space left on device|MB more space needed|MB is needed/)
    expect(await version('full', 'sample-huge')).toBe('0:1.0-1')
  })
})
