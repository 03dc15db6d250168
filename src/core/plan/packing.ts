import { PatchwaveError } from '../../kit/error.ts'
import { sha256, type Digest } from '../../kit/digest.ts'
import { instant } from '../../kit/instant.ts'
import { baselineDigest, baselineOf, type Baseline, type Provenance } from './baseline.ts'
import { readHeader, readRecord, type Header, type PartRow, type Record } from './packing-read.ts'
import type { Patch } from './plan.ts'
import type { Quarantined } from './quarantine.ts'

/** Parameter Store: a Standard value has at most 4,096 bytes, an Advanced one 8,192. Advanced ones cost money and never go back. */
export const STANDARD_BYTES = 4_096
export const ADVANCED_BYTES = 8_192

/** A parameter below the baseline's path. `digest` tells whether a stored one must be written again. */
export type Part = Readonly<{ suffix: string; value: string; digest: Digest }>

/** What to write: the parts whose digest the old manifest does not have, then the manifest with every part's version. */
export type Packed = Readonly<{ digest: Digest; parts: readonly Part[]; manifest: (versions: readonly number[]) => string }>

/**
 * Characters of names in one list of a record. A kernel may fix hundreds of CVEs: the rest goes into another record of the same patch. Two
 * lists and the longest name, version and arch still fit a Standard value.
 */
const LIST_CHARACTERS = 1_400
/** Versions of parameters count from 1; six digits are room for a write every five minutes for nine years. */
const VERSION_WIDEST = 999_999

/**
 * Packs a baseline into parameter values: readable JSON, parts of at most 4,096 bytes (8,192 only when their manifest would not fit
 * otherwise), cut where the content says so, so that a changed patch changes one part.
 * @throws `aws.invalid` when it fits no way
 */
export function packBaseline(baseline: Baseline): Packed {
  const exact = baselineOf(baseline.account, baseline.image, baseline.patches, baseline.provenance, baseline.quarantined)
  const records = [
    ...exact.patches.flatMap(patchRecords),
    ...(exact.quarantined ?? []).map((quarantined) => ({ quarantined })),
    ...provenanceRecords(exact.provenance),
  ]
  for (const bytes of [STANDARD_BYTES, ADVANCED_BYTES]) {
    const packed = packedInto(exact, partsOf(records, bytes))
    const widest = packed.manifest(packed.parts.map(() => VERSION_WIDEST))
    if (bytesOf(widest) <= bytes) return packed
  }
  throw new PatchwaveError('aws.invalid', `the baseline of ${baseline.account}/${baseline.image} is too large for Parameter Store`, {
    hint: 'narrow patches.approve',
    detail: { patches: exact.patches.length },
  })
}

/** Versions of parts that an older manifest names with the same digest: these need no writing. */
export function reusable(packed: Packed, manifest: string | undefined): ReadonlyMap<string, number> {
  const header = manifest === undefined ? undefined : readHeader(manifest)
  if (header === undefined || typeof header === 'string') return new Map()
  const old = new Map(partNames(header).map(({ suffix, version, digest }) => [`${suffix} ${digest}`, version]))
  return new Map(packed.parts.flatMap(({ suffix, digest }) => entry(suffix, old.get(`${suffix} ${short(digest)}`))))
}

const entry = (suffix: string, version: number | undefined): [string, number][] => (version === undefined ? [] : [[suffix, version]])

/** The parts that a manifest names, with the version to read. An unreadable manifest names none: `unpackBaseline` says why. */
export function partsNamed(manifest: string): readonly Readonly<{ suffix: string; version: number }>[] {
  const header = readHeader(manifest)
  return typeof header === 'string' ? [] : partNames(header).map(({ suffix, version }) => ({ suffix, version }))
}

/** Puts a baseline together again from its manifest and the values of its parts by suffix. Everything is verified; the text says what does not fit. */
export function unpackBaseline(manifest: string, values: ReadonlyMap<string, string>): Baseline | Readonly<{ error: string }> {
  const header = readHeader(manifest)
  if (typeof header === 'string') return { error: header }
  const records: Record[] = []
  for (const { suffix, digest } of partNames(header)) {
    const value = values.get(suffix)
    if (value === undefined) return { error: `${suffix} is missing` }
    if (short(sha256(value)) !== digest) return { error: `${suffix} is not the one that the manifest names` }
    for (const line of value.split('\n')) {
      const record = readRecord(line)
      if (record === undefined) return { error: `${suffix} has a record that cannot be read` }
      records.push(record)
    }
  }
  const baseline = joined(header, records)
  return baselineDigest(baseline) === header.digest ? baseline : { error: 'the parts do not make up the baseline that the manifest names' }
}

const partName = (index: number): string => `part-${String(index + 1).padStart(2, '0')}`

const partNames = (header: Header) => header.parts.map(([version, digest], index) => ({ suffix: partName(index), version, digest }))

/** 128 bits are enough to tell parts apart; the baseline's own digest is whole. */
const short = (digest: Digest): string => digest.slice(0, 32)

function packedInto(baseline: Baseline, values: readonly string[]): Packed {
  const parts = values.map((value, index) => ({ suffix: partName(index), value, digest: sha256(value) }))
  const digest = baselineDigest(baseline)
  const { v, account, image, provenance, patches, quarantined = [] } = baseline
  const counted = quarantined.length === 0 ? {} : { quarantined: quarantined.length }
  const head = { v, account, image, digest, patches: patches.length, run: provenance.run, testedAt: provenance.testedAt, ...counted }
  const rows = (versions: readonly number[]): PartRow[] => parts.map((part, index) => [versions[index] ?? 0, short(part.digest)])
  return { digest, parts, manifest: (versions) => JSON.stringify({ ...head, parts: rows(versions) }) }
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/** Lines are put together until a part is full, or is half full and the next line's digest says so: places that do not move when lines before them change. */
function partsOf(records: readonly Record[], bytes: number): string[] {
  const parts: string[][] = []
  let size = Infinity
  for (const record of records) {
    const line = JSON.stringify(record)
    const mayCut = size > bytes / 2 && sha256(line).startsWith('0')
    const more = 1 + bytesOf(line)
    if (size + more > bytes || mayCut) {
      parts.push([])
      size = -1
    }
    parts.at(-1)?.push(line)
    size += more
  }
  return parts.map((lines) => lines.join('\n'))
}

function patchRecords(patch: Patch): Record[] {
  const { family, name, arch, version, classification, severity, releasedAt } = patch
  const head = { family, name, arch, version, classification, severity, releasedAt }
  return paired(patch.advisories, patch.cves).map(([advisories, cves]) => ({ patch: { ...head, advisories, cves } }))
}

function provenanceRecords({ run, plan, nodes, checks, testedAt }: Provenance): Record[] {
  return paired(nodes, checks).map(([some, names]) => ({ tested: { run, plan, testedAt, nodes: some, checks: names } }))
}

/** Two lists cut into pieces side by side; at least one pair. */
function paired(a: readonly string[], b: readonly string[]): [string[], string[]][] {
  const [left, right] = [pieces(a), pieces(b)]
  return Array.from({ length: Math.max(1, left.length, right.length) }, (_, index) => [left[index] ?? [], right[index] ?? []])
}

function pieces(words: readonly string[]): string[][] {
  const found: string[][] = []
  let size = Infinity
  for (const word of words) {
    const more = JSON.stringify(word).length + 1
    if (size + more > LIST_CHARACTERS) {
      found.push([])
      size = 0
    }
    found.at(-1)?.push(word)
    size += more
  }
  return found
}

function joined(header: Header, records: readonly Record[]): Baseline {
  const patches = new Map<string, Patch>()
  const quarantined: Quarantined[] = []
  let provenance: Provenance = { run: header.run, plan: '', nodes: [], checks: [], testedAt: instant(header.testedAt) }
  for (const record of records) {
    if ('tested' in record) {
      const { tested } = record
      provenance = { ...tested, nodes: [...provenance.nodes, ...tested.nodes], checks: [...provenance.checks, ...tested.checks] }
    } else if ('quarantined' in record) quarantined.push(record.quarantined)
    else {
      const key = `${record.patch.name} ${record.patch.arch} ${record.patch.version}`
      const held = patches.get(key)
      patches.set(
        key,
        held === undefined
          ? record.patch
          : { ...held, advisories: [...held.advisories, ...record.patch.advisories], cves: [...held.cves, ...record.patch.cves] },
      )
    }
  }
  return baselineOf(header.account, header.image, [...patches.values()], provenance, quarantined)
}
