import { type Diagnostic, InvalidDocument } from '../kit/error.ts'
import type { Cell } from '../kit/ids.ts'
import type { Clock } from '../ports/clock.ts'
import { Callers, CONTROL_ACCOUNT, HOME_REGION, userArn, userKey } from './callers.ts'
import { type CallRow, Calls, type Exchange } from './calls.ts'
import { type Dispatch, dispatcher } from './dispatch.ts'
import type { FaultsFile } from './faults.ts'
import type { FleetFile } from './fleet-file.ts'
import { idsFrom } from './ids.ts'
import type { Caller } from './model.ts'
import type { RealNodes } from './nodes/real-nodes.ts'
import { buildWorld, type LedgerRow, type NodeView, type World } from './nodes/world.ts'
import { Quotas } from './quotas.ts'
import { changeCalendar } from './services/change-calendar.ts'
import { type Documents, documents } from './services/documents.ts'
import { maintenanceWindows } from './services/maintenance-windows.ts'
import type { NextExecutions } from './services/maintenance-windows-schedule.ts'
import { parameters } from './services/parameters.ts'
import { Buckets } from './services/s3.ts'
import { type Sqs, sqs } from './services/sqs.ts'
import { sts } from './services/sts.ts'

/** Status events of a Region's commands, forwarded to the control account there; what does not parse ends in the second one. */
export const EVENTS_QUEUE = 'patchwave-events'
export const EVENTS_DEAD_LETTERS = 'patchwave-events-dlq'
/** The engine's feedback, in the control account's home Region. */
export const FEEDBACK_QUEUE = 'patchwave-feedback.fifo'

/** After so many receives an event that nobody deletes is given up. */
const EVENT_RECEIVES_MAX = 10
/** Who may call from outside: the operator, and three people who approve. All are users of the control account. */
const USERS = ['operator', 'alice', 'bob', 'carol']

export type SandboxOptions = Readonly<{
  clock: Clock
  fleet: FleetFile
  faults?: FaultsFile | null
  /** Told of every exchange that reached an operation. */
  record?: (exchange: Exchange) => void
  /** External ids that AssumeRole wants, by account id. */
  externalIds?: ReadonlyMap<string, string>
  /** When maintenance windows open; without it their next executions are left out. */
  nextExecutions?: NextExecutions
  /** Where scripts really run; without it nodes are simulated. Ends with the sandbox. */
  real?: RealNodes
}>

/** A person or process that may call, and the environment that makes an AWS client be it. */
export type SandboxIdentity = Readonly<{ name: string; arn: string; env: Readonly<Record<string, string>> }>

/** An embedded AWS over a simulated fleet. The transports hand requests to `dispatch`; the rest is for observers on the other side of the wire. */
export interface Sandbox {
  readonly clock: Clock
  readonly dispatch: Dispatch
  ledger(): readonly LedgerRow[]
  nodes(): readonly NodeView[]
  /** The same, after real nodes have been asked what they are now. */
  look(): Promise<readonly NodeView[]>
  calls(): readonly CallRow[]
  /** Faults hold from now on; `null`: none. @throws InvalidDocument where these nodes cannot have them */
  setFaults(faults: FaultsFile | null): void
  /** Everything as at the start, with the fleet again or without any node. The clock goes on; sessions end. */
  reset(options?: Readonly<{ empty?: boolean }>): void
  /** What an AWS client needs to be the operator here; with the endpoint, over HTTP. */
  env(endpoint?: string): Readonly<Record<string, string>>
  identities(): readonly SandboxIdentity[]
  /** How large the fleet is. */
  summary(): Readonly<{ nodes: number; accounts: number; regions: number }>
  /** What URLs answer to http checks, as the fleet file says: behind a sandbox there is no service to ask. */
  urls(): FleetFile['urls']
  /** Queue URLs begin with this from now on. */
  locate(endpoint: string): void
  /** Ends what it runs beside itself. */
  close(): Promise<void>
}

/** Builds the world of a fleet file and puts the services in front of it. */
export function createSandbox(options: SandboxOptions): Sandbox {
  return new EmbeddedAws(options)
}

class EmbeddedAws implements Sandbox {
  readonly clock: Clock
  readonly #options: SandboxOptions
  #fleet: FleetFile
  #faults: FaultsFile | null
  #endpoint: string | undefined
  #part: Part

  constructor(options: SandboxOptions) {
    this.#options = options
    this.clock = options.clock
    this.#fleet = options.fleet
    this.#faults = this.#possible(options.faults ?? null)
    this.#part = this.#build()
  }

  readonly dispatch: Dispatch = (request, signal) => this.#part.dispatch(request, signal)

  ledger(): readonly LedgerRow[] {
    return this.#part.world.ledger()
  }

  nodes(): readonly NodeView[] {
    return this.#part.world.nodesView()
  }

  async look(): Promise<readonly NodeView[]> {
    return await this.#part.world.look()
  }

  calls(): readonly CallRow[] {
    return this.#part.calls.rows()
  }

  setFaults(faults: FaultsFile | null): void {
    this.#faults = this.#possible(faults)
    this.#part.world.setFaults(faults)
  }

  reset({ empty = false }: Readonly<{ empty?: boolean }> = {}): void {
    this.#part.world.reset() // What still runs in it is forgotten.
    this.#fleet = empty ? { ...this.#options.fleet, groups: [] } : this.#options.fleet
    this.#part = this.#build()
  }

  env(endpoint?: string): Readonly<Record<string, string>> {
    return { ...(endpoint !== undefined && { AWS_ENDPOINT_URL: endpoint }), ...credentials('operator') }
  }

  identities(): readonly SandboxIdentity[] {
    return USERS.map((name) => ({ name, arn: userArn(CONTROL_ACCOUNT, name), env: credentials(name) }))
  }

  summary(): ReturnType<Sandbox['summary']> {
    const { groups } = this.#fleet
    const count = (of: readonly string[]): number => new Set(of).size
    return {
      nodes: this.#part.world.size,
      accounts: count(groups.map((each) => each.account)),
      regions: count(groups.map((each) => each.region)),
    }
  }

  urls(): FleetFile['urls'] {
    return this.#fleet.urls
  }

  locate(endpoint: string): void {
    this.#endpoint = endpoint
  }

  async close(): Promise<void> {
    const stopped = this.#options.real?.stop()
    this.#part.world.reset() // What still runs in it is forgotten.
    await stopped
  }

  #possible(faults: FaultsFile | null): FaultsFile | null {
    if (this.#options.real) refusePackageFaults(faults, 'faults')
    return faults
  }

  #build(): Part {
    return build({ ...this.#options, fleet: this.#fleet, faults: this.#faults, endpoint: () => this.#endpoint })
  }
}

/** What lives from one reset to the next. */
type Part = Readonly<{ dispatch: Dispatch; world: World; calls: Calls }>
type BuildOptions = SandboxOptions & Readonly<{ endpoint: () => string | undefined }>

/** A real package does what it does. @throws InvalidDocument where a fault file wants one to do something else */
export function refusePackageFaults(faults: FaultsFile | null, file: string): void {
  if (!faults || faults.packages.length === 0) return
  const diagnostic: Diagnostic = {
    file,
    line: 1,
    column: 1,
    code: 'fleet.invalid',
    message: 'real nodes take no package faults',
    hint: 'leave `packages` out; the sample repository has packages that fail and break (docs/guides/real-nodes.md)',
  }
  throw new InvalidDocument('fleet.invalid', [diagnostic])
}

function build({ clock, fleet, faults, record, externalIds, endpoint, nextExecutions, real }: BuildOptions): Part {
  const library = documents(clock)
  storeCalendars(library, fleet)
  const queues = sqs({
    clock,
    ids: idsFrom(fleet.seed, 'sqs'),
    urlOf: ({ account, region }, name) => `${endpoint() ?? `https://sqs.${region}.amazonaws.com`}/${account}/${name}`,
  })
  const buckets = new Buckets(fleet.buckets ?? [])
  const world = buildWorld({
    clock,
    fleet,
    faults: faults ?? null,
    resolveDocument: library.resolve,
    objects: buckets,
    real,
    wanted: isForwarded,
    onEvent: (event, cell) => {
      queues.deliver({ account: CONTROL_ACCOUNT, region: cell.region }, EVENTS_QUEUE, JSON.stringify(event))
    },
  })
  storeDocuments(library, fleet, world.fleet.accounts())
  const callers = new Callers({ clock, ids: idsFrom(fleet.seed, 'sessions'), accounts: world.fleet.accounts().values() })
  const calls = new Calls()
  createQueues(queues, fleet, clock)
  const dispatch = dispatcher({
    clock,
    services: {
      ssm: {
        ...parameters(clock),
        ...library.service,
        ...maintenanceWindows({
          clock,
          ids: idsFrom(fleet.seed, 'windows'),
          nextExecutions,
          given: { cell: HOME, windows: fleet.windows ?? [] },
        }),
        ...changeCalendar(clock, library.calendar),
        ...world.services.ssm,
      },
      sqs: queues.service,
      ec2: world.services.ec2,
      elasticloadbalancing: world.services.elasticloadbalancing,
      autoscaling: world.services.autoscaling,
      s3: buckets.operations(),
      sts: sts({ callers, ids: idsFrom(fleet.seed, 'sts'), ...(externalIds && { externalIds }) }),
    },
    callers,
    quotas: new Quotas(clock),
    calls,
    ids: idsFrom(faults?.seed ?? fleet.seed, 'api'),
    faults: () => world.apiFaults,
    ...(record && { record }),
  })
  return { dispatch, world, calls }
}

/** The control account's operator, at home. */
const OPERATOR: Caller = {
  account: CONTROL_ACCOUNT,
  region: HOME_REGION,
  arn: userArn(CONTROL_ACCOUNT, 'operator'),
  accessKey: userKey(CONTROL_ACCOUNT, 'operator'),
}
const HOME: Cell = { account: CONTROL_ACCOUNT, region: HOME_REGION }

function storeCalendars({ service }: Documents, { calendars = {} }: FleetFile): void {
  for (const [Name, Content] of Object.entries(calendars))
    void service['CreateDocument']?.({ Name, Content, DocumentType: 'ChangeCalendar', DocumentFormat: 'TEXT' }, OPERATOR)
}

const OWNERS_DOCUMENT = JSON.stringify({
  schemaVersion: '2.2',
  description: 'A document of the owner.',
  mainSteps: [{ action: 'aws:runShellScript', name: 'run', inputs: { runCommand: ['true'] } }],
})

/** Documents of the fleet's file, in every cell that has nodes. */
function storeDocuments({ service }: Documents, { documents: names = [], groups }: FleetFile, ids: ReadonlyMap<string, string>): void {
  const cells = new Map(groups.map(({ account, region }) => [`${account}/${region}`, { account: ids.get(account) ?? account, region }]))
  for (const cell of cells.values())
    for (const Name of names)
      void service['CreateDocument']?.({ Name, Content: OWNERS_DOCUMENT, DocumentType: 'Command' }, { ...OPERATOR, ...cell })
}

/** The rule's event pattern: an invocation that has ended. What only begins wakes nobody, and would double the queue's traffic. */
const FORWARDED = {
  'detail-type': 'EC2 Command Invocation Status-change Notification',
  status: new Set(['Success', 'Failed', 'TimedOut', 'Cancelled']),
}

const isForwarded = (type: string, status: string): boolean => type === FORWARDED['detail-type'] && FORWARDED.status.has(status)

/** EventBridge reaches queues of its own Region only: each Region has its own for events. */
function createQueues({ queues }: Sqs, fleet: FleetFile, clock: Clock): void {
  const at = clock.now()
  for (const region of regionsOf(fleet)) {
    const cell: Cell = { account: CONTROL_ACCOUNT, region }
    const { arn } = queues.create(cell, EVENTS_DEAD_LETTERS, { MessageRetentionPeriod: '1209600' }, { at })
    const redrive = JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: EVENT_RECEIVES_MAX })
    queues.create(cell, EVENTS_QUEUE, { RedrivePolicy: redrive }, { at })
  }
  queues.create(HOME, FEEDBACK_QUEUE, { FifoQueue: 'true' }, { at })
}

const regionsOf = (fleet: FleetFile): readonly string[] => [...new Set([HOME_REGION, ...fleet.groups.map(({ region }) => region)])].sort()

const credentials = (user: string): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: userKey(CONTROL_ACCOUNT, user),
  AWS_SECRET_ACCESS_KEY: 'sandbox',
  AWS_REGION: HOME_REGION,
  AWS_DEFAULT_REGION: HOME_REGION,
  AWS_EC2_METADATA_DISABLED: 'true',
})
