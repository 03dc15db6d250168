import { seal } from '../../src/core/audit/seal.ts'
import type { Entry, Sealed } from '../../src/core/audit/entry.ts'
import { instant, plus, type Instant } from '../../src/kit/instant.ts'

export const dusk = instant(Date.UTC(2026, 2, 8, 22))
export const afterDusk = (ms: number): Instant => plus(dusk, ms)

/** A run id; the same number gives the same one. */
export const runId = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`

export const actor: Entry['actor'] = { kind: 'engine', id: 'driver-1' }

/** The next entries of a run, a second apart, chained to `previous`. */
export function entriesOf(run: string, count: number, previous: Sealed | null = null, note = ''): Sealed[] {
  const made: Sealed[] = []
  for (let i = 0; i < count; i++) {
    const last = made.at(-1) ?? previous
    const seq = (last?.seq ?? 0) + 1
    made.push(
      seal(last, { run, at: afterDusk(seq * 1000), actor, type: 'WaveStarted', data: { wave: seq, name: `w${String(seq)}${note}` } }),
    )
  }
  return made
}

/** All items of a stream. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
