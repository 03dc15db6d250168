import { known } from '../../kit/assert.ts'
import { PatchwaveError } from '../../kit/error.ts'
import type { NodeSeen } from '../../core/plan/fleet.ts'
import { cellOf } from '../../kit/ids.ts'
import { READ_FRESH_MS } from '../../core/run/dispatch.ts'
import { planned } from '../../core/run/state.ts'
import { byPatchManager, LIST_REFUSED } from '../../core/run/patch-manager.ts'
import { hindered, isDown } from '../../core/run/reread.ts'
import { groupKeysOf } from '../../core/plan/groups.ts'
import { namesOf } from '../names.ts'
import { mayPass } from '../steps/trying.ts'
import { storeList } from './patch-manager.ts'
import type { EffectOf, Found, Performing } from './perform.ts'
import { cellRefused, refusesCell } from './refused-cell.ts'

/** Looks at the nodes of a round once more, just before the intent. One stale id would make SSM refuse the whole command. */
export async function* readBatch({ world, state, signal }: Performing, effect: EffectOf<'read'>): Found {
  const nodes = effect.nodes.map((position) => planned(state, position).node)
  // Before the look: S3 may take longer than the look stays true.
  const hindering = byPatchManager(state.plan, effect.work) && !(await hasList({ world, state, signal }, effect))
  let looked: readonly NodeSeen[]
  try {
    const began = world.clock.now()
    looked = await world.fleet.look(cellOf(effect.cell), nodes, signal)
    // Pauses and repeats lie between the calls of a slow look; a throttled cell is not asked for ever.
    if (world.clock.now() - began > READ_FRESH_MS) looked = await world.fleet.look(cellOf(effect.cell), nodes, signal)
  } catch (error) {
    if (!(error instanceof PatchwaveError) || !refusesCell(error, effect.cell)) throw error
    const facts = cellRefused(state, effect.cell, error)
    if (facts.length > 0) yield facts
    return
  }
  const seen = new Map(looked.map((node) => [node.node, node]))
  const { scope } = state.plan.runbook
  const volumes = effect.work === 'rollback' && state.plan.rollback.method === 'root-volume'
  const undertaking = { work: effect.work, stopped: effect.stopped, volumes }
  const names = namesOf(world)
  const skipped: number[] = []
  const reasons: string[] = []
  const down: number[] = []
  for (const position of effect.nodes) {
    const node = planned(state, position)
    const now = seen.get(node.node)
    const keys = node.groups.map((group) => known(state.plan.groups[group], 'the group').key)
    const reason = hindered(node, keys, now, (one) => groupKeysOf(state.plan, one), scope, names, undertaking)
    if (isDown(now)) down.push(position)
    if (reason === null) continue
    skipped.push(position)
    reasons.push(reason)
  }
  if (hindering) {
    const left = effect.nodes.filter((position) => !skipped.includes(position))
    skipped.push(...left)
    reasons.push(...left.map(() => LIST_REFUSED))
  }
  yield [{ type: 'BatchRead', batch: effect.batch, skipped, reasons, down }]
}

/** Whether the list that Patch Manager will be sent lies where the nodes read it. False: S3 refuses it for good. */
async function hasList(
  { world, state, signal }: Pick<Performing, 'world' | 'state' | 'signal'>,
  effect: EffectOf<'read'>,
): Promise<boolean> {
  const { list } = known(state.batches.get(effect.batch), `batch ${String(effect.batch)}`)
  try {
    await storeList({ world, state, signal }, cellOf(effect.cell), list)
    return true
  } catch (error) {
    if (!(error instanceof PatchwaveError) || mayPass(error)) throw error
    world.log.warn(`list of batch ${String(effect.batch)}: ${error.code}: ${error.message}`)
    return false
  }
}
