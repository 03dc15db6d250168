import { known } from '../../kit/assert.ts'
import { cellOf } from '../../kit/ids.ts'
import { planned } from '../../core/run/state.ts'
import { hindered, isDown } from '../../core/run/reread.ts'
import { groupKeysOf } from '../../core/plan/groups.ts'
import { namesOf } from '../names.ts'
import type { EffectOf, Found, Performing } from './perform.ts'

/** Looks at the nodes of a round once more, just before the intent. One stale id would make SSM refuse the whole command. */
export async function* readBatch({ world, state, signal }: Performing, effect: EffectOf<'read'>): Found {
  const nodes = effect.nodes.map((position) => planned(state, position).node)
  const seen = new Map((await world.fleet.look(cellOf(effect.cell), nodes, signal)).map((node) => [node.node, node]))
  const { scope } = state.plan.runbook
  const names = namesOf(world)
  const skipped: number[] = []
  const reasons: string[] = []
  const down: number[] = []
  for (const position of effect.nodes) {
    const node = planned(state, position)
    const now = seen.get(node.node)
    const keys = node.groups.map((group) => known(state.plan.groups[group], 'the group').key)
    const reason = hindered(node, keys, now, (one) => groupKeysOf(state.plan, one), scope, names, effect.work)
    if (reason === null) continue
    skipped.push(position)
    reasons.push(reason)
    if (isDown(now)) down.push(position)
  }
  yield [{ type: 'BatchRead', batch: effect.batch, skipped, reasons, down }]
}
