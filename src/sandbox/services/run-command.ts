import { known } from '../../kit/assert.ts'
import { cellKey } from '../../kit/ids.ts'
import { DAY, type Instant, parseInstant, plus, SECOND } from '../../kit/instant.ts'
import type { StatusEvents } from '../events.ts'
import { type Caller, type Service, ServiceError } from '../model.ts'
import { uuidOf } from '../nodes/chance.ts'
import type { SimulatedFleet } from '../nodes/fleet.ts'
import type { Surroundings } from '../nodes/surroundings.ts'
import { Delivery } from './run-command-delivery.ts'
import type { ResolveDocument } from './run-command-document.ts'
import { INSTANCE_ID, positionOf, requiredText, structuresOf, textOf, textsOf, tokenFor, wholeOf } from './run-command-input.ts'
import { CommandRecord, type Invocation, STATUS } from './run-command-record.ts'
import { draftOf } from './run-command-send.ts'
import { commandShape, invocationAnswer, invocationShape } from './run-command-view.ts'

type Input = Readonly<Record<string, unknown>>
type Answer = Record<string, unknown>

/** SSM keeps commands for 30 days. */
const HISTORY_MS = 30 * DAY

/** GetCommandInvocation does not know a command in its first moments. */
const VISIBLE_AFTER_MS = 2 * SECOND

/** SSM Run Command over a simulated fleet: SendCommand, ListCommands, ListCommandInvocations, GetCommandInvocation, CancelCommand. */
export class RunCommand {
  readonly #around: Surroundings
  readonly #fleet: SimulatedFleet
  readonly #resolve: ResolveDocument
  readonly #delivery: Delivery
  /** By cell, the oldest first. */
  readonly #commands = new Map<string, Map<string, CommandRecord>>()
  #sent = 0

  constructor(around: Surroundings, fleet: SimulatedFleet, resolve: ResolveDocument, events: StatusEvents) {
    this.#around = around
    this.#fleet = fleet
    this.#resolve = resolve
    this.#delivery = new Delivery(around, events)
  }

  /** The operations by name. */
  operations(): Service {
    return {
      SendCommand: (input, caller) => this.#send(input, caller),
      ListCommands: (input, caller) => this.#list(input, caller),
      ListCommandInvocations: (input, caller) => this.#listInvocations(input, caller),
      GetCommandInvocation: (input, caller) => this.#invocation(input, caller),
      CancelCommand: (input, caller) => this.#cancel(input, caller),
    }
  }

  #send(input: Input, caller: Caller): Answer {
    const draft = draftOf(input, caller, this.#fleet, this.#resolve)
    const number = this.#sent++
    const command = new CommandRecord(uuidOf(this.#around.seed, 'command', number), number, draft, this.#around.clock.now())
    this.#of(caller).set(command.id, command)
    const answer = { Command: commandShape(command) }
    this.#delivery.start(command)
    return answer
  }

  #list(input: Input, caller: Caller): Answer {
    const id = textOf(input, 'CommandId', { min: 36, max: 36 })
    const node = textOf(input, 'InstanceId', { pattern: INSTANCE_ID })
    const limit = wholeOf(input, 'MaxResults', 1, 50) ?? 50
    const filters = filtersOf(input, LIST_FILTERS)
    if (node !== undefined && filters.some(({ key, value }) => key === 'Status' && value === 'Pending')) {
      throw new ServiceError('InvalidFilterKey', 'The status Pending cannot be combined with an instance ID.')
    }
    const visibleBefore = plus(this.#around.clock.now(), -this.#around.faults().listCommands.lagMs)
    const below = Number(positionOf(input, 'ListCommands') ?? Number.MAX_SAFE_INTEGER)
    const page: CommandRecord[] = []
    for (const command of this.#newestFirst(caller)) {
      if (command.order >= below || command.requestedAt > visibleBefore) continue
      if ((id !== undefined && command.id !== id) || (node !== undefined && !command.byNode.has(node))) continue
      if (!filters.every((filter) => commandFits(command, filter))) continue
      if (page.length === limit) {
        const last = known(page.at(-1), 'the last command of a page')
        return { Commands: page.map(commandShape), NextToken: tokenFor('ListCommands', String(last.order)) }
      }
      page.push(command)
    }
    return { Commands: page.map(commandShape) }
  }

  #listInvocations(input: Input, caller: Caller): Answer {
    const id = textOf(input, 'CommandId', { min: 36, max: 36 })
    const node = textOf(input, 'InstanceId', { pattern: INSTANCE_ID })
    const limit = wholeOf(input, 'MaxResults', 1, 50) ?? 50
    const details = input['Details'] === true
    const filters = filtersOf(input, INVOCATION_FILTERS)
    const from = Number(positionOf(input, 'ListCommandInvocations') ?? 0)
    const commands = id === undefined ? this.#newestFirst(caller) : [this.#command(caller, id)]
    const page: Record<string, unknown>[] = []
    let position = 0
    for (const { command, invocation } of invocationsOf(commands, node)) {
      if (!filters.every((filter) => invocationFits(command, invocation, filter)) || position++ < from) continue
      if (page.length === limit) {
        return { CommandInvocations: page, NextToken: tokenFor('ListCommandInvocations', String(from + limit)) }
      }
      page.push(invocationShape(command, invocation, details))
    }
    return { CommandInvocations: page }
  }

  #invocation(input: Input, caller: Caller): Answer {
    const id = requiredText(input, 'CommandId', { min: 36, max: 36 })
    const node = requiredText(input, 'InstanceId', { pattern: INSTANCE_ID })
    const plugin = textOf(input, 'PluginName', { min: 4 })
    const command = this.#commands.get(cellKey(caller))?.get(id)
    const invocation = command?.byNode.get(node)
    if (!command || !invocation || this.#around.clock.now() < plus(command.requestedAt, VISIBLE_AFTER_MS)) {
      throw new ServiceError('InvocationDoesNotExist', '')
    }
    if (plugin !== undefined && plugin !== command.draft.document.plugin) throw new ServiceError('InvalidPluginName', '')
    return invocationAnswer(command, invocation)
  }

  #cancel(input: Input, caller: Caller): Answer {
    const command = this.#command(caller, requiredText(input, 'CommandId', { min: 36, max: 36 }))
    const ids = textsOf(input, 'InstanceIds', 50, INSTANCE_ID) ?? []
    if (new Set(ids).size < ids.length) throw new ServiceError('DuplicateInstanceId', '')
    const invocations = ids.map((id) => {
      const invocation = command.byNode.get(id)
      if (!invocation) throw new ServiceError('InvalidInstanceId', `Instance ${id} is not part of the command.`)
      return invocation
    })
    if (ids.length === 0 && !command.ended) command.cancelled = true
    this.#delivery.cancel(command, ids.length === 0 ? command.invocations : invocations)
    return {}
  }

  #command(caller: Caller, id: string): CommandRecord {
    const command = this.#of(caller).get(id)
    if (!command) throw new ServiceError('InvalidCommandId', '')
    return command
  }

  /** The commands of a cell; those that are past keeping are dropped on the way. */
  #of(caller: Caller): Map<string, CommandRecord> {
    const key = cellKey(caller)
    const commands = this.#commands.get(key) ?? new Map<string, CommandRecord>()
    this.#commands.set(key, commands)
    const keptSince: Instant = plus(this.#around.clock.now(), -HISTORY_MS)
    for (const [id, { requestedAt }] of commands) {
      if (requestedAt >= keptSince) break
      commands.delete(id)
    }
    return commands
  }

  #newestFirst(caller: Caller): readonly CommandRecord[] {
    return [...this.#of(caller).values()].reverse()
  }
}

function* invocationsOf(
  commands: readonly CommandRecord[],
  node: string | undefined,
): Iterable<{ command: CommandRecord; invocation: Invocation }> {
  for (const command of commands) {
    for (const invocation of node === undefined ? command.invocations : [command.byNode.get(node)])
      if (invocation) yield { command, invocation }
  }
}

type Filter = Readonly<{ key: string; value: string }>

const INVOCATION_FILTERS: ReadonlySet<string> = new Set(['InvokedAfter', 'InvokedBefore', 'Status', 'DocumentName'])
const LIST_FILTERS: ReadonlySet<string> = new Set([...INVOCATION_FILTERS, 'ExecutionStage'])

/** Command filters are the one shape whose members are lower case. */
function filtersOf(input: Input, keys: ReadonlySet<string>): readonly Filter[] {
  return (structuresOf(input, 'Filters', 5) ?? []).map((filter) => {
    const key = requiredText(filter, 'key')
    if (!keys.has(key)) throw new ServiceError('InvalidFilterKey', '')
    return { key, value: requiredText(filter, 'value', { min: 1, max: 128 }) }
  })
}

function commandFits(command: CommandRecord, { key, value }: Filter): boolean {
  if (key === 'Status') return value === command.status || value === command.detail
  if (key === 'ExecutionStage') return (value === 'Complete') === command.ended
  return requestFits(command, key, value)
}

function invocationFits(command: CommandRecord, invocation: Invocation, { key, value }: Filter): boolean {
  return key === 'Status' ? value === invocation.detail || value === STATUS[invocation.detail] : requestFits(command, key, value)
}

function requestFits(command: CommandRecord, key: string, value: string): boolean {
  if (key === 'DocumentName') return value === command.draft.document.name
  const at = parseInstant(value)
  if (at === undefined) throw new ServiceError('ValidationException', `The filter value ${value} is not a time.`)
  return key === 'InvokedAfter' ? command.requestedAt > at : command.requestedAt < at
}
