import type { Ms } from '../../kit/instant.ts'

/**
 * Durations counted by size: pairs of a bin and how many fell into it, sorted by bin. A bin is two percent wide, so that any number of nodes
 * takes some hundred pairs, and sketches of many runs can be added up.
 */
export type Sketch = readonly (readonly [bin: number, count: number])[]

/** Half of a bin is the error of every duration read back: one percent. */
const WIDTH = Math.log(1.02)

/** What is shorter counts as this long: no lag between two systems is known better. */
const LEAST_MS: Ms = 100

/** Bin of a duration. */
export const binOf = (ms: Ms): number => Math.round(Math.log(Math.max(ms, LEAST_MS)) / WIDTH)

/** Logarithm of the duration that stands for a bin. */
export const logOf = (bin: number): number => bin * WIDTH

/** Sketch of these durations. */
export const sketchOf = (durations: Iterable<Ms>): Sketch => {
  const tally = new Tally()
  for (const ms of durations) tally.add(ms)
  return tally.sketch
}

/** Collects durations, and sketches of others. */
export class Tally {
  readonly #counts = new Map<number, number>()

  add(ms: Ms): void {
    this.#count(binOf(ms), 1)
  }

  addAll(sketch: Sketch): void {
    for (const [bin, count] of sketch) this.#count(bin, count)
  }

  #count(bin: number, more: number): void {
    this.#counts.set(bin, (this.#counts.get(bin) ?? 0) + more)
  }

  get sketch(): Sketch {
    return [...this.#counts].sort(([a], [b]) => a - b)
  }
}

/** How many durations, the mean of their logarithms, and the sum of squares around it. */
export type Moments = Readonly<{ count: number; mean: number; squares: number }>

/** Moments of the logarithms. Mean 0 when there are none. */
export function momentsOf(sketch: Sketch): Moments {
  let [count, sum] = [0, 0]
  for (const [bin, times] of sketch) {
    count += times
    sum += times * logOf(bin)
  }
  const mean = count === 0 ? 0 : sum / count
  return { count, mean, squares: sketch.reduce((total, [bin, times]) => total + times * (logOf(bin) - mean) ** 2, 0) }
}

/** Logarithm of the duration that this share of them does not exceed, interpolated between plotting positions `i / (n + 1)`. */
export function logQuantile(sketch: Sketch, share: number): number {
  const count = sketch.reduce((sum, [, times]) => sum + times, 0)
  const rank = share * (count + 1)
  let below = 0
  let last: number | undefined
  for (const [bin, times] of sketch) {
    if (last !== undefined && rank < below + 1) return last + (rank - below) * (logOf(bin) - last)
    below += times
    last = logOf(bin)
    if (rank <= below) return last
  }
  return last ?? 0
}
