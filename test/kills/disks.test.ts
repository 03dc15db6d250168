import { execFileSync } from 'node:child_process'
import { openSync, readFileSync, statSync, truncateSync, writeFileSync, closeSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { nap } from '../../src/adapters/system/system-clock.ts'
import { seeded } from '../../src/kit/random.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import type { Line, Process } from '../serve/processes.ts'
import { Desk } from './desk.ts'
import { ext4Disk, fill, memoryDisk, userSpace, works, type Mount } from './mounts.ts'
import { resultOf } from './result.ts'

/** Each test is several processes, on a machine that may be busy with others. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const NODES = 10

let desk: Desk
let before: readonly NodeView[]
let own: string

beforeAll(async () => {
  desk = await Desk.open({ nodes: NODES, speed: 600 })
  own = desk.folder
})
afterAll(() => desk.close())
beforeEach(async () => {
  desk.folder = own
  await desk.again()
  before = await desk.nodes()
})

/** The store lies on this disk for one test. */
function on<M extends Mount>(mount: M): M {
  onTestFinished(() => {
    mount.end()
  })
  desk.folder = mount.folder
  return mount
}

const sent = ({ type }: Line): boolean => type === 'command.sent'

/** How a command that has to fail ends: its exit code and what it says. */
async function refused(one: Process): Promise<string> {
  return `${await one.ended}: ${one.errors}`
}

/** Goes on to the end, and nothing is missing. */
async function goesOn(): Promise<void> {
  expect(await desk.start().ended).toBe(0)
  const { outcome, gates, faults } = await resultOf(desk, before)
  expect(faults).toEqual([])
  expect({ outcome, gates }).toEqual({ outcome: 'succeeded', gates: ['canary: pass', 'rest: pass'] })
}

describe.skipIf(!works(() => memoryDisk(1)))('a disk that is full to the brim (needs root, and leave to mount)', () => {
  it('stops the run with a clear word, exit 3; when there is room, it goes on', async () => {
    const { folder } = on(memoryDisk(4))
    const first = desk.start()
    await first.line(sent)
    const free = fill(folder)
    expect(await refused(first)).toMatch(/^3: (.*\n)*error store\.full: .*no space is left\n\s+hint: free some space/)
    expect(await refused(desk.start()), 'nothing has changed').toMatch(/^3: (.*\n)*error store\.full/)
    free()
    await goesOn()
  })
})

describe.skipIf(!works(ext4Disk))('a disk that turns read-only (needs root, loop devices and ext4)', () => {
  it('in the middle of a run: stops it with a clear word, exit 2; once it is mended, the run goes on', async () => {
    const disk = on(ext4Disk())
    const first = desk.start()
    await first.line(sent)
    disk.breakDown()
    expect(await refused(first)).toMatch(
      /^2: (.*\n)*error store\.unusable: .*\n\s+hint: (the disk failed: see|make the file and its folder writable)/,
    )
    expect(await refused(desk.start())).toMatch(/^2: error store\.unusable: .*EROFS.*\n\s+hint: make the file and its folder writable/)
    disk.repair()
    await goesOn()
  })

  it('refuses to begin on one, and on a file that nobody may change', async () => {
    const disk = on(ext4Disk())
    disk.options('ro')
    expect(await refused(desk.start())).toMatch(/^2: error store\.unusable: .*EROFS.*\n\s+hint: make the file and its folder writable/)
    disk.options('rw')
    writeFileSync(desk.store, '')
    execFileSync('chattr', ['+i', desk.store])
    expect(await refused(desk.start())).toMatch(/^2: error store\.unusable: .*EPERM.*\n\s+hint: make the file and its folder writable/)
    execFileSync('chattr', ['-i', desk.store])
    expect(await desk.ledger()).toEqual([])
  })
})

describe.skipIf(!works(() => userSpace('fuse.sshfs')))('a file system that is not this host’s (needs root and FUSE)', () => {
  it.each(['fuse.sshfs', 'fuse.s3fs'])('%s is refused before anything is asked of AWS, exit 2', async (type) => {
    on(userSpace(type))
    expect(await refused(desk.start())).toMatch(
      new RegExp(`^2: error store\\.unusable: .*network file system.*\\(${type}\\)\\n\\s+hint: name a file on a local disk with --store`),
    )
    expect(await desk.sends()).toBe(0)
  })
})

describe('a store that another process locks', () => {
  const lock = (): DatabaseSync => {
    const other = new DatabaseSync(desk.store)
    other.exec('PRAGMA locking_mode = NORMAL; BEGIN EXCLUSIVE')
    return other
  }

  it('for a moment: the run waits for it', async () => {
    const first = desk.start()
    await first.line(sent)
    const other = lock()
    await nap(1_000)
    other.close()
    expect(await first.ended).toBe(0)
    expect((await resultOf(desk, before)).faults).toEqual([])
  })

  it('for long: stops the run, exit 4, and names the process; afterwards it goes on', async () => {
    const first = desk.start()
    await first.line(sent)
    const other = lock()
    const said = await refused(first)
    expect(said).toMatch(/^4: (.*\n)*error store\.busy: .*is being written by another process/)
    expect(said).toContain(`process: ${process.pid}\n  hint: try again in a moment`)
    expect(await refused(desk.command(['status']))).toMatch(/^0: /)
    other.close()
    await goesOn()
  })
})

describe('a write-ahead log that lost its end', () => {
  /** Rests the run early, so that there is something in the file itself; then kills its driver somewhere and harms what was not yet moved there. */
  async function harmed(harm: (wal: string) => void): Promise<number> {
    const first = desk.start()
    await first.line(({ type }) => type === 'fleet.read')
    expect(await first.end('SIGTERM')).toBe(5)
    const rested = desk.acknowledged().length
    expect((await desk.run({ moment: 'after', commit: 'GateDecided' })).killed).toBe(true)
    const acknowledged = desk.acknowledged()
    harm(`${desk.store}-wal`)
    expect(await desk.start().ended).toBe(0)
    const { outcome, gates, faults, entries } = await resultOf(desk, before, { tailLost: true })
    expect(faults).toEqual([])
    expect({ outcome, gates }).toEqual({ outcome: 'succeeded', gates: ['canary: pass', 'rest: pass'] })
    expect(
      acknowledged.slice(0, rested).filter(({ hash }) => !entries.has(hash)),
      'what was in the file is there',
    ).toEqual([])
    return acknowledged.filter(({ hash }) => !entries.has(hash)).length
  }

  it.each([0, 0.5])('cut at %d of its length: its commands are found again, nothing runs twice', async (share) => {
    const lost = await harmed((wal) => {
      truncateSync(wal, Math.floor(statSync(wal).size * share))
    })
    expect(lost).toBeGreaterThan(0)
  })

  it('with a changed byte: what follows it is lost, and the same holds', async () => {
    const lost = await harmed((wal) => {
      change(wal, Math.floor(statSync(wal).size * seeded('wal')()))
    })
    expect(lost).toBeGreaterThan(0)
  })
})

describe('a damaged store', () => {
  async function rested(): Promise<number> {
    const first = desk.start()
    await first.line(sent)
    expect(await first.end('SIGTERM')).toBe(5)
    return (await desk.ledger()).length
  }

  it('in its pages: is refused, exit 2, and nothing is done', async () => {
    await rested()
    const bytes = readFileSync(desk.store)
    bytes.fill(0xee, 4_096)
    writeFileSync(desk.store, bytes)
    const calls = await desk.sends()
    expect(await refused(desk.start())).toMatch(
      /^2: (.*\n)*error store\.unusable: .*\n\s+hint: the file is damaged: restore it from a copy/,
    )
    expect(await desk.sends()).toBe(calls)
  })

  it('in a letter of an entry: is found by its chain, exit 1, and nothing is done', async () => {
    await rested()
    const other = new DatabaseSync(desk.store)
    other.exec("UPDATE entries SET text = replace(text, 'canary', 'canarx') WHERE type = 'PlanPinned'")
    other.close()
    const calls = await desk.sends()
    expect(await refused(desk.start())).toMatch(/^1: (.*\n)*error journal\.broken/)
    expect(await refused(desk.command(['audit', 'verify']))).toMatch(/^1: /)
    expect(await desk.sends()).toBe(calls)
  })
})

/** Changes one byte. */
function change(path: string, place: number): void {
  const byte = readFileSync(path).readUInt8(place) ^ 0x40
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.of(byte), 0, 1, place)
  closeSync(file)
}
