import type { Instant } from '../../kit/instant.ts'
import type { Freeze } from '../plan/freeze.ts'
import type { WindowTimes } from '../plan/plan.ts'
import type { RunEvent } from './event.ts'

/** The opening of a run, as instants: no calendar is asked any more. */
export type Opening = Readonly<{
  opens: Instant
  cutoff: Instant
  closes: Instant
  /** When it begins: `opens`, and the jitter. */
  startAt: Instant
  /** Not begun by then: missed. */
  openBy: Instant
  /** No change starts at or after it. */
  lastStart: Instant
  /** The SSM maintenance window that says so; `''`: the runbook. */
  native: string
  nativeDigest: string
  opened: boolean
}>

/** The fact that a run has this opening: from its beginning to its cutoff, without jitter or a prediction. */
export const plainOpening = (times: WindowTimes, zoneData: string): Extract<RunEvent, { type: 'WindowChosen' }> => ({
  type: 'WindowChosen',
  opens: times.opens,
  cutoff: times.cutoff,
  closes: times.closes,
  zoneData,
  startAt: times.opens,
  openBy: times.cutoff,
  lastStart: times.cutoff,
  native: '',
  nativeDigest: '',
})

/**
 * What the run knows of freezes. `again`: when a reading goes on record next at the latest; null: there is nothing to read. `epoch`: the driver that
 * read them; another one knows nothing until it has read them itself.
 */
export type FreezesKnown = Readonly<{ freezes: readonly Freeze[]; again: Instant | null; epoch: number }>
