import type { Actor, Fact } from '../core/run/event.ts'
import type { RunState } from '../core/run/state.ts'
import type { Inputs } from '../core/runbook/parse.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import type { ServiceView } from '../engine/service-view.ts'
import type { World } from '../engine/world.ts'
import type { Runbooks } from '../ports/runbooks.ts'
import type { Instant, Ms } from '../kit/instant.ts'
import type { Sealed, Store } from '../ports/store.ts'

/** Where a command writes. `out` is stdout and carries results only; `err` is stderr: progress, logs, errors. */
export type Io = Readonly<{
  out: (line: string) => void
  err: (line: string) => void
  /** stderr is a terminal that a live view may redraw; false under CI, NO_COLOR only takes the colours. */
  live: boolean
  colour: boolean
  /** stdout is a terminal that takes colours; absent: it does not. */
  outColour?: boolean
  /** Columns of the terminal, 80 when unknown. */
  columns: number
  /** Writes to stderr without a line end: for redrawing. */
  draw: (text: string) => void
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal
}>

/** Options that every command takes. */
export type Common = Readonly<{ json: boolean; store?: string | undefined; config?: string | undefined }>

/** A journal and no more: for commands that ask nothing of AWS. */
export type StoreSession = Readonly<{
  store: Store
  now: () => Instant
  /** How long the config lets a node wait for a reboot. */
  rebootWithinMs: Ms
  close: () => Promise<void>
}>

/** AWS (or a sandbox behind its endpoints), the store and the config, as the engine wants them. */
export type Session = Readonly<{
  world: World
  /** Who calls, as the record names people. */
  actor: () => Promise<Actor>
  /** The caller's unique id at AWS. */
  userId?: () => Promise<string>
  close: () => Promise<void>
}>

/** What `serve` runs on. */
export type Serving = Session &
  Readonly<{
    runbooks: Runbooks
    /** Rings now and then, whatever sleeping is worth on this host. */
    heartbeat: (ring: () => Promise<void>) => Readonly<{ stop: () => Promise<void> }>
    serveWeb: (
      parts: Readonly<{ view: () => ServiceView; port: number; host?: string }>,
    ) => Promise<Readonly<{ url: string; close: () => Promise<void> }>>
  }>

/**
 * A runbook that was read, checked and merged, with the values of its inputs, defaults included. `unanswered` are inputs without a value: only
 * where it was read as a template, and then it is for looking, not for running.
 */
export type LoadedRunbook = Readonly<{ runbook: Runbook; file: string; inputs: Inputs; unanswered: readonly string[] }>

/** A sandbox in process: a store, queues and a fleet of its own, in virtual time, with observers on the other side of the wire. */
export type Rehearsal = Readonly<{
  world: World
  requester: Actor
  /** The instant at which the fleet file's time begins. */
  start: Instant
  /** Runs `main` in virtual time. */
  run: <T>(main: () => Promise<T>) => Promise<T>
  /** Takes what lies in a queue of the control account, as bodies. Call it inside `run`. */
  feedback: (queue: string) => Promise<readonly string[]>
  /** Worst number of nodes out of service at once, by group, as the sandbox's own ledger shows. */
  worstDisruption: () => Readonly<Record<string, number>>
  nodes: number
  close: () => Promise<void>
}>

export type RehearsalOptions = Readonly<{
  fleet: string
  faults: string | null
  seed: number | null
  at: Instant | null
  config: string | undefined
}>

/** `real`: scripts run in isolated roots with real package managers, at speed 1 only. `state`: a file from which it can be made again. */
export type SandboxOptions = Readonly<{
  fleet: string | null
  faults: string | null
  port: number
  speed: number
  nodes: 'simulated' | 'real'
  state: string | null
}>

/** What runs until `close`: the embedded AWS over HTTP. `ready` is the contract's first line. */
export type ServedSandbox = Readonly<{ ready: Readonly<Record<string, unknown>>; close: () => Promise<void> }>

/** Called with every fact of a run once it is durable. */
export type Watcher = (state: RunState, fact: Fact, sealed: Sealed) => void

/** All that commands may do beyond pure rendering; built by `main.ts`. */
export type App = Readonly<{
  io: Io
  readFile: (path: string) => Promise<Uint8Array>
  writeFile: (path: string, text: string) => Promise<void>
  /**
   * Reads, merges and checks; throws `InvalidDocument` with every mistake. `inputs` are the values that were given; null reads a template.
   * @throws `input.invalid` when values are missing or do not fit
   */
  loadRunbook: (path: string, common: Common, inputs?: Inputs | null) => Promise<LoadedRunbook>
  /** Makes the store where there is none; with `absent: 'refuse'` that is `store.unusable`, for commands whose answer would be about nothing. */
  openStore: (common: Common, absent?: 'refuse') => Promise<StoreSession>
  openSession: (common: Common) => Promise<Session>
  openServing: (common: Common) => Promise<Serving>
  rehearsal: (options: RehearsalOptions) => Promise<Rehearsal>
  serveSandbox: (options: SandboxOptions) => Promise<ServedSandbox>
  /** Sleeps on the wall's clock: for commands that watch. */
  pause: (ms: Ms) => Promise<void>
}>
