import { known } from '../../kit/assert.ts'
import type { Digest } from '../../kit/digest.ts'
import { PatchwaveError } from '../../kit/error.ts'
import { cellOf, tokenOf, type NodeId } from '../../kit/ids.ts'
import { plus, SECOND, type Ms } from '../../kit/instant.ts'
import { EXECUTION_MS } from '../../core/run/dispatch.ts'
import { mayNotStart } from '../../core/run/evolve-commands.ts'
import type { RunEvent } from '../../core/run/event.ts'
import { commandOf, planned } from '../../core/run/state.ts'
import type { Command } from '../../core/run/parts.ts'
import { byPatchManager, LIST_REFUSED } from '../../core/run/patch-manager.ts'
import type { CommandOrder } from '../../ports/commands.ts'
import { sendMayPass } from '../ask.ts'
import { kernelOf } from '../kernel.ts'
import { listsOf } from '../lists.ts'
import { patchBaselineOrder } from './patch-manager.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { cellRefused, refusesCell } from './refused-cell.ts'
import { listParameter } from '../../core/plan/list.ts'

/** SSM's smallest delivery timeout: what starts later than this before `startBefore` cannot be sent. */
const SEND_LAST_MS: Ms = 31 * SECOND

/** A throttled or unreachable SSM is asked again this much later. Nothing was sent, so asking again repeats nothing. */
const AGAIN_MS: Ms = 5 * SECOND

/** Sends the command of one intent. What may have been sent is never sent from here again: it is looked up first. */
export async function* sendCommand({ world, state, signal }: Performing, effect: EffectOf<'send'>): Found {
  const command = commandOf(state, effect.n)
  const nameOf = (position: number): NodeId => planned(state, position).node
  while (!signal.aborted) {
    if (world.clock.now() >= plus(command.startBefore, -SEND_LAST_MS)) {
      yield [{ type: 'CommandRefused', n: command.n, code: 'too-late', message: 'its nodes could not start in time any more', invalid: [] }]
      return
    }
    if (mayNotStart(state, command.work, world.clock.now())) {
      yield [{ type: 'CommandRefused', n: command.n, code: 'held-back', message: HELD_BACK, invalid: [] }]
      return
    }
    let sending = false
    try {
      const order = await orderOf({ world, state }, command)
      sending = true
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
      if (error.code === 'aws.unclear' && sending) {
        yield [{ type: 'CommandUnclear', n: command.n, message }]
        return
      }
      if (refusesCell(error, command.cell)) {
        const refused: RunEvent = { type: 'CommandRefused', n: command.n, code: error.code, message, invalid: [] }
        yield [refused, ...cellRefused(state, command.cell, error)]
        return
      }
      if (error.more.detail?.['error'] === 'TooLate') {
        yield [{ type: 'CommandRefused', n: command.n, code: 'too-late', message, invalid: [] }]
        return
      }
      if (!sendMayPass(error)) {
        const code = sending || !byPatchManager(state.plan, command.work) ? error.code : LIST_REFUSED
        yield [{ type: 'CommandRefused', n: command.n, code, message, invalid: invalidNodes(command, error, nameOf) }]
        return
      }
      world.log.warn(`send ${tokenOf(state.run, command.n)}: ${message}`)
      await world.clock.sleep(plus(world.clock.now(), AGAIN_MS), signal)
    }
  }
}

const HELD_BACK = 'before it could be sent, somebody or something forbade it'

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

type Making = Pick<Performing, 'world' | 'state'>

async function orderOf({ world, state }: Making, command: Command): Promise<CommandOrder> {
  if (byPatchManager(state.plan, command.work)) return patchBaselineOrder({ world, state }, command)
  const name = command.work === 'rollback' ? 'Patchwave-Rollback' : command.work === 'scan' ? 'Patchwave-Scan' : 'Patchwave-Apply'
  return {
    cell: cellOf(command.cell),
    token: tokenOf(state.run, command.n),
    document: { name, hash: pinnedHash({ world, state }, name) },
    nodes: command.nodes.map((position) => planned(state, position).node),
    parameters: await parametersOf({ world, state }, command),
    startBefore: command.startBefore,
    executionSeconds: EXECUTION_MS / SECOND,
  }
}

/** @throws `plan.drift` when this engine brings another document, whose parameters the pinned one may not know */
function pinnedHash({ world, state }: Pick<Performing, 'world' | 'state'>, name: string): Digest {
  const hash = known(state.plan.documents[name], `the hash of ${name}`)
  if (world.scripts.get(name)?.hash === hash) return hash
  throw new PatchwaveError('plan.drift', `the run pins another ${name} than this version of Patchwave brings`, {
    hint: 'go on with the version that began the run, or abort it and start it anew',
  })
}

async function parametersOf({ world, state }: Pick<Performing, 'world' | 'state'>, command: Command): Promise<Record<string, string>> {
  const Kernel = kernelOf(state.plan)
  if (command.work === 'scan') return { Kernel }
  if (command.work === 'rollback') return { Undo: state.plan.undoes ?? state.run, Reboot: state.plan.reboot }
  const list = known((await listsOf(world, state))[command.list], `list ${String(command.list)}`)
  return { List: listParameter(list.patches), ListDigest: list.digest, Kernel, Reboot: state.plan.reboot }
}
