import { DAY, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { Runbook } from '../runbook/runbook.ts'
import { nextOpenings, type CalendarRule } from './calendar.ts'
import type { WindowTimes } from './plan.ts'

/** An act of a runbook, and how long before the opening it is requested. */
export type Agenda = Readonly<{ act: 'trial' | 'rollout'; aheadMs: Ms }>

/** One thing to start: an act for one opening. */
export type Due = WindowTimes & Readonly<{ act: Agenda['act']; at: Instant }>

/**
 * A rollout without an approval is requested this long before its opening: reading a large fleet for its plan takes minutes, and the older the
 * plan, the more of it has drifted.
 */
export const PREPARE_MS: Ms = 15 * MINUTE

/**
 * What a schedule starts for each opening: the trial `lead` ahead, the rollout in time for its plan, and for the people who approve it, but never
 * before its trial: it would be planned from what an earlier one has tested.
 */
export function agendaOf({ test, patches, baseline, approval }: Pick<Runbook, 'test' | 'patches' | 'baseline' | 'approval'>): Agenda[] {
  const aheadMs = Math.max(PREPARE_MS, approval?.expiresMs ?? 0)
  if (test === null || patches === null || baseline === 'none') return [{ act: 'rollout', aheadMs }]
  return [
    { act: 'trial', aheadMs: test.leadMs },
    { act: 'rollout', aheadMs: Math.min(aheadMs, test.leadMs) },
  ]
}

/** The first opening after the cursor (the last one that was dealt with), and when its act is due; null when the schedule has no more. */
export function nextDue(rule: CalendarRule, { act, aheadMs }: Agenda, cursor: Instant): Due | null {
  const [opening] = nextOpenings(rule, cursor, 1)
  return opening === undefined ? null : { ...opening, act, at: plus(opening.opens, -aheadMs) }
}

/** What is known when something is due. */
export type Surroundings = Readonly<{
  /** The run that has this opening already: its act was requested, or a run of an earlier window goes on in it. */
  taken: string | null
  /** The trial of this opening; `none` where there is none, or it was spared. */
  trial: 'none' | 'unfinished' | 'succeeded' | 'failed' | 'not-approved'
  /** An unfinished run of the runbook and this act. */
  unfinished: string | null
  /** Seen waiting for that run since before the opening grew late. */
  queued: boolean
  /** Why nothing may start from the opening to its cutoff. */
  frozen: string | null
}>

/** What becomes of something due. `wait`: it is looked at again at the next beat. */
export type Fate = Readonly<
  { do: 'start' } | { do: 'wait'; for: string } | { do: 'cancel'; run: string } | { do: 'leave'; why: string } | { do: 'miss'; why: string }
>

/**
 * Decides about something due at `now`. An opening is started once or missed once, and a missed one is told. `late` bounds how long after its
 * opening an absent scheduler may still start it; one that waited for an earlier run may use the window up to its cutoff.
 */
export function fateOf(due: Due, window: NonNullable<Runbook['window']>, around: Surroundings, now: Instant): Fate {
  if (around.taken !== null) return { do: 'leave', why: `run ${around.taken} has it` }
  return due.act === 'trial' ? trialFate(due, around, now) : rolloutFate(due, window, around, now)
}

function trialFate(due: Due, around: Surroundings, now: Instant): Fate {
  if (now >= due.opens) return { do: 'miss', why: 'late' }
  if (around.unfinished !== null) return { do: 'leave', why: `trial ${around.unfinished} is under way` }
  return { do: 'start' }
}

function rolloutFate(due: Due, window: NonNullable<Runbook['window']>, around: Surroundings, now: Instant): Fate {
  const overdue = now > plus(due.opens, window.lateMs)
  if (now >= due.cutoff) return { do: 'miss', why: missedWhy(around) }
  if (around.trial === 'failed') return { do: 'miss', why: 'trial-failed' }
  if (around.trial === 'not-approved') return { do: 'miss', why: 'not-approved' }
  // Nobody was there before it grew late: an earlier run that is unfinished now has not kept it waiting, and gives way to nothing.
  if (overdue && !around.queued) return { do: 'miss', why: missedWhy({ ...around, unfinished: null }) }
  if (around.unfinished !== null) return beside(due, window, around.unfinished, now)
  if (around.trial === 'unfinished') return { do: 'wait', for: 'trial' }
  return around.frozen === null ? { do: 'start' } : { do: 'wait', for: 'freeze' }
}

/** The runbook's last run is unfinished when the next opening comes. */
function beside(due: Due, { overlap }: NonNullable<Runbook['window']>, run: string, now: Instant): Fate {
  if (now < due.opens || overlap === 'queue') return { do: 'wait', for: 'overlap' }
  return overlap === 'skip' ? { do: 'miss', why: 'overlap' } : { do: 'cancel', run }
}

function missedWhy({ trial, unfinished, queued, frozen }: Surroundings): string {
  if (unfinished !== null || queued) return 'overlap'
  if (trial === 'unfinished') return 'not-approved'
  return frozen === null ? 'late' : `frozen: ${frozen}`
}

/** Openings older than this that nobody was there for are told as one: how long a log of single ones stays readable. */
const SINGLE_MS: Ms = DAY

/** Openings that are past for good. `count` of them, from `first` to `last`. */
export type Past = Readonly<{ first: Instant; last: Instant; count: number }>

/** The openings after the cursor that nobody was there for, of which `late` has passed more than a day ago: they are told together. */
export function longPast(rule: CalendarRule, lateMs: Ms, cursor: Instant, now: Instant): Instant[] {
  const until = plus(now, -SINGLE_MS - lateMs)
  const past: Instant[] = []
  for (let at = cursor; at < until;) {
    const found = nextOpenings(rule, at, BATCH).flatMap(({ opens }) => (opens < until ? [opens] : []))
    past.push(...found)
    at = found.at(-1) ?? until
  }
  return past
}

const BATCH = 1_000
