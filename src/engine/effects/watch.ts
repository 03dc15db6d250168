import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf, type NodeId } from '../../kit/ids.ts'
import { earliest, plus, type Instant } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { at, codeOf, commandOf, planned, STAGE, type RunState } from '../../core/run/state.ts'
import type { Command } from '../../core/run/parts.ts'
import { judge, judgePatchManager, type Report } from '../../core/run/verdict.ts'
import { byPatchManager } from '../../core/run/patch-manager.ts'
import type { InvocationSeen } from '../../ports/commands.ts'
import { BEFORE_MARKER, shownOf } from '../ask.ts'
import { reportsOf } from './report.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { cellRefused, refusalOf, REFUSED_MS } from './refused-cell.ts'
import { Reading } from './watch-due.ts'

/** Follows the commands of one token until each node has a verdict and nothing of it can be open any more. */
export async function* watchCommand(performing: Performing, effect: EffectOf<'watch'>): Found {
  const { world, state, hints, signal } = performing
  const command = commandOf(state, effect.n)
  const reading = new Reading(performing, command)
  const nodes = new Set(command.nodes.map((position) => planned(state, position).node))
  try {
    while (!signal.aborted) {
      for (const id of command.ids) hints.watch(id, nodes, reading.ring)
      const alone = await reading.due()
      if (signal.aborted) return
      const asked = world.clock.now()
      const seen = await read(performing, command, alone).catch((error: unknown) => refusalOf(error, command))
      if (seen instanceof PatchwaveError) {
        yield* whileRefused(performing, command, seen)
        if (command.phase === 'closed') return
        continue
      }
      const reports = newReports(state, command, seen, world.clock.now())
      if (reports) yield [reports]
      // A page that was asked for before its time was over, or for one node, does not say how the others have ended.
      const over = alone === undefined && asked >= command.expiresAfter
      if (command.open > 0 && over) yield [expired(state, command, world.clock.now())]
      if (command.open === 0 && (over || isOver(state, command, seen))) {
        yield [{ type: 'CommandClosed', n: command.n }]
        return
      }
    }
  } finally {
    for (const id of command.ids) hints.forget(id)
  }
}

/** Nobody may read: what runs there runs on. Its nodes are unknown when nothing of it can be under way any more. */
async function* whileRefused({ world, state, signal }: Performing, command: Command, error: PatchwaveError): Found {
  const { clock } = world
  const facts = cellRefused(state, command.cell, error)
  if (facts.length > 0) yield facts
  if (clock.now() < command.expiresAfter) return await clock.sleep(earliest(plus(clock.now(), REFUSED_MS), command.expiresAfter), signal)
  if (command.open > 0) yield [expired(state, command, clock.now())]
  yield [{ type: 'CommandClosed', n: command.n }]
}

type Seen = ReadonlyMap<string, readonly InvocationSeen[]>

async function read({ world, signal }: Performing, command: Command, alone: NodeId | undefined): Promise<Seen> {
  const seen = new Map<string, InvocationSeen[]>()
  for (const id of command.ids) {
    const shown = await shownOf(world, { cell: cellOf(command.cell), commandId: id, node: alone }, signal)
    for (const [node, one] of shown) seen.set(node, [...(seen.get(node) ?? []), one])
  }
  return seen
}

function newReports(state: RunState, command: Command, seen: Seen, now: Instant): RunEvent | undefined {
  const rows = command.nodes.flatMap((position) => {
    if (!wantsReport(state, position, command)) return []
    const ended = (seen.get(planned(state, position).node) ?? []).filter((one) => one.ended)
    if (ended.length === 0) return []
    const reports = ended.map((one) =>
      judged(state, command, { status: neverStarted(one) ? 'NotStarted' : one.status, output: one.output }, now),
    )
    const report = reports.find(isLastWord) ?? (ended.length === command.ids.length ? mostDoubtful(reports) : undefined)
    if (report === undefined || (report.outcome === 'unknown' && at(state.nodes.stage, position) === STAGE.ended)) return []
    return [{ position, report }]
  })
  return rows.length > 0 ? reportsOf(command, rows) : undefined
}

const isLastWord = ({ ended, reason }: Report): boolean => ended !== 0 && !BEFORE_MARKER.has(reason)

/** Of copies that have all ended without such a word the one tells that may have run. */
function mostDoubtful(reports: readonly Report[]): Report | undefined {
  const certain: ReadonlySet<string> = new Set(['failed', 'skipped'])
  return (
    reports.find(({ ended, outcome }) => ended === 0 && !certain.has(outcome)) ?? reports.find(({ ended }) => ended !== 0) ?? reports.at(-1)
  )
}

function judged(state: RunState, command: Command, { status, output }: Pick<InvocationSeen, 'status' | 'output'>, now: Instant): Report {
  if (byPatchManager(state.plan, command.work)) return judgePatchManager(status, now)
  return judge(command.work, tokenOf(state.run, command.n), status, output)
}

/** Cancelled before the agent began: SSM shows no exit code for it. */
const neverStarted = (one: InvocationSeen): boolean =>
  one.status === 'Cancelled' && (one.exitCode === null || one.exitCode === -1) && one.output === ''

function wantsReport(state: RunState, position: number, command: Command): boolean {
  if (at(state.nodes.command, position) !== command.n) return false
  const stage = at(state.nodes.stage, position)
  if (stage === STAGE.flying || byPatchManager(state.plan, command.work)) return stage === STAGE.flying
  return stage === STAGE.ended && at(state.nodes.outcome, position) === codeOf('unknown')
}

function expired(state: RunState, command: Command, now: Instant): RunEvent {
  const left = command.nodes.filter(
    (position) => at(state.nodes.command, position) === command.n && at(state.nodes.stage, position) === STAGE.flying,
  )
  return reportsOf(
    command,
    left.map((position) => ({ position, report: judged(state, command, EXPIRED, now) })),
  )
}

const EXPIRED = { status: 'Expired', output: '' } as const

/** Every node spoke and SSM shows every part as ended. */
function isOver(state: RunState, command: Command, seen: Seen): boolean {
  return command.nodes.every((position) => {
    const parts = seen.get(known(planned(state, position).node, 'the node')) ?? []
    const silent = at(state.nodes.endedSeconds, position) === 0 && at(state.nodes.outcome, position) !== codeOf('skipped')
    return !silent && parts.length === command.ids.length && parts.every((one) => one.ended)
  })
}
