import type { Note } from '../ports/store.ts'
import type { Said } from './strays.ts'

/** Kind of a note that brings status events of a run's commands from another process. */
export const EVENTS_NOTE = 'events'

/** Events as the data of one note. */
export const eventsData = (events: readonly Said[]): string =>
  JSON.stringify(events.map(({ command, node, status }) => [command, node, status]))

/** The events that a note brings; `undefined`: it is another kind of note, or cannot be read. */
export function eventsIn(note: Pick<Note, 'kind' | 'data'>): Said[] | undefined {
  if (note.kind !== EVENTS_NOTE) return undefined
  try {
    const rows: unknown = JSON.parse(note.data)
    return Array.isArray(rows) ? rows.map(saidOf) : undefined
  } catch {
    return undefined
  }
}

/** @throws TypeError when it is none */
function saidOf(row: unknown): Said {
  const words: readonly unknown[] = Array.isArray(row) ? row : []
  const [command, node, status] = words
  if (typeof command === 'string' && typeof node === 'string' && typeof status === 'string') return { command, node, status }
  throw new TypeError('no event')
}
