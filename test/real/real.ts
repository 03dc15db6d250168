import { instant } from '../../src/kit/instant.ts'
import { type Family, makeImage, missingFor } from '../../src/sandbox/real/images.ts'
import { type Ran, RealRoots, whyNoRealNodes } from '../../src/sandbox/real/roots.ts'
import { speedClock } from '../../src/sandbox/speed-clock.ts'

/** The wall's: what runs on a real node knows no other. */
export const clock = speedClock(instant(Date.now()), 1)

/** Real work waits for a machine that may have other work to do. */
export const PATIENCE_MS = 300_000

const impossible = await whyNoRealNodes(clock)

/** Why tests of a family cannot run here, said once on stderr; null: they can. */
export async function skipped(family?: Family): Promise<string | null> {
  const missing = impossible === null && family !== undefined ? await missingFor(family) : []
  const why = missing.length > 0 ? `${family} nodes need ${missing.join(', ')}` : impossible
  if (why !== null) process.stderr.write(`\nSKIPPED, nothing is proved on real nodes here: ${why}\n`)
  return why
}

/** Roots with the images of these families. */
export async function realRoots(...families: readonly Family[]): Promise<RealRoots> {
  const roots = await RealRoots.start({ clock, bytes: 2 ** 30 })
  for (const family of families) await makeImage(roots, family)
  return roots
}

/** Runs a line of shell on a node. */
export const shell = (
  roots: RealRoots,
  node: string,
  line: string,
  more: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Ran> => roots.run(node, ['sh', '-c', line], { env: { DEBIAN_FRONTEND: 'noninteractive' }, ...more })

/** `first-0`, `first-1`, … */
export const names = (first: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${first}-${index}`)
