import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf, type CommandId, type NodeId } from '../../kit/ids.ts'
import type { Instant } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { at, codeOf, commandOf, planned, STAGE, type Command, type RunState } from '../../core/run/state.ts'
import { judge } from '../../core/run/verdict.ts'
import type { InvocationSeen } from '../../ports/commands.ts'
import { reportsOf } from './report.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { Reading } from './watch-due.ts'

/** Follows the commands of one token until each node has a verdict and nothing of it can be open any more. */
export async function* watchCommand(performing: Performing, effect: EffectOf<'watch'>): Found {
  const { world, state, hints, signal } = performing
  const command = commandOf(state, effect.n)
  const reading = new Reading(performing, command)
  try {
    while (!signal.aborted) {
      for (const id of command.ids) hints.watch(id, reading.ring)
      const alone = await reading.due()
      if (signal.aborted) return
      const seen = await read(performing, command, alone)
      const reports = newReports(state, command, seen)
      if (reports) yield [reports]
      if (command.open > 0 && world.clock.now() >= command.expiresAfter) yield [expired(state, command)]
      if (command.open === 0 && isOver(state, command, seen, world.clock.now())) {
        yield [{ type: 'CommandClosed', n: command.n }]
        return
      }
    }
  } finally {
    for (const id of command.ids) hints.forget(id)
  }
}

type Seen = ReadonlyMap<string, readonly InvocationSeen[]>

async function read({ world, signal }: Performing, command: Command, alone: NodeId | undefined): Promise<Seen> {
  const seen = new Map<string, InvocationSeen[]>()
  for (const id of command.ids) {
    for await (const one of invocations(world, { command, id, alone }, signal)) seen.set(one.node, [...(seen.get(one.node) ?? []), one])
  }
  return seen
}

type Asked = Readonly<{ command: Command; id: CommandId; alone: NodeId | undefined }>

/** A command that SSM does not know any more shows nothing; its nodes end at its expiry. */
async function* invocations(
  world: Performing['world'],
  { command, id, alone }: Asked,
  signal: AbortSignal,
): AsyncGenerator<InvocationSeen> {
  try {
    yield* world.commands.invocations(cellOf(command.cell), id, signal, alone)
  } catch (error) {
    if (!(error instanceof PatchwaveError) || error.code !== 'aws.missing') throw error
  }
}

function newReports(state: RunState, command: Command, seen: Seen): RunEvent | undefined {
  const token = tokenOf(state.run, command.n)
  const rows = command.nodes.flatMap((position) => {
    if (!wantsReport(state, position, command)) return []
    const ended = (seen.get(planned(state, position).node) ?? []).filter((one) => one.ended)
    if (ended.length === 0) return []
    const reports = ended.map((one) => judge(command.work, token, neverStarted(one) ? 'NotStarted' : one.status, one.output))
    const spoken = reports.find((report) => report.ended !== 0)
    const all = ended.length === command.ids.length
    const report = spoken ?? (all ? reports.at(-1) : undefined)
    if (report === undefined || (report.outcome === 'unknown' && at(state.nodes.stage, position) === STAGE.ended)) return []
    return [{ position, report }]
  })
  return rows.length > 0 ? reportsOf(command, rows) : undefined
}

/** Cancelled before the agent began: SSM shows no exit code for it. */
const neverStarted = (one: InvocationSeen): boolean =>
  one.status === 'Cancelled' && (one.exitCode === null || one.exitCode === -1) && one.output === ''

function wantsReport(state: RunState, position: number, command: Command): boolean {
  if (at(state.nodes.command, position) !== command.n) return false
  const stage = at(state.nodes.stage, position)
  return stage === STAGE.flying || (stage === STAGE.ended && at(state.nodes.outcome, position) === codeOf('unknown'))
}

function expired(state: RunState, command: Command): RunEvent {
  const token = tokenOf(state.run, command.n)
  const left = command.nodes.filter(
    (position) => at(state.nodes.command, position) === command.n && at(state.nodes.stage, position) === STAGE.flying,
  )
  return reportsOf(
    command,
    left.map((position) => ({ position, report: judge(command.work, token, 'Expired', '') })),
  )
}

/** Every node spoke and SSM shows every part as ended; or time has run out for all of it. */
function isOver(state: RunState, command: Command, seen: Seen, now: Instant): boolean {
  if (now >= command.expiresAfter) return true
  return command.nodes.every((position) => {
    const parts = seen.get(known(planned(state, position).node, 'the node')) ?? []
    const silent = at(state.nodes.endedSeconds, position) === 0 && at(state.nodes.outcome, position) !== codeOf('skipped')
    return !silent && parts.length === command.ids.length && parts.every((one) => one.ended)
  })
}
