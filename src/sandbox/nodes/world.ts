import { known } from '../../kit/assert.ts'
import { eachBounded } from '../../kit/bounded.ts'
import type { Cell } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { StatusEvents, type Wanted } from '../events.ts'
import { type FaultsFile, NO_FAULTS } from '../faults.ts'
import type { FleetFile } from '../fleet-file.ts'
import { Ledger, type LedgerRow } from '../ledger.ts'
import type { ApiFaults, Caller, Service, SimFleet, SimImage, SimNode } from '../model.ts'
import { compliance } from '../services/compliance.ts'
import { inventory } from '../services/inventory.ts'
import { RunCommand } from '../services/run-command.ts'
import type { ResolveDocument } from '../services/run-command-document.ts'
import { Alarms } from './alarms.ts'
import { Estate, type EstateServices, type Standing } from './estate.ts'
import { SimulatedFleet } from './fleet.ts'
import { births } from './generate.ts'
import type { SimulatedNode } from './node.ts'
import type { ObjectStore } from './objects.ts'
import type { RealNodes } from './real-nodes.ts'
import { refreshed } from './real-order.ts'
import { Repository } from './repository.ts'
import type { Surroundings } from './surroundings.ts'

export type { LedgerRow } from '../ledger.ts'
export type { ResolveDocument } from '../services/run-command-document.ts'

/** One node as an observer sees it. */
export type NodeView = Readonly<{
  node: string
  account: string
  region: string
  ami: string
  /** Zone id. */
  zone: string
  state: SimNode['state']
  agent: SimNode['agent']
  health: SimNode['health']
  kernel: string
  livePatches: readonly string[]
  packages: Readonly<Record<string, string>>
  bootId: string
  tags: Readonly<Record<string, string>>
}> &
  Standing

export type WorldOptions = Readonly<{
  clock: Clock
  fleet: FleetFile
  faults: FaultsFile | null
  resolveDocument: ResolveDocument
  /** EventBridge's events as they leave, already lost, doubled or late as the faults say. */
  onEvent: (event: object, cell: Cell) => void
  /** Which events any rule matches; absent: all. */
  wanted?: Wanted
  /** S3, as nodes read it; absent: it is empty. */
  objects?: ObjectStore | undefined
  /** Where scripts really run; absent: nodes are simulated. */
  real?: RealNodes | undefined
}>

/** What a world answers itself. */
export type WorldServices = Readonly<{ ssm: Service }> & EstateServices

/** A simulated fleet with its Run Command. */
export interface World {
  readonly fleet: SimFleet
  readonly services: WorldServices
  /** One object for ever: it changes in place when faults are set. */
  readonly apiFaults: ApiFaults
  /** Faults hold from now on; dark zones count from now. */
  setFaults(faults: FaultsFile | null): void
  /** Every script execution, in the order of their starts. */
  ledger(): readonly LedgerRow[]
  nodesView(): NodeView[]
  /** How many nodes there are, long gone ones too. */
  readonly size: number
  /** The same, after real nodes have been asked what they are now. */
  look(): Promise<NodeView[]>
  /** The fleet of the file again: no commands, no history. What still runs is forgotten. */
  reset(): void
}

/** Builds the fleet of a fleet file. Everything that happens in it waits on the clock; equal seeds give equal nights. */
export function buildWorld(options: WorldOptions): World {
  return new SimulatedWorld(options)
}

class SimulatedWorld implements World {
  readonly fleet: SimFleet
  readonly services: WorldServices
  readonly apiFaults: ApiFaults = { ...NO_FAULTS.api }
  readonly #options: WorldOptions
  readonly #repositories = new Map<SimNode['platform'], Repository>()
  #faults: FaultsFile
  #faultsSince: Instant
  #night: Night

  constructor(options: WorldOptions) {
    this.#options = options
    this.#faults = options.faults ?? NO_FAULTS
    this.#faultsSince = options.clock.now()
    Object.assign(this.apiFaults, this.#faults.api)
    this.#night = this.#newNight()
    // Whoever holds these must see the new night after a reset.
    this.fleet = {
      nodesOf: (cell) => this.#night.fleet.nodesOf(cell),
      node: (id) => this.#night.fleet.node(id),
      images: (region): Iterable<SimImage> => this.#night.fleet.images(region),
      accounts: () => this.#night.fleet.accounts(),
    }
    const operation = (service: keyof WorldServices, name: string) => (input: Record<string, unknown>, caller: Caller) =>
      known(this.#night.services[service][name], name)(input, caller)
    const facade = (service: keyof WorldServices): Service =>
      Object.fromEntries(Object.keys(this.#night.services[service]).map((name) => [name, operation(service, name)]))
    this.services = {
      ssm: facade('ssm'),
      ec2: facade('ec2'),
      elasticloadbalancing: facade('elasticloadbalancing'),
      autoscaling: facade('autoscaling'),
    }
  }

  setFaults(faults: FaultsFile | null): void {
    this.#faults = faults ?? NO_FAULTS
    this.#faultsSince = this.#options.clock.now()
    Object.assign(this.apiFaults, this.#faults.api)
  }

  ledger(): readonly LedgerRow[] {
    return this.#night.ledger.rows
  }

  get size(): number {
    return this.#night.fleet.size
  }

  nodesView(): NodeView[] {
    const { fleet, estate } = this.#night
    return [...fleet.all()].map((node) => ({ ...viewOf(node), ...estate.standingOf(node) }))
  }

  async look(): Promise<NodeView[]> {
    await this.#night.look()
    return this.nodesView()
  }

  reset(): void {
    this.#night.end()
    this.#faultsSince = this.#options.clock.now()
    this.#night = this.#newNight()
  }

  #newNight(): Night {
    return new Night(this.#options, {
      faults: () => this.#faults,
      faultsSince: () => this.#faultsSince,
      repository: (platform) => this.#repository(platform),
    })
  }

  #repository(platform: SimNode['platform']): Repository {
    const found =
      this.#repositories.get(platform) ?? new Repository(platform, this.#options.fleet.start, this.#options.real?.catalogue(platform))
    this.#repositories.set(platform, found)
    return found
  }
}

/** Real nodes that are asked at once what they are: more only wait for the machine. */
const LOOKS_AT_ONCE = 8

/** A fleet from its beginning to the next reset. */
class Night {
  readonly fleet: SimulatedFleet
  readonly ledger = new Ledger()
  readonly estate: Estate
  readonly services: WorldServices
  readonly #around: Surroundings
  #over = false

  constructor(options: WorldOptions, shared: Pick<Surroundings, 'faults' | 'faultsSince' | 'repository'>) {
    const { clock, fleet } = options
    this.#around = {
      ...shared,
      clock,
      alarms: new Alarms(clock),
      seed: fleet.seed,
      start: fleet.start,
      commandTime: fleet.commandTime,
      ledger: this.ledger,
      real: options.real ?? null,
      objects: options.objects ?? { read: () => undefined },
      sickened: (node) => {
        void this.estate.replace(node)
      },
    }
    this.fleet = new SimulatedFleet(fleet, () => clock.now())
    this.estate = new Estate(this.#around, this.fleet)
    for (const birth of births(fleet, shared.repository)) this.estate.place(birth)
    const onEvent: WorldOptions['onEvent'] = (event, cell) => {
      if (!this.#over) options.onEvent(event, cell)
    }
    const events = new StatusEvents(clock, shared.faults, onEvent, options.wanted)
    const ssm = {
      ...new RunCommand(this.#around, this.fleet, options.resolveDocument, events).operations(),
      ...inventory(this.fleet),
      ...compliance(this.#around, this.fleet),
    }
    this.services = { ssm, ...this.estate.services }
  }

  async look(): Promise<void> {
    const { real, clock } = this.#around
    if (real) await clock.hold(() => eachBounded(this.fleet.all(), LOOKS_AT_ONCE, (node) => refreshed(node, real)))
  }

  end(): void {
    this.#over = true
    this.estate.end()
    for (const node of this.fleet.all()) node.terminate()
  }
}

function viewOf(node: SimulatedNode): Omit<NodeView, keyof Standing> {
  return {
    node: node.node,
    account: node.account,
    region: node.region,
    ami: node.ami,
    zone: node.zoneId,
    state: node.state,
    agent: node.agent,
    health: node.health,
    kernel: node.kernel,
    livePatches: [...node.patching.live].map(([key, version]) => `${key} ${version}`),
    packages: Object.fromEntries(node.packages),
    bootId: node.bootId,
    tags: node.tags,
  }
}
