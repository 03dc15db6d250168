import { iso } from '../../kit/instant.ts'
import type { Plan } from '../../core/plan/plan.ts'
import type { Runbook } from '../../core/runbook/runbook.ts'
import { runActs, type ActsRequest } from '../../engine/acts.ts'
import { checkDrift, planDue } from '../../engine/planning.ts'
import { requestRun } from '../../engine/request.ts'
import type { World } from '../../engine/world.ts'
import type { RunRow } from '../../ports/store.ts'
import type { Session } from '../app.ts'
import { BREAK_FREEZE, breaksFreeze, refuseUnlessBroken } from '../breaking.ts'
import { argOf, flagOf, INPUT, inputsOf, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { followerOf } from '../follow/follower.ts'
import { mayLeave } from '../leave.ts'
import { conclude, tellEnds, type Went } from '../outcome.ts'
import { painter } from '../render/paint.ts'
import { ageRemark, planPage } from '../render/plan-page.ts'
import { quoted } from '../render/text.ts'
import { readTarget, type Target } from '../target.ts'

/** The trial, if no fresh baseline stands, and the rollout: driven and followed to their end, or as far as the window reaches. */
export const run: CommandSpec = {
  path: 'run',
  arguments: '<runbook|plan>',
  summary: 'test and roll out, following it to the end; an unfinished run of the runbook is continued',
  options: [
    INPUT,
    { flags: '--now', means: 'open a window of its own instead of waiting for the next one' },
    { flags: '--reason <text>', means: 'why, for the record' },
    BREAK_FREEZE,
    { flags: '--wait', means: 'stay, also when it waits past the window’s close or for an approval' },
    { flags: '--detach', means: 'put the request on record and go; whoever drives this store takes it' },
  ],
  example: "run runbooks/monthly-linux-security.yaml --now --reason 'CHG-4711'",
  output: 'stream',
  async run(call) {
    const { app, common } = call
    const file = argOf(call, 0, 'the runbook or plan')
    const target = await readTarget(app, file, common, inputsOf(call))
    return using(app.openSession(common), async (session) => {
      const { world } = session
      if (target.plan) await checkPlan(call, world, target.plan)
      const request = await requestOf(call, target, session)
      if ((await unfinishedOf(world, target.runbook)).length === 0) await refuseUnlessBroken(world, target.runbook, call)
      if (flagOf(call, 'detach')) return detach(call, world, request)
      return conclude(world, await follow(call, world, request), againOf(file, call), app.io, common.json)
    })
  },
}

/** A plan that begins a run must still fit the fleet; one whose run has begun is only gone on with. */
async function checkPlan({ app }: Call, world: World, plan: Plan): Promise<void> {
  const remark = ageRemark(plan, world.clock.now())
  if (remark !== undefined) app.io.err(remark)
  const unfinished = await unfinishedOf(world, plan.content.runbook)
  if (unfinished.length === 0) await checkDrift(world, plan, app.io.signal)
}

async function requestOf(call: Call, target: Target, session: Session): Promise<ActsRequest> {
  return {
    runbook: target.runbook,
    inputs: target.inputs,
    now: flagOf(call, 'now'),
    breakFreeze: breaksFreeze(call),
    reason: textOf(call, 'reason') ?? '',
    actor: await session.actor(),
    plan: target.plan,
  }
}

async function follow(call: Call, world: World, request: ActsRequest): Promise<Went> {
  const { app, common } = call
  const follower = followerOf(app, common.json, {
    now: () => world.clock.now(),
    calls: () => world.counter.calls(),
    throttle: () => world.counter.lastThrottle(),
    virtual: false,
  })
  const paint = painter(app.io.outColour ?? false)
  const leave = flagOf(call, 'wait')
    ? {}
    : {
        leaveWhen: (state: Parameters<typeof mayLeave>[0], wakeAt: Parameters<typeof mayLeave>[1]) =>
          mayLeave(state, wakeAt, world.clock.now()),
      }
  try {
    const went = await runActs(world, request, {
      listen: follower.listen,
      begins: (started, plan, continued) => {
        follower.begins(started, plan, continued)
        if (continued) remarkUnheard(call, started)
        if (plan && !common.json) for (const line of planPage(plan, paint)) app.io.out(line)
      },
      signal: app.io.signal,
      ...leave,
    })
    await tellEnds(world, went, follower)
    return went
  } finally {
    await follower.close()
  }
}

/** What this call asks of a run that somebody requested before is not asked of it: its own request is what is on record. */
function remarkUnheard(call: Call, run: string): void {
  const asked = [
    ...(flagOf(call, 'now') ? ['--now'] : []),
    ...(breaksFreeze(call) ? ['--break-freeze'] : []),
    ...(textOf(call, 'reason') === undefined ? [] : ['--reason']),
  ]
  if (asked.length > 0) call.app.io.err(`run ${run} was requested before: ${asked.join(', ')} of this call changes nothing of it`)
}

/** The same command line: in another store it would begin a second run, and without its inputs none. */
function againOf(file: string, call: Call): string {
  const { store, config } = call.common
  const inputs = Object.entries(inputsOf(call)).flatMap(([name, value]) => ['--input', `${name}=${value}`])
  const places = [...(store === undefined ? [] : ['--store', store]), ...(config === undefined ? [] : ['--config', config])]
  return ['patchwave', 'run', file, ...inputs, ...places, ...(flagOf(call, 'now') ? ['--now'] : [])].map(quoted).join(' ')
}

/** Puts the act that is due on record, and nothing more. */
async function detach(call: Call, world: World, request: ActsRequest): Promise<number> {
  const { io } = call.app
  const [unfinished] = await unfinishedOf(world, request.runbook)
  const tell = (run: string, act: string, digest: string | null, continued: boolean): number => {
    if (call.common.json)
      io.out(JSON.stringify({ type: continued ? 'run.continued' : 'run.requested', at: iso(world.clock.now()), run, act, digest }))
    else io.out(continued ? `run ${run} of this runbook has not ended: it is the one to go on with` : `recorded: ${act} ${run}`)
    io.err(`whoever drives this store takes it; \`patchwave run\` of the same runbook drives it from here`)
    return EXIT.done
  }
  if (unfinished) {
    remarkUnheard(call, unfinished.run)
    return tell(unfinished.run, unfinished.act, null, true)
  }
  const { actor, reason, now, breakFreeze = false } = request
  const plan = request.plan ?? (await planDue(world, request, io.signal))
  const run = await requestRun(world, { plan, actor, reason, now, trial: null, breakFreeze, followed: true })
  return tell(run, plan.content.act, plan.digest, false)
}

const unfinishedOf = (world: World, runbook: Runbook): Promise<readonly RunRow[]> =>
  world.clock.hold(() => world.store.runs({ unfinished: true, runbook: runbook.name }))
