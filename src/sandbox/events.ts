import type { Cell } from '../kit/ids.ts'
import { type Instant, iso, isoSeconds, plus, SECOND } from '../kit/instant.ts'
import type { Clock } from '../ports/clock.ts'
import type { FaultsFile } from './faults.ts'
import { chance, hits, uuidOf } from './nodes/chance.ts'

/** What the events of one command say of it. */
export type CommandFacts = Readonly<{
  cell: Cell
  commandId: string
  document: string
  parameters: Readonly<Record<string, readonly string[]>>
  requestedAt: Instant
  expiresAfter: Instant
}>

const COMMAND = 'EC2 Command Status-change Notification'
const INVOCATION = 'EC2 Command Invocation Status-change Notification'

/** Takes an event as EventBridge would deliver it. */
export type OnEvent = (event: object, cell: Cell) => void

/** Whether a rule matches events of this kind. */
export type Wanted = (detailType: string, status: string) => boolean

/** EventBridge's status events of Run Command: best effort, so the fault file may lose, double and delay them. */
export class StatusEvents {
  readonly #clock: Clock
  readonly #faults: () => FaultsFile
  readonly #onEvent: OnEvent
  readonly #wanted: Wanted

  /** What nobody listens to is not made: most of what happens begins something. */
  constructor(clock: Clock, faults: () => FaultsFile, onEvent: OnEvent, wanted: Wanted = () => true) {
    this.#clock = clock
    this.#wanted = wanted
    this.#faults = faults
    this.#onEvent = onEvent
  }

  command(facts: CommandFacts, status: string): void {
    if (!this.#wanted(COMMAND, status)) return
    this.#send(facts, COMMAND, status, [], {
      'command-id': facts.commandId,
      'document-name': facts.document,
      'expire-after': iso(facts.expiresAfter),
      parameters: facts.parameters,
      'requested-date-time': iso(facts.requestedAt),
      status,
    })
  }

  invocation(facts: CommandFacts, node: string, status: string): void {
    if (!this.#wanted(INVOCATION, status)) return
    const { region, account } = facts.cell
    this.#send(facts, INVOCATION, status, [`arn:aws:ec2:${region}:${account}:instance/${node}`], {
      'command-id': facts.commandId,
      'document-name': facts.document,
      'instance-id': node,
      'requested-date-time': iso(facts.requestedAt),
      status,
    })
  }

  #send(facts: CommandFacts, detailType: string, status: string, resources: readonly string[], detail: object): void {
    const { seed, events } = this.#faults()
    const purpose = [facts.commandId, resources[0] ?? '', status] as const
    if (hits(events.lost, seed, 'event-lost', ...purpose)) return
    const event = {
      version: '0',
      id: uuidOf(seed, 'event', ...purpose),
      'detail-type': detailType,
      source: 'aws.ssm',
      account: facts.cell.account,
      time: isoSeconds(this.#clock.now()),
      region: facts.cell.region,
      resources,
      detail,
    }
    const copies = hits(events.doubled, seed, 'event-doubled', ...purpose) ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) this.#deliver(event, facts.cell, [...purpose, copy])
  }

  #deliver(event: object, cell: Cell, purpose: readonly (string | number)[]): void {
    const { seed, events } = this.#faults()
    if (!hits(events.late.share, seed, 'event-late', ...purpose)) {
      this.#onEvent(event, cell)
      return
    }
    const lateMs = Math.ceil((chance(seed, 'event-by', ...purpose) * events.late.byMs) / SECOND) * SECOND
    void this.#clock.sleep(plus(this.#clock.now(), lateMs)).then(() => {
      this.#onEvent(event, cell)
    })
  }
}
