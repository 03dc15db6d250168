import { PatchwaveError } from '../../kit/error.ts'
import { sha256 } from '../../kit/digest.ts'
import { parseInstant } from '../../kit/instant.ts'
import { ENTRY_VERSION, type Entry, type Head, type Sealed } from './entry.ts'

/** An entry's parsed text before anything is known of it. */
export type RawEntry = Readonly<Record<string, unknown>>

/**
 * Step `n` turns an entry of version `n` into one of version `n + 1`: after its hash was verified, in memory only. Empty while there is
 * only one version.
 */
const UPCASTS: Readonly<Record<number, (raw: RawEntry) => RawEntry>> = {}

const ACTORS: ReadonlySet<unknown> = new Set(['schedule', 'cli', 'api', 'message', 'engine'])

/**
 * Verifies one entry against the one before it and reads it.
 * @throws `journal.broken` when hash, chain, number or form do not fit; `journal.newer` when a newer version wrote it
 */
export function openEntry(sealed: Sealed, previous: Head | null): Entry {
  if (sha256(sealed.text) !== sealed.hash) throw broken(sealed, 'its text is not the one that was hashed')
  const entry = readEntry(sealed)
  const flaw = placeFlaw(entry, previous)
  if (flaw !== null) throw broken(sealed, flaw)
  return entry
}

function placeFlaw(entry: Entry, previous: Head | null): string | null {
  const expected = (previous?.seq ?? 0) + 1
  if (entry.seq !== expected) return `entry ${String(expected)} was expected here`
  return entry.prev === (previous?.hash ?? null) ? null : 'it does not follow the entry before it'
}

/**
 * Reads an entry whose hash has been checked, brought up to this version.
 * @throws `journal.broken`, `journal.newer`
 */
export function readEntry(sealed: Sealed): Entry {
  const read = parseEntry(sealed)
  if (typeof read === 'string') throw broken(sealed, read)
  return read
}

/** As `readEntry`, but what is wrong with it is the answer. @throws `journal.newer` */
export function parseEntry(
  sealed: Sealed,
  upcasts: Readonly<Record<number, (raw: RawEntry) => RawEntry>> = UPCASTS,
  newest = ENTRY_VERSION,
): Entry | string {
  let raw = objectOf(sealed.text)
  if (raw === undefined) return 'it is not a JSON object'
  const version = raw['v']
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) return 'it has no version'
  if (version > newest) throw newer(sealed, version)
  for (let step = version; step < newest; step++) {
    const upcast = upcasts[step]
    if (upcast === undefined) return `there is no way from version ${String(step)} to ${String(newest)}`
    raw = upcast(raw)
  }
  return shaped(raw, sealed)
}

function shaped(raw: RawEntry, sealed: Sealed): Entry | string {
  const { v, run, seq, actor, type, data, prev } = raw
  const at = typeof raw['at'] === 'string' ? parseInstant(raw['at']) : undefined
  if (at === undefined || typeof v !== 'number' || !isActor(actor) || !isObject(data)) return 'its form is unknown'
  if (prev !== null && typeof prev !== 'string') return 'its form is unknown'
  if (run !== sealed.run) return 'it belongs to another run'
  if (seq !== sealed.seq || type !== sealed.type || at !== sealed.at) return 'the index beside it says otherwise'
  return { v, run: sealed.run, seq: sealed.seq, at, actor, type: sealed.type, data, prev, hash: sealed.hash }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isActor = (value: unknown): value is Entry['actor'] => isObject(value) && ACTORS.has(value['kind']) && typeof value['id'] === 'string'

/** The object that a text holds, or `undefined` when it holds none. */
export function objectOf(text: string): RawEntry | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function broken(sealed: Sealed, what: string): PatchwaveError {
  return new PatchwaveError('journal.broken', `run ${sealed.run}, entry ${String(sealed.seq)}: ${what}`, {
    hint: 'see every break with `patchwave audit verify`, then restore the store from a copy that verifies',
  })
}

function newer(sealed: Sealed, version: number): PatchwaveError {
  return new PatchwaveError(
    'journal.newer',
    `run ${sealed.run} was written by a newer version (entries v${String(version)}, this one knows v${String(ENTRY_VERSION)})`,
    {
      hint: 'use that version to read it or to go on with it',
    },
  )
}
