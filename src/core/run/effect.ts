import type { Instant } from '../../kit/instant.ts'
import type { Purpose, Work } from './event.ts'

/**
 * What should be in flight. Effects follow from the journal alone; the engine starts those that `next` names and stops when the state
 * no longer wants their key. Each ends in an event of its own, so that a repeat after a crash is the same effect again.
 */
export type Effect = Readonly<
  | { kind: 'window'; key: string; after: Instant }
  | { kind: 'almanac'; key: string }
  | { kind: 'survey'; key: string }
  | { kind: 'prepare'; key: string; cell: string }
  | { kind: 'scan'; key: string; n: number }
  | { kind: 'classify'; key: string }
  /** Puts the patches of the run's lists into units that cannot be separated. */
  | { kind: 'group'; key: string }
  /** `stopped`: nodes that are stopped may stay in the round, for it is about to start them. */
  | { kind: 'read'; key: string; batch: number; cell: string; work: Work; nodes: readonly number[]; stopped: boolean }
  /** Its facts are in `state.steps`. */
  | { kind: 'step'; key: string; id: number }
  | { kind: 'send'; key: string; n: number }
  | { kind: 'find'; key: string; n: number }
  | { kind: 'watch'; key: string; n: number }
  | { kind: 'cancel'; key: string; n: number }
  | { kind: 'measure'; key: string; purpose: Purpose; wave: number; round: number; check: string; n: number }
  | { kind: 'store'; key: string; lineage: number; account: string }
  | { kind: 'approve-baselines'; key: string }
>
