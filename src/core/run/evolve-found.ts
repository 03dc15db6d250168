import type { RunEvent, Work } from './event.ts'
import { move } from './moving.ts'
import { end, recount } from './standing.ts'
import { at, codeOf, STAGE, want, type RunState } from './state.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** Why a node is `unknown` that had ended before its command was found without an intent, and why a trial ends that had not pinned its lists. */
export const UNINTENDED = 'found-without-intent'

/**
 * A command that bears this run's id and that no intent of this journal explains: a part of the journal was lost. Its number is never given
 * again; nodes that it may have changed are touched, and fly for it until they report, also where they fly for an earlier command: the lost part
 * knew how that one had ended. Who had ended, or is on its way back, is unknown until it speaks; who is on its way out of service as well, once its step is over.
 */
export function commandFound(state: RunState, event: Of<'CommandFound'>): void {
  state.tokenCount = Math.max(state.tokenCount, event.n)
  const known = state.commands.get(event.n)
  if (known !== undefined) {
    if (!known.ids.includes(event.commandId)) known.ids.push(event.commandId)
    if (event.expiresAfter > known.expiresAfter) known.expiresAfter = event.expiresAfter
    return
  }
  if (event.work === 'scan') return
  const flying = event.nodes.filter((position) => mayFly(state, position, event.work))
  const ended = event.nodes.filter((position) => !flying.includes(position) && mayHaveEnded(state, position, event.work))
  const leaving = event.nodes.filter((position) => isLeaving(state, position))
  for (const position of flying) flies(state, position, event.n)
  for (const position of leaving) touches(state, position, event.n)
  for (const position of ended) {
    touches(state, position, event.n)
    end(state, position, 'unknown', UNINTENDED)
    recount(state, position)
  }
  const silent = [...ended, ...leaving]
  if (flying.length + silent.length === 0) return
  watched(state, event, { flying, silent })
  // It may have to be undone before any window opens.
  if (!state.prepared.has(event.cell)) want(state, { kind: 'prepare', key: `prepare:${event.cell}`, cell: event.cell })
  // What its nodes are scanned for now is what the lost part of the trial has left to do: it would prove a list of nothing.
  if (state.plan.trial !== null && state.lists === null) state.aborting ??= { rollback: false, reason: UNINTENDED }
}

function touches(state: RunState, position: number, n: number): void {
  state.nodes.command[position] = n
  state.nodes.attempts[position] = at(state.nodes.attempts, position) + 1
  state.nodes.touched[position] = 1
  state.nodes.endedSeconds[position] = 0
}

function flies(state: RunState, position: number, n: number): void {
  const before = state.commands.get(at(state.nodes.command, position))
  if (at(state.nodes.stage, position) === STAGE.flying && before !== undefined) {
    before.nodes = before.nodes.filter((one) => one !== position)
    before.open -= 1
  } else move(state, position, STAGE.flying)
  touches(state, position, n)
  recount(state, position)
}

type Adopted = Readonly<{ flying: readonly number[]; silent: readonly number[] }>

function watched(state: RunState, event: Of<'CommandFound'>, { flying, silent }: Adopted): void {
  state.commands.set(event.n, {
    n: event.n,
    cell: event.cell,
    list: -1,
    work: event.work,
    nodes: [...flying, ...silent],
    intendedAt: event.requestedAt,
    startBefore: event.expiresAfter,
    notBefore: event.expiresAfter,
    phase: 'sent',
    ids: [event.commandId],
    expiresAfter: event.expiresAfter,
    open: flying.length,
    cancelled: false,
    doubtful: true,
    found: true,
  })
  state.openCommands.add(event.n)
  want(state, { kind: 'watch', key: `watch:${String(event.n)}`, n: event.n })
}

const isFound = (state: RunState, position: number): boolean => state.commands.get(at(state.nodes.command, position))?.found === true

/** It waits for the change that it may have had, or for another attempt; or an older command is said to be at work on it. */
function mayFly({ nodes, phase }: RunState, position: number, work: Of<'CommandFound'>['work']): boolean {
  const stage = at(nodes.stage, position)
  return phase.name === 'rolling-back' ? work === 'rollback' && AWAITED.has(stage) : stage === STAGE.idle || AWAITED.has(stage)
}

const AWAITED: ReadonlySet<number> = new Set([STAGE.waiting, STAGE.retrying, STAGE.flying])

/** It was given up before its change, or ended with a change that this undid, or comes back without one. A rollback that goes on undoes it again. */
function mayHaveEnded(state: RunState, position: number, work: Of<'CommandFound'>['work']): boolean {
  const stage = at(state.nodes.stage, position)
  if (state.phase.name === 'rolling-back' || (stage !== STAGE.ended && stage !== STAGE.returning)) return false
  return work === 'rollback' || NO_CHANGE.has(at(state.nodes.outcome, position)) || isFound(state, position)
}

const NO_CHANGE: ReadonlySet<number> = new Set([codeOf('open'), codeOf('skipped')])

/** A step takes it out of service for a change that it may have had. */
const isLeaving = ({ nodes, phase }: RunState, position: number): boolean =>
  phase.name !== 'rolling-back' && at(nodes.stage, position) === STAGE.chosen

/** Whether a node that a step has prepared for its change may have had that already, by a command that was found meanwhile. */
export const isFoundMeanwhile = (state: RunState, position: number, work: Work): boolean =>
  work === 'apply' && state.isolation === null && isFound(state, position)
