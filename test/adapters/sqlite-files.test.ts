import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/sqlite/database.ts'
import { mountType, networkName, writerIn, writerOf } from '../../src/adapters/sqlite/local.ts'
import { openSqliteStore, storeOn } from '../../src/adapters/sqlite/store.ts'
import { verifyChain } from '../../src/core/audit/verify.ts'
import { known } from '../../src/kit/assert.ts'
import type { Sealed, Store } from '../../src/ports/store.ts'
import { all, dusk, entriesOf, runId } from '../contract/entries.ts'
import { storeContract } from '../contract/store.ts'

const A = runId(1)
const row = { run: A, runbook: 'monthly', act: 'rollout', requestedAt: dusk } as const
let folder: string
let path: string
const children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'patchwave-store-'))
  path = join(folder, 'patchwave.db')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

storeContract('SQLite in a file', () => openSqliteStore(path))

/** Opens, works, closes. */
async function using<T>(work: (store: Store) => Promise<T>, file = path): Promise<T> {
  const store = await openSqliteStore(file)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

async function append(store: Store, last: Sealed, note = ''): Promise<Sealed> {
  const entry = known(entriesOf(last.run, 1, last, note)[0], 'an entry')
  const result = await store.append({ run: last.run, head: last.hash, entries: [entry] })
  expect(result).toEqual({ ok: true })
  return entry
}

const writer = join(import.meta.dirname, 'sqlite-writer/append.ts')
function write(run: string, count: number): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', writer, path, run, String(count)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  return child
}

describe('a store in a file', () => {
  it('is there again after it was closed, readable by its owner only', async () => {
    await using((store) => store.create(row, entriesOf(A, 3)))
    expect(await using(async (store) => (await all(store.read(A))).length)).toBe(3)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('makes its folder', async () => {
    const deep = join(folder, 'a/b/patchwave.db')
    await using((store) => store.create(row, entriesOf(A, 1)), deep)
    expect(statSync(deep).isFile()).toBe(true)
  })

  it('syncs every commit to the disk', async () => {
    const database = openDatabase(path)
    expect(database.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' })
    expect(database.get('PRAGMA synchronous')).toEqual({ synchronous: 2 })
    database.close()
  })
})

describe('a crash', () => {
  it('loses nothing that was acknowledged, and the chain holds', { timeout: 120_000 }, async () => {
    const run = runId(9)
    for (const wanted of [5, 60, 400]) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      const child = write(run, 1_000_000)
      let told = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        told += text
        if (told.split('\n').length > wanted) child.kill('SIGKILL')
      })
      await once(child, 'close')
      const acknowledged = Number(told.slice(0, told.lastIndexOf('\n')).split('\n').at(-1))
      expect(acknowledged).toBeGreaterThanOrEqual(wanted)
      await using(async (store) => {
        const entries = await all(store.read(run))
        expect(entries.length).toBeGreaterThanOrEqual(acknowledged)
        expect(verifyChain(run, entries).breaks).toEqual([])
        expect(await store.run(run)).toMatchObject({ entries: entries.length, head: entries.at(-1)?.hash })
        await append(store, known(entries.at(-1), 'the head'))
      })
    }
  })

  /** The files as they are while the store is open: what a power cut would leave. */
  async function cutOff(): Promise<{ copy: string; entries: Sealed[] }> {
    const store = await openSqliteStore(path)
    await store.create(row, entriesOf(A, 1))
    let last = known((await all(store.read(A)))[0], 'the first')
    for (let i = 0; i < 40; i++) last = await append(store, last, 'x'.repeat(3_000))
    const entries = await all(store.read(A))
    const copy = join(folder, 'copy.db')
    copyFileSync(path, copy)
    copyFileSync(`${path}-wal`, `${copy}-wal`)
    await store.close()
    return { copy, entries }
  }

  it.each<[damage: string, harm: (wal: string) => void]>([
    ['is whole', () => undefined],
    ['ends in the middle of a frame', (wal) => truncateSync(wal, Math.floor(statSync(wal).size * 0.6) + 7)],
    ['has a changed byte', (wal) => flip(wal, 0.5)],
    [
      'ends in zeros',
      (wal) => writeFileSync(wal, Buffer.concat([readFileSync(wal).subarray(0, statSync(wal).size >> 1), Buffer.alloc(9_000)])),
    ],
    ['is empty', (wal) => truncateSync(wal, 0)],
  ])('with a write-ahead log that %s leaves a chain that holds, and an anchor shows what is gone', async (damage, harm) => {
    const { copy, entries } = await cutOff()
    harm(`${copy}-wal`)
    if (damage === 'is empty') {
      // Nothing had been moved into the file yet: it is a new store again.
      expect(await using((store) => store.runs(), copy)).toEqual([])
      return
    }
    await using(async (store) => {
      const left = await all(store.read(A))
      const anchor = { run: A, seq: 41, hash: known(entries.at(-1), 'the head').hash }
      expect(left).toEqual(entries.slice(0, left.length))
      expect(verifyChain(A, left).breaks).toEqual([])
      expect(verifyChain(A, left, [anchor]).breaks.map(({ reason }) => reason)).toEqual(damage === 'is whole' ? [] : ['cut'])
      expect(left.length).toBeGreaterThan(5)
      await append(store, known(left.at(-1), 'the head'), 'again')
    }, copy)
  })
})

describe('several processes', () => {
  it('write to one store at once, each its own run', { timeout: 120_000 }, async () => {
    const runs = [1, 2, 3, 4].map(runId)
    const done = runs.map((run) => once(write(run, 60), 'close')) // The file is new to all four.
    expect((await Promise.all(done)).map(([code]) => code as unknown)).toEqual([0, 0, 0, 0])
    await using(async (store) => {
      for (const run of runs) expect(verifyChain(run, await all(store.read(run)))).toMatchObject({ entries: 61, breaks: [] })
      expect((await store.runs()).map((one) => one.entries)).toEqual([61, 61, 61, 61])
    })
  })

  it('racing for one run: one is replaced', async () => {
    const [one, two] = [await openSqliteStore(path), await openSqliteStore(path)]
    const [first] = entriesOf(A, 1)
    await one.create(row, [known(first, 'first')])
    const next = (note: string): Parameters<Store['append']>[0] => ({
      run: A,
      head: first?.hash ?? null,
      entries: entriesOf(A, 1, first, note),
    })
    const results = await Promise.all([one.append(next('one')), two.append(next('two'))])
    expect(results.map(({ ok }) => ok).sort()).toEqual([false, true])
    expect(await all(two.read(A))).toHaveLength(2)
    await one.close()
    await two.close()
  })

  it('says that another one holds the file, and goes on when it is free', async () => {
    const store = await openSqliteStore(path, { busyMs: 50 })
    await store.create(row, entriesOf(A, 1))
    const [first] = await all(store.read(A))
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(append(store, known(first, 'first'))).rejects.toMatchObject({ code: 'store.busy', retryable: true })
    await expect(store.note(A, dusk, 'pause', '')).rejects.toMatchObject({ code: 'store.busy' })
    expect(await all(store.read(A))).toHaveLength(1) // Readers wait for nobody.
    other.exec('COMMIT')
    other.close()
    await append(store, known(first, 'first'))
    await store.close()
  })
})

describe('a full disk', () => {
  it('refuses the append whole, keeps what was acknowledged, and goes on when there is room', async () => {
    const database = openDatabase(path)
    const store = storeOn(database)
    await store.create(row, entriesOf(A, 1))
    const last = await append(store, known((await all(store.read(A)))[0], 'first'))
    database.get('PRAGMA max_page_count = 60')
    await refusesWide(store, last)
    database.get('PRAGMA max_page_count = 1000000')
    await append(store, last, 'small')
    await store.close()
  })

  it.skipIf(!canMount())('is told as it is by the system', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
    try {
      await using(async (store) => {
        await store.create(row, entriesOf(A, 1))
        const last = await append(store, known((await all(store.read(A)))[0], 'first'))
        await refusesWide(store, last)
        await append(store, last, 'small')
      })
      expect(await using(async (store) => verifyChain(A, await all(store.read(A))))).toMatchObject({ entries: 3, breaks: [] })
    } finally {
      execFileSync('umount', ['-l', folder])
    }
  })

  async function refusesWide(store: Store, last: Sealed): Promise<void> {
    const wide = entriesOf(A, 1, last, 'x'.repeat(2_000_000))
    await expect(store.append({ run: A, head: last.hash, entries: wide })).rejects.toMatchObject({ code: 'store.full', exit: 3 })
    expect(await all(store.read(A))).toHaveLength(2)
    expect(await store.run(A)).toMatchObject({ entries: 2, head: last.hash })
  }
})

describe('a file that is no store', () => {
  const refuses = (file = path) => expect(openSqliteStore(file)).rejects

  it('is refused when it holds something else', async () => {
    writeFileSync(path, 'Dear diary, '.repeat(500))
    await refuses().toMatchObject({ code: 'store.unusable', more: { hint: expect.stringContaining('no store') as string } })
    expect(readFileSync(path, 'utf8').startsWith('Dear diary')).toBe(true)
  })

  it('is refused when it is the database of something else, which stays as it was', async () => {
    const other = new DatabaseSync(path)
    other.exec('CREATE TABLE songs (title TEXT); PRAGMA user_version = 7')
    other.close()
    const before = readFileSync(path)
    await refuses().toMatchObject({ code: 'store.unusable', message: expect.stringContaining('something else') as string })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('is refused when a newer version wrote it', async () => {
    await using(() => Promise.resolve())
    const raw = new DatabaseSync(path)
    raw.exec('PRAGMA user_version = 999')
    raw.close()
    await refuses().toMatchObject({ code: 'store.unusable', message: expect.stringContaining('newer version') as string })
  })

  it('is refused when its pages are damaged, at the latest when they are read', async () => {
    await using((store) => store.create(row, entriesOf(A, 300)))
    const bytes = readFileSync(path)
    bytes.fill(0xee, 4096, bytes.length)
    writeFileSync(path, bytes)
    await expect(using((store) => all(store.read(A)))).rejects.toMatchObject({ code: 'store.unusable' })
  })

  it.each<[what: string, make: () => string]>([
    ['a folder', () => folder],
    ['below a file', () => (writeFileSync(path, ''), join(path, 'patchwave.db'))],
    ['where nobody may write', () => '/sys/patchwave/patchwave.db'],
  ])('is refused: %s', async (_, make) => {
    await refuses(make()).toMatchObject({ code: 'store.unusable', exit: 2, more: { hint: expect.stringMatching(/folder/) as string } })
  })

  it.skipIf(process.getuid?.() === 0)('is refused when it may not be written', async () => {
    await using(() => Promise.resolve())
    chmodSync(path, 0o400)
    await refuses().toMatchObject({ code: 'store.unusable', more: { hint: expect.stringContaining('writable') as string } })
  })

  it.each<[type: number, name: string | undefined]>([
    [0x6969, 'NFS'],
    [0xff534d42, 'CIFS'],
    [0xff534d42 | 0, 'CIFS'], // Some systems give it signed.
    [0xef53, undefined], // ext4
    [0x01021994, undefined], // tmpfs
    [0x794c7630, undefined], // overlayfs
  ])('file system %s is on the network: %s', (type, name) => {
    expect(networkName(type)).toBe(name)
  })

  it.each<[kind: string | undefined, name: string | undefined]>([
    ['fuse.sshfs', 'fuse.sshfs'],
    ['fuse.s3fs', 'fuse.s3fs'],
    ['fuse.glusterfs', 'fuse.glusterfs'],
    ['virtiofs', 'virtiofs'],
    ['fuse.unheard-of', 'fuse.unheard-of'], // Doubt means no.
    [undefined, 'fuse'],
    ['fuseblk', undefined], // NTFS on a disk of this host
    ['fuse.fuse-overlayfs', undefined], // containers without root
  ])('in user space, %s is on the network: %s', (kind, name) => {
    expect(networkName(0x65735546, () => kind)).toBe(name)
  })

  it('is found in the list of mounts by its device', () => {
    const mounts = [
      '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
      '31 22 0:45 / /mnt/a\\040b rw,nosuid shared:5 master:1 - fuse.sshfs me@there:/srv rw,user_id=0',
      '40 22 259:65537 / /data rw - xfs /dev/nvme1n1 rw',
    ].join('\n')
    expect(mountType(mounts, 45)).toBe('fuse.sshfs')
    expect(mountType(mounts, (254 << 8) | 0)).toBe('ext4')
    expect(mountType(mounts, Number((259n << 8n) | (65_537n & 0xffn) | ((65_537n & 0xfff00n) << 12n)))).toBe('xfs')
    expect(mountType(mounts, 46)).toBeUndefined()
    expect(mountType('', 45)).toBeUndefined()
  })
})

describe('the process that writes', () => {
  const LOCKS = [
    '1: POSIX  ADVISORY  READ 41 fe:00:777 124 124',
    '2: POSIX  ADVISORY  WRITE 42 fe:00:778 120 120',
    '3: POSIX  ADVISORY  WRITE 43 fe:00:777 120 120',
    '3: -> POSIX  ADVISORY  WRITE 44 fe:00:777 120 120',
    '4: FLOCK  ADVISORY  WRITE 45 fe:00:779 0 EOF',
    '5: POSIX  ADVISORY  WRITE 46 fe:00:780 0 EOF',
    '6: POSIX  ADVISORY  WRITE 47 fe:00:781 121 127',
    '',
  ].join('\n')

  it.each<[inode: number, pid: string | undefined]>([
    [777, '43'],
    [778, '42'],
    [779, undefined], // not SQLite's kind of lock
    [780, '46'],
    [781, undefined], // other bytes
    [782, undefined],
  ])('of inode %d is %s', (inode, pid) => {
    expect(writerIn(LOCKS, inode)).toBe(pid)
  })

  it.skipIf(process.platform !== 'linux')('is found while it writes', async () => {
    await using(() => Promise.resolve())
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    expect(writerOf(path)).toBe(String(process.pid))
    other.exec('ROLLBACK')
    expect(writerOf(path)).toBeUndefined()
    other.close()
  })
})

/** Changes one byte at a share of the file. */
function flip(file: string, share: number): void {
  const bytes = readFileSync(file)
  const place = Math.floor(bytes.length * share)
  bytes.writeUInt8(bytes.readUInt8(place) ^ 0x40, place)
  writeFileSync(file, bytes)
}

/** Whether this process may mount a file system of its own; needs root on Linux. */
function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'patchwave-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place], { stdio: 'ignore' })
    execFileSync('umount', ['-l', place], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}
