import { known } from '../kit/assert.ts'
import { PatchwaveError } from '../kit/error.ts'
import { cellKey, cellOf, type Cell, type CommandId, type NodeId, type Token } from '../kit/ids.ts'
import { earliest, MINUTE, plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import { readResult, type ResultLine } from '../core/run/verdict.ts'
import type { CommandOrder, InvocationSeen } from '../ports/commands.ts'
import type { World } from './world.ts'

/**
 * What one node answered; `line` is absent when it said nothing readable in time. `status` is SSM's, or `refused` (SSM does not take the node),
 * `unsent` (it could not be sent in time), `unclear` (it was sent without an answer, and nobody has looked for it yet).
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
  executionSeconds: number
}>

/** Nodes that get the same parameters. */
export type Part = Readonly<{ nodes: readonly NodeId[]; parameters: Readonly<Record<string, string>> }>

/** SSM's list of commands may lag behind itself for about a minute; after twice that it shows what was sent. */
export const SETTLE_MS: Ms = 2 * MINUTE

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
export async function* asking(
  world: World,
  cell: Cell,
  question: Question,
  parts: readonly Part[],
  signal: AbortSignal,
): AsyncGenerator<readonly Answer[], void, undefined> {
  const asked = await adopt(world, question, cell, signal)
  const open = new Map<NodeId, Answer>()
  for (const { nodes } of parts)
    for (const node of nodes) open.set(node, { node, cell, commandId: asked.get(node) ?? null, line: undefined, status: 'unsent' })
  const left = parts.flatMap(({ nodes, parameters }) =>
    fifties(
      nodes.filter((node) => !asked.has(node)),
      parameters,
    ),
  )
  const commands = new Set([...asked.values(), ...(await sendAll(world, question, cell, left, open, signal))])
  yield* gather(world, question, cell, commands, open, signal)
}

function fifties(nodes: readonly NodeId[], parameters: Part['parameters']): Part[] {
  const count = Math.ceil(nodes.length / NODES_MAX)
  return Array.from({ length: count }, (_, index) => ({ nodes: nodes.slice(index * NODES_MAX, (index + 1) * NODES_MAX), parameters }))
}

/**
 * Sends to all, and notes in `open` why one was not sent to. What was sent without an answer is looked up when SSM's list has settled: what it does
 * not show then was not sent.
 */
async function sendAll(
  world: World,
  question: Question,
  cell: Cell,
  parts: readonly Part[],
  open: Map<NodeId, Answer>,
  signal: AbortSignal,
): Promise<readonly CommandId[]> {
  const commands: CommandId[] = []
  let doubtful = false
  for (const part of parts) {
    if (signal.aborted) break
    const { id, refused, unclear } = await send(world, question, cell, part, signal)
    const lost = id === undefined && unclear
    const note = (nodes: readonly NodeId[], status: string): void => {
      for (const node of nodes) open.set(node, { ...known(open.get(node), 'the node'), status })
    }
    if (id !== undefined) commands.push(id)
    if (lost) note(part.nodes, 'unclear')
    note(refused, 'refused')
    doubtful ||= lost
  }
  if (!doubtful) return commands
  await world.clock.sleep(plus(world.clock.now(), SETTLE_MS), signal)
  const shown = await swept(world, question, cell, signal)
  for (const [node, answer] of open)
    if (answer.status === 'unclear' && !shown.has(node) && !signal.aborted) open.set(node, { ...answer, status: 'unsent' })
  return [...commands, ...shown.values()]
}

async function adopt(world: World, question: Question, cell: Cell, signal: AbortSignal): Promise<Map<NodeId, CommandId>> {
  return world.clock.now() - question.askedAt < SECOND ? new Map() : await swept(world, question, cell, signal)
}

/** The commands of this token that SSM shows, by node. */
async function swept(world: World, question: Question, cell: Cell, signal: AbortSignal): Promise<Map<NodeId, CommandId>> {
  const found = new Map<NodeId, CommandId>()
  for await (const seen of world.commands.sweep(cell, plus(question.askedAt, -MINUTE), signal)) {
    if (seen.comment === question.token) for (const node of seen.nodes) found.set(node, seen.commandId)
  }
  return found
}

/** `unclear`: an answer was lost, so that a copy may be under way. */
type Sent = Readonly<{ id: CommandId | undefined; refused: readonly NodeId[]; unclear: boolean }>

/** Tries until it can be in time no more. What may have been sent is sent again: the node knows the token. */
async function send(world: World, question: Question, cell: Cell, part: Part, signal: AbortSignal): Promise<Sent> {
  const { token, document, executionSeconds, until } = question
  const { clock } = world
  const startBefore = wholeSecond(earliest(question.startBefore ?? until, until, plus(clock.now(), DELIVERY_MS)))
  const order: CommandOrder = { cell, token, document, nodes: part.nodes, parameters: part.parameters, startBefore, executionSeconds }
  let left = part.nodes
  let unclear = false
  for (let pause = FIRST_MS; left.length > 0 && !signal.aborted && clock.now() < plus(startBefore, -31 * SECOND); pause = longer(pause)) {
    try {
      const { commandId } = await world.commands.send({ ...order, nodes: left }, signal)
      return { id: commandId, refused: without(part.nodes, left), unclear }
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      world.log.warn(`ask ${token}: ${error.code}: ${error.message}`)
      const named = new Set(String(error.more.detail?.['nodes'] ?? '').split(','))
      const before = left.length
      left = left.filter((node) => !named.has(node))
      if (left.length < before) continue
      unclear ||= error.code === 'aws.unclear'
      if (!error.retryable && error.code !== 'aws.unclear')
        return { id: undefined, refused: unclear ? without(part.nodes, left) : part.nodes, unclear }
      await clock.sleep(plus(clock.now(), pause), signal)
    }
  }
  return { id: undefined, refused: without(part.nodes, left), unclear }
}

const longer = (pause: Ms): Ms => Math.min(MINUTE, pause * 2)

function without(nodes: readonly NodeId[], some: readonly NodeId[]): readonly NodeId[] {
  const gone = new Set(some)
  return nodes.filter((node) => !gone.has(node))
}

async function* gather(
  world: World,
  question: Question,
  cell: Cell,
  commands: ReadonlySet<CommandId>,
  open: Map<NodeId, Answer>,
  signal: AbortSignal,
): AsyncGenerator<readonly Answer[], void, undefined> {
  const running = new Set(commands)
  const { clock } = world
  for (let pause = FIRST_MS; running.size > 0 && open.size > 0; pause = longer(pause)) {
    await clock.sleep(earliest(plus(clock.now(), pause), question.until), signal)
    if (signal.aborted) return
    const said: Answer[] = []
    for (const id of [...running]) {
      const { ended, answers } = await readAnswers(world, question, cell, id, open, signal)
      if (ended) running.delete(id)
      said.push(...answers)
    }
    if (said.length > 0) yield said
    if (clock.now() >= question.until) break
  }
  if (open.size > 0 && !signal.aborted) yield [...open.values()]
}

/** What is new of a command. What a copy of it that came too late says is only kept: another copy may say more. */
async function readAnswers(
  world: World,
  question: Question,
  cell: Cell,
  id: CommandId,
  open: Map<NodeId, Answer>,
  signal: AbortSignal,
): Promise<{ ended: boolean; answers: Answer[] }> {
  const answers: Answer[] = []
  let ended = true
  let parts = 0
  for await (const one of world.commands.invocations(cell, id, signal)) {
    parts += 1
    const before = open.get(one.node)
    if (!one.ended) ended = false
    else if (before) {
      const answer = { ...before, commandId: id, status: one.status, line: lineOf(one, question) ?? before.line }
      open.set(one.node, answer)
      if (answer.line === undefined || answer.line.reason === 'too-late') continue
      open.delete(one.node)
      answers.push(answer)
    }
  }
  return { ended: ended && parts > 0, answers }
}

function lineOf({ output }: InvocationSeen, { token }: Question): ResultLine | undefined {
  const line = readResult(output)
  return line?.token === token ? line : undefined
}

const wholeSecond = (at: Instant): Instant => (Math.floor(at / SECOND) * SECOND) as Instant
