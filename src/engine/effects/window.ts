import { canonicalDigest } from '../../core/plan/canonical.ts'
import { nextOpenings, zoneDataOf } from '../../core/plan/calendar.ts'
import type { WindowTimes } from '../../core/plan/plan.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { plainOpening } from '../../core/run/opening.ts'
import { NOW_WINDOW, type WindowRule } from '../../core/runbook/runbook.ts'
import { sha256 } from '../../kit/digest.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { earliest, instant, latest, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { NativeWindow } from '../../ports/calendars.ts'
import { calendarOf, scheduleOf, type Calendar } from '../almanac.ts'
import { nodeHighMs } from '../history.ts'
import { mayPass } from '../steps/trying.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

type Chosen = Extract<RunEvent, { type: 'WindowChosen' }>

/** How often an SSM maintenance window is read again while a run waits for it. */
export const NATIVE_MS: Ms = 10 * MINUTE

/** A driver that was waiting is there within this long after the start: without it, `late: 0s` would miss every opening. */
const LEEWAY_MS: Ms = MINUTE

/** Openings that other runs have are passed over, at most so many: a schedule of minutes must not make this loop long. */
const TAKEN_MAX = 1_000

/** Says when the run may change nodes: its runbook's next opening, or from now on for a trial and for a run by hand. */
export async function* chooseWindow(performing: Performing, effect: EffectOf<'window'>): Found {
  const { world, state, signal } = performing
  const { window } = state.plan.runbook
  if (state.plan.act !== 'rollout' || window === null || state.atOnce) {
    yield [await ownWindow(performing)]
    return
  }
  for (;;) {
    const { rule, native } = await scheduleOf(world, state.plan.runbook.name, window, signal)
    const own = rule && (await freeOpening(performing, rule, effect.after))
    if (own !== null && own !== undefined) {
      yield [await chosenFrom(performing, window, own, native)]
      return
    }
    if (native === null) {
      yield [{ type: 'AbortAsked', reason: 'the schedule has no more openings', rollback: false }]
      return
    }
    // Somebody may enable it again, or give it another schedule.
    await world.clock.sleep(plus(world.clock.now(), NATIVE_MS), signal)
    if (signal.aborted) return
  }
}

/** The first opening that no other run of this runbook has, taken for this one; an opening belongs to one run. */
async function freeOpening(
  { world, state }: Performing,
  rule: Parameters<typeof nextOpenings>[0],
  asked: Instant,
): Promise<WindowTimes | null> {
  const now = world.clock.now()
  const { runbook, act } = state.plan
  const own = await takenBefore({ world, state }, rule, asked)
  if (own !== null) return own
  // A run of the schedule was requested for one opening and has it already; afterwards, and by hand, it is the next one.
  const first = asked === state.requestedAt ? state.opening : null
  let after = plus(first ?? (asked > now ? asked : now), -1)
  for (let turn = 0; turn < TAKEN_MAX; turn += 1) {
    const [opening] = nextOpenings(rule, after, 1)
    if (opening === undefined) return null
    const owner = await world.clock.hold(() => world.store.takeOpening(runbook.name, act, opening.opens, state.run))
    if (owner === state.run) return opening
    after = opening.opens
  }
  return null
}

/**
 * An opening that has come while nobody drove the run, which had taken it and died before it could say so: nobody else can have it any more, so it is
 * used while it lasts, or told as missed.
 */
async function takenBefore(
  { world, state }: Pick<Performing, 'world' | 'state'>,
  rule: Parameters<typeof nextOpenings>[0],
  asked: Instant,
): Promise<WindowTimes | null> {
  const { runbook, act } = state.plan
  let after = plus(asked, -1)
  for (let turn = 0; turn < TAKEN_MAX; turn += 1) {
    const [opening] = nextOpenings(rule, after, 1)
    if (opening === undefined || opening.opens > world.clock.now()) return null
    if ((await world.clock.hold(() => world.store.openingOf(runbook.name, act, opening.opens))) === state.run) return opening
    after = opening.opens
  }
  return null
}

async function chosenFrom(
  { world, state }: Performing,
  window: WindowRule,
  times: WindowTimes,
  native: NativeWindow | null,
): Promise<Chosen> {
  const { opens, cutoff } = times
  const startAt = plus(opens, jitterOf(state.plan.runbook.name, opens, window.jitterMs))
  const late = plus(opens, window.lateMs)
  // What the schedule asked for in time must begin in time; what waited for an earlier run, or a person started, may use the window to its cutoff.
  const bound = state.opening === opens && state.requestedAt <= late
  return {
    ...plainOpening(times, zoneDataOf(process.versions['tz'])),
    startAt,
    openBy: bound ? earliest(latest(late, plus(startAt, LEEWAY_MS)), cutoff) : cutoff,
    lastStart: await lastStart({ world, state }, times, startAt),
    native: native?.id ?? '',
    nativeDigest: native ? canonicalDigest(native) : '',
  }
}

/**
 * No change starts that is predicted to outlast the window. Where that would leave no time to start anything, the window is too short for the
 * prediction: its plan said so, and the cutoff alone counts.
 */
async function lastStart(
  { world, state }: Pick<Performing, 'world' | 'state'>,
  { cutoff, closes }: WindowTimes,
  startAt: Instant,
): Promise<Instant> {
  const predicted = plus(closes, -(await nodeHighMs(world, state.plan)))
  return predicted > plus(startAt, LEEWAY_MS) ? earliest(cutoff, predicted) : cutoff
}

/** A share of `jitterMs` that any machine draws alike. */
export function jitterOf(runbook: string, opens: Instant, jitterMs: Ms): Ms {
  const drawn = Number.parseInt(sha256(`${runbook}|${String(opens)}`).slice(0, 8), 16)
  return Math.floor((drawn / 2 ** 32) * jitterMs)
}

/** A trial, a run by hand, and a runbook without a window: from now on. */
async function ownWindow(performing: Performing): Promise<Chosen> {
  const { world, state } = performing
  const { window, test } = state.plan.runbook
  const trial = state.plan.act === 'trial'
  const calendar = window === null || trial ? null : await lengthOf(performing, window)
  const times = calendar?.rule ?? calendar?.native ?? NOW_WINDOW
  const durationMs = trial ? Math.max(test?.leadMs ?? 0, NOW_WINDOW.durationMs) : times.durationMs
  const opens = world.clock.now()
  const closes = plus(opens, durationMs)
  const cutoff = plus(closes, -times.cutoffMs)
  const own = { opens, cutoff, closes }
  return { ...plainOpening(own, zoneDataOf(process.versions['tz'])), lastStart: await lastStart({ world, state }, own, opens) }
}

/** Its window's calendar, for its length. What undoes another run does not wait for an SSM maintenance window that is gone by now. */
async function lengthOf({ world, state, signal }: Performing, window: WindowRule): Promise<Calendar | null> {
  try {
    return await calendarOf(world, window, signal)
  } catch (error) {
    if (!(error instanceof PatchwaveError) || mayPass(error) || state.plan.work !== 'rollback') throw error
    return null
  }
}

/** The opening as its changed SSM maintenance window has it now: when it closes, and until when something may start. */
export function narrowed(opens: Instant, native: NativeWindow, now: Instant): Pick<WindowTimes, 'cutoff' | 'closes'> {
  if (!native.enabled) return { cutoff: now, closes: now }
  const closes = plus(opens, native.durationMs)
  return { closes, cutoff: instant(closes - native.cutoffMs) }
}
