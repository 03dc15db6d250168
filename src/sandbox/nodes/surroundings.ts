import type { Instant, Ms } from '../../kit/instant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FaultsFile } from '../faults.ts'
import type { Ledger } from '../ledger.ts'
import type { SimNode } from '../model.ts'
import type { Alarms } from './alarms.ts'
import type { SimulatedNode } from './node.ts'
import type { ObjectStore } from './objects.ts'
import type { RealNodes } from './real-nodes.ts'
import type { Repository } from './repository.ts'

/** What every node of a world shares. */
export type Surroundings = Readonly<{
  clock: Clock
  alarms: Alarms
  /** The fleet's seed: who a node is, how long it takes. */
  seed: number
  start: Instant
  commandTime: Readonly<{ medianMs: Ms; p95Ms: Ms }>
  repository: (platform: SimNode['platform']) => Repository
  ledger: Ledger
  /** What goes wrong now, and since when it was set. */
  faults: () => FaultsFile
  faultsSince: () => Instant
  /** Told when a node's application or reachability breaks. */
  sickened: (node: SimulatedNode) => void
  /** S3, as nodes read it. */
  objects: ObjectStore
  /** Where scripts really run; null: nodes are simulated. */
  real: RealNodes | null
}>

/** Steps are whole seconds: nodes that wait for the same one wake together, which keeps 50,000 of them cheap. */
export const STEP_MS: Ms = 1_000
