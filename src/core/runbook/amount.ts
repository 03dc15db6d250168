import { known } from '../../kit/assert.ts'
import { parseDuration, parseShare } from '../../kit/duration.ts'
import type { Ms } from '../../kit/instant.ts'
import type { Amount } from './runbook.ts'

/** Reads `5` or `10%` as the schema has let it through. */
export function amountOf(value: number | string): Amount {
  return typeof value === 'number' ? { kind: 'count', count: value } : { kind: 'share', percent: percentOf(value) }
}

/** Percent of `10%` as the schema has let it through. */
export const percentOf = (share: string): number => known(parseShare(share), `the share ${share}`)

/** Milliseconds of `30m` as the schema has let it through. */
export const msOf = (duration: string): Ms => known(parseDuration(duration), `the duration ${duration}`)

/** Milliseconds of a value that may be anything; `undefined` when it is no duration. */
export const durationOf = (value: unknown): Ms | undefined => (typeof value === 'string' ? parseDuration(value) : undefined)

/** `5` or `10%`, as a person writes it. */
export const amountText = (amount: Amount): string => (amount.kind === 'count' ? String(amount.count) : `${String(amount.percent)}%`)
