import { closeSync, mkdirSync, openSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { PatchwaveError } from '../../kit/error.ts'

/**
 * `f_type` of file systems that several hosts share (statfs(2), linux/magic.h, coreutils' stat.c): locks and shared memory do not reach from one
 * to the other, or not in time. WAL would lose writes on them.
 */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x564c, 'NCP'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9p'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x20030528, 'OrangeFS'],
  [0xbacbacbc, 'VMware shared folders'],
  [0x786f4256, 'VirtualBox shared folders'],
  [0x7c7c6673, 'Parallels shared folders'],
])

/** All of FUSE has one `f_type`, from sshfs to a local disk with NTFS; which it is stands in the list of mounts. */
const FUSE = 0x65735546

/** File systems in user space that are known to be on this host: a block device's, and the layers below which containers without root run. */
const LOCAL_FUSE: ReadonlySet<string> = new Set(['fuseblk', 'fuse.fuse-overlayfs'])

/** Name of the network file system with this `f_type`, or `undefined` for any other. `fuse`: what the list of mounts calls it, when it is one. */
export function networkName(type: number, fuse: () => string | undefined = () => undefined): string | undefined {
  if (type >>> 0 !== FUSE) return NETWORK.get(type >>> 0)
  const kind = fuse() ?? 'fuse'
  return LOCAL_FUSE.has(kind) ? undefined : kind
}

/** The type of a device's file system in `/proc/self/mountinfo` (proc_pid_mountinfo(5)), `fuse.sshfs`; `undefined`: it is not in there. */
export function mountType(mountinfo: string, device: number): string | undefined {
  const wanted = BigInt(device)
  const major = ((wanted >> 8n) & 0xfffn) | ((wanted >> 32n) & 0xfffff000n)
  const minor = (wanted & 0xffn) | ((wanted >> 12n) & 0xfff00n)
  const line = mountinfo.split('\n').findLast((one) => one.split(' ')[2] === `${String(major)}:${String(minor)}`)
  return line?.split(' - ')[1]?.split(' ')[0]
}

/** Makes the folder and, readable by its owner only, the file. @throws `store.unusable` on a network file system; system errors */
export function prepareFile(path: string): void {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  const network = networkName(statfsSync(folder).type, () => mountType(mountsHere(), statSync(folder).dev))
  if (network !== undefined)
    throw new PatchwaveError('store.unusable', `${path} is on a network file system, or one that may be (${network})`, {
      hint: 'name a file on a local disk with --store: SQLite cannot keep its promises over a network',
    })
  closeSync(openSync(path, 'a', 0o600))
}

/** Bytes that are left for the file; `undefined` when the system does not say. */
export function bytesLeft(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize
  } catch {
    return undefined
  }
}

/** SQLite's lock of a writer in WAL mode is on this byte of the `-shm` file (sqlite.org/walformat.html, "WAL_WRITE_LOCK"). */
const WRITER_BYTE = 120

/** The id of the process that is writing the store; `undefined` where the system does not tell (proc_locks(5) is Linux's), or nobody writes. */
export function writerOf(path: string): string | undefined {
  try {
    return writerIn(readFileSync('/proc/locks', 'utf8'), statSync(`${path}-shm`).ino)
  } catch {
    return undefined
  }
}

/** The process that holds the writer's lock on this inode, in the form of /proc/locks (proc_locks(5)). */
export function writerIn(locks: string, inode: number): string | undefined {
  for (const line of locks.split('\n')) {
    const [, kind, , mode, pid = '', place = '', from = '', to = ''] = line.trim().split(/\s+/)
    if (kind !== 'POSIX' || mode !== 'WRITE' || place.split(':')[2] !== String(inode)) continue
    if (Number(from) <= WRITER_BYTE && (to === 'EOF' || Number(to) >= WRITER_BYTE)) return pid
  }
  return undefined
}

const mountsHere = (): string => {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return ''
  }
}
