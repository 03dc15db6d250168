import type { Random } from '../../kit/random.ts'

/** Coefficients of Abramowitz and Stegun 26.2.17; the error stays below 7.5e-8. */
const TAIL = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429]
const TAIL_STEP = 0.2316419

/** Share of a standard normal population below `z`. */
export function normalShare(z: number): number {
  const t = 1 / (1 + TAIL_STEP * Math.abs(z))
  const polynomial = TAIL.reduceRight((sum, coefficient) => (sum + coefficient) * t, 0)
  const beyond = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial
  return z >= 0 ? 1 - beyond : beyond
}

/** Beyond it shares are no longer told apart. */
const Z_MAX = 5
/** Halvings of -5 to 5: the rest is smaller than the error of `normalShare`. */
const HALVINGS = 32

/** The `z` that this share of a standard normal population lies below, from -5 to 5. */
export function normalScore(share: number): number {
  let [low, high] = [-Z_MAX, Z_MAX]
  for (let turn = 0; turn < HALVINGS; turn += 1) {
    const middle = (low + high) / 2
    if (normalShare(middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** A standard normal number (Box and Muller). */
export const normalDraw = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
