/**
 * Text from outside, fit for the record: at most `max` UTF-16 units, well-formed, without NUL. Cut before it is mended, so that half a
 * surrogate pair at the cut is mended too.
 */
export const clean = (text: string, max: number): string => text.slice(0, max).toWellFormed().replaceAll('\0', '\uFFFD')

/** The same text as one of its own: a slice of an answer would keep all of the answer in memory. */
export const kept = (text: string): string => Buffer.from(text, 'utf8').toString('utf8')

const SHARED = new Map<string, string>()
const SHARED_MAX = 4_096

/** One copy of a text that many nodes have: images, zones, keys of tags. */
export function shared(text: string): string {
  const known = SHARED.get(text)
  if (known !== undefined) return known
  const made = kept(text)
  if (SHARED.size >= SHARED_MAX) SHARED.clear()
  SHARED.set(made, made)
  return made
}
