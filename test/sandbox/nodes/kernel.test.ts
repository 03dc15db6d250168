import { describe, expect, it } from 'vitest'
import { DAY, MINUTE, plus, SECOND } from '../../../src/kit/instant.ts'
import { isKernel, isSupported, livePatchedKernel, livePatchKey } from '../../../src/sandbox/nodes/kernel.ts'
import { parseFleet } from '../../../src/sandbox/fleet-file.ts'
import { faultsOf, listOf, OTHER_RUN, RUN, Scene, START } from './scene.ts'

const [OLD, NEW] = ['0:6.1.119-129.201.amzn2023', '0:6.1.134-150.224.amzn2023']
const RUNNING = '6.1.119-129.201.amzn2023.x86_64'
const KERNEL = `kernel x86_64 ${NEW}`
const DEBUG = `kernel-debug x86_64 ${NEW}`
const TOOLS = `kernel-tools x86_64 ${NEW}`
const PATCH = 'kernel-livepatch-6.1.119-129.201 x86_64 0:1.0-2.amzn2023'
const OTHERS = 'kernel-livepatch-6.1.134-150.224 x86_64 0:1.0-1.amzn2023'
const SUDO = 'sudo x86_64 0:1.9.15-1.p5.amzn2023.0.3'

describe('kernel packages', () => {
  // prettier-ignore
  it.each<['rpm' | 'deb', string, boolean]>([
    ['rpm', 'kernel', true], ['rpm', 'kernel6.12', true], ['rpm', 'kernel-core', true], ['rpm', 'kernel6.12-modules-extra', true],
    ['rpm', 'kernel-debug', true], ['rpm', 'kernel-devel', true],
    ['rpm', 'kernel-tools', false], ['rpm', 'kernel-headers', false], ['rpm', 'kernel-livepatch-6.1.119-129.201', false], ['rpm', 'kernelshark', false],
    ['deb', 'linux-image-6.1.0-26-cloud-amd64', true], ['deb', 'linux-headers-5.15.0-1072-aws', true], ['deb', 'linux-modules-5.15.0-1072-aws', true],
    ['deb', 'linux-image-aws', true], ['deb', 'linux-aws', true], ['deb', 'linux-generic-hwe-22.04', true],
    ['deb', 'linux-libc-dev', false], ['deb', 'linux-base', false], ['deb', 'kernel', false],
  ])('%s %s: %s', (family, name, is) => {
    expect(isKernel(family, name)).toBe(is)
  })

  it.each([
    ['6.1.119-129.201.amzn2023.x86_64', 'kernel-livepatch-6.1.119-129.201.x86_64'],
    ['5.10.228-219.884.amzn2.aarch64', 'kernel-livepatch-5.10.228-219.884.aarch64'],
    ['4.14.165-131.185.amzn2.x86_64', 'kernel-livepatch-4.14.165-131.185.x86_64'],
    ['4.14.165-102.185.amzn2.x86_64', undefined],
    ['5.15.0-1072-aws', undefined],
  ])('%s is patched live by %s', (kernel, key) => {
    expect(livePatchKey(kernel)).toBe(key)
    expect(isSupported(kernel)).toBe(key !== undefined)
  })

  it('live patches name their kernel', () => {
    expect([
      livePatchedKernel('kernel-livepatch-6.1.119-129.201'),
      livePatchedKernel('kernel-livepatch-repo'),
      livePatchedKernel('kernel'),
    ]).toEqual(['6.1.119-129.201', undefined, undefined])
  })
})

describe('an apply with a kernel in its list', () => {
  it('holds it unless told otherwise, and installs the rest', async () => {
    const scene = new Scene()
    const { result, exit } = await scene.do('Patchwave-Apply', `${RUN}.1`, listOf(KERNEL, TOOLS, SUDO))
    expect([exit, result]).toMatchObject([0, { verdict: 'patched', changed: 2, missing: 1, held: 1, live: 0, reboot: 'no' }])
    expect(result).not.toHaveProperty('kernelnew')
    expect(scene.node(0).packages.get('kernel.x86_64')).toBe(OLD)
  })

  it('has nothing to do but say so when only the kernel is missing', async () => {
    const { result, exit } = await new Scene().do('Patchwave-Apply', `${RUN}.1`, listOf(KERNEL))
    expect([exit, result]).toMatchObject([0, { verdict: 'skipped', reason: 'held', changed: 0, missing: 1, held: 1 }])
  })

  it('installs it when told to; the running one stays until a boot, and only then can the new one not go', async () => {
    const scene = new Scene()
    const { result } = await scene.do('Patchwave-Apply', `${RUN}.1`, { ...listOf(KERNEL, TOOLS), Kernel: 'install' })
    expect(result).toMatchObject({
      verdict: 'patched',
      changed: 2,
      kernel: RUNNING,
      reboot: 'wanted',
      kernelnew: '6.1.134-150.224.amzn2023.x86_64',
    })
    expect((await scene.do('Patchwave-Rollback', `${RUN}.2`)).result).toMatchObject({ verdict: 'rolled-back', changed: 2 })
    const since = Number(result['since'])
    await scene.do('Patchwave-Apply', `${RUN}.3`, { ...listOf(KERNEL, TOOLS), Kernel: 'install', Reboot: 'if-needed' })
    const booted = await scene.do('Patchwave-Scan', `${RUN}.4`)
    expect(booted.result).toMatchObject({ kernel: '6.1.134-150.224.amzn2023.x86_64', reboot: 'no' })
    expect(booted.result).not.toHaveProperty('kernelnew')
    expect(Number(booted.result['since'])).toBeGreaterThan(since)
    expect(await scene.do('Patchwave-Rollback', `${RUN}.5`)).toMatchObject({
      exit: 70,
      result: { verdict: 'rollback-failed', reason: 'kernel-running' },
    })
  })
})

describe('live patches', () => {
  const enabled = async (options: ConstructorParameters<typeof Scene>[0] = {}): Promise<Scene> => {
    const scene = new Scene(options)
    const { result } = await scene.do('Patchwave-LivePatch', `${RUN}.1`, { Mode: 'enable' })
    expect(result).toMatchObject({ verdict: 'patched', reason: 'installed', changed: 3 })
    return scene
  }

  it('are turned on once, with the newest one of the running kernel, and told with their last day', async () => {
    const scene = await enabled()
    expect((await scene.do('Patchwave-LivePatch', `${RUN}.2`, { Mode: 'enable' })).result).toMatchObject({
      verdict: 'not-needed',
      reason: 'nothing-missing',
    })
    expect((await scene.do('Patchwave-LivePatch', `${RUN}.3`)).result).toMatchObject({
      verdict: 'passed',
      kernel: RUNNING,
      live: 1,
      covered: plus(START, 30 * DAY) / SECOND, // Three months after a kernel that is two months old.
    })
    expect(scene.world.nodesView()[0]?.livePatches).toEqual(['kernel-livepatch-6.1.119-129.201.x86_64 0:1.0-2.amzn2023'])
  })

  it('are covered until nobody knows when while they are off', async () => {
    expect((await new Scene().do('Patchwave-LivePatch', `${RUN}.1`)).result).toMatchObject({ verdict: 'passed', live: 0, covered: 0 })
  })

  it.each([['ubuntu'], ['debian']])('are not to be had on %s', async (platform) => {
    const fleet = parseFleet(
      `apiVersion: patchwave/v1\nkind: Fleet\ngroups: [{ account: prod-us, region: us-east-1, count: 1, platform: ${platform} }]`,
      'fleet.yaml',
    )
    const { result, exit } = await new Scene({ fleet }).do('Patchwave-LivePatch', `${RUN}.1`, { Mode: 'enable' })
    expect([exit, result]).toMatchObject([0, { verdict: 'skipped', reason: 'livepatch-unsupported' }])
  })

  /** Live patching is on, and the node has booted into a kernel of which it has no live patch. */
  const booted = async (): Promise<Scene> => {
    const scene = await enabled()
    await scene.do('Patchwave-Apply', `${RUN}.2`, { ...listOf(KERNEL, TOOLS), Kernel: 'install', Reboot: 'always' })
    expect((await scene.do('Patchwave-LivePatch', `${RUN}.3`)).result).toMatchObject({
      kernel: '6.1.134-150.224.amzn2023.x86_64',
      live: 0,
      covered: plus(START, (90 - 14) * DAY) / SECOND,
    })
    return scene
  }
  const BOTH = { ...listOf(DEBUG, PATCH, OTHERS), Kernel: 'live-patch' }

  it('are installed where there was none, for the running kernel alone, and stay loaded when they are rolled back', async () => {
    const scene = await booted()
    const { result, exit } = await scene.do('Patchwave-Apply', `${OTHER_RUN}.1`, BOTH)
    expect([exit, result]).toMatchObject([
      0,
      { verdict: 'patched', changed: 1, missing: 1, held: 1, otherkernel: 1, live: 1, reboot: 'no' },
    ])
    expect((await scene.do('Patchwave-Rollback', `${OTHER_RUN}.2`)).result).toMatchObject({ verdict: 'rolled-back', changed: 1, live: 1 })
    expect(scene.node(0).packages.has('kernel-livepatch-6.1.134-150.224.x86_64')).toBe(false)
  })

  it.each([
    ['because live patching is off', async () => new Scene(), PATCH],
    [
      'because the kernel refuses it',
      async () => {
        const scene = await booted()
        scene.world.setFaults(faultsOf('packages: [{ match: kernel-livepatch-*, fails: livepatch }]'))
        return scene
      },
      OTHERS,
    ],
  ])('that are installed and not loaded are a failure, %s', async (_, prepared, line) => {
    const scene = await prepared()
    const seen = await scene.do('Patchwave-Apply', `${OTHER_RUN}.1`, { ...listOf(line), Kernel: 'live-patch' })
    expect(seen).toMatchObject({ exit: 70, result: { verdict: 'failed', reason: 'livepatch-not-loaded', changed: 1, missing: 0, live: 0 } })
    const read = await scene.do('Patchwave-Verify', `${OTHER_RUN}.2`, { ...listOf(line), Kernel: 'live-patch' })
    expect(read.result).toMatchObject({ verdict: 'failed', reason: 'livepatch-not-loaded' })
  })

  it('that are held are left alone', async () => {
    const scene = await enabled()
    const { result } = await scene.do('Patchwave-Apply', `${RUN}.2`, listOf(PATCH, SUDO))
    expect(result).toMatchObject({ verdict: 'patched', changed: 1 })
  })
})

describe('a scan', () => {
  const rowsOf = async (scene: Scene, token: string, Kernel: string) => {
    const id = await scene.send('Patchwave-Scan', token, { Kernel })
    await scene.clock.pass(10 * MINUTE)
    const { StandardOutputContent: stdout } = await scene.call('GetCommandInvocation', { CommandId: id, InstanceId: scene.node(0).node })
    const [first = '', ...rest] = String(stdout).trimEnd().split('\n')
    const rows = rest.slice(0, -1).map((line) => JSON.parse(line) as { name: string; installed: string; version: string })
    return {
      result: JSON.parse(first) as { missing: number; held?: number },
      kernels: rows.filter(({ name }) => /^kernel/.test(name)),
      count: rows.length,
    }
  }

  it('shows the kernel’s packages as far as they may be installed', async () => {
    const scene = new Scene()
    const hold = await rowsOf(scene, `${RUN}.1`, 'hold')
    const live = await rowsOf(scene, `${RUN}.2`, 'live-patch')
    const install = await rowsOf(scene, `${RUN}.3`, 'install')
    const names = ({ kernels }: typeof hold) => kernels.map(({ name }) => name)
    expect(names(hold)).toEqual(['kernel-tools'])
    expect(names(live)).toEqual(['kernel-livepatch-6.1.119-129.201', 'kernel-tools'])
    expect(live.kernels[0]).toMatchObject({ installed: '', version: '0:1.0-2.amzn2023' })
    expect(names(install)).toEqual(['kernel-debug', 'kernel-tools', 'kernel'])
    expect([hold, live, install].map(({ result, count }) => [result.missing - count, result.held])).toEqual([[2, 2], [2, 2], [0, undefined]]) // prettier-ignore
  })

  it('refuses another word', async () => {
    expect(await new Scene().do('Patchwave-Scan', `${RUN}.1`, { Kernel: 'always' })).toMatchObject({
      exit: 64,
      result: { reason: 'bad-parameter' },
    })
  })

  it('of debs has no severity, advisory, CVE or date', async () => {
    const fleet = parseFleet(
      'apiVersion: patchwave/v1\nkind: Fleet\ngroups: [{ account: prod-us, region: us-east-1, count: 1, platform: debian }]',
      'f.yaml',
    )
    const { output } = await new Scene({ fleet }).do('Patchwave-Scan', `${RUN}.1`)
    const [, row = ''] = output.split('\n')
    expect(JSON.parse(row)).toMatchObject({ classification: 'Security', severity: '', advisories: [], cves: [], releasedAt: null })
  })
})
