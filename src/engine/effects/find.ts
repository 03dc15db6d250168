import { cellOf, tokenOf } from '../../kit/ids.ts'
import { DAY, latest, MINUTE, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { commandOf, type Command } from '../../core/run/state.ts'
import { unknownReport } from './report.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** SSM's list of commands may lag behind itself for about a minute; after twice that, what is not listed was not sent. */
export const SETTLE_MS: Ms = 2 * MINUTE
const SWEEP_MS: Ms = 30 * SECOND

/** How far before the intent a sweep begins: the host's clock and AWS's may differ. */
const SKEW_MS: Ms = 15 * MINUTE

/** SSM forgets commands after 30 days. An intent older than this is unknown, never "not sent". */
const FORGOTTEN_MS: Ms = 25 * DAY

/** Looks an unclear intent up by its token. Found: adopted. Not found when SSM's list has settled: missed, to be sent again under the same token. */
export async function* findCommand({ world, state, signal }: Performing, effect: EffectOf<'find'>): Found {
  const command = commandOf(state, effect.n)
  const { clock } = world
  const settled = plus(latest(clock.now(), command.intendedAt), SETTLE_MS)
  while (!signal.aborted) {
    if (clock.now() > plus(command.intendedAt, FORGOTTEN_MS)) {
      yield [unknownReport(command, 'forgotten-by-ssm'), { type: 'CommandClosed', n: command.n }]
      return
    }
    const found = await sweep({ world, state, signal }, command)
    if (found.length > 0) {
      yield found
      return
    }
    if (clock.now() >= settled) {
      yield [{ type: 'CommandMissed', n: command.n }]
      return
    }
    await clock.sleep(earliestOf(plus(clock.now(), SWEEP_MS), settled), signal)
  }
}

const earliestOf = (a: Instant, b: Instant): Instant => (a < b ? a : b)

async function sweep({ world, state, signal }: Pick<Performing, 'world' | 'state' | 'signal'>, command: Command): Promise<RunEvent[]> {
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
