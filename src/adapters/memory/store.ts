import { assert, known } from '../../kit/assert.ts'
import type { Digest } from '../../kit/digest.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { CommandId, NodeId, RunId } from '../../kit/ids.ts'
import { earliest, type Instant } from '../../kit/instant.ts'
import type { Act, Append, Appended, Claim, NewNote, Note, RunRow, Sealed, Sender, Store } from '../../ports/store.ts'
import { Claims } from './claims.ts'

/** A store that ends with the process: for rehearsals and simulated nights, never for a fleet. It keeps the same promises but durability. */
export const openMemoryStore = (): Store => new MemoryStore()

/** What a driver drives; a schedule's journal is its scheduler's. */
const RUN_ACTS: readonly Act[] = ['trial', 'rollout']

const openingKey = (runbook: string, act: Act, opens: Instant): string => JSON.stringify([runbook, act, opens])

type Kept = { row: RunRow; readonly entries: Sealed[]; notes: Note[] }

class MemoryStore implements Store {
  readonly #runs = new Map<RunId, Kept>()
  readonly #claims = new Claims()
  readonly #commands = new Map<CommandId, RunId>()
  readonly #openings = new Map<string, RunId>()
  readonly #triggers = new Map<string, RunId>()
  readonly #plans = new Map<Digest, string>()
  readonly #blobs = new Map<Digest, string>()
  readonly #cursors = new Map<string, number>()
  #noteId = 0
  #open = true

  create(...[row, entries, { opening, trigger } = {}]: Parameters<Store['create']>): Promise<RunId> {
    return this.#now(() => {
      const last = known(entries.at(-1), 'the first entry of a new run')
      assertInTurn(row.run, entries, 0)
      const there = this.#runs.get(row.run)
      const isSame = there === undefined || there.entries[last.seq - 1]?.hash === last.hash || row.act === 'schedule'
      assert(isSame, `run ${row.run} exists and is another one`)
      const key = opening === undefined ? undefined : openingKey(row.runbook, row.act, opening)
      const holders = [
        key === undefined ? undefined : this.#openings.get(key),
        trigger === undefined ? undefined : this.#triggers.get(trigger),
      ]
      const other = holders.find((holder) => holder !== undefined && holder !== row.run)
      if (other !== undefined) return other
      if (key !== undefined) this.#openings.set(key, row.run)
      if (trigger !== undefined) this.#triggers.set(trigger, row.run)
      if (there !== undefined) return row.run
      const begun = { outcome: null, driver: null, epoch: 0, leaseUntil: null, wakeAt: null, head: last.hash, entries: last.seq }
      this.#runs.set(row.run, { row: { ...row, ...begun }, entries: [...entries], notes: [] })
      return row.run
    })
  }

  takeOpening(runbook: string, act: Act, opens: Instant, run: RunId): Promise<RunId> {
    return this.#now(() => {
      const key = openingKey(runbook, act, opens)
      const holder = this.#openings.get(key) ?? run
      this.#openings.set(key, holder)
      return holder
    })
  }

  openingOf(runbook: string, act: Act, opens: Instant): Promise<RunId | undefined> {
    return this.#now(() => this.#openings.get(openingKey(runbook, act, opens)))
  }

  triggered(trigger: string): Promise<RunId | undefined> {
    return this.#now(() => this.#triggers.get(trigger))
  }

  append(append: Append): Promise<Appended> {
    return this.#now(() => {
      const { run, entries, claim, sets = [], release = [], taken = [], commands, outcome } = append
      const kept = this.#kept(run)
      if (kept.row.head !== append.head) return { ok: false, why: 'replaced' }
      assertInTurn(run, entries, kept.row.entries)
      const { busy, places } = claim ? this.#claims.judge(run, claim) : { busy: [], places: [] }
      if (claim && kept.row.outcome === null) this.#claims.wait(run, places, claim.at)
      if (busy.length > 0) return { ok: false, why: 'busy', nodes: busy }
      this.#claims.keepSets(sets)
      this.#claims.release(run, release)
      if (claim) this.#claims.take(run, claim, known(entries.at(-1), 'the entry that claims').at)
      kept.entries.push(...entries)
      const last = entries.at(-1)
      const ended = outcome ?? kept.row.outcome
      kept.row = { ...kept.row, ...(last && { head: last.hash, entries: last.seq }), outcome: ended }
      kept.notes = kept.notes.filter((note) => !taken.includes(note.id))
      if (ended !== null) this.#claims.end(run)
      this.#keepCommands(run, ended === null, commands)
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
    const { unfinished = false, runbook, acts = RUN_ACTS } = filter
    return this.#rows(
      (row) => acts.includes(row.act) && (!unfinished || row.outcome === null) && (runbook === undefined || row.runbook === runbook),
    )
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

  noteAll(notes: readonly NewNote[]): Promise<void> {
    return this.#now(() => {
      for (const note of notes) {
        const kept = this.#runs.get(note.run)
        if (kept?.row.outcome === null) kept.notes.push({ id: ++this.#noteId, ...note })
      }
    })
  }

  senders(commands: readonly CommandId[]): Promise<ReadonlyMap<CommandId, Sender>> {
    return this.#now(() => new Map(commands.flatMap((command) => this.#senderOf(command))))
  }

  notes(run: RunId, limit: number): Promise<readonly Note[]> {
    return this.#now(() => this.#runs.get(run)?.notes.slice(0, limit) ?? [])
  }

  claims(filter: Parameters<Store['claims']>[0] = {}): Promise<readonly Claim[]> {
    return this.#now(() => this.#claims.list(filter))
  }

  releaseClaim(node: NodeId, run: RunId): Promise<Claim | undefined> {
    return this.#now(() => {
      const [claim] = this.#claims.list({ node, run })
      this.#claims.remove(node, run)
      return claim
    })
  }

  restoreClaims(...[claims, proof]: Parameters<Store['restoreClaims']>): Promise<void> {
    return this.#now(() => {
      if (proof && this.#runs.get(proof.run)?.row.head !== proof.head) return
      for (const claim of claims) this.#claims.restore(claim)
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

  /** In the order of their requests. */
  #rows(isMeant: (row: RunRow, kept: Kept) => boolean): Promise<readonly RunRow[]> {
    return this.#now(() => {
      const rows = [...this.#runs.values()].filter((kept) => isMeant(kept.row, kept)).map(rowOf)
      return rows.sort((a, b) => a.requestedAt - b.requestedAt || (a.run < b.run ? -1 : 1))
    })
  }

  #senderOf(command: CommandId): (readonly [CommandId, Sender])[] {
    const run = this.#commands.get(command)
    if (run === undefined) return []
    const { row, notes } = this.#kept(run)
    return [[command, { run, leaseUntil: row.driver === null ? null : row.leaseUntil, waiting: notes.length }]]
  }

  /** An ended run has none open. */
  #keepCommands(run: RunId, going: boolean, { open, closed }: NonNullable<Append['commands']> = { open: [], closed: [] }): void {
    if (going) for (const command of open) if (!this.#commands.has(command)) this.#commands.set(command, run)
    for (const command of closed) if (this.#commands.get(command) === run) this.#commands.delete(command)
    if (!going) for (const [command, of] of this.#commands) if (of === run) this.#commands.delete(command)
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
function rowOf({ row, notes }: Kept): RunRow {
  const [first, ...others] = [...(row.wakeAt === null ? [] : [row.wakeAt]), ...notes.map(({ at }) => at)]
  return { ...row, wakeAt: first === undefined ? null : earliest(first, ...others) }
}

function assertInTurn(run: RunId, entries: readonly Sealed[], before: number): void {
  entries.forEach((entry, index) => {
    assert(
      entry.run === run && entry.seq === before + index + 1,
      `entry ${String(before + index + 1)} of run ${run} is not entry ${String(entry.seq)} of run ${entry.run}`,
    )
  })
}
