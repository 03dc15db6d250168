import type { Command, CommandInvocation } from '@aws-sdk/client-ssm'
import { assert } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell, type CommandId, type NodeId } from '../../kit/ids.ts'
import { instant, iso, isoSeconds, plus, SECOND, type Instant } from '../../kit/instant.ts'
import { clean } from './text.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Commands, CommandOrder, CommandSeen, InvocationSeen } from '../../ports/commands.ts'
import type { Calls } from './calls.ts'
import { failedAs, namedAs } from './errors.ts'
import { chunks, from, pagesOf } from './pages.ts'

/** `InstanceIds` of SendCommand and CancelCommand (service model). */
const NODES_MAX = 50
/** Bounds of `TimeoutSeconds` (service model). */
const TIMEOUT_SECONDS_MIN = 30
const TIMEOUT_SECONDS_MAX = 2_592_000
const PAGE = 50
/** `CommandPlugin.Output` and `StandardOutputContent` (service model). */
const PLUGIN_OUTPUT_MAX = 2_500
const OUTPUT_MAX = 24_000
/** `Comment` and `StatusDetails` are at most this long. */
const TEXT_MAX = 100
/** A command that was just sent is not found for some seconds (eventual consistency): this often, this many seconds apart. */
const OUTPUT_TRIES = 5
const OUTPUT_PAUSE_SECONDS = 2

const OPEN = new Set(['Pending', 'InProgress', 'Delayed', 'Cancelling'])

/** SSM Run Command over the SDK. */
export function commandsOver(calls: Calls, clock: Clock): Commands {
  return {
    send: (order, signal) => send(calls, clock, order, signal),
    sweep: (cell, since, signal) => sweep(calls, cell, since, signal),
    invocations: (cell, commandId, signal, node) => invocations(calls, { cell, commandId, node }, signal),
    cancel: (cell, commandId, nodes, signal) => cancel(calls, cell, commandId, nodes, signal),
    output: (cell, commandId, node, signal) => output(calls, clock, { cell, commandId, node }, signal),
  }
}

async function send(
  calls: Calls,
  clock: Clock,
  order: CommandOrder,
  signal: AbortSignal,
): Promise<Pick<CommandSeen, 'commandId' | 'requestedAt' | 'expiresAfter'>> {
  assert(order.nodes.length > 0 && order.nodes.length <= NODES_MAX, 'a command has 1 to 50 nodes')
  const leaving = (): void => {
    if (clock.now() >= order.startBefore) throw tooLate(order, 'the request would leave too late')
  }
  // No marker keeps a document of others from running beside what a successor does: like what changes who serves, it leaves soon or not at all.
  const fresh = order.document.hash === null ? { fresh: calls.now } : {}
  const call = { cell: order.cell, operation: 'SendCommand', kind: 'once', signal, leaving, ...fresh } as const
  return calls.ssm(call, async ({ sdk, client, options }) => {
    // Computed here, after the wait for quota: what is left of the time counts.
    const seconds = Math.floor((order.startBefore - clock.now()) / SECOND)
    if (seconds < TIMEOUT_SECONDS_MIN) throw tooLate(order, `${String(seconds)} s are left, SSM takes no delivery time under 30 s`)
    const timeout = Math.min(seconds, TIMEOUT_SECONDS_MAX)
    const answer = await client.send(
      new sdk.SendCommandCommand({
        DocumentName: order.document.name,
        ...(order.document.hash !== null && { DocumentHash: order.document.hash, DocumentHashType: 'Sha256' as const }),
        InstanceIds: [...order.nodes],
        Comment: order.token,
        TimeoutSeconds: timeout,
        Parameters: parametersOf(order),
        // SSM's own brake is off: the default would leave nodes unpatched (`Terminated`) after the first failure. Gates and budgets are ours.
        MaxConcurrency: String(NODES_MAX),
        MaxErrors: '100%',
      }),
      options,
    )
    return sent(answer.Command, order, plus(clock.now(), (timeout + order.executionSeconds) * SECOND))
  })
}

function sent(
  command: Command | undefined,
  order: CommandOrder,
  longest: Instant,
): Pick<CommandSeen, 'commandId' | 'requestedAt' | 'expiresAfter'> {
  if (command?.CommandId === undefined) {
    throw new PatchwaveError('aws.unclear', `ssm.SendCommand in ${cellKey(order.cell)} answered without a command id`, {
      hint: 'look up the token before sending again',
      detail: { cell: cellKey(order.cell), call: 'ssm.SendCommand' },
    })
  }
  return { commandId: command.CommandId, ...timesOf(command, longest) }
}

const parametersOf = (order: CommandOrder): Record<string, string[]> => ({
  ...Object.fromEntries(Object.entries(order.parameters).map(([name, value]) => [name, [value]])),
  ...(order.document.hash !== null && ownParameters(order)),
})

const ownParameters = (order: CommandOrder): Record<string, string[]> => ({
  Token: [order.token],
  StartBefore: [String(Math.floor(order.startBefore / SECOND))],
  executionTimeout: [String(order.executionSeconds)],
})

const tooLate = ({ cell, token, startBefore }: CommandOrder, why: string): PatchwaveError =>
  new PatchwaveError('aws.invalid', `too late: ${token} must start before ${iso(startBefore)}; ${why}; nothing was sent`, {
    hint: 'the nodes wait for the next window',
    detail: { cell: cellKey(cell), call: 'ssm.SendCommand', error: 'TooLate' },
  })

async function* sweep(calls: Calls, cell: Cell, since: Instant, signal: AbortSignal): AsyncGenerator<CommandSeen> {
  // The filter knows whole seconds, and means "after": one second earlier loses nothing.
  const Filters = [{ key: 'InvokedAfter' as const, value: isoSeconds(plus(since, -SECOND)) }]
  const pages = pagesOf(
    (token) =>
      calls.ssm({ cell, operation: 'ListCommands', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.ListCommandsCommand({ Filters, MaxResults: PAGE, ...from(token) }), options),
      ),
    (page) => page.NextToken,
  )
  for await (const page of pages) {
    for (const command of page.Commands ?? []) if (command.CommandId !== undefined) yield commandSeen(command.CommandId, command)
  }
}

const commandSeen = (commandId: CommandId, command: Command): CommandSeen => ({
  commandId,
  comment: clean(command.Comment ?? '', TEXT_MAX),
  document: clean(command.DocumentName ?? '', TEXT_MAX),
  ...timesOf(command, instant(0)),
  ended: command.Status !== undefined && !OPEN.has(command.Status),
  nodes: command.InstanceIds ?? [],
})

function timesOf(command: Command, longest: Instant): Pick<CommandSeen, 'requestedAt' | 'expiresAfter'> {
  const requestedAt = instant(command.RequestedDateTime?.getTime() ?? longest)
  return { requestedAt, expiresAfter: instant(command.ExpiresAfter?.getTime() ?? Math.max(longest, requestedAt)) }
}

type Asked = Readonly<{ cell: Cell; commandId: CommandId; node: NodeId | undefined }>

async function* invocations(calls: Calls, { cell, commandId, node }: Asked, signal: AbortSignal): AsyncGenerator<InvocationSeen> {
  const only = node === undefined ? {} : { InstanceId: node }
  const pages = pagesOf(
    (token) =>
      calls.ssm({ cell, operation: 'ListCommandInvocations', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(
          new sdk.ListCommandInvocationsCommand({ CommandId: commandId, ...only, Details: true, MaxResults: PAGE, ...from(token) }),
          options,
        ),
      ),
    (page) => page.NextToken,
  )
  for await (const page of pages) {
    for (const one of page.CommandInvocations ?? []) if (one.InstanceId !== undefined) yield invocationSeen(one.InstanceId, one)
  }
}

function invocationSeen(node: NodeId, one: CommandInvocation): InvocationSeen {
  const word = statusOf(one.Status ?? '')
  const details = statusOf(one.StatusDetails ?? '')
  const status = details || word || 'Pending'
  const steps = one.CommandPlugins ?? []
  // -1: not started. Of a document with several steps one may have run, whichever SSM names first.
  const code = steps.map(({ ResponseCode }) => ResponseCode).find((each) => each !== undefined && each !== -1)
  return {
    node,
    status,
    ended: !OPEN.has(status) && !OPEN.has(word), // Details that we do not know end nothing that goes on.
    exitCode: code ?? null,
    output: clean(steps[0]?.Output ?? '', PLUGIN_OUTPUT_MAX),
  }
}

/** AWS writes `Delivery Timed Out` in some places, and `Canceled` in others. */
const statusOf = (details: string): string =>
  clean(details, TEXT_MAX)
    .replaceAll(/\s/g, '')
    .replace(/^Canceled$/, 'Cancelled')

async function cancel(calls: Calls, cell: Cell, commandId: CommandId, nodes: readonly NodeId[], signal: AbortSignal): Promise<void> {
  const refused: PatchwaveError[] = []
  // An empty list would mean all nodes of the command.
  for (const some of chunks(nodes, NODES_MAX)) refused.push(...(await cancelSome(calls, { cell, commandId, nodes: some }, signal)))
  const [first] = refused
  if (first) throw first
}

type Some = Readonly<{ cell: Cell; commandId: CommandId; nodes: readonly NodeId[] }>

/** SSM refuses a list for one node that is gone, and such nodes are those that wait: then the others are cancelled without it. Resolves to the refusals. */
async function cancelSome(calls: Calls, { cell, commandId, nodes }: Some, signal: AbortSignal): Promise<readonly PatchwaveError[]> {
  try {
    await calls.ssm({ cell, operation: 'CancelCommand', kind: 'repeatable', signal }, ({ sdk, client, options }) =>
      client.send(new sdk.CancelCommandCommand({ CommandId: commandId, InstanceIds: [...nodes] }), options),
    )
    return []
  } catch (error) {
    if (failedAs(error, 'aws.missing')) return [] // A command that AWS has forgotten starts nothing any more.
    if (!namedAs(error, 'InvalidInstanceId')) throw error
    if (nodes.length === 1) return [error]
    const half = Math.ceil(nodes.length / 2)
    const first = await cancelSome(calls, { cell, commandId, nodes: nodes.slice(0, half) }, signal)
    return [...first, ...(await cancelSome(calls, { cell, commandId, nodes: nodes.slice(half) }, signal))]
  }
}

type Place = Readonly<{ cell: Cell; commandId: CommandId; node: NodeId }>

/** Without `PluginName`: SSM wants it only of documents with several steps, and ours have one. */
async function output(calls: Calls, clock: Clock, { cell, commandId, node }: Place, signal: AbortSignal): Promise<string> {
  for (let tried = 1; ; tried++) {
    try {
      const answer = await calls.ssm({ cell, operation: 'GetCommandInvocation', kind: 'read', signal }, ({ sdk, client, options }) =>
        client.send(new sdk.GetCommandInvocationCommand({ CommandId: commandId, InstanceId: node }), options),
      )
      return clean(answer.StandardOutputContent ?? '', OUTPUT_MAX)
    } catch (error) {
      if (!namedAs(error, 'InvocationDoesNotExist') || tried === OUTPUT_TRIES || signal.aborted) throw error
      await clock.sleep(plus(clock.now(), OUTPUT_PAUSE_SECONDS * SECOND), signal)
    }
  }
}
