import { SECOND, type Ms } from '../../kit/instant.ts'
import type { Random } from '../../kit/random.ts'
import { normalScore, normalShare } from './normal.ts'
import { logQuantile, momentsOf, type Sketch } from './sketch.ts'

/** How long the patch script takes on a node: half of them are done by `medianMs`, 95 of 100 by `p95Ms`. */
export type CommandTime = Readonly<{ medianMs: Ms; p95Ms: Ms }>

/** Score of the share 0.95. */
const SCORE_95 = 1.6449

/** Durations at even steps of the normal score: a lognormal population is a straight line. */
const STEP = 0.125
const SCORE_MAX = 4

/**
 * Nodes as good as observed before any was: the spread of so many of the default's is mixed into that of the samples. At half of it three equal
 * durations would promise a fourth; at double a dozen would still say little.
 */
const PRIOR_NODES = 4

/** So many samples weigh as much as the lognormal line through them: below, the line tells more of the ends than the samples do. */
const LINE_NODES = 20

/** A population of durations. `at(z)` is the logarithm (of milliseconds) at a normal score; `doubt` is the standard deviation of its place. */
export type Population = Readonly<{ at: (z: number) => number; mean: number; spread: number; count: number; doubt: number }>

/** A lognormal population that is only said to be so. */
export function stated({ medianMs, p95Ms }: CommandTime, doubt: number): Population {
  const mean = Math.log(medianMs)
  const spread = Math.log(p95Ms / medianMs) / SCORE_95
  return { at: (z) => mean + spread * z, mean, spread, count: 0, doubt }
}

/**
 * The population that these samples come from: their own quantiles as far as they reach, a lognormal line beyond and where they are few.
 * `usual` is the spread that is assumed before anything was seen, `more` what makes the place doubtful beside the number of samples.
 */
export function observed(sketch: Sketch, usual: number, more: number): Population {
  const { count, mean, squares } = momentsOf(sketch)
  const spread = Math.sqrt((squares + PRIOR_NODES * usual ** 2) / (count - 1 + PRIOR_NODES))
  const knots = knotsOf(sketch, { count, mean, spread })
  const at = (z: number): number => {
    const place = (Math.max(-SCORE_MAX, Math.min(SCORE_MAX, z)) + SCORE_MAX) / STEP
    const below = Math.min(Math.floor(place), knots.length - 2)
    const [low = 0, high = 0] = [knots[below], knots[below + 1]]
    return low + (high - low) * (place - below) + spread * (z - Math.max(-SCORE_MAX, Math.min(SCORE_MAX, z)))
  }
  return { at, mean, spread, count, doubt: Math.sqrt(spread ** 2 / count + more ** 2) }
}

function knotsOf(sketch: Sketch, { count, mean, spread }: Pick<Population, 'count' | 'mean' | 'spread'>): Float64Array {
  const [least, most] = [1 / (count + 1), count / (count + 1)]
  const [lowest, highest] = [normalScore(least), normalScore(most)]
  const weight = count / (count + LINE_NODES)
  return Float64Array.from({ length: (2 * SCORE_MAX) / STEP + 1 }, (_, index) => {
    const z = index * STEP - SCORE_MAX
    const inside = Math.max(lowest, Math.min(highest, z))
    const own = logQuantile(sketch, Math.max(least, Math.min(most, normalShare(inside)))) + spread * (z - inside)
    return weight * own + (1 - weight) * (mean + spread * z)
  })
}

/** The duration, in whole seconds, that this share of several populations together does not exceed; each weighs as much as it has nodes. */
export function mixedQuantile(parts: readonly Readonly<{ population: Population; nodes: number }>[], share: number): Ms {
  const all = parts.reduce((sum, { nodes }) => sum + nodes, 0)
  const ends = parts.map(({ population }) => population.at(normalScore(share)))
  let [low, high] = [Math.min(...ends), Math.max(...ends)]
  // Fifty halvings of a span of at most a few units leave nothing of it.
  for (let turn = 0; turn < 50 && high - low > 1e-6; turn += 1) {
    const middle = (low + high) / 2
    const below = parts.reduce((sum, { population, nodes }) => sum + nodes * shareBelow(population, middle), 0)
    if (below < share * all) low = middle
    else high = middle
  }
  return Math.ceil(Math.exp((low + high) / 2) / SECOND) * SECOND
}

function shareBelow({ at }: Population, log: number): number {
  let [low, high] = [-SCORE_MAX - 1, SCORE_MAX + 1]
  for (let turn = 0; turn < 30; turn += 1) {
    const middle = (low + high) / 2
    if (at(middle) < log) low = middle
    else high = middle
  }
  return normalShare((low + high) / 2)
}

/** Slots of a table of lags; a draw is one of them. */
const SLOTS = 256

/** Lags between two steps, to draw from as they were seen: what is rare is part of it, what was never seen is not. */
export type Lags = Readonly<{ draw: (random: Random) => Ms }>

/** Lags of a sketch; of `usual` when it is empty. */
export function lagsOf(sketch: Sketch, usual: Sketch): Lags {
  const from = sketch.length > 0 ? sketch : usual
  const table = Float64Array.from({ length: SLOTS }, (_, slot) => Math.exp(logQuantile(from, (slot + 0.5) / SLOTS)))
  return { draw: (random) => table[Math.floor(random() * SLOTS)] ?? 0 }
}
