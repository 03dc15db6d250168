import canonicalize from 'canonicalize'
import { Bug, known } from '../../kit/assert.ts'
import { sha256 } from '../../kit/digest.ts'
import { iso } from '../../kit/instant.ts'
import { wellFormed } from '../../kit/text.ts'
import { ENTRY_VERSION, type Entry, type Head, type Sealed } from './entry.ts'

/** What an entry says; the chain is added by `seal`. */
export type Unsealed = Pick<Entry, 'run' | 'at' | 'actor' | 'type' | 'data'>

/**
 * Chains an entry to the one before it: RFC 8785 text, SHA-256 over its UTF-8 bytes. `data` is anything JSON can hold (`undefined` is left
 * out; NaN and cycles are a `Bug`). A lone surrogate, which JSON's bytes cannot hold, becomes U+FFFD: a fact never stops a run.
 */
export function seal(previous: Head | null, entry: Unsealed): Sealed {
  const seq = (previous?.seq ?? 0) + 1
  const { run, at, actor, type, data } = entry
  const text = lastingText({ v: ENTRY_VERSION, run, seq, at: iso(at), actor, type, data, prev: previous?.hash ?? null })
  return { run, seq, at, type, text, hash: sha256(text) }
}

/** Seals several in turn. */
export function sealAll(previous: Head | null, entries: readonly Unsealed[]): Sealed[] {
  let last = previous
  return entries.map((entry) => {
    const sealed = seal(last, entry)
    last = sealed
    return sealed
  })
}

/** RFC 8785 text of a JSON value. The same value gives the same bytes on any machine. Throws on what JSON cannot hold. */
export const canonicalJson = (value: unknown): string => known(canonicalize(value), 'the canonical form')

/** The quick way is right for nearly every entry; only what it refuses is looked through. */
function lastingText(value: unknown): string {
  try {
    return canonicalJson(value)
  } catch {
    return mended(value)
  }
}

function mended(value: unknown): string {
  try {
    return canonicalJson(wellFormed(value))
  } catch (error) {
    throw new Bug(`an entry cannot be sealed: ${error instanceof Error ? error.message : String(error)}`)
  }
}
