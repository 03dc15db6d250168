import type { Instant } from '../kit/instant.ts'
import type { Throttle } from '../ports/world.ts'
import type { EventCounts } from './hints.ts'

/** What will be started next. */
export type NextRun = Readonly<{
  runbook: string
  act: 'trial' | 'rollout'
  /** When it is requested: the trial `lead` before the opening, the rollout a while before it. */
  due: Instant
  /** The opening for which it is. */
  opens: Instant
  /** What stands against it as far as one can see (`overlap`, `freeze: …`); null: nothing. */
  against: string | null
}>

/** A runbook file as the scheduler holds it. `problem`: why the file as it is now cannot be used; `digest` is then the older one that still counts, or null. */
export type HeldRunbook = Readonly<{ file: string; name: string | null; digest: string | null; problem: string | null }>

/** What `serve` tells of itself: for the health endpoint and people. */
export type ServiceView = Readonly<{
  driver: string
  startedAt: Instant
  /** The last time the scheduler looked for due work; null: not yet. */
  beatAt: Instant | null
  runbooks: readonly HeldRunbook[]
  /** In the order of time. */
  next: readonly NextRun[]
  /** Runs that this process drives now. */
  driving: readonly string[]
  /** Status events that this process has taken in. */
  events: Readonly<EventCounts>
  /** The quota of AWS that this process met last; null: none. */
  throttle: Throttle | null
  /** What bothers it: the last failure of each part, gone once it works again. */
  troubles: readonly string[]
}>
