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

/** Reads an ISO 8601 instant that carries its own offset or `Z`; `undefined` for anything else. */
export function parseInstant(text: string): Instant | undefined {
  const form = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/
  if (!form.test(text)) return undefined
  const epochMs = Date.parse(text)
  return Number.isNaN(epochMs) ? undefined : instant(epochMs)
}

/** The earlier one. */
export const earliest = (first: Instant, ...rest: readonly Instant[]): Instant => instant(Math.min(first, ...rest))

/** The later one. */
export const latest = (first: Instant, ...rest: readonly Instant[]): Instant => instant(Math.max(first, ...rest))
