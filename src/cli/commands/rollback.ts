import { known } from '../../kit/assert.ts'
import { conduct } from '../../engine/conduct.ts'
import { openRun } from '../../engine/open.ts'
import { planRollback } from '../../engine/planning.ts'
import { requestRun } from '../../engine/request.ts'
import type { World } from '../../engine/world.ts'
import type { RunRow } from '../../ports/store.ts'
import type { Session } from '../app.ts'
import { argOf, REASON, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { findRun } from '../find-run.ts'
import { followerOf } from '../follow/follower.ts'
import { conclude } from '../outcome.ts'
import { exitOf, steer, tell } from '../steer.ts'

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
      const answered = await steer(app, session, row, { what: 'rollback', gate: null, reason })
      tell(app, common.json, [answered], 'rollback')
      return exitOf([answered])
    })
  },
}

/** A run of its own that undoes an ended one; one that was begun and left is gone on with. */
async function undo({ app, common }: Call, session: Session, row: RunRow, reason: string): Promise<number> {
  const { world } = session
  const follower = followerOf(app, common.json, {
    now: () => world.clock.now(),
    calls: () => world.counter.calls(),
    throttle: () => world.counter.lastThrottle(),
    virtual: false,
  })
  const begun = await begunUndoing(world, row)
  const plan = begun === null ? await planRollback(world, row.run) : null
  const run =
    begun ?? (await requestRun(world, { plan: known(plan, 'the plan'), actor: await session.actor(), reason, now: true, trial: null }))
  follower.begins(run, plan, begun !== null)
  const ended = await conduct(world, run, { listen: follower.listen, signal: app.io.signal }).finally(follower.close)
  return conclude(
    world,
    { ended: ended ? [ended] : [], left: ended ? null : run },
    `patchwave rollback ${row.run} --reason …`,
    app.io,
    common.json,
  )
}

async function begunUndoing(world: World, { run, runbook }: RunRow): Promise<string | null> {
  for (const row of await world.store.runs({ unfinished: true, runbook })) {
    if ((await openRun(world.store, row.run)).state.undoes === run) return row.run
  }
  return null
}
