import type { Instant } from '../../kit/instant.ts'
import type { RunEvent } from './event.ts'

/** Decisions and the instant at which time alone would bring another. */
export type Decision = Readonly<{ events: readonly RunEvent[]; wakeAt: Instant | null }>

/** Nothing follows until there is news. */
export const nothing: Decision = { events: [], wakeAt: null }
/** Nothing follows before this instant. */
export const wake = (wakeAt: Instant | null): Decision => ({ events: [], wakeAt })
/** These facts follow now. */
export const events = (...decided: readonly RunEvent[]): Decision => ({ events: decided, wakeAt: null })
