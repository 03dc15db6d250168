import { conduct } from '../../engine/conduct.ts'
import { planRollback } from '../../engine/planning.ts'
import { requestRun } from '../../engine/request.ts'
import type { RunRow } from '../../ports/store.ts'
import type { Session } from '../app.ts'
import { argOf, REASON, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { findRun } from '../find-run.ts'
import { followerOf } from '../follow/follower.ts'
import { conclude } from '../outcome.ts'
import { steer, tell } from '../steer.ts'

/** Restores what a run changed: of one that goes on, by steering it; of one that has ended, by a run of its own. */
export const rollback: CommandSpec = {
  path: 'rollback',
  arguments: '<run>',
  summary: 'restore the nodes that a run changed; a run that has ended is undone by a new one',
  options: [REASON],
  example: "rollback 0199b6f2-7c1e-7aaa-8bbb-3f2d1c0b9a88 --reason 'INC-1234'",
  output: 'stream',
  run(call) {
    const { app, common } = call
    return using(app.openSession(common), async (session) => {
      const row = await findRun(session.world.store, argOf(call, 0, 'the run'))
      const reason = textOf(call, 'reason') ?? ''
      if (row.outcome !== null) return undo(call, session, row, reason)
      tell(app, common.json, [await steer(app, session, row, { what: 'rollback', gate: null, reason })], 'rollback')
      return EXIT.done
    })
  },
}

async function undo({ app, common }: Call, session: Session, row: RunRow, reason: string): Promise<number> {
  const { world } = session
  const follower = followerOf(app, common.json, { now: () => world.clock.now(), calls: () => world.counter.calls(), virtual: false })
  const plan = await planRollback(world, row.run)
  const run = await requestRun(world, { plan, actor: await session.actor(), reason, now: true, trial: null })
  follower.begins(run, plan, false)
  const ended = await conduct(world, run, { listen: follower.listen, signal: app.io.signal }).finally(follower.close)
  return conclude(world, { ended: ended ? [ended] : [], left: ended ? null : run }, `patchwave rollback ${row.run}`, app.io, common.json)
}
