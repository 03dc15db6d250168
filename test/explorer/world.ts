import type { PlanContent } from '../../src/core/plan/plan.ts'
import type { Work } from '../../src/core/run/event.ts'
import type { Steering } from '../../src/engine/inbox.ts'
import { EXECUTION_MS } from '../../src/core/run/dispatch.ts'
import { earliest, plus, type Instant } from '../../src/kit/instant.ts'

/** What a script on a node comes to. `running`: its transaction works, whatever SSM believes. */
export type Script =
  'running' | 'patched' | 'not-needed' | 'failed' | 'lock-held' | 'too-late' | 'rolled-back' | 'rollback-failed' | 'rollback-refused'

/** A node as it really is. */
export type SimNode = {
  exists: boolean
  /** `v0` as found, `v1` as the plan wants it, `broken` after a failed transaction. */
  version: 'v0' | 'v1' | 'broken'
  /** The before-record. */
  before: SimNode['version'] | null
  /** Markers by token. */
  readonly scripts: Map<number, Script>
  /** How often a transaction of an apply began, and how many intents allow it. */
  starts: number
  intents: number
  /** Out of its target groups, in standby in its group, and made quiet by a hook. */
  drained: boolean
  standby: boolean
  quiet: boolean
  /** Whether it was stopped at first, and whether it runs because a step has started it. */
  readonly asleep: boolean
  started: boolean
  /** Whether the hook after a change has been well with it since the last one. */
  looked: boolean
  /** Whose transaction changed it last, and whether one of another run works on it now. */
  changedBy: 'us' | 'them' | null
  foreign: boolean
}

/**
 * One node's part of a command as SSM shows it. `silent`: ended without a word of the script. `cancelled`: it never started. `cut-short`: it started
 * while it was being cancelled, and its transaction works on in a session of its own.
 */
export type Part = 'pending' | 'running' | 'done' | 'silent' | 'cancelled' | 'cut-short'

/** What a driver asks SSM for, as its request carries it. `breaks`: its list has a patch that breaks nodes. */
export type Order = Readonly<{ n: number; work: Work; nodes: readonly number[]; startBefore: Instant; breaks: boolean }>

/** A command that SSM has. One token may have several. */
export type Copy = Order & {
  /** What the node's marker is named by: `n`, as long as every resend carries the same token. */
  readonly token: number
  readonly id: string
  readonly landedAt: Instant
  readonly expiresAfter: Instant
  readonly parts: Map<number, Part>
}

/** A wish in the run's inbox; `wish` null: a note that nobody can read. */
export type Note = Readonly<{ id: number; label: string; wish: Steering | null }>

/** How much trouble a path may still meet. `troubles` bounds the sum of the others. */
export type Left = { troubles: number; faults: number; crashes: number; acts: number }

/** Everything outside the core: SSM, the nodes, the claims and the sends of dead drivers that may still arrive. */
export type World = {
  readonly nodes: SimNode[]
  copies: Copy[]
  copyCount: number
  /** What dead drivers were about to send, once for each copy that may still arrive. */
  zombies: Order[]
  /** Whether somebody drives. */
  driven: boolean
  /** What nobody has answered yet, how many notes there ever were, and the last one that was answered. */
  inbox: Note[]
  notes: number
  answered: number
  /** The cell that AWS refuses. */
  denied: string | null
  /** The freeze that the calendars declare; `broken`: on record as such. */
  freeze: Readonly<{ from: Instant; to: Instant; broken: boolean }> | null
  /** What the maintenance window's end was changed to. */
  closing: Instant | null
  /** Whose hand is on each node. */
  readonly claims: ('free' | 'ours' | 'theirs')[]
  readonly left: Left
  /** Effects that the driver was told to run and not to stop since. */
  readonly running: Set<string>
  /** Waves that rollback commands went to, newest first. */
  rolledBack: number | null
}

/** Where the first node sleeps if the plan starts nodes that do. What is undone was changed by another run, once each. */
export function newWorld({ nodes, work, runbook }: PlanContent, left: Left): World {
  const done = work === 'rollback'
  return {
    nodes: nodes.map((_, position) => ({
      exists: true,
      version: done ? 'v1' : 'v0',
      before: done ? 'v0' : null,
      scripts: new Map(),
      starts: 0,
      intents: done ? 1 : 0,
      drained: false,
      standby: false,
      quiet: false,
      asleep: position === 0 && runbook.power.stopped === 'start-and-restore',
      started: false,
      looked: false,
      changedBy: done ? 'us' : null,
      foreign: false,
    })),
    copies: [],
    copyCount: 0,
    zombies: [],
    driven: true,
    inbox: [],
    notes: 0,
    answered: 0,
    denied: null,
    freeze: null,
    closing: null,
    claims: nodes.map(() => 'free' as const),
    left: { ...left },
    running: new Set(),
    rolledBack: null,
  }
}

/** Where the model can be told to misbehave, so that a test shows that the checks see it. */
export type Rules = Readonly<{
  /** The before-record once a transaction begins. */
  remember: (node: SimNode) => SimNode['version']
  /** Whether a cancel stops this part. */
  cancels: (part: Part) => boolean
  /** The token under which a command is sent. */
  tokenFor: (world: World, n: number, work: Work) => number
  /** Whether a node's claim goes when its report has no word of the script. */
  freesSilent: boolean
  /** Whether a driver that was replaced may append. */
  outruns: (head: number, mine: number) => boolean
  /** Whether a note that was answered stays in the inbox when the driver dies right after. */
  keepsNotes: boolean
  /** Whether hands and limits of other runs are looked at. */
  looks: Readonly<{ hands: boolean; limits: boolean }>
}>

export const RIGHT: Rules = {
  remember: (node) => node.before ?? node.version,
  cancels: (part) => part === 'pending',
  tokenFor: (_, n) => n,
  freesSilent: false,
  outruns: (head, mine) => head === mine,
  keepsNotes: false,
  looks: { hands: true, limits: true },
}

/** Until when a copy may keep a node busy: SSM ends it at its expiry, and no script that began in time lasts longer than its command may. */
export const worksUntil = ({ expiresAfter, startBefore }: Copy): Instant => earliest(expiresAfter, plus(startBefore, EXECUTION_MS))

/** The node's lock: the token whose script works now. */
export function lockOf(node: SimNode): number | undefined {
  for (const [token, script] of node.scripts) if (script === 'running') return token
  return undefined
}
