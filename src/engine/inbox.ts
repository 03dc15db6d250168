import { known } from '../kit/assert.ts'
import { sha256 } from '../kit/digest.ts'
import { earliest, HOUR, MINUTE, plus, type Instant, type Ms } from '../kit/instant.ts'
import type { Actor, RunEvent, Subject } from '../core/run/event.ts'
import { approvalOf, type RunState } from '../core/run/state.ts'
import type { Approval } from '../core/run/parts.ts'
import { holdsUntil } from '../core/run/gate.ts'
import { isAwaited } from '../core/run/view.ts'
import type { Note } from '../ports/store.ts'
import type { Hints } from './hints.ts'
import { eventsIn } from './inbox-events.ts'
import type { Journal } from './journal.ts'
import type { World } from './world.ts'

/** What a person or a trigger asks of a run. Kept as JSON in the run's inbox until its driver takes it. */
export type Steering = Readonly<{
  what: 'pause' | 'resume' | 'abort' | 'abort-and-rollback' | 'rollback' | 'approve' | 'reject'
  reason: string
  gate: string | null
  actor: Actor
  /** The person's unique id at AWS, by which SQS names who sent a trigger; absent: not known. */
  userId?: string
}>

/** Notes read at once. */
const NOTES_MAX = 100

/** A hint that lay there longer than this tells nothing that no page has shown since: a command is read at least so often. */
const OLD_MS: Ms = 10 * MINUTE

/** Leaves a wish in the run's inbox. The driver answers it on record; a run without a driver answers when it has one again. */
export async function leaveNote(world: Pick<World, 'store' | 'clock'>, run: string, steering: Steering): Promise<void> {
  await world.clock.hold(() => world.store.note(run, world.clock.now(), steering.what, JSON.stringify(steering)))
}

/**
 * Takes what lies in the inbox: status events become hints, any other note becomes facts by the hand of who wrote it, in the transaction that
 * removes it.
 */
export async function answerNotes(world: World, journal: Journal, hints: Hints): Promise<void> {
  for (let full = true; full;) {
    const notes = await world.clock.hold(() => world.store.notes(journal.state.run, NOTES_MAX))
    full = notes.length === NOTES_MAX
    const heard = notes.filter((note) => eventsIn(note) !== undefined)
    for (const note of heard) hear(note, hints, world.clock.now())
    if (heard.length > 0) await journal.drop(heard.map(({ id }) => id))
    await answerWords(
      world,
      journal,
      notes.filter((note) => !heard.includes(note)),
    )
  }
}

function hear(note: Note, hints: Hints, now: Instant): void {
  if (now - note.at > OLD_MS) return
  for (const { command, node, status } of eventsIn(note) ?? []) hints.ended(command, node, status)
}

async function answerWords(world: World, journal: Journal, notes: readonly Note[]): Promise<void> {
  for (const note of notes) {
    const steering = readNote(note)
    const events: RunEvent[] = steering
      ? answer(world, journal.state, steering, note.at)
      : [{ type: 'MessageUnread', digest: sha256(note.data), bytes: note.data.length, reason: `a note of kind ${note.kind.slice(0, 40)}` }]
    await journal.record(events, steering?.actor ?? { kind: 'engine', id: world.driver }, [note.id])
  }
}

function readNote(note: Note): Steering | undefined {
  const kinds: readonly string[] = ['pause', 'resume', 'abort', 'abort-and-rollback', 'rollback', 'approve', 'reject']
  try {
    const value = JSON.parse(note.data) as Partial<Steering>
    const { what, reason, actor } = value
    if (what === undefined || !kinds.includes(what) || typeof reason !== 'string' || typeof actor?.id !== 'string') return undefined
    const gate = typeof value.gate === 'string' ? value.gate : null
    return { what, reason, actor, gate, ...(typeof value.userId === 'string' && { userId: value.userId }) }
  } catch {
    return undefined
  }
}

/** What is needed to answer a note: who belongs to which group, and the time. */
export type Answering = Readonly<{ groups: World['groups']; clock: Pick<World['clock'], 'now'> }>

/** The facts that answer a wish in this state. A wish that cannot be granted is refused on record. `said`: when it was left, which may be long ago. */
export function answer(world: Answering, state: RunState, steering: Steering, said: Instant = world.clock.now()): RunEvent[] {
  const { what, reason } = steering
  if (state.phase.name === 'finished') return [refused(what, 'the run has ended')]
  switch (what) {
    case 'pause':
      return [{ type: 'Paused', reason }]
    case 'resume':
      return [{ type: 'Resumed', reason }]
    case 'abort':
    case 'abort-and-rollback':
      // What asks for a run's end only to begin the next one takes back nobody's word, and leaves no node half restored.
      if (GIVES_WAY.has(steering.actor.kind) && isOnItsWayBack(state))
        return [refused(what, 'the run is on its way back already, and ends then')]
      return [{ type: 'AbortAsked', reason, rollback: what === 'abort-and-rollback' }]
    case 'rollback':
      if (state.plan.work !== 'apply') return [refused(what, 'the run installs nothing that could be rolled back')]
      return state.plan.rollback.on === 'never' || state.plan.rollback.method === 'none'
        ? [refused(what, 'the runbook says that nothing is rolled back')]
        : [{ type: 'RollbackAsked', reason }]
    case 'approve':
    case 'reject':
      return decide(world, state, steering, said)
  }
}

/** Those for whom an earlier run is asked to end: give-way.ts. */
const GIVES_WAY: ReadonlySet<Actor['kind']> = new Set(['schedule', 'message'])

/** Or it undoes another run. A trial may search on after its rollback. */
const isOnItsWayBack = ({ plan, phase, aborting }: RunState): boolean =>
  plan.act === 'rollout' && (plan.work === 'rollback' || phase.name === 'rolling-back' || aborting?.rollback === true)

const refused = (what: string, reason: string): RunEvent => ({ type: 'SteeringRefused', what, reason })

function decide(world: Answering, state: RunState, steering: Steering, said: Instant): RunEvent[] {
  const { what, reason, actor } = steering
  const held = heldGate(state, steering.gate)
  const asked = pending(state, steering.gate)
  if (asked === undefined && held === undefined)
    return [refused(what, steering.gate === null ? 'nothing waits for a decision' : `gate ${steering.gate} does not wait for a decision`)]
  // Nobody may have been there to put its expiry on record.
  // Nobody may have been there to decide it either: a no that was heard stands, although the gate still holds.
  if (asked === undefined && held !== undefined && approvalOf(state, { kind: 'gate', wave: held })?.state === 'refused')
    return [refused(what, `gate ${held} has been rejected`)]
  if (asked !== undefined && said >= asked.expires) return [refused(what, 'the question had expired')]
  if (asked === undefined && held !== undefined && said >= heldUntil(state, held))
    return [refused(what, `gate ${held} had been held for its time`)]
  const subject: Subject = asked?.subject ?? { kind: 'gate', wave: held ?? '' }
  const rule = held === undefined ? null : (state.plan.waves.find((wave) => wave.name === held)?.gate.approval ?? null)
  const group = asked?.group ?? rule?.group ?? ''
  // A second person's word comes too late for a gate that is given up meanwhile.
  const answerableUntil = (at: Instant): Instant => (held === undefined ? at : earliest(at, heldUntil(state, held)))
  const asking: RunEvent[] = asked
    ? []
    : [
        {
          type: 'ApprovalAsked',
          subject,
          group,
          count: rule?.count ?? 1,
          expires: answerableUntil(plus(world.clock.now(), rule?.expiresMs ?? HOUR)),
        },
      ]
  if (what === 'reject') return [...asking, { type: 'ApprovalRefused', subject, by: actor.id, reason }]
  const hindrance = mayApprove(world, state, { group, by: asked?.by ?? [] }, steering)
  return hindrance === null ? [...asking, { type: 'ApprovalGiven', subject, by: actor.id, reason }] : [refused(what, hindrance)]
}

function pending(state: RunState, gate: string | null): Approval | undefined {
  return state.approvals.findLast(
    (one) =>
      one.state === 'asked' &&
      isAwaited(state, one.subject) &&
      (gate === null || (one.subject.kind === 'gate' && one.subject.wave === gate)),
  )
}

const heldGate = (state: RunState, gate: string | null): string | undefined =>
  state.waves.find(
    ({ name, held, phase }) =>
      held !== null && phase === 'drained' && (gate === null || name === gate) && isAwaited(state, { kind: 'gate', wave: name }),
  )?.name

function heldUntil(state: RunState, gate: string): Instant {
  const index = state.waves.findIndex(({ name }) => name === gate)
  return holdsUntil(state, index, known(state.waves[index]?.heldSince, 'since when it holds'))
}

/** Why this person's word does not count; null when it does. A held gate without a rule of its own is anyone's to decide. */
function mayApprove(world: Answering, state: RunState, asked: Pick<Approval, 'group' | 'by'>, { actor, userId }: Steering): string | null {
  if (asked.by.includes(actor.id)) return `${actor.id} has approved already`
  if (asked.group === '') return null
  if (!(world.groups.get(asked.group) ?? []).includes(actor.id)) return `${actor.id} is not in group ${asked.group}`
  const own = [actor.id, userId].includes(state.requestedBy?.id)
  return own ? 'the requester’s own approval does not count' : null
}
