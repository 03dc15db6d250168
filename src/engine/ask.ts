import { known } from '../kit/assert.ts'
import { PatchwaveError } from '../kit/error.ts'
import { cellKey, cellOf, type Cell, type CommandId, type NodeId, type Token } from '../kit/ids.ts'
import { earliest, latest, MINUTE, plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import { neverRan, readResult, type ResultLine } from '../core/run/verdict.ts'
import type { CommandOrder, CommandSeen, InvocationSeen } from '../ports/commands.ts'
import type { World } from './world.ts'

/**
 * What one node answered; `line` is absent when it said nothing readable in time. `status` is SSM's, or `refused` (SSM does not take the node),
 * `unsent` (it could not be sent in time), `sent` (what was sent to it has not ended). Of several copies the one tells that may have run.
 */
export type Answer = Readonly<{ node: NodeId; cell: Cell; commandId: CommandId | null; line: ResultLine | undefined; status: string }>

/** A command that every node recognises by its token, whatever is sent twice: one that only reads, or one under the node's marker. */
export type Question = Readonly<{
  token: Token
  document: CommandOrder['document']
  /** When the asking was journalled: commands of this token since then are adopted. */
  askedAt: Instant
  /** After this a node that has not answered counts as silent. */
  until: Instant
  /** Nothing begins on a node after this; absent: as long as an answer can come in time. */
  startBefore?: Instant
  /** Asked before each send, for something may forbid it by now. Absent: nothing does. */
  mayBegin?: () => boolean
  executionSeconds: number
}>

/** Nodes that get the same parameters. */
export type Part = Readonly<{ nodes: readonly NodeId[]; parameters: Readonly<Record<string, string>> }>

/** SSM's list of commands may lag behind itself for about a minute; after twice that it shows what was sent. */
export const SETTLE_MS: Ms = 2 * MINUTE

/** How far before its intent what was sent is looked for: the clock of the host that put it on record, and AWS's, may differ. */
export const SKEW_MS: Ms = 15 * MINUTE

/** SSM takes at most so many ids in one SendCommand. */
const NODES_MAX = 50

/** Answers are read in this rhythm at first; the pause doubles up to a minute. So does the one after a send that failed. */
const FIRST_MS: Ms = 5 * SECOND

/** How long a node has to pick a command up. */
const DELIVERY_MS: Ms = 10 * MINUTE

/** Sends a reading command to any number of nodes and gathers the answers. Reading changes nothing, so a repeat after a crash is harmless. */
export async function ask(
  world: World,
  question: Question &
    Readonly<{ parameters: Part['parameters']; nodes: readonly Readonly<{ node: NodeId; account: string; region: string }>[] }>,
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  const { parameters } = question
  const cells = Map.groupBy(question.nodes, (node) => cellKey(node))
  const work = async ([key, nodes]: readonly [string, readonly Readonly<{ node: NodeId }>[]]): Promise<readonly Answer[]> => {
    const found: Answer[] = []
    for await (const some of asking(world, cellOf(key), question, [{ nodes: nodes.map(({ node }) => node), parameters }], signal))
      found.push(...some)
    return found
  }
  return (await Promise.all([...cells].map(work))).flat()
}

/**
 * Sends to nodes of one cell, 50 a call, and yields answers as they come; each node once, the silent ones at the end. Commands of the same token
 * that SSM knows already are read instead of sent again.
 */
export function asking(
  world: World,
  cell: Cell,
  question: Question,
  parts: readonly Part[],
  signal: AbortSignal,
): AsyncGenerator<readonly Answer[], void, undefined> {
  return new Asking(world, cell, question, signal).go(parts)
}

function fifties(nodes: readonly NodeId[], parameters: Part['parameters']): Part[] {
  const count = Math.ceil(nodes.length / NODES_MAX)
  return Array.from({ length: count }, (_, index) => ({ nodes: nodes.slice(index * NODES_MAX, (index + 1) * NODES_MAX), parameters }))
}

/** What a copy of the command came to in a node that has not answered. A `line` says that it came too late, or waited for the node's lock in vain. */
type Copy = Readonly<{ status: string; line?: ResultLine | undefined }>

/** What is known of a node that has not answered: each copy that was sent to it, or why there is none. */
type Silence = { refusal: 'unsent' | 'refused'; readonly copies: Map<CommandId, Copy> }

/** A send's end. `unclear`: an answer was lost, so that a copy may be under way. */
type Sent = Readonly<{ id: CommandId | undefined; refused: readonly NodeId[]; unclear: boolean }>

/** A copy that has not ended. */
const SENT: Copy = { status: 'sent' }

/** Whether nothing of a copy can have run on the node. */
const isIdle = ({ status, line }: Copy): boolean => neverRan(status) || line !== undefined

class Asking {
  readonly #world: World
  readonly #cell: Cell
  readonly #question: Question
  readonly #signal: AbortSignal
  /** Who has not answered. */
  readonly #open = new Map<NodeId, Silence>()
  /** Commands that have not ended in all their nodes. */
  readonly #running = new Set<CommandId>()
  /** Whom a copy may have reached that nobody has seen. Looked for when SSM's list has settled: what it does not show then was not sent. */
  readonly #unseen = new Set<NodeId>()
  #settledAt: Instant

  constructor(world: World, cell: Cell, question: Question, signal: AbortSignal) {
    this.#world = world
    this.#cell = cell
    this.#question = question
    this.#signal = signal
    this.#settledAt = plus(world.clock.now(), SETTLE_MS)
  }

  async *go(parts: readonly Part[]): AsyncGenerator<readonly Answer[], void, undefined> {
    const { clock } = this.#world
    const { askedAt } = this.#question
    for (const { nodes } of parts) for (const node of nodes) this.#open.set(node, { refusal: 'unsent', copies: new Map() })
    if (clock.now() - askedAt >= SECOND) {
      // Somebody asked this before, and may have sent it a moment ago.
      for (const node of this.#open.keys()) this.#unseen.add(node)
      await this.#adopt()
    }
    for (const { nodes, parameters } of parts) {
      const left = nodes.filter((node) => known(this.#open.get(node), 'the node').copies.size === 0)
      for (const part of fifties(left, parameters)) await this.#sendPart(part)
    }
    yield* this.#gather()
  }

  async #sendPart(part: Part): Promise<void> {
    if (this.#signal.aborted) return
    const { id, refused, unclear } = await this.#send(part)
    const gone = new Set(refused)
    for (const node of part.nodes) {
      const silence = known(this.#open.get(node), 'the node')
      if (gone.has(node)) silence.refusal = 'refused'
      else if (id !== undefined) silence.copies.set(id, SENT)
      if (unclear) this.#unseen.add(node)
    }
    if (unclear) this.#settledAt = plus(this.#world.clock.now(), SETTLE_MS)
    if (id !== undefined) this.#running.add(id)
  }

  /** Tries until it can be in time no more. What may have been sent is sent again: the node knows the token. */
  async #send(part: Part): Promise<Sent> {
    const { token, document, executionSeconds, until, mayBegin = () => true } = this.#question
    const { clock, commands, log } = this.#world
    const signal = this.#signal
    const startBefore = wholeSecond(earliest(this.#question.startBefore ?? until, until, plus(clock.now(), DELIVERY_MS)))
    const order: CommandOrder = { cell: this.#cell, token, document, ...part, startBefore, executionSeconds }
    let left = part.nodes
    let unclear = false
    for (let pause = FIRST_MS; left.length > 0 && !signal.aborted && clock.now() < plus(startBefore, -31 * SECOND); pause = longer(pause)) {
      if (!mayBegin()) break
      try {
        const { commandId } = await commands.send({ ...order, nodes: left }, signal)
        return { id: commandId, refused: without(part.nodes, left), unclear }
      } catch (error) {
        if (!(error instanceof PatchwaveError)) throw error
        log.warn(`ask ${token}: ${error.code}: ${error.message}`)
        const named = new Set(String(error.more.detail?.['nodes'] ?? '').split(','))
        const before = left.length
        left = left.filter((node) => !named.has(node))
        if (left.length < before) continue
        unclear ||= error.code === 'aws.unclear'
        if (error.more.detail?.['error'] === 'TooLate') break
        if (!sendMayPass(error)) return { id: undefined, refused: part.nodes, unclear }
        await clock.sleep(plus(clock.now(), pause), signal)
      }
    }
    return { id: undefined, refused: without(part.nodes, left), unclear }
  }

  /** Takes the commands of this token that SSM shows for copies that nobody has seen yet. */
  async #adopt(): Promise<void> {
    for await (const seen of this.#world.commands.sweep(this.#cell, plus(this.#question.askedAt, -SKEW_MS), this.#signal)) {
      if (seen.comment === this.#question.token) this.#take(seen)
    }
  }

  #take({ commandId, nodes }: CommandSeen): void {
    for (const node of nodes) {
      const copies = this.#open.get(node)?.copies
      if (copies === undefined || copies.has(commandId)) continue
      copies.set(commandId, SENT)
      this.#running.add(commandId)
    }
  }

  async *#gather(): AsyncGenerator<readonly Answer[], void, undefined> {
    const { clock } = this.#world
    const { until } = this.#question
    for (let pause = FIRST_MS; this.#open.size > 0 && (this.#running.size > 0 || this.#unseen.size > 0); pause = longer(pause)) {
      await clock.sleep(this.#nextLook(pause), this.#signal)
      if (this.#signal.aborted) return
      if (this.#unseen.size > 0 && clock.now() >= this.#settledAt) {
        await this.#adopt()
        this.#unseen.clear()
      }
      const said: Answer[] = []
      for (const id of [...this.#running]) said.push(...(await this.#readAnswers(id)))
      if (said.length > 0) yield said
      if (clock.now() >= until && this.#unseen.size === 0) break
    }
    if (this.#open.size > 0 && !this.#signal.aborted) yield [...this.#open].map(([node, silence]) => this.#silent(node, silence))
  }

  /** In its rhythm until time is over; what nobody has seen yet is waited for beyond it. */
  #nextLook(pause: Ms): Instant {
    const now = this.#world.clock.now()
    const { until } = this.#question
    if (this.#running.size === 0 || now >= until) return latest(now, this.#settledAt)
    return earliest(plus(now, pause), until)
  }

  /** What is new of a command. That a copy of it came too late, or got no lock, is only kept: another copy may say more. */
  async #readAnswers(commandId: CommandId): Promise<readonly Answer[]> {
    const answers: Answer[] = []
    let ended = true
    for (const [node, one] of await shownOf(this.#world, { cell: this.#cell, commandId }, this.#signal)) {
      const { status } = one
      const silence = this.#open.get(node)
      if (!one.ended) ended = false
      if (!one.ended || silence === undefined) continue
      const line = lineOf(one, this.#question)
      silence.copies.set(commandId, { status, line })
      if (line === undefined || !this.#isLastWord(node, line)) continue
      this.#open.delete(node)
      this.#unseen.delete(node)
      answers.push({ node, cell: this.#cell, commandId, line, status })
    }
    // SSM may not show all its nodes yet.
    if (ended && ![...this.#open.values()].some(({ copies }) => copies.get(commandId) === SENT)) this.#running.delete(commandId)
    return answers
  }

  #isLastWord(node: NodeId, { reason }: ResultLine): boolean {
    const copies = this.#open.get(node)?.copies.size ?? 0
    return reason !== 'too-late' && (!BEFORE_MARKER.has(reason) || (copies === 1 && !this.#unseen.has(node)))
  }

  #silent(node: NodeId, { refusal, copies }: Silence): Answer {
    const all = [...copies].map(([commandId, copy]) => ({ commandId, ...copy }))
    const tells = all.find((copy) => !isIdle(copy)) ?? all.find(({ line }) => line !== undefined) ?? all[0]
    return { node, cell: this.#cell, commandId: tells?.commandId ?? null, line: tells?.line, status: tells?.status ?? refusal }
  }
}

/**
 * All parts of a command that SSM shows, or the one of `node` alone; a node that a later page shows once more counts once. None of a command that
 * SSM does not know: what was just sent may not be shown yet, what is old may be forgotten.
 */
export async function shownOf(
  { commands }: Pick<World, 'commands'>,
  { cell, commandId, node }: Readonly<{ cell: Cell; commandId: CommandId; node?: NodeId | undefined }>,
  signal: AbortSignal,
): Promise<ReadonlyMap<NodeId, InvocationSeen>> {
  const shown = new Map<NodeId, InvocationSeen>()
  try {
    for await (const one of commands.invocations(cell, commandId, signal, node)) shown.set(one.node, one)
  } catch (error) {
    if (!(error instanceof PatchwaveError) || error.code !== 'aws.missing') throw error
  }
  return shown
}

/**
 * Words of a copy that may have left no marker on its node: it waited for the lock in vain, or the marker found no room on the disk. Another copy
 * may still begin.
 */
export const BEFORE_MARKER: ReadonlySet<string> = new Set(['lock-held', 'disk-full'])

/** Whether a send that failed may be tried again: nothing is wrong with the nodes. So it is where a request stood still until AWS calls its time wrong. */
export const sendMayPass = ({ retryable, code }: PatchwaveError): boolean => retryable || code === 'aws.unclear' || code === 'clock.skewed'

const longer = (pause: Ms): Ms => Math.min(MINUTE, pause * 2)

function without(nodes: readonly NodeId[], some: readonly NodeId[]): readonly NodeId[] {
  const gone = new Set(some)
  return nodes.filter((node) => !gone.has(node))
}

function lineOf({ output }: InvocationSeen, { token }: Question): ResultLine | undefined {
  const line = readResult(output)
  return line?.token === token ? line : undefined
}

const wholeSecond = (at: Instant): Instant => (Math.floor(at / SECOND) * SECOND) as Instant
