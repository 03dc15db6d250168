import { describe, expect, it } from 'vitest'
import { conduct } from '../../src/engine/conduct.ts'
import { FollowUps } from '../../src/engine/follow-ups.ts'
import { HeldRunbooks } from '../../src/engine/held-runbooks.ts'
import { planTrial } from '../../src/engine/planning.ts'
import { requestRun } from '../../src/engine/request.ts'
import { triggerStarter } from '../../src/engine/trigger-start.ts'
import type { World } from '../../src/engine/world.ts'
import { PatchwaveError } from '../../src/kit/error.ts'
import { HOUR, plus } from '../../src/kit/instant.ts'
import { fleet, group, runbook, TESTED } from '../scenarios/documents.ts'
import { Stage } from '../scenarios/stage.ts'
import { serve, Shelf } from './serving.ts'

describe('a trigger whose process dies as soon as its trial is on record', () => {
  it('still gets its rollout: the next process knows that one is wanted', async () => {
    const stage = new Stage({ fleet: fleet([group('staging', 2), group('prod-us', 2)]) })
    const shelf = new Shelf()
    shelf.put(runbook('emergency', { ...TESTED, limit: '{ share: 100% }' }))
    await stage.run(async () => {
      const first = await stage.start()
      const store: World['store'] = {
        ...first.world.store,
        create: async (...asked) => {
          const run = await first.world.store.create(...asked)
          first.life.kill()
          return run
        },
      }
      const world = { ...first.world, store }
      const held = new HeldRunbooks(world, shelf, { write: () => Promise.resolve() })
      await held.reload()
      const start = triggerStarter(world, held, shelf, new AbortController().signal)
      const trigger = { id: 'one', runbook: 'emergency', reason: 'CVE', inputs: {}, now: true }
      void start(trigger, { kind: 'message', id: 'AIDA' })
      await first.life.stopped
      const stop = new AbortController()
      const serving = serve(await stage.start(), shelf, { beatMs: HOUR / 6, signal: stop.signal }).run()
      await stage.clock.sleep(plus(stage.clock.now(), 8 * HOUR))
      stop.abort()
      await serving
    })
    const runs = (await stage.store.runs()).map(({ act, outcome }) => `${act} ${outcome ?? 'open'}`)
    expect(runs).toEqual(['trial succeeded', 'rollout succeeded'])
  })
})

describe('a trial that another process begins and ends between two looks', () => {
  it('still gets its rollout, without a new start of the service', async () => {
    const stage = new Stage({ fleet: fleet([group('staging', 2), group('prod-us', 2)]) })
    const of = runbook('emergency', { ...TESTED, limit: '{ share: 100% }' })
    await stage.run(async () => {
      const signal = new AbortController().signal
      const { world, rehearsal } = await stage.start()
      const followUps = new FollowUps(world, signal)
      await followUps.catchUp()
      const plan = await planTrial(world, { runbook: of, inputs: {}, now: true }, signal)
      const trial = await requestRun(world, { plan, actor: rehearsal.requester, reason: 'CVE', now: true, trial: null, followed: true })
      await conduct(world, trial, { listen: () => undefined, signal })
      await followUps.catchUp()
    })
    const runs = (await stage.store.runs()).map(({ act, outcome }) => `${act} ${outcome ?? 'open'}`)
    expect(runs).toEqual(['trial succeeded', 'rollout open'])
  })
})

describe('a trial that ended while nobody served, for days', () => {
  // prettier-ignore
  it.each([
    ['at once, a day later',                23 * HOUR, true,  ['trial succeeded', 'rollout open']],
    ['at once, days later',                 72 * HOUR, true,  ['trial succeeded']],
    ['in its next window, days later',      72 * HOUR, false, ['trial succeeded', 'rollout open']],
  ] as const)('gets no rollout by surprise: %s', async (_, absentMs, now, expected) => {
    const stage = new Stage({ fleet: fleet([group('staging', 2), group('prod-us', 2)]) })
    const window = '{ schedule: "cron(0 3 ? * SUN *)", duration: 6h }'
    const of = runbook('emergency', { ...TESTED, window, limit: '{ share: 100% }' })
    await stage.run(async () => {
      const signal = new AbortController().signal
      const { world, rehearsal } = await stage.start()
      const plan = await planTrial(world, { runbook: of, inputs: {}, now }, signal)
      const trial = await requestRun(world, { plan, actor: rehearsal.requester, reason: 'CVE', now, trial: null, followed: true })
      await conduct(world, trial, { listen: () => undefined, signal })
      await stage.clock.sleep(plus(stage.clock.now(), absentMs))
      const followUps = new FollowUps(world, signal)
      await followUps.catchUp()
      expect(followUps.troubles).toEqual([])
    })
    const runs = (await stage.store.runs()).map(({ act, outcome }) => `${act} ${outcome ?? 'open'}`)
    expect(runs).toEqual(expected)
  })
})

describe('a rollout that is wanted since days', () => {
  it('is still wanted when its request is cut off, or AWS refuses it, the first time that somebody tries', async () => {
    const stage = new Stage({ fleet: fleet([group('staging', 2), group('prod-us', 2)]) })
    const window = '{ schedule: "cron(0 3 ? * SUN *)", duration: 6h }'
    const of = runbook('emergency', { ...TESTED, window, limit: '{ share: 100% }' })
    await stage.run(async () => {
      const signal = new AbortController().signal
      const { world, rehearsal } = await stage.start()
      const plan = await planTrial(world, { runbook: of, inputs: {}, now: false }, signal)
      const trial = await requestRun(world, { plan, actor: rehearsal.requester, reason: 'CVE', now: false, trial: null, followed: true })
      await conduct(world, trial, { listen: () => undefined, signal })
      await stage.clock.sleep(plus(stage.clock.now(), 72 * HOUR))
      const stop = new AbortController()
      stop.abort()
      await new FollowUps(world, stop.signal).after(trial)
      const throttled = new PatchwaveError('aws.throttled', 'slow down', { hint: 'x' })
      const fleetAway: World['fleet'] = {
        ...world.fleet,
        census: () => {
          throw throttled
        },
      }
      await new FollowUps({ ...world, fleet: fleetAway }, signal).after(trial)
      expect((await world.store.runs()).map(({ act }) => act)).toEqual(['trial'])
      await new FollowUps(world, signal).catchUp()
    })
    expect((await stage.store.runs()).map(({ act }) => act)).toEqual(['trial', 'rollout'])
  })
})

describe('a trigger that comes in two messages at once', () => {
  // prettier-ignore
  it.each(['skip', 'cancel-running'])('leads to its run in both, and does not give way to itself (overlap: %s)', async (overlap) => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 2)]) })
    const shelf = new Shelf()
    shelf.put(runbook('emergency', { window: `{ schedule: "cron(0 3 ? * SUN *)", duration: 6h, overlap: ${overlap} }`, limit: '{ share: 100% }' }))
    await stage.run(async () => {
      const { world } = await stage.start()
      const held = new HeldRunbooks(world, shelf, { write: () => Promise.resolve() })
      await held.reload()
      const start = triggerStarter(world, held, shelf, new AbortController().signal)
      const trigger = { id: 'one', runbook: 'emergency', reason: 'CVE', inputs: {}, now: true }
      const actor = { kind: 'message', id: 'AIDA' } as const
      const first = await start(trigger, actor)
      expect(await start(trigger, actor)).toEqual({ run: first.run, known: true })
      expect(await world.store.notes(first.run, 10)).toEqual([])
    })
  })
})

describe('a trigger while the runbooks could not be read wholly', () => {
  it('waits: its runbook may be among those that were not', async () => {
    const stage = new Stage({ fleet: fleet([group('prod-us', 2)]) })
    const shelf = new Shelf()
    shelf.put(runbook('emergency', { limit: '{ share: 100% }' }))
    const full = new PatchwaveError('store.full', 'the disk is full', { hint: 'x' })
    await stage.run(async () => {
      const { world } = await stage.start()
      let writes = 0
      const held = new HeldRunbooks(world, shelf, { write: () => ((writes += 1) === 1 ? Promise.reject(full) : Promise.resolve()) })
      const start = triggerStarter(world, held, shelf, new AbortController().signal)
      const ask = (name: string) =>
        start({ id: name, runbook: name, reason: 'CVE', inputs: {}, now: true }, { kind: 'message', id: 'AIDA' })
      await expect(held.reload()).rejects.toThrow(full)
      await expect(ask('emergency')).rejects.toMatchObject({ code: 'file.unreadable' })
      await held.reload()
      expect(await ask('emergency')).toMatchObject({ known: false })
      await expect(ask('another')).rejects.toMatchObject({ code: 'trigger.invalid' })
    })
  })
})
