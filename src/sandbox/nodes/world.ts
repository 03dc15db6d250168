import { known } from '../../kit/assert.ts'
import type { Cell } from '../../kit/ids.ts'
import { type Instant, plus } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import { StatusEvents } from '../events.ts'
import { type FaultsFile, NO_FAULTS } from '../faults.ts'
import type { FleetFile } from '../fleet-file.ts'
import { Ledger, type LedgerRow } from '../ledger.ts'
import type { ApiFaults, Caller, Service, SimFleet, SimImage, SimNode } from '../model.ts'
import { compliance } from '../services/compliance.ts'
import { inventory } from '../services/inventory.ts'
import { RunCommand } from '../services/run-command.ts'
import type { ResolveDocument } from '../services/run-command-document.ts'
import { hits } from './chance.ts'
import { SimulatedFleet } from './fleet.ts'
import { births, successor } from './generate.ts'
import { type Birth, SimulatedNode } from './node.ts'
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
}>

export type WorldOptions = Readonly<{
  clock: Clock
  fleet: FleetFile
  faults: FaultsFile | null
  resolveDocument: ResolveDocument
  /** EventBridge's events as they leave, already lost, doubled or late as the faults say. */
  onEvent: (event: object, cell: Cell) => void
}>

/** A simulated fleet with its Run Command. */
export interface World {
  readonly fleet: SimFleet
  readonly services: Readonly<{ ssm: Service }>
  /** One object for ever: it changes in place when faults are set. */
  readonly apiFaults: ApiFaults
  /** Faults hold from now on; dark zones count from now. */
  setFaults(faults: FaultsFile | null): void
  /** Every script execution, in the order of their starts. */
  ledger(): readonly LedgerRow[]
  nodesView(): NodeView[]
  /** The fleet of the file again: no commands, no history. What still runs is forgotten. */
  reset(): void
}

/** Builds the fleet of a fleet file. Everything that happens in it waits on the clock; equal seeds give equal nights. */
export function buildWorld(options: WorldOptions): World {
  return new SimulatedWorld(options)
}

const OPERATIONS = [
  'SendCommand',
  'ListCommands',
  'ListCommandInvocations',
  'GetCommandInvocation',
  'CancelCommand',
  'DescribeInstanceInformation',
  'DescribeInstancePatches',
  'DescribeInstancePatchStates',
] as const

class SimulatedWorld implements World {
  readonly fleet: SimFleet
  readonly services: Readonly<{ ssm: Service }>
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
    const operation = (name: string) => (input: Record<string, unknown>, caller: Caller) =>
      known(this.#night.ssm[name], name)(input, caller)
    this.services = { ssm: Object.fromEntries(OPERATIONS.map((name) => [name, operation(name)])) }
  }

  setFaults(faults: FaultsFile | null): void {
    this.#faults = faults ?? NO_FAULTS
    this.#faultsSince = this.#options.clock.now()
    Object.assign(this.apiFaults, this.#faults.api)
  }

  ledger(): readonly LedgerRow[] {
    return this.#night.ledger.rows
  }

  nodesView(): NodeView[] {
    return [...this.#night.fleet.all()].map(viewOf)
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
    const found = this.#repositories.get(platform) ?? new Repository(platform, this.#options.fleet.start)
    this.#repositories.set(platform, found)
    return found
  }
}

/** A fleet from its beginning to the next reset. */
class Night {
  readonly fleet: SimulatedFleet
  readonly ledger = new Ledger()
  readonly ssm: Service
  readonly #options: WorldOptions
  readonly #around: Surroundings
  readonly #births = new Map<string, Birth>()
  #over = false

  constructor(options: WorldOptions, shared: Pick<Surroundings, 'faults' | 'faultsSince' | 'repository'>) {
    const { clock, fleet } = options
    this.#options = options
    this.#around = {
      ...shared,
      clock,
      seed: fleet.seed,
      start: fleet.start,
      commandTime: fleet.commandTime,
      ledger: this.ledger,
      sickened: (node) => {
        void this.#replace(node)
      },
    }
    this.fleet = new SimulatedFleet(fleet, () => clock.now())
    for (const birth of births(fleet, shared.repository)) this.#launch(birth)
    const events = new StatusEvents(clock, shared.faults, (event, cell) => {
      if (!this.#over) options.onEvent(event, cell)
    })
    this.ssm = {
      ...new RunCommand(this.#around, this.fleet, options.resolveDocument, events).operations(),
      ...inventory(this.fleet),
      ...compliance(this.#around, this.fleet),
    }
  }

  end(): void {
    this.#over = true
    for (const node of this.fleet.all()) node.terminate()
  }

  #launch(birth: Birth): void {
    this.#births.set(birth.node, birth)
    this.fleet.add(new SimulatedNode(birth, this.#around))
  }

  /** The Auto Scaling group of a sick node, if it has one, ends it and starts another from the same image. */
  async #replace(node: SimulatedNode): Promise<void> {
    const { replace, seed } = this.#around.faults()
    if (!hits(replace.share, seed, 'replace', node.node)) return
    const { clock } = this.#options
    await clock.sleep(plus(clock.now(), replace.afterMs))
    if (this.#over || node.state !== 'running' || (node.health === 'healthy' && node.reachability === 'ok')) return
    node.terminate()
    this.#launch(successor(known(this.#births.get(node.node), node.node), this.#options.fleet.seed, clock.now()))
  }
}

function viewOf(node: SimulatedNode): NodeView {
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
    livePatches: [],
    packages: Object.fromEntries(node.packages),
    bootId: node.bootId,
    tags: node.tags,
  }
}
