import { runActs, type Acts } from '../../engine/acts.ts'
import { verifyReport } from '../../core/audit/verify.ts'
import type { LoadedRunbook, Rehearsal } from '../app.ts'
import { argOf, countOf, INPUT, inputsOf, instantOf, textOf, using, type Call, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { followerOf } from '../follow/follower.ts'
import { conclude } from '../outcome.ts'
import { approver, startOf } from '../rehearsing.ts'
import { painter } from '../render/paint.ts'
import { planPage } from '../render/plan-page.ts'
import { rehearsalSummary, type Rehearsed } from '../render/rehearsal-summary.ts'
import { verifyStore } from '../trail.ts'

/** Both acts on a fleet of its own in virtual time: the real engine and the real AWS SDK, no network. */
export const rehearse: CommandSpec = {
  path: 'rehearse',
  arguments: '<runbook>',
  summary: 'run both acts in virtual time on a simulated fleet, without any network',
  options: [
    { flags: '--fleet <file>', means: 'the nodes', required: true },
    { flags: '--seed <n>', means: 'another draw of the same fleet and faults (default: the files’ own)' },
    INPUT,
    { flags: '--faults <file>', means: 'what goes wrong, and how often' },
    { flags: '--at <iso>', means: 'when it begins (default: a minute before the first thing is due)' },
  ],
  example: 'rehearse runbooks/monthly-linux-security.yaml --fleet config/fleets/demo.yaml --faults config/fleets/rough.faults.yaml',
  output: 'stream',
  async run(call) {
    const { app, common } = call
    const loaded = await app.loadRunbook(argOf(call, 0, 'the runbook'), common, inputsOf(call))
    const options = {
      fleet: textOf(call, 'fleet') ?? '',
      faults: textOf(call, 'faults') ?? null,
      seed: countOf(call, 'seed', 0, Number.MAX_SAFE_INTEGER) ?? null,
      at: instantOf(call, 'at') ?? null,
      config: common.config,
    }
    return using(app.rehearsal(options), (rehearsal) => play(call, rehearsal, loaded, options.at !== null))
  },
}

async function play(call: Call, rehearsal: Rehearsal, loaded: LoadedRunbook, timed: boolean): Promise<number> {
  const { runbook } = loaded
  const { app, common } = call
  const { world } = rehearsal
  let stored = 0
  let began = world.clock.now()
  const queue = runbook.feedback?.queue ?? null
  let messages = 0
  const acts = await acted(call, rehearsal, loaded, {
    wait: async () => {
      if (!timed) await world.clock.sleep(startOf(runbook, rehearsal.start), app.io.signal)
      began = world.clock.now()
    },
    stored: () => (stored += 1),
    ended: async () => {
      if (queue !== null) messages = (await rehearsal.feedback(queue)).length
    },
  })
  const report = verifyReport(await verifyStore(world.store, await world.store.runs()))
  const rehearsed: Rehearsed = {
    began,
    ended: world.clock.now(),
    nodes: rehearsal.nodes,
    baselines: stored,
    feedback: queue === null ? null : { queue, messages },
    worst: rehearsal.worstDisruption(),
    audit: report,
  }
  const code = acts.left === null ? await conclude(world, acts, '', app.io, common.json) : EXIT.notEnded
  if (acts.left !== null) app.io.err('the rehearsal was left before its end; nothing of it is kept')
  for (const line of rehearsalSummary(rehearsed)) (common.json ? app.io.err : app.io.out)(line)
  return report.ok ? code : EXIT.otherwise
}

type Hooks = Readonly<{ wait: () => Promise<void>; stored: () => void; ended: () => Promise<void> }>

async function acted(call: Call, rehearsal: Rehearsal, { runbook, inputs }: LoadedRunbook, hooks: Hooks): Promise<Acts> {
  const { app, common } = call
  const { world, requester } = rehearsal
  const paint = painter(app.io.outColour ?? false)
  const follower = followerOf(app, common.json, {
    now: () => world.clock.now(),
    calls: () => world.counter.calls(),
    throttle: () => world.counter.lastThrottle(),
    virtual: true,
  })
  const people = approver(world)
  const request = { runbook, inputs, now: false, reason: 'rehearsal', actor: requester, plan: null }
  const main = async (): Promise<Acts> => {
    await hooks.wait()
    const acts = await runActs(world, request, {
      listen: (state, fact, sealed) => {
        if (fact.event.type === 'BaselineStored') hooks.stored()
        follower.listen(state, fact, sealed)
        people.hear(state, fact)
      },
      begins: (run, plan, continued) => {
        follower.begins(run, plan, continued)
        if (plan && !common.json) for (const line of planPage(plan, paint)) app.io.out(line)
      },
      signal: app.io.signal,
    })
    await people.settled()
    await hooks.ended()
    return acts
  }
  return rehearsal.run(main).finally(follower.close)
}
