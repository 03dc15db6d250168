import type { Digest } from '../../kit/digest.ts'
import type { RunId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Actor } from '../run/event.ts'

/** A sealed entry: the RFC 8785 text exactly as it was hashed, and its SHA-256. `seq` counts from 1. */
export type Sealed = Readonly<{ run: RunId; seq: number; at: Instant; type: string; text: string; hash: Digest }>

/** The version of entries that this engine writes. Older ones are upcast after verifying, never rewritten; newer ones are refused. */
export const ENTRY_VERSION = 1

/** An opened entry: verified, and its data readable. `prev` is the hash of the entry before it, `null` for the first. */
export type Entry = Readonly<{
  v: number
  run: RunId
  seq: number
  at: Instant
  actor: Actor
  type: string
  data: Readonly<Record<string, unknown>>
  prev: Digest | null
  hash: Digest
}>

/** A place in a chain: which entry, and what it hashes to. Kept outside the store it is an anchor, against which a cut tail shows. */
export type Anchor = Readonly<{ run: RunId; seq: number; hash: Digest }>

/** What the next entry is chained to; `null` before the first. */
export type Head = Pick<Anchor, 'seq' | 'hash'>
