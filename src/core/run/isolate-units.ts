import { known } from '../../kit/assert.ts'
import type { Patch } from '../plan/plan.ts'

/**
 * The unit of each patch, numbered in the order of the first patch of each: patches that one advisory brings belong together, and so do those
 * of which no advisory is known and whose version is the same, as packages built from one source have it. One without the others would mostly be refused, and
 * what is quarantined is the source, not one of its packages.
 */
export function unitsOf(patches: readonly Patch[]): readonly number[] {
  const first = new Map<string, number>()
  const leader = patches.map((_, index) => index)
  const find = (index: number): number => {
    const above = known(leader[index], 'a patch')
    return above === index ? index : find(above)
  }
  patches.forEach((patch, index) => {
    for (const bond of bondsOf(patch)) {
      const other = first.get(bond)
      if (other === undefined) first.set(bond, index)
      else leader[find(index)] = find(other)
    }
  })
  const units = new Map<number, number>()
  return patches.map((_, index) => {
    const lead = find(index)
    const unit = units.get(lead) ?? units.size
    units.set(lead, unit)
    return unit
  })
}

/** A package of two architectures is one thing too. */
const bondsOf = ({ family, name, version, advisories }: Patch): string[] => [
  `name ${name} ${version}`,
  ...(advisories.length > 0 ? advisories.map((one) => `advisory ${one}`) : [`version ${family} ${version}`]),
]

/** How many units there are. */
export const unitCount = (units: readonly number[]): number => new Set(units).size

/** What belongs to some units, of things that stand beside `units` in the same order: patches of a list, or its lines. */
export function ofUnits<T>(things: readonly T[], units: readonly number[], some: readonly number[]): T[] {
  const wanted = new Set(some)
  return things.filter((_, index) => wanted.has(known(units[index], 'the unit')))
}
