import { known } from '../kit/assert.ts'
import { PatchwaveError } from '../kit/error.ts'
import { cellKey, cellOf, type Cell, type NodeId, type Token } from '../kit/ids.ts'
import { earliest, MINUTE, plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import { readResult, type ResultLine } from '../core/run/verdict.ts'
import type { CommandOrder } from '../ports/commands.ts'
import type { World } from './world.ts'

/** What one node answered to a reading command; `line` is absent when it said nothing readable in time. */
export type Answer = Readonly<{ node: NodeId; cell: Cell; commandId: string | null; line: ResultLine | undefined; status: string }>

export type Question = Readonly<{
  token: Token
  document: CommandOrder['document']
  parameters: Readonly<Record<string, string>>
  nodes: readonly Readonly<{ node: NodeId; account: string; region: string }>[]
  /** When the asking was journalled: commands of this token since then are adopted. */
  askedAt: Instant
  /** After this a node that has not answered counts as silent. */
  until: Instant
  executionSeconds: number
}>

/** Answers are read in this rhythm at first; the pause doubles up to a minute. */
const READ_MS: Ms = 5 * SECOND

/**
 * Sends a reading command to any number of nodes, 50 of one cell a call, and gathers the answers. Reading changes nothing, so a repeat after
 * a crash is harmless; commands of the same token that SSM knows already are read instead of sent again.
 */
export async function ask(world: World, question: Question, signal: AbortSignal): Promise<readonly Answer[]> {
  const cells = Map.groupBy(question.nodes, (node) => cellKey(node))
  const answers = await Promise.all(
    [...cells].map(([key, nodes]) =>
      askCell(
        world,
        question,
        cellOf(key),
        nodes.map((one) => one.node),
        signal,
      ),
    ),
  )
  return answers.flat()
}

async function askCell(
  world: World,
  question: Question,
  cell: Cell,
  nodes: readonly NodeId[],
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  const asked = await adopt(world, question, cell, signal)
  const answers = new Map<NodeId, Answer>(
    nodes.map((node) => [node, { node, cell, commandId: asked.get(node) ?? null, line: undefined, status: 'unsent' }]),
  )
  const left = nodes.filter((node) => !asked.has(node))
  const commands = new Set(asked.values())
  for (let from = 0; from < left.length && !signal.aborted; from += 50) {
    const id = await send(world, question, cell, left.slice(from, from + 50), signal)
    if (id !== undefined) commands.add(id)
  }
  await gather(world, question, cell, commands, answers, signal)
  return [...answers.values()]
}

async function adopt(world: World, question: Question, cell: Cell, signal: AbortSignal): Promise<Map<NodeId, string>> {
  const found = new Map<NodeId, string>()
  if (world.clock.now() - question.askedAt < SECOND) return found
  for await (const seen of world.commands.sweep(cell, plus(question.askedAt, -MINUTE), signal)) {
    if (seen.comment === question.token) for (const node of seen.nodes) found.set(node, seen.commandId)
  }
  return found
}

async function send(
  world: World,
  question: Question,
  cell: Cell,
  nodes: readonly NodeId[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { token, document, parameters, executionSeconds, until } = question
  const order: CommandOrder = {
    cell,
    token,
    document,
    nodes,
    parameters,
    startBefore: wholeSecond(earliest(until, plus(world.clock.now(), 10 * MINUTE))),
    executionSeconds,
  }
  let left = nodes
  for (let tries = 0; tries < 5 && left.length > 0 && !signal.aborted && world.clock.now() < plus(until, -31 * SECOND); tries++) {
    try {
      return (await world.commands.send({ ...order, nodes: left }, signal)).commandId
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      world.log.warn(`ask ${token}: ${error.code}: ${error.message}`)
      const named = new Set(String(error.more.detail?.['nodes'] ?? '').split(','))
      left = left.filter((node) => !named.has(node))
      if (!error.retryable && error.code !== 'aws.unclear' && left.length === order.nodes.length) return undefined
      await world.clock.sleep(plus(world.clock.now(), READ_MS), signal)
    }
  }
  return undefined
}

async function gather(
  world: World,
  question: Question,
  cell: Cell,
  commands: ReadonlySet<string>,
  answers: Map<NodeId, Answer>,
  signal: AbortSignal,
): Promise<void> {
  const open = new Set(commands)
  for (let pause = READ_MS; open.size > 0 && !signal.aborted; pause = Math.min(MINUTE, pause * 2)) {
    await world.clock.sleep(earliest(plus(world.clock.now(), pause), question.until), signal)
    for (const id of [...open]) if (await readAnswers(world, question, cell, id, answers, signal)) open.delete(id)
    if (world.clock.now() >= question.until) return
  }
}

/** Resolves to whether every part of the command has ended. */
async function readAnswers(
  world: World,
  question: Question,
  cell: Cell,
  id: string,
  answers: Map<NodeId, Answer>,
  signal: AbortSignal,
): Promise<boolean> {
  let ended = true
  let parts = 0
  for await (const one of world.commands.invocations(cell, id, signal)) {
    parts += 1
    if (!one.ended) ended = false
    else if (answers.has(one.node)) {
      const line = readResult(one.output)
      const before = known(answers.get(one.node), 'the node')
      if (before.line === undefined)
        answers.set(one.node, { ...before, commandId: id, status: one.status, line: line?.token === question.token ? line : undefined })
    }
  }
  return ended && parts > 0
}

const wholeSecond = (at: Instant): Instant => (Math.floor(at / SECOND) * SECOND) as Instant
