import { describe, expect, it } from 'vitest'
import { sha256 } from '../../src/kit/digest.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { checkDrift, planRollback, planRollout } from '../../src/engine/planning.ts'
import { conduct } from '../../src/engine/conduct.ts'
import { openRun } from '../../src/engine/open.ts'
import { requestRun } from '../../src/engine/request.ts'
import { fleet, group, runbook, TESTED } from './documents.ts'
import { given } from './given.ts'
import { Stage, type EngineProcess } from './stage.ts'

const SIX = fleet([group('prod-us', 6)])
const FEEDBACK = (detail: string): string => `{ queue: patchwave-feedback.fifo, detail: ${detail} }`
const signal = new AbortController().signal
const ALL = '[{ name: all, take: rest, concurrency: 100%, gate: { bake: 0s } }]'

type CloudEvent = Readonly<{
  specversion: string
  id: string
  source: string
  type: string
  subject: string
  time: string
  run: string
  n: number
  seq: number
  head: string
  data: object
}>

describe('feedback', () => {
  it.each(['run', 'wave', 'node'])(
    'of detail %s is numbered without holes, and each message carries the journal’s head',
    async (detail) => {
      const then = await given(SIX)
        .runbook({ feedback: FEEDBACK(detail) })
        .when()
        .runs()
      const told = (await then.stage.run(() => then.stage.feedback())).map((body) => JSON.parse(body) as CloudEvent)
      const { run } = then.state()
      expect(told.map(({ n }) => n)).toEqual(told.map((_, index) => index + 1))
      const hashes = new Map((await then.stage.entries(run)).map(({ seq, hash }) => [seq, hash]))
      for (const one of told) {
        expect(one).toMatchObject({
          specversion: '1.0',
          id: `${run}/${String(one.n)}`,
          source: 'patchwave/runbook-1',
          subject: run,
          run,
          head: hashes.get(one.seq),
        })
        expect(one.type).toMatch(/^patchwave\.[a-z]+(\.[a-z-]+)*\.v1$/)
        expect(Number.isNaN(Date.parse(one.time))).toBe(false)
      }
      expect(told[0]?.type).toBe('patchwave.run.requested.v1')
      expect(told.at(-1)?.type).toBe('patchwave.run.finished.v1')
      if (detail === 'node') expect(told).toHaveLength(hashes.size)
      else expect(told.length).toBeLessThan(hashes.size)
    },
  )

  it('never stops a run when the queue does not take it', async () => {
    const then = await given(SIX)
      .faults('api: { throttled: 60% }')
      .runbook({ feedback: FEEDBACK('node') })
      .when()
      .at('RunFinished', {}, ({ stage }) => {
        stage.sandbox.setFaults(null)
      })
      .runs()
    then.ends('succeeded')
    const told = (await then.stage.run(() => then.stage.feedback())).map((body) => (JSON.parse(body) as CloudEvent).n)
    expect([...new Set(told)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: (await then.stage.entries(then.state().run)).length }, (_, index) => index + 1),
    )
  })
})

describe('what a run was made of', () => {
  it('is pinned: the documents by hash, the plan by digest', async () => {
    const then = await given(SIX).runbook().when().runs()
    const { plan, planDigest } = then.state()
    expect(Object.keys(plan.documents).sort()).toEqual([
      'Patchwave-Apply',
      'Patchwave-Check',
      'Patchwave-Fetch',
      'Patchwave-Rollback',
      'Patchwave-Scan',
    ])
    expect(then.facts('PlanPinned')).toMatchObject([{ plan: planDigest, nodes: 6, waves: ['canary', 'broad'] }])
    expect(await then.stage.store.plan(planDigest)).toContain('"Patchwave-Apply"')
  })

  it('folds to the same state again', async () => {
    const then = await given(SIX).runbook().when().runs()
    const { state } = await openRun(then.stage.store, then.state().run)
    expect(state.nodes.outcome).toEqual(then.state().nodes.outcome)
    expect(state.phase).toEqual(then.state().phase)
    expect(state.waves).toEqual(then.state().waves)
  })

  it('keeps before-records that a later run can go back to', async () => {
    const when = given(SIX).runbook().when()
    const then = await when.runs()
    const { stage } = then
    const process = await stage.start()
    const undone = await stage.run(async () => {
      const plan = await planRollback(process.world, then.state().run)
      const run = await requestRun(process.world, { plan, actor: process.rehearsal.requester, reason: 'undo', now: true, trial: null })
      return await conduct(process.world, run, { listen: () => undefined, signal })
    })
    expect(undone?.outcome).toBe('rolled-back')
    then.versionsAreAsBefore()
    expect(undone?.state.waves.map(({ name }) => name)).toEqual(['undo-broad', 'undo-canary'])
  })

  it('whose own rollback failed can be undone once more', async () => {
    const faults = "packages: [{ match: 'openssl*', breaks: health, share: 100% }, { match: 'openssl*', fails: rollback, share: 100% }]"
    const then = await given(SIX).faults(faults).runbook().when().runs()
    then.nodes({ 'rollback-failed': 1, skipped: 5 })
    const { world } = await then.stage.start()
    const plan = await then.stage.run(() => planRollback(world, then.state().run))
    expect(plan.headline).toMatchObject({ total: 6, waves: 1, planned: 1 })
  })

  it('is undone by a plan that tells its own waves, worst cases and nodes, not those of what it undoes', async () => {
    const then = await given(SIX).runbook().when().runs()
    const { world } = await then.stage.start()
    const plan = await then.stage.run(() => planRollback(world, then.state().run))
    const sizes = plan.content.waves.map(({ name, nodes, concurrency, gate }) => [
      name,
      Math.min(nodes.length, gate.failuresMax + concurrency),
    ])
    expect(plan.worstCase.map(({ wave, worstFailures }) => [wave, worstFailures])).toEqual(sizes)
    expect(plan.headline).toEqual({ total: 6, waves: 2, planned: 6, skipped: {} })
  })

  it('is undone within the budget of its own rollback, over all waves', async () => {
    const then = await given(SIX).runbook({ rollback: '{ failures: 1 }' }).when().runs()
    const { world } = await then.stage.start()
    const { content } = await then.stage.run(() => planRollback(world, then.state().run))
    expect(content.waves.map(({ gate }) => gate.failuresMax)).toEqual([1, 1])
    expect(content.budgetMax).toBe(1)
  })

  it('can be undone by a later version of the engine, which brings other documents', async () => {
    const then = await given(SIX).runbook().when().runs()
    const { stage } = then
    const { world, rehearsal } = upgraded(await stage.start())
    const undone = await stage.run(async () => {
      const plan = await planRollback(world, then.state().run)
      const run = await requestRun(world, { plan, actor: rehearsal.requester, reason: 'undo', now: true, trial: null })
      return await conduct(world, run, { listen: () => undefined, signal })
    })
    expect(undone?.outcome).toBe('rolled-back')
    then.versionsAreAsBefore()
  })

  it('is gone on with by a later version of the engine only as far as the documents are the same', async () => {
    const stage = new Stage({ fleet: SIX })
    const process = await stage.start()
    const { world } = upgraded(process)
    const ended = await stage.run(async () => {
      const plan = await planRollout(process.world, { runbook: runbook('upgraded', { waves: ALL }), inputs: {} }, signal)
      const run = await requestRun(process.world, { plan, actor: process.rehearsal.requester, reason: 'on', now: true, trial: null })
      const { state } = (await conduct(world, run, { listen: () => undefined, signal })) ?? {}
      return state
    })
    const refused = (await stage.facts(ended?.run ?? '')).flatMap(({ event }) => (event.type === 'CommandRefused' ? [event.code] : []))
    expect(new Set(refused)).toEqual(new Set(['plan.drift']))
    expect(new Set(ended?.nodes.reason)).toEqual(new Set(['document-changed']))
    expect(stage.sandbox.ledger()).toEqual([])
  })
})

/** The process of a version whose documents read differently. */
function upgraded(process: EngineProcess): EngineProcess {
  const scripts = new Map(
    [...process.world.scripts].map(([name, script]) => {
      const content = `${script.content}# of the next version\n`
      return [name, { ...script, content, hash: sha256(content) }]
    }),
  )
  return { ...process, world: { ...process.world, scripts } }
}

describe('a saved plan', () => {
  const sections = { drift: '20%' }

  async function saved() {
    const stage = new Stage({ fleet: SIX })
    const process = await stage.start()
    const plan = await stage.run(() => planRollout(process.world, { runbook: runbook('saved', sections), inputs: {} }, signal))
    return { stage, process, plan, check: () => stage.run(() => checkDrift(process.world, plan, signal)) }
  }

  it('is good as long as the fleet is the same, and has the same digest when made again', async () => {
    const { stage, process, plan, check } = await saved()
    await check()
    const again = await stage.run(() => planRollout(process.world, { runbook: runbook('saved', sections), inputs: {} }, signal))
    expect(again.digest).toBe(plan.digest)
  })

  it('is refused when a node runs another image', async () => {
    const { stage, plan, check } = await saved()
    stage.disguises.set(plan.content.nodes[0]?.node ?? '', (seen) => ({ ...seen, ami: 'ami-0123456789abcdef0' }))
    await expect(check()).rejects.toMatchObject({ code: 'plan.drift', message: expect.stringContaining('another image') as string })
  })

  it('takes a node that is gone, but not more than drift allows', async () => {
    const { stage, plan, check } = await saved()
    stage.disguises.set(plan.content.nodes[0]?.node ?? '', () => undefined)
    await check()
    stage.disguises.set(plan.content.nodes[1]?.node ?? '', () => undefined)
    await expect(check()).rejects.toThrow(PatchwaveError)
  })

  it('that no longer fits stops at the opening before anything is touched', async () => {
    const then = await given(fleet([group('prod-us', 4)]))
      .runbook({ window: '{ schedule: "cron(0 3 ? * SUN *)", duration: 6h }', drift: '5%' })
      .when()
      .at('WindowChosen', {}, ({ stage, node }) => {
        stage.disguises.set(node(0), () => undefined)
      })
      .runs()
    then.ends('stopped', 'drift: 1 nodes gone').untouched(then.all())
  })

  it('of a baseline that has moved on is refused', async () => {
    const stage = new Stage({ fleet: fleet([group('staging', 2), group('prod-us', 2)]) })
    const process = await stage.start()
    const book = runbook('moved', TESTED)
    await stage.run(() => stage.acts(process, book))
    const plan = await stage.run(() => planRollout(process.world, { runbook: book, inputs: {} }, signal))
    await stage.run(() => checkDrift(process.world, plan, signal))
    const lost = {
      ...plan,
      content: {
        ...plan.content,
        lists: plan.content.lists.map((list) => ({ ...list, baseline: list.baseline && { ...list.baseline, version: 99 } })),
      },
    }
    await expect(stage.run(() => checkDrift(process.world, lost, signal))).rejects.toMatchObject({ code: 'plan.drift' })
  })
})
