import { assert, known } from '../../kit/assert.ts'
import { MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { Outcome, RunEvent, Work } from './event.ts'
import { awaitsFreezes, freezeNow } from './freezing.ts'
import { move } from './moving.ts'
import { byPatchManager, LIST_REFUSED } from './patch-manager.ts'
import { cellAnswered, isRefused } from './refused-cells.ts'
import { beginReturn } from './returning.ts'
import { end, giveUp, isUnchanged, recount } from './standing.ts'
import { CHANGED, stepsBefore, TAKEN } from './steps.ts'
import { at, codeOf, commandOf, provesNothingSent, STAGE, unwant, want, type RunState } from './state.ts'
import type { Batch, Command } from './parts.ts'
import { enqueue, placesFreed } from './waiting.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** The nodes take their places; from here on they count as out of service. */
export function batchChosen(state: RunState, event: Of<'BatchChosen'>): void {
  assert(event.batch === state.batchCount + 1, 'batches are numbered without holes')
  state.batchCount = event.batch
  for (const position of event.nodes) {
    assert(at(state.nodes.stage, position) === STAGE.waiting || isSpared(state, position), `node ${String(position)} does not wait`)
    move(state, position, STAGE.chosen)
    state.nodes.changed[position] = CHANGED.no
    recount(state, position)
  }
  state.batches.set(event.batch, {
    batch: event.batch,
    cell: event.cell,
    list: event.list,
    work: event.work,
    nodes: event.nodes,
    readAt: null,
    step: 0,
    running: null,
  })
  want(state, {
    kind: 'read',
    key: `read:${String(event.batch)}`,
    batch: event.batch,
    cell: event.cell,
    work: event.work,
    nodes: event.nodes,
    stopped: stepsBefore(state.plan, event.work).includes('start'),
  })
}

/** The nodes as they are now: who must not be touched leaves with a reason; who is down stays counted as out. */
export function batchRead(state: RunState, event: Of<'BatchRead'>, now: Instant): void {
  const batch = batchOf(state, event.batch)
  unwant(state, `read:${String(event.batch)}`)
  const leaving = new Set(event.skipped)
  const down = new Set(event.down)
  for (const position of batch.nodes) state.nodes.down[position] = down.has(position) ? 1 : 0
  event.skipped.forEach((position, index) => {
    const reason = known(event.reasons[index], 'the reason')
    // What was gone before its undoing began has nothing to be restored, and is no failure of that.
    const nothingLeft = reason === 'gone' && state.plan.work === 'rollback' && at(state.nodes.touched, position) === 0
    if (batch.work === 'rollback' && !nothingLeft) end(state, position, 'rollback-failed', reason)
    else giveUp(state, position, reason)
    recount(state, position)
  })
  if (leaving.size > 0) placesFreed(state, now)
  const nodes = batch.nodes.filter((position) => !leaving.has(position))
  if (nodes.length === 0) state.batches.delete(event.batch)
  else state.batches.set(event.batch, { ...batch, nodes, readAt: now })
}

/** The round is given up before anything was sent; its nodes wait again. */
export function batchDropped(state: RunState, number: number, now: Instant): void {
  const batch = batchOf(state, number)
  unwant(state, `read:${String(number)}`)
  state.batches.delete(number)
  assert(batch.running === null, 'a round is not given up in the middle of a step')
  for (const position of batch.nodes) backToWaiting(state, position)
  placesFreed(state, now)
}

/** Another run's hand is on these nodes or their groups: they step back and are tried again at `until`. */
export function nodesBusy(state: RunState, event: Of<'NodesBusy'>, now: Instant): void {
  const batch = batchOf(state, event.batch)
  const busy = new Set(event.nodes)
  for (const position of event.nodes) {
    if (!state.heldSince.has(position)) state.heldSince.set(position, now)
    if (backToWaiting(state, position, false)) state.waiting.busy.push({ node: position, until: event.until })
  }
  placesFreed(state, now)
  const nodes = batch.nodes.filter((position) => !busy.has(position))
  if (nodes.length === 0) state.batches.delete(event.batch)
  else state.batches.set(event.batch, { ...batch, nodes })
}

/** The promise before the act. From here the nodes are touched until it is proved that nothing was sent. */
export function intended(state: RunState, event: Of<'CommandIntended'>, now: Instant): void {
  const batch = batchOf(state, event.batch)
  assert(event.n === state.tokenCount + 1, 'tokens are numbered without holes')
  state.tokenCount = event.n
  state.batches.delete(event.batch)
  for (const position of event.nodes) {
    move(state, position, STAGE.flying)
    state.heldSince.delete(position)
    state.nodes.command[position] = event.n
    state.nodes.attempts[position] = at(state.nodes.attempts, position) + 1
    if (event.work === 'scan') continue
    state.nodes.touched[position] = 1
    if (state.plan.runbook.hooks.exit !== null) state.nodes.taken[position] = at(state.nodes.taken, position) | TAKEN.exit
  }
  state.commands.set(event.n, {
    n: event.n,
    cell: batch.cell,
    list: batch.list,
    work: event.work,
    nodes: event.nodes,
    intendedAt: now,
    startBefore: event.startBefore,
    notBefore: event.notBefore,
    phase: 'intended',
    ids: [],
    expiresAfter: event.notBefore,
    open: event.nodes.length,
    cancelled: false,
    doubtful: false,
  })
  state.openCommands.add(event.n)
  want(state, { kind: 'send', key: `send:${String(event.n)}`, n: event.n })
}

/** SSM has it. A token may have several commands; all are watched. */
export function sent(state: RunState, event: Of<'CommandSent'>): void {
  const command = commandOf(state, event.n)
  if (command.ids.includes(event.commandId)) return
  // Its answer may come after a later call of the same cell was refused: that says nothing of the cell as it is now.
  if (!event.adopted && !isRefused(state, command.cell)) state.refusals.delete(command.cell)
  command.ids.push(event.commandId)
  if (event.expiresAfter > command.expiresAfter) command.expiresAfter = event.expiresAfter
  if (command.phase === 'closed' || command.phase === 'refused') return
  command.phase = 'sent'
  unwant(state, `send:${String(event.n)}`)
  unwant(state, `find:${String(event.n)}`)
  want(state, { kind: 'watch', key: `watch:${String(event.n)}`, n: event.n })
  if (state.aborting !== null && command.work === 'apply') cancelAsked(state, event.n)
}

/**
 * Nothing was sent: the nodes are as before. Those that SSM named as invalid leave; the others wait again. When an earlier copy may have been
 * sent, the refusal of a later one proves nothing: it is looked up until it is found or its time has passed.
 */
export function refused(state: RunState, event: Of<'CommandRefused'>, now: Instant): void {
  if (!provesNothingSent(state, event.n)) return unclear(state, event.n)
  const command = commandOf(state, event.n)
  command.phase = 'refused'
  state.openCommands.delete(event.n)
  state.unsent.delete(event.n)
  for (const kind of ['send', 'find']) unwant(state, `${kind}:${String(event.n)}`)
  const invalid = new Set(event.invalid)
  for (const position of command.nodes) {
    const attempts = at(state.nodes.attempts, position) - 1
    state.nodes.attempts[position] = attempts
    if (attempts === 0) state.nodes.touched[position] = 0
    if (invalid.has(position)) {
      const reason = refusalOf(event.code)
      if (command.work === 'rollback') end(state, position, 'rollback-failed', reason)
      else giveUp(state, position, reason)
      recount(state, position)
    } else backToWaiting(state, position)
  }
  placesFreed(state, now)
}

/** Why the nodes that a refusal names are left alone. */
export const refusalOf = (code: string): string => REFUSALS.get(code) ?? 'refused-by-ssm'

/** Where it is not SSM that refused. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  [LIST_REFUSED, LIST_REFUSED],
  ['plan.drift', 'document-changed'],
])

/** Whether it was sent cannot be known: it is looked up before the same token is sent again. */
export function unclear(state: RunState, n: number): void {
  const command = commandOf(state, n)
  command.phase = 'unclear'
  command.doubtful = true
  unwant(state, `send:${String(n)}`)
  want(state, { kind: 'find', key: `find:${String(n)}`, n })
}

/** How long after `startBefore` a look-up proves that nothing was sent: twice what SSM's list of commands lags behind itself. */
export const PROOF_MS: Ms = 2 * MINUTE

/** A request that its sender signed just before `startBefore` and froze with is taken by AWS for so much longer; only our own scripts refuse it then. */
const SIGNATURE_MS: Ms = 5 * MINUTE

/**
 * SSM does not know the token: the same token is sent again, unless nothing may start any more or the document knows no token. Then it is
 * looked up until its time has passed; what arrives later is refused by the node itself (`too-late`).
 */
export function missed(state: RunState, n: number, now: Instant): void {
  const command = commandOf(state, n)
  unwant(state, `find:${String(n)}`)
  const foreign = byPatchManager(state.plan, command.work)
  // Its nodes may all have been found at work for a later one.
  if (now < command.startBefore && !mayNotStart(state, command.work, now) && !foreign && command.nodes.length > 0) {
    command.phase = 'intended'
    want(state, { kind: 'send', key: `send:${String(n)}`, n })
  } else if (now < provedAt(state, n)) want(state, { kind: 'find', key: `find:${String(n)}`, n })
  else state.unsent.add(n)
}

/** From when on a look-up that finds nothing proves that nothing was sent. */
export function provedAt(state: RunState, n: number): Instant {
  const { startBefore, work } = commandOf(state, n)
  return plus(startBefore, byPatchManager(state.plan, work) ? SIGNATURE_MS + PROOF_MS : PROOF_MS)
}

/** Whether something forbids by now what was promised before: a person, a freeze that was declared since, a window that became shorter. */
export function mayNotStart(state: RunState, work: Work, now: Instant): boolean {
  if (state.paused) return true
  if (work !== 'apply') return false
  const { window } = state
  if (state.aborting !== null || awaitsFreezes(state) || freezeNow(state, now) !== undefined) return true
  return window === null || now >= window.lastStart
}

/** The first report for (token, node) counts; a later one only turns the `unknown` of a node that said nothing. */
export function reported(state: RunState, event: Of<'NodesReported'>, now: Instant): void {
  const command = commandOf(state, event.n)
  if (event.ended.some((ended) => ended !== 0)) cellAnswered(state, command.cell, now)
  let freed = false
  event.nodes.forEach((position, index) => {
    const outcome = known(event.outcomes[index], 'the outcome')
    if (!isHeard(state, position, event.n, outcome)) return
    const flying = at(state.nodes.stage, position) === STAGE.flying
    state.nodes.missing[position] = known(event.missing[index], 'missing')
    state.nodes.endedSeconds[position] = Math.floor(known(event.ended[index], 'ended') / 1000)
    if (flying) {
      freed = true
      command.open -= 1
    }
    settle(state, command, position, outcome, known(event.reasons[index], 'the reason'), flying)
    if (at(state.nodes.outcome, position) === 0 && (event.changed[index] ?? 0) > 0) state.changedEarlier.add(position)
    recount(state, position)
  })
  if (freed) placesFreed(state, now)
}

/** Whether a report of this command says something new of the node: it flies for it, or said nothing before and says more now. */
export function isHeard({ nodes }: RunState, position: number, n: number, outcome: Outcome): boolean {
  if (at(nodes.command, position) !== n) return false
  const stage = at(nodes.stage, position)
  if (stage === STAGE.flying) return true
  const silent = at(nodes.outcome, position) === codeOf('unknown') && at(nodes.endedSeconds, position) === 0
  return silent && (stage === STAGE.ended || stage === STAGE.returning) && outcome !== 'unknown'
}

function settle(state: RunState, command: Command, position: number, outcome: Outcome, reason: string, flying: boolean): void {
  if (flying && outcome === 'failed' && !command.found && mayRetry(state, position, reason)) {
    state.nodes.reason[position] = reason
    if (!beginReturn(state, position)) move(state, position, STAGE.retrying)
    return
  }
  const isLate = at(state.nodes.stage, position) === STAGE.returning
  if (command.work !== 'scan') state.nodes.changed[position] = isLate ? CHANGED.reportedLate : CHANGED.reported
  if (flying && outcome === 'open' && beginReturn(state, position)) return
  const first = at(state.nodes.attempts, position) === 1
  // A late word is about the change. What could not be put back before it came is still not back.
  const stayedAway = !flying && state.notBack.has(position) && WELL.has(outcome)
  if (outcome === 'skipped' && reason === 'cancelled' && command.doubtful)
    end(state, position, 'unknown', reason) // Another copy may still come.
  else if (outcome === 'skipped' && !first) giveUp(state, position, reason)
  else if (stayedAway) end(state, position, 'failed', 'not-back')
  else end(state, position, outcome, reason)
  const nothingDone =
    at(state.nodes.outcome, position) === codeOf('skipped') || outcome === 'not-needed' || (stayedAway && outcome === 'skipped')
  if (nothingDone && first) state.nodes.touched[position] = 0
}

const WELL: ReadonlySet<Outcome> = new Set<Outcome>(['patched', 'not-needed', 'skipped'])

function mayRetry(state: RunState, position: number, reason: string): boolean {
  const { retry } = state.plan
  return retry !== null && state.aborting === null && retry.on.includes(reason) && at(state.nodes.attempts, position) < retry.attempts
}

/** A node that disappeared after it was touched has failed, whatever it said before. */
export function gone(state: RunState, nodes: readonly number[]): void {
  for (const position of nodes) {
    if (at(state.nodes.stage, position) !== STAGE.ended || at(state.nodes.touched, position) === 0) continue
    const rolledBack = state.phase.name === 'rolling-back'
    end(state, position, rolledBack ? 'rollback-failed' : 'failed', 'gone')
    recount(state, position)
  }
}

/** Every command of the token has ended or expired: nodes may get a new token now. */
export function closed(state: RunState, n: number, now: Instant): void {
  const command = commandOf(state, n)
  assert(command.open === 0, `command ${String(n)} is closed with open nodes`)
  command.phase = 'closed'
  state.openCommands.delete(n)
  state.unsent.delete(n)
  for (const kind of ['send', 'find', 'watch', 'cancel']) unwant(state, `${kind}:${String(n)}`)
  for (const position of command.nodes.toReversed()) {
    if (at(state.nodes.stage, position) !== STAGE.retrying || at(state.nodes.command, position) !== n) continue
    move(state, position, STAGE.waiting)
    placesFreed(state, now)
    enqueue(state, position, at(state.nodes.out, position) === 1)
  }
}

/** Waiting nodes are given up. */
export function skipped(state: RunState, event: Of<'NodesSkipped'>): void {
  const rollback = state.phase.name === 'rolling-back' || state.plan.work === 'rollback'
  for (const position of event.nodes) {
    const stage = at(state.nodes.stage, position)
    assert(stage === STAGE.waiting || stage === STAGE.retrying || isSpared(state, position), `node ${String(position)} does not wait`)
    if (rollback) end(state, position, 'rollback-failed', event.reason)
    else giveUp(state, position, event.reason)
    recount(state, position)
  }
}

/**
 * Only invocations that have not started are cancelled; the rest runs to its end. One that begins meanwhile would be killed: our own scripts
 * outlive that, Patch Manager's transaction would be cut.
 */
export function cancelAsked(state: RunState, n: number): void {
  const command = commandOf(state, n)
  if (command.cancelled || command.phase !== 'sent' || byPatchManager(state.plan, command.work)) return
  command.cancelled = true
  want(state, { kind: 'cancel', key: `cancel:${String(n)}`, n })
}

/** The node steps back; what was prepared for it is undone first. False: it waits only after that. */
function backToWaiting(state: RunState, position: number, inLine = true): boolean {
  const waits = !beginReturn(state, position)
  if (waits) move(state, position, STAGE.waiting)
  recount(state, position)
  if (waits && inLine) enqueue(state, position)
  return waits
}

/** Older journals roll back what was never changed too. */
const isSpared = (state: RunState, position: number): boolean => state.phase.name === 'rolling-back' && isUnchanged(state, position)

function batchOf(state: RunState, number: number): Batch {
  return known(state.batches.get(number), `batch ${String(number)}`)
}
