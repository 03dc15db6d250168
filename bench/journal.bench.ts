import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openMemoryStore } from '../src/adapters/memory/store.ts'
import { openSqliteStore } from '../src/adapters/sqlite/store.ts'
import type { Sealed } from '../src/core/audit/entry.ts'
import { exportRun, verifyExport } from '../src/core/audit/export.ts'
import { seal, type Unsealed } from '../src/core/audit/seal.ts'
import { ChainVerifier } from '../src/core/audit/verify.ts'
import { assert, known } from '../src/kit/assert.ts'
import { instant, type Ms } from '../src/kit/instant.ts'
import type { Store } from '../src/ports/store.ts'
import { atMost, plain, table, type Figure } from './measure/table.ts'

// What sealing, appending, reading and verifying take. Appends are durable: each waits for the disk's own sync, so figures differ by disk.

const START = instant(Date.UTC(2026, 0, 1))
const RUNS = 64
const BIG = 50_000
const runId = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`

const small = (run: string): Unsealed => ({
  run,
  at: START,
  actor: { kind: 'engine', id: 'driver-1' },
  type: 'CommandSent',
  data: { n: 7, commandId: runId(9), requestedAt: '2026-01-01T00:00:00.000Z', expiresAfter: '2026-01-01T01:00:00.000Z', adopted: false },
})

/** What a full command brings: fifty nodes, each with its outcome, its counts and its digests. */
function report(run: string): Unsealed {
  const fifty = <T>(value: T): T[] => Array.from({ length: 50 }, () => value)
  const data = {
    n: 7,
    nodes: Array.from({ length: 50 }, (_, i) => 40_000 + i),
    outcomes: fifty('patched'),
    reasons: fifty('installed'),
    changed: fifty(12),
    missing: fifty(0),
    before: fifty('0123456789abcdef'.repeat(4)),
    after: fifty('fedcba9876543210'.repeat(4)),
    reboot: fifty(false),
    ended: fifty('2026-01-01T00:10:00.000Z'),
  }
  return { ...small(run), type: 'NodesReported', data }
}

function chain(run: string, count: number, of: (run: string) => Unsealed, previous: Sealed | null = null): Sealed[] {
  const entries: Sealed[] = []
  for (let i = 0; i < count; i++) entries.push(seal(entries.at(-1) ?? previous, of(run)))
  return entries
}

async function took(work: () => unknown): Promise<Ms> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const rate = (what: string, count: number, ms: Ms): Figure => plain(what, (count * 1000) / ms, '/s')

async function sealing(): Promise<Figure[]> {
  chain(runId(1), 2_000, small) // Warms the compiler up.
  const [short, long] = [await took(() => chain(runId(1), 20_000, small)), await took(() => chain(runId(1), 2_000, report))]
  return [rate('sealed, small entries', 20_000, short), rate('sealed, reports of 50 nodes', 2_000, long)]
}

/** One entry an append, each waiting for the one before it, as a driver does. */
async function single(store: Store, run: string, count: number): Promise<Ms> {
  const entries = chain(run, count + 1, small)
  await store.create({ run, runbook: 'bench', act: 'rollout', requestedAt: START }, entries.slice(0, 1))
  return took(async () => {
    for (let i = 1; i <= count; i++) await add(store, entries, i, 1)
  })
}

/** One entry an append, many runs in the same turn. */
async function together(store: Store, rounds: number): Promise<Ms> {
  const journals = Array.from({ length: RUNS }, (_, i) => chain(runId(100 + i), rounds + 1, small))
  for (const entries of journals)
    await store.create(
      { run: known(entries[0], 'an entry').run, runbook: 'bench', act: 'rollout', requestedAt: START },
      entries.slice(0, 1),
    )
  return took(async () => {
    for (let i = 1; i <= rounds; i++) await Promise.all(journals.map((entries) => add(store, entries, i, 1)))
  })
}

/** Many entries an append. */
async function bulk(store: Store, run: string, of: (run: string) => Unsealed, count: number): Promise<Ms> {
  const entries = chain(run, count + 1, of)
  await store.create({ run, runbook: 'bench', act: 'rollout', requestedAt: START }, entries.slice(0, 1))
  return took(async () => {
    for (let i = 1; i <= count; i += 100) await add(store, entries, i, 100)
  })
}

async function add(store: Store, entries: readonly Sealed[], from: number, count: number): Promise<void> {
  const before = known(entries[from - 1], 'the head')
  const result = await store.append({ run: before.run, head: before.hash, entries: entries.slice(from, from + count) })
  assert(result.ok, 'the append was refused')
}

async function reading(store: Store, run: string): Promise<Readonly<{ readMs: Ms; verifyMs: Ms; entries: Sealed[] }>> {
  const entries: Sealed[] = []
  const readMs = await took(async () => {
    for await (const sealed of store.read(run)) entries.push(sealed)
  })
  const verifyMs = await took(async () => {
    const verifier = new ChainVerifier(run)
    for await (const sealed of store.read(run)) verifier.add(sealed)
    assert(verifier.end().breaks.length === 0, 'the chain does not hold')
  })
  return { readMs, verifyMs, entries }
}

async function storing(store: Store): Promise<Figure[]> {
  const figures = [
    rate('appended, one run, one entry at a time', 2_000, await single(store, runId(1), 2_000)),
    rate(`appended, ${String(RUNS)} runs in one turn`, RUNS * 200, await together(store, 200)),
    rate('appended, 100 entries at a time', BIG, await bulk(store, runId(2), small, BIG)),
    rate('appended, reports of 50 nodes, 100 at a time', 2_000, await bulk(store, runId(3), report, 2_000)),
  ]
  const [many, wide] = [await reading(store, runId(2)), await reading(store, runId(3))]
  return [
    ...figures,
    rate('read, small entries', BIG, many.readMs),
    rate('read and verified, small entries', BIG, many.verifyMs),
    atMost(`read and verified, ${BIG.toLocaleString('en')} entries`, many.verifyMs / 1000, 's', 5),
    rate('read and verified, reports of 50 nodes', 2_000, wide.verifyMs),
    await exporting(runId(2), many.entries),
  ]
}

async function exporting(run: string, entries: readonly Sealed[]): Promise<Figure> {
  const lines = exportRun({ run, exportedAt: START, plan: null }, entries).split('\n')
  return rate('verified from an export, small entries', entries.length, await took(() => verifyExport(lines)))
}

const folder = mkdtempSync(join(tmpdir(), 'patchwave-bench-'))
try {
  console.log(table('sealing', await sealing()))
  const sqlite = await openSqliteStore(join(folder, 'patchwave.db'))
  console.log(table('SQLite, every append synced', await storing(sqlite)))
  await sqlite.close()
  console.log(table('in memory', await storing(openMemoryStore())))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
