import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own, mounted for as long as a test wants it. */
export type Mount = Readonly<{ folder: string; options: (options: string) => void; end: () => void }>

const system = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

function mounted(args: readonly string[], clean: () => void = () => undefined): Mount {
  const folder = mkdtempSync(join(tmpdir(), 'patchwave-mount-'))
  const gone = (): void => {
    rmSync(folder, { recursive: true, force: true })
    clean()
  }
  try {
    system('mount', ...args, folder)
  } catch (error) {
    gone()
    throw error
  }
  return {
    folder,
    options: (options) => void system('mount', '-o', `remount,${options}`, folder),
    end: () => {
      system('umount', '-l', folder)
      gone()
    },
  }
}

/** A disk in memory. */
export const memoryDisk = (megabytes: number): Mount => mounted(['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs'])

/** ext4 in a file; when it meets an error, it turns read-only as a host's disk does. */
export function ext4Disk(): Mount & Readonly<{ breakDown: () => void; repair: () => void }> {
  const place = mkdtempSync(join(tmpdir(), 'patchwave-image-'))
  const image = join(place, 'disk')
  const clean = (): void => {
    rmSync(place, { recursive: true, force: true })
  }
  try {
    closeSync(openSync(image, 'w'))
    truncateSync(image, 32 * 1024 * 1024)
    system('mkfs.ext4', '-q', '-F', image)
    const mount = mounted(['-t', 'ext4', '-o', 'loop,errors=remount-ro', image], clean)
    const device = system('findmnt', '-n', '-o', 'SOURCE', mount.folder).trim().split('/').at(-1) ?? ''
    const breakDown = (): void => {
      const trigger = openSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'w')
      writeSync(trigger, 'tried out')
      closeSync(trigger)
    }
    const repair = (): void => {
      system('umount', mount.folder)
      spawnSync('e2fsck', ['-f', '-y', image])
      system('mount', '-t', 'ext4', '-o', 'loop,errors=remount-ro', image, mount.folder)
    }
    return { ...mount, breakDown, repair }
  } catch (error) {
    clean()
    throw error
  }
}

/** An empty file system in user space, of the type that the list of mounts shows, `fuse.sshfs`. */
export function userSpace(type: string): Mount {
  if (!existsSync('/dev/fuse')) throw new Error('this system has no FUSE')
  const folder = mkdtempSync(join(tmpdir(), 'patchwave-mount-'))
  const server = spawn(process.execPath, [join(import.meta.dirname, 'fuse.mjs'), type, folder], { stdio: 'ignore' })
  const mounted = (): boolean => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${folder} `)
  for (let turn = 0; !mounted(); turn++) {
    if (turn === 100) throw new Error(`${type} was not mounted`)
    spawnSync('sleep', ['0.1'])
  }
  const end = (): void => {
    spawnSync('umount', ['-l', folder])
    server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  return { folder, options: () => undefined, end }
}

/** Whether this works here; mounting needs root on Linux, and not every container lets it. */
export function works(make: () => Mount): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    make().end()
    return true
  } catch {
    return false
  }
}

/** Writes a file until there is no space left; the second call gives the space back. */
export function fill(folder: string): () => void {
  const ballast = join(folder, 'ballast')
  const file = openSync(ballast, 'w')
  const block = Buffer.alloc(4_096)
  try {
    for (;;) writeSync(file, block)
  } catch {
    closeSync(file)
  }
  if (statfsSync(folder).bavail > 0) throw new Error('there is space left')
  return () => {
    rmSync(ballast)
  }
}
