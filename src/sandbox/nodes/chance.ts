import { sha256 } from '../../kit/digest.ts'
import type { Ms } from '../../kit/instant.ts'
import { derive, seeded } from '../../kit/random.ts'

/** What a decision is derived from: never from the order of calls, so that a replay meets the same night. */
export type Purpose = readonly (number | string)[]

/** A number in [0, 1) that depends on the seed and the purpose only. */
export const chance = (seed: number, ...purpose: Purpose): number => seeded(derive(seed, ...purpose))()

/** Whether a share (0-1) of all purposes includes this one. */
export const hits = (share: number, seed: number, ...purpose: Purpose): boolean => share > 0 && chance(seed, ...purpose) < share

/** Lower-case hex of any length up to 64, for ids. */
export const hexOf = (length: number, seed: number, ...purpose: Purpose): string => sha256(derive(seed, ...purpose)).slice(0, length)

/** A lower-case UUID (version 4 in form). */
export function uuidOf(seed: number, ...purpose: Purpose): string {
  const hex = hexOf(32, seed, ...purpose)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}

/** The 95th percentile of a standard normal distribution. */
const Z95 = 1.644854

/** The duration at `share` of a log-normal distribution given by its median and 95th percentile. */
export function logNormal(medianMs: Ms, p95Ms: Ms, share: number): Ms {
  if (medianMs <= 0) return 0
  const sigma = Math.log(Math.max(p95Ms, medianMs) / medianMs) / Z95
  return medianMs * Math.exp(sigma * normalQuantile(share))
}

/** Inverse of the standard normal distribution, good to 4.5e-4 (Abramowitz and Stegun 26.2.23); the tails are cut at 1 in 10,000. */
function normalQuantile(share: number): number {
  const cut = Math.min(Math.max(share, 1e-4), 1 - 1e-4)
  const t = Math.sqrt(-2 * Math.log(Math.min(cut, 1 - cut)))
  const z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
  return cut < 0.5 ? -z : z
}
