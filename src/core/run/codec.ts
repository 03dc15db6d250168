import { assert } from '../../kit/assert.ts'
import { instant, iso, parseInstant, type Instant } from '../../kit/instant.ts'
import type { RunEvent } from './event.ts'

/** Keys of events that hold instants: numbers inside, ISO 8601 UTC in the journal. */
const INSTANTS: ReadonlySet<string> = new Set([
  'opens',
  'cutoff',
  'closes',
  'expires',
  'startBefore',
  'notBefore',
  'requestedAt',
  'expiresAfter',
  'until',
  'ended',
  'opening',
  'startAt',
  'openBy',
  'lastStart',
  'from',
  'to',
  'again',
  'covered',
  'booted',
])

/** Keys whose value is a map of ours that may hold instants; others hold what people wrote. */
const MAPS: ReadonlySet<string> = new Set(['hosts'])

/** Keys that came after the first journals, and what their absence means there. */
function completed(event: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (event['type'] === 'RunRequested' && !('opening' in event)) return { ...event, opening: null, breakFreeze: false }
  if (event['type'] !== 'WindowChosen' || 'startAt' in event) return event
  const { opens, cutoff } = event
  return { ...event, startAt: opens, openBy: cutoff, lastStart: cutoff, native: '', nativeDigest: '' }
}

/** An event as the journal's `type` and `data`. */
export function toData(event: RunEvent): { type: string; data: Record<string, unknown> } {
  const { type, ...facts } = event
  return { type, data: translated(facts, outward) }
}

/** The event that `toData` wrote. The journal verified its hash before. */
export function fromData(type: string, data: Readonly<Record<string, unknown>>): RunEvent {
  return completed({ type, ...translated(data, inward) }) as RunEvent
}

function translated(facts: Readonly<Record<string, unknown>>, translate: (value: unknown) => unknown): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(facts)) {
    const isMap = MAPS.has(key) && typeof value === 'object' && value !== null
    found[key] = isMap ? translated({ ...value }, translate) : INSTANTS.has(key) ? translate(value) : value
  }
  return found
}

const outward = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(outward) : typeof value === 'number' ? (value === 0 ? '' : iso(value as Instant)) : value

function inward(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inward)
  if (value === null) return null
  if (value === '') return instant(0)
  const at = typeof value === 'string' ? parseInstant(value) : undefined
  assert(at !== undefined, 'an instant in the journal is not readable')
  return at
}
