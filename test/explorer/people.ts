import { answer, type Steering } from '../../src/engine/inbox.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { approvalOf } from '../../src/core/run/state.ts'
import { HOUR, plus } from '../../src/kit/instant.ts'
import { ENGINE } from '../core/run/telling.ts'
import { Violation } from './violation.ts'
import { costs, free, type Move } from './moves.ts'
import type { Setup, Sim } from './sim.ts'
import type { Note } from './world.ts'

const act = (label: string, ...events: readonly RunEvent[]): Move => costs(label, 'acts', () => events)

/** Wishes of an operator; what somebody waits for may always be given. */
export function people(setup: Setup, sim: Sim): Move[] {
  if (setup.inbox) return writing(sim)
  const { live, now } = sim
  const moves: Move[] = []
  if (live.paused) moves.push(free('resume', () => [{ type: 'Resumed', reason: 'x' }]))
  else if (live.aborting === null) moves.push(act('pause', { type: 'Paused', reason: 'x' }))
  moves.push(act('abort', { type: 'AbortAsked', reason: 'x', rollback: false }))
  moves.push(act('abort and roll back', { type: 'AbortAsked', reason: 'x', rollback: true }))
  if (setup.wide) moves.push(act('roll back', { type: 'RollbackAsked', reason: 'x' }))
  for (const { subject, state } of live.approvals) {
    if (state !== 'asked') continue
    moves.push(free(`approve ${subject.kind}`, () => [{ type: 'ApprovalGiven', subject, by: 'ann', reason: '' }]))
    moves.push(act(`reject ${subject.kind}`, { type: 'ApprovalRefused', subject, by: 'ann', reason: '' }))
  }
  const held = live.waves.find((wave) => wave.held !== null && wave.phase === 'drained')
  if (held !== undefined && approvalOf(live, { kind: 'gate', wave: held.name }) === undefined) {
    const subject = { kind: 'gate', wave: held.name } as const
    const asked: RunEvent = { type: 'ApprovalAsked', subject, group: '', count: 1, expires: plus(now, HOUR) }
    moves.push(act('pass the held gate', asked, { type: 'ApprovalGiven', subject, by: 'ann', reason: '' }))
    moves.push(act('fail the held gate', asked, { type: 'ApprovalRefused', subject, by: 'ann', reason: '' }))
  }
  return moves
}

const ANN = 'ann'
/** In no group. */
const BOB = 'bob'

/** Who may approve: the requester may not, though a member. */
const GROUPS = new Map([['leads', [ANN, ENGINE.id]]])

type Wish = Readonly<{ what: Steering['what']; by: string }>

const wished = (what: Steering['what'], by = ANN): Wish => ({ what, by })

const MALCONTENTS: readonly Wish[] = [
  wished('pause'),
  wished('abort'),
  wished('abort-and-rollback'),
  wished('rollback'),
  wished('reject'),
  wished('approve', BOB),
]

/** Wishes that are put into the inbox: what is waited for, once, for nothing; anything else, also what cannot be granted or read, as an act. */
function writing({ live, world }: Sim): Move[] {
  const lies = (what: Steering['what']): boolean => world.inbox.some(({ wish }) => wish?.what === what && wish.actor.id === ANN)
  const moves: Move[] = []
  if (live.paused && !lies('resume')) moves.push({ ...writes(wished('resume')), costs: null })
  if (live.approvals.some(({ state }) => state === 'asked') && !lies('approve')) moves.push({ ...writes(wished('approve')), costs: null })
  const own = live.approvals.some(({ group, state }) => group !== '' && state === 'asked') ? [wished('approve', ENGINE.id)] : []
  return [
    ...moves,
    ...[...MALCONTENTS, ...own].map(writes),
    costs('somebody leaves a note that cannot be read', 'acts', (sim) => (lay(sim, '?', null), [])),
  ]
}

const writes = ({ what, by }: Wish): Move =>
  costs(`${by} leaves a note: ${what}`, 'acts', (sim) => {
    lay(sim, `${what}/${by}`, { what, reason: 'x', gate: null, actor: { kind: 'cli', id: by } })
    return []
  })

function lay({ world }: Sim, label: string, wish: Steering | null): void {
  world.notes += 1
  world.inbox.push({ id: world.notes, label, wish })
}

/** The driver takes the notes that lie there: one append for each, in their order, before it decides anything. */
export function notes({ world }: Sim): Move[] {
  if (!world.driven || world.inbox.length === 0) return []
  return [{ ...free('the driver takes its notes', taken), more: taken }]
}

function taken(sim: Sim): readonly RunEvent[] {
  const note = sim.world.inbox.shift()
  if (note === undefined) return []
  if (note.id !== sim.world.answered + 1) throw new Violation('I9', `note ${note.id} is answered after note ${sim.world.answered}`)
  sim.world.answered = note.id
  return answerTo(sim, note)
}

function answerTo({ live, now }: Sim, { wish }: Note): readonly RunEvent[] {
  if (wish === null) return [{ type: 'MessageUnread', digest: 'a'.repeat(64), bytes: 1, reason: 'a note of kind ?' }]
  return answer({ groups: GROUPS, clock: { now: () => now } }, live, wish)
}
