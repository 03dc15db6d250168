import type { Amount } from '../runbook/runbook.ts'

/** Shares are decimal: 7 % of 100 is 7, whatever binary fractions make of it. */
const NOISE = 1e-9

/** `take`, `concurrency`: shares are rounded up; at least 1, so that a wave always moves. */
export function roundedUp(amount: Amount, of: number): number {
  return Math.max(1, amount.kind === 'count' ? amount.count : Math.ceil((amount.percent * of) / 100 - NOISE))
}

/** Budgets: shares are rounded down, so that they never allow more than was said. */
export function roundedDown(amount: Amount, of: number): number {
  return amount.kind === 'count' ? amount.count : Math.floor((amount.percent * of) / 100 + NOISE)
}
