import { assert, known } from '../../kit/assert.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Outcome, RunEvent } from './event.ts'
import { setOut } from './limits.ts'
import { at, codeOf, commandOf, STAGE, unwant, want, type Batch, type RunState } from './state.ts'
import { enqueue, unpark } from './waiting.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** The nodes take their places; from here on they count as out of service. */
export function batchChosen(state: RunState, event: Of<'BatchChosen'>): void {
  assert(event.batch === state.batchCount + 1, 'batches are numbered without holes')
  state.batchCount = event.batch
  for (const position of event.nodes) {
    assert(at(state.nodes.stage, position) === STAGE.waiting, `node ${String(position)} does not wait`)
    state.nodes.stage[position] = STAGE.chosen
    if (event.work !== 'scan') setOut(state, position, true)
  }
  state.waitingCount -= event.nodes.length
  state.inFlight += event.nodes.length
  state.batches.set(event.batch, { batch: event.batch, cell: event.cell, list: event.list, work: event.work, nodes: event.nodes, readAt: null })
  want(state, { kind: 'read', key: `read:${String(event.batch)}`, batch: event.batch, cell: event.cell, work: event.work, nodes: event.nodes })
}

/** The nodes as they are now: who must not be touched leaves with a reason; who is down stays counted as out. */
export function batchRead(state: RunState, event: Of<'BatchRead'>, now: Instant): void {
  const batch = batchOf(state, event.batch)
  unwant(state, `read:${String(event.batch)}`)
  const leaving = new Set(event.skipped)
  const down = new Set(event.down)
  event.skipped.forEach((position, index) => {
    const reason = known(event.reasons[index], 'the reason')
    end(state, position, batch.work === 'rollback' ? 'rollback-failed' : 'skipped', reason)
    if (!down.has(position) && batch.work !== 'rollback') release(state, position)
  })
  leave(state, leaving.size, now)
  const nodes = batch.nodes.filter((position) => !leaving.has(position))
  if (nodes.length === 0) state.batches.delete(event.batch)
  else state.batches.set(event.batch, { ...batch, nodes, readAt: now })
}

/** The round is given up before anything was sent; its nodes wait again. */
export function batchDropped(state: RunState, number: number, now: Instant): void {
  const batch = batchOf(state, number)
  unwant(state, `read:${String(number)}`)
  state.batches.delete(number)
  for (const position of batch.nodes) {
    backToWaiting(state, position)
    enqueue(state, position)
  }
  leave(state, batch.nodes.length, now)
}

/** Another run's hand is on these nodes or their groups: they step back and are tried again at `until`. */
export function nodesBusy(state: RunState, event: Of<'NodesBusy'>, now: Instant): void {
  const batch = batchOf(state, event.batch)
  const busy = new Set(event.nodes)
  for (const position of event.nodes) {
    backToWaiting(state, position)
    state.waiting.busy.push({ node: position, until: event.until })
  }
  leave(state, busy.size, now)
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
    state.nodes.stage[position] = STAGE.flying
    state.nodes.command[position] = event.n
    state.nodes.attempts[position] = at(state.nodes.attempts, position) + 1
    if (event.work !== 'scan') state.nodes.touched[position] = 1
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
  })
  state.openCommands.add(event.n)
  want(state, { kind: 'send', key: `send:${String(event.n)}`, n: event.n })
}

/** SSM has it. A token may have several commands; all are watched. */
export function sent(state: RunState, event: Of<'CommandSent'>): void {
  const command = commandOf(state, event.n)
  if (command.ids.includes(event.commandId)) return
  command.ids.push(event.commandId)
  if (event.expiresAfter > command.expiresAfter) command.expiresAfter = event.expiresAfter
  if (command.phase === 'closed') return
  command.phase = 'sent'
  unwant(state, `send:${String(event.n)}`)
  unwant(state, `find:${String(event.n)}`)
  want(state, { kind: 'watch', key: `watch:${String(event.n)}`, n: event.n })
  if (state.aborting !== null && command.work === 'apply') cancelAsked(state, event.n)
}

/** Nothing was sent: the nodes are as before. Those that SSM named as invalid leave; the others wait again. */
export function refused(state: RunState, event: Of<'CommandRefused'>, now: Instant): void {
  const command = commandOf(state, event.n)
  command.phase = 'refused'
  state.openCommands.delete(event.n)
  unwant(state, `send:${String(event.n)}`)
  unwant(state, `find:${String(event.n)}`)
  const invalid = new Set(event.invalid)
  for (const position of command.nodes) {
    if (command.work === 'apply') state.nodes.touched[position] = 0
    if (invalid.has(position)) {
      end(state, position, command.work === 'rollback' ? 'rollback-failed' : 'skipped', 'refused-by-ssm')
      if (command.work !== 'rollback') release(state, position)
    } else {
      backToWaiting(state, position)
      enqueue(state, position)
    }
  }
  leave(state, command.nodes.length, now)
}

/** Whether it was sent cannot be known: it is looked up before the same token is sent again. */
export function unclear(state: RunState, n: number): void {
  commandOf(state, n).phase = 'unclear'
  unwant(state, `send:${String(n)}`)
  want(state, { kind: 'find', key: `find:${String(n)}`, n })
}

/** SSM does not know the token: the same token is sent again. */
export function missed(state: RunState, n: number): void {
  commandOf(state, n).phase = 'intended'
  unwant(state, `find:${String(n)}`)
  want(state, { kind: 'send', key: `send:${String(n)}`, n })
}

/** The first report for (token, node) counts; a later one only turns `unknown`. */
export function reported(state: RunState, event: Of<'NodesReported'>, now: Instant): void {
  const command = commandOf(state, event.n)
  let ended = 0
  event.nodes.forEach((position, index) => {
    if (at(state.nodes.command, position) !== event.n) return
    const flying = at(state.nodes.stage, position) === STAGE.flying
    const late = at(state.nodes.stage, position) === STAGE.ended && at(state.nodes.outcome, position) === codeOf('unknown')
    if (!flying && !late) return
    const outcome = known(event.outcomes[index], 'the outcome')
    if (late && outcome === 'unknown') return
    state.nodes.missing[position] = known(event.missing[index], 'missing')
    state.nodes.endedSeconds[position] = Math.floor(known(event.ended[index], 'ended') / 1000)
    if (flying) {
      ended += 1
      command.open -= 1
    }
    settle(state, position, outcome, known(event.reasons[index], 'the reason'), flying)
  })
  leave(state, ended, now)
}

function settle(state: RunState, position: number, outcome: Outcome, reason: string, flying: boolean): void {
  if (flying && outcome === 'failed' && mayRetry(state, position, reason)) {
    state.nodes.stage[position] = STAGE.retrying
    state.nodes.reason[position] = reason
    state.retrying += 1
    state.waitingCount += 1
    return
  }
  end(state, position, outcome, reason)
  if (outcome === 'skipped' || outcome === 'not-needed') state.nodes.touched[position] = 0
  if (outcome !== 'failed' && outcome !== 'unknown' && outcome !== 'rollback-failed') release(state, position)
}

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
    setOut(state, position, true)
  }
}

/** Every command of the token has ended or expired: nodes may get a new token now. */
export function closed(state: RunState, n: number, now: Instant): void {
  const command = commandOf(state, n)
  assert(command.open === 0, `command ${String(n)} is closed with open nodes`)
  command.phase = 'closed'
  state.openCommands.delete(n)
  unwant(state, `watch:${String(n)}`)
  unwant(state, `cancel:${String(n)}`)
  for (const position of command.nodes) {
    if (at(state.nodes.stage, position) !== STAGE.retrying || at(state.nodes.command, position) !== n) continue
    state.nodes.stage[position] = STAGE.waiting
    state.retrying -= 1
    state.freedAt = now
    enqueue(state, position)
  }
}

/** Waiting nodes are given up. */
export function skipped(state: RunState, event: Of<'NodesSkipped'>): void {
  const rollback = state.phase.name === 'rolling-back' || state.plan.work === 'rollback'
  for (const position of event.nodes) {
    const stage = at(state.nodes.stage, position)
    assert(stage === STAGE.waiting || stage === STAGE.retrying, `node ${String(position)} does not wait`)
    if (stage === STAGE.retrying) state.retrying -= 1
    const failedBefore = stage === STAGE.retrying || at(state.nodes.attempts, position) > 0
    state.waitingCount -= 1
    if (rollback) end(state, position, 'rollback-failed', event.reason)
    else if (failedBefore && at(state.nodes.touched, position) === 1) end(state, position, 'failed', state.nodes.reason[position] || event.reason)
    else end(state, position, 'skipped', event.reason)
  }
}

/** Only invocations that have not started are cancelled; the rest runs to its end. */
export function cancelAsked(state: RunState, n: number): void {
  const command = commandOf(state, n)
  if (command.cancelled || command.phase !== 'sent') return
  command.cancelled = true
  want(state, { kind: 'cancel', key: `cancel:${String(n)}`, n })
}

/** Gives a node its outcome and moves the wave's counters. */
export function end(state: RunState, position: number, outcome: Outcome, reason: string): void {
  const before = at(state.nodes.outcome, position)
  const code = codeOf(outcome)
  state.nodes.stage[position] = STAGE.ended
  state.nodes.outcome[position] = code
  state.nodes.reason[position] = reason
  if (outcome !== 'rolled-back' && outcome !== 'rollback-failed') state.nodes.applied[position] = code
  const wave = state.waves[at(state.nodes.wave, position)]
  if (wave === undefined) return
  wave.counts[before] = at(wave.counts, before) - 1
  wave.counts[code] = at(wave.counts, code) + 1
}

function backToWaiting(state: RunState, position: number): void {
  state.nodes.stage[position] = STAGE.waiting
  state.waitingCount += 1
  if (!staysOut(state, position)) release(state, position)
}

/** In a rollback, a node that failed before stays out until it is restored. */
const staysOut = (state: RunState, position: number): boolean => {
  const outcome = at(state.nodes.outcome, position)
  return outcome === codeOf('failed') || outcome === codeOf('unknown')
}

function release(state: RunState, position: number): void {
  unpark(state, setOut(state, position, false))
}

/** Places become free: the next round may begin a moment later. */
function leave(state: RunState, count: number, now: Instant): void {
  if (count === 0) return
  state.inFlight -= count
  state.freedAt = now
}

function batchOf(state: RunState, number: number): Batch {
  return known(state.batches.get(number), `batch ${String(number)}`)
}
