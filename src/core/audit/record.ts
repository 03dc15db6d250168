import { globFits } from '../../kit/glob.ts'
import type { NodeId } from '../../kit/ids.ts'
import { iso, type Instant } from '../../kit/instant.ts'
import type { Entry, Sealed } from './entry.ts'
import { readEntry } from './open.ts'
import { Places, whereOf, type Place, type Where } from './place.ts'

/** An entry as the outside sees it: `audit list --json`, exports, feedback. */
export type AuditRecord = Readonly<{
  run: string
  seq: number
  /** ISO 8601 UTC with milliseconds. */
  at: string
  actor: Entry['actor']
  /** `wave.started`. */
  type: string
  where?: Where
  data: Readonly<Record<string, unknown>>
  hash: string
}>

/** The one spelling for the outside: `WaveStarted` → `wave.started`. */
export const outsideName = (type: string): string => type.replace(/(?<=[a-z])(?=[A-Z])/g, '.').toLowerCase()

/** The type of an entry's CloudEvent: `WaveStarted` → `patchwave.wave.started.v1`. */
export const cloudEventType = (type: string): string => `patchwave.${outsideName(type)}.v1`

/** An entry in the outside's form. `places` must have been shown the entries before it. @throws `journal.broken`, `journal.newer` */
export function recordOf(sealed: Sealed, places: Places = new Places(null)): AuditRecord {
  const entry = readEntry(sealed)
  return recordAt(entry, places.of(entry))
}

/** An opened entry in the outside's form, where its place is known already. */
export function recordAt(entry: Entry, place: Place): AuditRecord {
  const { run, seq, actor, data, hash } = entry
  const where = whereOf(place)
  return { run, seq, at: iso(entry.at), actor, type: outsideName(entry.type), ...(where && { where }), data, hash }
}

/** Who, what, when, where. What is absent does not filter; all that is there must fit. */
export type AuditFilter = Readonly<{
  /** An actor's id or kind; `*` and `?` are wildcards. */
  who?: string
  /** A type in the outside's spelling; `wave.*`. */
  what?: string
  /** From this instant on. */
  since?: Instant
  /** Before this instant. */
  until?: Instant
  account?: string
  region?: string
  node?: NodeId
}>

/** Whether an entry fits the filter. An entry about many nodes fits when one of them does. */
export function fits(entry: Entry, place: Place, filter: AuditFilter): boolean {
  const { who, what, since, until, account, region, node } = filter
  if (who !== undefined && who !== entry.actor.kind && !globFits(who, entry.actor.id)) return false
  if (what !== undefined && !globFits(what, outsideName(entry.type))) return false
  if ((since !== undefined && entry.at < since) || (until !== undefined && entry.at >= until)) return false
  if (node !== undefined && !place.nodes.includes(node)) return false
  if (account === undefined && region === undefined) return true
  return place.cells.some((cell) => (account ?? cell.account) === cell.account && (region ?? cell.region) === cell.region)
}
