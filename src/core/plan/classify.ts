import { globFits } from '../../kit/glob.ts'
import { instant, type Instant, SECOND } from '../../kit/instant.ts'
import { debCompare, rpmCompare, type Order } from '../../kit/version-order.ts'
import type { ApproveRule, PatchRule } from '../runbook/runbook.ts'
import { isHeldBack } from './kernel.ts'
import { byLine, bytewise, isExactPackage } from './list.ts'
import type { Patch } from './plan.ts'

/** A patch that a node lacks, and the version that it has now. */
export type MissingPatch = Patch & Readonly<{ installed: string }>

/** Attributes that one patch may carry; an advisory with more is nobody's. */
const ATTRIBUTES_MAX = 2_000

/** Which of two versions of one family is newer. */
export const compareVersions = (family: Patch['family'], a: string, b: string): Order =>
  family === 'rpm' ? rpmCompare(a, b) : debCompare(a, b)

/**
 * One line of a scan's output, checked strictly: `undefined` when a word does not fit its grammar. Nothing that a node or a repository says
 * reaches a list, a parameter or a page without this.
 */
export function readMissing(row: unknown, family: Patch['family']): MissingPatch | undefined {
  if (typeof row !== 'object' || row === null) return undefined
  const value: Readonly<Record<string, unknown>> = { ...row }
  const [name, arch, version, installed] = [value['name'], value['arch'], value['version'], value['installed']]
  const [classification, severity] = [label(value['classification']), label(value['severity'])]
  const [advisories, cves] = [words(value['advisories']), words(value['cves'])]
  const released = value['releasedAt'] ?? null
  if (typeof name !== 'string' || typeof arch !== 'string' || typeof version !== 'string') return undefined
  if (classification === undefined || severity === undefined || !advisories || !cves) return undefined
  if (released !== null && (typeof released !== 'number' || !(released >= 0 && released < 1e11))) return undefined
  const exact = { name, arch, version: withEpoch(family, version) }
  if (!isExactPackage(exact) || (installed !== undefined && typeof installed !== 'string')) return undefined
  const releasedAt = released === null ? null : instant(Math.round(released * SECOND))
  return { family, ...exact, advisories, cves, classification, severity, releasedAt, installed: installed ?? '' }
}

/** A patch as we wrote it ourselves (in a baseline, in a plan), read back as strictly as if a stranger had. */
export function readPatch(value: unknown): Patch | undefined {
  if (typeof value !== 'object' || value === null || !('family' in value)) return undefined
  const { family } = value
  if (family !== 'rpm' && family !== 'deb') return undefined
  const releasedAt = 'releasedAt' in value && typeof value.releasedAt === 'number' ? value.releasedAt : null
  const read = readMissing({ ...value, installed: '', releasedAt: releasedAt === null ? null : releasedAt / SECOND }, family)
  return read && patchOf(read)
}

/** rpm versions always carry their epoch in a list. */
const withEpoch = (family: Patch['family'], version: string): string =>
  family === 'rpm' && !/^\d+:/.test(version) ? `0:${version}` : version

const label = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[A-Za-z0-9 _-]{0,64}$/.test(value) ? value : undefined

function words(value: unknown): string[] | undefined {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > ATTRIBUTES_MAX) return undefined
  const items: unknown[] = value
  const fine = items.filter((item): item is string => typeof item === 'string' && /^[A-Za-z0-9][A-Za-z0-9:._/-]{0,99}$/.test(item))
  return fine.length === items.length ? unique(fine) : undefined
}

/** Whether the rules approve a missing patch at this instant: some rule fits in every key that it has, and no `reject` names the package. */
export function isCandidate(patch: Patch, rules: PatchRule, at: Instant): boolean {
  return !isRejected(patch, rules) && rules.approve.some((rule) => fits(rule, patch, at))
}

/** Whether the rules forbid the package: `reject` names it, or `kernel` keeps it back. */
export const isRejected = (patch: Pick<Patch, 'name'>, rules: PatchRule): boolean =>
  isHeldBack(patch.name, rules.kernel) || rules.reject.some((pattern) => globFits(pattern, patch.name))

function fits(rule: ApproveRule, patch: Patch, at: Instant): boolean {
  const one = (wanted: readonly string[] | null, has: string): boolean => wanted === null || wanted.some((word) => same(word, has))
  const any = (wanted: readonly string[] | null, has: readonly string[]): boolean =>
    wanted === null || has.some((word) => one(wanted, word))
  return (
    one(rule.classification, patch.classification) &&
    (rule.severity === null || rule.severity.some((word) => isSeverity(word, patch))) &&
    any(rule.cves, patch.cves) &&
    any(rule.advisories, patch.advisories) &&
    (rule.names === null || rule.names.some((pattern) => globFits(pattern, patch.name))) &&
    // A patch that does not say when it came out has not been out long enough: doubt means no.
    (rule.releasedForMs === null || (patch.releasedAt !== null && patch.releasedAt + rule.releasedForMs <= at))
  )
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

/** Moderate is Medium, as Patch Manager has it. An rpm of which nothing is said is None; debs never say, so they fit no word at all. */
function isSeverity(wanted: string, { family, severity }: Patch): boolean {
  const plain = (word: string): string => (same(word, 'Moderate') ? 'medium' : word.toLowerCase())
  return severity === '' ? family === 'rpm' && same(wanted, 'None') : plain(wanted) === plain(severity)
}

/**
 * What nodes of one image lineage may get: of each package that the rules approve on any of them, the newest version. Sorted as the list text
 * is; the same whatever order the rows came in.
 */
export function classify(rows: Iterable<Patch>, rules: PatchRule, at: Instant): Patch[] {
  const newest = new Map<string, Patch>()
  for (const row of rows) {
    if (!isCandidate(row, rules, at)) continue
    const key = `${row.family} ${row.name} ${row.arch}`
    const held = newest.get(key)
    newest.set(key, held === undefined ? patchOf(row) : newer(held, row))
  }
  return [...newest.values()].sort(byLine)
}

function newer(held: Patch, row: Patch): Patch {
  const order = compareVersions(held.family, held.version, row.version)
  if (order !== 0) return order > 0 ? held : patchOf(row)
  const [first, second] = [held, patchOf(row)].sort((a, b) => bytewise(JSON.stringify(a), JSON.stringify(b)))
  return merged(first ?? held, second ?? held)
}

/** The same version seen on several nodes: attributes are put together, the earliest release counts. */
function merged(a: Patch, b: Patch): Patch {
  const releasedAt =
    a.releasedAt === null ? b.releasedAt : b.releasedAt === null ? a.releasedAt : instant(Math.min(a.releasedAt, b.releasedAt))
  return { ...a, advisories: unique([...a.advisories, ...b.advisories]), cves: unique([...a.cves, ...b.cves]), releasedAt }
}

/** A patch without what only its row knows, its attributes in order. */
function patchOf({ family, name, arch, version, advisories, cves, classification, severity, releasedAt }: Patch): Patch {
  return { family, name, arch, version, advisories: unique(advisories), cves: unique(cves), classification, severity, releasedAt }
}

const unique = (items: readonly string[]): string[] => [...new Set(items)].sort(bytewise)
