import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf } from '../../kit/ids.ts'
import { instant, plus, SECOND, type Instant, type Ms } from '../../kit/instant.ts'
import { EXECUTION_MS } from '../../core/run/dispatch.ts'
import { commandOf, planned, type Command } from '../../core/run/state.ts'
import type { CommandOrder } from '../../ports/commands.ts'
import { listsOf } from '../lists.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { listParameter } from '../../core/plan/list.ts'

/** SSM's smallest delivery timeout: what starts later than this before `startBefore` cannot be sent. */
const SEND_LAST_MS: Ms = 31 * SECOND

/** A throttled or unreachable SSM is asked again this much later. Nothing was sent, so asking again repeats nothing. */
const AGAIN_MS: Ms = 5 * SECOND

/** Sends the command of one intent. What may have been sent is never sent from here again: it is looked up first. */
export async function* sendCommand({ world, state, signal }: Performing, effect: EffectOf<'send'>): Found {
  const command = commandOf(state, effect.n)
  const order = await orderOf({ world, state }, command)
  while (!signal.aborted) {
    if (world.clock.now() >= plus(command.startBefore, -SEND_LAST_MS)) {
      yield [{ type: 'CommandRefused', n: command.n, code: 'too-late', message: 'its nodes could not start in time any more', invalid: [] }]
      return
    }
    try {
      const sent = await world.commands.send(order, signal)
      yield [
        {
          type: 'CommandSent',
          n: command.n,
          commandId: sent.commandId,
          requestedAt: sent.requestedAt,
          expiresAfter: sent.expiresAfter,
          adopted: false,
        },
      ]
      return
    } catch (error) {
      if (!(error instanceof PatchwaveError)) throw error
      const message = `${error.code}: ${error.message}`
      if (error.code === 'aws.unclear') {
        yield [{ type: 'CommandUnclear', n: command.n, message }]
        return
      }
      if (!error.retryable) {
        yield [
          {
            type: 'CommandRefused',
            n: command.n,
            code: error.code,
            message,
            invalid: invalidNodes(command, error, (position) => planned(state, position).node),
          },
        ]
        return
      }
      world.log.warn(`send ${order.token}: ${message}`)
      await world.clock.sleep(plus(world.clock.now(), AGAIN_MS), signal)
    }
  }
}

/** The nodes that SSM named; all of them when it named none, for then each may be the one. */
function invalidNodes(command: Command, error: PatchwaveError, nameOf: (position: number) => string): number[] {
  const named = new Set(
    String(error.more.detail?.['nodes'] ?? '')
      .split(',')
      .filter(Boolean),
  )
  const found = command.nodes.filter((position) => named.has(nameOf(position)))
  return found.length > 0 ? found : [...command.nodes]
}

async function orderOf({ world, state }: Pick<Performing, 'world' | 'state'>, command: Command): Promise<CommandOrder> {
  const name = command.work === 'rollback' ? 'Patchwave-Rollback' : command.work === 'scan' ? 'Patchwave-Scan' : 'Patchwave-Apply'
  return {
    cell: cellOf(command.cell),
    token: tokenOf(state.run, command.n),
    document: { name, hash: known(state.plan.documents[name], `the hash of ${name}`) },
    nodes: command.nodes.map((position) => planned(state, position).node),
    parameters: await parametersOf({ world, state }, command),
    startBefore: wholeSecond(command.startBefore),
    executionSeconds: EXECUTION_MS / SECOND,
  }
}

async function parametersOf({ world, state }: Pick<Performing, 'world' | 'state'>, command: Command): Promise<Record<string, string>> {
  if (command.work === 'scan') return {}
  if (command.work === 'rollback') return { Undo: state.plan.undoes ?? state.run, Reboot: state.plan.reboot }
  const list = known((await listsOf(world, state))[command.list], `list ${String(command.list)}`)
  return { List: listParameter(list.patches), ListDigest: list.digest, Reboot: state.plan.reboot }
}

const wholeSecond = (at: Instant): Instant => instant(Math.floor(at / SECOND) * SECOND)
