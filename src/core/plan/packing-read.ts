import type { Digest } from '../../kit/digest.ts'
import { instant } from '../../kit/instant.ts'
import { readPatch } from './classify.ts'
import type { Provenance } from './baseline.ts'
import { isExactPackage } from './list.ts'
import type { Patch } from './plan.ts'
import type { Quarantined } from './quarantine.ts'

/** A part in a manifest: parameter version, first half of the value's SHA-256. */
export type PartRow = readonly [version: number, digest: string]

/** A manifest: which parts, at which versions, make up which baseline. */
export type Header = Readonly<{
  account: string
  image: string
  digest: Digest
  run: string
  testedAt: number
  quarantined: number
  parts: readonly PartRow[]
}>

/** One line of a part. A patch or a provenance may stand in several; their lists are put together. */
export type Record = Readonly<{ patch: Patch } | { tested: Provenance } | { quarantined: Quarantined }>

type Fields = Readonly<{ [key: string]: unknown }>

/** Reads a manifest; the text says why it cannot be. */
export function readHeader(text: string): Header | string {
  const value = fieldsOf(parsed(text))
  if (value === undefined) return 'the manifest is no JSON object'
  if (value['v'] !== 1 && value['v'] !== 2) return 'the manifest was written by a newer version'
  const { account, image, digest, run, testedAt, parts } = value
  const rows: unknown[] = Array.isArray(parts) ? parts : [undefined]
  const fine = rows.filter(isPartRow)
  if (typeof account !== 'string' || typeof image !== 'string' || typeof digest !== 'string' || typeof run !== 'string')
    return 'the manifest lacks a name'
  return typeof testedAt !== 'number' || fine.length !== rows.length
    ? 'the manifest is damaged'
    : {
        account,
        image,
        digest,
        run,
        testedAt,
        quarantined: typeof value['quarantined'] === 'number' ? value['quarantined'] : 0,
        parts: fine,
      }
}

/** Reads a line of a part; `undefined` when it does not fit. */
export function readRecord(line: string): Record | undefined {
  const value = fieldsOf(parsed(line))
  if (value === undefined) return undefined
  if ('patch' in value) {
    const patch = readPatch(value['patch'])
    return patch && { patch }
  }
  if ('quarantined' in value) {
    const quarantined = quarantinedOf(fieldsOf(value['quarantined']))
    return quarantined && { quarantined }
  }
  const tested = provenanceOf(fieldsOf(value['tested']))
  return tested && { tested }
}

function provenanceOf(value: Fields | undefined): Provenance | undefined {
  if (value === undefined) return undefined
  const { run, plan, testedAt } = value
  const [nodes, checks] = [texts(value['nodes']), texts(value['checks'])]
  if (typeof run !== 'string' || typeof plan !== 'string' || typeof testedAt !== 'number' || !nodes || !checks) return undefined
  return { run, plan, testedAt: instant(testedAt), nodes, checks }
}

function quarantinedOf(value: Fields | undefined): Quarantined | undefined {
  if (value === undefined) return undefined
  const { family, name, arch, version, as, why, run, at } = value
  if (typeof name !== 'string' || typeof arch !== 'string' || typeof version !== 'string' || !isExactPackage({ name, arch, version }))
    return undefined
  if ((family !== 'rpm' && family !== 'deb') || (as !== 'breaks' && as !== 'needs')) return undefined
  if (typeof why !== 'string' || typeof run !== 'string' || typeof at !== 'number') return undefined
  return { family, name, arch, version, as, why, run, at: instant(at) }
}

function isPartRow(row: unknown): row is PartRow {
  if (!Array.isArray(row) || row.length !== 2) return false
  const [version, digest] = row as readonly unknown[]
  return Number.isInteger(version) && typeof digest === 'string' && /^[0-9a-f]{32}$/.test(digest)
}

function texts(value: unknown): string[] | undefined {
  const items: unknown[] = Array.isArray(value) ? value : [undefined]
  return items.every((item) => typeof item === 'string') ? items : undefined
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
