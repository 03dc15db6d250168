import { PatchwaveError } from '../kit/error.ts'
import { earliest, instant, iso, latest, MINUTE, plus, type Instant, type Ms } from '../kit/instant.ts'
import { agendaOf, fateOf, longPast, nextDue, PREPARE_MS, type Agenda, type Due, type Past, type Surroundings } from '../core/plan/due.ts'
import { freezeAt } from '../core/plan/freeze.ts'
import type { CalendarRule } from '../core/plan/calendar.ts'
import type { Actor } from '../core/run/event.ts'
import { freezesOf, scheduleOf } from './almanac.ts'
import type { Held, HeldRunbooks } from './held-runbooks.ts'
import { askToEnd } from './give-way.ts'
import type { Bulletin } from './bulletin.ts'
import { endedBefore, trialOf } from './opening-runs.ts'
import { markOf, ScheduleMemory } from './schedule-memory.ts'
import { refuseSkew } from './skew.ts'
import type { NextRun } from './service-view.ts'
import { starterOf, type Scheduled, type Starter } from './starter.ts'
import { traceOf, troubleOf } from './trouble.ts'
import type { World } from './world.ts'

export type { Starter } from './starter.ts'

/** What a schedule waits for is looked at again this often: a trial, an earlier run, a freeze, AWS. */
const AGAIN_MS: Ms = MINUTE

/** How often an SSM maintenance window is read for its next opening. */
const CALENDAR_MS: Ms = 10 * MINUTE

/** One act of one runbook: where it stands in its calendar. */
type Line = {
  readonly agenda: Agenda
  cursor: Instant
  /** Null: no more openings. */
  next: Due | null
  /** Looked at again then. */
  lookAt: Instant
  against: string | null
  /** Why its last start failed, if it did: what a window that is missed for it is told with. */
  failed: string | null
}

type Desk = {
  held: Scheduled
  /** When this process took it, and whether it had another calendar before. */
  seenAt: Instant
  isMoved: boolean
  rule: CalendarRule | null
  readAt: Instant
  lines: readonly Line[]
  /** Nothing is tried before. */
  restUntil: Instant
  /** Since when it is being looked at; null: it is not. */
  busySince: Instant | null
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
  readonly #memory: ScheduleMemory
  readonly #signal: AbortSignal
  readonly #desks = new Map<string, Desk>()
  #beatAt = instant(0)
  #version = 0

  constructor(world: World, bulletin: Pick<Bulletin, 'write'>, signal: AbortSignal, start: Starter = starterOf(world, signal)) {
    this.#world = world
    this.#bulletin = bulletin
    this.#memory = new ScheduleMemory(world)
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
      this.#desks.set(name, {
        held,
        seenAt: this.#world.clock.now(),
        // Openings that another calendar would have had until now were nobody's.
        isMoved: desk !== undefined && !sameTimes(desk.held, held),
        rule: null,
        readAt: instant(0),
        lines: [],
        restUntil: instant(0),
        busySince: null,
        trouble: null,
      })
    }
  }

  /** When something is to be looked at again; null: nothing is scheduled. */
  get wakeAt(): Instant | null {
    const [first, ...rest] = [...this.#desks.values()].flatMap((desk) => (desk.busySince === null ? [dueOf(desk)] : []))
    return first === undefined ? null : earliest(first, ...rest)
  }

  /** Looks at every runbook that has something due. Each is on its own: one that fails or takes long holds up no other. */
  beat(): Promise<void>[] {
    const now = this.#world.clock.now()
    if (now < this.#beatAt) for (const desk of this.#desks.values()) lookAgain(desk)
    this.#beatAt = now
    return [...this.#desks.values()].flatMap((desk) => (desk.busySince === null && dueOf(desk) <= now ? [this.#turn(desk)] : []))
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
    const long = plus(this.#world.clock.now(), -PREPARE_MS)
    return [...this.#desks.values()].flatMap(({ held, trouble, busySince }) => [
      ...(trouble === null ? [] : [`${held.name}: ${trouble}`]),
      ...(busySince !== null && busySince < long ? [`${held.name}: still at what was begun at ${iso(busySince)}`] : []),
    ])
  }

  /** Never rejects: what one runbook meets, a bug too, is told, and looked at again. */
  async #turn(desk: Desk): Promise<void> {
    const before = desk.trouble
    desk.busySince = this.#world.clock.now()
    desk.trouble = null
    if (await this.#try(desk, before, () => this.#read(desk)))
      for (const line of desk.lines) await this.#try(desk, before, () => this.#advance(desk, line))
    desk.busySince = null
  }

  async #try(desk: Desk, before: string | null, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      desk.trouble = troubleOf(error)
      desk.restUntil = plus(this.#world.clock.now(), AGAIN_MS)
      if (desk.trouble !== before) this.#world.log.warn(`${desk.held.name}: ${traceOf(error)}`)
      return false
    }
  }

  /** The calendar, read again where it may have changed, and the cursors. */
  async #read(desk: Desk): Promise<void> {
    const now = this.#world.clock.now()
    const { name, runbook } = desk.held
    const native = 'native' in runbook.window.times
    const known = desk.lines.length > 0
    if (known && (!native || now < plus(desk.readAt, CALENDAR_MS))) return
    // What lies before now will be nobody's: by a clock that was set wrong, so would openings that are still to come.
    const isNew = !known && (desk.isMoved || (await this.#memory.isNew(name, agendaOf(runbook))))
    if (isNew) await refuseSkew(this.#world, this.#signal)
    const { rule } = await scheduleOf(this.#world, name, runbook.window, this.#signal)
    if (!known && !isNew && (await this.#memory.hasMoved(name, rule))) await refuseSkew(this.#world, this.#signal)
    if (!known) desk.lines = await this.#lines(desk, rule)
    else if (markOf(rule) !== markOf(desk.rule)) await this.#move(desk, rule)
    for (const line of desk.lines) if (!known || !isSame(rule, desk.rule)) this.#aim(rule, line)
    desk.rule = rule
    desk.readAt = now
  }

  async #lines({ held: { name, runbook }, seenAt, isMoved }: Desk, rule: CalendarRule | null): Promise<Line[]> {
    const missed = await this.#memory.missed(name)
    const now = this.#world.clock.now()
    // A rate may count from now, and does not open at once.
    const since = rule?.schedule.startsWith('rate(') === true ? now : earliest(seenAt, now)
    const moved = isMoved || (await this.#memory.hasMoved(name, rule))
    const lines: Line[] = []
    for (const agenda of agendaOf(runbook)) {
      // What another calendar had passed ahead of its opening says nothing of this one's: a run that has the same instant is found there.
      const passed = moved ? since : await this.#cursor(name, agenda.act, since)
      const cursor = latest(passed, missed.get(agenda.act) ?? instant(0))
      if (moved) await this.#memory.pass(name, agenda.act, cursor)
      lines.push({ agenda, cursor, next: null, lookAt: instant(0), against: null, failed: null })
    }
    await this.#memory.follows(name, rule)
    return lines
  }

  /** Another schedule since the last reading: what it would have had until then was nobody's. What the old one was ahead with is not its own. */
  async #move({ held: { name }, lines, readAt }: Desk, rule: CalendarRule | null): Promise<void> {
    const now = this.#world.clock.now()
    const missed = await this.#memory.missed(name)
    for (const line of lines) {
      const passed = line.cursor <= now ? latest(line.cursor, readAt) : readAt > 0 ? readAt : now
      line.cursor = latest(passed, missed.get(line.agenda.act) ?? instant(0))
      await this.#memory.pass(name, line.agenda.act, line.cursor)
    }
    await this.#memory.follows(name, rule)
  }

  /** Where an act stands. A runbook that is seen for the first time begins now: what lies before is nobody's. */
  async #cursor(name: string, act: Agenda['act'], since: Instant): Promise<Instant> {
    const known = await this.#memory.cursor(name, act)
    if (known === 0) await this.#memory.pass(name, act, since)
    return known > 0 ? known : since
  }

  #aim(rule: CalendarRule | null, line: Line): void {
    line.next = rule === null ? null : nextDue(rule, line.agenda, line.cursor)
    line.lookAt = line.next?.at ?? NEVER
    line.against = null
    line.failed = null
  }

  /** Deals with all that is due of one act. */
  async #advance(desk: Desk, line: Line): Promise<void> {
    const { clock } = this.#world
    if (line.next === null || line.next.at > clock.now() || line.lookAt > clock.now()) return
    // A clock that was set wrong makes everything due, or nothing: before anything is decided for good, AWS's is asked.
    await refuseSkew(this.#world, this.#signal)
    await this.#catchUp(desk, line)
    while (line.next !== null && line.next.at <= clock.now() && line.lookAt <= clock.now() && !this.#signal.aborted) {
      const due = line.next
      const around = await this.#look(desk, due)
      // What was asked may only have been cut off; a file that was changed meanwhile decides anew.
      if (this.#signal.aborted || this.#isReplaced(desk)) return
      const fate = fateOf(due, desk.held.runbook.window, around, clock.now())
      line.against = fate.do === 'wait' ? fate.for : null
      if (fate.do === 'wait' || fate.do === 'cancel') {
        if (fate.do === 'cancel') await this.#cancel(fate.run)
        const overlaps = fate.do === 'cancel' || fate.for === 'overlap'
        if (overlaps && !around.queued) await this.#memory.queue(desk.held.name, due.act, due.opens)
        line.lookAt = plus(clock.now(), AGAIN_MS)
        return
      }
      if (fate.do === 'miss') await this.#miss(desk, line, single(due), fate.why)
      else if (fate.do === 'leave') await this.#leave(desk, line, due, around.taken)
      else if (!(await this.#begin(desk, line, due))) return
      await this.#pass(desk, line, due.opens)
    }
  }

  /** What another process has dealt with is over; what is long past, and does not wait for an earlier run, is told together. */
  async #catchUp(desk: Desk, line: Line): Promise<void> {
    const { name, runbook } = desk.held
    const { act } = line.agenda
    const cursor = await this.#memory.cursor(name, act)
    if (cursor > line.cursor) {
      line.cursor = cursor
      this.#aim(desk.rule, line)
    }
    if (desk.rule === null || line.next === null || (await this.#memory.queued(name, act)) === line.next.opens) return
    const past = longPast(desk.rule, runbook.window.lateMs, line.cursor, this.#world.clock.now())
    const last = past.at(-1)
    if (last === undefined) return
    for (const span of await this.#untaken(name, act, past)) await this.#miss(desk, line, span, 'late')
    await this.#pass(desk, line, last)
  }

  /** Stretches of openings that no run has: one that went on from an earlier window may have taken some. */
  async #untaken(name: string, act: Agenda['act'], openings: readonly Instant[]): Promise<Past[]> {
    const { store, clock } = this.#world
    return clock.hold(async () => {
      const spans: Past[] = []
      let open: Past | undefined
      for (const opens of openings) {
        const taken = (await store.openingOf(name, act, opens)) !== undefined
        if (open !== undefined && taken) spans.push(open)
        open = taken ? undefined : { first: open?.first ?? opens, last: opens, count: (open?.count ?? 0) + 1 }
      }
      return open === undefined ? spans : [...spans, open]
    })
  }

  async #look({ held, lines }: Desk, due: Due): Promise<Surroundings> {
    const { store, clock } = this.#world
    const { act, opens } = due
    // Its trial may still be begun: one that AWS refuses now is tried again.
    const awaited = lines.some(({ agenda, next }) => agenda.act === 'trial' && next !== null && next.opens <= opens)
    const early = act === 'rollout' && awaited && clock.now() < plus(opens, -PREPARE_MS)
    const frozen = act === 'rollout' ? await this.#frozen(held, due) : null
    const queued = (await this.#memory.queued(held.name, act)) === opens
    return await clock.hold(async () => {
      const taken = (await store.openingOf(held.name, act, opens)) ?? null
      const open = await store.runs({ unfinished: true, runbook: held.name })
      const begun = act === 'rollout' ? await trialOf(this.#world, held.name, opens) : 'none'
      const trial = begun === 'none' && early ? 'unfinished' : begun
      const unfinished = open.find((row) => row.act === act)?.run ?? null
      return { taken, trial, unfinished, queued, frozen }
    })
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
      if (run !== '') this.#world.log.info(`${held.name}: ${due.act} ${run} for the opening of ${iso(due.opens)}`)
      return true
    } catch (error) {
      if (this.#signal.aborted) return false
      const why = troubleOf(error)
      if (line.failed !== why) this.#world.log.warn(`${held.name}: ${traceOf(error)}`)
      if (isLasting(error) && this.#world.clock.now() >= due.opens) {
        // Another service on this store may have been able to.
        const { store, clock } = this.#world
        if ((await clock.hold(() => store.openingOf(held.name, due.act, due.opens))) !== undefined) return true
        await this.#miss(desk, line, single(due), why)
        return true
      }
      desk.trouble = why
      line.failed = why
      line.against = why
      line.lookAt = plus(this.#world.clock.now(), AGAIN_MS)
      return false
    }
  }

  /** Ends the earlier run as its window says: it is asked to stop, and cut off nowhere. */
  #cancel(run: string): Promise<void> {
    return askToEnd(this.#world, run, 'the next window has opened (overlap: cancel-running)', this.#actor)
  }

  /**
   * Another run has the opening. If that is a rollout that had ended before it could use it, nobody was there; a trial always ends before. If it is
   * a trial's, and none has it, an earlier one does its work.
   */
  async #leave(desk: Desk, line: Line, { act, opens }: Due, taken: string | null): Promise<void> {
    const before = taken === null || act === 'trial' ? null : await endedBefore(this.#world, taken, opens)
    if (before !== null) await this.#miss(desk, line, { first: opens, last: opens, count: 1 }, before)
    else if (taken === null)
      await this.#bulletin.write(desk.held.name, { type: 'OpeningLeft', act, opens, why: 'an earlier trial is under way' })
  }

  async #miss({ held }: Desk, { agenda: { act }, failed }: Line, { first, last, count }: Past, why: string): Promise<void> {
    const reason = why === 'late' && failed !== null ? `late: ${failed}` : why
    this.#world.log.warn(`${held.name}: the ${act} for ${iso(first)} is missed: ${reason}`)
    await this.#bulletin.write(held.name, { type: 'WindowMissed', act, opens: first, until: last, count, reason })
  }

  /** The file has another calendar since this turn began. */
  #isReplaced(desk: Desk): boolean {
    const current = this.#desks.get(desk.held.name)
    return current !== undefined && current !== desk && !sameTimes(current.held, desk.held)
  }

  async #pass(desk: Desk, line: Line, opens: Instant): Promise<void> {
    line.cursor = latest(line.cursor, opens)
    // Openings that a new calendar has before this one are still to come.
    if (!this.#isReplaced(desk)) await this.#memory.pass(desk.held.name, line.agenda.act, line.cursor)
    this.#aim(desk.rule, line)
  }
}

const single = ({ opens }: Due): Past => ({ first: opens, last: opens, count: 1 })

/** What will most likely be so again at the opening: a mistake of people, or a bug of ours. */
const isLasting = (error: unknown): boolean =>
  !(error instanceof PatchwaveError) || error.exit === 2 || error.code === 'plan.unfit' || error.code === 'aws.denied'

const isSame = (a: CalendarRule | null, b: CalendarRule | null): boolean => JSON.stringify(a) === JSON.stringify(b)

const sameTimes = (a: Scheduled, b: Scheduled): boolean => JSON.stringify(a.runbook.window.times) === JSON.stringify(b.runbook.window.times)

/** The clock was set back: pauses that were counted from later do not hold. */
function lookAgain(desk: Desk): void {
  desk.readAt = instant(0)
  desk.restUntil = instant(0)
  for (const line of desk.lines) line.lookAt = line.next?.at ?? NEVER
}

const NEVER = instant(8.64e15)

function dueOf({ lines, held, readAt, restUntil }: Desk): Instant {
  const [first, ...rest] = lines.map((line) => line.lookAt)
  const calendarAt = plus(readAt, CALENDAR_MS)
  if (first === undefined) return restUntil
  const soonest = earliest(first, ...rest)
  return latest(restUntil, 'native' in held.runbook.window.times ? earliest(soonest, calendarAt) : soonest)
}

/** A runbook with inputs that nobody can give it here runs by hand and by message only. */
const isScheduled = (held: Held): held is Scheduled => held.runbook.window !== null && held.asks.length === 0
