/**
 * Text from outside, fit for the record: at most `max` UTF-16 units, well-formed, without NUL. Cut before it is mended, so that half a
 * surrogate pair at the cut is mended too.
 */
export const clean = (text: string, max: number): string => text.slice(0, max).toWellFormed().replaceAll('\0', '\uFFFD')
