import { PatchwaveError } from '../kit/error.ts'
import { earliest, instant, latest, MINUTE, parseInstant, plus, type Instant, type Ms } from '../kit/instant.ts'
import { agendaOf, fateOf, longPast, nextDue, type Agenda, type Due, type Surroundings } from '../core/plan/due.ts'
import { freezeAt } from '../core/plan/freeze.ts'
import type { CalendarRule } from '../core/plan/calendar.ts'
import type { Actor } from '../core/run/event.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import { freezesOf, scheduleOf } from './almanac.ts'
import type { Held, HeldRunbooks } from './held-runbooks.ts'
import { leaveNote } from './inbox.ts'
import type { Bulletin } from './bulletin.ts'
import { logbookOf, readLogbook } from './logbook.ts'
import { baselinesFresh, planRollout, planTrial } from './planning.ts'
import { requestRun } from './request.ts'
import { refuseSkew } from './skew.ts'
import type { NextRun } from './service-view.ts'
import type { World } from './world.ts'

/** The runbook as the schedule uses it: it has a window. */
type Scheduled = Held & Readonly<{ runbook: Runbook & { readonly window: NonNullable<Runbook['window']> } }>

/** What a schedule waits for is looked at again this often: a trial, an earlier run, a freeze, AWS. */
const AGAIN_MS: Ms = MINUTE

/** How often an SSM maintenance window is read for its next opening. */
const CALENDAR_MS: Ms = 10 * MINUTE

/** Makes the plan of a scheduled act and puts the run on record. A stand-in shows schedules without a fleet. */
export type Starter = (due: Due, held: Scheduled) => Promise<string>

/** One act of one runbook: where it stands in its calendar. */
type Line = {
  readonly agenda: Agenda
  cursor: Instant
  /** Null: no more openings. */
  next: Due | null
  /** Looked at again then. */
  lookAt: Instant
  queued: Instant | null
  cancelled: string | null
  against: string | null
}

type Desk = {
  held: Scheduled
  since: Instant
  rule: CalendarRule | null
  readAt: Instant
  lines: readonly Line[]
  busy: boolean
  trouble: string | null
}

/**
 * Starts what is due. Everything it knows of the past is in the store: cursors, openings with the run that has them, and what was missed; so a
 * process that was stopped, suspended, or had its clock set neither loses an opening nor begins one twice.
 */
export class Scheduler {
  readonly #world: World
  readonly #actor: Actor
  readonly #start: Starter
  readonly #bulletin: Pick<Bulletin, 'write'>
  readonly #signal: AbortSignal
  readonly #desks = new Map<string, Desk>()
  #beatAt = instant(0)
  #version = 0

  constructor(world: World, bulletin: Pick<Bulletin, 'write'>, signal: AbortSignal, start: Starter = starterOf(world, signal)) {
    this.#world = world
    this.#bulletin = bulletin
    this.#signal = signal
    this.#actor = { kind: 'schedule', id: world.driver }
    this.#start = start
  }

  /** Takes the runbooks that count now. One whose file changed keeps its cursors: what was dealt with stays so. */
  hold(runbooks: HeldRunbooks): void {
    if (runbooks.version === this.#version) return
    this.#version = runbooks.version
    const wanted = new Map(runbooks.all.filter(isScheduled).map((held) => [held.name, held]))
    for (const name of this.#desks.keys()) if (!wanted.has(name)) this.#desks.delete(name)
    for (const [name, held] of wanted) {
      const desk = this.#desks.get(name)
      if (desk?.held.digest === held.digest) continue
      // Openings that another calendar would have had until now were nobody's.
      const since = desk === undefined || sameTimes(desk.held, held) ? instant(0) : this.#world.clock.now()
      this.#desks.set(name, { held, since, rule: null, readAt: instant(0), lines: [], busy: false, trouble: null })
    }
  }

  /** When something is to be looked at again; null: nothing is scheduled. */
  get wakeAt(): Instant | null {
    const [first, ...rest] = [...this.#desks.values()].flatMap((desk) => (desk.busy ? [] : [dueOf(desk)]))
    return first === undefined ? null : earliest(first, ...rest)
  }

  /** Looks at every runbook that has something due. Each is on its own: one that fails or takes long holds up no other. */
  beat(): Promise<void>[] {
    const now = this.#world.clock.now()
    if (now < this.#beatAt) for (const desk of this.#desks.values()) lookAgain(desk)
    this.#beatAt = now
    return [...this.#desks.values()].flatMap((desk) => (desk.busy || dueOf(desk) > now ? [] : [this.#turn(desk)]))
  }

  /** What comes next, in the order of time. */
  next(): NextRun[] {
    const found = [...this.#desks.values()].flatMap(({ held, lines }) =>
      lines.flatMap(({ next, against }) =>
        next === null ? [] : [{ runbook: held.name, act: next.act, due: next.at, opens: next.opens, against }],
      ),
    )
    return found.sort((a, b) => a.due - b.due || (a.runbook < b.runbook ? -1 : 1))
  }

  get troubles(): string[] {
    return [...this.#desks.values()].flatMap(({ held, trouble }) => (trouble === null ? [] : [`${held.name}: ${trouble}`]))
  }

  async #turn(desk: Desk): Promise<void> {
    desk.busy = true
    desk.trouble = null
    try {
      await this.#read(desk)
      for (const line of desk.lines) await this.#advance(desk, line)
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      desk.trouble = `${error.code}: ${error.message}`
      desk.readAt = instant(0)
      this.#world.log.warn(`${desk.held.name}: ${desk.trouble}`)
      for (const line of desk.lines) line.lookAt = latest(line.lookAt, plus(this.#world.clock.now(), AGAIN_MS))
      if (desk.lines.length === 0) desk.readAt = plus(this.#world.clock.now(), AGAIN_MS - CALENDAR_MS)
    } finally {
      desk.busy = false
    }
  }

  /** The calendar, read again where it may have changed, and the cursors. */
  async #read(desk: Desk): Promise<void> {
    const now = this.#world.clock.now()
    const { window } = desk.held.runbook
    const native = 'native' in window.times
    if (desk.lines.length > 0 && (!native || now < plus(desk.readAt, CALENDAR_MS))) return
    desk.rule = (await scheduleOf(this.#world, desk.held.name, window, this.#signal)).rule
    desk.readAt = now
    if (desk.lines.length === 0) desk.lines = await this.#lines(desk)
    for (const line of desk.lines) this.#aim(desk, line)
  }

  async #lines({ held, since }: Desk): Promise<Line[]> {
    const missed = await this.#missed(held.name)
    const lines: Line[] = []
    for (const agenda of agendaOf(held.runbook)) {
      const cursor = latest(await this.#cursor(held.name, agenda.act), missed.get(agenda.act) ?? instant(0), since)
      lines.push({ agenda, cursor, next: null, lookAt: instant(0), queued: null, cancelled: null, against: null })
    }
    return lines
  }

  /** Where an act stands. A runbook that is seen for the first time begins now: what lies before is nobody's. */
  async #cursor(name: string, act: Agenda['act']): Promise<Instant> {
    const { store, clock } = this.#world
    const key = cursorOf(name, act)
    const known = instant(await clock.hold(() => store.cursor(key)))
    if (known > 0) return known
    await clock.hold(() => store.setCursor(key, clock.now()))
    return clock.now()
  }

  /** The last opening of each act that is on record as missed: the cursor may have been lost after it. */
  async #missed(name: string): Promise<Map<string, Instant>> {
    const { store, clock } = this.#world
    const missed = new Map<string, Instant>()
    await clock.hold(async () => {
      if ((await store.run(logbookOf(name))) === undefined) return
      for await (const { type, data } of readLogbook(store, name)) {
        const until = typeof data['until'] === 'string' ? parseInstant(data['until']) : undefined
        if (type === 'WindowMissed' && until !== undefined && typeof data['act'] === 'string') missed.set(data['act'], until)
      }
    })
    return missed
  }

  #aim({ rule }: Desk, line: Line): void {
    line.next = rule === null ? null : nextDue(rule, line.agenda, line.cursor)
    line.lookAt = line.next?.at ?? NEVER
    line.queued = null
    line.against = null
  }

  /** Deals with all that is due of one act. */
  async #advance(desk: Desk, line: Line): Promise<void> {
    const { clock } = this.#world
    if (line.next === null || line.next.at > clock.now() || line.lookAt > clock.now()) return
    // A clock that was set wrong makes everything due, or nothing: before anything is decided for good, AWS's is asked.
    await refuseSkew(this.#world, this.#signal)
    await this.#tellLongPast(desk, line)
    while (line.next !== null && line.next.at <= clock.now() && line.lookAt <= clock.now() && !this.#signal.aborted) {
      const due = line.next
      const around = await this.#look(desk, line, due)
      const fate = fateOf(due, desk.held.runbook.window, around, clock.now())
      line.against = fate.do === 'wait' ? fate.for : null
      if (fate.do === 'wait') {
        if (fate.for === 'overlap') line.queued = due.opens
        line.lookAt = plus(clock.now(), AGAIN_MS)
        return
      }
      if (fate.do === 'cancel') {
        await this.#cancel(line, fate.run)
        return
      }
      if (fate.do === 'miss') await this.#miss(desk, line.agenda, { first: due.opens, last: due.opens, count: 1 }, fate.why)
      else if (fate.do === 'start' && !(await this.#begin(desk, line, due))) return
      await this.#pass(desk, line, due.opens)
    }
  }

  async #tellLongPast(desk: Desk, line: Line): Promise<void> {
    if (desk.rule === null) return
    const past = longPast(desk.rule, desk.held.runbook.window.lateMs, line.cursor, this.#world.clock.now())
    if (past === null) return
    await this.#miss(desk, line.agenda, past, 'late')
    await this.#pass(desk, line, past.last)
  }

  async #look({ held }: Desk, line: Line, due: Due): Promise<Surroundings> {
    const { store, clock } = this.#world
    const { act, opens } = due
    return await clock.hold(async () => {
      const taken = (await store.openingOf(held.name, act, opens)) ?? null
      const open = await store.runs({ unfinished: true, runbook: held.name })
      const trial = act === 'rollout' ? await this.#trialOf(held.name, opens) : 'none'
      const unfinished = open.find((row) => row.act === act)?.run ?? null
      return { taken, trial, unfinished, queued: line.queued === opens, frozen: act === 'rollout' ? await this.#frozen(held, due) : null }
    })
  }

  async #trialOf(name: string, opens: Instant): Promise<Surroundings['trial']> {
    const { store } = this.#world
    const run = await store.openingOf(name, 'trial', opens)
    const row = run === undefined ? undefined : await store.run(run)
    if (row === undefined) return 'none'
    if (row.outcome === null) return 'unfinished'
    return row.outcome === 'succeeded' ? 'succeeded' : 'failed'
  }

  /** Why nothing could start between now, or the opening, and the cutoff. */
  async #frozen({ runbook }: Scheduled, { opens, cutoff }: Due): Promise<string | null> {
    const from = latest(opens, this.#world.clock.now())
    const freezes = await freezesOf(this.#world, runbook.window, from, cutoff, this.#signal)
    let at = from
    for (let freeze = freezeAt(freezes, at); freeze !== undefined && at < cutoff; freeze = freezeAt(freezes, at)) {
      at = freeze.to
      if (at >= cutoff) return freeze.why
    }
    return null
  }

  /** Starts the act; whether it is dealt with. What AWS may answer better later is tried again, as long as the opening is not late. */
  async #begin(desk: Desk, line: Line, due: Due): Promise<boolean> {
    const { held } = desk
    try {
      const run = await this.#start(due, held)
      if (run !== '') this.#world.log.info(`${held.name}: ${due.act} ${run} for the opening of ${new Date(due.opens).toISOString()}`)
      return true
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      const why = `${error.code}: ${error.message}`
      const lasting = error.exit === 2 || error.code === 'plan.unfit' || error.code === 'aws.denied'
      if (lasting && this.#world.clock.now() >= due.opens) {
        await this.#miss(desk, line.agenda, { first: due.opens, last: due.opens, count: 1 }, why)
        return true
      }
      desk.trouble = why
      line.against = why
      line.lookAt = plus(this.#world.clock.now(), AGAIN_MS)
      this.#world.log.warn(`${held.name}: ${why}`)
      return false
    }
  }

  /** Ends the earlier run as its window says: it is asked to stop, and cut off nowhere. */
  async #cancel(line: Line, run: string): Promise<void> {
    line.lookAt = plus(this.#world.clock.now(), AGAIN_MS)
    line.queued = line.next?.opens ?? null
    if (line.cancelled === run) return
    line.cancelled = run
    await leaveNote(this.#world, run, {
      what: 'abort',
      reason: 'the next window has opened (overlap: cancel-running)',
      gate: null,
      actor: this.#actor,
    })
  }

  async #miss(
    { held }: Desk,
    { act }: Agenda,
    past: Readonly<{ first: Instant; last: Instant; count: number }>,
    reason: string,
  ): Promise<void> {
    this.#world.log.warn(`${held.name}: the ${act} for ${new Date(past.first).toISOString()} is missed: ${reason}`)
    const fact = { type: 'WindowMissed', act, opens: past.first, until: past.last, count: past.count, reason } as const
    await this.#bulletin.write(held.name, fact)
  }

  async #pass(desk: Desk, line: Line, opens: Instant): Promise<void> {
    const { store, clock } = this.#world
    line.cursor = latest(line.cursor, opens)
    await clock.hold(() => store.setCursor(cursorOf(desk.held.name, line.agenda.act), line.cursor))
    this.#aim(desk, line)
  }
}

const sameTimes = (a: Scheduled, b: Scheduled): boolean => JSON.stringify(a.runbook.window.times) === JSON.stringify(b.runbook.window.times)

/** The clock was set back: pauses that were counted from later do not hold. */
function lookAgain(desk: Desk): void {
  desk.readAt = instant(0)
  for (const line of desk.lines) line.lookAt = line.next?.at ?? NEVER
}

const NEVER = instant(8.64e15)

const cursorOf = (name: string, act: string): string => `schedule:${act}:${name}`

const dueOf = (desk: Desk): Instant => {
  const [first, ...rest] = desk.lines.map((line) => line.lookAt)
  if (first === undefined) return desk.readAt
  const soonest = earliest(first, ...rest)
  return 'native' in desk.held.runbook.window.times ? earliest(soonest, plus(desk.readAt, CALENDAR_MS)) : soonest
}

/** A runbook with inputs that nobody can give it here runs by hand and by message only. */
const isScheduled = (held: Held): held is Scheduled => held.runbook.window !== null && held.asks.length === 0

/** Plans against AWS and requests the run. The trial is spared when every baseline is younger than its lead: somebody has made it already. */
function starterOf(world: World, signal: AbortSignal): Starter {
  return async (due, { runbook }) => {
    const request = { runbook, inputs: {} }
    if (due.act === 'trial' && (await isSpared(world, runbook, signal))) return ''
    const plan = due.act === 'trial' ? await planTrial(world, request, signal) : await planRollout(world, request, signal)
    return requestRun(world, {
      plan,
      actor: { kind: 'schedule', id: world.driver },
      reason: `the window of ${new Date(due.opens).toISOString()}`,
      now: false,
      trial: due.act === 'trial' ? null : ((await world.clock.hold(() => world.store.openingOf(runbook.name, 'trial', due.opens))) ?? null),
      opening: due.opens,
    })
  }
}

function isSpared(world: World, runbook: Runbook, signal: AbortSignal): Promise<boolean> {
  const { test, baseline } = runbook
  if (test === null || baseline === 'none') return Promise.resolve(true)
  const young = { ...runbook, baseline: { ...baseline, maxAgeMs: Math.min(test.leadMs, baseline.maxAgeMs) } }
  return baselinesFresh(world, { runbook: young, inputs: {} }, signal)
}
