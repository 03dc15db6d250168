import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plus } from '../../src/kit/instant.ts'
import { KeeperRefused, RealNodesImpossible } from '../../src/sandbox/real/namespace.ts'
import { RealRoots } from '../../src/sandbox/real/roots.ts'
import { clock, names, realRoots, shell, skipped } from './real.ts'

const why = await skipped()
const nap = (ms: number) => clock.sleep(plus(clock.now(), ms))

/** Processes of this machine whose command line has this word. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word)
    } catch {
      return false
    }
  })
}

async function until(what: () => boolean, ms = 10_000): Promise<boolean> {
  for (const end = plus(clock.now(), ms); clock.now() < end && !what();) await nap(20)
  return what()
}

describe.skipIf(why !== null)('real roots', () => {
  let roots: RealRoots

  beforeAll(async () => {
    roots = await realRoots()
  })
  afterAll(() => roots.stop())

  it('thirty come up, each by its own name and boot, and go again', async () => {
    const thirty = names('many', 30)
    await roots.add(thirty)
    const before = (await roots.usage()).nodes
    const told = await Promise.all(thirty.map((node) => shell(roots, node, 'hostname; cat /proc/sys/kernel/random/boot_id')))
    expect(told.map(({ stdout }) => stdout)).toEqual(thirty.map((node) => `${node}\n${roots.bootId(node)}\n`))
    expect(new Set(told.map(({ stdout }) => stdout.split('\n')[1])).size).toBe(30)
    for (const node of thirty) await roots.drop(node)
    expect((await roots.usage()).nodes).toBe(before - 30)
    expect(roots.has('many-0')).toBe(false)
  })

  it('what one writes, no other and not the machine has', async () => {
    await roots.add(['writes', 'reads'])
    expect(
      await shell(roots, 'writes', 'echo mine >/etc/patchwave-isolation && rm /etc/hostname && sync /etc/patchwave-isolation'),
    ).toMatchObject({ exit: 0 })
    expect(await shell(roots, 'writes', 'cat /etc/patchwave-isolation')).toMatchObject({ stdout: 'mine\n' })
    expect(await shell(roots, 'reads', 'cat /etc/patchwave-isolation; test -e /etc/hostname')).toMatchObject({ exit: 0, stdout: '' })
    expect(existsSync('/etc/patchwave-isolation')).toBe(false)
    expect(existsSync('/etc/hostname')).toBe(true)
  })

  // Each line would change nothing on the machine even where it is let through.
  it.each([
    ['mount something', 'mount -t tmpfs none /tmp'],
    ['set the clock', 'date -s "@$(date +%s)"'],
    ['make a disk', 'mknod /tmp/disk b 8 0 && rm /tmp/disk'],
    ['change the kernel', 'cat /proc/sys/kernel/panic >/proc/sys/kernel/panic'],
    ['see processes that are not its own', `ps ax | grep -q '[v]itest'`],
    ['see this repository', `ls "${process.cwd()}"`],
    ['find a network', 'ip route get 192.0.2.1'],
  ])('one cannot %s', async (_, line) => {
    if (!roots.has('tame')) await roots.add(['tame'])
    expect((await shell(roots, 'tame', line)).exit).not.toBe(0)
  })

  it('tells the exit code, the signal, and the head and size of what was printed', async () => {
    await roots.add(['tells'])
    expect(await shell(roots, 'tells', 'echo out; echo err >&2; exit 194')).toMatchObject({
      ended: 'exited',
      exit: 194,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await shell(roots, 'tells', 'kill -TERM $$')).toMatchObject({ ended: 'exited', exit: 143 })
    const flood = await roots.run('tells', ['head', '-c', '3000000', '/dev/zero'], { outputBytesMax: 10 })
    expect(flood).toMatchObject({ exit: 0, stdout: '\0'.repeat(10), stdoutBytes: 3_000_000 })
    expect(await roots.run('tells', ['wc', '-c'], { stdin: 'x'.repeat(100_000) })).toMatchObject({ stdout: '100000\n' })
  })

  it('a kill takes the process group, not a session that it began', async () => {
    await roots.add(['killed'])
    const kill = new AbortController()
    const line = 'setsid sh -c "sleep 0.5; echo done >/survived" & (sleep 0.5; echo done >/cut) & touch /begun; wait; sleep 100'
    const ran = shell(roots, 'killed', line, { signal: kill.signal })
    await until(() => false, 250)
    kill.abort()
    expect(await ran).toMatchObject({ ended: 'killed', exit: 137 })
    await nap(700)
    expect(await shell(roots, 'killed', 'ls /begun /survived /cut')).toMatchObject({ stdout: '/begun\n/survived\n' })
    expect(await shell(roots, 'killed', 'sleep 100', { timeoutMs: 100 })).toMatchObject({ ended: 'timed-out', exit: 137 })
  })

  it('an orphan that has ended is gone for those who ask', async () => {
    await roots.add(['reaps'])
    expect(await shell(roots, 'reaps', '(setsid sh -c "sleep 0.1" & echo $! >/pid); sleep 0.5; kill -0 "$(cat /pid)"')).not.toMatchObject({
      exit: 0,
    })
  })

  it('a boot ends everything, changes the boot id, empties /run and /tmp, and keeps the disk', async () => {
    await roots.add(['boots'])
    const first = await roots.up('boots')
    const ran = shell(
      roots,
      'boots',
      'setsid sh -c "sleep 0.7; echo done >/survived" & touch /kept /run/reboot-required /tmp/lost; sleep 100',
    )
    await nap(250)
    const second = await roots.reboot('boots')
    expect(await ran).toMatchObject({ ended: 'power-lost' })
    expect(second).not.toBe(first)
    await nap(700)
    const { stdout } = await shell(
      roots,
      'boots',
      'cat /proc/sys/kernel/random/boot_id; ls /kept /survived /run/reboot-required /tmp 2>/dev/null; ls /proc | grep -c "^[0-9]"',
    )
    expect(stdout).toMatch(new RegExp(`^${second}\n/kept\n\n/tmp:\n[4-6]\n$`))
  })

  it('one that is replaced has a new disk', async () => {
    await roots.add(['replaced'])
    await shell(roots, 'replaced', 'touch /old')
    await roots.replace('replaced')
    expect(await shell(roots, 'replaced', 'test -e /old')).toMatchObject({ exit: 1 })
  })

  it('one with a disk of its own can fill it, and nobody else’s', async () => {
    await roots.add(['small'], { diskBytes: 1_048_576 })
    await roots.add(['large'])
    const full = await shell(roots, 'small', 'head -c 2000000 /dev/zero >/filled')
    expect(full.exit).not.toBe(0)
    expect(full.stderr).toContain('No space left on device')
    expect(await shell(roots, 'large', 'head -c 2000000 /dev/zero >/filled')).toMatchObject({ exit: 0 })
  })

  it('what a node became can be what others begin as', async () => {
    await roots.add(['golden'])
    await shell(roots, 'golden', 'echo golden >/etc/golden; rm /etc/os-release')
    await roots.seal('golden', 'gilded')
    await roots.add(names('gilded', 2), { image: 'gilded' })
    expect(await shell(roots, 'gilded-1', 'cat /etc/golden; test -e /etc/os-release')).toMatchObject({ exit: 1, stdout: 'golden\n' })
    await expect(roots.add(['orphan'], { image: 'unheard-of' })).rejects.toThrow(KeeperRefused)
  })

  it('cannot begin on a base that is none', async () => {
    await expect(RealRoots.start({ clock, base: '/nowhere-at-all' })).rejects.toThrow(RealNodesImpossible)
  })
})

describe.skipIf(why !== null)('nothing is left', () => {
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8')

  it('when it stops, even with commands running and sessions of their own', async () => {
    const [before, mine] = [mounts(), readlinkSync('/proc/self/ns/mnt')]
    const roots = await realRoots()
    await roots.add(names('left', 3))
    const ran = names('left', 3).map((node) => shell(roots, node, 'setsid sleep 987654 & sleep 987654'))
    expect(await until(() => processesWith('987654').length >= 6)).toBe(true)
    const inside = processesWith('987654').map((pid) => readlinkSync(`/proc/${pid}/ns/mnt`))
    expect(new Set(inside).size).toBe(1)
    expect(inside).not.toContain(mine)
    await roots.stop()
    expect((await Promise.all(ran)).map(({ ended }) => ended)).toEqual(['power-lost', 'power-lost', 'power-lost'])
    expect(await until(() => processesWith('987654').length === 0)).toBe(true)
    expect(mounts()).toBe(before)
  })

  it('when the process that holds it is killed', async () => {
    const before = mounts()
    const script = `
      import { RealRoots } from './src/sandbox/real/roots.ts'
      import { speedClock } from './src/sandbox/speed-clock.ts'
      const roots = await RealRoots.start({ clock: speedClock(Date.now(), 1) })
      await roots.add(['a', 'b'])
      for (const node of ['a', 'b']) void roots.run(node, ['sh', '-c', 'setsid sleep 876543 & sleep 876543'])
      setInterval(() => {}, 1000)
    `
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: 'inherit' })
    expect(await until(() => processesWith('876543').length >= 4)).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await until(() => processesWith('876543').length === 0)).toBe(true)
    expect(mounts()).toBe(before)
    expect(execFileSync('sh', ['-c', 'ls -A /mnt'], { encoding: 'utf8' })).not.toContain('mask')
  })
})
