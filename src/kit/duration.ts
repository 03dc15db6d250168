import { DAY, HOUR, MINUTE, SECOND, type Ms } from './instant.ts'

/** A duration as people write it: a whole number and one unit, `90s`, `30m`, `6h`, `7d`, `500ms`. Also the schema's `pattern`. */
export const DURATION_PATTERN = '^(0|[1-9][0-9]{0,6})(ms|s|m|h|d)$'

/** A share of something, `0%` to `100%`, with up to three decimals. Also the schema's `pattern`. */
export const SHARE_PATTERN = '^(100(\\.0{1,3})?|[0-9]{1,2}(\\.[0-9]{1,3})?)%$'

const UNITS: Readonly<Record<string, Ms>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY }

/** Milliseconds of `90s`, `30m`, …; `undefined` for anything else. */
export function parseDuration(text: string): Ms | undefined {
  const found = new RegExp(DURATION_PATTERN).exec(text)
  const unit = UNITS[found?.[2] ?? '']
  return found && unit !== undefined ? Number(found[1]) * unit : undefined
}

/** The shortest exact spelling in one unit: 5,400,000 is `90m`, 0 is `0s`. `parseDuration` reads it back. */
export function formatDuration(ms: Ms): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = UNITS[unit] ?? 1
    if (ms >= size && ms % size === 0) return `${String(ms / size)}${unit}`
  }
  return ms === 0 ? '0s' : `${String(ms)}ms`
}

/** Percent of `10%` (10), `0.5%` (0.5); `undefined` for anything else. */
export function parseShare(text: string): number | undefined {
  return new RegExp(SHARE_PATTERN).test(text) ? Number(text.slice(0, -1)) : undefined
}
