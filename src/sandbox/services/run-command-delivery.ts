import type { Cell } from '../../kit/ids.ts'
import { earliest, type Instant, plus, SECOND } from '../../kit/instant.ts'
import type { CommandFacts, StatusEvents } from '../events.ts'
import { RETRY_MS, runOrder } from '../nodes/agent.ts'
import { pickUpMs } from '../nodes/fate.ts'
import { type SimulatedNode, stepUp } from '../nodes/node.ts'
import { runRealOrder } from '../nodes/real-order.ts'
import type { Surroundings } from '../nodes/surroundings.ts'
import type { CommandRecord, Detail, Invocation } from './run-command-record.ts'
import { STATUS } from './run-command-record.ts'

/** Brings commands to their nodes and their reports back. */
export class Delivery {
  readonly #around: Surroundings
  readonly #events: StatusEvents

  constructor(around: Surroundings, events: StatusEvents) {
    this.#around = around
    this.#events = events
  }

  /** Starts a command; its clocks run from now on. */
  start(command: CommandRecord): void {
    if (command.ended) return
    void this.#ramp(command)
    void this.#expire(command)
  }

  /** CancelCommand: what has not started is cancelled at once, what runs is asked to stop. */
  cancel(command: CommandRecord, invocations: readonly Invocation[]): void {
    for (const invocation of invocations) {
      if (invocation.detail === 'Pending' || invocation.detail === 'Delayed') this.#move(command, invocation, 'Cancelled')
      else if (this.#move(command, invocation, 'Cancelling')) invocation.cancel.abort('cancel')
    }
  }

  /** One node, then two, four, …: each round waits for the acknowledgements of the one before. */
  async #ramp(command: CommandRecord): Promise<void> {
    let round = 1
    for (let next = 0; next < command.invocations.length && !command.ended; round *= 2) {
      if (command.errors > command.errorsMax) {
        this.#terminate(command)
        return
      }
      const room = command.concurrencyMax - (next - command.completed)
      if (room <= 0) {
        await command.change()
        continue
      }
      const batch = command.invocations.slice(next, next + Math.min(round, room))
      next += batch.length
      await Promise.all(batch.map((invocation) => this.#deliver(command, invocation)))
    }
  }

  /** Resolves when the node has taken it, or when it is plain that it does not answer now. */
  async #deliver(command: CommandRecord, invocation: Invocation): Promise<void> {
    const { clock, alarms } = this.#around
    const { node } = invocation
    await alarms.sleep(stepUp(plus(clock.now(), SECOND)))
    if (invocation.detail !== 'Pending') return
    if (answers(node, clock.now())) {
      await this.#takenUp(command, invocation)
      return
    }
    this.#move(command, invocation, 'Delayed')
    void this.#retry(command, invocation)
  }

  async #takenUp(command: CommandRecord, invocation: Invocation): Promise<void> {
    const { clock, alarms } = this.#around
    await alarms.sleep(stepUp(plus(clock.now(), pickUpMs(invocation.node, this.#around) - SECOND)))
    void this.#admit(command, invocation)
  }

  async #retry(command: CommandRecord, invocation: Invocation): Promise<void> {
    const { clock } = this.#around
    const { node } = invocation
    while (invocation.detail === 'Delayed') {
      const now = clock.now()
      await clock.sleep(earliest(stepUp(node.reachableAt(now) ?? plus(now, RETRY_MS)), command.deliverBefore), command.over.signal)
      if (clock.now() >= command.deliverBefore || command.ended) return
      if (answers(node, clock.now())) await this.#admit(command, invocation)
    }
  }

  /** The agent runs five commands at once; the next one waits on the node. */
  async #admit(command: CommandRecord, invocation: Invocation): Promise<void> {
    const { node } = invocation
    while (node.slotsFree === 0) await node.freeSlot()
    const may = isOpen(invocation) && this.#around.clock.now() < command.deliverBefore
    if (may) this.#begin(command, invocation)
    else node.passSlot()
  }

  #begin(command: CommandRecord, invocation: Invocation): void {
    const { clock } = this.#around
    if (!command.started) {
      command.started = true
      this.#events.command(factsOf(command), 'InProgress')
    }
    invocation.startedAt = clock.now()
    this.#move(command, invocation, 'InProgress')
    invocation.node.slotsFree -= 1
    void this.#run(command, invocation)
  }

  async #run(command: CommandRecord, invocation: Invocation): Promise<void> {
    const { node } = invocation
    const { name, content } = command.draft.document
    const order = {
      commandId: command.id,
      document: name,
      parameters: firstValues(command),
      comment: command.draft.comment,
      requestedAt: command.requestedAt,
      executionMs: command.draft.executionSeconds * SECOND,
      cancel: invocation.cancel,
    }
    const { real } = this.#around
    const report = await (real ? runRealOrder(node, this.#around, real, { ...order, content }) : runOrder(node, this.#around, order))
    node.slotsFree += 1
    node.passSlot()
    if (!report || !isOpen(invocation)) return
    invocation.report = report
    if (report.ended === 'cancelled') this.#move(command, invocation, 'Cancelled')
    else if (report.ended === 'timed-out') this.#move(command, invocation, 'ExecutionTimedOut')
    else this.#move(command, invocation, report.exit === 0 ? 'Success' : 'Failed')
  }

  /** At the delivery timeout what has not started, at the total timeout all that is open. */
  async #expire(command: CommandRecord): Promise<void> {
    const { clock } = this.#around
    await clock.sleep(command.deliverBefore, command.over.signal)
    if (command.ended) return
    for (const invocation of command.invocations) {
      if (invocation.detail === 'Pending' || invocation.detail === 'Delayed') this.#move(command, invocation, 'DeliveryTimedOut')
    }
    await clock.sleep(command.expiresAfter, command.over.signal)
    for (const invocation of command.invocations) this.#move(command, invocation, 'DeliveryTimedOut')
  }

  #terminate(command: CommandRecord): void {
    for (const invocation of command.invocations) if (invocation.detail === 'Pending') this.#move(command, invocation, 'Terminated')
  }

  #move(command: CommandRecord, invocation: Invocation, detail: Detail): boolean {
    if (!command.move(invocation, detail)) return false
    this.#events.invocation(factsOf(command), invocation.node.node, STATUS[detail])
    if (command.ended) this.#events.command(factsOf(command), command.status)
    return true
  }
}

const isOpen = ({ detail }: Invocation): boolean =>
  detail === 'Pending' || detail === 'Delayed' || detail === 'InProgress' || detail === 'Cancelling'

function answers(node: SimulatedNode, now: Instant): boolean {
  const at = node.reachableAt(now)
  return at !== null && at <= now
}

const VALUES = new WeakMap<CommandRecord, Readonly<Record<string, string>>>()

/** Each parameter's first value: one object for all nodes of the command. */
function firstValues(command: CommandRecord): Readonly<Record<string, string>> {
  const known = VALUES.get(command)
  if (known) return known
  const values: Record<string, string> = {}
  for (const [name, parameter] of command.draft.document.parameters ?? [])
    if (parameter.standard !== null) values[name] = parameter.standard
  for (const [name, list] of Object.entries(command.draft.parameters)) values[name] = list[0] ?? ''
  VALUES.set(command, values)
  return values
}

function factsOf(command: CommandRecord): CommandFacts {
  const { draft } = command
  const cell: Cell = draft.cell
  const { parameters, document } = draft
  return {
    cell,
    commandId: command.id,
    document: document.name,
    parameters,
    requestedAt: command.requestedAt,
    expiresAfter: command.expiresAfter,
  }
}
