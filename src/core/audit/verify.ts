import { sha256 } from '../../kit/digest.ts'
import type { RunId } from '../../kit/ids.ts'
import type { Anchor, Entry, Head, Sealed } from './entry.ts'
import { parseEntry } from './open.ts'

/**
 * Why a chain does not hold. `cut`: it ends before an anchor. `forked`: it passes an anchor with another hash. `backwards`: time runs
 * back. `foreign`: an entry of another run. `plan-*` and `unreadable` are found in exports.
 */
export type BreakReason =
  | 'changed'
  | 'removed'
  | 'reordered'
  | 'duplicated'
  | 'foreign'
  | 'backwards'
  | 'cut'
  | 'forked'
  | 'unreadable'
  | 'plan-changed'
  | 'plan-missing'

/** One place where a chain does not hold; `detail` is for people. */
export type Break = Readonly<{ run: RunId; seq?: number; reason: BreakReason; detail: string }>

/** What verifying one run's chain found. It holds when `breaks` is empty. `finished`: its end is on record. */
export type ChainVerdict = Readonly<{ run: RunId; entries: number; head: Head | null; finished: boolean; breaks: readonly Break[] }>

/** Verifies the entries of one run, in the order in which they stand. @throws `journal.newer` */
export function verifyChain(run: RunId, entries: Iterable<Sealed>, anchors: readonly Anchor[] = []): ChainVerdict {
  const chain = new ChainVerifier(run, anchors)
  for (const sealed of entries) chain.add(sealed)
  return chain.end()
}

/**
 * Verifies a chain that is read piece by piece. Without an anchor from outside the store a chain that was rewritten or cut from some entry
 * to its end cannot be told from a shorter one; with one, up to the anchor, it can.
 */
export class ChainVerifier {
  readonly #run: RunId
  readonly #anchors: readonly Anchor[]
  readonly #breaks: Break[] = []
  /** Numbers that have not been seen below the last one, as ranges. */
  #missing: Readonly<{ from: number; to: number }>[] = []
  #head: Head | null = null
  #at = -Infinity
  #entries = 0
  #finished = false

  constructor(run: RunId, anchors: readonly Anchor[] = []) {
    this.#run = run
    this.#anchors = anchors.filter((anchor) => anchor.run === run)
  }

  /** The entry when it can be believed by itself; `undefined` when not. @throws `journal.newer` */
  add(sealed: Sealed): Entry | undefined {
    if (sealed.run !== this.#run) {
      this.#report('foreign', sealed.seq, `an entry of run ${sealed.run} stands here`)
      return undefined
    }
    this.#entries++
    const entry = this.#opened(sealed)
    if (this.#inOrder(sealed)) {
      this.#link(sealed, entry)
      this.#compare(sealed)
      this.#head = { seq: sealed.seq, hash: sealed.hash }
    }
    if (entry?.type === 'RunFinished') this.#finished = true
    return entry
  }

  /** Whether all holds so far. */
  get sound(): boolean {
    return this.#breaks.length === 0 && this.#missing.length === 0
  }

  /** Something else that does not hold about this run. */
  report(reason: BreakReason, detail: string, seq?: number): void {
    this.#report(reason, seq, detail)
  }

  /** The verdict; breaks in the order of their entries, those without a number last. */
  end(): ChainVerdict {
    const last = this.#head?.seq ?? 0
    const removed = this.#missing.map(({ from, to }) =>
      this.#made(
        'removed',
        from,
        from === to ? `entry ${String(from)} is missing` : `entries ${String(from)} to ${String(to)} are missing`,
      ),
    )
    const beyond = this.#anchors.filter((anchor) => anchor.seq > last)
    const cut = beyond.map((anchor) =>
      this.#made('cut', anchor.seq, `entry ${String(anchor.seq)} was seen outside, but the journal ends at ${String(last)}`),
    )
    const breaks = [...this.#breaks, ...removed, ...cut].sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity) || 0)
    return { run: this.#run, entries: this.#entries, head: this.#head, finished: this.#finished, breaks }
  }

  #opened(sealed: Sealed): Entry | undefined {
    const entry = sha256(sealed.text) === sealed.hash ? parseEntry(sealed) : 'its text is not the one that was hashed'
    if (typeof entry !== 'string') return entry
    this.#report('changed', sealed.seq, entry)
    return undefined
  }

  /** Whether it stands after all others. What comes late was moved or doubled. */
  #inOrder({ seq }: Sealed): boolean {
    const expected = (this.#head?.seq ?? 0) + 1
    if (seq > expected) this.#missing.push({ from: expected, to: seq - 1 })
    if (seq >= expected) return true
    const gap = this.#missing.find(({ from, to }) => from <= seq && seq <= to)
    if (gap === undefined) this.#report('duplicated', seq, `entry ${String(seq)} stands here a second time`)
    else this.#report('reordered', seq, `entry ${String(seq)} stands after entry ${String(expected - 1)}`)
    if (gap) this.#missing = this.#missing.flatMap((one) => (one === gap ? without(gap, seq) : [one]))
    return false
  }

  #link({ seq }: Sealed, entry: Entry | undefined): void {
    if (entry === undefined) return
    if (seq === 1 && entry.prev !== null) this.#report('changed', 1, 'the first entry says that another one came before it')
    // An entry that fits its own hash, but not the one that its successor was sealed after, is the one that was changed.
    if (seq === (this.#head?.seq ?? 0) + 1 && seq > 1 && entry.prev !== this.#head?.hash)
      this.#report('changed', seq - 1, `entry ${String(seq)} was sealed after another entry ${String(seq - 1)}`)
    if (entry.at < this.#at) this.#report('backwards', seq, 'it is earlier than the entry before it')
    this.#at = Math.max(this.#at, entry.at)
  }

  #compare({ seq, hash }: Sealed): void {
    if (this.#anchors.some((anchor) => anchor.seq === seq && anchor.hash !== hash))
      this.#report('forked', seq, 'another entry was seen outside under this number')
  }

  #report(reason: BreakReason, seq: number | undefined, detail: string): void {
    this.#breaks.push(this.#made(reason, seq, detail))
  }

  #made(reason: BreakReason, seq: number | undefined, detail: string): Break {
    return { run: this.#run, ...(seq !== undefined && { seq }), reason, detail }
  }
}

function without(gap: Readonly<{ from: number; to: number }>, seq: number): { from: number; to: number }[] {
  const [before, after] = [
    { from: gap.from, to: seq - 1 },
    { from: seq + 1, to: gap.to },
  ]
  return [before, after].filter(({ from, to }) => from <= to)
}

/** `audit verify --json`. `complete`: every run that was verified has ended, so that nothing of it is still to come. */
export type VerifyReport = Readonly<
  { ok: true; complete: boolean; runs: number; entries: number } | { ok: false; breaks: readonly Break[] }
>

/** Sums up the verdicts of several runs. */
export function verifyReport(verdicts: readonly ChainVerdict[]): VerifyReport {
  const breaks = verdicts.flatMap((verdict) => verdict.breaks)
  if (breaks.length > 0) return { ok: false, breaks }
  const complete = verdicts.length > 0 && verdicts.every((verdict) => verdict.finished)
  return { ok: true, complete, runs: verdicts.length, entries: verdicts.reduce((sum, { entries }) => sum + entries, 0) }
}
