import type { Instant } from '../../kit/instant.ts'
import type { Freeze } from '../plan/freeze.ts'
import type { RunEvent } from './event.ts'
import { known } from '../../kit/assert.ts'
import { restRefused } from './refused-cells.ts'
import { unwant, want, type RunState } from './state.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** The run's opening is known; its freezes are read once it has come. */
export function windowChosen(state: RunState, { type: _, zoneData: __, ...opening }: Of<'WindowChosen'>): void {
  unwant(state, 'window')
  state.window = { ...opening, opened: false }
  state.phase = { name: 'awaiting-window' }
  state.frost = null
  want(state, { kind: 'almanac', key: 'almanac' })
}

/** The SSM maintenance window ends sooner than it said at first. A later end is never taken over: nobody approved it. */
export function windowNarrowed(state: RunState, { cutoff, closes, lastStart }: Of<'WindowNarrowed'>): void {
  state.window = { ...known(state.window, 'the window'), cutoff, closes, lastStart }
}

/** This opening is not the run's any more: it waits for another one. */
export function windowLeft(state: RunState, now: Instant): void {
  state.phase = { name: 'awaiting-window' }
  if (state.window?.opened === true && state.plan.work !== 'rollback') asPlanned(state)
  state.window = null
  state.frost = null
  // What was seen before this window says nothing of the next one.
  if (state.measure?.purpose === 'before') state.measure = null
  for (const key of ['almanac', 'survey']) unwant(state, key)
  restRefused(state)
  want(state, { kind: 'window', key: 'window', after: now })
}

/**
 * Whoever asked for a window at once, or in spite of freezes, meant that window. What it leaves over is for the schedule's next one, and waits for freezes
 * that nobody has broken by then. What undoes another run goes on at once.
 */
function asPlanned(state: RunState): void {
  state.atOnce = false
  state.breakFreeze = false
}

/** What the calendars say of this opening now. */
export function freezesRead(state: RunState, { from, to, why, source, again }: Of<'FreezesRead'>): void {
  const freezes = from.map((start, index): Freeze => ({
    from: start,
    to: known(to[index], 'the end'),
    why: why[index] ?? '',
    source: source[index] ?? '',
  }))
  state.frost = { freezes, again, epoch: state.epoch }
  if (again === null) unwant(state, 'almanac')
  else if (!state.activities.has('almanac')) want(state, { kind: 'almanac', key: 'almanac' })
}
