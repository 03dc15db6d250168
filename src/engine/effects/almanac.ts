import { canonicalDigest } from '../../core/plan/canonical.ts'
import type { RunEvent } from '../../core/run/event.ts'
import type { RunState } from '../../core/run/state.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { earliest, HOUR, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { NativeWindow } from '../../ports/calendars.ts'
import { freezesOf, hasFreezes } from '../almanac.ts'
import { NATIVE_MS, narrowed } from './window.ts'
import type { Found, Performing } from './perform.ts'

/** How often freezes are read while a window is open: within this long a freeze that was declared a minute ago holds. */
const FREEZES_MS: Ms = 5 * MINUTE

/** A reading that says nothing new goes on record only so often: evidence, and no noise. */
const EVIDENCE_MS: Ms = HOUR

/**
 * Reads the freezes once the run's opening has come, and again and again while it is open; what is new is on record at once, what is not once an
 * hour. Watches the SSM maintenance window that the opening came from: another opening before it is begun is missed and chosen anew, an earlier
 * end afterwards narrows it.
 */
export async function* readAlmanac(performing: Performing): Found {
  const { world, state, signal } = performing
  let freezesAt: Instant | null = null
  let recordedAt: Instant | null = null
  for (;;) {
    // First: what a window that has moved would open must not open. Whoever takes the run up again asks at once.
    const changed = await changeOf(performing)
    if (changed.length > 0) yield changed
    const { window } = state
    if (signal.aborted || window === null) return
    const due = freezesAt === null ? window.startAt : plus(freezesAt, FREEZES_MS)
    if (world.clock.now() < due) {
      await world.clock.sleep(window.native === '' ? due : earliest(due, plus(world.clock.now(), NATIVE_MS)), signal)
      if (signal.aborted) return
      continue
    }
    freezesAt = world.clock.now()
    const read = await freezesNow(performing)
    if (isNews(state, read) || recordedAt === null || freezesAt >= plus(recordedAt, EVIDENCE_MS)) {
      recordedAt = freezesAt
      yield [read]
    }
    if (read.again === null) return
  }
}

/** What a driver reads before it decides anything, if it knows of freezes where the run had none to read so far: they came with its config. */
export async function freezesAnew({ world, state, signal }: Reading): Promise<readonly RunEvent[]> {
  const { phase, window, frost, plan } = state
  if (phase.name === 'finished' || window === null || frost?.again !== null || !hasFreezes(world, plan.runbook.window)) return []
  const read = await freezesNow({ world, state, signal })
  return read.again === null ? [] : [read]
}

/**
 * What a driver reads before it goes on that stood still for a while in an open window: a freeze may have been declared since, and the SSM maintenance
 * window have been changed.
 */
export async function calendarsSince(reading: Reading): Promise<readonly RunEvent[]> {
  const { window, activities } = reading.state
  if (window?.opened !== true || !activities.has('almanac')) return []
  return [...(await changeOf(reading)), await freezesNow(reading)]
}

type Reading = Pick<Performing, 'world' | 'state' | 'signal'>
type Read = Extract<RunEvent, { type: 'FreezesRead' }>

async function freezesNow({ world, state, signal }: Reading): Promise<Read> {
  const rule = state.plan.runbook.window
  const now = world.clock.now()
  const { opens, closes } = state.window ?? { opens: now, closes: now }
  const open = closes > now
  const freezes = open ? await freezesOf(world, rule, opens, closes, signal) : []
  const watching = open && (hasFreezes(world, rule) || (state.window?.native ?? '') !== '')
  return {
    type: 'FreezesRead',
    from: freezes.map((one) => one.from),
    to: freezes.map((one) => one.to),
    why: freezes.map((one) => one.why),
    source: freezes.map((one) => one.source),
    again: watching ? plus(now, EVIDENCE_MS) : null,
  }
}

/** Whether the calendars say something else than what the run goes by. */
const isNews = ({ frost }: RunState, { from, to, why }: Read): boolean =>
  frost === null ||
  JSON.stringify(frost.freezes.map((one) => [one.from, one.to, one.why])) !==
    JSON.stringify(from.map((at, index) => [at, to[index], why[index]]))

/**
 * What follows for this run when its SSM maintenance window is another one than when it was chosen. One that cannot be read opens nothing; an
 * open one goes on as it is known, for freezes must be read even so.
 */
async function changeOf(performing: Reading): Promise<readonly RunEvent[]> {
  const { world, state } = performing
  const { window } = state
  if (window === null || window.native === '') return []
  const native = await nativeOf(performing, window.native)
  if (native === null || canonicalDigest(native) === window.nativeDigest) return []
  if (!window.opened) return [{ type: 'WindowMissed', opens: window.opens, reason: `${window.native} was changed` }]
  return narrowing(window, native, world.clock.now())
}

async function nativeOf({ world, state, signal }: Reading, id: string): Promise<NativeWindow | null> {
  try {
    return await world.calendars.window(world.home, id, signal)
  } catch (error) {
    if (!(error instanceof PatchwaveError) || state.window?.opened !== true || signal.aborted) throw error
    world.log.warn(`${id}: ${error.code}: ${error.message}`)
    return null
  }
}

function narrowing(
  window: Readonly<{ opens: Instant; cutoff: Instant; closes: Instant; lastStart: Instant }>,
  native: NativeWindow,
  now: Instant,
): readonly RunEvent[] {
  const { cutoff, closes } = narrowed(window.opens, native, now)
  if (cutoff >= window.cutoff && closes >= window.closes) return []
  const why = native.enabled ? `${native.id} was changed` : `${native.id} was disabled`
  const narrow = { cutoff: earliest(cutoff, window.cutoff), closes: earliest(closes, window.closes) }
  return [{ type: 'WindowNarrowed', ...narrow, lastStart: earliest(window.lastStart, narrow.cutoff), why }]
}
