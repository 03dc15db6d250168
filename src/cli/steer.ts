import { PatchwaveError } from '../kit/error.ts'
import { SECOND, type Ms } from '../kit/instant.ts'
import { readEntry } from '../core/audit/open.ts'
import { fromData } from '../core/run/codec.ts'
import type { Fact, RunEvent } from '../core/run/event.ts'
import { isAwaited } from '../core/run/view.ts'
import { conduct } from '../engine/conduct.ts'
import { leaveNote, type Steering } from '../engine/inbox.ts'
import type { World } from '../engine/world.ts'
import type { RunRow } from '../ports/store.ts'
import type { App, Session } from './app.ts'
import { EXIT } from './exit.ts'

/** How long the answer of another process's driver is waited for, on the wall's clock: it reads its inbox every five seconds. */
const ANSWER_MS: Ms = 15 * SECOND
const LOOK_MS: Ms = 500

/** What became of a wish: the fact that answers it, or null while it lies in the inbox. */
export type Answered = Readonly<{ run: string; fact: Fact | null; finished: string | null; driven: boolean }>

/**
 * Leaves a wish in a run's inbox and sees to it that it is answered: by its driver, or, when nobody drives it, by driving it for just that long.
 * @throws `run.finished` for a run that has ended; `approval.refused` and the like when the run refuses the wish
 */
export async function steer(app: App, session: Session, row: RunRow, wish: Omit<Steering, 'actor'>): Promise<Answered> {
  const { world } = session
  const { run } = row
  if (row.outcome !== null)
    throw new PatchwaveError('run.finished', `run ${run} has ended: ${row.outcome}`, {
      hint: 'undo what it did with `patchwave rollback`, or look with `patchwave status`',
    })
  const steering: Steering = { ...wish, actor: await session.actor(), ...(session.userId && { userId: await session.userId() }) }
  await leaveNote(world, run, steering)
  const answered = (await awaitAnswer(app, world, row, steering)) ?? (await answerOrAwait(app, world, row, steering))
  if (answered.fact?.event.type === 'SteeringRefused') throw refusal(steering, answered.fact.event.reason)
  return answered
}

/** Whether a fact is the answer to this wish. */
export function answers(steering: Steering, fact: Fact): boolean {
  const { event, actor } = fact
  if (actor.id !== steering.actor.id) return false
  if (event.type === 'SteeringRefused') return event.what === steering.what
  return event.type === ANSWERS[steering.what] && 'reason' in event && event.reason === steering.reason
}

const ANSWERS: Readonly<Record<Steering['what'], RunEvent['type']>> = {
  pause: 'Paused',
  resume: 'Resumed',
  abort: 'AbortAsked',
  'abort-and-rollback': 'AbortAsked',
  rollback: 'RollbackAsked',
  approve: 'ApprovalGiven',
  reject: 'ApprovalRefused',
}

/** Somebody else, a served store above all, may take the run at the same moment: then the answer is theirs. */
async function answerOrAwait(app: App, world: World, row: RunRow, steering: Steering): Promise<Answered> {
  try {
    return await answerHere(app, world, row, steering)
  } catch (error) {
    if (!(error instanceof PatchwaveError) || error.code !== 'store.busy') throw error
    const answered = await awaitAnswer(app, world, row, steering)
    if (answered === undefined) throw error
    return answered
  }
}

/**
 * Drives just long enough. An abort goes on to its end, because nobody else would cancel or restore anything; approved baselines get their
 * label. All else only goes on record here: whoever drives the run next acts on it.
 */
async function answerHere(app: App, world: World, row: RunRow, steering: Steering): Promise<Answered> {
  const { run } = row
  const enough = new AbortController()
  const seen: { fact: Fact | null } = { fact: null }
  const take = (fact: Fact): void => {
    if (seen.fact !== null) return
    seen.fact = fact
    if (!goesOn(fact.event)) enough.abort()
  }
  let earlier = Promise.resolve()
  const ended = await conduct(world, run, {
    listen: (_, fact) => {
      if (answers(steering, fact)) take(fact)
      // Who drove it until now may have answered: nobody will say so again.
      if (fact.event.type === 'DriverTook')
        earlier = world.clock.hold(() => answerIn(world, row, steering)).then((found) => found && take(found))
    },
    leaveWhen: (state) =>
      seen.fact !== null &&
      (state.aborting === null || state.approvals.some(({ state: word, subject }) => word === 'asked' && isAwaited(state, subject))),
    signal: AbortSignal.any([app.io.signal, enough.signal]),
  })
  await earlier
  return { run, fact: seen.fact, finished: ended?.outcome ?? null, driven: false }
}

const goesOn = (event: RunEvent): boolean =>
  event.type === 'AbortAsked' ||
  event.type === 'RollbackAsked' ||
  ((event.type === 'ApprovalGiven' || event.type === 'ApprovalRefused') && event.subject.kind === 'baselines')

/** The answer that a run's journal holds already, after what was known of it. */
async function answerIn(world: World, { run, entries }: RunRow, steering: Steering): Promise<Fact | undefined> {
  for await (const sealed of world.store.read(run, entries + 1)) {
    const { at, actor, type, data } = readEntry(sealed)
    const fact: Fact = { at, actor, event: fromData(type, data) }
    if (answers(steering, fact)) return fact
  }
  return undefined
}

/** The answer of a driver elsewhere; `undefined` when there is none who could answer: nobody drives, or its lease has run out in silence. */
async function awaitAnswer(app: App, world: World, asked: RunRow, steering: Steering): Promise<Answered | undefined> {
  const { run } = asked
  for (let waited = 0; !app.io.signal.aborted; waited += LOOK_MS) {
    // The row first: whoever leaves it after that has left an answer that is read below.
    const row = await world.store.run(run)
    const fact = await answerIn(world, asked, steering)
    if (fact) return { run, fact, finished: (await world.store.run(run))?.outcome ?? null, driven: true }
    if (!row?.driver || row.driver === world.driver || !world.mayLive(row.driver)) return undefined
    if (waited >= ANSWER_MS && (row.leaseUntil === null || row.leaseUntil <= world.clock.now())) return undefined
    if (waited >= ANSWER_MS) break
    await app.pause(LOOK_MS)
  }
  return { run, fact: null, finished: null, driven: true }
}

function refusal(steering: Steering, reason: string): PatchwaveError {
  if (steering.what === 'approve' || steering.what === 'reject')
    return new PatchwaveError('approval.refused', reason, { hint: 'see what is wanted, and of whom, with `patchwave status`' })
  if (reason === 'the run has ended')
    return new PatchwaveError('run.finished', reason, { hint: 'undo what it did with `patchwave rollback`' })
  return new PatchwaveError('store.busy', `${steering.what} was refused: ${reason}`, { hint: 'see `patchwave status`' })
}

/** 0 where every wish is on record: what only lies in an inbox may still be refused. */
export const exitOf = (done: readonly Answered[]): number => (done.some(({ fact }) => fact === null) ? EXIT.notEnded : EXIT.done)

/** Tells what was recorded. */
export function tell(app: App, json: boolean, done: readonly Answered[], what: string): void {
  if (json) {
    const rows = done.map(({ run, fact, finished }) => ({ run, recorded: fact !== null, what, outcome: finished }))
    app.io.out(JSON.stringify(rows.length === 1 ? rows[0] : { runs: rows }))
    return
  }
  for (const { run, fact, finished, driven } of done) {
    if (fact === null && finished !== null) app.io.out(`${run}: ${what} was not answered; the run has ended: ${finished}`)
    else if (fact === null) app.io.out(`${run}: ${what} lies in its inbox, not answered yet: see \`patchwave status ${run}\``)
    else app.io.out(`${run}: ${what} recorded${finished === null ? '' : `; the run has ended: ${finished}`}`)
    if (fact !== null && finished === null && !driven)
      app.io.err('nobody drives it now: `patchwave serve` of this store goes on with it, or `patchwave run` of its runbook')
  }
}
