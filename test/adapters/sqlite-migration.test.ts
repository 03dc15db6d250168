import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { APPLICATION_ID, MIGRATIONS } from '../../src/adapters/sqlite/schema.ts'
import { openSqliteStore } from '../../src/adapters/sqlite/store.ts'
import { known } from '../../src/kit/assert.ts'
import { sha256 } from '../../src/kit/digest.ts'
import type { Sealed } from '../../src/ports/store.ts'
import { afterDusk, all, dusk, entriesOf, runId } from '../contract/entries.ts'
import { claim, limit } from '../contract/stage.ts'

const [A, B] = [runId(1), runId(2)]
let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'patchwave-migration-'))
  path = join(folder, 'patchwave.db')
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A file as the version with so many steps left it: a run that waits, with a note, and a node in a full group under its hand. */
function oldFile(steps: number): Sealed[] {
  const raw = new DatabaseSync(path)
  raw.exec('PRAGMA journal_mode = WAL')
  for (const step of MIGRATIONS.slice(0, steps)) raw.exec(step)
  raw.exec(`PRAGMA application_id = ${String(APPLICATION_ID)}; PRAGMA user_version = ${String(steps)}`)
  const entries = entriesOf(A, 3)
  raw
    .prepare('INSERT INTO runs (run, runbook, act, requested_at, epoch, wake_at, head, entries) VALUES (?, ?, ?, ?, 4, ?, ?, 3)')
    .run(A, 'monthly', 'rollout', dusk, afterDusk(9_000), known(entries[2], 'the head').hash)
  for (const { run, seq, at, type, text, hash } of entries)
    raw.prepare('INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)').run(run, seq, at, type, text, hash)
  raw.prepare('INSERT INTO notes (run, at, kind, data) VALUES (?, ?, ?, ?)').run(A, afterDusk(5_000), 'pause', '{}')
  raw.prepare('INSERT INTO claims VALUES (?, ?, 1, ?, ?)').run('i-1', A, dusk, afterDusk(3_600_000))
  raw.prepare('INSERT INTO claim_groups VALUES (?, ?, ?)').run('g', 'i-1', A)
  raw.prepare('INSERT INTO cursors VALUES (?, ?)').run('relay', 7)
  raw.close()
  return entries
}

describe('a file of an older version', () => {
  it.each(MIGRATIONS.slice(0, -1).map((_, index) => index + 1))('keeps what it holds and can do the rest: %i steps', async (steps) => {
    const entries = oldFile(steps)
    const store = await openSqliteStore(path)
    expect(await all(store.read(A))).toEqual(entries)
    expect(await store.run(A)).toMatchObject({ act: 'rollout', epoch: 4, wakeAt: afterDusk(5_000), entries: 3 })
    expect((await store.runs({ unfinished: true })).map(({ run }) => run)).toEqual([A])
    expect(await store.claims()).toMatchObject([{ node: 'i-1', run: A, groups: ['g'], hand: true }])
    expect([await store.cursor('relay'), (await store.notes(A, 9)).length]).toEqual([7, 1])
    const first = entriesOf(B, 1)
    expect(
      await store.create({ run: B, runbook: 'monthly', act: 'rollout', requestedAt: dusk }, first, { opening: dusk, trigger: 't' }),
    ).toBe(B)
    const more = { run: B, head: known(first[0], 'the head').hash, entries: entriesOf(B, 1, first[0]) }
    expect(await store.append({ ...more, ...claim(['i-2'], ['g'], [limit('g', 1, 1)]) })).toEqual({
      ok: false,
      why: 'busy',
      nodes: ['i-2'],
    })
    await store.close()
    const again = await openSqliteStore(path)
    await again.append({ run: A, head: known(entries.at(-1), 'the head').hash, entries: [], commands: { open: ['c-1'], closed: [] } })
    expect((await again.senders(['c-1'])).get('c-1')).toEqual({ run: A, leaseUntil: null, waiting: 1 })
    expect(await again.openingOf('monthly', 'rollout', dusk)).toBe(B)
    expect(await again.triggered('t')).toBe(B)
    await again.close()
    const raw = new DatabaseSync(path)
    expect(raw.prepare('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length })
    expect(raw.prepare('SELECT key, run FROM tickets').all()).toEqual([{ key: 'group/g', run: B }])
    raw.close()
  })

  it('comes to the same tables as a new one', async () => {
    const tables = async (file: string): Promise<unknown[]> => {
      await (await openSqliteStore(file)).close()
      const raw = new DatabaseSync(file)
      const rows = raw.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()
      raw.close()
      return rows
    }
    oldFile(1)
    expect(await tables(path)).toEqual(await tables(join(folder, 'new.db')))
  })

  // Files in the field were made by these very steps. A step that is not released yet is not listed.
  it.each<[step: number, digest: string]>([[1, '87b801229e6ea5884f5067afc175b3aa1ba649c68fe7c344cf8d6467a34feb04']])(
    'was made by step %i as it still is',
    (step, digest) => {
      expect(sha256(known(MIGRATIONS[step - 1], 'the step'))).toBe(digest)
    },
  )
})
