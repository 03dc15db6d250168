import { conduct } from '../../engine/conduct.ts'
import { undo as requestUndo } from '../../engine/undo.ts'
import type { RunRow } from '../../ports/store.ts'
import type { Session } from '../app.ts'
import { argOf, REASON, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { findRun } from '../find-run.ts'
import { followerOf } from '../follow/follower.ts'
import { conclude, tellEnds, type Went } from '../outcome.ts'
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
  const { run, plan } = await requestUndo(world, row, session.actor, reason)
  follower.begins(run, plan, plan === null)
  if (plan === null) app.io.err(`run ${run} was requested before: the reason on record is that of its request`)
  const driven = async (): Promise<Went> => {
    const ended = await conduct(world, run, { listen: follower.listen, signal: app.io.signal })
    const went = { ended: ended ? [ended] : [], left: ended ? null : run }
    await tellEnds(world, went, follower)
    return went
  }
  return conclude(world, await driven().finally(follower.close), `patchwave rollback ${row.run} --reason …`, app.io, common.json)
}
