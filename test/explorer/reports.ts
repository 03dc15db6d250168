import type { Outcome, RunEvent } from '../../src/core/run/event.ts'
import { codeOf, commandOf, STAGE } from '../../src/core/run/state.ts'
import type { Command } from '../../src/core/run/parts.ts'
import { instant, type Instant } from '../../src/kit/instant.ts'
import { isDenied, learns } from './cells.ts'
import { nodeOf } from './hands.ts'
import { Violation } from './violation.ts'
import { fault, free, type Move } from './moves.ts'
import type { Sim } from './sim.ts'
import { lockOf, type Copy, type Part, type Rules, type Script, type SimNode } from './world.ts'

type Row = Readonly<{ position: number; outcome: Outcome; reason: string; ended: Instant }>

/** What a watcher may find when it reads: any of the nodes that ended, all of them, the same again, the expiry, the end. */
export function watchAnswers(sim: Sim, n: number): Move[] {
  const { live, now } = sim
  const command = commandOf(live, n)
  if (isDenied(sim, command.nodes[0] ?? 0)) return [...learns(sim, `report ${n}`, command.cell), ...unreadable(sim, command)]
  const rows = command.nodes.flatMap((position) => rowOf(sim, command, position) ?? [])
  const parts = rows.length > 1 ? [...rows.map((row) => [row]), rows] : rows.length === 1 ? [rows] : []
  const moves = parts.map((some) =>
    free(`report ${n}: ${some.map((row) => `${row.position} ${row.outcome}`).join(', ')}`, () => [reportOf(n, some)]),
  )
  if (command.open > 0 && now >= command.expiresAfter) moves.push(free(`report ${n}: expired`, (then) => [expired(then, n)]))
  if (command.open === 0 && isOver(sim, command)) moves.push(free(`close ${n}`, () => [{ type: 'CommandClosed', n }]))
  const again = command.nodes.flatMap((position) =>
    (live.nodes.endedSeconds[position] ?? 0) > 0 ? (spokenOf(sim, command, position) ?? []) : [],
  )
  if (again.length === command.nodes.length && command.open === 0) moves.push(free(`report ${n} again`, () => [reportOf(n, again)]))
  return moves
}

export const reportOf = (n: number, rows: readonly Row[]): RunEvent => ({
  type: 'NodesReported',
  n,
  nodes: rows.map((row) => row.position),
  outcomes: rows.map((row) => row.outcome),
  reasons: rows.map((row) => row.reason),
  changed: rows.map(() => 0),
  missing: rows.map(() => 0),
  before: rows.map(() => ''),
  after: rows.map(() => ''),
  reboot: rows.map(() => false),
  ended: rows.map((row) => row.ended),
})

/** Nobody may read until nothing of it can be under way any more. */
function unreadable(sim: Sim, { n, open, expiresAfter }: Command): Move[] {
  if (sim.now < expiresAfter) return []
  return [free(`report ${n}: given up`, (then) => [...(open > 0 ? [expired(then, n)] : []), { type: 'CommandClosed', n }])]
}

/** The copies of a token that the driver knows of. */
const knownCopies = ({ world }: Sim, command: Command): Copy[] => world.copies.filter((copy) => command.ids.includes(copy.id))

/** A node's first word, or its silence once all its copies have ended without one. */
function rowOf(sim: Sim, command: Command, position: number): Row | undefined {
  const { live } = sim
  if (live.nodes.command[position] !== command.n) return undefined
  const flying = live.nodes.stage[position] === STAGE.flying
  const late =
    (live.nodes.stage[position] === STAGE.ended || live.nodes.stage[position] === STAGE.returning) &&
    live.nodes.outcome[position] === codeOf('unknown') &&
    live.nodes.endedSeconds[position] === 0
  if (!flying && !late) return undefined
  const spoken = spokenOf(sim, command, position)
  if (spoken !== undefined) return spoken
  const parts = knownCopies(sim, command).map((copy) => copy.parts.get(position))
  if (!flying || parts.some((part) => part === 'pending' || part === 'running')) return undefined
  if (command.work === 'rollback') return row(position, 'rollback-failed', 'timed-out')
  if (parts.at(-1) === 'cut-short') return row(position, 'unknown', 'cancelled')
  return parts.at(-1) === 'cancelled' ? row(position, 'skipped', 'cancelled') : row(position, 'unknown', 'timed-out')
}

const row = (position: number, outcome: Outcome, reason: string, ended = instant(0)): Row => ({ position, outcome, reason, ended })

/** What the node itself said, if any copy shows it. */
function spokenOf(sim: Sim, command: Command, position: number): Row | undefined {
  const copy = knownCopies(sim, command).find((one) => one.parts.get(position) === 'done')
  const script = copy && nodeOf(sim.world, position).scripts.get(copy.token)
  if (script === undefined || script === 'running') return undefined
  if (command.work === 'rollback') return row(position, script === 'rolled-back' ? 'rolled-back' : 'rollback-failed', script, sim.now)
  if (sim.live.plan.runbook.apply.with === 'patch-manager') return row(position, 'open', 'ended', sim.now)
  return row(position, ...WORDS[script], sim.now)
}

/** Outcome and reason of an apply by the script's word. A rollback's word does not belong there. */
const WORDS: Readonly<Record<Exclude<Script, 'running'>, readonly [Outcome, string]>> = {
  patched: ['patched', 'installed'],
  'not-needed': ['not-needed', 'nothing-missing'],
  failed: ['failed', 'scriptlet-failed'],
  'lock-held': ['failed', 'lock-held'],
  'too-late': ['skipped', 'too-late'],
  'rolled-back': ['unknown', 'unreadable'],
  'rollback-failed': ['unknown', 'unreadable'],
  'rollback-refused': ['unknown', 'unreadable'],
}

/** What has no verdict when all of the command has expired never gets one. */
function expired(sim: Sim, n: number): RunEvent {
  const command = commandOf(sim.live, n)
  const left = command.nodes.filter((position) => sim.live.nodes.command[position] === n && sim.live.nodes.stage[position] === STAGE.flying)
  return reportOf(
    n,
    left.map((position) => row(position, command.work === 'rollback' ? 'rollback-failed' : 'unknown', 'expired')),
  )
}

/** Every node spoke and SSM shows every part as ended; or time has run out for all of it. */
function isOver(sim: Sim, command: Command): boolean {
  if (sim.now >= command.expiresAfter) return true
  const { live } = sim
  return command.nodes.every((position) => {
    const silent = live.nodes.endedSeconds[position] === 0 && live.nodes.outcome[position] !== codeOf('skipped')
    const parts = knownCopies(sim, command).map((copy) => copy.parts.get(position))
    return !silent && parts.every((part) => part !== 'pending' && part !== 'running')
  })
}

/** What has not started is cancelled. One that starts between the look and the cancel works on in a session of its own; SSM shows nothing of it. */
export function cancelAnswers(rules: Rules, n: number): Move[] {
  const cancel =
    (racing: boolean) =>
    (sim: Sim): RunEvent[] => {
      const nodes = knownCopies(sim, commandOf(sim.live, n)).flatMap((copy) =>
        [...copy.parts].filter(([, part]) => rules.cancels(part)).map(([position, part]) => stop(rules, sim, copy, position, part, racing)),
      )
      return [{ type: 'CancelDone', n, nodes }]
    }
  return [free(`cancel ${n}`, cancel(false)), fault(`cancel ${n}: its nodes start at that moment`, cancel(true))]
}

function stop(rules: Rules, sim: Sim, copy: Copy, position: number, part: Part, racing: boolean): number {
  const node = nodeOf(sim.world, position)
  if (part === 'running' && node.scripts.get(copy.token) === 'running')
    throw new Violation('I14', `the transaction on node ${position} is cut`)
  if (racing && mayStart(sim, copy, node)) {
    start(rules, node, copy.token)
    copy.parts.set(position, 'cut-short')
  } else copy.parts.set(position, 'cancelled')
  return position
}

export const mayStart = (sim: Sim, copy: Copy, node: SimNode): boolean =>
  node.exists &&
  !node.scripts.has(copy.token) &&
  lockOf(node) === undefined &&
  !node.foreign &&
  sim.now < copy.startBefore &&
  copy.work === 'apply'

/** A transaction of an apply begins, in a session of its own, once the node has written down how it was before. */
export function start(rules: Rules, node: SimNode, token: number): void {
  node.before = rules.remember(node)
  node.scripts.set(token, 'running')
  node.looked = false
  node.starts += 1
}
