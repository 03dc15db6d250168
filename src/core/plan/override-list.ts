import { assert } from '../../kit/assert.ts'
import { byLine, listLine } from './list.ts'
import type { Patch } from './plan.ts'

/** What a line of an override list is made from. */
export type OverridePatch = Pick<Patch, 'family' | 'name' | 'arch' | 'version'>

/**
 * The text of an `InstallOverrideList` for AWS-RunPatchBaseline: each package pinned to its version by `title`, written
 * `{name}.{arch}:{epoch}:{version}-{release}` for rpm and `{name}.{arch}:{version}` for deb. Sorted, equal packages once. There must be at
 * least one: what Patch Manager does with an empty list is not documented.
 */
export function overrideList(patches: readonly OverridePatch[]): string {
  assert(patches.length > 0, 'an override list names at least one package')
  const byText = new Map(patches.map((patch) => [listLine(patch), patch]))
  return `patches:\n${[...byText.values()].sort(byLine).map(entry).join('')}`
}

/** The grammar of the list text leaves no quote, blank or line end in any of its words. */
function entry({ family, name, arch, version }: OverridePatch): string {
  assert(family === 'deb' || /^\d+:/.test(version), `${name} ${version} has no epoch`)
  const id = `${name}.${arch}`
  return `  - id: '${id}'\n    title: '${id}:${version}'\n`
}
