import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import type { Rehearsal } from '../../src/cli/app.ts'
import { readEntry } from '../../src/core/audit/open.ts'
import type { NodeSeen } from '../../src/core/plan/fleet.ts'
import { fromData } from '../../src/core/run/codec.ts'
import type { Fact } from '../../src/core/run/event.ts'
import type { Runbook } from '../../src/core/runbook/runbook.ts'
import { runActs, type Acts, type ActsParts, type ActsRequest } from '../../src/engine/acts.ts'
import { leaveNote, type Steering } from '../../src/engine/inbox.ts'
import type { World } from '../../src/engine/world.ts'
import type { Cell, NodeId } from '../../src/kit/ids.ts'
import type { Ms } from '../../src/kit/instant.ts'
import type { Fleet, StatusSeen } from '../../src/ports/fleet.ts'
import type { Sealed, Store } from '../../src/ports/store.ts'
import { rehearse } from '../../src/rehearsal.ts'
import type { Exchange } from '../../src/sandbox/calls.ts'
import type { FaultsFile } from '../../src/sandbox/faults.ts'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import type { RealNodes } from '../../src/sandbox/nodes/real-nodes.ts'
import type { NodeView } from '../../src/sandbox/nodes/world.ts'
import { createSandbox, FEEDBACK_QUEUE, type Sandbox } from '../../src/sandbox/sandbox.ts'
import type { Frozen, Word } from '../checkers/evidence.ts'
import { config } from './documents.ts'
import { Life, MortalClock, mortalSandbox, mortalStore, type AppendWatch, type CallWatch } from './process.ts'

/** What is done to a node's description on its way to the engine; `undefined`: it is gone. */
export type Disguise = (seen: NodeSeen) => NodeSeen | undefined

export type StageOptions = Readonly<{
  fleet: FleetFile
  faults?: FaultsFile | null
  store?: Store
  record?: (exchange: Exchange) => void
  /** A clock that others know too. */
  clock?: VirtualClock
  /** Real nodes, and the clock that they were made for. */
  real?: Readonly<{ clock: VirtualClock; nodes: RealNodes }>
}>

/** What is watched while a process lives, and how it is set up. */
export type ProcessOptions = AppendWatch & Readonly<{ calls?: CallWatch; events?: boolean; offMs?: () => Ms }>

/** One engine process on the stage. */
export type EngineProcess = Readonly<{ name: string; life: Life; world: World; rehearsal: Rehearsal }>

/** How `run` is called on the stage. */
export type ActsWish = Partial<Omit<ActsRequest, 'runbook'>> & Partial<Pick<ActsParts, 'listen' | 'begins' | 'leaveWhen' | 'signal'>>

/** One AWS, one store and one clock, on which engine processes come and go. */
export class Stage {
  readonly clock: VirtualClock
  readonly sandbox: Sandbox
  readonly store: Store
  readonly fleet: FleetFile
  /** The nodes as they were before anything began. */
  readonly before: ReadonlyMap<NodeId, NodeView>
  /** How nodes look to the engine from now on, whatever AWS says. */
  readonly disguises = new Map<NodeId, Disguise>()
  /** All that people said, when they said it. */
  readonly words: Word[] = []
  /** Freezes that processes knew of from their start. */
  readonly frozen: Frozen[] = []
  /** Warnings of all processes, for the message of a failing test. */
  readonly warnings: string[] = []
  #processes = 0

  constructor({ fleet, faults = null, store = openMemoryStore(), record, real, clock }: StageOptions) {
    this.fleet = fleet
    this.clock = real?.clock ?? clock ?? new VirtualClock(fleet.start)
    this.sandbox = createSandbox({ clock: this.clock, fleet, faults, ...(record && { record }), ...(real && { real: real.nodes }) })
    this.store = store
    this.before = new Map(this.sandbox.nodes().map((view) => [view.node, { ...view, packages: { ...view.packages } }]))
  }

  /** A new engine process with a name, credentials and random numbers of its own. */
  async start(options: ProcessOptions = {}): Promise<EngineProcess> {
    const number = (this.#processes += 1)
    const name = `engine-${String(number)}`
    const life = new Life()
    const rehearsal = await rehearse(config(), {
      fleet: { ...this.fleet, seed: this.fleet.seed * 1000 + number },
      faults: null,
      start: this.fleet.start,
      clock: new MortalClock(this.clock, life, options.offMs),
      sandbox: mortalSandbox(this.sandbox, life, options.calls),
      store: mortalStore(this.store, life, options),
      driver: name,
      log: { info: () => undefined, warn: (line) => this.warnings.push(`${name}: ${line}`) },
    })
    const { world } = rehearsal
    return {
      name,
      life,
      rehearsal,
      world: { ...world, fleet: disguised(world.fleet, this.disguises), events: options.events === false ? null : world.events },
    }
  }

  /** Does it in virtual time. */
  run<T>(main: () => Promise<T>): Promise<T> {
    return this.clock.run(main)
  }

  /** `patchwave run`, as the process does it. */
  acts({ world, rehearsal }: EngineProcess, runbook: Runbook, wish: ActsWish = {}): Promise<Acts> {
    const { inputs = {}, now = false, reason = 'a scenario', actor = rehearsal.requester, plan = null } = wish
    const { listen = () => undefined, begins = () => undefined, signal = new AbortController().signal, leaveWhen } = wish
    return runActs(world, { runbook, inputs, now, reason, actor, plan }, { listen, begins, signal, ...(leaveWhen && { leaveWhen }) })
  }

  /** A person's word to a run, whoever drives it. */
  steer(run: string, steering: Pick<Steering, 'what'> & Partial<Steering> & Readonly<{ by?: string }>): Promise<void> {
    const { what, reason = 'a person says so', gate = null, by = 'rehearsal:sre-leads/1', actor = { kind: 'cli', id: by } } = steering
    this.words.push({ at: this.clock.now(), run, by: actor.id, what })
    return leaveNote({ store: this.store, clock: this.clock }, run, { what, reason, gate, actor })
  }

  /** The runs of the store, oldest first. */
  async runs(): Promise<readonly string[]> {
    return (await this.store.runs()).map(({ run }) => run)
  }

  async entries(run: string): Promise<Sealed[]> {
    const entries: Sealed[] = []
    for await (const entry of this.store.read(run)) entries.push(entry)
    return entries
  }

  async facts(run: string): Promise<Fact[]> {
    return (await this.entries(run)).map((sealed) => {
      const { at, actor, type, data } = readEntry(sealed)
      return { at, actor, event: fromData(type, data) }
    })
  }

  /** Takes all that lies in the feedback queue, as a consumer would. */
  async feedback(): Promise<readonly string[]> {
    const { rehearsal } = await this.start()
    return await rehearsal.feedback(FEEDBACK_QUEUE)
  }
}

/** What a disguise is shown where only the state of a node is asked for. */
const UNKNOWN: Omit<NodeSeen, 'node' | 'account' | 'region' | 'state'> = {
  ami: '',
  zone: '',
  platform: 'other',
  agent: 'online',
  lastPing: null,
  hybrid: false,
  tags: {},
}

/** The fleet port with disguises: what is gone is not listed, neither by census nor by look. */
function disguised(inner: Fleet, disguises: ReadonlyMap<NodeId, Disguise>): Fleet {
  const put = (seen: NodeSeen): NodeSeen | undefined => (disguises.has(seen.node) ? disguises.get(seen.node)?.(seen) : seen)
  return {
    async *census(cell: Cell, signal: AbortSignal) {
      for await (const seen of inner.census(cell, signal)) {
        const shown = put(seen)
        if (shown) yield shown
      }
    },
    look: async (cell, nodes, signal) => (await inner.look(cell, nodes, signal)).flatMap((seen) => put(seen) ?? []),
    images: (cell, amis, signal) => inner.images(cell, amis, signal),
    status: async (cell, nodes, signal) =>
      (await inner.status(cell, nodes, signal)).map((row): StatusSeen => {
        const shown = put({ ...UNKNOWN, node: row.node, ...cell, state: row.state ?? 'terminated' })
        return shown === undefined ? { ...row, verdict: 'unknown', state: null } : { ...row, state: row.state && shown.state }
      }),
    missing: (cell, node, signal) => inner.missing(cell, node, signal),
    patchData: (cell, nodes, signal) => inner.patchData(cell, nodes, signal),
  }
}
