import type { Accounts } from '../core/plan/fleet.ts'
import type { Digest } from '../kit/digest.ts'
import type { Cell } from '../kit/ids.ts'
import type { FreezeRule } from '../core/runbook/runbook.ts'
import type { Balancers } from '../ports/balancers.ts'
import type { Calendars, Files } from '../ports/calendars.ts'
import type { Clock } from '../ports/clock.ts'
import type { Commands, Documents } from '../ports/commands.ts'
import type { Fleet } from '../ports/fleet.ts'
import type { Log } from '../ports/log.ts'
import type { Machines } from '../ports/machines.ts'
import type { Objects } from '../ports/objects.ts'
import type { Parameters } from '../ports/parameters.ts'
import type { Queue } from '../ports/queue.ts'
import type { Scaling } from '../ports/scaling.ts'
import type { Store } from '../ports/store.ts'
import type { CallCounter, Identity, Probe, Random } from '../ports/world.ts'

/** Everything that the engine is given: the ports, and what the config says. Built once, by `main.ts`. */
export type World = Readonly<{
  clock: Clock
  random: Random
  store: Store
  fleet: Fleet
  commands: Commands
  documents: Documents
  parameters: Parameters
  queue: Queue
  calendars: Calendars
  balancers: Balancers
  scaling: Scaling
  machines: Machines
  objects: Objects
  files: Files
  identity: Identity
  counter: CallCounter
  probe: Probe
  log: Log
  /** The control account in its home region: baselines and the feedback queue live there. */
  home: Cell
  /** Account ids by the names that runbooks use. */
  accounts: Accounts
  /** Members' ids by group. */
  groups: ReadonlyMap<string, readonly string[]>
  imageLineageTag: string | null
  /** Queue of EventBridge status events, in the control account, one a region; in its home region the one for what cannot be read. Null: status is only polled. */
  events: Readonly<{ queue: string; refused: string | null }> | null
  /** Freezes that hold for every runbook. */
  freezes: readonly FreezeRule[]
  /** Where override lists for AWS-RunPatchBaseline are put, `{region}` standing for the nodes' Region; null: nowhere. */
  patchManager: Readonly<{ bucket: string }> | null
  /** Queue of trigger messages in the control account, and where those go that are refused; null: nobody triggers by message. */
  triggers: Readonly<{ queue: string; refused: string | null }> | null
  /** AWS is a sandbox: the default `limit.share` only warns, for a rehearsal's fleet is often nothing but the runbook's own nodes. */
  rehearsing: boolean
  /** The SSM documents to send, by name. */
  scripts: ReadonlyMap<string, ScriptDocument>
  /** This process as a driver: unique, and readable in the journal. */
  driver: string
  /** Whether a driver may still live; `false` only when that is certain (same host, no such process). */
  mayLive: (driver: string) => boolean
}>

/** An SSM document as it is registered: its JSON or YAML text and the SHA-256 of it. */
export type ScriptDocument = Readonly<{ name: string; content: string; hash: Digest }>
