import { earliest, latest, MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import type { NodeId } from '../../kit/ids.ts'
import { at, planned, STAGE, type RunState } from '../../core/run/state.ts'
import type { Command } from '../../core/run/parts.ts'
import { inLanes } from '../../core/run/waiting.ts'
import type { Performing } from './perform.ts'

/** While places are wanted, a command is read at most this often. Oftener, and large runs are throttled. */
const PAGE_MS: Ms = 30 * SECOND

/** Without events: how often a running command is read after the first time. */
const POLL_MS: Ms = MINUTE

/** With events: when it is read although none came for so long; they are best effort. */
const RECONCILE_MS: Ms = 5 * MINUTE

/** With events: the longest between two pages while they keep coming. Whoever follows the run sees what became of the nodes at least this often. */
const TELL_MS: Ms = 10 * MINUTE

/** When a command is first read as long as nothing is known of its durations. */
const FIRST_READ_MS: Ms = 3 * MINUTE

type Told = Readonly<{ node: NodeId; position: number; status: string }>

/** When to read a command, and how much of it. */
export class Reading {
  readonly #performing: Performing
  readonly #command: Command
  /** The last read of any kind, the last one of the whole command, and the last event. */
  #readAt: Instant | null = null
  #pagedAt: Instant | null = null
  #toldAt: Instant | null = null
  /** How often all of it was read because all nodes were said to have ended, and it was not so: SSM may lag a second behind its events; who lies gets no page a second. */
  #vainReads = 0
  #woken = new AbortController()

  constructor(performing: Performing, command: Command) {
    this.#performing = performing
    this.#command = command
  }

  /** An event came. It wakes who waits only if it may be the reason for a read: what nobody waits for is read when its time has come. */
  readonly ring = (): void => {
    const { world, state } = this.#performing
    this.#toldAt = world.clock.now()
    if (state.waitingCount > 0 || state.aborting !== null || this.#count() >= this.#command.nodes.length) this.#wake()
  }

  readonly #wake = (): void => {
    this.#woken.abort('rung')
  }

  /**
   * Waits for a reason to read: all ended, some ended and hold what others wait for, the rhythm, or the command's expiry. Resolves to the one node that is worth
   * reading alone; `undefined`: the whole command.
   */
  async due(): Promise<NodeId | undefined> {
    const { clock } = this.#performing.world
    const began = clock.now()
    const first = this.#pagedAt === null ? plus(this.#command.intendedAt, medianMs(this.#performing.state) ?? FIRST_READ_MS) : this.#pagedAt
    const alone = await this.#reason(began, first)
    this.#readAt = clock.now()
    if (alone === undefined) this.#pagedAt = this.#readAt
    return alone
  }

  async #reason(began: Instant, first: Instant): Promise<NodeId | undefined> {
    const { world, signal } = this.#performing
    const command = this.#command
    while (!signal.aborted) {
      const now = world.clock.now()
      const due = this.#pageDue(began, first)
      const settled = this.#readAt === null ? now : plus(this.#readAt, Math.min(PAGE_MS, SECOND * 2 ** this.#vainReads))
      const whole = command.open > 0 && this.#count() >= command.nodes.length
      if (whole && now >= settled) this.#vainReads += 1
      if (now >= due || (whole && now >= settled)) return undefined
      const wanted = whole ? [] : wantedOf(this.#performing, command)
      const soonest = wanted.length === 0 ? due : this.#readAt === null ? now : plus(this.#readAt, PAGE_MS)
      if (wanted.length > 0 && now >= soonest) return wanted.length === 1 && command.open > 1 ? wanted[0]?.node : undefined
      await this.#sleep(earliest(due, whole ? settled : soonest))
    }
    return undefined
  }

  /** When the whole command is read, whatever is said of it. */
  #pageDue(began: Instant, first: Instant): Instant {
    const { expiresAfter, open } = this.#command
    const expiry = latest(plus(began, SECOND), expiresAfter)
    if (open === 0) return this.#command.found ? earliest(this.#pagedAt === null ? began : plus(first, RECONCILE_MS), expiry) : expiry
    if (this.#performing.world.events === null) return earliest(this.#pagedAt === null ? first : plus(first, POLL_MS), expiry)
    return earliest(plus(latest(first, this.#toldAt ?? first), RECONCILE_MS), plus(first, TELL_MS), expiry)
  }

  /** How many nodes are said to have ended. */
  #count(): number {
    return Math.max(0, ...this.#command.ids.map((id) => this.#performing.hints.count(id)))
  }

  async #sleep(until: Instant): Promise<void> {
    const { world, signal } = this.#performing
    this.#woken = new AbortController()
    signal.addEventListener('abort', this.#wake, { once: true })
    await world.clock.sleep(until, this.#woken.signal)
    signal.removeEventListener('abort', this.#wake)
  }
}

/** The nodes that are said to have ended, have no verdict yet, and are worth a read now. */
function wantedOf({ state, hints }: Performing, command: Command): Told[] {
  if (state.waitingCount === 0 && state.aborting === null) return []
  return command.nodes.flatMap((position) => {
    if (at(state.nodes.stage, position) !== STAGE.flying || at(state.nodes.command, position) !== command.n) return []
    const { node } = planned(state, position)
    const status = command.ids.map((id) => hints.statusOf(id, node)).find((one) => one !== undefined)
    return status !== undefined && isWanted(state, { node, position, status }) ? [{ node, position, status }] : []
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

/** Tokens that are looked back at. The newest have not ended; a tenth would often find nothing where commands are small. */
const RECENT = 500
/** The middle of so many is steady enough, and found at once. */
const SAMPLES = 101

/** A median is not worked out again for so long: many commands ask for it at once. */
const MEDIAN_MS: Ms = 5 * SECOND

const MEDIANS = new WeakMap<RunState, Readonly<{ at: Instant; ms: Ms | undefined }>>()

/** Median time from intent to a node's own end, of the nodes that ended last. */
function medianMs(state: RunState): Ms | undefined {
  const known = MEDIANS.get(state)
  if (known && state.at >= known.at && state.at - known.at < MEDIAN_MS) return known.ms
  const ms = newMedianMs(state)
  MEDIANS.set(state, { at: state.at, ms })
  return ms
}

function newMedianMs(state: RunState): Ms | undefined {
  const took: number[] = []
  for (let n = state.tokenCount; n > state.tokenCount - RECENT && took.length < SAMPLES; n--) {
    const command = state.commands.get(n)
    for (const position of command?.nodes ?? []) {
      const ended = at(state.nodes.endedSeconds, position) * 1000
      if (command && ended > command.intendedAt && took.length < SAMPLES) took.push(ended - command.intendedAt)
    }
  }
  return took.sort((a, b) => a - b)[Math.floor(took.length / 2)]
}
