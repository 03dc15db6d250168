import {
  CreateDocumentCommand,
  CreateMaintenanceWindowCommand,
  DeleteMaintenanceWindowCommand,
  SSMClient,
  UpdateMaintenanceWindowCommand,
  type CreateMaintenanceWindowCommandInput,
  type UpdateMaintenanceWindowCommandInput,
} from '@aws-sdk/client-ssm'
import type { Fact, RunEvent } from '../../src/core/run/event.ts'
import type { RunState } from '../../src/core/run/state.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { readLogbook } from '../../src/engine/logbook.ts'
import type { Service } from '../../src/engine/service.ts'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { HOUR, instant, iso, plus, SECOND, type Instant, type Ms } from '../../src/kit/instant.ts'
import { CONTROL_ACCOUNT, HOME_REGION, userKey } from '../../src/sandbox/callers.ts'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import type { LedgerRow } from '../../src/sandbox/ledger.ts'
import { fleet, group } from '../scenarios/documents.ts'
import { Stage, type EngineProcess, type ProcessOptions, type StageOptions } from '../scenarios/stage.ts'
import { serve, Shelf, type ServeOptions } from './serving.ts'

/** A fact of some run as it became durable. */
export type Heard = Readonly<{ run: string; runbook: string; at: Instant; event: RunEvent }>

/** One `patchwave serve` on the stage. */
export type Serving = Readonly<{ process: EngineProcess; service: Service; ended: Promise<void>; stop: () => Promise<void> }>

export type StartOptions = ProcessOptions & Omit<ServeOptions, 'world' | 'signal'> & Readonly<{ with?: (world: World) => World }>

/** How long after being asked a person answers; null: never. */
export type Answering = (fact: Heard) => Ms | null

/** One AWS and one store that any number of services share; their runbooks, calendar files and people are the test's. */
export class Attack {
  readonly stage: Stage
  readonly shelf = new Shelf()
  readonly heard: Heard[] = []
  /** iCalendar files by path; what is not there cannot be read. */
  readonly files = new Map<string, string>()
  answering: Answering = () => 0
  readonly #ssm: SSMClient

  constructor(runbooks: readonly Runbook[], options: Partial<StageOptions> = {}) {
    this.stage = new Stage({ fleet: fleet([group('prod-us', 4)]), ...options })
    for (const one of runbooks) this.shelf.put(one)
    const credentials = { accessKeyId: userKey(CONTROL_ACCOUNT, 'operator'), secretAccessKey: 'sandbox' }
    this.#ssm = new SSMClient({ region: HOME_REGION, credentials, maxAttempts: 1, requestHandler: sandboxHandler(this.stage.sandbox) })
  }

  get now(): Instant {
    return this.stage.clock.now()
  }

  async start({ with: change = (world) => world, ...options }: StartOptions = {}): Promise<Serving> {
    const process = await this.stage.start(options)
    const stop = new AbortController()
    const world = change({ ...process.world, files: { text: (path) => this.#text(path) } })
    const service = serve(process, this.shelf, {
      beatMs: 10 * SECOND,
      ...options,
      world,
      signal: stop.signal,
      listen: (state, fact, sealed) => {
        this.hear(state, fact)
        options.listen?.(state, fact, sealed)
      },
    })
    const ended = service.run()
    ended.catch(() => undefined)
    return {
      process,
      service,
      ended,
      stop: () => {
        stop.abort()
        return ended
      },
    }
  }

  until(at: Instant): Promise<void> {
    return this.stage.clock.sleep(at)
  }

  /** Facts of one type, of all runs. */
  all<T extends RunEvent['type']>(type: T): (Heard & Readonly<{ event: Extract<RunEvent, { type: T }> }>)[] {
    return this.heard.filter((one): one is Heard & Readonly<{ event: Extract<RunEvent, { type: T }> }> => one.event.type === type)
  }

  /** `act outcome` of every run, in the order of their requests. */
  async outcomes(): Promise<string[]> {
    return (await this.stage.store.runs()).map(({ act, outcome }) => `${act} ${outcome ?? 'unfinished'}`)
  }

  /** Scripts that changed nodes, as the nodes saw it. */
  changes(): readonly LedgerRow[] {
    return this.stage.sandbox.ledger().filter(({ document }) => document === 'Patchwave-Apply')
  }

  /** When they began. */
  begun(): Instant[] {
    return this.changes().map(({ startedAt }) => instant(Date.parse(startedAt)))
  }

  /** Types of what stands in the journal of a runbook's schedule, each with one of its values. */
  async logbook(runbook: string, key = 'reason'): Promise<string[]> {
    const told: string[] = []
    for await (const { type, data } of readLogbook(this.stage.store, runbook)) {
      const value = data[key]
      told.push(typeof value === 'string' ? `${type} ${value}` : type)
    }
    return told
  }

  async window(input: Partial<CreateMaintenanceWindowCommandInput> = {}): Promise<string> {
    const sundays = { Name: 'sundays', Schedule: 'cron(0 3 ? * SUN *)', Duration: 6, Cutoff: 1, AllowUnassociatedTargets: false }
    const { WindowId = '' } = await this.#said(() => this.#ssm.send(new CreateMaintenanceWindowCommand({ ...sundays, ...input })))
    return WindowId
  }

  async change(WindowId: string, input: Omit<UpdateMaintenanceWindowCommandInput, 'WindowId'>): Promise<void> {
    await this.#said(() => this.#ssm.send(new UpdateMaintenanceWindowCommand({ WindowId, ...input })))
  }

  async remove(WindowId: string): Promise<void> {
    await this.#said(() => this.#ssm.send(new DeleteMaintenanceWindowCommand({ WindowId })))
  }

  async changeCalendar(Name: string, ...events: readonly string[]): Promise<void> {
    const Content = ics('X-CALENDAR-TYPE:DEFAULT_OPEN', ...events)
    await this.#said(() =>
      this.#ssm.send(new CreateDocumentCommand({ Name, Content, DocumentType: 'ChangeCalendar', DocumentFormat: 'TEXT' })),
    )
  }

  /** Somebody else's call: it takes no time. */
  #said<T>(call: () => Promise<T>): Promise<T> {
    return this.stage.clock.hold(call)
  }

  #text(path: string): Promise<string> {
    const text = this.files.get(path)
    return text === undefined
      ? Promise.reject(new PatchwaveError('file.unreadable', `${path} cannot be read`, { hint: 'look' }))
      : Promise.resolve(text)
  }

  /** What a run recorded; whoever is asked answers as `answering` says. */
  hear(state: RunState, { at, event }: Fact): void {
    const heard = { run: state.run, runbook: state.plan.runbook.name, at, event }
    this.heard.push(heard)
    if (event.type !== 'ApprovalAsked') return
    const afterMs = this.answering(heard)
    if (afterMs === null) return
    void this.stage.clock.sleep(plus(this.now, afterMs)).then(async () => {
      for (let person = 1; person <= event.count; person += 1)
        await this.stage.steer(state.run, { what: 'approve', by: `rehearsal:${event.group}/${String(person)}` })
    })
  }
}

/** Plays it in virtual time. */
export async function attack(
  runbooks: readonly Runbook[],
  play: (attack: Attack) => Promise<void>,
  options: Partial<StageOptions> = {},
): Promise<Attack> {
  const one = new Attack(runbooks, options)
  await one.stage.run(() => play(one))
  return one
}

/** An iCalendar text of these parts. */
export const ics = (...parts: readonly string[]): string =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//test//EN', ...parts, 'END:VCALENDAR', ''].join('\r\n')

/** An event from one instant to another. */
export const event = (from: Instant, to: Instant, title = 'Inventory'): string =>
  ['BEGIN:VEVENT', `UID:${String(from)}`, 'DTSTAMP:20260101T000000Z', `SUMMARY:${title}`, `DTSTART:${stamp(from)}`, `DTEND:${stamp(to)}`, 'END:VEVENT'].join('\r\n') // prettier-ignore

const stamp = (at: Instant): string => `${iso(at).slice(0, 19).replaceAll(/[-:]/g, '')}Z`

/** The first Sunday's opening, and how long its window is open. */
export const SUNDAY = instant(Date.UTC(2026, 0, 4, 3))
export const WINDOW = 'schedule: "cron(0 3 ? * SUN *)", duration: 6h, cutoff: 1h'
export const WINDOW_MS: Ms = 6 * HOUR
