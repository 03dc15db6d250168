/**
 * Text from outside, fit for the record: well-formed, without NUL, at most `maxChars` UTF-16 units. A surrogate pair that the cut would
 * split is left out whole; a surrogate that stood alone before becomes U+FFFD.
 */
export function clean(text: string, maxChars: number): string {
  // Cut first: a hostile text may be far longer than what is kept. NULs may take room away from what follows them, so the cut is generous.
  const bare = text.slice(0, maxChars * 2 + 2).replaceAll('\0', '')
  const end = bare.length > maxChars && isHigh(bare, maxChars - 1) && isLow(bare, maxChars) ? maxChars - 1 : maxChars
  return bare.slice(0, end).toWellFormed()
}

/** The same value with every text in it well-formed, keys included. Values without a lone surrogate come back unchanged. */
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map(wellFormed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toWellFormed(), wellFormed(item)]))
}

const isHigh = (text: string, index: number): boolean => (text.charCodeAt(index) & 0xfc00) === 0xd800
const isLow = (text: string, index: number): boolean => (text.charCodeAt(index) & 0xfc00) === 0xdc00
