import type { RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import { compareVersions } from './classify.ts'
import type { Patch } from './plan.ts'

/** A version of a package that a trial found to break nodes, or that cannot be installed without one that does. */
export type Quarantined = Readonly<{
  family: Patch['family']
  name: string
  arch: string
  version: string
  /** `breaks`: it is a culprit. `needs`: it only needs one. */
  as: 'breaks' | 'needs'
  /** Which nodes broke, and by what. */
  why: string
  /** The trial that found out, and when. */
  run: RunId
  at: Instant
}>

type Package = Pick<Patch, 'family' | 'name' | 'arch' | 'version'>

/**
 * Those that still count beside these candidates. A culprit counts until a newer version of it is a candidate; what needs one, as long as
 * every culprit of its trial counts.
 */
export function inForce(quarantined: readonly Quarantined[], candidates: readonly Package[]): readonly Quarantined[] {
  const newest = new Map(candidates.map((one) => [keyOf(one), one]))
  const current = quarantined.filter((one) => {
    const candidate = newest.get(keyOf(one))
    return candidate === undefined || compareVersions(one.family, candidate.version, one.version) <= 0
  })
  const superseded = new Set(quarantined.filter((one) => one.as === 'breaks' && !current.includes(one)).map(({ run }) => run))
  return current.filter((one) => one.as === 'breaks' || !superseded.has(one.run))
}

/** The candidates without the exact versions that are quarantined. */
export function admitted<P extends Package>(candidates: readonly P[], quarantined: readonly Quarantined[]): { patches: P[]; left: P[] } {
  const out = new Set(quarantined.map((one) => `${keyOf(one)} ${one.version}`))
  const isLeft = (one: P): boolean => out.has(`${keyOf(one)} ${one.version}`)
  return { patches: candidates.filter((one) => !isLeft(one)), left: candidates.filter(isLeft) }
}

/** Each exact version once; the first one counts. */
export function distinct(quarantined: readonly Quarantined[]): readonly Quarantined[] {
  const seen = new Map<string, Quarantined>()
  for (const one of quarantined) {
    const key = `${keyOf(one)} ${one.version}`
    if (!seen.has(key)) seen.set(key, one)
  }
  return [...seen.values()]
}

const keyOf = ({ family, name, arch }: Pick<Package, 'family' | 'name' | 'arch'>): string => `${family} ${name} ${arch}`
