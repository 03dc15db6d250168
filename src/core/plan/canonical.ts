import canonicalize from 'canonicalize'
import { known } from '../../kit/assert.ts'
import { sha256, type Digest } from '../../kit/digest.ts'

/** RFC 8785 text: the same bytes for the same value, whatever order its keys came in. */
export const canonicalText = (value: unknown): string => known(canonicalize(value), 'a value that JSON can hold')

/** SHA-256 of the RFC 8785 text. */
export const canonicalDigest = (value: unknown): Digest => sha256(canonicalText(value))
