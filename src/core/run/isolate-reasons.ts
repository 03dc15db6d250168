import type { TryVerdict } from './isolate-search.ts'

/**
 * Reasons of a failed node that speak of the patches themselves (documents/PROTOCOL.md). What a busy, full or unreachable node says is nobody's fault,
 * and a hook may fail for its own reasons: doubt blames no patch.
 */
const PATCHES: ReadonlySet<string> = new Set([
  'dependency',
  'scriptlet-failed',
  'checksum',
  'unknown-version',
  'service-failed',
  'check-failed',
  'livepatch-not-loaded',
  'not-installed',
])

/** Whether patches may have broken a node that failed for this reason. */
export const patchesBroke = (reason: string): boolean => PATCHES.has(reason)

/**
 * What a node says of a set that was not installed on it, or not wholly. A part of a list may lack what the whole has: `dependency` speaks against
 * the part only where the whole failed by it too.
 */
export function saysOfSet(reason: string, wholeFailedBy: Iterable<string>): TryVerdict {
  if (reason === 'untested-dependency') return 'refused'
  if (reason === 'dependency') return [...wholeFailedBy].includes('dependency') ? 'bad' : 'refused'
  return patchesBroke(reason) ? 'bad' : 'unclear'
}
