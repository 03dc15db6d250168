import type { Cell } from '../../kit/ids.ts'
import { type Instant, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { Report } from '../nodes/agent.ts'
import { Stop } from '../nodes/alarms.ts'
import type { SimulatedNode } from '../nodes/node.ts'
import type { CommandDocument } from './run-command-document.ts'

/** StatusDetails of an invocation. */
export type Detail =
  | 'Pending'
  | 'InProgress'
  | 'Delayed'
  | 'Success'
  | 'DeliveryTimedOut'
  | 'ExecutionTimedOut'
  | 'Failed'
  | 'Cancelling'
  | 'Cancelled'
  | 'Terminated'

/** The coarse status that goes with each detail (aws-facts: enum CommandInvocationStatus). */
export const STATUS: Readonly<Record<Detail, string>> = {
  Pending: 'Pending',
  InProgress: 'InProgress',
  Delayed: 'Delayed',
  Success: 'Success',
  DeliveryTimedOut: 'TimedOut',
  ExecutionTimedOut: 'TimedOut',
  Failed: 'Failed',
  Cancelling: 'Cancelling',
  Cancelled: 'Cancelled',
  Terminated: 'Cancelled',
}

const TERMINAL: ReadonlySet<Detail> = new Set(['Success', 'DeliveryTimedOut', 'ExecutionTimedOut', 'Failed', 'Cancelled', 'Terminated'])

/** Whether nothing can change it any more. */
export const isTerminal = (detail: Detail): boolean => TERMINAL.has(detail)

/** One node's part of a command. */
export type Invocation = {
  readonly node: SimulatedNode
  detail: Detail
  startedAt: Instant | null
  report: Report | null
  readonly cancel: Stop
}

/** What a valid SendCommand asked for. */
export type Draft = Readonly<{
  cell: Cell
  document: CommandDocument
  comment: string
  parameters: Readonly<Record<string, readonly string[]>>
  instanceIds: readonly string[]
  targets: readonly Readonly<Record<string, unknown>>[]
  nodes: readonly SimulatedNode[]
  timeoutSeconds: number
  executionSeconds: number
  maxConcurrency: string
  maxErrors: string
  /** Members that are echoed as they came. */
  echo: Readonly<Record<string, unknown>>
}>

/** One command and everything that happens to it. Terminal states never change. */
export class CommandRecord {
  readonly id: string
  readonly order: number
  readonly draft: Draft
  readonly requestedAt: Instant
  readonly deliverBefore: Instant
  /** From the total timeout: delivery and execution. */
  readonly expiresAfter: Instant
  readonly invocations: readonly Invocation[]
  readonly byNode: ReadonlyMap<string, Invocation>
  readonly concurrencyMax: number
  readonly errorsMax: number
  completed = 0
  errors = 0
  deliveryTimedOut = 0
  /** CancelCommand named the whole command. */
  cancelled = false
  started = false
  /** Aborts when every invocation has ended. */
  readonly over = new AbortController()
  #woken: () => void = () => undefined

  constructor(id: string, order: number, draft: Draft, requestedAt: Instant) {
    this.id = id
    this.order = order
    this.draft = draft
    this.requestedAt = requestedAt
    this.deliverBefore = plus(requestedAt, draft.timeoutSeconds * SECOND)
    const total: Ms = (draft.timeoutSeconds + draft.executionSeconds) * SECOND
    this.expiresAfter = plus(requestedAt, total)
    this.invocations = draft.nodes.map((node) => ({
      node,
      detail: 'Pending',
      startedAt: null,
      report: null,
      cancel: new Stop(),
    }))
    this.byNode = new Map(this.invocations.map((invocation) => [invocation.node.node, invocation]))
    this.concurrencyMax = Math.max(1, amount(draft.maxConcurrency, draft.nodes.length))
    this.errorsMax = amount(draft.maxErrors, draft.nodes.length)
    if (draft.nodes.length === 0) this.over.abort('over')
  }

  get ended(): boolean {
    return this.completed === this.invocations.length
  }

  /** Moves an invocation; false when it has already ended. */
  move(invocation: Invocation, detail: Detail): boolean {
    if (isTerminal(invocation.detail) || invocation.detail === detail) return false
    invocation.detail = detail
    if (!isTerminal(detail)) return true
    this.completed += 1
    if (detail === 'Failed' || detail === 'ExecutionTimedOut') this.errors += 1
    if (detail === 'DeliveryTimedOut') this.deliveryTimedOut += 1
    if (this.ended) this.over.abort('over')
    this.#woken()
    return true
  }

  /** Resolves when the next invocation ends. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#woken = resolve
    })
  }

  /** StatusDetails of the command. */
  get detail(): string {
    if (this.invocations.length === 0) return 'NoInstancesInTag'
    if (!this.ended) return this.cancelled ? 'Cancelling' : this.started ? 'InProgress' : 'Pending'
    if (this.cancelled && this.invocations.some(({ detail }) => detail === 'Cancelled')) return 'Cancelled'
    if (this.errors > this.errorsMax) return this.#all('ExecutionTimedOut') ? 'ExecutionTimedOut' : 'Failed'
    if (this.#all('DeliveryTimedOut')) return 'DeliveryTimedOut'
    if (this.#all('Cancelled')) return 'Cancelled'
    return this.#all('Success') ? 'Success' : 'Incomplete'
  }

  /** The coarse status of the command. */
  get status(): string {
    return COMMAND_STATUS[this.detail] ?? 'Failed'
  }

  #all(detail: Detail): boolean {
    return this.invocations.every((invocation) => invocation.detail === detail)
  }
}

const COMMAND_STATUS: Readonly<Record<string, string>> = {
  Pending: 'Pending',
  InProgress: 'InProgress',
  Cancelling: 'Cancelling',
  Success: 'Success',
  Cancelled: 'Cancelled',
  Failed: 'Failed',
  Incomplete: 'Failed',
  NoInstancesInTag: 'Success',
  DeliveryTimedOut: 'TimedOut',
  ExecutionTimedOut: 'TimedOut',
}

/** A count, or a share of all rounded down (documents disagree on the rounding). */
function amount(text: string, all: number): number {
  return text.endsWith('%') ? Math.floor((Number(text.slice(0, -1)) / 100) * all) : Number(text)
}
