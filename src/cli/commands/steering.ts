import { PatchwaveError } from '../../kit/error.ts'
import type { Steering } from '../../engine/inbox.ts'
import { argOf, flagOf, REASON, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { usage } from '../exit.ts'
import { findRun } from '../find-run.ts'
import { exitOf, steer, tell, type Answered } from '../steer.ts'

/** Nothing new starts; what runs on nodes ends. */
export const pause: CommandSpec = {
  path: 'pause',
  arguments: '<run>',
  summary: 'start nothing new in a run; what runs ends',
  options: [REASON],
  example: "pause 0199b6f2-7c1e-7aaa-8bbb-3f2d1c0b9a88 --reason 'errors in checkout'",
  output: 'document',
  run: (call) => steerOne(call, 'pause'),
}

/** Takes a pause back. */
export const resume: CommandSpec = {
  path: 'resume',
  arguments: '<run>',
  summary: 'go on with a paused run',
  options: [REASON],
  example: "resume 0199b6f2-7c1e-7aaa-8bbb-3f2d1c0b9a88 --reason 'checkout is well again'",
  output: 'document',
  run: (call) => steerOne(call, 'resume'),
}

/** Ends a run: what has not started is cancelled, what runs on nodes ends by itself. */
export const abort: CommandSpec = {
  path: 'abort',
  arguments: '[run]',
  summary: 'end a run; never cuts a package transaction. --all is the red button',
  options: [
    REASON,
    { flags: '--rollback', means: 'restore the nodes that it touched, newest wave first' },
    { flags: '--all', means: 'every run that has not ended' },
  ],
  example: "abort --all --reason 'INC-1234'",
  output: 'document',
  run: (call) => {
    const what = flagOf(call, 'rollback') ? 'abort-and-rollback' : 'abort'
    if (!flagOf(call, 'all')) return steerOne(call, what)
    if (call.args.length > 0) throw usage('a run and --all exclude each other', 'leave one of them out')
    return steerAll(call, what)
  },
}

/** Steers the run that the command line names. */
export function steerOne(call: Call, what: Steering['what'], gate: string | null = null): Promise<number> {
  const name = argOf(call, 0, 'the run')
  const { app, common } = call
  return using(app.openSession(common), async (session) => {
    const row = await findRun(session.world.store, name)
    const answered = await steer(app, session, row, { what, gate, reason: textOf(call, 'reason') ?? '' })
    tell(app, common.json, [answered], what)
    return exitOf([answered])
  })
}

/** All at once: a slow one must not hold up the others. */
function steerAll(call: Call, what: Steering['what']): Promise<number> {
  const { app, common } = call
  return using(app.openSession(common), async (session) => {
    const rows = await session.world.store.runs({ unfinished: true })
    const wish = { what, gate: null, reason: textOf(call, 'reason') ?? '' }
    const settled = await Promise.allSettled(rows.map((row) => steer(app, session, row, wish)))
    const done: Answered[] = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (done.length > 0 || rows.length === 0) tell(app, common.json, done, what)
    if (rows.length === 0) app.io.err('no run is unfinished')
    const failures = settled.flatMap((one, index) => {
      const run = rows[index]?.run ?? ''
      return one.status === 'rejected' ? [{ run, reason: one.reason as unknown }] : []
    })
    for (const { run, reason } of failures) app.io.err(`${run}: ${what} failed: ${String(reason)}`)
    // One that has ended meanwhile needs no word any more.
    const [first] = failures.filter(({ reason }) => !(reason instanceof PatchwaveError) || reason.code !== 'run.finished')
    if (first === undefined) return exitOf(done)
    if (!(first.reason instanceof PatchwaveError) || (common.json && done.length === 0)) throw first.reason
    return first.reason.exit
  })
}
