import { baselineDigest, type Baseline, type StoredBaseline } from '../core/plan/baseline.ts'
import { packBaseline, partsNamed, reusable, unpackBaseline } from '../core/plan/packing.ts'
import { PatchwaveError } from '../kit/error.ts'
import type { ParameterSeen } from '../ports/parameters.ts'
import type { World } from './world.ts'

/** The label of the manifest version that rollouts pin. */
export const APPROVED = 'approved'

const manifestOf = (path: string): string => `${path}/manifest`

/** The baseline that a manifest version leads to; `undefined` when there is none. @throws `plan.invalid` when what is stored does not verify */
export async function readBaseline(
  world: World,
  path: string,
  selector: number | string | null,
  signal: AbortSignal,
): Promise<StoredBaseline | undefined> {
  const manifest = await world.parameters.get(world.home, manifestOf(path), selector, signal)
  if (manifest === undefined) return undefined
  const values = new Map<string, string>()
  for (const { suffix, version } of partsNamed(manifest.value)) {
    const part = await world.parameters.get(world.home, `${path}/${suffix}`, version, signal)
    if (part) values.set(suffix, part.value)
  }
  const baseline = unpackBaseline(manifest.value, values)
  if ('error' in baseline)
    throw new PatchwaveError('plan.invalid', `the baseline ${path}:${String(manifest.version)} does not verify: ${baseline.error}`, {
      hint: 'run the trial again, or revert with `patchwave baseline revert`',
    })
  return { baseline, path, version: manifest.version, digest: baselineDigest(baseline), storedAt: manifest.storedAt }
}

/** The version that rollouts pin; null: none is approved. */
export const approvedVersion = async (world: World, path: string, signal: AbortSignal): Promise<number | null> =>
  (await world.parameters.get(world.home, manifestOf(path), APPROVED, signal))?.version ?? null

/** All versions of a baseline's manifest, oldest first. */
export async function baselineHistory(world: World, path: string, signal: AbortSignal): Promise<ParameterSeen[]> {
  const found: ParameterSeen[] = []
  for await (const one of world.parameters.history(world.home, manifestOf(path), signal)) found.push(one)
  return found
}

/** Where the version with the label, or the newest, of a stored baseline stands; and what had to be written. */
export type Shelved = Readonly<{ version: number; digest: string; written: number }>

/**
 * Stores a baseline: changed parts first, the manifest last. A repeat is recognised by reading first: what is there already is not written
 * again, so a crash in the middle costs no versions.
 */
export async function storeBaselineAt(world: World, path: string, baseline: Baseline, signal: AbortSignal): Promise<Shelved> {
  const packed = packBaseline(baseline)
  const old = await world.parameters.get(world.home, manifestOf(path), null, signal)
  const kept = reusable(packed, old?.value)
  const versions: number[] = []
  let written = 0
  for (const { suffix, value } of packed.parts) {
    const reused = kept.get(suffix)
    if (reused === undefined) written += 1
    versions.push(reused ?? (await putUnlessThere(world, `${path}/${suffix}`, value, signal)))
  }
  const manifest = packed.manifest(versions)
  if (old?.value === manifest) return { version: old.version, digest: packed.digest, written }
  const version = await putUnlessThere(world, manifestOf(path), manifest, signal)
  return { version, digest: packed.digest, written: written + 1 }
}

async function putUnlessThere(world: World, path: string, value: string, signal: AbortSignal): Promise<number> {
  const newest = await world.parameters.get(world.home, path, null, signal)
  if (newest?.value === value) return newest.version
  return world.parameters.put(world.home, path, value, newest?.version ?? 0, signal)
}

/** Makes this manifest version the one that rollouts pin. */
export const labelApproved = (world: World, path: string, version: number, signal: AbortSignal): Promise<void> =>
  world.parameters.label(world.home, manifestOf(path), version, APPROVED, signal)
