import type { Effect } from '../../src/core/run/effect.ts'
import type { RunEvent } from '../../src/core/run/event.ts'
import { approvalOf, commandOf, STAGE, type RunState } from '../../src/core/run/state.ts'
import { READ_FRESH_MS } from '../../src/core/run/dispatch.ts'
import { HOUR, latest, MINUTE, plus, SECOND, type Instant } from '../../src/kit/instant.ts'
import { replaceDriver, type Setup, type Sim } from './sim.ts'
import { answers } from './answers.ts'
import { arrivals, nodeMoves } from './node-moves.ts'
import type { Left } from './world.ts'

/** One thing that may happen next. `run` changes the world of the sim that it is given and returns the facts that the driver learns. */
export type Move = Readonly<{ label: string; costs: Trouble | null; run: (sim: Sim) => readonly RunEvent[] }>

/** What a move takes from what the path may still meet. */
export type Trouble = Exclude<keyof Left, 'troubles'>

export const free = (label: string, run: Move['run']): Move => ({ label, costs: null, run })
export const fault = (label: string, run: Move['run']): Move => ({ label, costs: 'faults', run })

/** Everything that may happen in this state, in a fixed order. A finished run has no future. */
export function movesOf(setup: Setup, sim: Sim): Move[] {
  if (sim.live.phase.name === 'finished') return []
  const urgent = [...[...sim.live.activities.values()].flatMap((effect) => answers(setup, sim, effect)), ...nodeMoves(setup, sim)]
  const moves = [
    ...urgent,
    ...arrivals(setup, sim),
    ...people(sim, setup.wide),
    ...drivers(sim),
    ...(setup.rival ? rivals(sim) : []),
    ...times(
      sim,
      urgent.every((move) => move.costs !== null),
    ),
  ]
  return moves.filter((move) => affordable(sim, move))
}

const affordable = ({ world: { left } }: Sim, { costs }: Move): boolean => costs === null || (left[costs] > 0 && left.troubles > 0)

/** Takes the move's cost. */
export function pay({ world: { left } }: Sim, { costs }: Move): void {
  if (costs === null) return
  left[costs] -= 1
  left.troubles -= 1
}

/** Wishes of an operator, each from the inbox; what somebody waits for may always be given. */
function people({ live, now }: Sim, wide: boolean): Move[] {
  const act = (label: string, ...events: readonly RunEvent[]): Move => ({ label, costs: 'acts', run: () => events })
  const moves: Move[] = []
  if (live.paused) moves.push(free('resume', () => [{ type: 'Resumed', reason: 'x' }]))
  else if (live.aborting === null) moves.push(act('pause', { type: 'Paused', reason: 'x' }))
  moves.push(act('abort', { type: 'AbortAsked', reason: 'x', rollback: false }))
  moves.push(act('abort and roll back', { type: 'AbortAsked', reason: 'x', rollback: true }))
  if (wide) moves.push(act('roll back', { type: 'RollbackAsked', reason: 'x' }))
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

/** The driver dies; its successor begins from the journal: at once, or when the window has closed. */
function drivers({ live }: Sim): Move[] {
  const crash = (label: string, until: Instant | null): Move => ({
    label,
    costs: 'crashes',
    run: (sim) => {
      replaceDriver(sim)
      if (until !== null) sim.now = latest(sim.now, until)
      return [{ type: 'DriverTook', driver: `driver-${live.epoch + 1}`, epoch: live.epoch + 1 }]
    },
  })
  return [
    crash('crash', null),
    ...(live.window === null ? [] : [crash('crash until the window has closed', plus(live.window.closes, MINUTE))]),
  ]
}

/** Another run lays its hand on a free node, just before we would, and lets go again. */
function rivals({ world, live }: Sim): Move[] {
  return world.claims.flatMap((claim, position) => {
    if (claim === 'ours' || (claim === 'free' && live.nodes.stage[position] !== STAGE.chosen)) return []
    const to = claim === 'free' ? 'theirs' : 'free'
    const run: Move['run'] = (sim) => {
      sim.world.claims[position] = to
      return []
    }
    return claim === 'free' ? [fault(`another run takes node ${position}`, run)] : [free(`another run lets go of node ${position}`, run)]
  })
}

/** Time passes to an instant at which something is due: for nothing when all else is done, as a trouble when something dawdles. */
function times(sim: Sim, idle: boolean): Move[] {
  const due = new Set<Instant>()
  if (sim.wakeAt !== null) due.add(sim.wakeAt)
  for (const n of sim.live.openCommands) for (const at of instantsOf(sim.live, n)) due.add(at)
  for (const batch of sim.live.batches.values())
    if (batch.running !== null && batch.readAt !== null) due.add(plus(batch.readAt, READ_FRESH_MS + SECOND))
  const ahead = [...due].filter((at) => at > sim.now).sort((a, b) => a - b)
  const pass = (at: Instant): Move => ({
    label: `time passes to ${(at - sim.now) / SECOND} s later`,
    costs: idle ? null : 'faults',
    run: (then) => {
      then.now = at
      return []
    },
  })
  return (idle ? ahead.slice(0, 1) : ahead).map(pass)
}

function instantsOf(live: RunState, n: number): Instant[] {
  const { startBefore, expiresAfter } = commandOf(live, n)
  const keys = live.activities
  if (keys.has(`send:${n}`)) return [plus(startBefore, -31 * SECOND)]
  if (keys.has(`find:${n}`)) return [plus(startBefore, MINUTE)]
  return [startBefore, expiresAfter]
}

export type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>
