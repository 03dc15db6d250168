import type { Digest } from '../kit/digest.ts'
import type { Cell, CommandId, NodeId, Token } from '../kit/ids.ts'
import type { Instant } from '../kit/instant.ts'

/** One SendCommand: 1-50 nodes of one cell. */
export type CommandOrder = Readonly<{
  cell: Cell
  /** Travels in `Comment` and in the parameters of our own documents. */
  token: Token
  /** `hash` null: a document of others, whose content nobody pins. It gets `parameters` as they are. */
  document: Readonly<{ name: string; hash: Digest | null }>
  nodes: readonly NodeId[]
  /** The document's parameters as in documents/PROTOCOL.md; `Token`, `StartBefore` and `executionTimeout` are added from the order. */
  parameters: Readonly<Record<string, string>>
  /** Checked in the request handler after signing, by SSM as `TimeoutSeconds`, and by the scripts of our own documents. */
  startBefore: Instant
  /** 5-172,800; SSM's execution timeout. */
  executionSeconds: number
}>

export type CommandSeen = Readonly<{
  commandId: CommandId
  /** `Comment` as it came. */
  comment: string
  /** Name of its document, where SSM says it. */
  document?: string
  requestedAt: Instant
  /** After this nothing of it can be open any more. */
  expiresAfter: Instant
  /** No invocation is open any more. */
  ended: boolean
  nodes: readonly NodeId[]
}>

/** One node's part of a command, as SSM shows it. */
export type InvocationSeen = Readonly<{
  node: NodeId
  /** `StatusDetails` without spaces: Pending, InProgress, Delayed, Success, DeliveryTimedOut, ExecutionTimedOut, Failed, Cancelled, Cancelling, Undeliverable, Terminated, InvalidPlatform, AccessDenied. */
  status: string
  ended: boolean
  /** Of the first step that started; null: none has. */
  exitCode: number | null
  /** At most 2,500 characters of stdout, well-formed. */
  output: string
}>

/** SSM Run Command. */
export interface Commands {
  /**
   * Sends once; does not wait for nodes.
   * Not idempotent by itself: SSM has no client token for it. Look the order's token up with `sweep` before sending again.
   * @effect send a command of ours: SendCommand
   * @repeat What may have been sent is looked for by its token first. Sent again it carries the same token: the node's marker runs it once, and
   * repeats the result.
   * @effect send a document of others: SendCommand
   * @repeat Is not made: what may have been sent is looked for by its comment, and else counts as unknown or failed. A document of `onExit` is sent
   * again.
   * @throws `aws.throttled`, `aws.denied`, `aws.invalid` (InvalidInstanceId names the nodes in `detail.nodes` where SSM does), `aws.expired`, `aws.unreachable`: nothing was sent
   * @throws `aws.unclear`: it may have been sent; any other code: nothing was
   * @throws `aws.stale`: a document of others that waited too long to leave, and was kept back
   */
  send(order: CommandOrder, signal: AbortSignal): Promise<Pick<CommandSeen, 'commandId' | 'requestedAt' | 'expiresAfter'>>
  /** Commands of this cell requested since then, newest first, whoever sent them. SSM may lag about a minute behind itself. @looks */
  sweep(cell: Cell, since: Instant, signal: AbortSignal): AsyncIterable<CommandSeen>
  /** All invocations of a command, 50 a call; or the one of `node` alone, which is a fiftieth of the answer. @looks */
  invocations(cell: Cell, commandId: CommandId, signal: AbortSignal, node?: NodeId): AsyncIterable<InvocationSeen>
  /**
   * Asks to stop what has not started on these nodes. Best effort. One that SSM refuses (`aws.invalid`) keeps none of the others from being asked.
   * @effect cancel what has not started: CancelCommand
   * @repeat Is asked only of invocations that still have not started; one that is cancelled stays so.
   */
  cancel(cell: Cell, commandId: CommandId, nodes: readonly NodeId[], signal: AbortSignal): Promise<void>
  /** Up to 24,000 characters of one node's stdout. @looks */
  output(cell: Cell, commandId: CommandId, node: NodeId, signal: AbortSignal): Promise<string>
}

/** The SSM documents of a cell. */
export interface Documents {
  /** Whether the cell has a document of this name, its own or one that AWS shows to everybody. @looks */
  has(cell: Cell, name: string, signal: AbortSignal): Promise<boolean>
  /**
   * Makes the document exist with this content and returns the version that has its hash.
   * @effect register a document of ours: CreateDocument, UpdateDocument, UpdateDocumentDefaultVersion
   * @repeat Looks for a version with the same hash first: what is there is not made again, and made the default only where it is not.
   */
  ensure(
    cell: Cell,
    document: Readonly<{ name: string; content: string; hash: Digest }>,
    signal: AbortSignal,
  ): Promise<Readonly<{ version: string; created: boolean }>>
}
