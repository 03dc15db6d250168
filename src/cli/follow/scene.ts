import type { Plan } from '../../core/plan/plan.ts'
import type { RunState } from '../../core/run/state.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Throttle } from '../../ports/world.ts'
import type { Watcher } from '../app.ts'

/** Shows a run to somebody while it happens. */
export type Follower = Readonly<{
  begins: (run: string, plan: Plan | null, continued: boolean) => void
  listen: Watcher
  /** The run has ended, whoever drove it there; to be said before `close`. Asks how it ended only when it has not seen that itself and wants it. */
  ended: (run: string, how: () => Promise<Readonly<{ state: RunState; at: Instant }>>) => Promise<void>
  /** No more facts come. Resolves when everything is shown. */
  close: () => Promise<void>
}>

/** What a follower needs to know of the world that it shows. */
export type Scene = Readonly<{
  now: () => Instant
  /** Calls so far, by `ssm.SendCommand`. */
  calls: () => Readonly<Record<string, number>>
  /** The quota of AWS that this process met last; absent: it makes no calls. */
  throttle?: () => Throttle | null
  virtual: boolean
}>
