import { assert, known } from '../../kit/assert.ts'
import type { Digest } from '../../kit/digest.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { NodeId, RunId } from '../../kit/ids.ts'
import { earliest, type Instant } from '../../kit/instant.ts'
import type { Append, Appended, Claim, Note, RunRow, Sealed, Store } from '../../ports/store.ts'
import { Claims } from './claims.ts'

/** A store that ends with the process: for rehearsals and simulated nights, never for a fleet. It keeps the same promises but durability. */
export const openMemoryStore = (): Store => new MemoryStore()

type Kept = { row: RunRow; readonly entries: Sealed[]; notes: Note[] }

class MemoryStore implements Store {
  readonly #runs = new Map<RunId, Kept>()
  readonly #claims = new Claims()
  readonly #plans = new Map<Digest, string>()
  readonly #blobs = new Map<Digest, string>()
  readonly #cursors = new Map<string, number>()
  #noteId = 0
  #open = true

  create(row: Parameters<Store['create']>[0], entries: readonly Sealed[]): Promise<void> {
    return this.#now(() => {
      const last = known(entries.at(-1), 'the first entry of a new run')
      assertInTurn(row.run, entries, 0)
      const there = this.#runs.get(row.run)
      assert(there === undefined || there.entries[last.seq - 1]?.hash === last.hash, `run ${row.run} exists and is another one`)
      if (there !== undefined) return
      const begun = { outcome: null, driver: null, epoch: 0, leaseUntil: null, wakeAt: null, head: last.hash, entries: last.seq }
      this.#runs.set(row.run, { row: { ...row, ...begun }, entries: [...entries], notes: [] })
    })
  }

  append(append: Append): Promise<Appended> {
    return this.#now(() => {
      const { run, entries, claim, release = [], taken = [], outcome } = append
      const kept = this.#kept(run)
      if (kept.row.head !== append.head) return { ok: false, why: 'replaced' }
      assertInTurn(run, entries, kept.row.entries)
      const nodes = claim ? this.#claims.busy(run, claim) : []
      if (nodes.length > 0) return { ok: false, why: 'busy', nodes }
      this.#claims.release(run, release)
      if (claim) this.#claims.take(run, claim, known(entries.at(-1), 'the entry that claims').at)
      kept.entries.push(...entries)
      const last = entries.at(-1)
      const ended = outcome ?? kept.row.outcome
      kept.row = { ...kept.row, ...(last && { head: last.hash, entries: last.seq }), outcome: ended }
      kept.notes = kept.notes.filter((note) => !taken.includes(note.id))
      if (ended !== null) this.#claims.end(run)
      return { ok: true }
    })
  }

  async *read(run: RunId, from = 1): AsyncGenerator<Sealed, void, undefined> {
    const entries = this.#runs.get(run)?.entries ?? []
    for (let index = Math.max(from, 1) - 1; index < entries.length; index++) yield await Promise.resolve(known(entries[index], 'an entry'))
  }

  run(run: RunId): Promise<RunRow | undefined> {
    return this.#now(() => {
      const kept = this.#runs.get(run)
      return kept && rowOf(kept)
    })
  }

  runs(filter: Parameters<Store['runs']>[0] = {}): Promise<readonly RunRow[]> {
    const { unfinished = false, runbook } = filter
    return this.#now(() => {
      const rows = [...this.#runs.values()].map(rowOf)
      const wanted = rows.filter((row) => (!unfinished || row.outcome === null) && (runbook === undefined || row.runbook === runbook))
      return wanted.sort((a, b) => a.requestedAt - b.requestedAt || (a.run < b.run ? -1 : 1))
    })
  }

  drive(run: RunId, driver: string, now: Instant, leaseUntil: Instant): Promise<Readonly<{ epoch: number }> | undefined> {
    return this.#now(() => {
      const kept = this.#kept(run)
      const { driver: before, leaseUntil: until, epoch: old } = kept.row
      if (before !== null && before !== driver && until !== null && until > now) return undefined
      const epoch = before === driver ? old : old + 1
      kept.row = { ...kept.row, driver, epoch, leaseUntil, wakeAt: null }
      return { epoch }
    })
  }

  rest(run: RunId, driver: string, wakeAt: Instant | null): Promise<void> {
    return this.#now(() => {
      const kept = this.#runs.get(run)
      if (kept?.row.driver === driver) kept.row = { ...kept.row, driver: null, leaseUntil: null, wakeAt }
    })
  }

  note(run: RunId, at: Instant, kind: string, data: string): Promise<void> {
    return this.#now(() => {
      this.#kept(run).notes.push({ id: ++this.#noteId, run, at, kind, data })
    })
  }

  notes(run: RunId, limit: number): Promise<readonly Note[]> {
    return this.#now(() => this.#runs.get(run)?.notes.slice(0, limit) ?? [])
  }

  claims(filter: Parameters<Store['claims']>[0] = {}): Promise<readonly Claim[]> {
    return this.#now(() => this.#claims.list(filter))
  }

  releaseClaim(node: NodeId): Promise<Claim | undefined> {
    return this.#now(() => {
      const there = this.#claims.list({ node })
      const claim = there.find((one) => one.hand) ?? there[0]
      if (claim) this.#claims.remove(node, claim.run)
      return claim
    })
  }

  restoreClaims(claims: readonly Claim[]): Promise<void> {
    return this.#now(() => {
      for (const claim of claims) this.#claims.add(claim)
    })
  }

  putPlan(digest: Digest, text: string): Promise<void> {
    return this.#now(() => {
      if (!this.#plans.has(digest)) this.#plans.set(digest, text)
    })
  }

  plan(digest: Digest): Promise<string | undefined> {
    return this.#now(() => this.#plans.get(digest))
  }

  putBlob(digest: Digest, text: string): Promise<void> {
    return this.#now(() => {
      if (!this.#blobs.has(digest)) this.#blobs.set(digest, text)
    })
  }

  blob(digest: Digest): Promise<string | undefined> {
    return this.#now(() => this.#blobs.get(digest))
  }

  cursor(name: string): Promise<number> {
    return this.#now(() => this.#cursors.get(name) ?? 0)
  }

  setCursor(name: string, position: number): Promise<void> {
    return this.#now(() => {
      this.#cursors.set(name, position)
    })
  }

  close(): Promise<void> {
    this.#open = false
    return Promise.resolve()
  }

  #kept(run: RunId): Kept {
    const kept = this.#runs.get(run)
    if (kept === undefined) throw new PatchwaveError('run.unknown', `there is no run ${run}`, { hint: 'list them with `patchwave status`' })
    return kept
  }

  /** Each call is one step that nothing comes between; a failure comes as a rejection. */
  #now<T>(work: () => T): Promise<T> {
    return new Promise((done) => {
      assert(this.#open, 'the store is closed')
      done(work())
    })
  }
}

/** Waking is wanted when the driver said, and since the first note that lies there. */
function rowOf({ row, notes: [note] }: Kept): RunRow {
  const wakeAt = note === undefined ? row.wakeAt : earliest(note.at, ...(row.wakeAt === null ? [] : [row.wakeAt]))
  return { ...row, wakeAt }
}

function assertInTurn(run: RunId, entries: readonly Sealed[], before: number): void {
  entries.forEach((entry, index) => {
    assert(
      entry.run === run && entry.seq === before + index + 1,
      `entry ${String(before + index + 1)} of run ${run} is not entry ${String(entry.seq)} of run ${entry.run}`,
    )
  })
}
