import { PatchwaveError } from '../../kit/error.ts'
import { sha256, type Digest } from '../../kit/digest.ts'
import type { RunId } from '../../kit/ids.ts'
import { iso, parseInstant, type Instant } from '../../kit/instant.ts'
import { readPlan } from '../plan/plan-file.ts'
import type { Plan } from '../plan/plan.ts'
import type { Anchor, Head, Sealed } from './entry.ts'
import { objectOf, readEntry } from './open.ts'
import { Places } from './place.ts'
import { recordAt } from './record.ts'
import { ChainVerifier, type ChainVerdict } from './verify.ts'

/** The version of the export's form. Lines are compared to the byte, so any change to them needs a new one. */
export const EXPORT_VERSION = 1

type ExportParts = Readonly<{ run: RunId; exportedAt: Instant; plan: Readonly<{ digest: Digest; text: string }> | null }>

/**
 * One run as lines of JSON that prove themselves: a header with the plan, each entry as `audit list --json` shows it with its sealed text
 * in `sealed`, and a trailer with the count and the head. Lines carry no line end.
 */
export class Exporter {
  readonly header: string
  readonly #run: RunId
  readonly #places: Places
  #head: Head | null = null
  #entries = 0

  /** @throws `plan.invalid` */
  constructor({ run, exportedAt, plan }: ExportParts) {
    this.#run = run
    this.#places = new Places(plan === null ? null : readPlan(plan.text).content)
    this.header = JSON.stringify({ type: 'export.started', v: EXPORT_VERSION, run, exportedAt: iso(exportedAt), plan })
  }

  /** The next entry's line. Entries come in order, from the first. @throws `journal.broken`, `journal.newer` */
  line(sealed: Sealed): string {
    this.#head = { seq: sealed.seq, hash: sealed.hash }
    this.#entries++
    return lineOf(sealed, this.#places)
  }

  /** The last line. */
  trailer(): string {
    return trailerOf(this.#run, this.#entries, this.#head, this.header)
  }
}

/** A whole export. For long journals write the lines of an `Exporter` one by one. */
export function exportRun(parts: ExportParts, entries: Iterable<Sealed>): string {
  const exporter = new Exporter(parts)
  const lines = [exporter.header]
  for (const sealed of entries) lines.push(exporter.line(sealed))
  return `${[...lines, exporter.trailer()].join('\n')}\n`
}

function lineOf(sealed: Sealed, places: Places): string {
  const entry = readEntry(sealed)
  return JSON.stringify({ ...recordAt(entry, places.of(entry)), sealed: sealed.text })
}

/** The line as it would be if the entry had happened there. */
function lineAt(sealed: Sealed, where: unknown): string {
  const { data, hash, ...before } = recordAt(readEntry(sealed), { cells: [], nodes: [] })
  return JSON.stringify({ ...before, ...(where !== undefined && { where }), data, hash, sealed: sealed.text })
}

function trailerOf(run: RunId, entries: number, head: Head | null, header: string): string {
  return JSON.stringify({ type: 'export.ended', run, entries, head: head?.hash ?? null, header: sha256(header) })
}

/**
 * Verifies an export without any store: every line to the byte, the chain, the plan's digest, and that it is whole. A file may hold several
 * exports, one after the other. @throws `journal.newer` for a form or entries of a newer version, `file.unreadable` for what is no export
 */
export function verifyExport(lines: Iterable<string>, anchors: readonly Anchor[] = []): ChainVerdict[] {
  const sections: Section[] = []
  for (const line of lines) {
    const value = objectOf(line)
    const begun = value && beginning(line, value, anchors, sections.length === 0)
    if (begun) sections.push(begun)
    if (begun?.header !== line) sections.at(-1)?.add(line, value)
  }
  if (sections.length === 0)
    throw new PatchwaveError('file.unreadable', 'this is no export of an audit trail', {
      hint: 'make one with `patchwave audit export RUN`',
    })
  return sections.map((section) => section.end())
}

/** The export that begins with this line. One that lost its header is still verified as far as it goes. */
function beginning(line: string, value: Fields, anchors: readonly Anchor[], first: boolean): Section | undefined {
  const { type, v, run, plan } = value
  if (type === 'export.started' && typeof run === 'string' && typeof v === 'number') {
    if (v > EXPORT_VERSION)
      throw new PatchwaveError('journal.newer', `the export was written by a newer version (form v${String(v)})`, {
        hint: 'verify it with that version',
      })
    return new Section({ run, header: line, plan, anchors })
  }
  if (!first || typeof run !== 'string' || !('sealed' in value || type === 'export.ended')) return undefined
  return new Section({ run, header: null, plan: null, anchors })
}

type Fields = Readonly<Record<string, unknown>>
type SectionParts = Readonly<{ run: RunId; header: string | null; plan: unknown; anchors: readonly Anchor[] }>

/** One export in a file that is being read. */
class Section {
  readonly header: string | null
  readonly #run: RunId
  readonly #chain: ChainVerifier
  readonly #plan: Plan | undefined
  readonly #places: Places
  #seen = { entries: 0, ended: false, pinned: undefined as unknown }
  #last: Head | null = null

  constructor({ run, header, plan, anchors }: SectionParts) {
    this.header = header
    this.#run = run
    this.#chain = new ChainVerifier(run, anchors)
    this.#plan = this.#read(plan)
    this.#places = new Places(this.#plan?.content ?? null)
    if (header === null) this.#chain.report('removed', 'the first line of the export is missing')
  }

  add(line: string, value: Fields | undefined): void {
    if (line === '' && this.#seen.ended) return
    if (this.#seen.ended) this.#chain.report('foreign', 'a line stands behind the end of the export')
    else if (value?.['type'] === 'export.ended') this.#finish(line)
    else this.#entry(line, value)
  }

  end(): ChainVerdict {
    if (!this.#seen.ended) this.#chain.report('cut', 'the export has no last line')
    if (this.#seen.pinned !== undefined && this.#plan === undefined)
      this.#chain.report('plan-missing', 'the plan that the run pinned is not in the export, or is damaged')
    if (this.#seen.pinned !== undefined && this.#plan !== undefined && this.#seen.pinned !== this.#plan.digest)
      this.#chain.report('plan-changed', 'the plan in the export is not the one that the run pinned')
    return this.#chain.end()
  }

  #entry(line: string, value: Fields | undefined): void {
    const sealed = sealedOf(value)
    if (sealed === undefined) {
      this.#chain.report('unreadable', 'a line is no entry', typeof value?.['seq'] === 'number' ? value['seq'] : undefined)
      return
    }
    const entry = this.#chain.add(sealed)
    this.#seen.entries++
    this.#last = { seq: sealed.seq, hash: sealed.hash }
    if (entry === undefined) return
    if (entry.type === 'PlanPinned') this.#seen.pinned = entry.data['plan']
    // Where an entry happened follows from the plan and the entries before it: when they are damaged, this line is not to blame.
    const shown = lineOf(sealed, this.#places)
    if (shown !== line && (this.#chain.sound || lineAt(sealed, value?.['where']) !== line))
      this.#chain.report('changed', 'what the line shows is not what was sealed', sealed.seq)
  }

  #finish(line: string): void {
    this.#seen.ended = true
    if (line !== trailerOf(this.#run, this.#seen.entries, this.#last, this.header ?? ''))
      this.#chain.report('changed', 'the last line does not fit what stands above it')
  }

  #read(plan: unknown): Plan | undefined {
    if (typeof plan !== 'object' || plan === null || !('text' in plan) || typeof plan.text !== 'string') return undefined
    try {
      const read = readPlan(plan.text)
      if (!('digest' in plan) || plan.digest !== read.digest)
        this.#chain.report('plan-changed', 'the plan does not have the digest that stands beside it')
      return read
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      this.#chain.report('plan-changed', error.message)
      return undefined
    }
  }
}

/** A line as it stood in the journal; its place and time are those of the sealed text, for nothing else is hashed. */
function sealedOf(value: Fields | undefined): Sealed | undefined {
  const { sealed: text, hash } = value ?? {}
  if (typeof text !== 'string' || typeof hash !== 'string') return undefined
  const { run, seq, at, type } = objectOf(text) ?? {}
  const time = typeof at === 'string' ? parseInstant(at) : undefined
  if (
    typeof run !== 'string' ||
    typeof seq !== 'number' ||
    !Number.isInteger(seq) ||
    seq < 1 ||
    time === undefined ||
    typeof type !== 'string'
  )
    return undefined
  return { run, seq, at: time, type, text, hash }
}
