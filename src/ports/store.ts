import type { Sealed } from '../core/audit/entry.ts'
import type { Digest } from '../kit/digest.ts'
import type { CommandId, NodeId, RunId } from '../kit/ids.ts'
import type { Instant } from '../kit/instant.ts'

export type { Sealed } from '../core/audit/entry.ts'

/**
 * What a journal is about: a run's act, or `schedule`: what no run tells, which is what became of a runbook's openings and triggers (its `run` is
 * `schedule:<runbook>`), and what people did outside of any run (`by-hand`).
 */
export type Act = 'trial' | 'rollout' | 'schedule'

export type RunRow = Readonly<{
  run: RunId
  runbook: string
  act: Act
  requestedAt: Instant
  /** `null` while it is not finished. */
  outcome: string | null
  driver: string | null
  epoch: number
  leaseUntil: Instant | null
  /** When a driver is wanted: as the last one said when it rested, but never later than the first note that lies there. */
  wakeAt: Instant | null
  head: Digest
  entries: number
}>

/** A note to the driver: status events, steering, approvals. `kind` and `data` are the engine's business. */
export type Note = Readonly<{ id: number; run: RunId; at: Instant; kind: string; data: string }>

/** A note before the store has taken it. */
export type NewNote = Omit<Note, 'id'>

/** The unfinished run that has sent a command which is still open, and how its inbox fares. `leaseUntil` null: nobody drives it. */
export type Sender = Readonly<{ run: RunId; leaseUntil: Instant | null; waiting: number }>

/** A run's hand on a node. `hand`: it may not be changed by another run. A claim that is only `out` counts in its groups but blocks nobody. */
export type Claim = Readonly<{ node: NodeId; run: RunId; groups: readonly string[]; hand: boolean; since: Instant; notBefore: Instant }>

/** Limits to hold while claiming: counted over the claims of all runs of the store. */
export type GroupLimit = Readonly<{
  key: string
  /** Nodes of other runs in this group plus `ours` may not exceed this. */
  atMost: number
  /** Nodes of the group that this run counts as out already, those of this request included. */
  ours: number
  /** Other groups of this set may hold no claim of another run at all. */
  set: string | null
}>

export type Append = Readonly<{
  run: RunId
  /** Hash of the last entry that the driver knows; anything else: replaced. */
  head: Digest | null
  entries: readonly Sealed[]
  /** Claims taken in the same transaction; refused as a whole when one node or group is busy. */
  claim?: Readonly<{
    nodes: readonly Readonly<{ node: NodeId; groups: readonly string[] }>[]
    limits: readonly GroupLimit[]
    notBefore: Instant
    /**
     * Now. A refused claim leaves a ticket on each busy node, full group and set whose turn is another group's; while it is fresh (`TICKET_MS`
     * since the last refusal), a run that came later is refused there too, so that the one that waited longest goes first. A claim that is granted
     * takes the run's tickets off its nodes, groups and sets. The rules in full: `judge` in core/run/turns.ts.
     */
    at: Instant
  }>
  /** Groups that take turns within a set for this run: known before its first claim, for those who hold claims there may take no turns. */
  sets?: readonly Readonly<{ key: string; set: string }>[]
  /** Hands taken off nodes; `out` keeps them counted in their groups. */
  release?: readonly Readonly<{ node: NodeId; out: boolean }>[]
  /** Notes that these entries answer; without an entry, those that need none. */
  taken?: readonly number[]
  /** Commands that SSM has taken for this run, so that what comes in about them finds it; and those of which nothing can come any more. */
  commands?: Readonly<{ open: readonly CommandId[]; closed: readonly CommandId[] }>
  /** Set with the entry that ends the run; `out` claims of it go too. */
  outcome?: string
}>

/** How long a refused claim keeps its place in the queue without being asked again: three times a driver's pause between two attempts. */
export const TICKET_MS = 90_000

export type Appended = Readonly<{ ok: true } | { ok: false; why: 'replaced' } | { ok: false; why: 'busy'; nodes: readonly NodeId[] }>

/**
 * Journals, and the indexes and hand-over points beside them. One writer a run (its driver); every call is one transaction, durable when it
 * resolves. Text is stored as given. Throws `store.unusable`, `store.full`, `store.busy`; what names an absent run and must have it throws
 * `run.unknown`. After a rejection nothing of the call stays.
 */
export interface Store {
  /**
   * A new run with its first entries, at least one. With `opening` or `trigger` it takes these too, in the same transaction; where another run
   * has one of them already nothing is created. Resolves to the run that now has them: this one, or that other one.
   * @effect request a run
   * @repeat With the same entries it changes nothing. A schedule's request is known by its opening, that of a message by its id, a rollout by its
   * trial; by hand, an unfinished run of the runbook is gone on with.
   * @effect open the journal of a schedule
   * @repeat Its id is the runbook's name: one that is there stays.
   */
  create(
    row: Readonly<{ run: RunId; runbook: string; act: Act; requestedAt: Instant }>,
    entries: readonly Sealed[],
    takes?: Readonly<{ opening?: Instant; trigger?: string }>,
  ): Promise<RunId>
  /**
   * Takes one opening of a runbook for a run, once and for ever: resolves to the run that has it.
   * @effect take an opening
   * @repeat Is answered with the run that has it.
   */
  takeOpening(runbook: string, act: Act, opens: Instant, run: RunId): Promise<RunId>
  /** The run that has this opening. @looks */
  openingOf(runbook: string, act: Act, opens: Instant): Promise<RunId | undefined>
  /** The run that this trigger message led to; triggers are told apart by an id that their sender chose. @looks */
  triggered(trigger: string): Promise<RunId | undefined>
  /**
   * Releases, claims, entries, notes and outcome together, or nothing. `head` tells a driver that was replaced; a claim that was refused names
   * the nodes that have to wait; where a group has room for some of them, the first ones are not named. Appends of one turn of the event loop may share a transaction.
   * @effect put facts on record
   * @repeat Names the hash of the last entry: what has been appended to is not appended to again, by this driver or another.
   * @effect claim nodes
   * @repeat Is one transaction with its intent: there is no claim without it, and it stands once.
   * @effect let go of claims
   * @repeat Is one transaction with the report that lets go.
   * @effect take notes out of the inbox
   * @repeat Is one transaction with their answer: a note that lies there has none yet.
   * @effect end a run
   * @repeat Is one transaction with its last fact.
   */
  append(append: Append): Promise<Appended>
  /** Entries from `from` (1 by default) in order, read piece by piece; what is appended meanwhile may come too. None for an absent run. @looks */
  read(run: RunId, from?: number): AsyncIterable<Sealed>
  /** One run's row. @looks */
  run(run: RunId): Promise<RunRow | undefined>
  /** In the order of their requests; trials and rollouts unless `acts` says otherwise. @looks */
  runs(filter?: Readonly<{ unfinished?: boolean; runbook?: string; acts?: readonly Act[] }>): Promise<readonly RunRow[]>
  /**
   * Takes or renews the lease; the epoch rises unless the same driver holds it already. `undefined` when another driver's lease still runs.
   * @effect take or renew a lease
   * @repeat By the same driver only sets its end anew; by another one it is refused until then.
   */
  drive(run: RunId, driver: string, now: Instant, leaseUntil: Instant): Promise<Readonly<{ epoch: number }> | undefined>
  /**
   * Gives the lease back; `wakeAt` says when a driver is wanted again. Ignored when it has changed hands.
   * @effect give a lease back
   * @repeat Is ignored. A lease that nobody gave back ends by itself, and the run is wanted then.
   */
  rest(run: RunId, driver: string, wakeAt: Instant | null): Promise<void>
  /**
   * Puts a note at the end of the run's inbox.
   * @effect leave a person's word
   * @repeat Is a second note, which the state answers: one id approves once, a run that pauses or aborts does so already.
   */
  note(run: RunId, at: Instant, kind: string, data: string): Promise<void>
  /**
   * The same for several notes, in order and in one transaction. One to a run that has ended, or is not there, is dropped.
   * @effect pass status events on
   * @repeat Is a second hint, which decides nothing: verdicts are read by page.
   */
  noteAll(notes: readonly NewNote[]): Promise<void>
  /** Who has sent these commands; those that no unfinished run of this store has open are left out. @looks */
  senders(commands: readonly CommandId[]): Promise<ReadonlyMap<CommandId, Sender>>
  /** The oldest notes; they stay until an append takes them. @looks */
  notes(run: RunId, limit: number): Promise<readonly Note[]>
  /** Oldest first. @looks */
  claims(filter?: Readonly<{ run?: RunId; node?: NodeId }>): Promise<readonly Claim[]>
  /**
   * For a person who knows better than the journal: removes this run's claim on the node, a hand or one that only counts, and resolves to it.
   * @effect take a hand off a node
   * @repeat Finds no claim of that run any more, and takes no other's. The command chooses the run from the node's claims: the hand's, or the one
   * that was named to it.
   */
  releaseClaim(node: NodeId, run: RunId): Promise<Claim | undefined>
  /**
   * Puts claims back that a journal proves and the index lost. Where a person has taken the hand off and another run has the node by now, they count
   * in their groups only. `proof`: the journal up to the entry of this hash proves them; one that has grown since, or whose run has ended, may have let
   * go of them, and nothing is put back.
   * @effect put lost claims back
   * @repeat Changes nothing: a run's claim that is there stays as it is.
   */
  restoreClaims(claims: readonly Claim[], proof?: Readonly<{ run: RunId; head: Digest | null }>): Promise<void>
  /**
   * Kept once under its digest.
   * @effect keep a plan
   * @repeat Is dropped: the digest names the content.
   */
  putPlan(digest: Digest, text: string): Promise<void>
  /** The plan of this digest. @looks */
  plan(digest: Digest): Promise<string | undefined>
  /**
   * As `putPlan`; blobs may be pruned.
   * @effect keep a blob
   * @repeat Is dropped: the digest names the content.
   */
  putBlob(digest: Digest, text: string): Promise<void>
  /** The blob of this digest. @looks */
  blob(digest: Digest): Promise<string | undefined>
  /** Position of a reader of journals (the feedback relay), by name; 0 before it was set. @looks */
  cursor(name: string): Promise<number>
  /**
   * Sets it, back too.
   * @effect move the feedback's cursor
   * @repeat Sets the same position. What lies between a lost one and the queue is published again, and dropped by its deduplication id.
   * @effect move a schedule's cursor
   * @repeat Sets the same position. An opening behind it is known by the run that has it, or by the entry that says why none has.
   * @effect keep a mark
   * @repeat Sets the same mark. The rollout that is wanted after a trial is known by that trial; a run that was asked to give way is asked again.
   */
  setCursor(name: string, position: number): Promise<void>
  /**
   * Ends what was begun; afterwards every call is a bug. Safe to repeat.
   * @apart It lets go of what the process holds; nothing that is on record changes.
   */
  close(): Promise<void>
}
