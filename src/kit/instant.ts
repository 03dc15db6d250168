/** An instant as milliseconds since 1970-01-01T00:00:00Z. Made only by `instant` and `parseInstant`. */
export type Instant = number & { readonly __brand: 'Instant' }

/** Milliseconds; always the last word of a name (`bakeMs`). */
export type Ms = number

export const SECOND: Ms = 1_000
export const MINUTE: Ms = 60 * SECOND
export const HOUR: Ms = 60 * MINUTE
export const DAY: Ms = 24 * HOUR

/** Brands whole milliseconds since the epoch; fractions are dropped towards the past. */
export const instant = (epochMs: number): Instant => Math.floor(epochMs) as Instant

/** The instant `ms` later (earlier when negative). */
export const plus = (at: Instant, ms: Ms): Instant => instant(at + ms)

/** ISO 8601 in UTC with milliseconds, `2026-03-08T07:00:00.000Z`: sorts as text in the order of time. */
export const iso = (at: Instant): string => new Date(at).toISOString()

/** ISO 8601 in UTC to the second, `2026-03-08T07:00:00Z`. */
export const isoSeconds = (at: Instant): string => `${iso(at).slice(0, 19)}Z`

/** An ISO 8601 instant with its own offset or `Z`, as people write it. Also a schema's `pattern`; which days are real `parseInstant` knows. */
export const INSTANT_PATTERN = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})$'

/** Reads an ISO 8601 instant that carries its own offset or `Z`; `undefined` for anything else, a day that no month has included. */
export function parseInstant(text: string): Instant | undefined {
  if (!INSTANT_FORM.test(text) || !isDay(text.slice(0, 10))) return undefined
  const epochMs = Date.parse(text)
  return Number.isNaN(epochMs) ? undefined : instant(epochMs)
}

const INSTANT_FORM = new RegExp(INSTANT_PATTERN)

/** Whether a text is a day that there is, `2026-12-20`. `Date.parse` would make the 2nd of March of a 30th of February. */
export function isDay(text: string): boolean {
  const [, year = 0, month = 0, day = 0] = (/^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []).map(Number)
  if (month < 1 || month > 12 || day < 1) return false
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return day <= (month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)
}

/** The earlier one. */
export const earliest = (first: Instant, ...rest: readonly Instant[]): Instant => instant(Math.min(first, ...rest))

/** The later one. */
export const latest = (first: Instant, ...rest: readonly Instant[]): Instant => instant(Math.max(first, ...rest))
