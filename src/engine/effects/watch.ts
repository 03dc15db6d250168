import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf, type CommandId, type NodeId } from '../../kit/ids.ts'
import { earliest, latest, MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { at, codeOf, commandOf, planned, STAGE, type Command, type RunState } from '../../core/run/state.ts'
import { judge } from '../../core/run/verdict.ts'
import { inLanes } from '../../core/run/waiting.ts'
import type { InvocationSeen } from '../../ports/commands.ts'
import { reportsOf } from './report.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** A page is read at most this often while places are wanted. Oftener, and large runs are throttled. */
const PAGE_MS: Ms = 30 * SECOND

/** Without events: how often a running command is read after the first time. */
const POLL_MS: Ms = MINUTE

/** With events: when it is read although none came for so long; they are best effort. */
const RECONCILE_MS: Ms = 5 * MINUTE

/** With events: the longest between two reads while they keep coming. Whoever follows the run sees what became of the nodes at least this often. */
const TELL_MS: Ms = 10 * MINUTE

/** When a command is first read as long as nothing is known of its durations. */
const FIRST_READ_MS: Ms = 3 * MINUTE

/** Follows the commands of one token until each node has a verdict and nothing of it can be open any more. */
export async function* watchCommand(performing: Performing, effect: EffectOf<'watch'>): Found {
  const { world, state, hints, signal } = performing
  const command = commandOf(state, effect.n)
  const bell = new Bell(() => world.clock.now())
  try {
    for (let reads = 0; !signal.aborted; reads++) {
      for (const id of command.ids) hints.watch(id, bell.ring)
      const alone = await untilDue(performing, command, bell, reads)
      if (signal.aborted) return
      const seen = await read(performing, command, alone)
      const reports = newReports(state, command, seen)
      if (reports) yield [reports]
      if (command.open > 0 && world.clock.now() >= command.expiresAfter) yield [expired(state, command)]
      if (command.open === 0 && isOver(state, command, seen, world.clock.now())) {
        yield [{ type: 'CommandClosed', n: command.n }]
        return
      }
    }
  } finally {
    for (const id of command.ids) hints.forget(id)
  }
}

/**
 * Waits for a reason to read: all ended, some ended and hold what others wait for, the rhythm, or the command's expiry. Resolves to the one node that is worth
 * reading alone; `undefined`: the whole command.
 */
async function untilDue(performing: Performing, command: Command, bell: Bell, reads: number): Promise<NodeId | undefined> {
  const { world, state, hints, signal } = performing
  const { clock } = world
  const began = clock.now()
  const first = reads === 0 ? firstRead(state, command) : began
  const soonest = reads === 0 ? began : plus(began, PAGE_MS)
  const settled = reads === 0 ? began : plus(began, SECOND)
  while (!signal.aborted) {
    const now = clock.now()
    const due = dueAt(world, command, { began, first, heard: bell.rungAt ?? began, reads })
    const whole = command.open > 0 && Math.max(0, ...command.ids.map((id) => hints.count(id))) >= command.nodes.length
    if (now >= due || (whole && now >= settled)) return undefined
    const told = whole ? [] : toldOf(performing, command)
    const wanted = told.some((one) => isWanted(state, one))
    if (wanted && now >= soonest) return told.length === 1 && command.open > 1 ? told[0]?.node : undefined
    await bell.wait(clock, whole ? earliest(due, settled) : wanted ? earliest(due, soonest) : due, signal)
  }
  return undefined
}

type Rhythm = Readonly<{ began: Instant; first: Instant; heard: Instant; reads: number }>

/** When the command is read whatever is said of it. */
function dueAt(world: Performing['world'], command: Command, { began, first, heard, reads }: Rhythm): Instant {
  if (command.open === 0) return latest(plus(began, SECOND), command.expiresAfter)
  const polled = reads === 0 ? first : plus(began, POLL_MS)
  const told = earliest(plus(latest(first, heard), RECONCILE_MS), plus(first, TELL_MS))
  return earliest(world.eventsQueue === null ? polled : told, latest(command.expiresAfter, plus(began, SECOND)))
}

type Told = Readonly<{ node: NodeId; position: number; status: string }>

/** The nodes that are said to have ended and have no verdict yet. */
function toldOf({ state, hints }: Performing, command: Command): Told[] {
  if (state.waitingCount === 0 && state.aborting === null) return []
  return command.nodes.flatMap((position) => {
    if (at(state.nodes.stage, position) !== STAGE.flying || at(state.nodes.command, position) !== command.n) return []
    const { node } = planned(state, position)
    const status = command.ids.map((id) => hints.statusOf(id, node)).find((one) => one !== undefined)
    return status === undefined ? [] : [{ node, position, status }]
  })
}

/**
 * Whether reading may let other nodes start: the node holds a place or a group that they wait for, or has failed and may end the wave. What nobody waits for
 * is read with the whole command.
 */
function isWanted(state: RunState, { position, status }: Told): boolean {
  if (status !== 'Success' || state.aborting !== null || inLanes(state) > 0) return true
  return planned(state, position).groups.some((group) => state.waiting.parked.has(group))
}

/** At the median of what this run's commands took so far. */
function firstRead(state: RunState, command: Command): Instant {
  return plus(command.intendedAt, medianMs(state) ?? FIRST_READ_MS)
}

/** Tokens that are looked back at. The newest have not ended; a tenth would often find nothing where commands are small. */
const RECENT = 500

/** Median time from intent to a node's own end, of at most the last 101 nodes that ended. */
function medianMs(state: RunState): Ms | undefined {
  const took: number[] = []
  for (let n = state.tokenCount; n > state.tokenCount - RECENT && took.length < 101; n--) {
    const command = state.commands.get(n)
    for (const position of command?.nodes ?? []) {
      const ended = at(state.nodes.endedSeconds, position) * 1000
      if (command && ended > command.intendedAt && took.length < 101) took.push(ended - command.intendedAt)
    }
  }
  return took.sort((a, b) => a - b)[Math.floor(took.length / 2)]
}

type Seen = ReadonlyMap<string, readonly InvocationSeen[]>

async function read({ world, signal }: Performing, command: Command, alone: NodeId | undefined): Promise<Seen> {
  const seen = new Map<string, InvocationSeen[]>()
  for (const id of command.ids) {
    for await (const one of invocations(world, { command, id, alone }, signal)) seen.set(one.node, [...(seen.get(one.node) ?? []), one])
  }
  return seen
}

type Asked = Readonly<{ command: Command; id: CommandId; alone: NodeId | undefined }>

/** A command that SSM does not know any more shows nothing; its nodes end at its expiry. */
async function* invocations(world: Performing['world'], { command, id, alone }: Asked, signal: AbortSignal): AsyncGenerator<InvocationSeen> {
  try {
    yield* world.commands.invocations(cellOf(command.cell), id, signal, alone)
  } catch (error) {
    if (!(error instanceof PatchwaveError) || error.code !== 'aws.missing') throw error
  }
}

function newReports(state: RunState, command: Command, seen: Seen): RunEvent | undefined {
  const token = tokenOf(state.run, command.n)
  const rows = command.nodes.flatMap((position) => {
    if (!wantsReport(state, position, command)) return []
    const ended = (seen.get(planned(state, position).node) ?? []).filter((one) => one.ended)
    if (ended.length === 0) return []
    const reports = ended.map((one) => judge(command.work, token, neverStarted(one) ? 'NotStarted' : one.status, one.output))
    const spoken = reports.find((report) => report.ended !== 0)
    const all = ended.length === command.ids.length
    const report = spoken ?? (all ? reports.at(-1) : undefined)
    if (report === undefined || (report.outcome === 'unknown' && at(state.nodes.stage, position) === STAGE.ended)) return []
    return [{ position, report }]
  })
  return rows.length > 0 ? reportsOf(command, rows) : undefined
}

/** Cancelled before the agent began: SSM shows no exit code for it. */
const neverStarted = (one: InvocationSeen): boolean => one.status === 'Cancelled' && (one.exitCode === null || one.exitCode === -1) && one.output === ''

function wantsReport(state: RunState, position: number, command: Command): boolean {
  if (at(state.nodes.command, position) !== command.n) return false
  const stage = at(state.nodes.stage, position)
  return stage === STAGE.flying || (stage === STAGE.ended && at(state.nodes.outcome, position) === codeOf('unknown'))
}

function expired(state: RunState, command: Command): RunEvent {
  const token = tokenOf(state.run, command.n)
  const left = command.nodes.filter((position) => at(state.nodes.command, position) === command.n && at(state.nodes.stage, position) === STAGE.flying)
  return reportsOf(
    command,
    left.map((position) => ({ position, report: judge(command.work, token, 'Expired', '') })),
  )
}

/** Every node spoke and SSM shows every part as ended; or time has run out for all of it. */
function isOver(state: RunState, command: Command, seen: Seen, now: Instant): boolean {
  if (now >= command.expiresAfter) return true
  return command.nodes.every((position) => {
    const parts = seen.get(known(planned(state, position).node, 'the node')) ?? []
    const silent = at(state.nodes.endedSeconds, position) === 0 && state.nodes.reason[position] !== 'cancelled'
    return !silent && parts.length === command.ids.length && parts.every((one) => one.ended)
  })
}

/** Wakes a watcher that waits. */
class Bell {
  readonly #now: () => Instant
  #woken = new AbortController()
  /** When it was rung last. */
  rungAt: Instant | undefined

  constructor(now: () => Instant) {
    this.#now = now
  }

  readonly ring = (): void => {
    this.rungAt = this.#now()
    this.#woken.abort('rung')
  }

  async wait(clock: Performing['world']['clock'], until: Instant, signal: AbortSignal): Promise<void> {
    this.#woken = new AbortController()
    signal.addEventListener('abort', this.ring, { once: true })
    await clock.sleep(until, this.#woken.signal)
    signal.removeEventListener('abort', this.ring)
  }
}
