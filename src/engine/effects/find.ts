import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf } from '../../kit/ids.ts'
import { DAY, latest, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import { provedAt } from '../../core/run/evolve-commands.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { commandOf } from '../../core/run/state.ts'
import type { Command } from '../../core/run/parts.ts'
import { SETTLE_MS, SKEW_MS } from '../ask.ts'
import { unknownReport } from './report.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { cellRefused, refusalOf, REFUSED_MS } from './refused-cell.ts'

const SWEEP_MS: Ms = 30 * SECOND

/** SSM forgets commands after 30 days. An intent older than this is unknown, never "not sent". */
const FORGOTTEN_MS: Ms = 25 * DAY

/** Looks an unclear intent up by its token. Found: adopted. Not found when SSM's list has settled: missed, to be sent again under the same token. */
export async function* findCommand({ world, state, signal }: Performing, effect: EffectOf<'find'>): Found {
  const command = commandOf(state, effect.n)
  const { clock } = world
  const settled = plus(latest(clock.now(), command.intendedAt), SETTLE_MS)
  while (!signal.aborted) {
    if (clock.now() > plus(command.intendedAt, FORGOTTEN_MS)) {
      yield* givenUp(command, 'forgotten-by-ssm')
      return
    }
    const began = clock.now()
    const found = await sweep({ world, state, signal }, command).catch((error: unknown) => refusalOf(error, command))
    if (found instanceof PatchwaveError) {
      yield* whileRefused({ world, state, signal }, command, found)
      if (command.phase === 'closed') return
      continue
    }
    if (found.length > 0) {
      yield found
      return
    }
    // The newest come first: a look that took long says how things were when it began.
    const proved = provedAt(state, command.n)
    const isProof = began >= proved || plus(clock.now(), SWEEP_MS) < proved
    if (began >= settled && isProof) {
      yield [{ type: 'CommandMissed', n: command.n }]
      return
    }
    await clock.sleep(began < settled ? earliestOf(plus(clock.now(), SWEEP_MS), settled) : proved, signal)
  }
}

/** Nobody may look: what was sent there shows later or never. Its nodes are unknown when nothing of it can be under way any more. */
async function* whileRefused({ world, state, signal }: Looking, command: Command, error: PatchwaveError): Found {
  const { clock } = world
  const facts = cellRefused(state, command.cell, error)
  if (facts.length > 0) yield facts
  if (clock.now() >= command.expiresAfter) yield* givenUp(command, 'cell-refused')
  else await clock.sleep(earliestOf(plus(clock.now(), REFUSED_MS), command.expiresAfter), signal)
}

/** One after the other: the hands on nodes that said nothing are let go when their command closes, and only what has ended by then. */
async function* givenUp(command: Command, reason: string): Found {
  yield [unknownReport(command, reason)]
  yield [{ type: 'CommandClosed', n: command.n }]
}

const earliestOf = (a: Instant, b: Instant): Instant => (a < b ? a : b)

type Looking = Pick<Performing, 'world' | 'state' | 'signal'>

async function sweep({ world, state, signal }: Looking, command: Command): Promise<RunEvent[]> {
  const token = tokenOf(state.run, command.n)
  const found: RunEvent[] = []
  for await (const seen of world.commands.sweep(cellOf(command.cell), plus(command.intendedAt, -SKEW_MS), signal)) {
    if (seen.comment !== token) continue
    found.push({
      type: 'CommandSent',
      n: command.n,
      commandId: seen.commandId,
      requestedAt: seen.requestedAt,
      expiresAfter: seen.expiresAfter,
      adopted: true,
    })
  }
  return found
}
